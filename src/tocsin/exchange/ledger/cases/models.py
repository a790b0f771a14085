"""The tables of cases that are worked on together, and of requests and notices between nodes."""

import json
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey, Text, UniqueConstraint, Uuid
from sqlalchemy.orm import Mapped, mapped_column

from tocsin.exchange.ledger.cases.states import CONSENT
from tocsin.exchange.ledger.models import IncomingRow
from tocsin.exchange.partners import Partner
from tocsin.exchange.statements import ConsentQuestion, Request
from tocsin.node.records import Base, Json, UTCDateTime


class ExchangeCase(Base):
    """A case that was offered to a partner or by one; its history is in `CaseEntryRow`, and all here follows from it.

    ``partner_id``: with whom it was exchanged last. ``node``, ``case``: what it is called everywhere. ``joint``: each
    side keeps its own. ``state``: a `CaseState`. ``incident_id``: of the incident here, None: there is none yet.
    ``their_reference``: what the partner calls it. ``withdrawn``: the hash of an offer that is asked back. ``code``,
    ``reason``: of the newest refusal. ``incoming_id``: the dispatch that brought the newest offer. ``offered_by``: who
    offered it here, whose decision closes the incident once the case is the partner's; ``closing``: that is due.
    """

    __tablename__ = "exchange_case"
    __table_args__ = (UniqueConstraint("node", "case"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    partner_id: Mapped[int] = mapped_column(ForeignKey(Partner.id), index=True)
    node: Mapped[UUID] = mapped_column(Uuid)
    case: Mapped[UUID] = mapped_column(Uuid)
    joint: Mapped[bool]
    title: Mapped[str] = mapped_column(Text, default="")
    tlp: Mapped[str] = mapped_column(Text)
    state: Mapped[str] = mapped_column(Text, index=True)
    incident_id: Mapped[int | None] = mapped_column(index=True)
    their_reference: Mapped[str] = mapped_column(Text, default="")
    withdrawn: Mapped[str] = mapped_column(Text, default="")
    code: Mapped[str] = mapped_column(Text, default="")
    reason: Mapped[str] = mapped_column(Text, default="")
    incoming_id: Mapped[int | None] = mapped_column(ForeignKey(IncomingRow.id), index=True)
    offered_by: Mapped[str] = mapped_column(Text, default="")
    closing: Mapped[bool] = mapped_column(index=True, default=False)
    changed_at: Mapped[datetime] = mapped_column(UTCDateTime)


class CaseEntryRow(Base):
    """An entry of the history of a case, as its node signed it. ``entry_id``: the entry of the incident here."""

    __tablename__ = "exchange_case_entry"

    case_id: Mapped[int] = mapped_column(ForeignKey(ExchangeCase.id), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    hash: Mapped[str] = mapped_column(Text, unique=True)
    content: Mapped[str] = mapped_column(Text)
    signature: Mapped[str] = mapped_column(Text)
    entry_id: Mapped[int | None] = mapped_column(index=True)


class ExchangeMessage(Base):
    """A request or a notice: ``direction`` is ``out`` for ours, ``in`` for a partner's. ``kind``: a `MessageKind`.

    ``hash``: of the dispatch that brought it. ``asks``, ``basis``, ``instrument``, ``urgency``, ``answer_by``: of a
    request. ``incident_id``: what it is about here, or was opened into. ``due_at``: when a person here should have
    acknowledged it. ``state``: a `MessageState`; ``code``, ``later``, ``who``, ``answer``: the newest answer.
    ``once``: names the form that it came by. ``consent``: of a question of consent what was asked, as
    `ConsentQuestion` says it; ``about_partner``: of ours, the partner that an item is to go on to.
    """

    __tablename__ = "exchange_message"
    __table_args__ = (UniqueConstraint("partner_id", "hash"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    partner_id: Mapped[int] = mapped_column(ForeignKey(Partner.id))
    direction: Mapped[str] = mapped_column(Text)
    kind: Mapped[str] = mapped_column(Text)
    hash: Mapped[str] = mapped_column(Text)
    text: Mapped[str] = mapped_column(Text)
    tlp: Mapped[str] = mapped_column(Text)
    asks: Mapped[str] = mapped_column(Text, default="")
    basis: Mapped[str] = mapped_column(Text, default="")
    instrument: Mapped[str] = mapped_column(Text, default="")
    urgency: Mapped[str] = mapped_column(Text, default="")
    answer_by: Mapped[datetime | None] = mapped_column(UTCDateTime)
    incident_id: Mapped[int | None] = mapped_column(index=True)
    made_at: Mapped[datetime] = mapped_column(UTCDateTime)
    made_by: Mapped[str] = mapped_column(Text, default="")
    due_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    state: Mapped[str] = mapped_column(Text, index=True)
    acknowledged_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    acknowledged_by: Mapped[str] = mapped_column(Text, default="")
    code: Mapped[str] = mapped_column(Text, default="")
    later: Mapped[datetime | None] = mapped_column(UTCDateTime)
    who: Mapped[str] = mapped_column(Text, default="")
    answer: Mapped[str] = mapped_column(Text, default="")
    answered_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    once: Mapped[str | None] = mapped_column(Text, unique=True)
    consent: Mapped[dict[str, Any] | None] = mapped_column(Json)
    about_partner: Mapped[int | None]

    @property
    def question(self) -> ConsentQuestion | None:
        """What a source is asked to consent to, where this is such a request."""
        return None if self.consent is None else ConsentQuestion.model_validate_json(json.dumps(self.consent))


def request_values(asked: Request | None) -> dict[str, Any]:
    """What the row of a request has and that of a notice has not; it is by law only where it names its instrument."""
    if asked is None:
        return {}
    basis = "legal" if asked.basis == "legal" and asked.instrument else "voluntary"
    named: dict[str, Any] = {"asks": asked.asks, "basis": basis, "instrument": asked.instrument}
    if asked.consent is not None:
        named |= {"asks": CONSENT, "consent": asked.consent.model_dump(mode="json")}
    return named | {"urgency": asked.urgency, "answer_by": asked.answer_by}
