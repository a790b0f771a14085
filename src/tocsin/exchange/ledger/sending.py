"""An incident or files to a partner: first what would go and what not, then the sealed dispatch."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated, Any, Final
from uuid import UUID, uuid4, uuid5

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, InstanceOf
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from tocsin.exchange.dispatches import OutgoingState
from tocsin.exchange.ledger.cases import case_of_incident, history_for
from tocsin.exchange.ledger.consents import with_sources
from tocsin.exchange.ledger.jurisdiction_claims import own_claims
from tocsin.exchange.ledger.links import (
    NoPartnerKeyError,
    OpenPartner,
    OwnParty,
    encrypting_certificate,
    encrypting_key,
    own_party,
)
from tocsin.exchange.ledger.mail_sealing import seal_for, tell_of_key
from tocsin.exchange.ledger.models import OutgoingRow, PassedItem
from tocsin.exchange.ledger.recipients import agreement_of, policy_for, recipient_for
from tocsin.exchange.ledger.sealing import DispatchDraft, prepare_dispatch, sealed_before
from tocsin.exchange.partners import Once, Partner, PartnerName, find_partner
from tocsin.exchange.sharing import (
    NOT_CHOSEN,
    USUAL,
    IncidentView,
    PackageFile,
    PackageItem,
    PackageKind,
    PackagePart,
    PartnerPackage,
    compose,
    countries,
    incident_items,
    read_view,
)
from tocsin.exchange.statements import (
    DispatchType,
    GlobalName,
    Jurisdiction,
    JurisdictionRole,
    Part,
    SharedItem,
    Statement,
    hash_of,
    sign_statement,
    utc,
)
from tocsin.incidents import (
    IncidentEntryKind,
    add_entry,
    find_incident,
    is_restricted,
)
from tocsin.incidents.act_parts import LINE, Tlp, reader_of
from tocsin.interface import N_, ActContext, Wording
from tocsin.node.errors import ConflictError, UsageError
from tocsin.node.records import cut, node_uuid
from tocsin.node.sentences import say
from tocsin.sharing.gate import DATA_CLASSES, DataClass, ItemSource, Marking, ReleaseItem, highest, read_marking
from tocsin.sharing.gate import Tlp as TlpLabel
from tocsin.sharing.rules import rules_in_force

_OURS: Final = ItemSource(ours=True)


class SentDocument(BaseModel):
    """A file that is going to be sent, under a name for people."""

    model_config = ConfigDict(ser_json_bytes="base64")

    name: str = Field(min_length=1, max_length=200, pattern=LINE, description="What it is called.")
    content: bytes = Field(min_length=1, description="Its bytes.")
    data: DataClass = Field(DataClass.DOCUMENT, description="Which class of data it is, for the rules on transfers.")


def _claim_of(value: Any) -> Any:
    """``KE subject Data Protection Act 2019``: a country, what it is to it, and the text that is cited."""
    if not isinstance(value, str):
        return value
    country, _, rest = value.strip().partition(" ")
    role, _, basis = rest.strip().partition(" ")
    return {"country": country.upper(), "as": role or JurisdictionRole.CLAIMED.value, "basis": basis.strip()}


def _claims_of(value: Any) -> Any:
    lines = value.splitlines() if isinstance(value, str) else value
    return tuple(_claim_of(one) for one in lines if one)


MARKINGS: Final = {label: f"TLP:{label}" for label in ("CLEAR", "GREEN", "AMBER", "AMBER+STRICT")}
MORE_CLASSES: Final = {
    of: DATA_CLASSES[of] for of in (DataClass.ANALYSIS, DataClass.CONTENT, DataClass.PERSONAL, DataClass.EVIDENCE)
}
"""Classes that go only where a person selects them."""
ExtraClasses = Annotated[
    tuple[DataClass, ...],
    Field(title=N_("Also send")),
    Wording(choices=MORE_CLASSES, hint=N_("Facts of the case and technical data need not be selected.")),
]
StricterMarking = Annotated[
    Tlp | None,
    Field(title=N_("Marking")),
    Wording(
        choices={of: said for of, said in MARKINGS.items() if of != "CLEAR"},
        nothing=N_("As the incident"),
        hint=N_("It only gets stricter."),
    ),
]


class JurisdictionClaim(BaseModel):
    """A country that claims what is sent."""

    country: Annotated[str, Wording(lacking=N_("Write the code of a country."))] = Field(
        pattern=r"^[A-Z]{2}$", description="Two letters of ISO 3166-1."
    )
    role: JurisdictionRole = Field(alias="as", description="origin, subject, stored, operator or claimed.")
    basis: str = Field("", max_length=500, pattern=LINE, description="The text that is cited.")


class NewDispatch(BaseModel):
    """What is to go to which partner."""

    model_config = ConfigDict(ser_json_bytes="base64")

    partner: PartnerName
    incident: str = Field(
        "", max_length=60, title=N_("Reference of the incident"), description="The reference of an incident."
    )
    documents: tuple[SentDocument, ...] = Field((), max_length=100, title=N_("Files"), description="Files.")
    classes: ExtraClasses = Field(
        (), description="Classes that go besides the usual ones: analysis, content, personal, evidence."
    )
    agreement: Annotated[UUID | None, BeforeValidator(lambda value: value or None)] = Field(
        None,
        title=N_("Agreement"),
        description="The UUID of the agreement under which it goes; else the one that binds most.",
    )
    jurisdictions: Annotated[tuple[JurisdictionClaim, ...], BeforeValidator(_claims_of), Wording(lines=True)] = Field(
        (), max_length=50, title=N_("Jurisdictions"),
        description="Countries that claim it: 'KE subject Data Protection Act', a line each.",
    )  # fmt: skip
    tlp: StricterMarking = Field(
        None, description="The marking of files, AMBER without it; an incident only gets stricter."
    )
    once: Once = ""


class DispatchResult(BaseModel):
    """A dispatch to a partner, after an act. ``package``: where it was composed for this, what goes and what not."""

    dispatch: int
    partner: int
    name: str
    number: int
    state: str
    package: InstanceOf[PartnerPackage] | None = Field(None, exclude=True, repr=False)


def preview(context: ActContext, request: NewDispatch) -> PartnerPackage:
    """What would go to the partner, and what not and why. Nothing is written.

    Raises:
        NotFoundError: there is no such partner or incident.
        UsageError: nothing is named.

    """
    with context.database.reading() as session:
        partner = find_partner(session, request.partner)
        missing = _missing_key(session, context, partner)
        return replace(package_for(session, context, partner, request), keyless=str(missing) if missing else "")


def send(context: ActContext, request: NewDispatch) -> DispatchResult:
    """Composed by the gate, signed, and encrypted for the partner. The file is then in the list of dispatches.

    Where the act can be undone, nothing leaves until that is over: an undo frees the number, which nobody has seen.

    Raises:
        ConflictError: nothing of it may go, or the partner has no key that works.

    """
    once = context.key_of(request)
    us = own_party(context.node, context.now)
    _check_key(context, request)
    with context.database.reading() as session:
        partner = find_partner(session, request.partner)
        if (known := sealed_before(session, once)) is not None:
            return result_of(known, partner)
        basis = _basis(session, context, request)
        opened = OpenPartner(session, context, us, partner)
        draft = package = prepared = None
        if not _is_case(session, context, request):  # its history is written down as it is signed
            draft, package = _draft(opened, request)
            if partner.node is not None:  # no lock: it takes as long as its bytes
                prepared = prepare_dispatch(opened, draft)
    cut("exchange.prepared")
    held = context.not_before is not None
    with context.undoable() if held else context.database.begin() as session:
        partner = find_partner(session, request.partner, lock=True)
        if (known := sealed_before(session, once)) is not None:
            return result_of(known, partner)
        opened = OpenPartner(session, context, us, partner)
        if draft is None or _basis(session, context, request) != basis:
            (draft, package), prepared = _draft(opened, request), None
        row = seal_for(opened, draft, once, prepared)
        row.state = (OutgoingState.HELD if held else OutgoingState.SEALED).value
        for item in draft.statements:
            if isinstance(item.body, SharedItem):
                session.add(passing_of(row, item.body))
        if request.incident:
            incident = find_incident(session, reader_of(context), request.incident, lock=True)
            data = {"act": "sent", "name": partner.name, "dispatch": row.id}
            add_entry(session, incident, IncidentEntryKind.EXCHANGE, data=data, **context.by)
        done = result_of(row, partner)
        done.package = package
    cut("exchange.sealed")
    return done


def _basis(session: Session, context: ActContext, request: NewDispatch) -> object:
    """What a draft was made of: where it has changed since, it is made anew."""
    newest = session.scalar(select(func.max(PassedItem.id)))
    rules = rules_in_force(session)
    if not request.incident:
        return newest, rules
    incident = find_incident(session, reader_of(context), request.incident)
    return newest, rules, incident.id, incident.changed_at, incident.tlp


def _is_case(session: Session, context: ActContext, request: NewDispatch) -> bool:
    """Whether an incident is a case that is worked with a partner, or was offered."""
    if not request.incident:
        return False
    incident = find_incident(session, reader_of(context), request.incident)
    return case_of_incident(session, incident) is not None


def _draft(opened: OpenPartner, request: NewDispatch) -> tuple[DispatchDraft, PartnerPackage]:
    session, context, partner = opened.session, opened.context, opened.partner
    package = package_for(session, context, partner, request)
    marking = checked_marking(package, partner)
    title, items = title_of(session, context, request), items_of(session, context, opened.us, package, request)
    history = history_for(opened, request.incident, package) if request.incident else ()
    draft = DispatchDraft(
        DispatchType.SHARE, title, marking, [*items, *history], parts_of(package), package.withheld,
        package.text, request.incident if title else "", reasons_of(package), agreement_of(package),
        untitled=bool(request.incident) and not summary_goes(package),
    )  # fmt: skip
    return draft, package


def checked_marking(package: PartnerPackage, partner: Partner) -> Marking:
    """The strictest of what goes. Raises ConflictError: nothing does; with what to do."""
    if package.marking is None:
        why = [*what_to_do(package, partner.name), say("The preview says why: 'tocsin exchange send … --preview'.")]
        raise ConflictError(say("Nothing of this may go to %(name)s.", name=partner.name), hint=why[0])
    return package.marking


def what_to_do(package: PartnerPackage, name: str) -> list[str]:
    """What a person can do so that more goes: ask a source, or write to a person of the partner."""
    asked: list[str] = [
        say("Ask %(name)s: 'tocsin exchange ask-source %(item)s \"%(to)s\"'.", name=one.name, item=one.item, to=name)
        if one.item
        else say("Ask %(name)s, and record its answer: 'tocsin exchange record-consent'.", name=one.name)
        for one in package.ask
    ]
    red = any(one.chosen and not one.goes and one.item.marking.tlp is TlpLabel.RED for one in package.decisions)
    if red and package.recipient.person_key == "":
        asked.append(
            say(
                "TLP:RED goes by mail to one person of %(name)s, whose own key was confirmed: add the person as a "
                "partner ('tocsin partners add --person-of'), and to the restricted incident as a party up to TLP:RED.",
                name=name,
            )
        )
    if package.keyless:
        asked += [package.keyless, say("Ask for a key that encrypts, and confirm it by telephone.")]
    return asked


def result_of(row: OutgoingRow, partner: Partner) -> DispatchResult:
    """How a dispatch is after an act."""
    number = abs(row.number)  # of mails below zero
    return DispatchResult(dispatch=row.id, partner=partner.id, name=partner.name, number=number, state=row.state)


def reasons_of(package: PartnerPackage) -> list[list[object]]:
    """What does not go, for people here: class, rule, code, and how many things."""
    counted = Counter(
        (one.item.terms.data.value, one.verdict.rule, str(one.verdict.code) if one.chosen else NOT_CHOSEN)
        for one in package.decisions
        if not one.goes
    )
    return [[*reason, count] for reason, count in sorted(counted.items())]


def _check_key(context: ActContext, request: NewDispatch) -> None:
    """A partner without a key that is valid is told so by mail, without content.

    Raises:
        NoPartnerKeyError: so it is.

    """
    with context.database.reading() as session:
        partner = find_partner(session, request.partner)
        missing = _missing_key(session, context, partner)
    if missing is None:
        return
    if tell_of_key(context, partner):
        missing.hint = say("A mail says so to it, without content. Ask for its key, and confirm it by telephone.")
    raise missing


def _missing_key(session: Session, context: ActContext, partner: Partner) -> NoPartnerKeyError | None:
    """Why nothing can be encrypted for a partner; None: something can."""
    try:
        encrypting_key(session, partner, context.now)
    except NoPartnerKeyError as error:
        return error if encrypting_certificate(session, partner, context.now) is None else None
    return None


def passing_of(row: OutgoingRow, item: SharedItem) -> PassedItem:
    """That a dispatch brings its recipient an item."""
    return PassedItem(
        partner_id=row.partner_id, outgoing_id=row.id, node=item.item.node, item=item.item.id, version=item.version,
        title=row.title if row.incident or not row.title else item.title,
        way="dispatch" if row.number > 0 else "mail",
    )  # fmt: skip


def package_for(session: Session, context: ActContext, partner: Partner, request: NewDispatch) -> PartnerPackage:
    """What would go to a partner of what is asked for, and what not and why."""
    if not request.incident and not request.documents:
        raise UsageError(say("Name an incident or a file."))
    reader = reader_of(context)
    marking = read_marking(request.tlp or "AMBER", None)
    claims = _claims(context, request)
    documents = [_document(one, marking, claims) for one in request.documents]
    recipient = recipient_for(session, context, partner, request.incident, request.agreement, sealed=True)
    if request.incident:
        view = read_view(session, reader, request.incident, recipient)
        view = with_sources(session, node_uuid(context.database), context.now, view)
        view = replace(view, documents=documents, evidence_file=context.node.incident_evidence.read)
        items = incident_items(view, terms=_terms(view, request, claims))
    else:
        items = documents
    policy = policy_for(session, context, partner, USUAL.union(request.classes))
    return compose(items, recipient, partner.name, policy)


def _claims(context: ActContext, request: NewDispatch) -> tuple[Jurisdiction, ...]:
    """Whose law it is under, as this node says: where it is stored, and what a person adds."""
    by = context.node.settings.node.name
    said = [
        Jurisdiction.model_validate({"country": one.country, "as": one.role, "basis": one.basis, "by": by})
        for one in request.jurisdictions
    ]
    return (*own_claims(context.node), *said)


def _terms(view: IncidentView, request: NewDispatch, claims: Sequence[Jurisdiction]) -> ReleaseItem:
    """What the gate knows of all of an incident: a marking that was asked for only makes it stricter."""
    asked = [read_marking(request.tlp, None)] if request.tlp else []
    return ReleaseItem(highest([view.marking, *asked]), source=_OURS, jurisdictions=countries(claims))


def _document(document: SentDocument, marking: Marking, claims: Sequence[Jurisdiction]) -> PackageItem:
    content = document.content
    digest = hash_of(content).removeprefix("sha256:")
    file = PackageFile("application/octet-stream", digest, len(content), lambda: content)
    terms = ReleaseItem(marking, document.data, _OURS, jurisdictions=countries(claims))
    return PackageItem(PackageKind.FILE, terms, document.name, file=file)


def items_of(
    session: Session, context: ActContext, us: OwnParty, package: PartnerPackage, request: NewDispatch
) -> list[Statement]:
    """The items of a package: the incident with all that goes with it, else each file."""

    def item(name: UUID, title: str, parts: Sequence[Part], marking: Marking, reference: str = "") -> Statement:
        newest = select(func.max(PassedItem.version)).where(PassedItem.item == name, PassedItem.node == us.name.node)
        body = SharedItem(
            id=uuid4(), by=us.name, at=utc(context.now), item=GlobalName(node=us.name.node, id=name),
            version=(session.scalar(newest) or 0) + 1, title=title[:500], reference=reference, parts=tuple(parts),
            tlp=marking.tlp, pap=marking.pap, agreement=agreement_of(package), jurisdictions=_claims(context, request),
        )  # fmt: skip
        return sign_statement(body, us.key.signer)

    parts = _once(package.parts)
    if request.incident and package.marking is not None:
        incident = find_incident(session, reader_of(context), request.incident)
        named = [*(part.statement for part in parts), *package.described]
        title = incident.title if summary_goes(package) else incident.reference
        return [item(incident.uuid, title, named, package.marking, incident.reference)]
    return [
        item(uuid5(us.name.node, part.statement.hash), part.written.name, [part.statement], part.marking)
        for part in parts
    ]


def summary_goes(package: PartnerPackage) -> bool:
    """Whether the partner may have the title of the incident: its source may be another, or a rule keeps it."""
    return any(one.goes and one.item.kind is PackageKind.SUMMARY for one in package.decisions)


def parts_of(package: PartnerPackage) -> list[tuple[Part, bytes]]:
    """The parts of a package, as a dispatch takes them."""
    return [(part.statement, part.written.content) for part in _once(package.parts)]


def _once(parts: Sequence[PackagePart]) -> list[PackagePart]:
    """Each content once, also where two files are the same."""
    return list({part.statement.hash: part for part in parts}.values())


def title_of(session: Session, context: ActContext, request: NewDispatch) -> str:
    """What everybody here who sees dispatches may call it: of a restricted incident, nothing."""
    if request.incident:
        incident = find_incident(session, reader_of(context), request.incident)
        return "" if is_restricted(incident) else incident.title
    first, *more = (one.name for one in request.documents)
    return f"{first} (+{len(more)})" if more else first
