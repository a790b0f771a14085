"""Answers kept by what was asked, up to a weight."""

import random
import threading
from collections.abc import Callable, Hashable
from contextlib import AbstractContextManager, nullcontext
from typing import Generic, TypeVar

T = TypeVar("T")


class Cache(Generic[T]):
    """Answers that weigh at most ``most`` together, for many threads; new ones take the place of any, by luck.

    So who asks for one more than there is room for, one after the other and again and again, as a look at all files
    does, is still answered nearly always. Were those given up that were asked for longest ago, he never would be.
    ``turn``: held while an answer is made, so that not all threads make theirs at once.
    """

    def __init__(
        self,
        most: int,
        weigh: Callable[[T], int] = lambda _answer: 1,
        turn: AbstractContextManager[object] | None = None,
    ) -> None:
        self._most, self._weigh, self._weight = most, weigh, 0
        self._of: dict[Hashable, tuple[T, int]] = {}
        self._keys: list[Hashable] = []  # of the same, in no order
        self._lock, self._turn = threading.Lock(), turn or nullcontext()

    def get(self, key: Hashable, make: Callable[[], T]) -> T:
        """The answer that is kept, or one that is made now; two who miss the same may both make it."""
        found = self._of.get(key)
        if found is not None:
            return found[0]
        with self._turn:
            found = self._of.get(key)  # whoever had the turn before may have made it
            return found[0] if found is not None else self._keep(key, make())

    def _keep(self, key: Hashable, made: T) -> T:
        weight = self._weigh(made)
        with self._lock:
            if key not in self._of:
                self._make_room(weight)
                self._of[key] = (made, weight)
                self._keys.append(key)
                self._weight += weight
        return made

    def _make_room(self, weight: int) -> None:
        while self._weight + weight > self._most and self._keys:
            at = random.randrange(len(self._keys))  # noqa: S311 (nothing is kept secret by it)
            self._keys[at], self._keys[-1] = self._keys[-1], self._keys[at]
            self._weight -= self._of.pop(self._keys.pop())[1]
