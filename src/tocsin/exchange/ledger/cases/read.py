"""What is read of cases, requests and notices: lists, a case with its history, and the partners of an incident."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from sqlalchemy import select
from sqlalchemy.orm import Session

from tocsin.exchange.ledger.cases.models import ExchangeCase, ExchangeMessage
from tocsin.exchange.ledger.cases.states import OFFER_WAITS, CaseState
from tocsin.exchange.ledger.cases.writing import stored_history
from tocsin.exchange.ledger.models import OfferedItem, OutgoingRow, PassedItem
from tocsin.exchange.ledger.spoken_answers import recalled_items
from tocsin.exchange.ledger.states import OfferState
from tocsin.exchange.partners import Partner
from tocsin.exchange.statements import CaseEntry
from tocsin.incidents import Incident, IncidentReader, entries_of, observables_of, references_by_number

_Row = TypeVar("_Row", ExchangeCase, ExchangeMessage)


@dataclass(frozen=True)
class ListedCase:
    """A case with its partner. ``incident``: the reference of the incident here, or empty."""

    row: ExchangeCase
    partner: str
    incident: str


@dataclass(frozen=True)
class ListedMessage:
    """A request or notice with its partner. ``incident``: the reference of the incident here, or empty."""

    row: ExchangeMessage
    partner: str
    incident: str


@dataclass(frozen=True)
class IncidentPartner:
    """A partner of an incident. ``sent``: the newest version that went to it, with where that dispatch is.

    Without a dispatch, a program of the partner read it. ``recalled``: it was taken back.
    ``came``: the newest version that came from it. ``case``: handed over, offered or joint. ``entries``,
    ``observables``: how many are new here since it was sent.
    """

    partner: int
    name: str
    sent: tuple[PassedItem, OutgoingRow | None] | None = None
    recalled: bool = False
    came: OfferedItem | None = None
    case: ExchangeCase | None = None
    entries: int = 0
    observables: int = 0


def list_cases(
    session: Session, reader: IncidentReader, partner: int | None = None, *, limit: int = 1_000
) -> list[ListedCase]:
    """Cases with a partner, or with all, those changed last first; none whose incident the reader may not read."""
    found = _listed(session, reader, ExchangeCase, partner, limit)
    return sorted((ListedCase(*one) for one in found), key=lambda one: one.row.changed_at, reverse=True)


def list_messages(
    session: Session, reader: IncidentReader, partner: int | None = None, *, limit: int = 1_000
) -> list[ListedMessage]:
    """Requests and notices, the newest first; none whose incident the reader may not read."""
    return [ListedMessage(*one) for one in _listed(session, reader, ExchangeMessage, partner, limit)]


def case_entries(session: Session, row: ExchangeCase) -> list[CaseEntry]:
    """What the history of a case says, the oldest first."""
    return [one.said(CaseEntry) for one in stored_history(session, row).entries]


def offered_cases(session: Session) -> Sequence[ExchangeCase]:
    """Cases that partners offered, and nobody here has answered, the oldest first."""
    query = select(ExchangeCase).where(ExchangeCase.state == CaseState.OFFERED_TO_US.value)
    return session.scalars(query.order_by(ExchangeCase.changed_at)).all()


def unanswered_offers(session: Session, now: datetime) -> Sequence[ExchangeCase]:
    """Cases that we offered a week ago, with no answer here and not asked back, the oldest first."""
    late = ExchangeCase.changed_at <= now - OFFER_WAITS, ExchangeCase.withdrawn == ""
    query = select(ExchangeCase).where(ExchangeCase.state == CaseState.OFFERED.value, *late)
    return session.scalars(query.order_by(ExchangeCase.changed_at)).all()


def incident_partners(session: Session, reader: IncidentReader, incident: Incident) -> list[IncidentPartner]:
    """Who has an incident or has sent it: each with the newest version, where that is, and the case, by name."""
    sent = select(PassedItem, OutgoingRow).outerjoin(OutgoingRow, OutgoingRow.id == PassedItem.outgoing_id)
    mine = sent.where(PassedItem.item == incident.uuid).order_by(PassedItem.version)
    newest = {item.partner_id: (item, row) for item, row in session.execute(mine)}
    came = {
        one.partner_id: one
        for one in session.scalars(
            select(OfferedItem)
            .where(OfferedItem.incident == incident.reference, OfferedItem.state != OfferState.ERASED.value)
            .order_by(OfferedItem.version)
        )
    }
    cases = {
        one.partner_id: one
        for one in session.scalars(
            select(ExchangeCase).where(ExchangeCase.incident_id == incident.id).order_by(ExchangeCase.changed_at)
        )
    }
    recalled = {one.id for one in recalled_items(session, [row.id for _, row in newest.values() if row])}
    numbers = newest.keys() | came.keys() | cases.keys()
    if not numbers:
        return []
    entries, observables = entries_of(session, reader, [incident]), observables_of(session, reader, [incident])
    added = [one.added_at for one in observables]
    found = session.execute(select(Partner.id, Partner.name).where(Partner.id.in_(numbers)).order_by(Partner.name))
    made = []
    for number, name in found:
        passed = newest.get(number)
        taken_back = passed is not None and passed[0].id in recalled
        at = passed[1].sealed_at if passed and passed[1] else None
        made.append(
            IncidentPartner(
                number, name, passed, taken_back, came.get(number), cases.get(number),
                _since([one.recorded_at for one in entries], at), _since(added, at),
            )
        )  # fmt: skip
    return made


def _since(times: Sequence[datetime], at: datetime | None) -> int:
    return sum(one > at for one in times) if at is not None else 0


def _listed(
    session: Session, reader: IncidentReader, table: type[_Row], partner: int | None, limit: int
) -> list[tuple[_Row, str, str]]:
    query = select(table, Partner.name).join(Partner, Partner.id == table.partner_id)
    if partner is not None:
        query = query.where(table.partner_id == partner)
    rows = session.execute(query.order_by(table.id.desc()).limit(limit)).all()
    references = references_by_number(session, reader, [row.incident_id for row, _ in rows])
    shown = [(row, name) for row, name in rows if row.incident_id is None or row.incident_id in references]
    return [(row, name, references.get(row.incident_id or 0, "")) for row, name in shown]
