"""Answers kept by what was asked, up to a weight; and such as are costly to make, of what changes all the time."""

import random
import threading
from collections.abc import Callable, Hashable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from logging import getLogger
from time import monotonic, sleep
from typing import Final, Generic, TypeVar

from tocsin.node.errors import TocsinError

T = TypeVar("T")

_SHARE: Final = 10  # a large answer is shown so many times as long as it took, so that a tenth of the time goes into it
_LONGEST: Final = 20.0  # seconds, however long it took
_OLDEST: Final = 60.0  # seconds; until then it is shown while a new one is made
_PAGE: Final = 0.05  # seconds that the page which is shown the old one has for itself before a new one is begun
_BESIDE: Final = threading.Lock()


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


@dataclass(frozen=True)
class _PacedAnswer(Generic[T]):
    """An answer. ``must``, ``may``: what it is of; ``began``, ``shown``: when it was, and how long it is shown."""

    value: T
    must: Hashable
    may: Hashable
    began: float
    shown: float


class PacedValue(Generic[T]):
    """An answer that takes long to make, of something that changes all the time; for many threads.

    Nobody waits for a large one while the last one is less than a minute old: a new one is made beside, at most a tenth
    of the time. Who comes after a longer time gets one of now, as does everybody while it is small (``is_large``).
    """

    def __init__(self, must: Hashable, may: Hashable, make: Callable[[], T], is_large: Callable[[T], bool]) -> None:
        self._turn, self._is_large = threading.Lock(), is_large
        began = monotonic()
        self._last = _PacedAnswer(make(), must, may, began, 0)  # modules are loaded: how long it takes tells nothing

    @property
    def value(self) -> T:
        """The last one."""
        return self._last.value

    def is_of(self, may: Hashable) -> bool:
        """Whether the last one is of this, however long ago it was made."""
        return self._last.may == may

    def get(self, must: Hashable, may: Hashable, make: Callable[[], T]) -> T:
        """The last one that is of ``must``, and of ``may`` or what that was a moment ago; else one that is made now."""
        last, asked = self._last, monotonic()
        if last.must == must:
            if last.may == may or asked - last.began < last.shown:
                return last.value
            if last.shown and asked - last.began < _OLDEST:
                self._renew(must, may, make)
                return last.value
        with self._turn:
            last = self._last
            if last.must != must or (last.may != may and last.began <= asked):
                self._make(must, may, make)
            return self._last.value

    def _renew(self, must: Hashable, may: Hashable, make: Callable[[], T]) -> None:
        """Begin to make a new one, where no other thread makes this one or any other beside: pages come first."""
        if not self._turn.acquire(blocking=False):
            return
        if _BESIDE.acquire(blocking=False):
            try:
                threading.Thread(target=self._beside, args=(must, may, make), name="paced", daemon=True).start()
            except RuntimeError:  # no thread is left: else nobody would ever have the turn again
                _BESIDE.release()
            else:
                return
        self._turn.release()

    def _beside(self, must: Hashable, may: Hashable, make: Callable[[], T]) -> None:
        sleep(_PAGE)
        try:
            self._make(must, may, make)
        except TocsinError as error:  # who comes after a while tries again, and is told
            getLogger("uvicorn.error").warning("A page shows what was known a moment ago: %s", error)
        finally:
            _BESIDE.release()
            self._turn.release()

    def _make(self, must: Hashable, may: Hashable, make: Callable[[], T]) -> None:
        began = monotonic()
        value = make()
        shown = min((monotonic() - began) * _SHARE, _LONGEST) if self._is_large(value) else 0
        self._last = _PacedAnswer(value, must, may, began, shown)
