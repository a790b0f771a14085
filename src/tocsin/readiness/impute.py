"""Step 4: estimates for missing values. Each function gives new values and leaves what was measured as it is."""

from collections.abc import Sequence

import numpy as np

from tocsin.readiness.table import BoolArray, DataTable, FloatArray, IntArray


def by_centre(table: DataTable, centre: str) -> DataTable:
    """Gaps filled with the column's "mean" or "median" of the same year."""
    values = table.values.copy()
    for rows in table.slices():
        values[rows] = _fill(values[rows], _centre(values[rows], centre))
    return table.with_values(values)


def by_group(table: DataTable, labels: Sequence[str], centre: str, fallback: str) -> DataTable:
    """Gaps filled with the "mean" or "median" of the units with the same label, in the same year.

    Where a whole group is missing, ``fallback`` "all" takes the centre of all units, "none" leaves the gap.
    """
    values = table.values.copy()
    label = np.asarray(labels)
    for rows in table.slices():
        for group in sorted(set(label[rows]) - {""}):
            members = rows[label[rows] == group]
            values[members] = _fill(values[members], _centre(table.values[members], centre))
        if fallback == "all":
            values[rows] = _fill(values[rows], _centre(table.values[rows], centre))
    return table.with_values(values)


def over_time(table: DataTable, kind: str, max_years: int | None = None) -> DataTable:
    """Gaps filled from the unit's own other years.

    ``kind``: "latest" takes the last earlier value, at most ``max_years`` back; "constant" also takes the first
    later value for gaps at the start; "linear" interpolates and holds the ends; "linear_constant" is "linear", and
    "constant" for a series with one value. A cross-section is returned as it is.
    """
    if table.years is None:
        return table
    years = np.unique(np.asarray(table.years))
    units = sorted(set(table.units))
    unit_at = {unit: index for index, unit in enumerate(units)}
    row_unit = np.array([unit_at[unit] for unit in table.units])
    row_year = np.searchsorted(years, table.years)
    cube = np.full((len(years), len(units), len(table.codes)), np.nan)
    cube[row_year, row_unit] = table.values
    filled = _along_time(cube, years.astype(np.float64), kind, max_years)
    return table.with_values(filled[row_year, row_unit])


def by_em(
    table: DataTable, blocks: Sequence[Sequence[int]], *, tolerance: float = 1e-8, max_rounds: int = 500
) -> DataTable:
    """Gaps filled with their conditional mean under a multivariate normal fitted by expectation-maximisation.

    ``blocks`` are the columns estimated together (an aggregation group each). Rows of all years are used together; a
    row with no value in a block gets the block's means. Deterministic.
    Source: Dempster, Laird and Rubin (1977); Little and Rubin, Statistical Analysis with Missing Data, section 11.2.
    """
    values = table.values.copy()
    for block in blocks:
        columns = np.asarray(block, dtype=np.intp)
        if np.isnan(values[:, columns]).any():
            values[:, columns] = _em(values[:, columns], tolerance, max_rounds)
    return table.with_values(values)


def _centre(values: FloatArray, centre: str) -> FloatArray:
    count = (~np.isnan(values)).sum(axis=0)
    result = np.full(values.shape[1], np.nan)
    if (count > 0).any():
        measure = np.nanmean if centre == "mean" else np.nanmedian
        result[count > 0] = measure(values[:, count > 0], axis=0)
    return result


def _fill(values: FloatArray, with_these: FloatArray) -> FloatArray:
    return np.where(np.isnan(values), with_these, values)


def _along_time(cube: FloatArray, years: FloatArray, kind: str, max_years: int | None) -> FloatArray:
    known = ~np.isnan(cube)
    # Time is the first axis. For each cell the place in time of the last known value up to it and of the next
    # from it on: a running maximum forwards, a running minimum backwards; -1 and len(years) where there is none.
    step = np.arange(len(years))[:, None, None]
    before = np.maximum.accumulate(np.where(known, step, -1), axis=0)
    after = np.flip(np.minimum.accumulate(np.flip(np.where(known, step, len(years)), axis=0), axis=0), axis=0)
    last = np.take_along_axis(cube, np.maximum(before, 0), axis=0)
    following = np.take_along_axis(cube, np.minimum(after, len(years) - 1), axis=0)
    if kind == "latest":
        age = years[:, None, None] - years[np.maximum(before, 0)]
        usable = (before >= 0) & (True if max_years is None else age <= max_years)
        return np.where(usable, last, np.nan)
    held = np.where(before >= 0, last, following)
    if kind == "constant":
        return held
    start, end = years[np.maximum(before, 0)], years[np.minimum(after, len(years) - 1)]
    inside = (before >= 0) & (after < len(years)) & ~known
    # By years and not by rows, for years may be missing altogether.
    share = np.divide(years[:, None, None] - start, end - start, out=np.zeros_like(cube), where=inside)
    return np.where(inside, last + (following - last) * share, held)


def _em(values: FloatArray, tolerance: float, max_rounds: int) -> FloatArray:
    """Standardised inside, so that indicators of very different size are treated alike."""
    gaps = np.isnan(values)
    centre, spread = _moments(values)
    x = (values - centre) / spread
    patterns, row_pattern = np.unique(gaps, axis=0, return_inverse=True)
    row_pattern = row_pattern.reshape(-1)
    mean, covariance = np.zeros(x.shape[1]), np.eye(x.shape[1])
    for _ in range(max_rounds):
        filled, extra = _expect(x, patterns, row_pattern, mean, covariance)
        new_mean = filled.mean(axis=0)
        residual = filled - new_mean
        new_covariance = (residual.T @ residual + extra) / len(x)
        moved = max(float(np.abs(new_mean - mean).max()), float(np.abs(new_covariance - covariance).max()))
        mean, covariance = new_mean, new_covariance
        if moved < tolerance:
            break
    filled, _ = _expect(x, patterns, row_pattern, mean, covariance)
    return np.where(gaps, filled * spread + centre, values)


def _moments(values: FloatArray) -> tuple[FloatArray, FloatArray]:
    known = ~np.isnan(values)
    count = np.maximum(known.sum(axis=0), 1)
    centre = np.where(known, values, 0.0).sum(axis=0) / count
    spread = np.sqrt((np.where(known, values - centre, 0.0) ** 2).sum(axis=0) / count)
    return centre, np.where(spread > 0, spread, 1.0)


def _expect(
    x: FloatArray, patterns: BoolArray, row_pattern: IntArray, mean: FloatArray, covariance: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """The E step: conditional means of the gaps, and the sum of their conditional covariances."""
    filled, extra = x.copy(), np.zeros_like(covariance)
    for index, pattern in enumerate(patterns):
        gap, known = np.flatnonzero(pattern), np.flatnonzero(~pattern)
        if gap.size == 0:
            continue
        rows = np.flatnonzero(row_pattern == index)
        # a little ridge keeps nearly collinear indicators solvable
        inner = covariance[np.ix_(known, known)] + 1e-9 * np.eye(known.size)
        slope = np.linalg.solve(inner, covariance[np.ix_(known, gap)])
        filled[np.ix_(rows, gap)] = mean[gap] + (x[np.ix_(rows, known)] - mean[known]) @ slope
        left = covariance[np.ix_(gap, gap)] - covariance[np.ix_(gap, known)] @ slope
        extra[np.ix_(gap, gap)] += len(rows) * left
    return filled, extra
