"""Functions and commands in processes of their own that are there at once, so that a test can kill many of them.

They are forked from a server that has imported all of Tocsin and done nothing else: it has one thread, beside one of
Polars that sleeps from the import on until something is spilled, and has run no query, which would have made more; each
new process checks that. Some tests start real processes, so that starting is tested too.
"""

import multiprocessing
import os
import signal
import sys
import tempfile
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from multiprocessing import forkserver
from multiprocessing.context import ForkServerContext, ForkServerProcess
from pathlib import Path
from unittest.mock import patch

KILLED = -signal.SIGKILL
_NO_THREADS = {"OPENBLAS_NUM_THREADS": "1", "_RJEM_MALLOC_CONF": "background_thread:false"}
_OF_POLARS = "polars-ooc-clea"


@dataclass(frozen=True)
class Running:
    """A process that was started; what it printed is in ``output``."""

    process: ForkServerProcess
    output: Path

    @property
    def pid(self) -> int:
        """Its number."""
        assert self.process.pid is not None
        return self.process.pid

    @property
    def said(self) -> str:
        """What it printed so far, errors too."""
        return self.output.read_text(errors="replace")

    def poll(self) -> int | None:
        """Its exit code, negative for a signal; None while it runs."""
        return self.process.exitcode

    def wait(self, timeout: float = 120) -> int:
        """Its exit code, once it has ended; it must, in so many seconds."""
        self.process.join(timeout)
        code = self.process.exitcode
        assert code is not None, f"it did not end; it said:\n{self.said}"
        return code

    def kill(self) -> None:
        """SIGKILL."""
        self.process.kill()

    def terminate(self) -> None:
        """SIGTERM."""
        self.process.terminate()


def start(function: Callable[..., object], *arguments: object, environment: Mapping[str, str]) -> Running:
    """A function of a module, running in a process of its own with this environment."""
    handle, name = tempfile.mkstemp(prefix="output-")
    os.close(handle)
    process = _server().Process(target=_run, args=(function, arguments, dict(environment), name))
    with patch.dict(os.environ, _NO_THREADS):  # the first call starts the server
        process.start()
    return Running(process, Path(name))


def command(home: Path, *words: str | Path, environment: Mapping[str, str]) -> Running:
    """A command of ``tocsin``, running in a process of its own."""
    return start(_tocsin, ["--home", str(home), *map(str, words)], environment=environment)


def children(pid: int) -> list[int]:
    """The processes that a process started."""
    found = []
    for path in Path("/proc").glob("[0-9]*"):
        with suppress(OSError, IndexError):
            if int((path / "stat").read_text().rpartition(")")[2].split()[1]) == pid:
                found.append(int(path.name))
    return found


def kill_whole(pid: int) -> None:
    """SIGKILL to a process, and to all that it had started."""
    for one in (pid, *children(pid)):
        with suppress(ProcessLookupError):
            os.kill(one, signal.SIGKILL)


def processor_seconds() -> float:
    """What the server of this process took so far, with all that it forked and that ended."""
    number = forkserver._forkserver._forkserver_pid  # type: ignore[attr-defined]  # nothing public tells it
    if number is None:
        return 0.0
    fields = Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()
    return sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")  # proc(5): utime, stime, cutime, cstime


def stop() -> None:
    """End the server, if there is one, so that what it took counts as ours."""
    forkserver._forkserver._stop()  # type: ignore[attr-defined]  # else it ends by itself, unnoticed


@cache
def _server() -> ForkServerContext:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["support.preload"])
    return context


def _run(
    function: Callable[..., object], arguments: tuple[object, ...], environment: dict[str, str], name: str
) -> None:
    with Path(name).open("ab", buffering=0) as output:
        os.dup2(output.fileno(), 1)
        os.dup2(output.fileno(), 2)
    threads = [path.read_text().strip() for path in Path(f"/proc/{os.getppid()}/task").glob("*/comm")]
    own = [name for name in threads if name != _OF_POLARS]
    assert len(own) == 1, f"the server has threads: what they hold would stay locked here ({own})"
    os.environ.clear()
    os.environ.update(environment)
    function(*arguments)


def _tocsin(words: list[str]) -> None:
    from tocsin.cli import main

    sys.argv = ["tocsin", *words]
    main()
