"""The confined process: it takes one call, answers it and ends. Nothing of another stranger is ever in it.

It is forked ahead, and waits. Limits are set when the call comes, as each reader has its own; the list of system calls
then, as it forbids to change limits; and only afterwards is the call read.

Where the reader needs a program, the process is forked for that call, and forks another one before it closes the file
system. That one waits closed, too, but can do one thing more: become the program. It has the limits of the reader.
"""

import os
import pickle
import signal
import socket
import struct
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from time import process_time
from traceback import extract_tb
from typing import Any, Final

from tocsin.node.confined import sandbox
from tocsin.node.confined.plain_data import NoDataError, encode
from tocsin.node.errors import TocsinError

HEAD: Final = struct.Struct("=QIQQ")
"""Of a call: bytes of it, seconds, bytes of memory, bytes of the largest answer."""

ANSWER: Final = struct.Struct("=?QI")
"""Of an answer: whether it is in the file for it, its bytes, and the milliseconds of processor that it took."""

ENTRY: Final = "tocsin.node.confined.child:serve"
ENTRY_WITH_PROGRAM: Final = "tocsin.node.confined.child:serve_with_program"
SCRATCH: Final = 2
MOST_FILES: Final = 4
"""Files that a call gives by their descriptors."""
_PROGRAM_FILES: Final = 8
_CANNOT_RUN: Final = 126  # as a shell has it
INLINE: Final = 1_000_000
"""Bytes; what is larger goes by a file in memory."""

IMPORTED: Final = ("pickle", "encodings.idna", "traceback", "linecache", "tokenize")
_POLITENESS: Final = 5
_BLOCK: Final = 1 << 20


sandbox.work_out()


class _Process:
    """What this process is. ``scratch``: files in memory that a reader may write to."""

    confined = False
    scratch: list[int]
    files: tuple[int, ...]
    layers: tuple[str, ...]
    program: "_WaitingProgram | None" = None
    started: float


@dataclass(frozen=True, slots=True)
class GivenFile:
    """A file or pipe that a reader gets by its descriptor and can only read, from its beginning, once: as an argument.

    ``written``: it can only write to it.
    """

    number: int
    written: bool = False

    def blocks(self) -> Iterator[bytes]:
        """What is in it; only in a confined process."""
        while block := os.read(_Process.files[self.number], _BLOCK):
            yield block

    def write(self, content: bytes) -> None:
        """Write what follows what was written; only in a confined process."""
        view = memoryview(content)
        while view:
            view = view[os.write(_Process.files[self.number], view) :]


def is_confined() -> bool:
    """Whether this process is a confined one."""
    return _Process.confined


def scratch_file() -> int:
    """The descriptor of an empty file in memory, no larger than the answer may be; a call has two of them."""
    return _Process.scratch.pop()


def run_program(arguments: Sequence[str], *files: bytes) -> tuple[int, tuple[bytes, ...]] | None:
    """Run the program of this reader, once: its exit status; its output, and its files as they are then.

    ``{0}`` in an argument is the descriptor of the first file, which is its input, too. None: this machine has no such
    program. Where the system ended it, for time, memory or a crash, this process ends alike. Time and memory are
    those of the reader, once more.
    """
    program, _Process.program = _Process.program, None
    if program is None:
        return None
    output, *given = program.files
    for number, content in zip(given, files, strict=False):
        write_all(number, content)
    os.write(program.arguments, "\0".join(arguments).format(*given).encode())
    os.close(program.arguments)
    status = os.waitstatus_to_exitcode(os.waitpid(program.number, 0)[1])
    if status < 0:
        signal.raise_signal(-status)
    return status, tuple(_read(one, os.fstat(one).st_size) for one in (output, *given[: len(files)]))


def layers_here() -> tuple[str, ...]:
    """The layers that hold in this process."""
    return _Process.layers


@dataclass(frozen=True)
class _WaitingProgram:
    """A process that becomes a program when its arguments come. ``files``: its output, and others for both."""

    number: int
    arguments: int
    files: tuple[int, ...]


def _fork_program(program: int, clock: Mapping[str, str]) -> _WaitingProgram:
    """``clock``: what its environment has of faketime, and nothing else."""
    own, (come, arguments) = os.getpid(), os.pipe()
    files = tuple(os.memfd_create("program") for _ in range(_PROGRAM_FILES))
    if (number := os.fork()) == 0:
        try:
            _become(program, clock, own, come, files)
        finally:
            os._exit(_CANNOT_RUN)
    os.close(come)
    os.close(program)
    return _WaitingProgram(number, arguments, files)


def _become(program: int, clock: Mapping[str, str], parent: int, come: int, files: Sequence[int]) -> None:
    sandbox.end_with_parent(parent)
    os.dup2(files[1], 0)
    os.dup2(files[0], 1)
    for number in range(3, sandbox.DESCRIPTORS):
        with suppress(OSError):
            if number in files:
                os.set_inheritable(number, True)
            elif number not in (program, come):
                os.close(number)
    os.set_inheritable(program, False)
    sandbox.restrict_files(sandbox.library_folders(), program)
    sandbox.restrict_calls(sandbox.EXECUTES)
    if arguments := os.read(come, 1 << 16):
        os.execve(program, arguments.decode().split("\0"), clock)  # noqa: S606 (no shell is wanted)


def serve_with_program(descriptors: Sequence[int]) -> None:
    """As `serve`, for one call with a program, whose file comes with it."""
    serve(descriptors, program=True)


def serve(descriptors: Sequence[int], *, program: bool = False) -> None:
    """Take a call, answer it, end. The first descriptor is the link to whoever calls."""
    parent = os.getppid()
    os.dup2(0, 1)  # /dev/null, of the server
    os.dup2(0, 2)
    os.dup2(descriptors[0], 3)
    os.closerange(4, 1 << 20)
    clock = {name: os.environ[name] for name in ("LD_PRELOAD", "FAKETIME") if "FAKETIME" in os.environ}
    os.environ.clear()
    signal.set_wakeup_fd(-1)
    sandbox.end_with_parent(parent)
    link = socket.socket(fileno=3)
    sandbox.first_to_go()
    memory = sandbox.memory_now()
    _Process.confined = True
    rights = sandbox.no_new_rights()
    files = not program and rights and sandbox.restrict_files(sandbox.readable_folders())
    os.nice(_POLITENESS)
    head, given, _, _ = socket.recv_fds(link, HEAD.size, SCRATCH + 3 + MOST_FILES, socket.MSG_WAITALL)
    if len(head) < HEAD.size:
        os._exit(0)  # nobody needs it any more
    size, seconds, most_memory, most_answer = HEAD.unpack(head)
    _Process.started = process_time()
    into, _Process.scratch = given[0], given[1 : SCRATCH + 1]
    sandbox.set_limits(memory, seconds, most_memory, most_answer)
    rest = given[SCRATCH + 1 :]
    if program:
        folders = sandbox.readable_folders()
        # a domain of both: the end of this process ends the other, by a signal that Landlock lets pass within it
        files = rights and sandbox.restrict_files((*folders, *sandbox.library_folders()), rest[0])
        _Process.program = _fork_program(rest.pop(0), clock | {"FAKETIME_DISABLE_SHM": "1"} if clock else {})
        files = files and sandbox.restrict_files(folders, scopes=0)
    whole = rest.pop(0) if size > INLINE else None
    _Process.files = tuple(rest)
    calls = rights and sandbox.restrict_calls(sandbox.WAITS if program else {})
    held = {
        sandbox.Layer.LIMITS: True, sandbox.Layer.NO_NEW_RIGHTS: rights, sandbox.Layer.LANDLOCK: files,
        sandbox.Layer.SECCOMP: calls,
    }  # fmt: skip
    _Process.layers = tuple(layer.value for layer, holds in held.items() if holds)
    _send(link, into, _answer(_receive(link, size) if whole is None else _read(whole, size)), most_answer)
    os._exit(0)


def _receive(link: socket.socket, size: int) -> bytearray:
    content = bytearray(size)
    view, come = memoryview(content), 0
    while come < size:
        count = link.recv_into(view[come:])
        if not count:
            os._exit(0)
        come += count
    return content


def _read(number: int, size: int) -> bytes:
    content = os.pread(number, size, 0)
    while len(content) < size and (more := os.pread(number, size - len(content), len(content))):
        content += more
    os.close(number)
    return content


def write_all(number: int, content: bytes) -> None:
    """Write into a file in memory, from its beginning."""
    view, done = memoryview(content), 0
    while done < len(content):
        done += os.pwrite(number, view[done:], done)


def _answer(asked: bytes | bytearray) -> bytes:
    """The answer as `encode` makes it: what became of it, and the value, the error, or where it failed."""
    try:
        module, name, given, named = pickle.loads(asked)  # noqa: S301 (from the process that answers)
        del asked
        value: Any = import_module(module)
        for part in name.split("."):
            value = getattr(value, part)
        return encode(("value", value(*given, **named)))
    except TocsinError as error:
        return _error(error)
    except MemoryError:
        return encode(("memory", None))
    except BaseException as error:  # noqa: BLE001  # whoever called is told, also of panics of libraries
        return encode(("failed", _place(error)))


def _error(error: TocsinError) -> bytes:
    try:
        return encode(("error", error))
    except NoDataError:
        plain = TocsinError(str(error), hint=str(error.hint))
        return encode(("error", plain))


def _place(error: BaseException) -> str:
    """What was raised and where, and nothing of what was read."""
    frames = extract_tb(error.__traceback__)
    ours = [frame for frame in frames if "tocsin" in Path(frame.filename).parts and "confined" not in frame.filename]
    what = f"{type(error).__name__}: {error}" if isinstance(error, NoDataError) else type(error).__name__
    return ", ".join([what, *(f"{Path(one.filename).name}:{one.lineno}" for one in (ours or frames)[-1:])])


def _send(link: socket.socket, into: int, answer: bytes, most: int) -> None:
    if len(answer) > most:
        answer = encode(("large", None))
    if large := len(answer) > INLINE:
        write_all(into, answer)
    spent = int(1000 * (process_time() - _Process.started))
    link.sendall(ANSWER.pack(large, len(answer), spent) + (b"" if large else answer))
