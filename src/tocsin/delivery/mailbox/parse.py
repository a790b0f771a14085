"""A mail from its bytes, whatever they are: headers, text, parts, forwarded mails; what goes beyond bounds is named.

Python's parser follows any depth and any number of parts, so that a small mail can cost minutes. Here parts are found
by their boundaries, the outermost first, and only headers are given to Python's parser, a bounded piece at a time.
Sources: RFC 5322 (headers, 3.6.4 identification), RFC 2045, 2046 (parts, 5.1 boundaries), RFC 2047, RFC 2183.
"""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.message import Message
from email.parser import BytesHeaderParser
from email.utils import getaddresses, parsedate_to_datetime
from itertools import islice
from typing import Final

from tocsin.delivery.mailbox.quoting import split_quoted
from tocsin.delivery.mailbox.text import header_text, html_text, one_line, text_of, visible

_BLANK_LINE = re.compile(rb"\r?\n\r?\n")
_QUOTED = r'"((?:[^"\\]|\\.){0,250})"'
_UNQUOTED = re.compile(r'"((?:[^"\\]++|\\.)*+)"?')  # of an id, where each has its end
_MESSAGE_ID = re.compile(rf"<(?:{_QUOTED}|[^<>\"]){{1,250}}>")
_BARE_ID = re.compile(r"[^\s<>@]{1,120}@[^\s<>@]{1,120}")
_ADDRESS = re.compile(r"[^\s@<>\"(),:;\\\[\]]{1,200}@[^\s@<>\"(),:;\\\[\]]{1,253}")
_VALUE = 4_000  # characters of one header value that are looked at
_LONG_VALUE = 16_000  # of those that name other mails
_HEADERS = 500
_IDS = 100
_NAME = 200


@dataclass(frozen=True)
class MailLimits:
    """How much of a mail is read. Depth counts parts within parts and mails within mails alike."""

    bytes: int = 40_000_000
    depth: int = 10
    parts: int = 200
    header_bytes: int = 64_000
    text_bytes: int = 200_000


LIMITS: Final = MailLimits()


@dataclass(frozen=True, slots=True)
class MailPart:
    """A leaf of the mail, decoded. ``name`` is a plain file name, empty where it has none."""

    media_type: str
    name: str
    charset: str
    attached: bool
    content: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class ReadMail:
    """What a mail says.

    ``headers``: lower-case name → values on one line, not decoded. Message ids are as `message_ids` gives them; of
    many references the first and the last are there. ``sender`` is
    the one address in From, empty where there is none or several; ``recipients`` those of To, Cc and the headers that
    a mail server adds. ``return_path`` is None where no server noted one, empty for a bounce. ``text`` is what was
    written, ``quoted`` what it quotes. ``reasons``: what was not read, and why.
    """

    headers: Mapping[str, tuple[str, ...]]
    message_id: str
    in_reply_to: tuple[str, ...]
    references: tuple[str, ...]
    sender: str
    sender_name: str
    recipients: tuple[str, ...]
    return_path: str | None
    subject: str
    date: datetime | None
    media_type: str
    report_type: str
    text: str
    quoted: str
    parts: tuple[MailPart, ...]
    forwarded: tuple["ReadMail", ...]
    reasons: tuple[str, ...]

    def header(self, name: str) -> str:
        """The first value of a header, or empty."""
        return next(iter(self.headers.get(name.lower(), ())), "")

    def all_parts(self) -> Iterator[MailPart]:
        """The parts of this mail and of those forwarded in it, in their order."""
        yield from self.parts
        for mail in self.forwarded:
            yield from mail.all_parts()


def read_mail(raw: bytes, limits: MailLimits = LIMITS) -> ReadMail:
    """What a mail says; raises nothing for any bytes."""
    reader = _MailReader(limits)
    if len(raw) > limits.bytes:
        reader.reason(f"Only its first {limits.bytes:,} bytes are read.")
        raw = raw[: limits.bytes]
    return reader.mail(_Span(raw, 0, len(raw)), 0)


def read_headers(raw: bytes, names: Collection[str], limits: MailLimits = LIMITS) -> dict[str, tuple[str, ...]]:
    """The named headers alone, as `ReadMail` has them: a tenth of the time of the whole mail."""
    head, _ = _MailReader(limits)._head(_Span(raw, 0, len(raw)))  # noqa: SLF001 (of this module)
    return _values(head, names)


@dataclass(frozen=True, slots=True)
class MailEntity:
    """A part of a mail by its place: headers from ``start``, its content from ``body`` to ``end``.

    ``parts``: where the parts of a multipart begin and end. ``encoding``: of transfer, in small letters.
    """

    media_type: str
    start: int
    body: int
    end: int
    parts: tuple[tuple[int, int], ...]
    name: str
    attached: bool
    encoding: str

    @classmethod
    def at(cls, raw: bytes, start: int, end: int, limits: MailLimits = LIMITS) -> "MailEntity":
        """The part that is there."""
        head, body = _MailReader(limits)._head(_Span(raw, start, end))  # noqa: SLF001 (of this module)
        media_type, name = _media_type(head), _file_name(head)
        boundary = _parameter(head, "boundary") if media_type.startswith("multipart/") else ""
        spans = _between(boundary.encode("utf-8", "surrogateescape"), body) if boundary else ()
        disposition = _raw(head, "content-disposition").split(";")[0].strip().lower()
        encoding = _raw(head, "content-transfer-encoding").strip().lower()
        parts = tuple((one.start, one.end) for one in islice(spans, limits.parts))
        return cls(media_type, start, body.start, end, parts, name, disposition == "attachment" or bool(name), encoding)


def entities_of(raw: bytes, limits: MailLimits = LIMITS) -> Iterator[MailEntity]:
    """A mail and its parts, the outermost first; not what is in mails that are forwarded in it."""
    waiting, count = [(0, len(raw), 0)], 0
    while waiting and count < limits.parts:
        start, end, depth = waiting.pop()
        count += 1
        yield (one := MailEntity.at(raw, start, end, limits))
        if depth < limits.depth:
            waiting += [(*span, depth + 1) for span in reversed(one.parts)]


def decoded(raw: bytes, one: MailEntity) -> bytes:
    """The content of a part without its transfer encoding."""
    head: Message[str, str] = Message()
    head["content-transfer-encoding"] = one.encoding
    return _content(head, raw[one.body : one.end])


def message_ids(value: str) -> list[str]:
    """The message ids in a header value, in angle brackets, as often as they stand there.

    Written in its shortest form, so that equal ids compare equal: without quotes that mean nothing and without blanks
    (RFC 5256, 3). An id without brackets, as some programs write it, counts where it is all there is.
    """
    found = [_shortest(one.group()) for one in _MESSAGE_ID.finditer(value)]
    if not found and _BARE_ID.fullmatch(value.strip()):
        found = [f"<{value.strip()}>"]
    return [one for one in found if one != "<>"]


def _shortest(message_id: str) -> str:
    if '"' in message_id:
        return _UNQUOTED.sub(lambda quoted: re.sub(r"\\(.)", r"\1", quoted[1]), message_id)
    return "".join(message_id.split())


@dataclass(frozen=True, slots=True)
class _Span:
    """A piece of the mail that is not copied out of it."""

    raw: bytes = field(repr=False)
    start: int
    end: int

    def copied(self) -> bytes:
        return self.raw[self.start : self.end]


@dataclass(slots=True)
class _MailContents:
    """What was found in one mail so far."""

    parts: list[MailPart] = field(default_factory=list)
    forwarded: list[ReadMail] = field(default_factory=list)


@dataclass(slots=True)
class _MailReader:
    """Reads one mail and all in it; counts parts and decoded bytes and collects reasons over the whole."""

    limits: MailLimits
    reasons: list[str] = field(default_factory=list)
    count: int = 0
    decoded: int = 0

    def reason(self, text: str) -> None:
        if text not in self.reasons:
            self.reasons.append(text)

    def mail(self, span: _Span, depth: int) -> ReadMail:
        """The mail in a piece."""
        head, body = self._head(span)
        found = _MailContents()
        self._part(head, body, depth, found)
        headers = _values(head)
        text, quoted = self._text(found.parts)
        names = _addresses(headers.get("from", ()))
        return ReadMail(
            headers=headers,
            message_id=next(iter(_ids(headers, "message-id")), ""),
            in_reply_to=_ids(headers, "in-reply-to"),
            references=_ids(headers, "references"),
            sender=names[0][1] if len(names) == 1 else "",
            sender_name=names[0][0] if len(names) == 1 else "",
            recipients=_recipients(headers),
            return_path=_return_path(headers),
            subject=header_text(next(iter(headers.get("subject", ())), "")),
            date=mail_date(next(iter(headers.get("date", ())), "")),
            media_type=_media_type(head),
            report_type=_parameter(head, "report-type").lower(),
            text=text,
            quoted=quoted,
            parts=tuple(found.parts),
            forwarded=tuple(found.forwarded),
            reasons=tuple(self.reasons),
        )

    def _head(self, span: _Span) -> "tuple[Message[str, str], _Span]":
        """The headers of a mail or part, and its content."""
        raw, start, end = span.raw, span.start, span.end
        if raw.startswith((b"\n", b"\r\n"), start, end):
            stop, body = start, start + 1 + raw.startswith(b"\r", start)
        elif gap := _BLANK_LINE.search(raw, start, end):
            stop, body = gap.start(), gap.end()
        else:
            stop = body = end
        if stop - start > self.limits.header_bytes:
            self.reason(f"Only the first {self.limits.header_bytes:,} bytes of its headers are read.")
            stop = start + self.limits.header_bytes
        return BytesHeaderParser().parsebytes(raw[start:stop]), _Span(raw, body, end)

    def _part(self, head: "Message[str, str]", body: _Span, depth: int, found: _MailContents) -> None:
        """Add what a part holds to ``found``."""
        self.count += 1
        if self.count > self.limits.parts:
            self.reason(f"Only its first {self.limits.parts} parts are read.")
            return
        media_type = _media_type(head)
        boundary = _parameter(head, "boundary") if media_type.startswith("multipart/") else ""
        nested = boundary or media_type in {"message/rfc822", "message/global"}
        if nested and depth >= self.limits.depth:
            self.reason(f"Parts more than {self.limits.depth} deep are not read.")
        elif boundary:
            self._parts(boundary, head, body, depth, found)
        elif nested and not _encoded(head):
            found.forwarded.append(self.mail(body, depth + 1))
        elif nested:
            content = _content(head, body.copied())
            self.decoded += len(content)
            if self.decoded > self.limits.bytes:  # a copy for each mail within a mail
                self.reason(f"Of the mails in it only {self.limits.bytes:,} bytes are decoded.")
            else:
                found.forwarded.append(self.mail(_Span(content, 0, len(content)), depth + 1))
        else:
            found.parts.append(_leaf(head, media_type, body.copied()))

    def _parts(self, boundary: str, head: "Message[str, str]", body: _Span, depth: int, found: _MailContents) -> None:
        """Add what the parts of a multipart hold to ``found``."""
        began = self.count
        for span in _between(boundary.encode("utf-8", "surrogateescape"), body):
            inner, content = self._head(span)
            if "content-type" not in inner and _media_type(head) == "multipart/digest":
                inner["content-type"] = "message/rfc822"  # RFC 2046, 5.1.5
            self._part(inner, content, depth + 1, found)
            if self.count > self.limits.parts:
                return
        if self.count == began:
            self.reason("It says that it has parts, but has none.")
            found.parts.append(_leaf(head, "text/plain", body.copied()))

    def _text(self, parts: Sequence[MailPart]) -> tuple[str, str]:
        """What the mail says in words and what it quotes: its first plain text, else its first HTML."""
        for wanted in ("text/plain", "text/html"):
            for part in parts:
                if part.media_type != wanted or part.attached:
                    continue
                if len(part.content) > self.limits.text_bytes:
                    self.reason(f"Only the first {self.limits.text_bytes:,} bytes of its text are read.")
                text = text_of(part.content[: self.limits.text_bytes], part.charset)
                said = split_quoted(html_text(text) if wanted == "text/html" else text)
                if any(said):
                    return said
        return "", ""


def _between(boundary: bytes, body: _Span) -> Iterator[_Span]:
    """The parts that a boundary separates; the last also where its end mark is missing."""
    mark = re.compile(rb"^--" + re.escape(boundary) + rb"(--)?[ \t]*\r?$", re.MULTILINE)
    raw = body.raw
    begin: int | None = None
    for hit in mark.finditer(raw, body.start, body.end):
        if begin is not None:
            line_end = 2 if raw.startswith(b"\r\n", hit.start() - 2) else 1
            yield _Span(raw, begin, max(begin, hit.start() - line_end))
        if hit.group(1):
            return
        begin = min(hit.end() + 1, body.end)
    if begin is not None:
        yield _Span(raw, begin, body.end)


def _leaf(head: "Message[str, str]", media_type: str, content: bytes) -> MailPart:
    name = _file_name(head)
    disposition = _raw(head, "content-disposition").split(";")[0].strip().lower()
    return MailPart(
        media_type=media_type,
        name=name,
        charset=_parameter(head, "charset"),
        attached=disposition == "attachment" or bool(name),
        content=_content(head, content),
    )


def _content(head: "Message[str, str]", content: bytes) -> bytes:
    """The content without its transfer encoding (RFC 2045, 6); as it is where that does not work."""
    if not _encoded(head):
        return content
    carrier: Message[str, str] = Message()
    carrier["content-transfer-encoding"] = _raw(head, "content-transfer-encoding").strip().lower()
    carrier.set_payload(content.decode("ascii", "surrogateescape"))
    decoded = carrier.get_payload(decode=True)
    return decoded if isinstance(decoded, bytes) else content


def _encoded(head: "Message[str, str]") -> bool:
    return _raw(head, "content-transfer-encoding").strip().lower() in {"base64", "quoted-printable"}


def _values(head: "Message[str, str]", names: Collection[str] = ()) -> dict[str, tuple[str, ...]]:
    """The headers by name: the named ones, or all."""
    values: dict[str, list[str]] = {}
    for name, value in list(head.raw_items())[:_HEADERS]:
        key = visible(name.encode("ascii", "replace").decode()).lower()
        if names and key not in names:
            continue
        cut = _ends(value) if key in {"references", "in-reply-to"} else value[:_VALUE]
        values.setdefault(key, []).append(one_line(_unescaped(cut)))
    return {name: tuple(of) for name, of in values.items()}


def _ends(value: str) -> str:
    """The first id of a long value, which names the thread, and its end, which names the parent."""
    return value if len(value) <= _LONG_VALUE else value[: value.find(">", 0, 300) + 1] + value[-_LONG_VALUE:]


def _raw(head: "Message[str, str]", name: str) -> str:
    """The first value of a header as text, cut where it is too long."""
    wanted = name.lower()
    return next((_unescaped(value[:_VALUE]) for key, value in head.raw_items() if key.lower() == wanted), "")


def _unescaped(value: str) -> str:
    """Bytes beyond ASCII, which the parser keeps as surrogates, as text."""
    return text_of(value.encode("utf-8", "surrogateescape"), "utf-8") if not value.isascii() else value


def _media_type(head: "Message[str, str]") -> str:
    """``text/plain`` where none is stated or it cannot be read (RFC 2045, 5.2)."""
    stated = one_line(_raw(head, "content-type").split(";")[0]).lower()
    return stated if re.fullmatch(r"[a-z0-9!#$&^_.+-]{1,80}/[a-z0-9!#$&^_.+-]{1,80}", stated) else "text/plain"


def _parameter(head: "Message[str, str]", name: str, header: str = "content-type") -> str:
    """A parameter of a header, also one in the forms of RFC 2231; empty where it is not there or cannot be read."""
    carrier: Message[str, str] = Message()
    carrier[header] = one_line(_raw(head, header))
    try:
        value = carrier.get_param(name, "", header=header)
    except (LookupError, ValueError, TypeError):
        return ""
    if isinstance(value, tuple):
        charset, _, text = value
        return text_of(text.encode("latin-1", "replace"), charset or "")
    return value or ""


def _file_name(head: "Message[str, str]") -> str:
    """The name of a file without any folder, one line."""
    name = _parameter(head, "filename", "content-disposition") or _parameter(head, "name")
    last = re.split(r"[/\\]", header_text(name))[-1]
    return last.strip(". ")[:_NAME]


def _ids(headers: Mapping[str, Sequence[str]], name: str) -> tuple[str, ...]:
    found = [one for value in headers.get(name, ()) for one in message_ids(value)]
    return tuple(found if len(found) <= _IDS else [found[0], *found[1 - _IDS :]])


def _addresses(values: Sequence[str]) -> list[tuple[str, str]]:
    """Names and addresses; an address is taken only where it can be one, its domain in lower case."""
    try:
        pairs = getaddresses(list(values[:20]))
    except (ValueError, LookupError, AttributeError, TypeError, RecursionError):
        return []
    return [(header_text(name), _lower_domain(address)) for name, address in pairs if _ADDRESS.fullmatch(address)]


def _recipients(headers: Mapping[str, Sequence[str]]) -> tuple[str, ...]:
    """Whom it was sent to; also where servers noted it, since To may name somebody else."""
    names = ("to", "cc", "delivered-to", "x-original-to", "envelope-to", "x-envelope-to")
    return tuple(dict.fromkeys(address for name in names for _, address in _addresses(headers.get(name, ()))))


def _return_path(headers: Mapping[str, Sequence[str]]) -> str | None:
    value = next(iter(headers.get("return-path", ())), None)
    return None if value is None else value.strip().strip("<>").strip()


def _lower_domain(address: str) -> str:
    local, _, domain = address.rpartition("@")
    return f"{local}@{domain.lower()}"


def mail_date(value: str) -> datetime | None:
    """When a Date header says that it was, in UTC; None where it cannot be read."""
    try:
        found = parsedate_to_datetime(value)
        return (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
