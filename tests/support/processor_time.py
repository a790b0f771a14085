"""Processor time of this process: what a stranger may take of the one that answers."""

import resource
from collections.abc import Callable
from typing import Any, Final

LITTLE: Final = 0.05
"""Seconds that one request of a stranger may take."""


def work(of: Callable[[], Any]) -> float:
    """Seconds of processor time in this process, in all of its threads; the least of three, since others run beside."""

    def once() -> float:
        before = resource.getrusage(resource.RUSAGE_SELF)
        of()
        after = resource.getrusage(resource.RUSAGE_SELF)
        return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

    return min(once() for _ in range(3))
