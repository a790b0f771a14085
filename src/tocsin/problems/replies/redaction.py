"""A mail as it may be kept: one that carries a report of child sexual abuse (X-ARF) becomes a note that it came."""

from email.message import EmailMessage
from email.parser import BytesHeaderParser
from itertools import chain
from typing import Final

from tocsin.delivery.mailbox import read_mail
from tocsin.events.redaction import ABUSE, redacted_bytes

_KEPT: Final = ("Return-Path", "From", "To", "Date", "Message-ID")


def redacted_mail(raw: bytes) -> bytes:
    """The mail as it came; where there is such a report in it, only its way: sender, recipient, time and number."""
    mail = read_mail(raw)
    texts = (text.encode("utf-8", "replace") for text in (mail.text, mail.quoted))
    parts = (part.content for part in mail.all_parts())
    if not any(redacted_bytes(content)[1] for content in chain(parts, texts)):
        return raw
    note, given = EmailMessage(), BytesHeaderParser().parsebytes(raw)
    for name in _KEPT:
        if given[name]:
            note[name] = " ".join(str(given[name]).split())
    note["Subject"] = "A report that was not kept"
    note.set_content(f"{ABUSE}\n")
    return note.as_bytes()
