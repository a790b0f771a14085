"""Whose a thing is that a partner brought, and what its source let go on to whom: agreements, and recorded answers."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from enum import StrEnum
from typing import Any, Final, TypeVar
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from tocsin.exchange.agreements import adopted_agreements
from tocsin.exchange.ledger.answer_models import ConsentRow
from tocsin.exchange.ledger.cases import ExchangeMessage
from tocsin.exchange.ledger.links import OpenPartner
from tocsin.exchange.ledger.models import OfferedItem
from tocsin.exchange.ledger.states import NOT_SOURCE, RECALLED_ITEMS
from tocsin.exchange.partners import Partner
from tocsin.exchange.sharing import IncidentView, SourceAnswer, item_source, repeated_things
from tocsin.exchange.statements import ConsentAnswer, ConsentQuestion, RequestAnswer
from tocsin.interface import ActContext
from tocsin.node.records import AuditAction
from tocsin.sharing.gate import ItemSource, Tlp

_FINAL: Final = frozenset({"done", "refused", "not-ours"})
_Row = TypeVar("_Row", OfferedItem, ExchangeMessage)


def with_sources(session: Session, us: UUID, now: datetime, view: IncidentView) -> IncidentView:
    """What a person reads of an incident, with whose the things are that are not ours, and what these let go on."""
    numbers, nodes = defaultdict[str, set[int]](set), dict[str, str]()
    for name in view.brought.values():
        kind, _, number = name.partition(":")
        numbers[kind].add(int(number))
    for entry in view.entries:
        if node := entry.data.get("node"):
            nodes[str(node)] = str(entry.data.get("name", ""))
    given = {one.source: one.name for one in consents_of(session, [view.incident.uuid])}
    if not numbers and not nodes and not given:
        return view
    found = dict[str, ItemSource]()
    made = _Sources(session, us, now, [view.incident.uuid])
    for party, name in {**given, **nodes}.items():
        found[party] = made.of(_node(party) or party, name, view.incident.uuid)
    items = _rows(session, OfferedItem, numbers["item"])
    for row in items:
        found[f"item:{row.id}"] = source_of_item(session, us, now, row)
    for message in _rows(session, ExchangeMessage, numbers["message"]):
        partner = session.get_one(Partner, message.partner_id)
        found[f"message:{message.id}"] = made.of(party_of(partner), partner.name, view.incident.uuid)
    taken = {str(row.node) for row in items if found[f"item:{row.id}"].recalled}  # with a case came its history
    found |= {node: replace(found[node], recalled=True) for node in nodes if node in taken}
    view = replace(view, sources=found)
    return replace(view, brought={**repeated_things(view), **view.brought}) if _any_recalled(found) else view


def _any_recalled(found: Mapping[str, ItemSource]) -> bool:
    return any(one.recalled for one in found.values())


def source_of_item(session: Session, us: UUID, now: datetime, row: OfferedItem) -> ItemSource:
    """Who an item is from that came, and what it lets go on, by agreements and answers that hold now."""
    party, name = source_party(session, row)
    found = _Sources(session, us, now, [row.item]).of(party, name, row.item, row.id)
    recalled = row.state in RECALLED_ITEMS and row.code != NOT_SOURCE
    return replace(found, recalled=recalled) if recalled else found


def source_party(session: Session, row: OfferedItem) -> tuple[UUID | str, str]:
    """The node that an item is from, or what else names its source; and what people here call it."""
    brought = session.get_one(Partner, row.partner_id)
    if row.way:  # a program of the partner posted it, which signs nothing
        return party_of(brought), brought.name
    known = session.scalar(select(Partner.name).where(Partner.node == row.node))
    return row.node, known or str(row.node)


def party_of(partner: Partner) -> UUID | str:
    """What a partner is called by the consent of a source: its node, or its address."""
    return partner.node or partner.mailbox


def consents_of(session: Session, items: Collection[UUID]) -> Sequence[ConsentRow]:
    """What sources let go on of items, the newest first, also what has ended."""
    of = select(ConsentRow).where(ConsentRow.item.in_(items)).order_by(ConsentRow.id.desc())
    return session.scalars(of).all()


class ConsentState(StrEnum):
    """Whether a consent counts."""

    IN_FORCE = "in-force"
    EXPIRED = "expired"
    WITHDRAWN = "withdrawn"


def consent_state(row: ConsentRow, now: datetime) -> ConsentState:
    """Whether a consent counts now."""
    if row.ended_at is not None:
        return ConsentState.WITHDRAWN
    return ConsentState.EXPIRED if row.until is not None and row.until <= now else ConsentState.IN_FORCE


def list_consents(session: Session) -> Sequence[tuple[ConsentRow, str]]:
    """All that sources let go on, the newest first, with the name of the partner that it may go to."""
    query = select(ConsentRow, Partner.name).join(Partner, Partner.id == ConsentRow.partner_id)
    return [(row, name) for row, name in session.execute(query.order_by(ConsentRow.id.desc()))]


def end_consents(session: Session, source: str, item: UUID, partner: int, now: datetime) -> int:
    """A source lets an item go on to a partner no more, from now on; how many consents that ends."""
    rows = [one for one in consents_of(session, [item]) if (one.source, one.partner_id) == (source, partner)]
    open_ = [one for one in rows if one.ended_at is None]
    for one in open_:
        one.ended_at = now
    return len(open_)


def note_consent(opened: OpenPartner, row: ExchangeMessage, dispatch: str, answer: RequestAnswer) -> None:
    """What a source answered to our question: yes within limits, which only get narrower; anything else ends it.

    It lets nothing go by itself. ``dispatch``: the hash of the one that says so.
    """
    asked, given, now = row.question, answer.consent, opened.context.now
    to = row.about_partner
    if asked is None or to is None or asked.item.node != opened.partner.node or answer.outcome not in _FINAL:
        return
    source = str(opened.partner.node)
    end_consents(opened.session, source, asked.item.id, to, now)
    if given is not None and answer.outcome == "done":
        limits = narrowed(asked, given)
        keep_consent(
            opened.session, opened.context, source=source, name=opened.partner.name, item=asked.item.id,
            partner_id=to, to=list(asked.to), up_to=limits.up_to.value, until=limits.until, way="dispatch",
            reference=dispatch,
        )  # fmt: skip
    opened.note(AuditAction.CONSENT_NOTED, item=str(asked.item.id), to=to, outcome=answer.outcome, sha256=dispatch)


def keep_consent(session: Session, context: ActContext, **said: Any) -> None:
    """A consent is on record from now on."""
    values = {"reference": "", "who": "", "said": "", "at": context.now, **said}
    session.add(ConsentRow(noted_at=context.now, noted_by=context.actor, ended_at=None, **values))


def narrowed(asked: ConsentQuestion, given: ConsentAnswer) -> ConsentAnswer:
    """What was given, but no more than was asked."""
    ends = [one for one in (asked.until, given.until) if one is not None]
    up_to = min(asked.up_to, given.up_to, key=lambda one: one.rank)
    return ConsentAnswer(up_to=up_to, until=min(ends, default=None))


def counting_consents(session: Session, now: datetime) -> list[str]:
    """Names of the consents that count now: they end by their date without any act."""
    rows = session.scalars(select(ConsentRow).where(ConsentRow.ended_at.is_(None)))
    return [f"consent:{one.id}" for one in rows if consent_state(one, now) is ConsentState.IN_FORCE]


class _Sources:
    """Sources of items, with what they consented to; what that takes is read once."""

    def __init__(self, session: Session, us: UUID, now: datetime, items: Collection[UUID]) -> None:
        self.now, self.agreements = now, [one for one in adopted_agreements(session, us) if one.binds(us, now)]
        self.rows = [one for one in consents_of(session, items) if one.ended_at is None]

    def of(self, party: UUID | str, name: str, item: UUID, number: int = 0) -> ItemSource:
        """A source, as the gate knows it."""
        answers = map(_answer, (one for one in self.rows if one.source == str(party)))
        return item_source(party, name, item, agreements=self.agreements, answers=answers, at=self.now, number=number)


def _answer(row: ConsentRow) -> SourceAnswer:
    reference = row.reference or f"consent:{row.id}"
    return SourceAnswer(reference, row.item, frozenset(row.to), Tlp(row.up_to), row.until)


def _node(party: str) -> UUID | None:
    try:
        return UUID(party)
    except ValueError:
        return None


def _rows(session: Session, table: type[_Row], numbers: Collection[int]) -> Sequence[_Row]:
    return session.scalars(select(table).where(table.id.in_(numbers))).all()
