"""What shows that a dispatch arrived, by strength."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from tocsin.exchange.dispatches import OutgoingState
from tocsin.exchange.ledger import Direction, OutgoingRow, newest_receipt
from tocsin.exchange.ways.models import ExchangeEvidence, ExchangeTry
from tocsin.exchange.ways.outbox import note_sending
from tocsin.exchange.ways.states import EvidenceStrength, TryOutcome


@dataclass(frozen=True)
class ArrivalEvidence:
    """One thing that shows it, and since when."""

    strength: EvidenceStrength
    at: datetime


def note_evidence(session: Session, dispatch: int, strength: EvidenceStrength, source: str, at: datetime) -> None:
    """That a partner without a node has what was mailed, in the caller's transaction; the same thing counts once."""
    of = ExchangeEvidence.outgoing_id == dispatch, ExchangeEvidence.strength == strength.value
    if session.scalar(select(ExchangeEvidence.id).where(*of, ExchangeEvidence.source == source)) is None:
        session.add(ExchangeEvidence(outgoing_id=dispatch, strength=strength.value, source=source, at=at))
    note_sending(session, dispatch, OutgoingState.RECEIVED)


def evidence_of(session: Session, row: OutgoingRow) -> list[ArrivalEvidence]:
    """All that shows that a dispatch arrived, the strongest first."""
    receipt = newest_receipt(session, Direction.IN, row.hash)
    found = [ArrivalEvidence(EvidenceStrength.RECEIPT, receipt.at)] if receipt else []
    noted = session.scalars(select(ExchangeEvidence).where(ExchangeEvidence.outgoing_id == row.id))
    found += [ArrivalEvidence(EvidenceStrength(one.strength), one.at) for one in noted]
    accepted = ExchangeTry.outgoing_id == row.id, ExchangeTry.outcome == TryOutcome.ACCEPTED.value
    sent = session.scalars(select(ExchangeTry).where(*accepted))
    found += [ArrivalEvidence(EvidenceStrength.ACCEPTED, one.at) for one in sent]
    order = list(EvidenceStrength)
    return sorted(found, key=lambda one: (order.index(one.strength), one.at))
