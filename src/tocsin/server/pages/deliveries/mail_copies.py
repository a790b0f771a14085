"""The very mail: as it was kept when it left, or made again from its events, and as its reader sees it.

A mail that left by files is kept as a file. One that left by SMTP is made again, the same from the same events; so is
what a kept mail holds encrypted.
"""

import csv
import io
import json
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from email import message_from_bytes, policy
from email.message import MIMEPart
from itertools import islice
from pathlib import Path
from typing import Final

from tocsin.delivery import Delivery
from tocsin.node.errors import TocsinError
from tocsin.node.letters import Letter
from tocsin.pipeline.notify import preview_mail
from tocsin.pipeline.stores import NodeWithStores

ROWS_SHOWN: Final = 200
_MOST_BYTES = 20_000_000  # of a file in an archive; a longer one is not looked into
_HEADERS = ("From", "To", "Subject", "Date", "Message-ID", "Reply-To", "In-Reply-To", "Auto-Submitted")


@dataclass(frozen=True, slots=True)
class MailFile:
    """A file of a mail; ``kind`` is its media type."""

    name: str
    kind: str
    content: bytes

    @property
    def table(self) -> bool:
        """Whether `rows_of` can show it."""
        return self.name.endswith((".csv", ".jsonl", ".zip"))


@dataclass(frozen=True, slots=True)
class MailView:
    """A mail as its reader sees it: those headers that matter, its text, its files."""

    headers: list[tuple[str, str]]
    text: str
    files: list[MailFile]

    @property
    def subject(self) -> str:
        """Its subject."""
        return next((value for name, value in self.headers if name == "Subject"), "")


@dataclass(frozen=True, slots=True)
class Copy:
    """One mail of a digest or letter.

    ``content``: its bytes. ``kept``: these are the very bytes that left; else they were made again now. ``sealed``:
    they are encrypted, and ``read`` was made again; None where that is not possible any more, ``why`` says why.
    """

    content: bytes
    kept: bool
    sealed: bool
    read: MailView | None
    why: str = ""


def copies(node: NodeWithStores, found: Delivery | Letter) -> list[Copy]:
    """The mails behind a digest or letter, in their order.

    Raises:
        ConflictError: there is no kept one, and it cannot be made again; says why.

    """
    kept = kept_mails(node, found)
    if not kept:
        return [Copy(mail, kept=False, sealed=False, read=read_mail(mail)) for mail in _made_again(node, found)]
    if not any(is_sealed(mail) for mail in kept):
        return [Copy(mail, kept=True, sealed=False, read=read_mail(mail)) for mail in kept]
    why, again = "", []
    try:
        again = _made_again(node, found)
    except TocsinError as error:
        why = str(error)
    shown = [read_mail(mail) for mail in again] + [None] * (len(kept) - len(again))
    return [Copy(mail, True, is_sealed(mail), of, why) for mail, of in zip(kept, shown, strict=False)]


def kept_mails(node: NodeWithStores, found: Delivery | Letter) -> list[bytes]:
    """The files of the mails that left, part after part; none where they left by SMTP or retention deleted them."""
    path = node.mails / found.path
    if not found.path or not path.is_file() or not path.resolve().is_relative_to(node.mails.resolve()):
        return []
    first, _, _ = path.stem.partition("-1of")
    parts = sorted(path.parent.glob(f"{first}-*of*.eml"), key=_part) if path.stem != first else [path]
    return [part.read_bytes() for part in parts]


def is_sealed(content: bytes) -> bool:
    """Whether a mail is encrypted (RFC 3156, RFC 8551)."""
    head = message_from_bytes(content.partition(b"\r\n\r\n")[0] + b"\r\n\r\n", policy=policy.default)
    kind = head.get_content_type()
    return kind == "multipart/encrypted" or (
        kind == "application/pkcs7-mime" and head.get_param("smime-type") != "signed-data"
    )


def read_mail(content: bytes) -> MailView:
    """A mail, read as a mail program does."""
    message = message_from_bytes(content, policy=policy.default)
    headers = [(name, " ".join(str(message[name]).split())) for name in _HEADERS if message[name]]
    text, files = "", []
    for part in _leaves(message):
        if part.get_filename() or part.get_content_type() == "message/rfc822":
            files.append(MailFile(part.get_filename() or "mail.eml", part.get_content_type(), _bytes(part)))
        elif not text and part.get_content_type() == "text/plain":
            text = part.get_content()
    return MailView(headers, text.replace("\r\n", "\n"), files)


def rows_of(file: MailFile) -> tuple[list[str], list[list[str]], bool]:
    """The columns and the first rows of a file with data, and whether there are more rows; nothing of other files."""
    name, content = file.name, file.content
    if name.endswith(".zip"):
        name, content = _first_table(content)
    if name.endswith(".csv"):
        rows = list(islice(csv.reader(io.StringIO(content.decode("utf-8", "replace"))), ROWS_SHOWN + 2))
        return (rows[0], rows[1 : ROWS_SHOWN + 1], len(rows) > ROWS_SHOWN + 1) if rows else ([], [], False)
    if name.endswith(".jsonl"):
        lines = content.decode("utf-8", "replace").splitlines()
        objects = [json.loads(line) for line in lines[:ROWS_SHOWN] if line]
        columns = list(dict.fromkeys(key for one in objects for key in one))
        return columns, [[_shown(one.get(key)) for key in columns] for one in objects], len(lines) > ROWS_SHOWN
    return [], [], False


def _made_again(node: NodeWithStores, found: Delivery | Letter) -> list[bytes]:
    return [mail.content for mail in preview_mail(node, found.reference)]


def _leaves(message: MIMEPart) -> Iterator[MIMEPart]:
    """The parts that are no containers; an attached mail is one of them."""
    if message.is_multipart() and message.get_content_type() != "message/rfc822":
        for part in message.iter_parts():
            yield from _leaves(part)
    else:
        yield message


def _bytes(part: MIMEPart) -> bytes:
    if part.get_content_type() == "message/rfc822":
        return bytes(part.get_content().as_bytes())
    payload = part.get_payload(decode=True)
    return payload if isinstance(payload, bytes) else b""


def _first_table(content: bytes) -> tuple[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        for member in archive.infolist():
            if member.filename.endswith((".csv", ".jsonl")) and member.file_size <= _MOST_BYTES:
                return member.filename, archive.read(member)
    return "", b""


def _shown(value: object) -> str:
    return "" if value is None else value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _part(path: Path) -> int:
    """The number of a part, from ``REFERENCE-2of3.eml``."""
    return int(path.stem.rpartition("-")[2].partition("of")[0])
