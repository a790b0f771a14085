"""What was made of an item goes: from the tables of the exchange, and from texts that no part of an incident is for."""

import re
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any, Final

from sqlalchemy import column, delete, or_, select, table
from sqlalchemy.orm import Session

from tocsin.delivery import purge_letter
from tocsin.exchange.dispatches import OPEN_STATES, OutgoingState
from tocsin.exchange.ledger.cases import CaseEntryRow, ExchangeCase, ExchangeMessage
from tocsin.exchange.ledger.contents import drop_parts
from tocsin.exchange.ledger.misp_records import MISP_TYPE, MispRecord, RecordKind
from tocsin.exchange.ledger.models import IncomingRow, OfferedItem, OutgoingRow, PassedItem
from tocsin.exchange.ledger.read import signed_head
from tocsin.exchange.ledger.recalls.made import words_of
from tocsin.incidents import Incident, IncidentEntryKind, IncidentObservable, add_entry
from tocsin.incidents.contents import CONTENT
from tocsin.incidents.models import IncidentAlias
from tocsin.interface import ActContext
from tocsin.node.errors import ConflictError
from tocsin.node.letters import Letter
from tocsin.node.node import Node
from tocsin.node.sentences import say

_TRIES: Final = table("exchange_try", column("id"), column("outgoing_id"))  # of a higher room
_GONE: Final = "…"
_TABLES: Final[Mapping[str, Any]] = {
    one.__tablename__.replace("_", "."): one for one in (*CONTENT, ExchangeMessage)
}  # fmt: skip


def end_things(
    node: Node, session: Session, items: Sequence[OfferedItem], names: Collection[str], now: datetime
) -> None:
    """End these things of versions of an item, in the caller's transaction; parts of incidents are erased afterwards.

    Files go once this is true: `archives_of` names them before.
    """
    words = words_of(node, session, items, now)
    for name in names:
        place, _, rest = name.partition(":")
        if place == "incoming":
            _end_arrival(node, session, [one for one in items if one.incoming_id == int(rest)])
        elif place == "dispatch":
            _end_dispatch(node, session, session.get_one(OutgoingRow, int(rest)), now)
        elif place == "case":
            session.execute(delete(CaseEntryRow).where(CaseEntryRow.case_id == int(rest)))
            session.execute(delete(ExchangeCase).where(ExchangeCase.id == int(rest)))
        elif place == "incident":
            reference, _, part = rest.partition(":")
            _end_in_incident(session, reference, part, words)
    for one in items:
        same = PassedItem.node == one.node, PassedItem.item == one.item
        for passed in session.scalars(select(PassedItem).where(*same)):
            passed.title = ""
    session.flush()


def withdraw_things(context: ActContext, item: int, names: Collection[str]) -> None:
    """The observables among these things of an item are not looked for any more."""
    with context.database.begin() as session:
        for name in names:
            reference, _, part = name.removeprefix("incident:").partition(":")
            kind, _, number = part.partition("-")
            row = session.get(IncidentObservable, int(number)) if kind == "observable" else None
            if row is None or row.withdrawn_at is not None:
                continue
            row.withdrawn_at = context.now
            incident = session.scalars(select(Incident).where(Incident.reference == reference)).one()
            add_entry(
                session, incident, IncidentEntryKind.OBSERVABLE, data={"act": "withdrawn", "values": [row.value]},
                once=f"exchange//item:{item}:withdrawn:{row.id}", **context.by,
            )  # fmt: skip


def archives_of(session: Session, items: Sequence[OfferedItem], names: Collection[str]) -> tuple[str, ...]:
    """The SHA-256 of the files of dispatches that go with these things."""
    came = {one.incoming_id for one in items if f"incoming:{one.incoming_id}" in names}
    found = list(session.scalars(select(IncomingRow.archive).where(IncomingRow.id.in_(came))))
    sent = [int(one.partition(":")[2]) for one in names if one.startswith("dispatch:")]
    for archive, file in session.execute(select(OutgoingRow.archive, OutgoingRow.file).where(OutgoingRow.id.in_(sent))):
        found += [archive, file]
    found += [one.file for one in letters_of_dispatches(session, sent)]
    return tuple(dict.fromkeys(one for one in found if one))


def letters_of_dispatches(session: Session, numbers: Collection[int]) -> Sequence[Letter]:
    """The letters by which dispatches left as mails."""
    tries = session.scalars(select(_TRIES.c.id).where(_TRIES.c.outgoing_id.in_(numbers))).all()
    if not tries:
        return []
    return session.scalars(
        select(Letter).where(or_(*(Letter.key.startswith(f"exchange-try:{one}:") for one in tries)))
    ).all()


def _end_arrival(node: Node, session: Session, items: Sequence[OfferedItem]) -> None:
    for one in items:
        if session.get_one(IncomingRow, one.incoming_id).type == MISP_TYPE:
            of = MispRecord.partner_id == one.partner_id, MispRecord.target == one.item
            session.execute(delete(MispRecord).where(*of, MispRecord.kind != RecordKind.EVENT.value))
            for event in session.scalars(select(MispRecord).where(*of)):  # it stays blocked
                event.name = event.value = event.digest = ""
                event.deleted, event.content = True, {"marking": event.content.get("marking", "")}
            one.parts, one.title = [], ""
        else:
            drop_parts(node, session, one)


def _end_dispatch(node: Node, session: Session, row: OutgoingRow, now: datetime) -> None:
    """The copy here goes; of what has not arrived the signed head stays, encrypted, so that its number is used up."""
    open_, head = row.state in {one.value for one in OPEN_STATES}, ""
    if open_ and row.archive:
        with suppress(ConflictError):  # no key of the partner works: its number waits for one
            head = node.exchange.put(signed_head(node, session, row, now))
    elif open_:
        row.state, row.reason = OutgoingState.REFUSED.value, say("Its source has recalled what is in it.")
    for letter in letters_of_dispatches(session, [row.id]):
        purge_letter(session, letter)
        letter.file = ""
    row.archive, row.file, row.title = "", head, ""
    passed = (PassedItem.outgoing_id == row.id) | (PassedItem.recall_dispatch == row.id)
    for one in session.scalars(select(PassedItem).where(passed)):
        one.title = ""


def _end_in_incident(session: Session, reference: str, part: str, words: Sequence[str]) -> None:
    incident = session.scalars(select(Incident).where(Incident.reference == reference)).one()
    if part == "title":
        incident.title = reference
        return
    kind, _, number = part.partition("-")
    if (content := _TABLES.get(kind)) is None or (row := session.get(content, int(number))) is None:
        return  # a part, which is erased by itself, or what partners read, which is taken back
    if content is IncidentAlias:
        session.delete(row)
        return
    said = re.compile("|".join(map(re.escape, sorted(words, key=len, reverse=True))), re.IGNORECASE)
    for one in row.__mapper__.column_attrs:
        value = getattr(row, one.key)
        if isinstance(value, str | list | dict) and (without := _without(value, said)) != value:
            setattr(row, one.key, without)


def _without(value: Any, said: re.Pattern[str]) -> Any:
    """A value without the words that an item said."""
    match value:
        case str():
            return said.sub(_GONE, value)
        case list():
            return [_without(one, said) for one in value]
        case dict():
            return {name: _without(one, said) for name, one in value.items()}
        case _:
            return value
