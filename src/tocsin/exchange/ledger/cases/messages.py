"""Requests for assistance and notices: sealed by a person here, and at the partner answered by one. None commands."""

from collections.abc import Sequence
from hashlib import sha256
from typing import Annotated, Final, Literal

from pydantic import BaseModel, Field, SkipValidation, model_validator
from sqlalchemy import select
from sqlalchemy.orm import Session

from tocsin.delivery.texts import check_filled
from tocsin.exchange.ledger.cases.act_parts import (
    enter,
    is_hidden,
    open_incident_of,
    open_row,
    readable_row,
    reference_of,
)
from tocsin.exchange.ledger.cases.handover import join_partner
from tocsin.exchange.ledger.cases.models import ExchangeMessage, request_values
from tocsin.exchange.ledger.cases.states import (
    ASKED_FOR,
    BASES,
    CASE_REFUSALS,
    CONSENT,
    OUTCOMES,
    URGENCIES,
    MessageKind,
    MessageState,
    may_answer,
)
from tocsin.exchange.ledger.items import for_anyone, open_marked
from tocsin.exchange.ledger.links import OpenPartner, own_party
from tocsin.exchange.ledger.recipients import policy_for, recipient_for
from tocsin.exchange.ledger.sealing import DispatchDraft, seal_dispatch
from tocsin.exchange.ledger.sending import MARKINGS
from tocsin.exchange.ledger.states import Direction
from tocsin.exchange.partners import Once, Partner, PartnerName, find_partner
from tocsin.exchange.sharing import PackageFile, PackageItem, PackageKind, compose
from tocsin.exchange.statements import ConsentAnswer, DispatchType, Request, RequestAnswer, utc
from tocsin.incidents import find_incident, is_restricted
from tocsin.incidents.act_parts import LINE, Text, Tlp, author_of, kept, reader_of
from tocsin.interface import N_, ActContext, Moment, Wording
from tocsin.node.errors import ConflictError, UsageError
from tocsin.node.records import AuditAction, cut
from tocsin.node.sentences import join_sentences, say
from tocsin.sharing.gate import DataClass, ItemSource, Marking, ReleaseItem, read_marking

_OURS: Final = ItemSource(ours=True)


_REFUSED: Final = {of: CASE_REFUSALS[of] for of in ("law", "capacity", "other")}


class NewMessage(BaseModel):
    """A text for a partner."""

    text: Text = Field(min_length=1, max_length=10_000, title=N_("Text of the request"), description="What it says.")
    incident: Annotated[
        str,
        Wording(
            hint=N_(
                "With TLP:AMBER: an incident in which the partner takes part, unless an agreement with the partner is "
                "in force."
            ),
            order=1,
        ),
    ] = Field(
        "", max_length=60, title=N_("Reference of the incident"),
        description="The reference of the incident that it is about.",
    )  # fmt: skip
    tlp: Annotated[Tlp, Wording(choices=MARKINGS, order=1)] = Field(
        "AMBER", title=N_("Marking"), description="Its marking: CLEAR, GREEN, AMBER or AMBER+STRICT."
    )
    once: Once = ""


class NewRequest(NewMessage):
    """What is asked of a partner."""

    partner: PartnerName
    asks: Annotated[
        Literal["information", "assistance", "mitigation", "preservation", "notice"],
        Wording(choices=ASKED_FOR, order=-1),
    ] = Field(
        "assistance", title=N_("What is asked for"),
        description="For what: information, assistance, mitigation, preservation, notice.",
    )  # fmt: skip
    urgency: Annotated[Literal["low", "normal", "high", "critical"], Wording(choices=URGENCIES)] = Field(
        "normal", title=N_("Urgency"), description="How soon: low, normal, high, critical."
    )
    basis: Annotated[Literal["voluntary", "legal"], Wording(choices=BASES)] = Field(
        "voluntary", title=N_("Basis"), description="voluntary, or legal with the instrument that obliges."
    )
    instrument: Annotated[
        str, Wording(hint=N_("Of a legal request: the treaty or law, with its article."))
    ] = Field(
        "", max_length=500, pattern=LINE, title=N_("Instrument"),
        description="Of a legal request: the text that obliges.",
    )  # fmt: skip
    answer_by: Moment | None = Field(None, title=N_("Answer needed by (UTC)"), description="When an answer is needed.")

    @model_validator(mode="after")
    def _instrument_named(self) -> "NewRequest":
        if (self.basis == "legal") != bool(self.instrument):
            raise ValueError(N_("A legal request names its instrument; a voluntary one has none."))
        return self


class PartnerNotice(NewMessage):
    """A notice to one partner, or to all."""

    text: Annotated[
        Text, Wording(hint=N_("Such as an outage of a cable or an exchange, planned work, a route that is lost."))
    ] = Field(min_length=1, max_length=10_000, title=N_("Text of the notice"), description="What it says.")
    partner: Annotated[str, Wording(choices="partners", nothing=N_("All partners"), order=-1)] = Field(
        "", max_length=200, title=N_("Partner"), description="Number or name of the partner; empty with --all."
    )
    all: Annotated[bool, Wording(hidden=True)] = Field(
        default=False, title=N_("All partners"), description="All partners that have a node and a valid key."
    )


class MessageNamed(BaseModel):
    """Which request or notice."""

    message: int = Field(ge=1, le=2**31, title=N_("Message"), description="The number of the request or notice.")


class MessageAnswer(MessageNamed):
    """What becomes of a request."""

    outcome: Annotated[
        Literal["done", "partly", "later", "refused", "not-ours"],
        Wording(lacking=N_("Choose an answer."), choices=OUTCOMES),
    ] = Field(
        title=N_("Outcome"),
        description="done, partly, later (with --by), refused (with --code), not-ours (with --who).",
    )
    code: Annotated[str, Wording(choices=_REFUSED)] = Field(
        "", pattern=r"^(?:[a-z0-9][a-z0-9-]{0,63})?$", title=N_("Reason"),
        description="Why it is refused: law, capacity, …",
    )  # fmt: skip
    by: Moment | None = Field(None, title=N_("When (UTC)"), description="When, where later.")
    who: str = Field(
        "", max_length=500, pattern=LINE, title=N_("Who is responsible"), description="Whose it is, where not ours."
    )
    text: Text = Field(
        "", max_length=10_000, title=N_("Message for the partner"), description="A message for the partner."
    )

    @model_validator(mode="after")
    def _whole(self) -> "MessageAnswer":
        lacking = {
            "later": N_("Say when.") if self.by is None else "",
            "refused": N_("Say why, as a code: law, capacity, other.") if not self.code else "",
            "not-ours": N_("Say whose it is.") if not self.who else "",
        }
        if said := lacking.get(self.outcome):
            raise ValueError(said)
        self.code = self.code if self.outcome == "refused" else ""  # a form may still have what another answer needs
        self.by = self.by if self.outcome == "later" else None
        self.who = self.who if self.outcome == "not-ours" else ""
        return self


class MessageIncident(MessageNamed):
    """Which request becomes an incident."""

    title: Annotated[str, Wording(hint=N_("Empty: the words of the request."))] = Field(
        "", max_length=200, pattern=LINE, title=N_("Title"),
        description="What people call it; else the request's words.",
    )  # fmt: skip


class MessageResult(BaseModel):
    """A request or notice after an act. ``dispatch``: the one that carries it or its answer; 0: none.

    ``left``: why it was not sent to this partner; then ``message`` is 0.
    """

    message: int
    partner: int
    name: str
    state: MessageState
    dispatch: int = 0
    incident: str = ""
    left: SkipValidation[str] = ""  # stays a sentence, which pages translate


def ask(context: ActContext, request: NewRequest) -> MessageResult:
    """The partner decides on it; its answer comes back as a file.

    Raises:
        ConflictError: the text may not go to the partner, or it has no valid key.

    """
    asked = Request(
        asks=request.asks, basis=request.basis, instrument=request.instrument, urgency=request.urgency,
        answer_by=utc(request.answer_by) if request.answer_by else None,
    )  # fmt: skip
    return send_message(context, request, request.partner, asked)


def notice(context: ActContext, request: PartnerNotice) -> list[MessageResult]:
    """It asks for nothing; a person there acknowledges it.

    Raises:
        ConflictError: the text may not go to the partner. Of all, it goes to those that it may go to.

    """
    if request.all == bool(request.partner):
        raise UsageError(say("Name a partner, or all."))
    if not request.all:
        return [send_message(context, request, request.partner)]
    done, wrong = list[MessageResult](), ConflictError(say("No partner has a node."))
    with context.database.reading() as session:
        with_node = select(Partner.id, Partner.name).where(Partner.node.is_not(None)).order_by(Partner.id)
        partners = session.execute(with_node).all()
    for number, name in partners:
        try:
            done.append(send_message(context, request, str(number)))
        except ConflictError as error:
            wrong, left = error, join_sentences(" ", [str(error), error.hint] if error.hint else [str(error)])
            done.append(MessageResult(message=0, partner=number, name=name, state=MessageState.OPEN, left=left))
    if all(one.left for one in done):
        raise wrong
    return done


def acknowledge(context: ActContext, request: MessageNamed) -> MessageResult:
    """A person has read it: its clock ends. Whoever asked gets an answer that says so; a notice gets none.

    Raises:
        ConflictError: it was acknowledged or answered before.

    """
    with context.database.begin() as session:
        opened, row = open_message(session, context, request.message)
        if row.state != MessageState.OPEN:
            raise ConflictError(say("This was acknowledged already."))
        if row.kind == MessageKind.NOTICE:
            row.state = MessageState.ACKNOWLEDGED.value
            _acknowledge(opened, row)
            opened.note(AuditAction.MESSAGE_DECIDED, message=row.id, outcome=row.state)
            return _result(session, context, row, opened.partner)
        return answer_message(opened, row)


def reply(context: ActContext, request: MessageAnswer) -> MessageResult:
    """The answer goes back as a dispatch. Done, refused and not ours are final.

    Raises:
        ConflictError: it has a final answer, or is a notice.

    """
    check_filled(context.node.home, text=request.text)
    text = kept(context, request.text)
    with context.database.begin() as session:
        opened, row = open_message(session, context, request.message)
        if row.kind != MessageKind.REQUEST or not may_answer(row.asks, row.state, request.outcome):
            raise ConflictError(say("This needs no answer any more."))
        if row.asks == CONSENT and request.outcome in {MessageState.DONE, MessageState.PARTLY}:
            raise ConflictError(say("Say up to which label and until when."), hint="'tocsin exchange consent'.")
        return answer_message(opened, row, request, text)


def open_incident(context: ActContext, request: MessageIncident) -> MessageResult:
    """A request becomes an incident here, with its words as a note. It is answered all the same."""
    with context.database.reading() as session:
        row = readable_row(session, reader_of(context), ExchangeMessage, request.message)
        if row.direction != Direction.IN:
            raise ConflictError(say("This is ours."))
        partner = session.get_one(Partner, row.partner_id)
        if row.incident_id is not None:
            return _result(session, context, row, partner)
        title, tlp = request.title or row.text or partner.name, row.tlp
    reference = open_marked(for_anyone(context), title, tlp, f"message:{request.message}")
    join_partner(for_anyone(context), reference, partner.id, f"message:{request.message}:party")
    cut("exchange.opening")
    with context.database.begin() as session:
        opened, row = open_message(session, context, request.message)
        incident = open_incident_of(opened, reference)
        if row.incident_id is None:
            row.incident_id = incident.incident.id
            enter(incident, "asked-us", opened.partner, row.text, node=str(opened.partner.node))
            opened.note(AuditAction.MESSAGE_DECIDED, message=row.id, outcome="incident")
        return _result(session, context, row, opened.partner)


def open_messages(session: Session) -> Sequence[ExchangeMessage]:
    """What of partners nobody here has acknowledged, the most urgent first; questions of consent are apart."""
    row = ExchangeMessage
    of = row.direction == Direction.IN.value, row.state == MessageState.OPEN.value, row.asks != CONSENT
    order = ExchangeMessage.due_at.is_(None), ExchangeMessage.due_at, ExchangeMessage.id
    return session.scalars(select(ExchangeMessage).where(*of).order_by(*order)).all()


def send_message(
    context: ActContext, request: NewMessage, named: str, asked: Request | None = None, *, about: int | None = None
) -> MessageResult:
    """A request, or a notice, sealed for a partner. ``about``: the partner that a question of consent is about.

    Raises:
        ConflictError: as of `ask`.

    """
    check_filled(context.node.home, text=request.text)
    us, text = own_party(context.node, context.now), kept(context, request.text)
    with context.database.begin() as session:
        partner = find_partner(session, named, lock=True)
        once = f"{context.key_of(request)}:{partner.id}" if request.once else None
        if once and (known := session.scalar(select(ExchangeMessage).where(ExchangeMessage.once == once))):
            return _result(session, context, known, partner)
        opened = OpenPartner(session, context, us, partner)
        marking = _cleared(opened, request, text)
        incident = open_incident_of(opened, request.incident) if request.incident else None
        hidden = incident is not None and is_restricted(incident.incident)
        kind = MessageKind.REQUEST if asked else MessageKind.NOTICE
        row = seal_dispatch(
            opened,
            DispatchDraft(
                DispatchType.REQUEST if asked else DispatchType.NOTE, "" if hidden else _title(text), marking,
                text=text, incident="" if hidden or incident is None else incident.incident.reference, request=asked,
            ),
        )  # fmt: skip
        made = ExchangeMessage(
            partner_id=partner.id, direction=Direction.OUT.value, kind=kind.value, hash=row.hash, text=text,
            tlp=marking.tlp.value, incident_id=incident.incident.id if incident else None, made_at=context.now,
            made_by=author_of(session, context), state=MessageState.OPEN.value, once=once,
            about_partner=about, **request_values(asked),
        )  # fmt: skip
        session.add(made)
        session.flush()
        if incident is not None:
            enter(incident, "asked" if asked else "told", partner, text)
        opened.note(AuditAction.MESSAGE_SENT, message=made.id, kind=kind.value, sha256=row.hash)
        done = _result(session, context, made, partner, row.id)
    cut("exchange.sealed")
    return done


def _cleared(opened: OpenPartner, request: NewMessage, text: str) -> Marking:
    """The marking under which a text may go to the partner.

    Raises:
        ConflictError: the gate keeps it.

    """
    session, context, partner = opened.session, opened.context, opened.partner
    marking, restricted = read_marking(request.tlp, None), False
    if request.incident:
        reader = reader_of(context)
        restricted = is_restricted(find_incident(session, reader, request.incident))
    content = text.encode()
    file = PackageFile("text/plain", sha256(content).hexdigest(), len(content), lambda: content)
    terms = ReleaseItem(marking, DataClass.ANALYSIS, _OURS, restricted=restricted)
    recipient = recipient_for(session, context, partner, request.incident)
    policy = policy_for(session, context, partner, frozenset({DataClass.ANALYSIS}))
    package = compose([PackageItem(PackageKind.FILE, terms, "text", file=file)], recipient, partner.name, policy)
    if package.marking is None or not package.parts:
        reason = package.decisions[0].verdict.words
        raise ConflictError(say("This may not go to %(name)s.", name=partner.name), hint=reason)
    return package.marking


def answer_message(
    opened: OpenPartner, row: ExchangeMessage, said: MessageAnswer | None = None, text: str = "",
    consent: ConsentAnswer | None = None,
) -> MessageResult:  # fmt: skip
    """What becomes of a partner's request, sealed for it. ``said``: None, a person has read it."""
    session, context = opened.session, opened.context
    outcome = said.outcome if said else MessageState.ACKNOWLEDGED.value
    answer = RequestAnswer.model_validate(
        {
            "to": row.hash, "outcome": outcome, "code": (said.code or None) if said else None,
            "by": utc(said.by) if said and said.by else None, "who": said.who if said else "", "consent": consent,
        }
    )  # fmt: skip
    marking = read_marking(row.tlp, None)
    title = _title(row.text) if not is_hidden(opened, row) else ""
    sealed = seal_dispatch(opened, DispatchDraft(DispatchType.ANSWER, title, marking, text=text, answer=answer))
    row.state, row.code, row.later, row.who = outcome, answer.code or "", answer.by, answer.who
    row.answer, row.answered_at = text, context.now
    if row.acknowledged_at is None:
        _acknowledge(opened, row)
    opened.note(AuditAction.MESSAGE_DECIDED, message=row.id, outcome=outcome, code=row.code, sha256=row.hash)
    if row.incident_id is not None and (reference := reference_of(session, context, row)):
        enter(open_incident_of(opened, reference), "answered", opened.partner, text, outcome=outcome)
    return _result(session, context, row, opened.partner, sealed.id)


def _acknowledge(opened: OpenPartner, row: ExchangeMessage) -> None:
    row.acknowledged_at, row.acknowledged_by = opened.context.now, author_of(opened.session, opened.context)


def open_message(session: Session, context: ActContext, number: int) -> tuple[OpenPartner, ExchangeMessage]:
    """A partner, and a request or notice of it, both locked."""
    opened, row = open_row(session, context, ExchangeMessage, number)
    if row.direction != Direction.IN:
        raise ConflictError(say("This is ours."), hint=say("The partner answers it."))
    return opened, row


def _title(text: str) -> str:
    return " ".join(text.split())[:120]


def _result(
    session: Session, context: ActContext, row: ExchangeMessage, partner: Partner, dispatch: int = 0
) -> MessageResult:
    return MessageResult(
        message=row.id, partner=partner.id, name=partner.name, state=MessageState(row.state), dispatch=dispatch,
        incident=reference_of(session, context, row),
    )  # fmt: skip
