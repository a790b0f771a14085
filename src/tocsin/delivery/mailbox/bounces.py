"""Delivery reports: which mailbox a mail did not reach, and whether it ever will.

Sources: RFC 3464 (delivery status), RFC 3463 (status codes: 5.x.x is for good, 4.x.x for the moment), RFC 6522
(multipart/report). Reports without that form are recognised by their sender and words.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from email.message import Message
from email.parser import BytesHeaderParser
from typing import Final

from tocsin.delivery.mailbox.parse import MailPart, ReadMail, read_mail
from tocsin.delivery.mailbox.text import one_line, text_of

_RECIPIENTS: Final = 100
_DETAIL: Final = 300
_HEADERS_ONLY: Final = {"text/rfc822-headers", "message/rfc822-headers", "message/global-headers"}
_STATUS = re.compile(r"(?<![\d.])([45])\.(\d{1,3})\.(\d{1,3})(?![\d.])")
_REPLY_CODE = re.compile(r"(?<![\d.])([45])[0-5]\d(?=[ -])")
_FOR_GOOD = re.compile(
    r"permanent|does(n't| not) exist|user unknown|unknown user|no such user|unknown recipient|no mailbox here"
    r"|mailbox (is )?(unavailable|disabled|not found)|invalid recipient|address rejected|account (is )?disabled",
    re.IGNORECASE,
)
_DELAYED = re.compile(
    r"\bdelayed\b|\bwarning\b|\bretard|\bretraso|\batraso|will (keep|be) (trying|retried)", re.IGNORECASE
)
_ADDRESS = re.compile(r"[\w.!#$%&'*+/=?^`{|}~-]{1,64}@[A-Za-z0-9.-]{1,253}[A-Za-z0-9]")
_MESSAGE_ID = re.compile(r"message-id:\s{0,20}(<[^<>\s]{1,250}>)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Bounce:
    """What a report says of one mailbox. ``mailbox`` is empty where it does not say which.

    ``failed``: it did not arrive and is not tried any more; else it is late. ``permanent``: nor would another mail.
    ``status`` as in RFC 3463, or empty.
    """

    mailbox: str
    failed: bool
    permanent: bool
    status: str
    detail: str


def stated_bounces(mail: ReadMail) -> tuple[Bounce, ...] | None:
    """What a report in the form of RFC 3464 says of mailboxes that were not reached; None where it is no report."""
    reports = [
        part for part in mail.parts if part.media_type in {"message/delivery-status", "message/global-delivery-status"}
    ]
    if not reports:
        return None
    return tuple(bounce for part in reports for bounce in _recipients(part))


def guessed_bounces(mail: ReadMail) -> tuple[Bounce, ...]:
    """What a report in some server's own words says; one without mailbox where it names none."""
    text = _words(mail)
    status = _STATUS.search(text)
    code = status or _REPLY_CODE.search(text)
    late = bool(_DELAYED.search(mail.subject))
    permanent = not late and (code.group(1) == "5" if code else bool(_FOR_GOOD.search(text)))
    named = [one for value in mail.headers.get("x-failed-recipients", ()) for one in _ADDRESS.findall(value)]
    said = _said(text, code.start() if code else 0)
    return tuple(
        Bounce(mailbox, not late, permanent, status.group() if status else "", said)
        for mailbox in dict.fromkeys(named[:_RECIPIENTS]) or ("",)
    )


def addresses_named(mail: ReadMail) -> tuple[str, ...]:
    """Every address in the words of a report, in small letters."""
    text = _words(mail)
    return tuple(dict.fromkeys(found.lower() for found in _ADDRESS.findall(text)))


def original_ids(mail: ReadMail) -> tuple[str, ...]:
    """The Message-IDs of the mail that a report is about, as far as it says so."""
    found = [one.message_id for one in mail.forwarded]
    found += [read_mail(part.content).message_id for part in mail.parts if part.media_type in _HEADERS_ONLY]
    found += _MESSAGE_ID.findall(_words(mail))
    return tuple(dict.fromkeys(one for one in found if one))


def _words(mail: ReadMail) -> str:
    """The words of a report, also those that look quoted."""
    return f"{mail.text}\n{mail.quoted}"[:20_000]


def _recipients(part: MailPart) -> Iterator[Bounce]:
    """The recipients of a delivery-status part: groups of fields with blank lines between (RFC 3464, 2.1)."""
    groups = re.split(rb"\r?\n\r?\n", part.content[:200_000].strip())
    for group in groups[: _RECIPIENTS + 1]:
        fields = BytesHeaderParser().parsebytes(group)
        action = _field(fields, "action").lower()
        if action not in {"failed", "delayed"}:
            continue
        status = _STATUS.search(_field(fields, "status"))
        yield Bounce(
            mailbox=_mailbox(fields),
            failed=action == "failed",
            permanent=action == "failed" and status is not None and status.group(1) == "5",
            status=status.group() if status else "",
            detail=_field(fields, "diagnostic-code").partition(";")[2].strip()[:_DETAIL],
        )


def _mailbox(fields: "Message[str, str]") -> str:
    """The recipient as it was first addressed; the last one may be where somebody forwards to (RFC 3464, 2.3.1)."""
    for name in ("original-recipient", "final-recipient"):
        address = _field(fields, name).rpartition(";")[2].strip().strip("<>")
        if _ADDRESS.fullmatch(address):
            return address
    return ""


def _field(fields: "Message[str, str]", name: str) -> str:
    for key, value in fields.raw_items():
        if key.lower() == name:
            return one_line(text_of(value[:2_000].encode("utf-8", "surrogateescape"), "utf-8"))
    return ""


def _said(text: str, place: int) -> str:
    """The line at a place, and the next."""
    start = text.rfind("\n", 0, place) + 1
    return one_line(" ".join(text[start : start + 1_000].split("\n")[:2]))[:_DETAIL]
