"""The process beside a server that takes in what is sent and does the work, so that no page waits for either.

Its standard input is how its server speaks to it: a byte says that something came, the end that it shall end. So it
also ends where its server is killed, and not where a service manager or Ctrl-C tells both to end at once: its server
still answers then. One that dies is started again: it goes on where the last one was.
"""

import gc
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from logging import getLogger
from pathlib import Path
from time import monotonic
from typing import Final

from tocsin.node.errors import TocsinError
from tocsin.node.heap import share_heap
from tocsin.node.log import open_log
from tocsin.node.retries import pause
from tocsin.operations.worker import Worker
from tocsin.pipeline.stores import open_node
from tocsin.pipeline.uploads import UploadIntake

_LOG: Final = getLogger("uvicorn.error")
_PATIENT: Final = 5  # steps of nice(2): where all are at once, a person who waits comes first
_LIVED: Final = 60.0  # seconds after which a death is not of the start


class WorkProcess:
    """What a server knows of it; for those who send reports in the same as `UploadIntake`."""

    def __init__(self, home: Path, machine: str) -> None:
        self._command = [sys.executable, "-P", "-m", __name__, str(home), machine]  # no module of where it was called
        self._process: subprocess.Popen[bytes] | None = None
        self._starting, self._ended, self._deaths = threading.Lock(), threading.Event(), 0

    def wake(self) -> None:
        """Something came."""
        stdin = self._process.stdin if self._process is not None else None
        if stdin is not None:
            with suppress(OSError, ValueError):  # one that ends, and the next looks by itself
                stdin.write(b".")

    @property
    def dead(self) -> bool:
        """Whether it died, or could not be started, and none runs yet: what is sent in is kept meanwhile."""
        runs = self._process is not None and self._process.poll() is None
        return self._deaths > 0 and not runs and not self._ended.is_set()

    @contextmanager
    def working(self) -> Iterator[None]:
        """It runs until the block ends; the report or the mails that are under way are finished first."""
        thread = threading.Thread(target=self._keep_running, name="work", daemon=True)
        thread.start()
        try:
            yield
        finally:
            with self._starting:
                self._ended.set()
                if self._process is not None and self._process.stdin is not None:
                    self._process.stdin.close()
            thread.join()

    def _keep_running(self) -> None:
        while not self._ended.is_set():
            began = monotonic()
            failure = self._run()
            if not self._ended.is_set():
                _LOG.error("The process of the work %s; another one is started.", failure)
                self._deaths = 1 if monotonic() - began > _LIVED else self._deaths + 1
                self._ended.wait(pause(self._deaths, longest=_LIVED))

    def _run(self) -> str:
        """Start it and wait for its end; how that came."""
        try:
            with self._starting:
                if self._ended.is_set():
                    return ""
                self._process = process = subprocess.Popen(self._command, stdin=subprocess.PIPE, bufsize=0)
                if process.stdin is not None:
                    os.set_blocking(process.stdin.fileno(), False)  # who receives a report never waits for it
        except OSError as error:  # no memory, or too many processes
            return f"cannot be started ({error})"
        return f"ended with {process.wait()}"


def work(home: Path, machine: str) -> None:
    """Take in what is sent and do what is due, as the process ``machine``, until the server ends.

    Raises:
        TocsinError: the node cannot be opened.

    """
    share_heap()
    node = open_node(home)
    open_log(node.settings.log)
    intake = UploadIntake(node, _now)
    with node.database.kept_open(), intake.working(), Worker(node, _now, machine).working():
        gc.collect()
        gc.freeze()  # what is there by now stays
        while os.read(sys.stdin.fileno(), 1):
            intake.wake()


def main() -> None:
    """The process: ``python -m tocsin.server.work_process HOME MACHINE``."""
    os.umask(0o077)  # what a node writes, no other user of the machine reads
    os.nice(_PATIENT)
    for number in (signal.SIGINT, signal.SIGTERM):  # by a handler: what is ignored, gpg and rsync would ignore, too
        signal.signal(number, lambda *_: None)
    try:
        work(Path(sys.argv[1]), sys.argv[2])
    except TocsinError as error:
        _LOG.error("%s %s", error, error.hint)
        sys.exit(1)


def _now() -> datetime:
    return datetime.now(UTC)


if __name__ == "__main__":
    main()
