"""A pipe that takes so many bytes and no more, read by a process that is kept for all files.

The library that decrypts lets no other thread run meanwhile, so a thread cannot be the reader. Run as a program, this
module is the reader: it is sent the end of a pipe and a file, copies until the limit or the end, and leaves the pipe.
"""

import atexit
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

_BLOCK = 1 << 20
_PATIENCE = 60.0  # seconds for what is left in the pipe once nobody writes any more
_COPIED = b"\0"


@contextmanager
def bounded_pipe(into: int, most: int) -> Iterator[str]:
    """The path of a pipe whose bytes go to the file ``into``; after ``most`` bytes a write to it fails.

    Afterwards all is in the file. One at a time in a process.
    """
    with _KEPT.lock:
        link = _KEPT.link()
        out, end = os.pipe()
        _KEPT.end = end
        try:
            try:
                socket.send_fds(link, [most.to_bytes(8)], [out, into])
            finally:
                os.close(out)
            yield f"/dev/fd/{end}"
        finally:
            _KEPT.end = None
            os.close(end)
            if not _has_copied(link):
                _KEPT.close()
                raise ChildProcessError("the process that reads what was decrypted has ended, or does not answer")


def _has_copied(link: socket.socket) -> bool:
    try:
        return link.recv(1) == _COPIED
    except OSError:  # no answer in time
        return False


@dataclass
class _Reader:
    """The process, started when it is needed. Whoever is forked has one of its own.

    ``end``: of the pipe that is open. A forked process lets go of it, else the reader would wait for that one's end.
    """

    lock: threading.Lock = field(default_factory=threading.Lock)
    process: subprocess.Popen[bytes] | None = None
    ours: socket.socket | None = None
    end: int | None = None

    def link(self) -> socket.socket:
        """The socket to the process."""
        if self.ours is not None and self.process is not None and self.process.poll() is None:
            return self.ours
        self.close()
        self.ours, theirs = socket.socketpair()
        self.ours.settimeout(_PATIENCE)
        with theirs:
            self.process = subprocess.Popen(
                [sys.executable, "-I", "-S", __file__],
                stdin=theirs.fileno(),
                stdout=subprocess.DEVNULL,
                process_group=0,
            )
        return self.ours

    def close(self) -> None:
        """End the process."""
        if self.ours is not None:
            self.ours.close()
        if self.process is not None:
            self.process.kill()
            self.process.wait()
        self.ours = self.process = None

    def forget(self) -> None:
        """In a forked process: the reader is its parent's."""
        if self.ours is not None:
            self.ours.close()
        if self.end is not None:
            os.close(self.end)
        if self.process is not None:
            self.process.returncode = 0  # nobody to wait for
        self.lock, self.ours, self.process, self.end = threading.Lock(), None, None, None


def _serve() -> None:
    """Copy what is asked for, until nobody can ask any more."""
    link = socket.socket(fileno=0)
    while True:
        asked, (*ends,), _, _ = socket.recv_fds(link, 8, 2)
        if len(ends) < 2:
            return
        left = int.from_bytes(asked)
        with os.fdopen(ends[0], "rb", buffering=0) as out, os.fdopen(ends[1], "wb", buffering=0) as into:
            while left and (block := out.read(min(left, _BLOCK))):
                into.write(block)
                left -= len(block)
        link.send(_COPIED)


if __name__ == "__main__":
    _serve()
else:
    _KEPT = _Reader()
    atexit.register(_KEPT.close)
    os.register_at_fork(after_in_child=_KEPT.forget)
