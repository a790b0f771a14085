"""How a process that runs for months takes memory from the system."""

import ctypes
from typing import Final

_ARENA_MAX: Final = -8  # M_ARENA_MAX of glibc's malloc.h


def share_heap() -> None:
    """Let all threads that begin from now on take memory from one heap; no effect without glibc.

    Else each thread that begins gets one of up to eight for each processor (mallopt(3), M_ARENA_MAX). What the short
    threads of thousands of small reports leave there lies in so many places that nothing of it goes back: 33 MB in use
    held 90 MB.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_ARENA_MAX, 1)
