"""The reports in a mail: attached, packed, forwarded, and those that the mail itself is.

A mail itself is a report in ARF (RFC 5965, authentication failures: RFC 6591) and in X-ARF 0.1 and 0.2; of both a JSON
document is made, and what else is in such a mail is evidence: its attachments are those of whom it reports.
"""

import json
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from tocsin.delivery.mailbox.boxes import is_mail, mail_spans
from tocsin.delivery.mailbox.parse import LIMITS, MailLimits, MailPart, ReadMail, read_headers, read_mail
from tocsin.delivery.mailbox.text import header_text, one_line, text_of

_DEPTH: Final = 3  # mails that are attached as files, in one another
_HEAD: Final = 65_536  # bytes by which a source is recognised
_ENDINGS: Final = (".csv", ".tsv", ".json", ".jsonl", ".ndjson", ".xml", ".zip", ".gz")
_PACKED: Final = (b"PK\x03\x04", b"\x1f\x8b")
_OF_TYPES: Final = {
    "text/csv": ".csv",
    "text/tab-separated-values": ".tsv",
    "application/json": ".json",
    "application/x-ndjson": ".jsonl",
    "application/zip": ".zip",
    "application/x-zip-compressed": ".zip",
    "application/gzip": ".gz",
    "application/x-gzip": ".gz",
    "application/tlsrpt+json": ".json",  # RFC 8460, 6.4
    "application/tlsrpt+gzip": ".json.gz",
}

_FIELD: Final = re.compile(r"^([A-Za-z][\w-]{0,60})[ \t]*:[ \t]*(.*(?:\n[ \t]+\S.*)*)", re.MULTILINE)
_FIELDS: Final = 100
_FIELD_BYTES: Final = 64_000
_VALUE: Final = 4_000  # characters
_XARF: Final = {"category", "report-type", "source"}
"""What every X-ARF report of version 0.1 and 0.2 has."""
_OF_RECIPIENT: Final = {"original-rcpt-to", "original-envelope-id", "removal-recipient"}
"""What of ARF is not taken: who complained is nothing that the one complained of must know (RFC 6590)."""

Known = Callable[[str, bytes], bool]
"""Whether somebody knows the feed of an attachment, by its name and first bytes."""


@dataclass(frozen=True)
class MailReport:
    """One report in a mail."""

    name: str
    content: bytes = field(repr=False)


def _unknown(_name: str, _head: bytes) -> bool:
    return False


def mails_of(raw: bytes, limits: MailLimits = LIMITS) -> Iterator[ReadMail]:
    """The mail that the bytes are, or those of an mbox."""
    for start, end in list(mail_spans(raw)) or [(0, len(raw))]:
        yield read_mail(raw[start:end], limits)


def reports_in(mail: ReadMail, known: Known = _unknown, depth: int = _DEPTH) -> Iterator[MailReport]:
    """The reports in a mail: those that it is, else its parts that are reports by name, type, or first bytes.

    ``depth``: how deep mails that are attached as files are read; of those that are forwarded `read_mail` says it.
    """
    if own := list(abuse_reports(mail)):
        yield from own
        return
    for part in mail.parts:
        name = _name(part)
        if depth and part.attached and (name.lower().endswith(".eml") or is_mail(part.content[:_HEAD], 2)):
            yield from reports_in(read_mail(part.content), known, depth - 1)
        elif (
            name.lower().endswith(_ENDINGS)
            or (part.content.startswith(_PACKED) and "." not in name)  # office documents are zip files, too
            or (name and part.attached and known(name, part.content[:_HEAD]))
        ):
            yield MailReport(name or "report", part.content)
    for inner in mail.forwarded:
        yield from reports_in(inner, known, depth)


def abuse_reports(mail: ReadMail) -> Iterator[MailReport]:
    """A JSON document for each report in ARF, and in X-ARF 0.1 and 0.2, that a mail is, but not those in its parts."""
    reporter = mail.sender.rpartition("@")[2]
    for part in mail.parts:
        if part.media_type == "message/feedback-report":
            yield _document(reporter, "arf", _arf(_fields(part), mail) | {"reporter": reporter})
        elif part.media_type != "text/html" and b"eport-" in part.content[:_FIELD_BYTES]:
            fields = _fields(part)
            if fields.keys() >= _XARF:
                yield _document(reporter, "xarf", _xarf(fields))


def _name(part: MailPart) -> str:
    """Its name, with the ending of its type where it has none of a report."""
    ending = "" if part.name.lower().endswith(_ENDINGS) else _OF_TYPES.get(part.media_type, "")
    return f"{part.name or 'report'}{ending}" if ending else part.name


def _document(reporter: str, kind: str, values: dict[str, object]) -> MailReport:
    return MailReport(f"{reporter or 'report'}.{kind}.json", json.dumps(values).encode())


def _fields(part: MailPart) -> dict[str, list[str]]:
    """The values of each field of a part, whose names are in small letters: ``Name: value``, as headers are written."""
    text = text_of(part.content[:_FIELD_BYTES], part.charset)
    found: dict[str, list[str]] = {}
    for name, value in _FIELD.findall(text)[:_FIELDS]:
        plain = one_line(value)[:_VALUE].strip("<>")
        if plain[:1] in {'"', "'"} and plain[:1] == plain[-1:]:
            plain = plain[1:-1]
        if plain:
            found.setdefault(name.lower(), []).append(plain)
    return found


def _arf(fields: dict[str, list[str]], mail: ReadMail) -> dict[str, object]:
    """What an ARF report says.

    ``source``: each system that it names, the sender of the mail and the addresses of web pages in it. A sender that is
    not stated is not guessed from the mail.
    """
    senders = [one.split()[0].strip("[]").removeprefix("IPv6:") for one in fields.pop("source-ip", [])]
    pages = [one for one in fields.get("reported-uri", []) if one.lower().startswith(("http://", "https://"))]
    return {
        **{name: _one_or_all(values) for name, values in fields.items() if name not in _OF_RECIPIENT},
        "source": list(dict.fromkeys([*senders, *pages])),
        "mail": _reported(mail),
    }


def _xarf(fields: dict[str, list[str]]) -> dict[str, object]:
    given = {name: _one_or_all(values) for name, values in fields.items()}
    version, kind = given.pop("version", "0.2"), given.pop("report-type")
    old = isinstance(version, str) and version.startswith("0.")
    return {"xarf_version": version if old else "0.2", "type": kind, **given}


def _one_or_all(values: Sequence[str]) -> str | list[str]:
    return values[0] if len(values) == 1 else list(values)


def _reported(mail: ReadMail) -> dict[str, str]:
    """What the mail that is reported says of itself."""
    names = ("from", "subject", "date", "message-id")
    headers = [mail.forwarded[0].headers] if mail.forwarded else []
    headers += [read_headers(part.content, names) for part in mail.parts if part.media_type == "text/rfc822-headers"]
    given = headers[0] if headers else {}
    return {name: header_text(given[name][0]) for name in names if given.get(name)}
