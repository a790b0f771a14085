"""When Python looks for rings of objects that nobody needs any more."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def uncollected() -> Iterator[None]:
    """No search for rings inside the block, where hundreds of thousands of objects are made that all stay, or none."""
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collecting:
            gc.enable()


@contextmanager
def kept() -> Iterator[None]:
    """As `uncollected`, for what stays until the process ends: later searches do not look through it either."""
    with uncollected():
        yield
        gc.freeze()
