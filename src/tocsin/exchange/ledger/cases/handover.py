"""A case is offered to a partner and accepted, refused or asked back; its history goes along as it was signed."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated, Final, Literal
from uuid import uuid5

from pydantic import BaseModel, Field
from sqlalchemy import select
from sqlalchemy.orm import Session

from tocsin.delivery.texts import check_filled
from tocsin.exchange.cases import CaseHistory
from tocsin.exchange.ledger.cases.act_parts import (
    enter,
    is_hidden,
    open_incident_of,
    open_row,
    readable_row,
    reference_of,
)
from tocsin.exchange.ledger.cases.history import append, case_of_incident, extend, sign_entry
from tocsin.exchange.ledger.cases.models import ExchangeCase
from tocsin.exchange.ledger.cases.states import CASE_REFUSALS, CaseState
from tocsin.exchange.ledger.cases.writing import stored_case, stored_entries, stored_history
from tocsin.exchange.ledger.items import AdoptedItem, adopt, decide, for_anyone
from tocsin.exchange.ledger.links import OpenPartner, own_party, partner_party
from tocsin.exchange.ledger.models import OfferedItem, OutgoingRow
from tocsin.exchange.ledger.recipients import agreement_of, takes_part
from tocsin.exchange.ledger.sealing import DispatchDraft, seal_dispatch, sealed_before
from tocsin.exchange.ledger.sending import (
    ExtraClasses,
    NewDispatch,
    StricterMarking,
    checked_marking,
    items_of,
    package_for,
    parts_of,
    passing_of,
    reasons_of,
    summary_goes,
    title_of,
)
from tocsin.exchange.ledger.states import OfferState
from tocsin.exchange.partners import Once, Partner, PartnerName, find_partner
from tocsin.exchange.sharing import PackageKind, PartnerPackage
from tocsin.exchange.statements import (
    CaseAct,
    CaseEntry,
    DispatchType,
    GlobalName,
    SharedItem,
    Statement,
    read_statement,
)
from tocsin.incidents import (
    Incident,
    IncidentEntryKind,
    IncidentReader,
    PartyRole,
    add_entry,
)
from tocsin.incidents.act_parts import LINE, OpenIncident, author_of, kept, reader_of
from tocsin.incidents.course_acts import hand_over, take_back
from tocsin.incidents.endings import EndingAnswers, settle
from tocsin.incidents.part_acts import NewParty, join
from tocsin.incidents.write import incident_of_number
from tocsin.interface import N_, ActContext, Wording
from tocsin.node.errors import ConflictError, NotFoundError
from tocsin.node.records import AuditAction, cut
from tocsin.node.sentences import say
from tocsin.sharing.gate import DataClass, Marking
from tocsin.sharing.gate import Tlp as TlpLabel

_WHOLE: Final = (DataClass.ANALYSIS,)  # what goes besides the usual classes, so that the history is whole
_DISPATCHES: Final = {
    CaseAct.ACCEPT: DispatchType.ACCEPT, CaseAct.REFUSE: DispatchType.REFUSE, CaseAct.WITHDRAW: DispatchType.WITHDRAW,
}  # fmt: skip
_NOT_OFFERED: Final = {
    CaseState.OFFERED: (
        say("This case is offered already, and not answered."),
        say("Withdraw the offer first: 'tocsin exchange withdraw'."),
    ),
    CaseState.OFFERED_TO_US: (
        say("This case is offered to us, and not answered."), say("Accept it first: 'tocsin exchange accept'."),
    ),
    CaseState.THEIRS: (say("This case is the partner's."), say("Send an update instead.")),
    CaseState.JOINT: (say("This case is joint already."), say("Send an update instead.")),
}  # fmt: skip
"""Why a case in this state is not offered, and what to do instead."""


class NewOffer(EndingAnswers):
    """Which case is offered to whom, and how."""

    partner: PartnerName
    incident: str = Field(
        min_length=1, max_length=60, title=N_("Reference of the incident"),
        description="The reference of the incident.",
    )  # fmt: skip
    joint: Annotated[bool, Wording(choices={"true": N_("Joint case"), "false": N_("Hand-over")})] = Field(
        default=False, title=N_("Kind"),
        description="Each side keeps its own case; without it, the partner takes over.",
    )  # fmt: skip
    classes: ExtraClasses = Field(
        (), max_length=10, description="Classes that go besides: content, personal, evidence; for joint also analysis."
    )
    tlp: StricterMarking = Field(None, description="A marking; it only gets stricter.")
    text: str = Field(
        "", max_length=1_000, pattern=LINE, title=N_("Message for the partner"),
        description="A message for the partner, in one line.",
    )  # fmt: skip
    once: Once = ""


class CaseNamed(BaseModel):
    """Which case."""

    case: int = Field(
        ge=1, le=2**31, title=N_("Case"), description="The number of the case, in 'tocsin exchange cases'."
    )


class AcceptedCase(CaseNamed):
    """Which case is taken over, and where it goes."""

    incident: Annotated[str, Wording(
        hint=N_("Empty: a new incident with this title and marking."), proposed="incidents"
    )] = Field(
        "", max_length=60, title=N_("Reference of the incident"),
        description="The reference of an incident; without it, a new one.",
    )  # fmt: skip


class RefusedCase(CaseNamed):
    """Which case is refused, and why."""

    code: Annotated[
        Literal["not-ours", "capacity", "law", "withdrawn", "other"],
        Wording(lacking=N_("Say why."), choices=CASE_REFUSALS, nothing=N_("Choose")),
    ] = Field(title=N_("Reason"), description="Why, for the partner: not-ours, capacity, law, withdrawn, other.")
    reason: str = Field(
        "", max_length=500, pattern=LINE, title=N_("Message for the partner"),
        description="Why, in words for the partner.",
    )  # fmt: skip


class CaseResult(BaseModel):
    """A case after an act. ``dispatch``: the one that says so to the partner, whose file is carried to it."""

    case: int
    partner: int
    name: str
    state: CaseState
    incident: str = ""
    dispatch: int = 0


def offer(context: ActContext, request: NewOffer) -> CaseResult:
    """The whole history goes along, signed. The case stays ours until the partner's acceptance is here.

    Raises:
        ConflictError: nothing of it may go, it is offered already or is not ours, or the partner has no valid key.
        UsageError: it would be handed over with a deadline that runs or an open task, and the request does not say
            what becomes of it.

    """
    check_filled(context.node.home, text=request.text)
    once, us = context.key_of(request), own_party(context.node, context.now)
    text = kept(context, request.text)
    with context.database.begin() as session:
        partner = find_partner(session, request.partner, lock=True)
        opened = OpenPartner(session, context, us, partner)
        if (known := sealed_before(session, once)) is not None:
            done = _offered_before(opened, request, known)
        else:
            done = _offer(opened, request, text, once)
    cut("exchange.sealed")
    return done


def accept(context: ActContext, request: AcceptedCase) -> CaseResult:
    """Its item is adopted into an incident, which has the history of the case; from then on the case is ours.

    Raises:
        ConflictError: it is not offered, or was asked back.

    """
    with context.database.reading() as session:
        row = readable_row(session, reader_of(context), ExchangeCase, request.case)
        _check_offered(row, accepting=True)
        item = _item(session, row)
        reference = reference_of(session, context, row) or request.incident
    adopted = adopt(context, AdoptedItem(item=item, incident=reference)).incident
    join_partner(for_anyone(context), adopted, row.partner_id, f"case:{row.id}:party")
    cut("exchange.accepting")
    with context.database.begin() as session:
        opened, row = open_row(session, context, ExchangeCase, request.case)
        _check_offered(row, accepting=True)
        incident = open_incident_of(opened, adopted)
        if not row.joint and row.incident_id is None and case_of_incident(session, incident.incident) is not None:
            raise ConflictError(
                say("%(reference)s is another case of this kind.", reference=incident.incident.reference),
                hint=say("Adopt it into a new incident."),
            )
        if row.incident_id is None:
            incident.live()
        row.incident_id, row.closing = incident.incident.id, False
        history = stored_history(session, row)
        made = sign_entry(opened, history, _name(row), CaseAct.ACCEPT, reference=incident.incident.reference)
        history = append(opened, row, history, made)
        _bring_in(opened, row, incident)
        if incident.incident.handed_to:
            take_back(incident)
        enter(incident, "joined" if row.joint else "taken-over", opened.partner, reference=row.their_reference)
        return _answer(opened, row, CaseAct.ACCEPT, history.entries)


def refuse(context: ActContext, request: RefusedCase) -> CaseResult:
    """It stays with who offered it. The item that came with it is declined.

    Raises:
        ConflictError: it is not offered.

    """
    reason = kept(context, request.reason)
    with context.database.begin() as session:
        opened, row = open_row(session, context, ExchangeCase, request.case)
        _check_offered(row)
        history = stored_history(session, row)
        made = sign_entry(opened, history, _name(row), CaseAct.REFUSE, code=request.code, text=reason)
        history = append(opened, row, history, made)
        of = OfferedItem.incoming_id == row.incoming_id, OfferedItem.state == OfferState.OFFERED.value
        for item in session.scalars(select(OfferedItem).where(*of)):
            decide(session, context, item, OfferState.DECLINED)
            item.reason = reason or request.code
        return _answer(opened, row, CaseAct.REFUSE, history.entries)


def withdraw(context: ActContext, request: CaseNamed) -> CaseResult:
    """It asks for the offer back: the partner then refuses it. If it has accepted before, the case is the partner's.

    Raises:
        ConflictError: it is not offered.

    """
    with context.database.begin() as session:
        opened, row = open_row(session, context, ExchangeCase, request.case)
        if row.state != CaseState.OFFERED:
            raise ConflictError(say("This case is not offered to a partner."))
        history = stored_history(session, row)
        if row.withdrawn == history.head:
            raise ConflictError(
                say("This offer is asked back already."), hint=say("Send the same file to the partner again.")
            )
        made = sign_entry(opened, history, _name(row), CaseAct.WITHDRAW)
        row.withdrawn, row.changed_at = history.head, context.now
        incident = open_incident_of(opened, reference_of(session, context, row))
        enter(incident, "withdrawn", opened.partner)
        return _answer(opened, row, CaseAct.WITHDRAW, (*history.entries, made))


def join_partner(context: ActContext, reference: str, number: int, once: str) -> None:
    """A partner takes part in an incident, so that the gate lets it have what its parties may have."""
    with context.database.reading() as session:
        partner = session.get_one(Partner, number)
        if takes_part(session, context, partner, reference):
            return
        named = {"name": partner.name, "mailbox": partner.mailbox, "language": partner.languages.partition(",")[0]}
    role = PartyRole.COORDINATOR
    join(context, NewParty.model_validate({"reference": reference, "role": role, "once": once, **named}))


def close_handed_over(context: ActContext) -> list[str]:
    """Close the incidents of cases that partners accepted, on the word of who offered each; their references."""
    with context.database.reading() as session:
        due = list(session.scalars(select(ExchangeCase.id).where(ExchangeCase.closing.is_(True))))
    return [reference for one in due for reference in _close(context, one)]


def _close(context: ActContext, number: int) -> list[str]:
    with context.database.begin() as session:
        row = session.get(ExchangeCase, number, with_for_update=True)
        if row is None or not row.closing or row.incident_id is None:
            return []
        partner = session.get_one(Partner, row.partner_id)
        word = ActContext(context.node, context.now, row.offered_by)
        incident = incident_of_number(session, row.incident_id)
        opened = OpenIncident(word, session, IncidentReader(None, context.now), incident, row.offered_by)
        row.closing = False
        hand_over(opened, f"{partner.name} ({row.their_reference})" if row.their_reference else partner.name)
        enter(opened, "handed-over", partner, reference=row.their_reference)
        return [incident.reference]


def _offer(opened: OpenPartner, request: NewOffer, text: str, once: str | None) -> CaseResult:
    session, context, partner = opened.session, opened.context, opened.partner
    incident = open_incident_of(opened, request.incident)
    of = incident.live()
    if not request.joint:  # it is closed here once the partner accepts, and nobody is asked then
        settle(incident, request)
    classes = request.classes if request.joint else (*_WHOLE, *request.classes)
    wanted = NewDispatch(partner=request.partner, incident=of.reference, classes=classes, tlp=request.tlp)
    package = package_for(session, context, partner, wanted)
    marking = checked_marking(package, partner)
    if not summary_goes(package):  # its history begins with it
        raise ConflictError(say("The title of this incident may not go to %(name)s.", name=partner.name))
    row, history = _begun(opened, of, request, marking)
    if not request.joint:
        history = extend(opened, row, history, of, package)
        package = _without_timeline(package, len(history.entries) + 1)
    to, _ = partner_party(session, partner, context.now)
    said = {"to": to, "joint": request.joint, "text": text, "reference": of.reference}
    history = append(opened, row, history, sign_entry(opened, history, _name(row), CaseAct.OFFER, **said))
    row.partner_id, row.offered_by, row.tlp = partner.id, author_of(session, context), marking.tlp.value
    title = title_of(session, context, wanted)
    row.title, row.their_reference = title, "" if not request.joint else row.their_reference
    items = items_of(session, context, opened.us, package, wanted)
    draft = DispatchDraft(
        DispatchType.OFFER, title, marking, [*items, *history.entries], parts_of(package), package.withheld,
        f"{text}\n\n{package.text}" if text else package.text, of.reference if title else "", reasons_of(package),
        agreement_of(package),
    )  # fmt: skip
    sealed = seal_dispatch(opened, draft, once)
    for item in items:
        session.add(passing_of(sealed, item.said(SharedItem)))
    enter(incident, "joint" if request.joint else "offered", partner, text)
    return _result(session, row, partner, sealed.id, of.reference)


def _begun(
    opened: OpenPartner, incident: Incident, request: NewOffer, marking: Marking
) -> tuple[ExchangeCase, CaseHistory]:
    """The case and its history so far, which may be offered; else a new one."""
    session, partner, us = opened.session, opened.partner, opened.us.name.node
    if request.joint:
        name = GlobalName(node=us, id=uuid5(incident.uuid, str(partner.node)))
        row = stored_case(session, name, lock=True)
    else:
        row = case_of_incident(session, incident, ours=False)
        name = _name(row) if row else GlobalName(node=us, id=incident.uuid)
    if row is None:
        row = ExchangeCase(
            partner_id=partner.id, node=name.node, case=name.id, joint=request.joint, tlp=marking.tlp.value,
            state=CaseState.OURS.value, incident_id=incident.id, changed_at=opened.context.now,
        )  # fmt: skip
        session.add(row)
        session.flush()
        first = sign_entry(opened, None, name, CaseAct.OPENED, text=incident.title)
        return row, append(opened, row, None, first)
    if row.state not in {CaseState.OURS, CaseState.REFUSED}:
        why, hint = _NOT_OFFERED[CaseState(row.state)]
        raise ConflictError(why, hint=hint)
    return row, stored_history(session, row)


def _offered_before(opened: OpenPartner, request: NewOffer, known: OutgoingRow) -> CaseResult:
    incident = open_incident_of(opened, request.incident).incident
    query = select(ExchangeCase).where(
        ExchangeCase.incident_id == incident.id, ExchangeCase.joint.is_(request.joint),
        ExchangeCase.partner_id == opened.partner.id,
    )  # fmt: skip
    row = opened.session.scalars(query.order_by(ExchangeCase.id.desc())).first()
    if row is None:
        raise LookupError(known.hash)
    return _result(opened.session, row, opened.partner, known.id, incident.reference)


def _without_timeline(package: PartnerPackage, entries: int) -> PartnerPackage:
    """The entries go as signed statements, so not as a part too."""
    parts = tuple(one for one in package.parts if one.kind is not PackageKind.TIMELINE)
    gone = tuple(f"- {one.written.name}:" for one in package.parts if one.kind is PackageKind.TIMELINE)
    lines = [line for line in package.text.splitlines() if not (gone and line.startswith(gone))]
    text = "\n".join([*lines, "", f"History of the case: {entries} signed entries."])
    return replace(package, parts=parts, text=f"{text}\n")


def _check_offered(row: ExchangeCase, *, accepting: bool = False) -> None:
    if row.state != CaseState.OFFERED_TO_US:
        raise ConflictError(say("This case is not offered to us."))
    if accepting and row.withdrawn:
        raise ConflictError(say("The partner asks for this case back."), hint=say("Refuse it."))


def _item(session: Session, row: ExchangeCase) -> int:
    found = session.scalar(select(OfferedItem.id).where(OfferedItem.incoming_id == row.incoming_id))
    if found is None:
        raise NotFoundError(say("The item of this case is not here."))
    return found


def _bring_in(opened: OpenPartner, row: ExchangeCase, incident: OpenIncident) -> None:
    """The entries of others in the timeline of the incident, each once, with their people as text."""
    session = opened.session
    nodes = dict(session.execute(select(Partner.node, Partner.name)).all())
    for one in stored_entries(session, row):
        entry = read_statement(one.content.encode(), one.signature.encode()).said(CaseEntry)
        if one.entry_id or entry.act is not CaseAct.ENTRY or entry.by.node == opened.us.name.node:
            continue
        made = add_entry(
            session, incident.incident, IncidentEntryKind.EXCHANGE, text=entry.text,
            happened_at=entry.happened or entry.at, author=", ".join(filter(None, (entry.name, entry.role))),
            data={
                "act": "entry", "name": nodes.get(entry.by.node, str(entry.by.node)), "node": str(entry.by.node),
                "number": entry.number,
            },
            once=f"case:{row.id}:{entry.number}", **opened.context.by,
        )  # fmt: skip
        one.entry_id = made.id


def _answer(opened: OpenPartner, row: ExchangeCase, act: CaseAct, entries: Sequence[Statement]) -> CaseResult:
    """The dispatch that says so to the partner, and what the act gives back."""
    session = opened.session
    reference = reference_of(session, opened.context, row)
    title, shown = ("", "") if is_hidden(opened, row) else (row.title, reference)
    marking = Marking(TlpLabel(row.tlp))
    sealed = seal_dispatch(opened, DispatchDraft(_DISPATCHES[act], title, marking, entries, incident=shown))
    opened.note(AuditAction.CASE_DECIDED, case=f"{row.node}/{row.case}", act=act.value, sha256=entries[-1].hash)
    return _result(session, row, opened.partner, sealed.id, reference)


def _name(row: ExchangeCase) -> GlobalName:
    return GlobalName(node=row.node, id=row.case)


def _result(session: Session, row: ExchangeCase, partner: Partner, dispatch: int, reference: str) -> CaseResult:
    session.flush()
    return CaseResult(
        case=row.id, partner=partner.id, name=partner.name, state=CaseState(row.state), incident=reference,
        dispatch=dispatch,
    )  # fmt: skip
