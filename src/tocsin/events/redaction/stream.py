"""Bytes of reports on their way to the disk or to a reader, as far as they may be kept.

JSON passes a line or a document at a time, text a piece of lines at a time; what is packed is held until it is whole,
since what is in it decides what of it may be written. What names no class passes as it is, and nothing is parsed.
"""

import codecs
import io
import json
import lzma
import re
import shutil
import zipfile
import zlib
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import partial
from typing import IO, TYPE_CHECKING, BinaryIO, Protocol

from tocsin.events.encoding import as_text, encoding_of
from tocsin.events.gzip_stream import DamageError, gunzip
from tocsin.events.redaction.classes import (
    BUILT_IN,
    PACKED,
    ClassTable,
    FoundReport,
    found_report,
    report_in_text,
    unreadable_report,
)
from tocsin.events.redaction.letters import spelled
from tocsin.events.redaction.parts import (
    BLANK,
    HELD,
    first_piece,
    is_object,
    is_piece,
    is_report,
    members_left,
    streams_left,
)
from tocsin.events.redaction.records import XARF, Reduction, loads, names_xarf, unreadable, withheld
from tocsin.node.errors import InputError
from tocsin.node.sentences import say

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer


BLOCK = 1 << 20
_DEPTH = 6  # archives, mails and encoded texts in one another
_GZIP, _ZIP = PACKED
_MOST_INNER = 1 << 29  # bytes that all come to that is packed in something packed
_HEAD = 1 << 16  # bytes that say whether it is a mail
_PIECE = 1 << 18  # bytes of text that are looked at first, and at least together
_FIRST = 1 << 22  # most bytes of the first piece
_KEPT_BACK = 1 << 16  # bytes that wait for what follows where no line ends
_BETWEEN = re.compile(rb"[\xef\xbb\xbf\s,\[\]]*")
_DAMAGE = (
    *(EOFError, OSError, NotImplementedError, RuntimeError, ValueError, zlib.error, lzma.LZMAError),
    zipfile.BadZipFile,
)


class MailRedaction(Protocol):
    """How reports are found in a mail; given by a place above, which reads mails."""

    def knows(self, head: bytes) -> bool:
        """Whether a report that begins so is a mail."""

    def kept(self, data: bytes, redaction: "Callable[[], Redaction]") -> "tuple[bytes, list[Redaction]]":
        """What of the mail may be kept, and what its reports passed, made by ``redaction``."""


class Redaction:
    """A report in blocks: give them to `take`, then call `end`; write or read what these return.

    ``changed``: whether anything was taken out so far. ``withheld``: of how many reports only the reference is left.
    ``found``: those of them that must never be held, for whoever notes them; each once, in order.

    Raises:
        InputError: one JSON object is longer than `HELD`.

    """

    def __init__(
        self,
        classes: ClassTable = BUILT_IN,
        depth: int = 0,
        mails: MailRedaction | None = None,
        unpacked: "list[int] | None" = None,
    ) -> None:
        self.changed = False
        self.withheld = 0
        self.found: list[FoundReport] = []
        self._classes, self._depth, self._mails = classes, depth, mails
        self._held = bytearray()
        self._decode: Callable[[bytes, bool], bytes] | None = None
        self._way: Callable[[bool], bytes] | None = None
        self._strict = self._broken = self._waited = self._begun = False
        self._unpacked = [0] if unpacked is None else unpacked  # bytes of all that is in one another

    def anew(self, *, mails: bool = True) -> "Redaction":
        """Another of the same classes that has seen nothing. ``mails``: whether it knows mails, if this one does."""
        return Redaction(self._classes, self._depth, self._mails if mails else None, self._unpacked)

    @property
    def verbatim(self) -> bool:
        """Whether all that follows passes as the very same bytes, and nothing is held."""
        return self.passing and self._decode is _same

    @property
    def passing(self) -> bool:
        """Whether all that follows passes as it is."""
        return self._way == self._all

    def take(self, block: bytes) -> bytes:
        """What may be kept of the bytes so far and was not returned yet."""
        return self._taken(block, final=False)

    def end(self) -> bytes:
        """The rest."""
        return self._taken(b"", final=True)

    def _taken(self, block: bytes, *, final: bool) -> bytes:
        if self._begun and self._decode is _same and not final:
            return self._further(block)
        self._held += self._decode(block, final) if self._decode else block
        if self._way is None:
            self._way = self._chosen(final)
        return self._way(final) if self._way else b""

    def _chosen(self, final: bool) -> Callable[[bool], bytes] | None:
        """How these bytes are to be looked at; None: more of them are needed."""
        if len(self._held) < 4 and not final:
            return None
        if self._decode is None:
            self._recode()
        first = self._held.lstrip(BLANK)
        head = bytes(first[:4])
        if head.startswith(PACKED) and self._depth < _DEPTH:
            return partial(self._whole, self._zip if head.startswith(_ZIP) else self._gzip)
        if not first and not final:
            return self._blanks
        if not first.startswith((b"{", b"[")):
            return self._chosen_text(bytes(first[:_HEAD]), final)
        line, end, _ = first.partition(b"\n")
        if not end and not final and len(self._held) < HELD:
            return None
        return self._lines if is_object(bytes(line)) else self._values

    def _chosen_text(self, begin: bytes, final: bool) -> Callable[[bool], bytes] | None:
        """The same of what begins with other words."""
        if len(begin) < _HEAD and not final:
            return None
        if self._mails and self._depth < _DEPTH and self._mails.knows(begin):
            return partial(self._whole, partial(self._mail, self._mails))
        return self._texts

    def _blanks(self, final: bool) -> bytes:
        """Blanks, which may be kept, then as if the rest came by itself."""
        blanks = self._release(len(self._held) - len(self._held.lstrip(BLANK)))
        self._way = self._chosen(final) if self._held or final else None
        if self._way == self._blanks:
            self._way = None
        return blanks + (self._way(final) if self._way else b"")

    def _texts(self, final: bool) -> bytes:
        """Text, or anything that is not JSON, a piece of whole lines at a time; the first one more thoroughly."""
        if self._begun:
            return self._further(b"", final=final)
        if not final and len(self._held) < _PIECE:
            return b""
        whole = final and len(self._held) <= _FIRST
        end = len(self._held) if whole else self._held.rfind(b"\n", 0, _FIRST) + 1 or min(len(self._held), _FIRST)
        piece, self._begun = self._release(end), True
        kept, rest = self._as_text(piece) if self.marked(piece) else piece, self._release(len(self._held))
        if (
            kept is piece and whole and _ZIP in piece and self._depth < _DEPTH
        ):  # words before a zip file, as tools take it
            return self._salvaged(piece)
        return kept + self._further(rest, final=final) if rest else kept

    def _further(self, block: bytes, *, final: bool = False) -> bytes:
        """The same of what follows the first piece; most of it is not copied more than once."""
        end = len(block) if final else block.rfind(b"\n") + 1 or len(block) - _KEPT_BACK
        if not final and end <= 0:
            self._held += block
            if len(self._held) < _PIECE:
                return b""
            block, end = b"", 0
        piece = b"".join((self._held, memoryview(block)[: max(end, 0)]))
        self._held = bytearray(memoryview(block)[max(end, 0) :])
        named = spelled(piece, self._classes.marks) if piece.isascii() else self.marked(piece)
        return self._as_text(piece) if named else piece

    def _as_text(self, raw: bytes) -> bytes:
        """A text with what may be kept of it."""
        if b"\0" in raw and not self._classes.hinted(raw):
            return raw  # no text
        text = as_text(raw)[0]
        before = len(self.found)
        kept = self._reduction(raw).text(text)
        if kept == text:
            return raw
        self.changed = True
        self.withheld += len(self.found) - before
        return kept.encode("utf-8", "replace")

    def _reduction(self, raw: bytes) -> Reduction:
        """How what was read is looked through; ``raw``: the record that it came in."""
        return Reduction(
            self._classes,
            lambda report, name: self.found.append(found_report(report, name, raw)),
            self._found_piece,
            self._opened,
        )

    def _found_piece(self, class_name: str, text: str) -> None:
        if class_name:
            self.found.append(report_in_text(class_name, text))
        else:
            self.withheld += 1

    def _opened(self, content: bytes) -> bool:
        """Whether encoded bytes hold a report that must never be held."""
        if self._depth >= _DEPTH:
            return False
        self._count(len(content))
        inner = _passed(content, self._inner())
        self.found += inner.found
        return bool(inner.found)

    def _count(self, size: int) -> None:
        if self._depth:
            self._unpacked[0] += size
            if self._unpacked[0] > _MOST_INNER:
                raise InputError(
                    say("What is packed in one another comes to more than %(most)s bytes.", most=f"{_MOST_INNER:,}"),
                    hint=say("Send it in parts."),
                )

    def _recode(self) -> None:
        """Read UTF-16 and UTF-32 as UTF-8 and leave the byte-order mark out, as readers do."""
        mark, encoding = encoding_of(bytes(self._held[:4]))
        self._decode = _same
        if encoding:
            decoder = codecs.getincrementaldecoder(encoding)("backslashreplace")
            self._decode = lambda block, final: decoder.decode(block, final).encode("utf-8", "backslashreplace")
        self._held = bytearray(self._decode(bytes(self._held[mark:]), False))

    def _all(self, final: bool) -> bytes:
        del final
        return self._release(len(self._held))

    def _release(self, end: int) -> bytes:
        data = bytes(self._held[:end])
        del self._held[:end]
        return data

    def _lines(self, final: bool) -> bytes:
        """One object a line."""
        end = len(self._held) if final else self._held.rfind(b"\n") + 1
        if not end and len(self._held) > HELD:
            raise _too_long()
        whole = bytes(self._held[:end])
        self._strict = self._strict or names_xarf(whole)
        if not (self._strict or self._waited or final) and (at := first_piece(whole)) is not None:
            self._way, end = self._waiting, at
        data = self._release(end)
        if not (self._strict or self.marked(data)):
            return data
        if not self._strict and first_piece(data) is not None:
            return self._as_text(data)
        return b"\n".join(map(self._line if self._strict else self._record, data.split(b"\n")))

    def _waiting(self, final: bool) -> bytes:
        """Lines from one on that is a piece of an object: what follows may say that it is of an X-ARF report."""
        if not final and len(self._held) < HELD:
            return b""
        self._way, self._waited = self._lines, True
        return self._lines(final)

    def _line(self, raw: bytes) -> bytes:
        """A line among reports: where it is a piece of one, or follows such a piece, nobody knows what is in it."""
        self._broken = self._broken or is_piece(raw)
        return self._unreadable(raw) if self._broken and raw.strip() and not is_report(raw) else self._record(raw)

    def _values(self, final: bool) -> bytes:
        """Documents behind each other, or the values of an array, wherever their lines end."""
        if not final and len(self._held) < HELD:
            return b""
        data, at = bytes(self._held), 0
        if final and not self.marked(data):
            return self._release(len(data))
        text, decoder, pieces = data.decode("latin-1"), json.JSONDecoder(), []
        while True:
            found = _BETWEEN.match(data, at)
            start = found.end() if found else at
            pieces.append(data[at:start])
            at = start
            if at == len(data):
                break
            try:
                end = decoder.raw_decode(text, at)[1]
            except (ValueError, RecursionError):
                if not final:
                    break
                end = len(data)
            pieces.append(self._record(data[at:end]))
            at = end
        if not final and len(data) - at >= HELD:
            raise _too_long()
        del self._held[:at]
        return b"".join(pieces)

    def _record(self, raw: bytes) -> bytes:
        """One JSON text as it may be kept, on as many lines."""
        if not self.marked(raw):
            return raw
        before = len(self.found)
        try:
            value = loads(as_text(raw.strip())[0])
            kept = self._reduction(raw).value(value)
            return raw if kept == value else self._instead(raw, kept, len(self.found) - before)
        except (ValueError, RecursionError):
            del self.found[before:]
            kept = self._as_text(raw)
            return self._unreadable(raw) if kept is raw and names_xarf(raw) else kept

    def _unreadable(self, raw: bytes) -> bytes:
        named = self._classes.class_named_in(raw)
        self.found += [unreadable_report(named, raw)] if named else []
        return self._instead(raw, unreadable(), 0)

    def _instead(self, raw: bytes, kept: object, found: int) -> bytes:
        """What stands for a record, on as many lines. Raises RecursionError where it is too deep."""
        count, text = _count(kept), json.dumps(kept)
        self.changed = True
        self.withheld += max(count, found)  # some stand in texts
        lines = "\n" * raw.count(b"\n")
        return f"{text[0]}{lines}{text[1:]}".encode()

    def _whole(self, kept: Callable[[bytes], bytes], final: bool) -> bytes:
        """What is packed, or a mail: what is in it decides what of it may be written."""
        if not final:
            if len(self._held) <= HELD:
                return b""
            self._way = self._all
            return self._all(final)
        return kept(self._release(len(self._held)))

    def _mail(self, mails: MailRedaction, data: bytes) -> bytes:
        kept, passed = mails.kept(data, self._inner)
        for one in passed:
            self._noted(one)
        self.changed |= kept is not data
        return kept

    def _gzip(self, data: bytes) -> bytes:
        inner = self._inner()
        packer = zlib.compressobj(wbits=31)
        out = bytearray()
        behind: list[bytes] = []
        try:
            for block in gunzip(io.BytesIO(data.lstrip(BLANK))):
                self._count(len(block))
                out += packer.compress(inner.take(block))
                if inner.passing:
                    return data
        except DamageError:
            behind = [*streams_left(data)]
        out += packer.compress(inner.end()) + packer.flush()
        return bytes(out) if self._noted(inner) else self._beside(data, behind)

    def _beside(self, data: bytes, pieces: Iterable[bytes]) -> bytes:
        """Packed data of whose members all may be kept: also what no reader unpacks is on the disk.

        ``pieces``: what is packed and stands in no list of members. A part at a time is looked at as a text: names,
        comments, what stands before and behind.
        """
        found = [self._noted(_passed(piece, self._inner())) for piece in pieces]
        parts = (data[max(0, at - _KEPT_BACK) : at + _PIECE] for at in range(0, len(data), _PIECE))
        texts = [part for part in parts if spelled(part, self._classes.marks)]
        changed = [self._as_text(part) is not part for part in texts]
        return json.dumps(unreadable()).encode() if any(found) or any(changed) else data

    def _zip(self, data: bytes) -> bytes:
        try:
            with zipfile.ZipFile(io.BytesIO(data)) as archive:
                members = [one for one in archive.infolist() if not one.is_dir() and not one.flag_bits & 1]
                seen = [_examined(archive, one, self._inner()) for one in members]
                if not any([self._noted(inner) for inner, _ in seen]):  # noqa: C419 (all)
                    if not all(whole for _, whole in seen):
                        return self._salvaged(data)
                    return self._beside(data, members_left(data, {one.header_offset for one in members}))
                out = io.BytesIO()
                with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as copy:
                    for one in members:
                        _copied(archive, one, copy, self._inner())
                return out.getvalue()
        except zipfile.BadZipFile:
            return self._salvaged(data)

    def _salvaged(self, data: bytes) -> bytes:
        """A damaged zip file: its members are found without its directory, as tools that repair such files do."""
        if any([self._noted(_passed(piece, self._inner())) for piece in members_left(data)]):  # noqa: C419 (all)
            return json.dumps(unreadable()).encode()
        return self._as_text(data) if self.marked(data) else data

    def _noted(self, inner: "Redaction") -> bool:
        self.changed |= inner.changed
        self.withheld += inner.withheld
        self.found += inner.found
        return inner.changed

    def _inner(self) -> "Redaction":
        return Redaction(self._classes, self._depth + 1, self._mails, self._unpacked)

    def is_plain(self, data: bytes) -> bool:
        """Whether it is a text without a mark, of which all may be kept: nothing of it is to be unpacked or parsed."""
        mail = self._mails is not None and self._mails.knows(data[:_HEAD])
        return not (data.lstrip(BLANK).startswith(PACKED) or encoding_of(data[:4])[1] or mail or self.marked(data))

    def marked(self, data: bytes) -> bool:
        """Whether JSON has a word that a report has, also one that escapes hide. Nothing is parsed for that."""
        return self._classes.marked(data, XARF)


def redacted(stream: BinaryIO, redaction: Redaction) -> io.BufferedReader:
    """The stream as far as it may be kept."""
    return io.BufferedReader(_RedactedStream(stream, redaction), BLOCK)


class _RedactedStream(io.RawIOBase):
    """What a redaction leaves of a stream."""

    def __init__(self, stream: IO[bytes], redaction: Redaction) -> None:
        super().__init__()
        self._stream, self.redaction = stream, redaction
        self._ready, self._ended = memoryview(b""), False

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "WriteableBuffer") -> int:
        if not self._ready and self.redaction.verbatim and isinstance(self._stream, io.BufferedReader):
            return self._stream.readinto(buffer)  # not a copy of it
        while not self._ready and not self._ended:
            block = self._stream.read(BLOCK)
            self._ended = not block
            self._ready = memoryview(self.redaction.take(block) if block else self.redaction.end())
        target = memoryview(buffer)
        length = min(len(target), len(self._ready))
        target[:length] = self._ready[:length]
        self._ready = self._ready[length:]
        return length


def _same(block: bytes, _final: bool) -> bytes:
    return block


def _examined(archive: zipfile.ZipFile, member: zipfile.ZipInfo, redaction: Redaction) -> tuple[Redaction, bool]:
    """The redaction after a member passed it up to where that is damaged, and whether it is whole."""
    whole = True
    try:
        with archive.open(member) as stream:
            while not redaction.passing and (block := stream.read(BLOCK)):
                redaction.take(block)
    except _DAMAGE:
        whole = False
    redaction.end()
    return redaction, whole


def _passed(data: bytes, redaction: Redaction) -> Redaction:
    redaction.take(data)
    redaction.end()
    return redaction


def _copied(archive: zipfile.ZipFile, member: zipfile.ZipInfo, copy: zipfile.ZipFile, redaction: Redaction) -> None:
    with copy.open(member.filename, "w", force_zip64=True) as out, suppress(*_DAMAGE), archive.open(member) as stream:
        kept = io.BufferedReader(_RedactedStream(stream, redaction), BLOCK)
        shutil.copyfileobj(kept, out)


def _count(value: object) -> int:
    """How many objects of a value are references only."""
    if isinstance(value, dict):
        return 1 if withheld(value) else sum(_count(one) for one in value.values())
    return sum(_count(one) for one in value) if isinstance(value, list) else 0


def _too_long() -> InputError:
    return InputError(
        say("One JSON object is longer than %(held)s bytes.", held=f"{HELD:,}"), hint=say("Send it in parts.")
    )
