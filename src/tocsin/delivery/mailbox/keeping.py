"""Mails as files, each named by the SHA-256 of its bytes: whole, once, and safe before anything follows from it."""

import hashlib
from datetime import UTC, date, datetime
from pathlib import Path

from sqlalchemy import select

from tocsin.delivery.mailbox.models import MailState, ReceivedMail
from tocsin.delivery.mailbox.reading import ReadMail
from tocsin.node.errors import NotFoundError
from tocsin.node.files import disk_failures, write_whole
from tocsin.node.records import Database


def keep_mail(folder: Path, raw: bytes) -> str:
    """Keep a mail; returns its SHA-256. One that is kept already is not written again.

    Raises:
        StorageError: the disk is full or fails.

    """
    name = hashlib.sha256(raw).hexdigest()
    path = mail_path(folder, name)
    with disk_failures("The mail cannot be kept"):
        if not path.exists():
            write_whole(path, raw, folders=3)
    return name


def kept_mail(folder: Path, sha256: str) -> bytes:
    """The bytes of a mail.

    Raises:
        NotFoundError: it is not there, as after its time (docs/settings.md, ``retention.mails_days``).
        StorageError: it cannot be read.

    """
    path = mail_path(folder, sha256)
    with disk_failures("The mail cannot be read"):
        if not path.is_file():
            raise NotFoundError("The file of this mail is not here any more.", hint="Only what the list shows is kept.")
        return path.read_bytes()


def mail_path(folder: Path, sha256: str) -> Path:
    """Where a mail is kept."""
    return folder / sha256[:2] / f"{sha256}.eml"


def content_key(mail: ReadMail) -> str:
    """SHA-256 of what a mail says, the same for copies that came by different ways."""
    digest = hashlib.sha256()
    said = [mail.message_id, mail.sender, mail.subject, mail.text, mail.quoted]
    for piece in [*(text.encode("utf-8") for text in said), *(part.content for part in mail.all_parts())]:
        digest.update(len(piece).to_bytes(8, "big") + piece)
    return digest.hexdigest()


def delete_received(database: Database, folder: Path, day: date) -> int:
    """Delete the files of mails that were kept before a day, but for those that wait for a person; returns how many."""
    old = [path for path in folder.glob("??/*") if datetime.fromtimestamp(path.stat().st_mtime, UTC).date() < day]
    waiting = select(ReceivedMail.sha256).where(ReceivedMail.state == MailState.WAITING.value)
    with database.begin() as session:
        kept = set(session.scalars(waiting))
    deleted = [path for path in old if path.stem not in kept]
    with disk_failures("Old mails cannot be deleted"):
        for path in deleted:
            path.unlink(missing_ok=True)
    return len(deleted)
