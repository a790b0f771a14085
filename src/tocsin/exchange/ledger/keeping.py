"""How long the files of dispatches are kept; rows, receipts and tombstones stay."""

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from sqlalchemy import or_, select, update
from sqlalchemy.orm import Session

from tocsin.exchange.dispatches import OPEN_STATES
from tocsin.exchange.ledger.models import IncomingRow, OfferedItem, OutgoingRow, PassedItem, ReceiptRow
from tocsin.exchange.ledger.states import OPEN_ITEMS, IncomingState
from tocsin.node.letters import Letter, LetterState


def forget_files(session: Session, before: datetime, held: Collection[tuple[str, UUID]]) -> int:
    """Let the files of dispatches go that are done and older; returns of how many. The sweep deletes what no row names.

    Done is a dispatch with its receipt, and one that came and offers nothing that waits. ``held``: references and
    UUIDs of incidents under a legal hold, whose dispatches keep their files.
    """
    return _sent(session, before, held) + _received(session, before, [reference for reference, _ in held])


def kept_files(session: Session) -> set[str]:
    """The SHA-256 of all files of dispatches that are kept; others are swept away."""
    rows = session.execute(select(OutgoingRow.archive, OutgoingRow.file)).all()
    came = session.scalars(select(IncomingRow.archive)).all()
    receipts = session.scalars(select(ReceiptRow.file)).all()
    waiting = Letter.state.in_([LetterState.QUEUED.value, LetterState.RETRY.value, LetterState.HELD.value])
    mails = session.scalars(select(Letter.file).where(Letter.file != "", waiting)).all()
    return {*(one for row in rows for one in row), *came, *receipts, *mails} - {""}


def _sent(session: Session, before: datetime, held: Collection[tuple[str, UUID]]) -> int:
    row, names = OutgoingRow, [name for _, name in held]
    about = select(PassedItem.outgoing_id).where(PassedItem.item.in_(names))
    done = row.state.not_in([one.value for one in OPEN_STATES]), row.sealed_at < before, row.id.not_in(about)
    gone = session.scalars(select(row.id).where(*done, or_(row.archive != "", row.file != ""))).all()
    session.execute(update(row).where(row.id.in_(gone)).values(archive="", file=""))
    return len(gone)


def _received(session: Session, before: datetime, held: Collection[str]) -> int:
    row, item = IncomingRow, OfferedItem
    waits = item.state.in_([one.value for one in OPEN_ITEMS])
    about = select(item.incoming_id).where(or_(waits, item.incident.in_(held)))
    done = row.state != IncomingState.SEEN.value, row.came_at < before, row.id.not_in(about)
    gone = session.scalars(select(row.id).where(*done, row.archive != "")).all()
    session.execute(update(row).where(row.id.in_(gone)).values(archive="", text=""))
    return len(gone)
