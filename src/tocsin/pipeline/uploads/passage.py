"""Reports on their way from a request to the disk: unpacked, hashed and looked through in a confined process.

One process for all that one sender sends at once, since a request may bring a thousand reports. Bytes go to it and come
back in frames through two pipes, so that whatever the size nothing is kept in memory or written unfiltered. All of it
blocks: call it in a thread.
"""

import hashlib
import json
import os
import select
import zlib
from collections.abc import Iterator
from contextlib import suppress
from contextvars import copy_context
from dataclasses import dataclass, field
from struct import Struct
from threading import Thread
from typing import IO, Any, Final

from tocsin.delivery.never_held import MailFilter
from tocsin.events.redaction import ClassTable, FoundReport, Redaction
from tocsin.node.confined import GivenFile, confined
from tocsin.node.errors import InputError
from tocsin.node.sentences import say

_FRAME: Final = Struct("=BI")  # what it is, and how many bytes follow
_NAME, _BYTES, _END = range(3)  # of a report, in this order
_MOST_FRAME: Final = 1 << 20
_PIPE: Final = 1 << 16  # bytes that a pipe holds (pipe(7))
_PIECE: Final = 1 << 20
_SLICE: Final = 1 << 12  # packed bytes at once: after each member of a stream the rest of them is copied
_FEW: Final = 100_000  # packed bytes before which their ratio says nothing
AT_ONCE: Final = 16
"""Senders of whom something is looked through at once; others wait."""


@dataclass(frozen=True)
class UnpackedLimits:
    """How many bytes a report may have unpacked, and how many times its size."""

    most: int
    ratio: int


@dataclass(frozen=True)
class PassedReport:
    """``size``, ``sha256``: of what was sent, unpacked, not of what may be kept; ``found``: of `Redaction`."""

    size: int
    sha256: str
    found: tuple[FoundReport, ...]


class Passage:
    """A confined process that what one sender sends passes. Use `begin`, `write`, `finish` for each report, then `end`.

    Each raises:
        InputError: a report is damaged or too large, or the process that looked through it was ended.
        ConfinedBusyError: it had no turn.

    """

    def __init__(self, classes: ClassTable, limits: UnpackedLimits) -> None:
        self._classes, self._limits = classes, limits
        self._call: Thread | None = None
        self._passed: tuple[PassedReport, ...] = ()
        self._problem: BaseException | None = None
        self._into = self._from = -1
        self._back, self._ended, self._next = _Frames(), False, b""

    def begin(self, name: str, *, packed: bool) -> None:
        """A report comes; ``packed``: gzip (RFC 1952) was put around it for the way. No process waits for bytes yet."""
        self._next, self._ended = json.dumps([name, packed]).encode(), False

    def write(self, block: bytes, out: IO[bytes]) -> None:
        """Let bytes of it pass; what may be kept so far goes to ``out``."""
        for at in range(0, len(block), _MOST_FRAME):
            self._give(_BYTES, block[at : at + _MOST_FRAME], out)

    def finish(self, out: IO[bytes]) -> None:
        """It is whole: the rest of it goes to ``out``."""
        self._give(_END, b"", out)
        while not self._ended:
            self._wait((self._from, select.POLLIN))
            self._take(out)

    def end(self) -> tuple[PassedReport, ...]:
        """What passed, in order."""
        self.leave()
        if self._call is not None:
            self._call.join()
        if self._problem is not None:
            raise self._problem
        return self._passed

    def leave(self) -> None:
        """Give no more, and do not wait for what is looked through yet."""
        for number in (self._into, self._from):
            if number >= 0:
                os.close(number)
        self._into = self._from = -1

    def _start(self) -> None:
        come, self._into = os.pipe2(os.O_CLOEXEC)
        self._from, go = os.pipe2(os.O_CLOEXEC)
        os.set_blocking(self._into, False)
        os.set_blocking(self._from, False)
        self._call = Thread(target=copy_context().run, args=(self._look, come, go), name="passage", daemon=True)
        self._call.start()

    def _look(self, come: int, go: int) -> None:
        try:
            own = {name: tuple(words) for name, words in self._classes.own.items()}
            self._passed = _passed(GivenFile(come), GivenFile(go, written=True), own, self._limits)
        except BaseException as error:  # noqa: BLE001  # whoever waits raises it
            self._problem = error
        finally:
            os.close(come)
            os.close(go)

    def _give(self, kind: int, content: bytes, out: IO[bytes]) -> None:
        if self._call is None:
            self._start()
        named, self._next = self._next, b""
        frame = memoryview(_framed(_NAME, named) * bool(named) + _framed(kind, content))
        while frame:
            with suppress(BlockingIOError):
                frame = frame[self._written(frame[:_PIPE]) :]
            self._take(out)
            if frame:
                self._wait((self._into, select.POLLOUT), (self._from, select.POLLIN))

    def _written(self, part: memoryview) -> int:
        try:
            return os.write(self._into, part)
        except BrokenPipeError:
            raise self._why() from None

    def _take(self, out: IO[bytes]) -> None:
        """Write what came back."""
        with suppress(BlockingIOError):
            while not self._ended:
                block = os.read(self._from, _PIPE)
                if not block:
                    raise self._why()
                for kind, content in self._back.frames(block):
                    out.write(content)
                    self._ended = kind == _END
                # A process that was taken over would fill the disk; what is withheld leaves a longer sentence.
                if out.tell() > 2 * self._limits.most + _MOST_FRAME:
                    self.leave()  # and not waited for
                    raise _unread()

    def _wait(self, *for_what: tuple[int, int]) -> None:
        waiting = select.poll()
        for number, event in for_what:
            waiting.register(number, event)
        waiting.poll()

    def _why(self) -> BaseException:
        """Why the process is gone."""
        self.leave()
        if self._call is not None:
            self._call.join()
        return self._problem or _unread()


def _unread() -> InputError:
    return InputError(say("The report could not be read."), hint=say("Send it again."))


def _framed(kind: int, content: bytes) -> bytes:
    return _FRAME.pack(kind, len(content)) + content


@dataclass
class _Frames:
    """What comes in frames, from blocks that end anywhere."""

    held: bytearray = field(default_factory=bytearray)

    def frames(self, block: bytes) -> Iterator[tuple[int, bytes]]:
        """The frames that are whole now. Raises ValueError where it is none."""
        self.held += block
        at = 0
        while len(self.held) - at >= _FRAME.size:
            kind, size = _FRAME.unpack_from(self.held, at)
            if kind > _END or size > _MOST_FRAME:
                raise ValueError("no frame")
            if len(self.held) - at - _FRAME.size < size:
                break
            at += _FRAME.size + size
            yield kind, bytes(memoryview(self.held)[at - size : at])
        del self.held[:at]


@confined(seconds=900, megabytes=1_000, patience=86_400, at_once=AT_ONCE, loads=("numpy",))
def _passed(
    come: GivenFile, go: GivenFile, own: dict[str, tuple[str, ...]], limits: UnpackedLimits
) -> tuple[PassedReport, ...]:
    frames, one, passed = _Frames(), None, list[PassedReport]()
    for block in come.blocks():
        for kind, content in frames.frames(block):
            if kind == _NAME:
                name, packed = json.loads(content)
                redaction = Redaction(ClassTable(own), mails=MailFilter())
                one = _Report(name, go, limits, redaction, _Unpacking() if packed else None)
            elif one is None:
                raise ValueError("bytes of no report")
            elif kind == _BYTES:
                one.take(content)
            else:
                passed.append(one.end())
                one = None
    return tuple(passed)


@dataclass
class _Report:
    """A report in the confined process."""

    name: str
    go: GivenFile
    limits: UnpackedLimits
    redaction: Redaction
    unpacking: "_Unpacking | None"
    size: int = 0
    came: int = 0
    digest: Any = field(default_factory=hashlib.sha256)

    def take(self, block: bytes) -> None:
        self.came += len(block)
        for piece in self.unpacking.pieces(block) if self.unpacking else (block,):
            self.size += len(piece)
            self._check(max(self.came, _FEW))
            self.digest.update(piece)
            self._back(self.redaction.take(piece))

    def end(self) -> PassedReport:
        if self.unpacking:
            self.unpacking.check_whole()
        self._check(max(self.came, 1))
        self._back(self.redaction.end())
        self.go.write(_framed(_END, b""))
        return PassedReport(self.size, self.digest.hexdigest(), tuple(self.redaction.found))

    def _back(self, kept: bytes) -> None:
        for at in range(0, len(kept), _MOST_FRAME):
            self.go.write(_framed(_BYTES, kept[at : at + _MOST_FRAME]))

    def _check(self, came: int) -> None:
        too_dense = self.unpacking is not None and self.size > came * self.limits.ratio
        if self.size > self.limits.most or too_dense:
            raise InputError(
                say("%(name)s unpacks to too much, so it was refused.", name=self.name),
                hint=say(
                    "If it is genuine, whoever runs the node can raise ingest.max_unpacked_bytes or ingest.max_ratio."
                ),
            )


class _Unpacking:
    """Gzip data that comes in blocks (RFC 1952; several members in a row), a bounded piece at a time."""

    def __init__(self) -> None:
        self._unpacker = zlib.decompressobj(wbits=31)
        self._begun = False

    def pieces(self, block: bytes) -> Iterator[bytes]:
        for start in range(0, len(block), _SLICE):
            yield from self._unpacked(block[start : start + _SLICE])

    def _unpacked(self, block: bytes) -> Iterator[bytes]:
        while block:
            if self._unpacker.eof:
                if not block.strip(b"\0"):
                    return  # padding
                self._unpacker = zlib.decompressobj(wbits=31)
            try:
                piece = self._unpacker.decompress(block, _PIECE)
            except zlib.error as error:
                raise InputError(say("The gzip data of the request is damaged."), hint=say("Send it again.")) from error
            self._begun = True
            block = self._unpacker.unused_data if self._unpacker.eof else self._unpacker.unconsumed_tail
            yield piece

    def check_whole(self) -> None:
        # What fits in the last piece has come out; a stream that has not ended was cut off.
        if not self._begun or not self._unpacker.eof:
            raise InputError("The gzip data of the request ends too early.", hint="Send it again.")
