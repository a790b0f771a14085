"""Memory is given out before it is taken: who asks for what does not fit waits for a turn, or is told, and nobody ends.

A process that takes more than its machine has is ended by the system, with all that it was doing. So what reads stored
events notes what it holds while it reads, and is stopped by a sentence before that.
"""

import threading
import weakref
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import lru_cache
from pathlib import Path
from time import monotonic
from typing import Final

from tocsin.node.errors import BusyError, InputError
from tocsin.node.sentences import join_sentences, say

_WAIT: Final = 5.0  # seconds for a turn
_WAITING: Final = 8  # threads at most; each that waits answers nobody else
_GROUPS: Final = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"))
_MACHINE: Final = Path("/proc/meminfo")
_PART: Final = 2  # of the memory: the other half is for this process itself, for other ones and for files

FOR_THE_NODE: Final = say("Who runs the node can give questions more memory: [server] memory_mb.")
"""What to do about what nobody can narrow."""

_NARROW: Final = join_sentences(" ", [say("Narrow it: fewer days, one feed, one network or one team."), FOR_THE_NODE])


class TooLargeError(InputError):
    """It needs more memory than is given out, however long it waits."""


class Admission:
    """What all questions of a process may hold together, in bytes; for any number of threads."""

    def __init__(self, total: int, *, wait: float = _WAIT) -> None:
        self.total, self.held = total, 0
        self._wait, self._waiting = wait, 0
        # Reentrant: what a collection of garbage frees may come back in any line of the thread that has it.
        self._changed = threading.Condition(threading.RLock())

    @contextmanager
    def account(self, hint: str = "") -> Iterator["MemoryAccount"]:
        """What one question holds; given back at the end, but for what it keeps. ``hint``: where it is too large."""
        account = MemoryAccount(self, hint or _NARROW)
        try:
            yield account
        finally:
            self.give_back(account.held)

    def take(self, more: int, held: int, hint: str) -> None:
        """Give so many bytes more to who holds some. ``hint``: as for `account`.

        Raises:
            TooLargeError: that is more than there is.
            BusyError: others held it for too long.

        """
        if held + more > self.total:
            raise TooLargeError(
                say(
                    "This takes more than the %(share)s MB of memory that this node gives to questions.",
                    share=f"{self.total >> 20:,}",
                ),
                hint=hint,
            )
        with self._changed:
            if self.held + more > self.total:
                self._await(more)
            self.held += more

    def _await(self, more: int) -> None:
        until = monotonic() + self._wait
        self._waiting += 1
        try:
            while self.held + more > self.total:
                left = until - monotonic()
                if left <= 0 or self._waiting > _WAITING:
                    raise BusyError(
                        say("Others use the memory that this node gives to questions at this moment."),
                        hint=say("Try again in some seconds."),
                        seconds=10,
                    )
                self._changed.wait(left)
        finally:
            self._waiting -= 1

    def give_back(self, held: int) -> None:
        """So many bytes are free again."""
        with self._changed:
            self.held -= held
            self._changed.notify_all()


class MemoryAccount:
    """What one question holds, in bytes."""

    def __init__(self, admission: Admission, hint: str) -> None:
        self._admission, self._hint, self.held = admission, hint, 0

    def need(self, more: int) -> None:
        """Hold so much more; raises as `Admission.take`."""
        self._admission.take(more, self.held, self._hint)
        self.held += more

    def keep(self, answer: object, size: int | None = None) -> None:
        """Of what is held so much (None: all) is the answer's: it is given back once nobody has that any more."""
        size = self.held if size is None else min(size, self.held)
        self.held -= size
        weakref.finalize(answer, self._admission.give_back, size).atexit = False


@lru_cache
def admission_of_process(memory_mb: int = 0) -> Admission:
    """The one of this process with so many megabytes; 0: half of what the machine, or its group of processes, has."""
    return Admission(memory_mb << 20 if memory_mb else memory_of_machine() // _PART)


def memory_of_machine() -> int:
    """Bytes of memory of the machine, or of its control group where that has less (cgroup v2 or v1)."""
    known = [
        int(next(line for line in _MACHINE.read_text().splitlines() if line.startswith("MemTotal")).split()[1]) << 10
    ]
    for limit in _GROUPS:
        with suppress(OSError, ValueError):  # there is none; "max"
            known.append(int(limit.read_text()))
    return min(known)
