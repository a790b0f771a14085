"""What may not go on without its source: that is asked, a person there answers, and it is on record here."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, Field, model_validator
from sqlalchemy import select
from sqlalchemy.orm import Session

from tocsin.delivery.texts import check_filled
from tocsin.exchange.ledger.cases.messages import (
    MessageAnswer,
    MessageNamed,
    MessageResult,
    NewMessage,
    answer_message,
    open_message,
    send_message,
)
from tocsin.exchange.ledger.cases.models import ExchangeMessage
from tocsin.exchange.ledger.cases.states import CONSENT, CONSENT_DAYS, OPEN_MESSAGES, MessageState
from tocsin.exchange.ledger.consents import (
    end_consents,
    keep_consent,
    narrowed,
    party_of,
    source_of_item,
    source_party,
)
from tocsin.exchange.ledger.items import ItemNumber, find_item, reference_of_item
from tocsin.exchange.ledger.mail_sealing import language_of
from tocsin.exchange.ledger.models import OfferedItem
from tocsin.exchange.ledger.passing_on import release_of_item
from tocsin.exchange.ledger.recipients import person_key
from tocsin.exchange.ledger.spoken_answers import HowSaid, WhoSaid
from tocsin.exchange.ledger.states import Direction, OfferState
from tocsin.exchange.partners import Once, Partner, PartnerName, find_partner
from tocsin.exchange.statements import ConsentAnswer, ConsentQuestion, GlobalName, Request, utc
from tocsin.incidents import find_incident, parties_of
from tocsin.incidents.act_parts import LINE, Text, Tlp, kept, reader_of
from tocsin.interface import N_, ActContext, Moment, Wording
from tocsin.node.errors import ConflictError, NotFoundError, UsageError
from tocsin.node.records import AuditAction, audit, node_uuid
from tocsin.node.sentences import say
from tocsin.sharing.gate import ItemSource, TransferLevel
from tocsin.sharing.gate import Tlp as TlpLabel

_MAY_WE = N_("May we pass on %(item)s, which is from you, to %(name)s, up to TLP:%(tlp)s? Until: %(until)s.")
_ALWAYS = N_("no end")


_UpTo = Annotated[Tlp | None, Field(title=N_("Up to which label")), Wording(choices="labels")]
_Until = Annotated[Moment | None, Field(title=N_("Until (UTC)")), Wording(hint=N_("Empty: no end."))]


class AskedSource(BaseModel):
    """Which item of a partner is to go on to whom."""

    item: ItemNumber
    partner: Annotated[PartnerName, Wording(choices="partners")] = Field(
        title=N_("May go on to"), description="Number or name of the partner that it is to go on to."
    )
    up_to: _UpTo = Field(None, description="Up to which label; without it, that of the item.")
    until: _Until = Field(None, description="Until when it may go; without it, there is no end.")
    answer_by: Annotated[Moment | None, Wording(hint=N_("Empty: in 7 days."))] = Field(
        None, title=N_("Answer needed by"), description="When an answer is needed; without it, in 7 days."
    )
    text: Text = Field("", max_length=5_000, title=N_("Why, for the source"), description="Why, for the source.")
    tlp: Annotated[Tlp, Wording(hidden=True)] = Field(
        "GREEN", title=N_("Marking"),
        description="The marking of the question, which names the item by reference alone.",
    )  # fmt: skip
    once: Once = ""


class GivenConsent(MessageNamed):
    """Yes to a question of a partner, within limits."""

    up_to: _UpTo = Field(None, description="Up to which label, at most what was asked; without it, that.")
    until: Annotated[_Until, Wording(hint=N_("Empty: no end, or as was asked."))] = Field(
        None, description="Until when, at most as was asked."
    )
    text: Text = Field(
        "", max_length=10_000, title=N_("Message for the partner"), description="A message for the partner."
    )


class RecordedConsent(BaseModel):
    """What a source says of passing on, by telephone, mail or in person."""

    partner: PartnerName = Field(
        title=N_("May go on to"), description="Number or name of the partner that it may go on to."
    )
    item: int | None = Field(
        None, ge=1, le=2**31, title=N_("Shared item"), description="The number of the offered item."
    )
    incident: str = Field(
        "", max_length=60, title=N_("Reference of the incident"),
        description="Or the reference of an incident, with --source.",
    )  # fmt: skip
    source: Annotated[str, Wording(hint=N_("A party of the incident, or a partner."))] = Field(
        "", max_length=200, pattern=LINE, title=N_("Source"),
        description="Whose: a party of the incident, or a partner.",
    )  # fmt: skip
    answer: Annotated[
        Literal["yes", "no"],
        Wording(lacking=N_("Choose an answer."), choices={"yes": N_("Yes"), "no": N_("No, or not any more")}),
    ] = Field(title=N_("Answer"), description="yes; or no, which ends what was let go before.")
    up_to: Annotated[Tlp, Wording(choices="labels")] = Field(
        "AMBER", title=N_("Up to which label"), description="Up to which label."
    )
    until: _Until = Field(None, description="Until when; without it, there is no end.")
    way: HowSaid = Field(title=N_("Method"))
    who: WhoSaid = Field(description="Who of the source said it.")
    at: Annotated[Moment | None, Wording(hint=N_("Empty: now."))] = Field(
        None, title=N_("When (UTC)"), description="When; without it, now."
    )
    said: str = Field(
        "", max_length=500, pattern=LINE, title=N_("What else was said"), description="What else they said."
    )

    @model_validator(mode="after")
    def _of_one(self) -> "RecordedConsent":
        if (self.item is None) == (not self.incident) or bool(self.incident) != bool(self.source):
            raise ValueError(N_("Name an item, or an incident and a source."))
        return self


class ConsentResult(BaseModel):
    """What a source said, after it was recorded. ``ended``: how many earlier consents count no more."""

    source: str
    partner: int
    name: str
    answer: str
    ended: int


def ask_source(context: ActContext, request: AskedSource) -> MessageResult:
    """A signed request to the node that the item is from. Nothing goes on before its answer is here.

    Raises:
        ConflictError: it needs no consent, or its consent would not be enough; it was asked; or no partner is its node.

    """
    check_filled(context.node.home, text=request.text)
    text = kept(context, request.text)
    with context.database.reading() as session:
        row, to = find_item(session, request.item), find_partner(session, request.partner)
        source = _askable(session, context, row, to)
        question = ConsentQuestion(
            item=GlobalName(node=row.node, id=row.item), to=tuple(_names(session, context, to)), name=to.name,
            up_to=TlpLabel(request.up_to or row.tlp), until=utc(request.until) if request.until else None,
        )  # fmt: skip
        called = reference_of_item(context.node, session, row) or str(row.item)
        words = _words(context, language_of(source), called, question)
        message = NewMessage(text=f"{words}\n\n{text}".strip(), tlp=request.tlp, once=request.once)
        once = f"{context.key_of(message)}:{source.id}" if request.once else None
        if (before := _asked(session, row.item, to.id)) and (once is None or before[0].once != once):
            raise ConflictError(say("The source was asked: request %(n)s has no answer yet.", n=before[0].id))
    by = request.answer_by or context.now + timedelta(days=CONSENT_DAYS)
    asked = Request(asks="information", answer_by=utc(by), consent=question)
    return send_message(context, message, str(source.id), asked, about=to.id)


def _words(context: ActContext, language: str, item: str, question: ConsentQuestion) -> str:
    """The question, as people read it."""
    until = f"{question.until:%Y-%m-%d %H:%M} UTC" if question.until else context.say(language, _ALWAYS)
    return context.say(language, _MAY_WE, item=item, name=question.name, tlp=question.up_to, until=until)


def consent(context: ActContext, request: GivenConsent) -> MessageResult:
    """The partner may pass the item on to whom it asked about. A later no withdraws that.

    Raises:
        ConflictError: it is no question of consent, is answered, or the item is not ours.

    """
    check_filled(context.node.home, text=request.text)
    text = kept(context, request.text)
    with context.database.begin() as session:
        opened, row = open_message(session, context, request.message)
        if (asked := row.question) is None or row.state not in OPEN_MESSAGES:
            raise ConflictError(say("This is no open question of consent."))
        if asked.item.node != opened.us.name.node:
            raise ConflictError(say("This item is not from here."), hint=say("Answer that you are not responsible."))
        until = utc(request.until) if request.until else None
        if until is not None and until <= context.now:
            raise UsageError(say("This time is over."))
        limits = narrowed(asked, ConsentAnswer(up_to=TlpLabel(request.up_to or asked.up_to), until=until))
        row.consent = asked.model_copy(update=limits.model_dump()).model_dump(mode="json")
        done = MessageAnswer(message=row.id, outcome="done")
        return answer_message(opened, row, done, text, limits)


def record_consent(context: ActContext, request: RecordedConsent) -> ConsentResult:
    """Counts at once, for the gate as for whoever reads it. It ends the question, where one is open.

    Raises:
        NotFoundError: there is no such item, incident, source or partner.

    """
    who, said, at = kept(context, request.who), kept(context, request.said), request.at or context.now
    if at > context.now:
        raise UsageError(say("This time is still to come."))
    if request.answer == "yes" and request.until is not None and request.until <= context.now:
        raise UsageError(say("This time is over."))
    with context.undoable() as session:
        to = find_partner(session, request.partner)
        party, name, item = _source(session, context, request)
        ended, yes = end_consents(session, str(party), item, to.id, context.now), request.answer == "yes"
        if yes:
            keep_consent(
                session, context, source=str(party), name=name, item=item, partner_id=to.id,
                to=_names(session, context, to), up_to=request.up_to, until=request.until, way=request.way.value,
                who=who, said=said, at=at,
            )  # fmt: skip
        for row in _asked(session, item, to.id):
            row.state, row.who = (MessageState.DONE if yes else MessageState.REFUSED).value, who
            row.answer, row.answered_at = said, at
        detail = {"item": str(item), "to": to.id, "outcome": request.answer, "way": request.way.value, "source": name}
        subject = f"partner:{to.id}"
        audit(session, AuditAction.CONSENT_NOTED, at=context.now, actor=context.actor, subject=subject, detail=detail)
        return ConsentResult(source=name, partner=to.id, name=to.name, answer=request.answer, ended=ended)


def open_questions(session: Session, now: datetime) -> Sequence[ExchangeMessage]:
    """Questions of consent that wait for a person: those of partners, and ours that have no answer in time."""
    row = ExchangeMessage
    late = (row.direction == Direction.IN.value) | (row.answer_by <= now)
    of = row.asks == CONSENT, row.state.in_([one.value for one in OPEN_MESSAGES]), late
    return session.scalars(select(row).where(*of).order_by(row.answer_by, row.id)).all()


def _askable(session: Session, context: ActContext, row: OfferedItem, to: Partner) -> Partner:
    """The partner that is asked about an item: its source, where only that is missing."""
    if row.state not in {OfferState.OFFERED, OfferState.ADOPTED}:
        raise ConflictError(say("Only an item that is not declined or recalled is asked about."))
    found = session.scalar(select(Partner).where(Partner.node == row.node)) if row.verified else None
    if found is None:
        raise ConflictError(
            say("No partner here is the node that signed it."),
            hint=say("Ask its source, and record the answer: 'tocsin exchange record-consent'."),
        )
    if found.id == to.id:
        raise ConflictError(say("%(name)s has it already.", name=to.name))
    known = source_of_item(session, node_uuid(context.database), context.now, row)
    if release_of_item(session, context, row, to, known).level is TransferLevel.CONTENT:
        raise ConflictError(say("It may go to %(name)s already.", name=to.name))
    with_consent = release_of_item(session, context, row, to, ItemSource(ours=True))
    if with_consent.level is not TransferLevel.CONTENT:
        raise ConflictError(say("The consent of its source would not be enough."), hint=with_consent.words)
    return found


def _asked(session: Session, item: UUID, to: int) -> list[ExchangeMessage]:
    """Our open questions about an item and a partner."""
    row = ExchangeMessage
    of = row.direction == Direction.OUT.value, row.asks == CONSENT, row.about_partner == to
    rows = session.scalars(select(row).where(*of, row.state.in_([one.value for one in OPEN_MESSAGES])))
    return [one for one in rows if (asked := one.question) and asked.item.id == item]


def _names(session: Session, context: ActContext, to: Partner) -> list[Any]:
    """What a consent names a partner by: its node or address; TLP:RED is for the key of a person."""
    return [one for one in (str(party_of(to)), person_key(session, context, to)) if one]


def _source(session: Session, context: ActContext, request: RecordedConsent) -> tuple[UUID | str, str, UUID]:
    """Who a recorded consent is from, what people call it, and what it is about."""
    if request.item is not None:
        row = find_item(session, request.item)
        return *source_party(session, row), row.item
    reader = reader_of(context)
    incident = find_incident(session, reader, request.incident)
    if any(one.name == request.source for one in parties_of(session, reader, [incident])):
        return request.source, request.source, incident.uuid
    try:
        partner = find_partner(session, request.source)
    except NotFoundError:
        raise NotFoundError(say("Nobody of this name takes part in the incident.")) from None
    return party_of(partner), partner.name, incident.uuid
