"""What a partner without a node says by the link in a mail: it has it, or what became of what was recalled."""

from datetime import datetime
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from tocsin.exchange.dispatches import OutgoingState
from tocsin.exchange.ledger import LINK_PURPOSE, OutgoingRow, PassedItem
from tocsin.exchange.statements import DispatchType, RecallState
from tocsin.exchange.ways.evidence import note_evidence
from tocsin.exchange.ways.states import EvidenceStrength
from tocsin.node.records import AuditAction, audit
from tocsin.node.tokens import Tokens

KEPT_CODES: Final = ("legal-hold", "law")
"""Why something is kept although it was recalled."""


def linked_mail(session: Session, tokens: Tokens, token: str) -> OutgoingRow | None:
    """The mail that a link is of, while it waits for an answer; None for every other token."""
    number = tokens.read(LINK_PURPOSE, token)
    row = session.get(OutgoingRow, int(number)) if number and number.isdecimal() else None
    if row is None or row.number > 0:
        return None
    asked = row.type == DispatchType.RECALL and not _answered(session, row)
    return row if asked or row.state != OutgoingState.RECEIVED else None


def answer_link(session: Session, row: OutgoingRow, now: datetime, *, state: RecallState, code: str = "") -> None:
    """What the link was answered with, in the caller's transaction. ``state``, ``code``: of what was recalled."""
    note_evidence(session, row.id, EvidenceStrength.LINK, "link", now)
    detail: dict[str, object] = {"number": -row.number, "state": state.value, "code": code, "sha256": row.hash}
    subject = f"partner:{row.partner_id}"
    audit(session, AuditAction.DISPATCH_RECEIPTED, at=now, actor="link", subject=subject, detail=detail)
    for one in session.scalars(select(PassedItem).where(PassedItem.recall_dispatch == row.id)):
        one.answer, one.answer_code, one.answered_at = state.value, code, now


def _answered(session: Session, row: OutgoingRow) -> bool:
    of = PassedItem.recall_dispatch == row.id, PassedItem.answered_at.is_(None)
    return session.scalar(select(PassedItem.id).where(*of).limit(1)) is None
