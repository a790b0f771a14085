"""What depends on what: reachability in the graph of dependencies, within bounds. Pure."""

from collections.abc import Iterable, Mapping
from typing import Final

MOST: Final = 10_000
"""Assets that are found from one; farther ones are left out."""

Edges = Mapping[int, Iterable[int]]


def reached(edges: Edges, start: int, most: int = MOST) -> dict[int, int]:
    """All that can be reached from one, nearest first, each with the number of steps; not itself, though in a ring."""
    steps, newest = {start: 0}, [start]
    while newest and len(steps) <= most:
        following = dict.fromkeys(to for at in newest for to in edges.get(at, ()) if to not in steps)
        depth = steps[newest[0]] + 1
        newest = list(following)[: most + 1 - len(steps)]
        steps |= dict.fromkeys(newest, depth)
    del steps[start]
    return steps


def reversed_edges(edges: Edges) -> dict[int, list[int]]:
    """The same, from what is needed to what needs it."""
    back: dict[int, list[int]] = {}
    for at, others in edges.items():
        for to in others:
            back.setdefault(to, []).append(at)
    return back
