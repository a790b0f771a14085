"""The newest answers, kept by what was asked, up to a weight."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from contextlib import AbstractContextManager, nullcontext
from typing import Generic, TypeVar

T = TypeVar("T")


class Kept(Generic[T]):
    """Answers that weigh at most ``most`` together, those asked for longest ago given up first; for many threads.

    ``turn``: held while an answer is made, so that not all threads make theirs at once.
    """

    def __init__(
        self,
        most: int,
        weigh: Callable[[T], int] = lambda _answer: 1,
        turn: AbstractContextManager[object] | None = None,
    ) -> None:
        self._most, self._weigh, self._weight = most, weigh, 0
        self._of: OrderedDict[Hashable, tuple[T, int]] = OrderedDict()
        self._lock, self._turn = threading.Lock(), turn or nullcontext()

    def get(self, key: Hashable, make: Callable[[], T]) -> T:
        """The answer that is kept, or one that is made now; two who miss the same may both make it."""
        found = self._look(key)
        if found is not None:
            return found[0]
        with self._turn:
            found = self._look(key)  # whoever had the turn before may have made it
            return found[0] if found is not None else self._keep(key, make())

    def _look(self, key: Hashable) -> tuple[T, int] | None:
        with self._lock:
            if key in self._of:
                self._of.move_to_end(key)
            return self._of.get(key)

    def _keep(self, key: Hashable, made: T) -> T:
        weight = self._weigh(made)
        with self._lock:
            _, before = self._of.pop(key, (made, 0))
            self._of[key] = (made, weight)
            self._weight += weight - before
            while self._weight > self._most and len(self._of) > 1:
                _, (_, gone) = self._of.popitem(last=False)
                self._weight -= gone
        return made
