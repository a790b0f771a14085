"""What acts on cases, requests and notices share: rows that a reader may see, with their partner and incident."""

from collections.abc import Mapping
from typing import Final, TypeVar

from sqlalchemy.orm import Session

from tocsin.exchange.ledger.cases.models import ExchangeCase, ExchangeMessage
from tocsin.exchange.ledger.links import OpenPartner, own_party
from tocsin.exchange.partners import Partner, find_partner
from tocsin.incidents import IncidentEntryKind, IncidentReader, find_incident, is_restricted, references_by_number
from tocsin.incidents.act_parts import OpenIncident, author_of, reader_of
from tocsin.interface import ActContext
from tocsin.node.errors import NotFoundError
from tocsin.node.sentences import say

CaseRow = TypeVar("CaseRow", ExchangeCase, ExchangeMessage)
_MISSING: Final[Mapping[type[object], tuple[str, str]]] = {
    ExchangeCase: (say("There is no such case."), "'tocsin exchange cases' lists them."),
    ExchangeMessage: (say("There is no such request."), "'tocsin exchange messages' lists them."),
}


def readable_row(
    session: Session, reader: IncidentReader, table: type[CaseRow], number: int, *, lock: bool = False
) -> CaseRow:
    """A case, or a request or notice, by its number here.

    Raises:
        NotFoundError: there is none, or the reader may not read its incident.

    """
    row = session.get(table, number, with_for_update=lock, populate_existing=lock)
    if row is None or (row.incident_id and not references_by_number(session, reader, [row.incident_id])):
        missing, hint = _MISSING[table]
        raise NotFoundError(missing, hint=hint)
    return row


def open_row(session: Session, context: ActContext, table: type[CaseRow], number: int) -> tuple[OpenPartner, CaseRow]:
    """A row with its partner, both locked."""
    reader = reader_of(context)
    partner = find_partner(session, str(readable_row(session, reader, table, number).partner_id), lock=True)
    row = readable_row(session, reader, table, number, lock=True)
    return OpenPartner(session, context, own_party(context.node, context.now), partner), row


def open_incident_of(opened: OpenPartner, reference: str) -> OpenIncident:
    """An incident in the transaction in which a partner is open; it is locked."""
    session, context = opened.session, opened.context
    incident = find_incident(session, reader_of(context), reference, lock=True)
    return OpenIncident(context, session, reader_of(context), incident, author_of(session, context))


def reference_of(session: Session, context: ActContext, row: ExchangeCase | ExchangeMessage) -> str:
    """The incident here, where there is one."""
    return references_by_number(session, reader_of(context), [row.incident_id]).get(row.incident_id or 0, "")


def is_hidden(opened: OpenPartner, row: ExchangeCase | ExchangeMessage) -> bool:
    """Whether it is of a restricted incident: more people see the list of dispatches."""
    reference = reference_of(opened.session, opened.context, row)
    return bool(reference) and is_restricted(open_incident_of(opened, reference).incident)


def enter(opened: OpenIncident, act: str, partner: Partner, text: str = "", **data: str) -> None:
    """The entry of the incident that says what was done with a partner."""
    said = {name: value for name, value in data.items() if value}
    opened.enter(IncidentEntryKind.EXCHANGE, text, data={"act": act, "name": partner.name, **said})
