"""Points that fill the unit cube evenly: Sobol' sequences with a random digital shift.

Source: Sobol' (1967); direction numbers of Joe and Kuo (2008), SIAM J. Sci. Comput. 30(5). Written out here because
the library that has them takes a second to load, longer than a whole sensitivity run.
"""

import numpy as np

from tocsin.node.errors import UsageError
from tocsin.readiness.table import FloatArray

BITS = 30

# degree and coefficients of a primitive polynomial, and the first direction numbers, for dimensions 2, 3, …
_DIRECTIONS: tuple[tuple[int, int, tuple[int, ...]], ...] = (
    (1, 0, (1,)),
    (2, 1, (1, 3)),
    (3, 1, (1, 3, 1)),
    (3, 2, (1, 1, 1)),
    (4, 1, (1, 1, 3, 3)),
    (4, 4, (1, 3, 5, 13)),
    (5, 2, (1, 1, 5, 5, 17)),
    (5, 4, (1, 1, 5, 5, 5)),
    (5, 7, (1, 1, 7, 11, 19)),
    (5, 11, (1, 1, 5, 1, 1)),
    (5, 13, (1, 1, 1, 3, 11)),
    (5, 14, (1, 3, 5, 5, 31)),
    (6, 1, (1, 3, 3, 9, 7, 49)),
    (6, 13, (1, 1, 1, 15, 21, 21)),
    (6, 16, (1, 3, 1, 13, 27, 49)),
    (6, 19, (1, 1, 1, 15, 7, 5)),
    (6, 22, (1, 3, 1, 15, 13, 25)),
    (6, 25, (1, 1, 5, 5, 19, 61)),
    (7, 1, (1, 3, 7, 11, 23, 15, 103)),
)

MOST_DIMENSIONS = len(_DIRECTIONS) + 1


def sobol_points(count: int, dimensions: int, seed: int | None) -> FloatArray:
    """The first ``count`` points, (count, dimensions), in [0, 1); ``seed`` None gives them without the shift.

    Best when ``count`` is a power of 2. Raises UsageError beyond 20 dimensions.
    """
    if dimensions > MOST_DIMENSIONS:
        raise UsageError(
            f"At most {MOST_DIMENSIONS // 2} factors can be sampled this way; there are {dimensions // 2}."
        )
    gray = np.arange(count) ^ (np.arange(count) >> 1)
    points = np.zeros((count, dimensions), dtype=np.int64)
    for dimension in range(dimensions):
        for bit, direction in enumerate(_direction_numbers(dimension)):
            points[:, dimension] ^= np.where((gray >> bit) & 1, direction, 0)
    if seed is not None:
        points ^= np.random.default_rng(seed).integers(0, 2**BITS, size=dimensions)
    scaled: FloatArray = points / 2**BITS
    return scaled


def _direction_numbers(dimension: int) -> list[int]:
    """v_k = m_k·2^(BITS - k), by the recurrence of the dimension's primitive polynomial."""
    if dimension == 0:
        return [1 << (BITS - k) for k in range(1, BITS + 1)]
    degree, coefficients, initial = _DIRECTIONS[dimension - 1]
    v = [m << (BITS - k) for k, m in enumerate(initial, start=1)]
    for k in range(degree, BITS):
        following = v[k - degree] ^ (v[k - degree] >> degree)
        for i in range(1, degree):
            if (coefficients >> (degree - 1 - i)) & 1:
                following ^= v[k - i]
        v.append(following)
    return v
