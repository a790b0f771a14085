"""Mails of the hotline, and mails that carry what must never be held, on the mail server.

A receipt is a reply from the hotline's own mailbox that proves by its address or its thread that it answers our very
message: a reference alone can be guessed. Nothing of such a mail is kept, since it may quote what it received.
"""

from collections.abc import Collection
from datetime import datetime
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from tocsin.delivery.mailbox import Mailbox, MailKind, ReadMail, original_ids, sort_mail
from tocsin.delivery.never_held.hotline import come_back, receive
from tocsin.delivery.never_held.models import HotlineMessage, NeverHeldReference, ReferenceState
from tocsin.delivery.never_held.references import find_reference
from tocsin.delivery.sending_policy import same_mailbox
from tocsin.node.errors import NotFoundError
from tocsin.node.node import Node
from tocsin.node.reply_addresses import references_in
from tocsin.node.tokens import open_tokens

_MOVE: Final = "move:"


def remove_mail(mailbox: Mailbox, uid: str, how: str) -> None:
    """Delete a mail on its server for good, or move it for the police. ``how``: ``delete`` or ``move:FOLDER``."""
    if how.startswith(_MOVE):
        mailbox.move(uid, how.removeprefix(_MOVE))
    else:
        mailbox.delete(uid)


def answers_hotline(node: Node, mail: ReadMail) -> bool:
    """Whether a mail answers one of our messages to the hotline; then nothing of it is kept."""
    with node.database.reading() as session:
        return _answered(session, node, mail) is not None


def take_hotline_mail(node: Node, mail: ReadMail, *, ours: Collection[str], now: datetime) -> None:
    """Note what such a mail says: that the hotline has the report, or that our message came back.

    ``ours``: as `sort_mail` takes it.
    """
    kind = sort_mail(mail, ours=ours).kind
    with node.database.begin() as session:
        row = _answered(session, node, mail)
        if row is None or row.state in {ReferenceState.RECEIVED, ReferenceState.PURGED}:
            return
        if kind is MailKind.BOUNCE:
            if row.state == ReferenceState.SENT:
                come_back(session, row, now=now)
        elif kind is not MailKind.AUTOMATIC and _is_from_hotline(node, mail) and _names(mail, row.reference):
            receive(session, row, mails=node.mails, actor="hotline", now=now)


def _answered(session: Session, node: Node, mail: ReadMail) -> NeverHeldReference | None:
    for reference in references_in(mail.recipients, node.settings.mailbox.address, open_tokens(node.home)):
        try:
            return find_reference(session, reference)
        except NotFoundError:
            continue
    ids = {*mail.in_reply_to, *mail.references, *original_ids(mail)}
    query = select(NeverHeldReference).join(HotlineMessage, HotlineMessage.reference_id == NeverHeldReference.id)
    return session.scalar(query.where(HotlineMessage.message_id.in_(ids))) if ids else None


def _is_from_hotline(node: Node, mail: ReadMail) -> bool:
    mailbox = node.settings.never_held.mailbox
    return bool(mailbox) and same_mailbox(mail.sender) == same_mailbox(mailbox)


def _names(mail: ReadMail, reference: str) -> bool:
    words = (mail.subject, mail.text, mail.quoted, *mail.recipients)
    return any(reference.casefold() in text.casefold() for text in words)
