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


@contextmanager
def bounded_pipe(into: int, most: int) -> Iterator[str]:
    """The path of a pipe whose bytes go to the file ``into``; after ``most`` bytes a write to it fails.

    Afterwards all is in the file. One at a time in a process.
    """
    with _KEPT.lock:
        link = _KEPT.link()
        out, end = os.pipe()
        try:
            try:
                socket.send_fds(link, [most.to_bytes(8)], [out, into])
            finally:
                os.close(out)
            yield f"/dev/fd/{end}"
        finally:
            os.close(end)
            if link.recv(1) != b"\0":
                _KEPT.close()
                raise ChildProcessError("the process that reads what was decrypted has ended")


@dataclass
class _Reader:
    """The process, started when it is needed. Whoever is forked has one of its own."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    process: subprocess.Popen[bytes] | None = None
    ours: socket.socket | None = None

    def link(self) -> socket.socket:
        """The socket to the process."""
        if self.ours is not None and self.process is not None and self.process.poll() is None:
            return self.ours
        self.close()
        self.ours, theirs = socket.socketpair()
        with theirs:
            self.process = subprocess.Popen(
                [sys.executable, "-I", "-S", __file__],
                stdin=theirs.fileno(),
                stdout=subprocess.DEVNULL,
                process_group=0,
            )
        return self.ours

    def close(self) -> None:
        """End the process: it ends when nobody holds the other end of its socket."""
        if self.ours is not None:
            self.ours.close()
        if self.process is not None:
            self.process.wait()
        self.ours = self.process = None

    def forget(self) -> None:
        """In a forked process: the reader is its parent's."""
        if self.ours is not None:
            self.ours.close()
        if self.process is not None:
            self.process.returncode = 0  # nobody to wait for
        self.lock, self.ours, self.process = threading.Lock(), None, None


def _serve() -> None:
    """Copy what is asked for, until nobody can ask any more."""
    link = socket.socket(fileno=0)
    while True:
        asked, (*ends,), _, _ = socket.recv_fds(link, 8, 2)
        if len(ends) < 2:
            return
        left = int.from_bytes(asked)
        with open(ends[0], "rb", buffering=0) as out, open(ends[1], "wb", buffering=0) as into:  # noqa: PTH123 (by number)
            while left and (block := out.read(min(left, _BLOCK))):
                into.write(block)
                left -= len(block)
        link.send(b"\0")


if __name__ == "__main__":
    _serve()
else:
    _KEPT = _Reader()
    atexit.register(_KEPT.close)
    os.register_at_fork(after_in_child=_KEPT.forget)
