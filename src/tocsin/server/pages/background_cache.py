"""What takes seconds to work out of the whole directory, worked out off the request and kept until it changes."""

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from logging import getLogger
from threading import Event, Lock, Thread
from typing import Final, Generic, TypeVar

from tocsin.node.errors import NotFoundError, TocsinError

T = TypeVar("T")

PATIENCE: Final = 2.0
"""A page waits so long (seconds) for a new answer before it shows the former one, or says that it is being made."""


@dataclass(frozen=True)
class CachedValue(Generic[T]):
    """What is known; ``value`` None: nothing yet, or it cannot be made, and ``missing`` says why.

    ``current``: it is of the directory as it stands. What is missing is looked for again each time.
    """

    value: T | None
    current: bool
    missing: NotFoundError | None = None


class BackgroundCache(Generic[T]):
    """Keeps the last answer of ``make``, and makes a new one in the background where it is of another state."""

    def __init__(self, make: Callable[[], T]) -> None:
        self._make = make
        self._lock = Lock()
        self._state: Hashable = None
        self._answer: CachedValue[T] = CachedValue(None, current=False)
        self._making: Event | None = None

    def of(self, state: Hashable, *, patience: float = PATIENCE) -> CachedValue[T]:
        """The answer for this state, or after a while the former one."""
        with self._lock:
            if self._state == state:
                return self._answer
            if self._making is None:
                self._making = Event()
                Thread(target=self._renew, args=(state, self._making), name="background-cache", daemon=True).start()
            made = self._making
        made.wait(patience)
        with self._lock:
            known = self._answer
            return known if self._state == state else CachedValue(known.value, current=False, missing=known.missing)

    def _renew(self, state: Hashable, made: Event) -> None:
        try:
            answer = self._answered()
            with self._lock:
                if answer is not None:
                    self._answer = answer
                    self._state = state if answer.missing is None else None
        finally:
            self._making = None
            made.set()

    def _answered(self) -> CachedValue[T] | None:
        try:
            return CachedValue(self._make(), current=True)
        except NotFoundError as error:
            return CachedValue(None, current=True, missing=error)
        except TocsinError as error:  # the next visitor tries again
            getLogger("uvicorn.error").warning("A page could not be worked out: %s", error)
            return None
