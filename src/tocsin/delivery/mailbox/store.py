"""Mails that came in: known by what they say, and kept for their time."""

import hashlib
from datetime import date

from sqlalchemy import select

from tocsin.delivery.mailbox.models import MailState, ReceivedMail
from tocsin.delivery.mailbox.parse import ReadMail
from tocsin.node.blobs import Blobs
from tocsin.node.records import Database


def content_key(mail: ReadMail) -> str:
    """SHA-256 of what a mail says, the same for copies that came by different ways."""
    digest = hashlib.sha256()
    said = [mail.message_id, mail.sender, mail.subject, mail.text, mail.quoted]
    for piece in [*(text.encode("utf-8") for text in said), *(part.content for part in mail.all_parts())]:
        digest.update(len(piece).to_bytes(8, "big") + piece)
    return digest.hexdigest()


def delete_received(database: Database, mails: Blobs, day: date) -> int:
    """Delete the bytes of mails that were kept before a day, but for those that wait for a person; returns how many."""
    with database.reading() as session:
        waiting = select(ReceivedMail.sha256).where(ReceivedMail.state == MailState.WAITING.value)
        return mails.delete_before(day, but=set(session.scalars(waiting)))
