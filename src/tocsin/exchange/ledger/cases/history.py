"""The history of a case that is ours: what happened in its incident becomes entries that this node signs."""

import json
from collections.abc import Iterable, Sequence
from typing import Any, Final
from uuid import uuid4

from sqlalchemy import select
from sqlalchemy.orm import Session

from tocsin.exchange.cases import CaseHistory, add_entry
from tocsin.exchange.ledger.cases.models import ExchangeCase
from tocsin.exchange.ledger.cases.states import CaseState, case_state
from tocsin.exchange.ledger.cases.writing import keep_entry, note_entry, stored_entries, stored_history
from tocsin.exchange.ledger.links import OpenPartner
from tocsin.exchange.sharing import PackageKind, PartnerPackage
from tocsin.exchange.statements import CaseAct, CaseEntry, GlobalName, Statement, sign_statement, utc
from tocsin.incidents import Incident, IncidentEntry, IncidentEntryKind, IncidentReader, entries_of, find_incident
from tocsin.incidents.act_parts import author_of
from tocsin.node.accounts import Person
from tocsin.node.errors import ConflictError
from tocsin.node.sentences import say
from tocsin.sharing.gate import TransferLevel

_FACTS: Final = {IncidentEntryKind.MILESTONE, IncidentEntryKind.STATE}  # their data has no numbers of this node
_OWN: Final = (CaseState.OURS, CaseState.REFUSED, CaseState.OFFERED)


def case_of_incident(session: Session, incident: Incident, *, ours: bool = True) -> ExchangeCase | None:
    """The case of an incident that may be, or was, handed over; the newest. ``ours``: only one that is ours."""
    query = select(ExchangeCase).where(ExchangeCase.incident_id == incident.id, ExchangeCase.joint.is_(False))
    if ours:
        query = query.where(ExchangeCase.state.in_([one.value for one in _OWN]))
    return session.scalar(query.order_by(ExchangeCase.id.desc()).limit(1))


def sign_entry(
    opened: OpenPartner, history: CaseHistory | None, case: GlobalName, act: CaseAct, **said: Any
) -> Statement:
    """The next entry of a history, by whoever acts; their name and role go along as text."""
    if not {"name", "role"} & said.keys():
        said |= _author(opened.session, author_of(opened.session, opened.context))
    body = CaseEntry(
        id=uuid4(), by=opened.us.name, at=utc(opened.context.now), case=case, act=act,
        number=len(history.entries) + 1 if history else 1, before=history.head if history else None, **said,
    )  # fmt: skip
    return sign_statement(body, opened.us.key.signer)


def append(opened: OpenPartner, row: ExchangeCase, history: CaseHistory | None, *made: Statement) -> CaseHistory:
    """The history with our entries, kept, and the case as it is by them."""
    for one in made:
        history = add_entry(history, one)
        keep_entry(opened.session, row, one)
        note_entry(row, one.said(CaseEntry), opened.us.name.node)
    if history is None:
        raise ValueError("nothing was added to no history")
    row.state, row.changed_at = case_state(history, opened.us.name.node).value, opened.context.now
    return history


def extend(
    opened: OpenPartner, row: ExchangeCase, history: CaseHistory, incident: Incident, package: PartnerPackage
) -> CaseHistory:
    """The history with all entries of the incident that go to the partner and are not in it yet.

    Raises:
        ConflictError: an entry that is in it may not go to this partner, and none can be left out of what was signed.

    """
    session = opened.session
    signed = {one.entry_id for one in stored_entries(session, row)} - {None}
    goes = _numbers(one.item.name for one in _timeline(package) if one.goes)
    kept = _numbers(one.item.name for one in _timeline(package) if one.verdict.level is not TransferLevel.CONTENT)
    if signed & kept:
        raise ConflictError(
            say("An entry in the signed history may not go to %(name)s.", name=opened.partner.name),
            hint=say("The preview says which rule keeps it."),
        )
    for entry in _entries(session, opened, incident):
        if entry.id in goes - signed and entry.kind != IncidentEntryKind.EXCHANGE:
            made = sign_entry(
                opened, history, history.entries[0].said(CaseEntry).case, CaseAct.ENTRY, text=_text(entry),
                happened=utc(entry.happened_at), **_author(session, entry.by),
            )  # fmt: skip
            history = add_entry(history, made)
            keep_entry(session, row, made, entry.id)
    row.state = case_state(history, opened.us.name.node).value
    return history


def history_for(opened: OpenPartner, reference: str, package: PartnerPackage) -> Sequence[Statement]:
    """The history that goes with an update: to who had or was offered the case, where all of it may go there."""
    reader = IncidentReader(opened.context.person, opened.context.now)
    incident = find_incident(opened.session, reader, reference)
    row = case_of_incident(opened.session, incident)
    if row is None:
        return ()
    history = stored_history(opened.session, row)
    said = [one.said(CaseEntry) for one in history.entries]
    if opened.partner.node not in {one.by.node for one in said} | {one.to.node for one in said if one.to}:
        return ()
    try:
        if history.offer is None:
            history = extend(opened, row, history, incident, package)
    except ConflictError:
        return ()
    return history.entries


def _timeline(package: PartnerPackage) -> list[Any]:
    return [one for one in package.decisions if one.item.kind is PackageKind.TIMELINE]


def _numbers(names: Iterable[str]) -> set[int | None]:
    return {int(name.removeprefix("entry ")) for name in names}


def _entries(session: Session, opened: OpenPartner, incident: Incident) -> list[IncidentEntry]:
    """The entries of an incident, the oldest first."""
    reader = IncidentReader(opened.context.person, opened.context.now)
    return list(entries_of(session, reader, [incident]))[::-1]


def _text(entry: IncidentEntry) -> str:
    if entry.kind in _FACTS:
        facts = json.dumps(entry.data, ensure_ascii=False, sort_keys=True)
        return f"{entry.kind} {facts} {entry.text}".strip()
    return entry.text or entry.kind


def _author(session: Session, by: str) -> dict[str, str]:
    """Who wrote an entry, as text: there are no accounts of others."""
    number = by.removeprefix("person:")
    person = session.get(Person, int(number)) if by.startswith("person:") and number.isdigit() else None
    return {"name": person.name, "role": person.role} if person else {"name": by[:500], "role": ""}
