"""A process that others are forked from: it has loaded what they need, has one thread, and no key or setting.

One for each process that needs it, started when it is first asked for and again where it was killed. It gets an empty
environment. A message on its control socket is JSON with descriptors beside it:

    ["fork", modules, "module:function"]   the first descriptor is the link to whoever asked, all go to the function;
                                           the answer comes on the link: the number of the process, with its pidfd
    ["end", number]                        kill it, and answer with its exit status (wait(2))

It ends when nobody holds the other end of its control socket any more.
"""

import atexit
import importlib
import json
import os
import select
import signal
import socket
import sys
import threading
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import subprocess

ONE_THREAD: Final = {
    "POLARS_MAX_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "_RJEM_MALLOC_CONF": "background_thread:false",
}  # fmt: skip
"""A worker is one thread; and where libraries had others, those would be missing after a fork."""
_KEPT_NAMES: Final = (
    "PATH", "LANG", "LC_ALL", "TZ", "LD_LIBRARY_PATH",
    "LD_PRELOAD", "FAKETIME", "FAKETIME_SHARED", "FAKETIME_CACHE_DURATION",
)  # fmt: skip
"""What of the environment matters to libraries and to the clock, which faketime (``./test --ahead``) may set."""
_MOST_MESSAGE: Final = 65_536
_MOST_DESCRIPTORS: Final = 16
_NUMBER: Final = 8
_PATIENCE: Final = 60.0  # seconds that the server may take to answer: loading modules is some seconds of a busy machine
_PROGRAM: Final = """
import json, sys
sys.path[:] = json.loads(sys.argv[2])
from tocsin.node.fork_server import serve
serve(int(sys.argv[1]))
"""


class ForkServerError(OSError):
    """A process could not be forked."""


@dataclass(frozen=True, eq=False)
class ForkedProcess:
    """A process that the server forked. ``link``: what it and we talk over."""

    pid: int
    pidfd: int
    link: socket.socket
    server: "_Server"

    def kill(self) -> None:
        """SIGKILL."""
        with suppress(OSError):
            signal.pidfd_send_signal(self.pidfd, signal.SIGKILL)

    def wait(self, seconds: float) -> bool:
        """Whether it ended within so many seconds."""
        waiting = select.poll()
        waiting.register(self.pidfd, select.POLLIN)
        return bool(waiting.poll(seconds * 1000))

    def end(self, *, asked: bool = True) -> int | None:
        """Kill it, if it is there still. What it exited with, negative for a signal; None: not asked, or not known."""
        try:
            return self.server.end(self.pid, asked=asked)
        finally:
            self.link.close()
            os.close(self.pidfd)


@dataclass(frozen=True, eq=False)
class OrderedFork:
    """A process that the server was told to fork, and may not have forked yet."""

    link: socket.socket
    server: "_Server"

    def process(self) -> ForkedProcess:
        """The process, as soon as it is there; a server that does not answer for a minute is ended.

        Raises:
            ForkServerError: it could not be forked.

        """
        try:
            self.link.settimeout(_PATIENCE)
            number, descriptors, _, _ = socket.recv_fds(self.link, _NUMBER, 1)
            self.link.settimeout(None)
        except OSError as error:
            if isinstance(error, TimeoutError):
                self.server.process.kill()  # it does nothing any more: another one is started
            self.link.close()
            raise ForkServerError(str(error)) from error
        if len(number) == _NUMBER and descriptors:
            return ForkedProcess(int.from_bytes(number), descriptors[0], self.link, self.server)
        with self.link:
            reason = b""
            with suppress(OSError):
                reason = self.link.recv(_MOST_MESSAGE)
        raise ForkServerError(reason.decode("utf-8", "replace") or "the server of processes has ended")


@dataclass(eq=False)
class _Server:
    """The server as whoever asks it sees it."""

    control: socket.socket
    process: "subprocess.Popen[bytes]"
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def alive(self) -> bool:
        return self.process.poll() is None

    def fork(self, entry: str, modules: Sequence[str], descriptors: Sequence[int]) -> OrderedFork:
        ours, theirs = socket.socketpair()
        try:
            with theirs, self.lock:
                message = json.dumps(["fork", [*modules], entry]).encode()
                socket.send_fds(self.control, [message], [theirs.fileno(), *descriptors])
        except OSError as error:
            ours.close()
            raise ForkServerError(str(error)) from error
        return OrderedFork(ours, self)

    def end(self, number: int, *, asked: bool) -> int | None:
        try:
            with self.lock:
                self.control.send(json.dumps(["end", number, asked]).encode())
                if asked and (answer := self.control.recv(_NUMBER)):
                    return os.waitstatus_to_exitcode(int.from_bytes(answer))
        except OSError:
            pass
        return None

    def load(self, modules: Sequence[str]) -> None:
        with self.lock, suppress(OSError):
            self.control.send(json.dumps(["load", [*modules]]).encode())

    def gone(self, seconds: float = 1) -> bool:
        """Whether it has ended, which may take a moment to be seen."""
        import subprocess

        with suppress(subprocess.TimeoutExpired):
            self.process.wait(seconds)
        return not self.alive

    def close(self) -> None:
        self.control.close()
        self.process.kill()
        self.process.wait()


@dataclass
class _Client:
    lock: threading.Lock = field(default_factory=threading.Lock)
    server: _Server | None = None

    def running(self) -> _Server:
        with self.lock:
            if self.server is None or not self.server.alive:
                if self.server is not None:
                    self.server.close()
                self.server = _start_server()
            return self.server

    def close(self) -> None:
        with self.lock:
            if self.server is not None:
                self.server.close()
            self.server = None

    def forget(self) -> None:
        """In a process that was forked from this one: the server is its parent's."""
        if self.server is not None:
            self.server.control.close()
            self.server.process.returncode = 0  # nobody to wait for
        self.lock, self.server = threading.Lock(), None


def begin_loading(*modules: str) -> None:
    """Start the server where there is none, let it load these, and do not wait for it."""
    _CLIENT.running().load(modules)


def order_fork(entry: str, modules: Sequence[str] = (), descriptors: Sequence[int] = ()) -> OrderedFork:
    """A process that runs ``module:function`` with its link and these descriptors, once these modules were loaded.

    Raises:
        ForkServerError: the server cannot be started.

    """
    for again in (True, False):
        try:
            return _CLIENT.running().fork(entry, modules, descriptors)
        except ForkServerError:
            if not again:
                raise
            _CLIENT.close()  # it was killed, which is known now
        except OSError as error:
            raise ForkServerError(str(error)) from error
    raise AssertionError


def fork(entry: str, modules: Sequence[str] = (), descriptors: Sequence[int] = ()) -> ForkedProcess:
    """As `order_fork`, and waits for it; where the server was killed meanwhile another one is started.

    Raises:
        ForkServerError: it could not be forked.

    """
    ordered = order_fork(entry, modules, descriptors)
    try:
        return ordered.process()
    except ForkServerError:
        if ordered.server.gone():
            return order_fork(entry, modules, descriptors).process()
        raise


def server_number() -> int | None:
    """The number of the server's process, where there is one."""
    return _CLIENT.server.process.pid if _CLIENT.server is not None and _CLIENT.server.alive else None


def _start_server() -> _Server:
    import subprocess

    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    ours.settimeout(_PATIENCE)
    environment = {name: os.environ[name] for name in _KEPT_NAMES if name in os.environ} | ONE_THREAD
    path = json.dumps([str(Path(one).absolute()) for one in sys.path if one])
    flags = ["-I", *(["-B"] if sys.flags.dont_write_bytecode else [])]
    with theirs:
        process = subprocess.Popen(
            [sys.executable, *flags, "-c", _PROGRAM, str(theirs.fileno()), path],
            pass_fds=[theirs.fileno()], env=environment, cwd="/", process_group=0,
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
        )  # fmt: skip
    return _Server(ours, process)


_CLIENT: Final = _Client()
atexit.register(_CLIENT.close)
os.register_at_fork(after_in_child=_CLIENT.forget)


_FORKED: Final = set[int]()  # by this server, and not waited for yet


def serve(control_number: int) -> None:
    """Be the server, until nobody can ask any more."""
    import gc
    import warnings

    warnings.simplefilter("ignore", DeprecationWarning)  # Polars has a thread that sleeps; see `ONE_THREAD`
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # whoever started us ends us
    atexit.unregister(_CLIENT.close)
    control = socket.socket(fileno=control_number)
    while True:
        try:
            message, descriptors, _, _ = socket.recv_fds(control, _MOST_MESSAGE, _MOST_DESCRIPTORS)
        except OSError:
            message = b""
        if not message:
            os._exit(0)
        match json.loads(message):
            case ["fork", list() as modules, str() as entry]:
                _fork(control, descriptors, modules, entry)
            case ["load", list() as modules]:
                with suppress(Exception):  # whoever needs them is told then
                    _load(modules)
            case ["end", int() as number, bool() as asked]:
                status = _end(number)
                if asked:
                    control.send(status.to_bytes(_NUMBER))
        gc.freeze()  # what is loaded stays: no process copies it to count its references


def _load(modules: Iterable[str]) -> None:
    for module in modules:
        if module not in sys.modules:
            importlib.import_module(module)


def _fork(control: socket.socket, descriptors: Sequence[int], modules: Sequence[str], entry: str) -> None:
    link = socket.socket(fileno=os.dup(descriptors[0]))
    try:
        module, _, name = entry.partition(":")
        _load([*modules, module])
        function = getattr(sys.modules[module], name)
        number = os.fork()
    except Exception as error:  # noqa: BLE001  # whoever asked is told, and others go on
        with suppress(OSError):
            link.send(bytes(_NUMBER))
            link.send(f"{type(error).__name__}: {error}".encode())
    else:
        if number == 0:
            try:
                link.close()
                control.close()
                function(descriptors)
            finally:
                os._exit(1)
        _FORKED.add(number)
        pidfd = os.pidfd_open(number)
        with suppress(OSError):
            socket.send_fds(link, [number.to_bytes(_NUMBER)], [pidfd])
        os.close(pidfd)
    finally:
        link.close()
        for one in descriptors:
            os.close(one)


def _end(number: int) -> int:
    """The exit status of a process, which is killed if it has not ended; that of one that is not ours is none."""
    if number not in _FORKED:
        return 0
    _FORKED.discard(number)
    os.kill(number, signal.SIGKILL)  # until it was waited for, its number is no other's
    return os.waitpid(number, 0)[1]
