"""What depends on what, against a matrix closure: every asset that is reached, and none else, with its distance."""

from random import Random

import numpy as np

from tocsin.assets.graph import reached, reversed_edges


def closure(edges: dict[int, list[int]], size: int) -> tuple[np.ndarray, np.ndarray]:
    """Whether and in how many steps each is reached from each: powers of the matrix of edges."""
    one = np.zeros((size, size), dtype=np.int64)
    for at, others in edges.items():
        one[at, others] = 1
    found, steps, power = np.zeros_like(one), np.zeros_like(one), np.eye(size, dtype=np.int64)
    for count in range(1, size + 1):
        power = np.minimum(power @ one, 1)
        steps[(power > 0) & (found == 0)] = count
        found = np.maximum(found, power)
    return found, steps


def test_a_thousand_random_graphs() -> None:
    random = Random(15)
    for _ in range(1_000):
        size = random.randint(1, 12)
        edges = {at: random.sample(range(size), random.randint(0, min(size, 3))) for at in range(size)}
        found, steps = closure(edges, size)
        for start in range(size):
            down, up = reached(edges, start), reached(reversed_edges(edges), start)
            assert down == {to: steps[start, to] for to in range(size) if found[start, to] and to != start}
            assert up == {to: steps[to, start] for to in range(size) if found[to, start] and to != start}


def test_it_is_bounded() -> None:
    assert len(reached({at: [at + 1] for at in range(100)}, 0, most=7)) == 7
    assert len(reached({0: range(1, 100)}, 0, most=7)) == 7
