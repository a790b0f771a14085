"""Step 7: weights. Given ones are in the hierarchy; here are those computed from data, and what weights amount to."""

from collections.abc import Callable, Sequence

import numpy as np

from tocsin.node.errors import InputError
from tocsin.readiness.hierarchy import Hierarchy
from tocsin.readiness.search import compass, least_squares
from tocsin.readiness.table import FloatArray

Aggregator = Callable[[FloatArray], FloatArray]
"""From weights (..., codes) to the aggregated values (..., rows, codes)."""


def effective(hierarchy: Hierarchy, weights: FloatArray) -> FloatArray:
    """The share of each element in the index: own weight within its group times that of all groups above."""
    result = np.zeros(len(hierarchy.codes))
    result[hierarchy.codes.index(hierarchy.top)] = 1.0
    for group in reversed(hierarchy.groups):
        children = list(group.children)
        result[children] = result[group.column] * weights[children] / weights[children].sum()
    return result


def noisy(hierarchy: Hierarchy, weights: FloatArray, noise: dict[int, float], count: int, seed: int) -> FloatArray:
    """``count`` weight sets, (count, codes): w·(1 + f·u), u uniform on [-1, 1], f the noise of the level (else w)."""
    rng = np.random.default_rng(seed)
    levels = np.array([hierarchy.by_code[code].level for code in hierarchy.codes])
    factor = np.array([noise.get(int(level), 0.0) for level in levels])
    return weights * (1 + factor * rng.uniform(-1, 1, size=(count, len(weights))))


def principal_components(values: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Loadings (variables, components) and variances of the correlation matrix's components, largest first.

    Rows with a gap are left out. Signs: each component's loadings sum to zero or more.
    Source: OECD/JRC Handbook (2008), step 4. Raises InputError with fewer than three complete rows or no spread.
    """
    rows = values[~np.isnan(values).any(axis=1)]
    if len(rows) < 3:
        raise InputError(f"Principal components need at least 3 units without gaps; there are {len(rows)}.")
    spread = rows.std(axis=0, ddof=1)
    if (spread == 0).any():
        raise InputError("Principal components need indicators that vary; one is constant over the complete units.")
    standard = (rows - rows.mean(axis=0)) / spread
    _, singular, axes = np.linalg.svd(standard, full_matrices=False)
    signs = np.where(axes.sum(axis=1) < 0, -1.0, 1.0)
    return (axes * signs[:, None]).T, singular**2 / (len(rows) - 1)


def pca_weights(hierarchy: Hierarchy, aggregated: FloatArray, weights: FloatArray, level: int) -> FloatArray:
    """The given weights, with those of ``level`` replaced by the loadings of the first component of their group.

    Loadings can be negative: an element that runs against its group. A group of one keeps weight 1.
    """
    result = weights.copy()
    wanted = {hierarchy.codes.index(element.code) for element in hierarchy.at_level(level)}
    for group in hierarchy.groups:
        children = [child for child in group.children if child in wanted]
        if len(children) == 1:
            result[children] = 1.0
        elif children:
            result[children] = principal_components(aggregated[:, children])[0][:, 0]
    return result


def correlations_with_index(hierarchy: Hierarchy, aggregated: FloatArray, columns: Sequence[int]) -> FloatArray:
    """Pearson correlation of each column with the index, (..., columns) from (..., rows, codes); complete rows only."""
    index = aggregated[..., hierarchy.codes.index(hierarchy.top)]
    members = aggregated[..., list(columns)]
    complete = ~(np.isnan(members).any(axis=-1) | np.isnan(index))
    count = np.maximum(complete.sum(axis=-1), 1)[..., None]
    x = np.where(complete[..., None], members, 0.0)
    y = np.where(complete, index, 0.0)[..., None]
    x = np.where(complete[..., None], x - (x.sum(axis=-2) / count)[..., None, :], 0.0)
    y = np.where(complete[..., None], y - (y.sum(axis=-2) / count)[..., None, :], 0.0)
    scale = np.sqrt((x * x).sum(axis=-2) * (y * y).sum(axis=-2))
    product = (x * y).sum(axis=-2)
    found: FloatArray = np.divide(product, scale, out=np.zeros_like(product), where=scale > 0)
    return found


def optimise(
    hierarchy: Hierarchy,
    make: Aggregator,
    weights: FloatArray,
    level: int,
    *,
    aim: str,
    importance: Sequence[float] | None = None,
    rough: bool = False,
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Weights of ``level`` (summing to 1) for which the index reflects its elements as wanted; obtained; desired.

    ``aim`` "balance": correlations with the index in the proportion of ``importance`` (equal by default), by
    least squares of the shares. ``aim`` "infomax": the mean correlation as high as it gets. The search starts at equal
    weights and keeps each above 0; where no weights balance an element it ends up with next to none.
    "Obtained" are the shares of the correlations ("balance") or the correlations ("infomax"). ``rough`` says that
    the index is not a smooth function of the weights (Copeland).
    Source: Becker, Saisana, Paruolo and Vandecasteele (2017), Ecological Indicators 80; Becker et al. (2021).
    """
    columns = [hierarchy.codes.index(element.code) for element in hierarchy.at_level(level)]
    desired = np.ones(len(columns)) if importance is None else np.asarray(importance, dtype=np.float64)
    if len(desired) != len(columns) or (desired <= 0).any():
        raise InputError(f"Importance: level {level} has {len(columns)} elements; give one value above 0 for each.")
    desired = desired / desired.sum()

    def with_level(logs: FloatArray) -> FloatArray:
        share = np.exp(logs - logs.max(axis=-1, keepdims=True))
        changed = np.broadcast_to(weights, (*logs.shape[:-1], len(weights))).copy()
        changed[..., columns] = share / share.sum(axis=-1, keepdims=True)
        return changed

    def misfit(logs: FloatArray) -> FloatArray:
        correlation = correlations_with_index(hierarchy, make(with_level(logs)), columns)
        if aim == "infomax":
            return 1 - correlation
        shares: FloatArray = correlation / correlation.sum(axis=-1, keepdims=True) - desired
        return shares

    # Also where the mean is wanted, a sum of squares is what is least: correlations are at most 1.
    root = misfit if aim == "balance" else lambda logs: np.sqrt(misfit(logs))
    best = _least(root, np.zeros(len(columns)), rough=rough)
    final = with_level(best)
    correlation = correlations_with_index(hierarchy, make(final), columns)
    return final, correlation / correlation.sum() if aim == "balance" else correlation, desired


def _least(misfit: Aggregator, start: FloatArray, *, rough: bool) -> FloatArray:
    """Where the sum of squares of ``misfit`` is least; slopes by central differences, all at once."""
    count = len(start)

    def slopes(x: FloatArray) -> FloatArray:
        values = misfit(x + 1e-5 * np.concatenate([np.eye(count), -np.eye(count)]))
        return ((values[:count] - values[count:]) / 2e-5).T

    if rough:  # Copeland counts victories: there is no slope to follow
        return compass(lambda points: (misfit(points) ** 2).sum(axis=-1), start)
    return least_squares(misfit, slopes, start, bound=8.0)
