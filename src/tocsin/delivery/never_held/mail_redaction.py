"""What of a mail may be kept: it is looked through part by part, also in the mails that were forwarded in it."""

import io
import json
import zipfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from email.message import EmailMessage
from email.parser import BytesHeaderParser
from functools import partial
from typing import Final

from tocsin.delivery.mailbox import (
    LIMITS,
    MailPart,
    ReadMail,
    abuse_reports,
    mails_of,
    read_mail,
    reports_in,
    text_of,
)
from tocsin.delivery.never_held.mail_filter import FilteredBytes, MailFilter
from tocsin.events.redaction import (
    NEVER_HELD,
    ClassTable,
    FoundReport,
    Redaction,
    placeholder,
    redacted_bytes,
)
from tocsin.node.confined import confined
from tocsin.node.errors import InputError

_FURTHER: Final = replace(LIMITS, depth=40, parts=2_000)
"""What is looked through for reports; of an answer less is read."""

_AS_IT_IS: Final = {"", "utf-8", "us-ascii"}
_KEPT: Final = ("Return-Path", "From", "To", "Date", "Message-ID")
MakeRedaction = Callable[[], Redaction]
Look = tuple[bytes, Redaction]
"""What may be a report, with the redaction after it passed."""


def packed_reports(data: bytes, redaction: MakeRedaction) -> tuple[bytes, list[Redaction]]:
    """A mail as it is; or, where something of it may not be kept, a ZIP file of the reports in it as they may."""
    mails = list(mails_of(data, _FURTHER))
    looks = [look for mail in mails for look in looked_through(mail, redaction)]
    looks += found_in(_beside(data, redaction), [one for _, one in looks])
    if not any(one.changed or one.withheld for _, one in looks):
        return data, []
    kept: list[tuple[str, bytes, Redaction]] = []
    for report in (report for mail in mails for report in reports_in(mail)):
        one = redaction()
        kept.append((report.name, redacted_bytes(report.content, one), one))
    passed_by = [one for _, _, one in kept]
    others = found_in(looks, passed_by)  # in texts, of which the words are not kept either
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for place, (name, content, _) in enumerate(kept):
            archive.writestr(f"{place}/{name}", content)
        for place in range(len(others)):
            archive.writestr(f"text/{place}/report.json", json.dumps(placeholder({}, "")))
    return packed.getvalue(), [*passed_by, *(one for _, one in others)]


def redacted_mail(raw: bytes, redaction: MakeRedaction) -> tuple[bytes, list[Redaction]]:
    """The mail as it came, and what was found in it, still to be noted.

    Where there is a report in it that may not be kept, only its way: sender, recipient, time and number.
    """
    parts = looked_through(read_mail(raw, _FURTHER), redaction)
    looks = [one for _, one in parts]
    looks += [one for _, one in found_in(_beside(raw, redaction), looks)]
    if not any(one.withheld or one.found for one in looks):
        return raw, []
    note, given = EmailMessage(), BytesHeaderParser().parsebytes(raw)
    for name in _KEPT:
        if given[name]:
            note[name] = " ".join(str(given[name]).split())
    note["Subject"] = "A report that was not kept"
    note.set_content(f"{NEVER_HELD}\n")
    return note.as_bytes(), looks


@dataclass(frozen=True)
class ArrivingMail:
    """A mail as it may be kept, what it says, and what was found in it, still to be noted."""

    raw: bytes = field(repr=False)
    mail: ReadMail
    found: tuple[FoundReport, ...]


@confined(seconds=20, megabytes=1_000, loads=("numpy",))
def filtered_mail(raw: bytes, classes: ClassTable) -> FilteredBytes:
    """A mail that somebody sent as a file, without what must never be held; looked through part by part.

    Raises as `filtered_bytes`.
    """
    kept, seen = redacted_mail(raw, partial(Redaction, classes, mails=MailFilter()))
    found = tuple(report for one in seen for report in one.found)
    return FilteredBytes(None if kept is raw else kept, found, sum(one.withheld for one in seen))


@confined(seconds=20, megabytes=1_000, loads=("numpy",))
def read_arriving(raw: bytes, classes: ClassTable) -> ArrivingMail:
    """What comes of a mail that somebody sent: looked through for what must never be held, then read."""
    kept, seen = redacted_mail(raw, partial(Redaction, classes, mails=MailFilter()))
    return ArrivingMail(kept, read_mail(kept), tuple(report for one in seen for report in one.found))


def looked_through(mail: ReadMail, redaction: MakeRedaction, raw: bytes = b"") -> list[Look]:
    """Whatever in a mail may be a report. ``raw``: all of it: what stands in no part is looked through, too."""
    texts = [text.encode("utf-8", "replace") for text in (mail.text, mail.quoted)]
    whole = [*(report.content for one in _mails(mail) for report in abuse_reports(one)), *texts]
    parts = [look for part in mail.all_parts() for look in _of_part(part, redaction)]
    looks = [*parts, *((content, passed(content, redaction())) for content in whole)]
    return [*looks, *found_in(_beside(raw, redaction), [one for _, one in looks])] if raw else looks


def _beside(raw: bytes, redaction: MakeRedaction) -> list[Look]:
    """A mail as a text: its headers, and what stands before, between and behind its parts."""
    return [(raw, passed(raw, redaction().anew(mails=False)))]


def found_in(looks: Sequence[Look], before: Sequence[Redaction] = ()) -> list[Look]:
    """Those in which a report was found that must never be held, and that was not found in one before."""
    known = {_key(found) for one in before for found in one.found}
    first = []
    for look in looks:
        new = set(map(_key, look[1].found)) - known
        if new:
            first.append(look)
        known |= new
    return first


def _key(found: FoundReport) -> tuple[str, str, str]:
    return found.class_name, found.report_id, found.url


def passed(data: bytes, redaction: Redaction) -> Redaction:
    """The redaction after the bytes passed it; nothing is noted yet."""
    try:
        redacted_bytes(data, redaction)
    except InputError:
        redaction.withheld += 1  # nobody knows what is in it
    return redaction


def _mails(mail: ReadMail) -> Iterator[ReadMail]:
    yield mail
    for inner in mail.forwarded:
        yield from _mails(inner)


def _of_part(part: MailPart, redaction: MakeRedaction) -> list[Look]:
    """What is found in a part: by the first look that can read a report, else by all."""
    looks = [(content, passed(content, redaction())) for content in _looks(part)]
    readable = [look for look in looks if any(report.readable for report in look[1].found)]
    return readable[:1] or looks


def _looks(part: MailPart) -> Iterator[bytes]:
    """A part as it came; of a text first as it reads."""
    if part.media_type.startswith("text/") and part.charset.lower() not in _AS_IT_IS:
        yield text_of(part.content, part.charset).encode("utf-8", "replace")
    yield part.content
