"""The process that worker processes are forked from; it loads what they need while others do something else."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import forkserver, get_context
from multiprocessing.process import BaseProcess
from threading import Lock
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from multiprocessing.context import ForkServerContext

_PRELOAD: Final = "tocsin.pipeline.processes"
_ONE_THREAD: Final = {
    "POLARS_MAX_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "_RJEM_MALLOC_CONF": "background_thread:false",
}  # fmt: skip
"""A worker is one thread; and where libraries had others, those would be missing after a fork."""
_STARTING: Final = Lock()


def context() -> "ForkServerContext":
    """Workers are forked from a process that has loaded what they need, and has run nothing."""
    made = get_context("forkserver")
    made.set_forkserver_preload([_PRELOAD])
    return made


def begin_loading() -> None:
    """Start that process, and do not wait for it: loading takes it longer than most reports."""
    context()
    with _one_thread():
        forkserver.ensure_running()


def start(process: BaseProcess) -> None:
    """Start a worker, after all that it needs was loaded; any thread may."""
    with _one_thread():
        process.start()


@contextmanager
def _one_thread() -> Iterator[None]:
    with _STARTING:
        before = {name: os.environ.get(name) for name in _ONE_THREAD}
        os.environ.update(_ONE_THREAD)
        try:
            yield
        finally:
            for name, value in before.items():
                os.environ.pop(name, None)
                if value is not None:
                    os.environ[name] = value
