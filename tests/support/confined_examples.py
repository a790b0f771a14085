"""Readers of strangers' bytes as a test needs them: good ones, slow ones, and such as a stranger has taken over."""

import fcntl
import os
import pickle
import resource
import signal
import socket
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from tocsin.exchange.statements import RefusalCode, RefusalError
from tocsin.node.confined import GivenFile, child, confined, run_program, scratch_file
from tocsin.node.errors import InputError
from tocsin.node.sentences import say


class Colour(StrEnum):
    RED = "red"


@dataclass(frozen=True)
class Finding:
    name: str
    parts: tuple[Any, ...] = ()


@confined(seconds=5, megabytes=300)
def echo(value: Any) -> Any:
    return value


@confined(seconds=5, megabytes=300)
def count(content: bytes) -> int:
    return len(content)


@confined(seconds=1)
def spin() -> None:
    while True:
        pass


@confined(seconds=5, patience=0.5)
def doze() -> None:
    time.sleep(60)


@confined(seconds=10)
def nap(seconds: float) -> int:
    time.sleep(seconds)
    return os.getpid()


@confined(seconds=10)
def burn(seconds: float) -> None:
    """Take so many seconds of processor time."""
    until = time.process_time() + seconds
    while time.process_time() < until:
        pass


@confined(seconds=5, megabytes=50)
def fill(size: int) -> int:
    return len(bytearray(size))


@confined(answer_megabytes=2)
def make(size: int) -> bytes:
    return b"x" * size


@confined(answer_megabytes=2)
def write(size: int) -> int:
    return os.pwrite(scratch_file(), b"x" * size, 0) if size < 2_000_000 else os.pwrite(scratch_file(), b"x", size)


@confined()
def crash() -> None:
    os.abort()


@confined()
def size_and_write(file: GivenFile, beside: bytes) -> tuple[int, int, str]:
    """Bytes of a file and of what comes with it, and what writing to the file ends with."""
    size, said = sum(map(len, file.blocks())), "done"
    try:
        os.pwrite(child._Process.files[file.number], b"z", 0)
    except OSError as error:
        said = type(error).__name__
    return size, len(beside), said


@confined()
def refuse(code: RefusalCode, text: str) -> None:
    raise RefusalError(code, say("It is no %(thing)s.", thing=text), hint="Ask.")


@confined()
def stumble() -> None:
    raise KeyError("what a stranger wrote")


@confined()
def outer(content: bytes) -> tuple[int, int, int]:
    return os.getpid(), inner(), count(content)


@confined()
def inner() -> int:
    return os.getpid()


@confined()
def forge(answer: bytes) -> None:
    """What a stranger does who took the process over: it answers with what it wants."""
    os.write(3, child.ANSWER.pack(False, len(answer), 0) + answer)
    os._exit(0)


@confined(answer_megabytes=1)
def lie(size: int, in_file: bool, close: bool) -> None:
    """It says that its answer is so long, and gives none."""
    os.write(3, child.ANSWER.pack(in_file, size, 0))
    if close:
        os.close(3)
        time.sleep(60)


TAKEN_OVER = Path(tempfile.gettempdir()) / "taken-over"


class Evil:
    def __reduce__(self) -> Any:
        return os.mkdir, (str(TAKEN_OVER),)


def evil() -> bytes:
    return pickle.dumps(Evil())


@confined()
def attempts(home: Path, own: int) -> dict[str, str]:
    """What each thing that a stranger would like to do ends with: ``done``, or the name of an error."""
    wanted: dict[str, Callable[[], object]] = {
        "read a key": (home / "keys" / "secret.key").read_bytes,
        "list the home": lambda: [*home.iterdir()],
        "write a file": lambda: (home / "new").write_bytes(b""),
        "write beside it": lambda: home.with_name("confined").write_bytes(b""),
        "read its memory": lambda: Path("/proc/self/maps").read_bytes(),
        "read the environment of another": lambda: Path(f"/proc/{own}/environ").read_bytes(),
        "connect": lambda: socket.create_connection(("127.0.0.1", 9)),
        "open a socket": socket.socket,
        "pair of sockets": socket.socketpair,
        "signal another": lambda: os.kill(own, 0),
        "have another signalled": lambda: fcntl.fcntl(3, fcntl.F_SETOWN, own),
        "choose the signal": lambda: fcntl.fcntl(3, fcntl.F_SETSIG, signal.SIGKILL),
        "fork": os.fork,
        "threads without end": lambda: threading.Thread(target=time.sleep, args=(60,), daemon=True).start(),
        "execute": lambda: os.execv("/bin/true", ["true"]),  # noqa: S606 (it must fail)
        "memory that no limit counts": lambda: os.memfd_create("more"),
        "raise a limit": lambda: resource.setrlimit(resource.RLIMIT_CPU, (1 << 30, 1 << 30)),
        "change to another folder": lambda: os.chdir(home),
        "rename": lambda: (home / "keys").rename(home / "b"),
    }
    said = {}
    for name, act in wanted.items():
        try:
            act()
            said[name] = "done"
        except (OSError, ValueError, RuntimeError) as error:  # of setrlimit, of threads
            said[name] = type(error).__name__
    return said


@confined(program="perl", seconds=1, answer_megabytes=2)
def run_perl(script: str, *files: bytes) -> tuple[int, tuple[bytes, ...]] | None:
    return run_program(("perl", "-", "{1}"), script.encode(), *files)


@confined(program="perl", patience=1)
def run_perl_for_long(script: str, mark: str) -> None:
    run_program(("perl", "-", mark), script.encode())


@confined(program="perl")
def attempts_beside_a_program(home: Path, own: int) -> dict[str, str]:
    return attempts(home, own)


@confined(program="no-such-program")
def run_what_is_not_there() -> bool:
    return run_program(("no-such-program",), b"") is None


@confined()
def surroundings() -> dict[str, Any]:
    """What is there: the environment, and descriptors that are open."""
    found = []
    for number in range(64):
        with suppress(OSError):
            os.fstat(number)
            found.append(number)
    return {"environment": dict(os.environ), "descriptors": found, "layers": child.layers_here()}


@confined()
def wrong_kind() -> Any:
    return InputError, object()
