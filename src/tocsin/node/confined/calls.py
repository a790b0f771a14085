"""Calls of readers of strangers' bytes, each in a confined process of its own (docs/design/confined.md)."""

import functools
import os
import pickle
import shutil
import signal
import socket
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from enum import StrEnum
from logging import NullHandler, getLogger
from time import monotonic
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, ParamSpec, TypeVar

from tocsin.node import fork_server
from tocsin.node.confined.child import (
    ANSWER,
    ENTRY,
    ENTRY_WITH_PROGRAM,
    HEAD,
    IMPORTED,
    INLINE,
    SCRATCH,
    GivenFile,
    is_confined,
    write_all,
)
from tocsin.node.confined.plain_data import NoDataError, decode
from tocsin.node.errors import InputError, StorageError, TocsinError
from tocsin.node.fork_server import ForkedProcess, ForkServerError, OrderedFork
from tocsin.node.sentences import Sentence, say
from tocsin.node.trace import logged

if TYPE_CHECKING:
    from collections.abc import Iterator

_P = ParamSpec("_P")
_R = TypeVar("_R")

_LOG: Final = getLogger("uvicorn.error.confined")
_LOG.addHandler(NullHandler())
_AT_ONCE: Final = max(4, 2 * (os.cpu_count() or 1))
"""Confined processes of a process: a flood of strangers' files waits, and does not fork the machine to death."""
_TURN: Final = 60.0  # seconds that a call waits for its turn
_MEGABYTE: Final = 1_000_000


class ConfinedReason(StrEnum):
    """Why the reading of something was ended."""

    TIME = "time"
    MEMORY = "memory"
    ANSWER = "answer"  # what is in it is larger than may be
    DIED = "died"  # a crash of a library
    FORGED = "forged"  # the answer is none
    FAILED = "failed"  # an error of ours, or of a library that we do not expect


class ConfinedError(InputError):
    """What was to be read cannot be: the process that read it was ended. It is one refused thing."""

    def __init__(self, reason: ConfinedReason, message: str, *, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.reason = reason


class ConfinedBusyError(StorageError):
    """So much is read that this had no turn, or no process can be started: nothing is wrong with it, later it may."""


@dataclass(frozen=True)
class ConfinedReader:
    """A function that reads strangers' bytes, with its limits.

    ``seconds``: of processor time; ``patience``: seconds on the clock; ``megabytes``: of memory beside what Python and
    the libraries take; ``answer_megabytes``: of what it gives; ``loads``: modules that it imports late; ``program``:
    the name of the one that it may run (`run_program`); ``at_once``: so many beside all others, for what lasts as long
    as somebody sends.
    """

    module: str
    name: str
    seconds: int
    megabytes: int
    answer_megabytes: int
    patience: float
    loads: tuple[str, ...]
    program: str = ""
    at_once: int = 0

    @property
    def modules(self) -> tuple[str, ...]:
        """What a process must have loaded to be quick."""
        return (self.module, *self.loads)


_READERS: Final = dict[str, ConfinedReader]()


def confined_readers() -> Mapping[str, ConfinedReader]:
    """The readers of the modules that are loaded, by ``module:name``."""
    return MappingProxyType(_READERS)


def confined(
    *,
    seconds: int = 5,
    megabytes: int = 512,
    answer_megabytes: int = 256,
    patience: float | None = None,
    loads: Sequence[str] = (),
    program: str = "",
    at_once: int = 0,
) -> "Callable[[Callable[_P, _R]], Callable[_P, _R]]":
    """A function of a module that runs in a confined process of its own, wherever it is called.

    Its arguments are pickled, but of files (`GivenFile`) it gets the descriptors. It gives plain values, dataclasses,
    enums, dates, addresses, Pydantic models, and raises errors of ours. Called in a confined process it simply runs.
    See `ConfinedReader` for the limits.

    Raises (whoever calls it, beside what it raises itself):
        ConfinedError: the process was ended, or what it gave is no data.
        ConfinedBusyError: it had no turn.

    """

    def decorate(function: "Callable[_P, _R]") -> "Callable[_P, _R]":
        reader = ConfinedReader(
            function.__module__, function.__qualname__, seconds, megabytes, answer_megabytes,
            4.0 * seconds + 10 if patience is None else patience, tuple(loads), program, at_once,
        )  # fmt: skip
        _READERS[f"{reader.module}:{reader.name}"] = reader

        @functools.wraps(function)
        def call(*given: _P.args, **named: _P.kwargs) -> _R:
            if is_confined():
                return function(*given, **named)
            found: _R = _call(reader, given, named)
            return found

        return call

    return decorate


class _LostError(Exception):
    """The server of processes was killed, and the process with it: nothing is known of what was to be read."""


@dataclass(frozen=True, eq=False)
class _Spare:
    ordered: OrderedFork
    modules: frozenset[str]


@dataclass
class _Pool:
    """The process that is forked ahead, and what the server of processes has loaded."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    places: threading.BoundedSemaphore = field(default_factory=lambda: threading.BoundedSemaphore(_AT_ONCE))
    spares: list[_Spare] = field(default_factory=list)
    loaded: dict[str, None] = field(default_factory=lambda: dict.fromkeys(IMPORTED))
    own_places: dict[str, threading.BoundedSemaphore] = field(default_factory=dict)

    @contextmanager
    def place(self, reader: ConfinedReader) -> "Iterator[None]":
        places = self.places
        if reader.at_once:
            with self.lock:
                places = self.own_places.setdefault(reader.module, threading.BoundedSemaphore(reader.at_once))
        if not places.acquire(timeout=_TURN):
            raise ConfinedBusyError(
                say("Too much is being read at once: this had no turn."), hint=say("Try again in some minutes.")
            )
        try:
            yield
        finally:
            places.release()

    def process(self, reader: ConfinedReader, *, program: bool) -> ForkedProcess:
        """A process that has loaded what the reader needs; the one ahead has closed all programs."""
        needed = frozenset(reader.modules)
        while not program and (spare := self._spare()) is not None:
            with suppress(ForkServerError):
                process = spare.ordered.process()
                if needed <= spare.modules and process.server.alive:
                    return process
                process.end(asked=False)
        with self.lock:
            self.loaded |= dict.fromkeys(reader.modules)
            modules = [*self.loaded]
        return fork_server.fork(ENTRY_WITH_PROGRAM if program else ENTRY, modules)

    def refill(self) -> None:
        """Let another be forked, which nobody waits for."""
        with self.lock, suppress(OSError):
            if not self.spares:
                modules = [*self.loaded]
                self.spares.append(_Spare(fork_server.order_fork(ENTRY, modules), frozenset(modules)))

    def _spare(self) -> _Spare | None:
        with self.lock:
            return self.spares.pop() if self.spares else None

    def forget(self) -> None:
        """In a process that was forked: the spare is its parent's."""
        for spare in self.spares:
            spare.ordered.link.close()
        self.__init__()  # type: ignore[misc]  # all of it anew


_POOL: Final = _Pool()
os.register_at_fork(after_in_child=_POOL.forget)


def _call(reader: ConfinedReader, given: Sequence[Any], named: Mapping[str, Any]) -> Any:
    files = [one for one in given if isinstance(one, GivenFile)]
    places = iter(range(len(files)))
    given = [GivenFile(next(places)) if isinstance(one, GivenFile) else one for one in given]
    asked = pickle.dumps((reader.module, reader.name, tuple(given), dict(named)), 5)
    with logged("child", reader=f"{reader.module}:{reader.name}", bytes_in=len(asked)) as line:
        return _answered(reader, asked, files, line)


def _answered(reader: ConfinedReader, asked: bytes, files: Sequence[GivenFile], line: dict[str, Any]) -> Any:
    with _POOL.place(reader):
        try:
            try:
                answer = _ask(reader, asked, files, line)
            except _LostError:
                answer = _ask(reader, asked, files, line)
        except (_LostError, OSError) as error:
            raise ConfinedBusyError(
                say("No process could be started to read it: %(error)s.", error=error),
                hint=say("Is there memory left? 'tocsin doctor' says more."),
            ) from error
        finally:
            _POOL.refill()
    return _opened(reader, answer)


def _ask(reader: ConfinedReader, asked: bytes, files: Sequence[GivenFile], line: dict[str, Any]) -> bytes:
    """The bytes that a process answers with; ``line``: gets how many, and the seconds of processor, as it says.

    Raises:
        ConfinedError: it was ended, or ended.
        _LostError: it ended with the server of processes, or before it was asked.

    """
    deadline, answer, problem = monotonic() + reader.patience, None, None
    with memory_file() as into, _program(reader) as program:
        process = _POOL.process(reader, program=bool(program))
        try:
            _send(process.link, reader, asked, (into, program, files))
            line["cpu_s"], answer = _receive(process.link, reader, into, deadline)
            line["bytes_out"] = len(answer)
        except (TimeoutError, NoDataError) as error:
            problem = error
        except (EOFError, OSError):
            pass  # its status says why
        status = process.end(asked=answer is None)
    if answer is not None:
        return answer
    raise _why(reader, problem, status)


def _send(
    link: socket.socket, reader: ConfinedReader, asked: bytes, with_it: tuple[int, Sequence[int], Sequence[GivenFile]]
) -> None:
    """``with_it``: the file for the answer, that of the program, and those that the call gives."""
    into, program, given_files = with_it
    link.settimeout(reader.patience)
    head = HEAD.pack(len(asked), reader.seconds, reader.megabytes * _MEGABYTE, reader.answer_megabytes * _MEGABYTE)
    with ExitStack() as files:
        given = [into, *(files.enter_context(memory_file()) for _ in range(SCRATCH)), *program]
        if len(asked) > INLINE:
            given.append(whole := files.enter_context(memory_file()))
            write_all(whole, asked)
        given += [files.enter_context(_again(one)) for one in given_files]
        socket.send_fds(link, [head], given)
    if len(asked) <= INLINE:
        link.sendall(asked)


def _receive(link: socket.socket, reader: ConfinedReader, into: int, deadline: float) -> tuple[float, bytes]:
    """The seconds of processor that it took, and the bytes of the answer.

    Raises:
        TimeoutError: it is not there in time.
        EOFError: the process ended first.
        NoDataError: it is longer than it may be, or not as long as it says.

    """
    in_file, size, milliseconds = ANSWER.unpack(_exactly(link, ANSWER.size, deadline))
    if size > reader.answer_megabytes * _MEGABYTE:
        raise NoDataError("too long")
    if not in_file:
        return milliseconds / 1000, bytes(_exactly(link, size, deadline))
    content = bytearray()
    while len(content) < size and (more := os.pread(into, size - len(content), len(content))):
        content += more
    if len(content) < size:
        raise NoDataError("too short")
    return milliseconds / 1000, bytes(content)


def _exactly(link: socket.socket, size: int, deadline: float) -> bytearray:
    content = bytearray(size)
    view, come = memoryview(content), 0
    while come < size:
        if (left := deadline - monotonic()) <= 0:
            raise TimeoutError
        link.settimeout(left)
        count = link.recv_into(view[come:])
        if not count:
            raise EOFError
        come += count
    return content


@contextmanager
def _program(reader: ConfinedReader) -> "Iterator[list[int]]":
    """The file of its program, or nothing where it has none, or it is not on this machine."""
    path = shutil.which(reader.program) if reader.program else None
    number = os.open(path, os.O_PATH) if path else None
    try:
        yield [] if number is None else [number]
    finally:
        if number is not None:
            os.close(number)


@contextmanager
def _again(file: GivenFile) -> "Iterator[int]":
    """Another descriptor of a file, at its beginning, that nobody can write by, or read by."""
    again = os.open(f"/proc/self/fd/{file.number}", os.O_WRONLY if file.written else os.O_RDONLY)
    try:
        yield again
    finally:
        os.close(again)


@contextmanager
def memory_file() -> "Iterator[int]":
    """The descriptor of an empty file in memory, for a `GivenFile`."""
    number = os.memfd_create("confined")
    try:
        yield number
    finally:
        os.close(number)


def _why(reader: ConfinedReader, problem: Exception | None, status: int | None) -> Exception:
    """Why there is no answer."""
    if isinstance(problem, TimeoutError):
        return _ended(reader, ConfinedReason.TIME)
    if isinstance(problem, NoDataError):
        return _ended(reader, ConfinedReason.FORGED)
    if status is None:
        return _LostError("the server of processes has ended")
    if status == -signal.SIGXCPU:
        return _ended(reader, ConfinedReason.TIME)
    if status == -signal.SIGKILL:  # by the system, as we did not: for want of memory
        return _ended(reader, ConfinedReason.MEMORY)
    return _ended(reader, ConfinedReason.DIED, str(status))


def _opened(reader: ConfinedReader, answer: bytes) -> Any:
    """What the function gave.

    Raises:
        TocsinError: it raised that, or a `ConfinedError` says why there is nothing.

    """
    try:
        word, value = decode(answer, reader.module)
    except (NoDataError, TypeError, ValueError) as error:
        raise _ended(reader, ConfinedReason.FORGED) from error
    match word:
        case "value":
            return value
        case "error" if isinstance(value, TocsinError):
            raise value
        case "memory":
            raise _ended(reader, ConfinedReason.MEMORY)
        case "large":
            raise _ended(reader, ConfinedReason.ANSWER)
        case "failed" if isinstance(value, str):
            raise _ended(reader, ConfinedReason.FAILED, value)
    raise _ended(reader, ConfinedReason.FORGED)


def _ended(reader: ConfinedReader, reason: ConfinedReason, detail: str = "") -> ConfinedError:
    place = "".join(letter if letter.isprintable() else " " for letter in detail[:200])
    _LOG.warning("%s:%s was ended: %s %s", reader.module, reader.name, reason.value, place)
    if reason is ConfinedReason.FAILED:
        return ConfinedError(
            reason,
            say("An error of Tocsin itself: %(place)s.", place=place),
            hint=say("Please report it; the log of a server says more."),
        )
    return ConfinedError(
        reason, _sentence(reader, reason, place), hint=say("Only this was refused; everything else goes on.")
    )


def _sentence(reader: ConfinedReader, reason: ConfinedReason, place: str) -> Sentence:
    match reason:
        case ConfinedReason.TIME:
            return say("Reading it took longer than %(seconds)s seconds and was stopped.", seconds=reader.seconds)
        case ConfinedReason.MEMORY:
            return say(
                "Reading it took more than %(megabytes)s MB of memory and was stopped.", megabytes=reader.megabytes
            )
        case ConfinedReason.ANSWER:
            return say("It unpacks to more than %(megabytes)s MB.", megabytes=reader.answer_megabytes)
        case ConfinedReason.DIED:
            return say("The process that read it failed (exit code %(code)s).", code=place)
    return say("The process that read it gave no answer that can be used.")
