"""Mails that came in: known by what they say, and kept for their time."""

import hashlib
from collections.abc import Collection, Sequence
from datetime import date

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from tocsin.delivery.mailbox.models import STILL_NEEDED, MailBounce, MailState, ReceivedMail
from tocsin.delivery.mailbox.parse import ReadMail
from tocsin.node.blobs import Blobs
from tocsin.node.records import Database
from tocsin.node.sentences import say


def content_key(mail: ReadMail) -> str:
    """SHA-256 of what a mail says, the same for copies that came by different ways."""
    digest = hashlib.sha256()
    said = [mail.message_id, mail.sender, mail.subject, mail.text, mail.quoted]
    for piece in [*(text.encode("utf-8") for text in said), *(part.content for part in mail.all_parts())]:
        digest.update(len(piece).to_bytes(8, "big") + piece)
    return digest.hexdigest()


def delete_received(database: Database, mails: Blobs, day: date, *, but: Collection[str] = ()) -> int:
    """Delete the bytes of mails that were kept before a day, but for those that wait for a person or are in the inbox.

    ``but``: these stay too. Returns how many.
    """
    with database.reading() as session:
        waiting = select(ReceivedMail.sha256).where(ReceivedMail.state.in_(STILL_NEEDED))
        return mails.delete_before(day, but={*session.scalars(waiting), *but})


def copies_of(session: Session, mail: ReceivedMail) -> Sequence[ReceivedMail]:
    """The mail and those that say the same, come by other ways."""
    same = (ReceivedMail.content == mail.content) & (ReceivedMail.content != "")
    return session.scalars(
        select(ReceivedMail).where(same | (ReceivedMail.id == mail.id)).order_by(ReceivedMail.id)
    ).all()


def purge_received(session: Session, mail: ReceivedMail) -> None:
    """Leave of a mail its number, its times, its hashes and what kind it was, in the caller's transaction."""
    mail.message_id = mail.sender = mail.subject = mail.ticket = mail.signed_by = ""
    mail.why, mail.reasons = say("It was purged."), []
    mail.state = MailState.CLOSED.value
    session.execute(update(MailBounce).where(MailBounce.mail_id == mail.id).values(detail=""))
