"""Where a function of several numbers is least: by its slopes (Levenberg and Marquardt), or without any (compass)."""

from collections.abc import Callable
from typing import Final

import numpy as np

from tocsin.readiness.table import FloatArray

_STEPS: Final = 1_000
_FINEST: Final = 1e-9  # of a step without slopes


def least_squares(
    misfit: Callable[[FloatArray], FloatArray],
    slopes: Callable[[FloatArray], FloatArray],
    start: FloatArray,
    bound: float,
) -> FloatArray:
    """Where the sum of squares of ``misfit`` (n,) is least near ``start`` (k,), each number within ±``bound``.

    ``slopes``: derivatives (n, k). Source: Marquardt (1963), SIAM Journal 11; numbers at their bound stay there while
    the slope leads out.
    """
    x, damping = start, 1e-3
    values = misfit(x)
    for _ in range(_STEPS):
        jacobian = slopes(x)
        downhill = -np.einsum("nk,n->k", jacobian, values)
        free = ~(((x <= -bound) & (downhill < 0)) | ((x >= bound) & (downhill > 0)))
        squares = np.einsum("ni,nj->ij", jacobian[:, free], jacobian[:, free])
        scale = np.diag(np.maximum(np.diag(squares), 1e-12))
        while damping < 1e12:
            after = x.copy()
            after[free] += np.linalg.solve(squares + damping * scale, downhill[free])
            after = np.clip(after, -bound, bound)
            found = misfit(after)
            if (found**2).sum() < (values**2).sum():
                break
            damping *= 4
        else:
            return x
        near = np.abs(after - x).max() < 1e-13
        x, values, damping = after, found, max(damping / 10, 1e-15)
        if near:
            return x
    return x


def compass(cost: Callable[[FloatArray], FloatArray], start: FloatArray) -> FloatArray:
    """Where ``cost`` (of m points (m, k): m numbers) is least near ``start`` (k,), be it as rough as it wants.

    The best of the points one step away along each axis, and half the step where none is better.
    Source: Kolda, Lewis and Torczon (2003), SIAM Review 45.
    """
    axes = np.concatenate([np.eye(len(start)), -np.eye(len(start))])
    x, step = start, 1.0
    least = cost(x[np.newaxis])[0]
    while step > _FINEST:
        around = x + step * axes
        costs = cost(around)
        best = int(np.argmin(costs))
        if costs[best] < least:
            x, least = around[best], costs[best]
        else:
            step /= 2
    return x
