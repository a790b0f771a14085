"""What goes to partners by mail: the file of a dispatch, in several mails where it is large, and our receipts.

The mails leave with all others of this node, by its outbox: stopped, tried again and given up as those are.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import and_, or_, select
from sqlalchemy.orm import Session

from tocsin.delivery import Attachment
from tocsin.delivery.mailbox import MailBounce
from tocsin.exchange.dispatches import OutgoingState, file_name
from tocsin.exchange.ledger import (
    Direction,
    MailContent,
    OutgoingRow,
    finished_mail,
    newest_receipt,
    outgoing_bytes,
    queue_mail,
)
from tocsin.exchange.partners import Partner
from tocsin.exchange.ways.models import ExchangeArrival, ExchangeTry
from tocsin.exchange.ways.outbox import begin_try, end_try, note_sending
from tocsin.exchange.ways.states import ExchangeWay, TryOutcome
from tocsin.node.letters import EXCHANGE, Letter, LetterState
from tocsin.node.node import Node
from tocsin.node.records import node_uuid
from tocsin.node.sentences import say

PART: Final = "{digest}-{number}-of-{parts}.part"
"""What a part of a large file is called in a mail: the SHA-256 of the whole, and which part."""

_KIND: Final = "application/octet-stream"
_PAYLOAD: Final = 0.7  # of a mail's bytes, before Base64 and headers
_WAITING: Final = frozenset({LetterState.QUEUED.value, LetterState.RETRY.value, LetterState.HELD.value})
_TEXT: Final = (
    "A file for the node of {name}, of the node of {ours}. A node that reads this mailbox takes it by itself.\n"
)


def mail_dispatch(session: Session, node: Node, row: OutgoingRow, partner: Partner, now: datetime) -> ExchangeTry:
    """The mails that bring a dispatch, in the caller's transaction."""
    made = begin_try(session, row, ExchangeWay.MAIL, partner.mailbox, now)
    content = outgoing_bytes(node, session, row, partner)
    mails = [content] if row.number < 0 else _mails(node, row, partner, content, now)
    for number, mail in enumerate(mails, 1):
        queue_mail(session, node, partner, mail, key=f"{_key(made.id)}{number}", now=now)
    note_sending(session, row.id, OutgoingState.TRYING, say("A mail is on its way."))
    return made


def settle_mails(session: Session) -> list[OutgoingRow]:
    """What became of the mails of tries, in the caller's transaction; the dispatches that it changed."""
    changed = []
    back = session.scalars(select(Letter).where(Letter.kind == EXCHANGE, Letter.state == LetterState.BOUNCED.value))
    bounced = ExchangeTry.id.in_([try_of_letter(one) for one in back]), ExchangeTry.outcome == TryOutcome.ACCEPTED.value
    open_ = or_(ExchangeTry.outcome == TryOutcome.BEGUN.value, and_(*bounced))
    of = ExchangeTry.way == ExchangeWay.MAIL.value, open_
    for one in session.scalars(select(ExchangeTry).where(*of).order_by(ExchangeTry.id)).all():
        letters = session.scalars(select(Letter).where(Letter.key.startswith(_key(one.id), autoescape=True))).all()
        if any(letter.state in _WAITING for letter in letters):
            continue
        failed = next((letter for letter in letters if letter.state != LetterState.SENT.value), None)
        reason = "" if failed is None else _why_not(session, failed)
        end_try(session, one.id, TryOutcome.FAILED if reason else TryOutcome.ACCEPTED, reason)
        state = OutgoingState.STUCK if reason else OutgoingState.HANDED_OVER
        note_sending(session, one.outgoing_id, state, reason)
        changed.append(session.get_one(OutgoingRow, one.outgoing_id))
    return changed


def _why_not(session: Session, letter: Letter) -> str:
    """Why a mail did not arrive: what a delivery report says (RFC 3464), or why it did not leave."""
    of = MailBounce.letter_id == letter.id, MailBounce.failed.is_(True)
    found = session.scalar(select(MailBounce).where(*of).order_by(MailBounce.id.desc()).limit(1))
    if found is None:
        return letter.error or say("The mail was not sent.")
    said = " ".join(filter(None, (found.status, found.detail)))
    mailbox = f"{found.mailbox} ({said})" if said else found.mailbox
    return say("%(mailboxes)s sent it back.", mailboxes=mailbox)


def mail_receipts(session: Session, node: Node, now: datetime) -> int:
    """Our receipts for what came by mail, in the caller's transaction; how many."""
    due = session.scalars(select(ExchangeArrival).where(ExchangeArrival.answered_at.is_(None))).all()
    for one in due:
        partner = session.get_one(Partner, one.partner_id)
        receipt = newest_receipt(session, Direction.OUT, one.of)
        if receipt and receipt.file and partner.mailbox:
            file = Attachment("receipt.pgp", _KIND, node.exchange.read(receipt.file))
            mail = finished_mail(node, partner, now, _content(node, partner, "Receipt", [file]))
            queue_mail(session, node, partner, mail, key=f"exchange-arrival:{one.id}", now=now)
        one.answered_at = now
    return len(due)


def try_of_letter(letter: Letter) -> int | None:
    """The try that a letter is of; None: of none."""
    kind, _, rest = letter.key.partition(":")
    return int(rest.partition(":")[0]) if kind == "exchange-try" else None


def _mails(node: Node, row: OutgoingRow, partner: Partner, content: bytes, now: datetime) -> Iterator[bytes]:
    size = int(node.settings.mail.max_bytes * _PAYLOAD)
    parts = [content[at : at + size] for at in range(0, len(content), size)]
    whole = file_name(node_uuid(node.database), partner.node or UUID(int=0), row.number)
    for number, part in enumerate(parts, 1):
        name = whole
        if len(parts) > 1:
            name = PART.format(digest=row.file, number=number, parts=len(parts))
        of = f" ({number}/{len(parts)})" if len(parts) > 1 else ""
        content_ = _content(node, partner, f"{row.number}{of}", [Attachment(name, _KIND, part)])
        yield finished_mail(node, partner, now, content_)


def _content(node: Node, partner: Partner, subject: str, files: Sequence[Attachment]) -> MailContent:
    return MailContent(subject, _TEXT.format(name=partner.name, ours=node.settings.node.name), files)


def _key(number: int) -> str:
    return f"exchange-try:{number}:"
