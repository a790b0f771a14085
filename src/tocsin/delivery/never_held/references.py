"""References: noted once each, read by their role only, forgotten after the days of the settings."""

import hashlib
import hmac
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

from sqlalchemy import delete, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from tocsin.delivery.never_held.models import HotlineMessage, NeverHeldReference, ReferenceState
from tocsin.node.errors import NotFoundError
from tocsin.node.records import AuditAction, audit
from tocsin.node.sentences import say
from tocsin.node.tokens import open_tokens

RECEIPT_WITHIN: Final = timedelta(hours=24)
"""So long a receipt is awaited before a person rings."""

_PURPOSE = "never-held"


@dataclass(frozen=True)
class Reference:
    """What may be kept of one report. ``host``: an address or host name. ``url_hmac``, ``content_hash``: `keyed_hash`.

    A report is the same when class, number and both hashes are; one without number and hashes is never the same.
    """

    class_name: str
    report_id: str = ""
    host: str = ""
    url_hmac: str = ""
    content_hash: str = ""

    @property
    def same(self) -> str | None:
        """What is equal in the same report, or None."""
        named = (self.report_id, self.url_hmac, self.content_hash)
        return "|".join((self.class_name, *named)) if any(named) else None


@dataclass(frozen=True)
class ReferenceLine:
    """A reference with its message, or None where nothing was sealed."""

    row: NeverHeldReference
    message: HotlineMessage | None

    @property
    def document(self) -> dict[str, Any]:
        """What its role is shown of it, by name."""
        row, message = self.row, self.message
        return {
            "reference": row.reference, "class": row.class_name, "report_id": row.report_id, "at": row.at,
            "place": row.place, "state": row.state, "host": row.host, "times": row.times,
            "sent_at": message.sent_at if message else None, "received_at": message.received_at if message else None,
            "error": str(message.error) if message else "",
        }  # fmt: skip

    @property
    def answer_due(self) -> datetime | None:
        """When a receipt is overdue; None where none is awaited any more."""
        if self.row.state not in {ReferenceState.WAITING, ReferenceState.SENT}:
            return None
        since = self.message.sent_at if self.message is not None else None
        return (since or self.row.at) + RECEIPT_WITHIN

    def rings(self, now: datetime) -> bool:
        """Whether a person must ring: nothing could be sealed or sent, or the receipt is overdue."""
        due = self.answer_due
        return self.row.state == ReferenceState.NOTED or (due is not None and due <= now)


def keyed_hash(home: Path, content: bytes) -> str:
    """HMAC-SHA-256 in hexadecimal under a key of this node, so that nobody else can try out what it was made of.

    Raises:
        StorageError: the node's secret cannot be used.

    """
    return hmac.new(open_tokens(home).derive(_PURPOSE), content, hashlib.sha256).hexdigest()


def note_reference(session: Session, reference: Reference, *, place: str, state: ReferenceState, now: datetime) -> int:
    """Note a reference in the caller's transaction, with its audit entry; its number.

    One that is known keeps its first time, place and state, and is counted.
    """
    known = _known(session, reference)
    if known is None:
        row = NeverHeldReference(
            class_name=reference.class_name, report_id=reference.report_id, at=now, place=place, host=reference.host,
            url_hmac=reference.url_hmac, content_hash=reference.content_hash, times=1, state=state.value,
            same=reference.same,
        )  # fmt: skip
        try:
            with session.begin_nested():
                session.add(row)
        except IntegrityError:  # another process noted it at the same moment
            known = _known(session, reference)
            if known is None:
                raise
        else:
            if state is not ReferenceState.PURGED:  # a purge has an entry of its own
                subject = f"never-held:{row.id}"
                audit(session, AuditAction.NEVER_HELD_NOTED, at=now, actor="never-held", subject=subject)
            return row.id
    known.times += 1
    return known.id


def find_reference(session: Session, reference: str) -> NeverHeldReference:
    """The row of a reference as people write it.

    Raises:
        NotFoundError: there is none.

    """
    number = reference.strip().rpartition("-")[2]
    row = session.get(NeverHeldReference, int(number)) if number.isdecimal() and len(number) < 10 else None
    if row is None or row.reference != reference.strip().upper():
        raise NotFoundError(say("There is no reference %(reference)s.", reference=reference.strip()[:40]))
    return row


def reference_line(session: Session, reference: str) -> ReferenceLine:
    """A reference with its message.

    Raises:
        NotFoundError: there is none.

    """
    row = find_reference(session, reference)
    return ReferenceLine(row, session.scalar(select(HotlineMessage).where(HotlineMessage.reference_id == row.id)))


def list_references(session: Session) -> list[ReferenceLine]:
    """All references, the newest first."""
    query = select(NeverHeldReference, HotlineMessage).outerjoin(
        HotlineMessage, HotlineMessage.reference_id == NeverHeldReference.id
    )
    return [
        ReferenceLine(row, message) for row, message in session.execute(query.order_by(NeverHeldReference.id.desc()))
    ]


def references_to_ring(session: Session, now: datetime) -> list[ReferenceLine]:
    """Those that a person must ring the hotline about, the oldest first."""
    open_states = (ReferenceState.NOTED.value, ReferenceState.WAITING.value, ReferenceState.SENT.value)
    query = select(NeverHeldReference, HotlineMessage).outerjoin(
        HotlineMessage, HotlineMessage.reference_id == NeverHeldReference.id
    )
    rows = session.execute(query.where(NeverHeldReference.state.in_(open_states)).order_by(NeverHeldReference.id))
    return [line for line in (ReferenceLine(row, message) for row, message in rows) if line.rings(now)]


def forget_references(session: Session, before: datetime, *, actor: str, now: datetime) -> int:
    """Delete references of before a time, with what is known of their messages; returns how many."""
    old = select(NeverHeldReference.id).where(NeverHeldReference.at < before)
    session.execute(delete(HotlineMessage).where(HotlineMessage.reference_id.in_(old)))
    gone = session.execute(
        delete(NeverHeldReference).where(NeverHeldReference.at < before).returning(NeverHeldReference.id)
    )
    number = len(gone.all())
    if number:
        detail: dict[str, object] = {"references": number}
        audit(session, AuditAction.NEVER_HELD_FORGOTTEN, at=now, actor=actor, subject="node", detail=detail)
    return number


def _known(session: Session, reference: Reference) -> NeverHeldReference | None:
    if reference.same is None:
        return None
    return session.scalar(select(NeverHeldReference).where(NeverHeldReference.same == reference.same))
