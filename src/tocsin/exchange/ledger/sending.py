"""An incident or files to a partner: first what would go and what not, then the sealed dispatch."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated, Final
from uuid import UUID, uuid4, uuid5

from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from tocsin.delivery.never_held import IntakeFilter
from tocsin.directory import teams_by_id
from tocsin.exchange.ledger.links import NoPartnerKeyError, OpenPartner, OwnParty, encrypting_key, own_party
from tocsin.exchange.ledger.mail_sealing import seal_for, tell_of_key
from tocsin.exchange.ledger.models import OutgoingRow, PassedItem
from tocsin.exchange.ledger.sealing import DispatchDraft
from tocsin.exchange.partners import Partner, PartnerKeyState, find_partner, read_partner
from tocsin.exchange.sharing import (
    USUAL,
    IncidentView,
    PackageFile,
    PackageItem,
    PackageKind,
    PackagePart,
    PackagePolicy,
    PartnerPackage,
    SharingPartner,
    compose,
    incident_items,
    partner_recipient,
    read_view,
)
from tocsin.exchange.statements import (
    DispatchType,
    GlobalName,
    Part,
    SharedItem,
    Statement,
    hash_of,
    sign_statement,
    utc,
)
from tocsin.incidents import IncidentReader, find_incident, is_restricted, merged_family, parties_of
from tocsin.incidents.act_parts import LINE, Tlp
from tocsin.interface import N_, ActContext, Wording
from tocsin.node.errors import ConflictError, UsageError
from tocsin.node.records import cut
from tocsin.node.sentences import say
from tocsin.sharing.gate import DataClass, ItemSource, Marking, Recipient, ReleaseItem, highest, read_marking
from tocsin.sharing.rules import rules_in_force

_OURS: Final = ItemSource(ours=True)


class SentDocument(BaseModel):
    """A file that is going to be sent, under a name for people."""

    model_config = ConfigDict(ser_json_bytes="base64")

    name: str = Field(min_length=1, max_length=200, pattern=LINE, description="What it is called.")
    content: bytes = Field(min_length=1, description="Its bytes.")


class NewDispatch(BaseModel):
    """What is to go to which partner."""

    model_config = ConfigDict(ser_json_bytes="base64")

    partner: Annotated[str, Wording(lacking=N_("Choose a partner."))] = Field(
        min_length=1, max_length=200, description="Number or name of the partner."
    )
    incident: str = Field("", max_length=60, description="The reference of an incident.")
    documents: tuple[SentDocument, ...] = Field((), max_length=100, description="Files.")
    classes: tuple[DataClass, ...] = Field(
        (), description="Classes that go besides the usual ones: analysis, content, personal, evidence."
    )
    tlp: Tlp | None = Field(None, description="The marking of files, AMBER without it; an incident only gets stricter.")
    once: str = Field("", max_length=100, description="A word by which the same request is taken once.")


class DispatchResult(BaseModel):
    """A dispatch to a partner, after an act."""

    dispatch: int
    partner: int
    name: str
    number: int
    state: str


def preview(context: ActContext, request: NewDispatch) -> PartnerPackage:
    """What would go to the partner, and what not and why. Nothing is written.

    Raises:
        NotFoundError: there is no such partner or incident.
        UsageError: nothing is named.

    """
    with context.database.reading() as session:
        return _package(session, context, find_partner(session, request.partner), request)


def send(context: ActContext, request: NewDispatch) -> DispatchResult:
    """Composed by the gate, signed, and encrypted for the partner. The file is then in the list of dispatches.

    Raises:
        ConflictError: nothing of it may go, or the partner has no key that works.

    """
    once = context.key_of(request)
    us = own_party(context.node, context.now)
    _check_key(context, request)
    with context.database.begin() as session:
        partner = find_partner(session, request.partner, lock=True)
        if once and (known := session.scalar(select(OutgoingRow).where(OutgoingRow.once == once))) is not None:
            return result_of(known, partner)
        package = _package(session, context, partner, request)
        if package.marking is None:
            raise ConflictError(
                say("Nothing of this may go to %(name)s.", name=partner.name),
                hint=say("The preview says why: 'tocsin exchange send … --preview'."),
            )
        items, title = _items(session, context, us, package, request), _title(session, context, request)
        draft = DispatchDraft(
            DispatchType.SHARE, title, package.marking, items,
            [(part.statement, part.written.content) for part in _once(package.parts)], package.withheld, package.text,
            request.incident if title else "", reasons_of(package),
        )  # fmt: skip
        row = seal_for(OpenPartner(session, context, us, partner), draft, once)
        for item in items:
            session.add(_passing(row, item.said(SharedItem)))
        done = result_of(row, partner)
    cut("exchange.sealed")
    return done


def result_of(row: OutgoingRow, partner: Partner) -> DispatchResult:
    """How a dispatch is after an act."""
    number = abs(row.number)  # of mails below zero
    return DispatchResult(dispatch=row.id, partner=partner.id, name=partner.name, number=number, state=row.state)


def reasons_of(package: PartnerPackage) -> list[list[object]]:
    """What does not go, for people here: class, rule, code, and how many things."""
    counted = Counter(
        (one.item.terms.data.value, one.verdict.rule, str(one.verdict.code) if one.chosen else "not-chosen")
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
        try:
            encrypting_key(session, partner, context.now)
        except NoPartnerKeyError as error:
            missing = error
        else:
            return
    if tell_of_key(context, partner):
        missing.hint = say("A mail says so to it, without content. Ask for its key, and confirm it by telephone.")
    raise missing


def _passing(row: OutgoingRow, item: SharedItem) -> PassedItem:
    """That a dispatch brings its recipient an item."""
    return PassedItem(
        partner_id=row.partner_id, outgoing_id=row.id, node=item.item.node, item=item.item.id, version=item.version,
        title=row.title if row.incident or not row.title else item.title,
        way="dispatch" if row.number > 0 else "mail", recall_dispatch=None,
        answer="", answer_code="", answered_at=None,
    )  # fmt: skip


def _package(session: Session, context: ActContext, partner: Partner, request: NewDispatch) -> PartnerPackage:
    if not request.incident and not request.documents:
        raise UsageError(say("Name an incident or a file."))
    reader = IncidentReader(context.person, context.now)
    marking = read_marking(request.tlp or "AMBER", None)
    documents = [_document(one, marking) for one in request.documents]
    recipient = _recipient(session, context, partner, request)
    if request.incident:
        view = read_view(session, reader, request.incident, recipient)
        view = replace(view, documents=documents, evidence_file=context.node.incident_evidence.read)
        items = incident_items(view, terms=_terms(view, request))
    else:
        items = documents
    rules = rules_in_force(session)
    local = tuple(rule.local for rule in rules.document.rules if not rule.when and rule.local is not None)
    policy = PackagePolicy(
        local=local, transfers=rules.transfers, chosen=USUAL.union(request.classes),
        never_held=IntakeFilter(context.node, "exchange").classes,
    )  # fmt: skip
    if partner.largest is not None:
        policy = replace(policy, largest=min(policy.largest, partner.largest))
    return compose(items, recipient, partner.name, policy)


def _recipient(session: Session, context: ActContext, partner: Partner, request: NewDispatch) -> Recipient:
    """The partner as the gate knows it: named in the case where a party of the incident is the same team or mailbox."""
    team = teams_by_id(context.database, [partner.team_id]).get(partner.team_id) if partner.team_id else None
    named = False
    if request.incident:
        reader = IncidentReader(context.person, context.now)
        family = merged_family(session, reader, find_incident(session, reader, request.incident))
        named = any(
            (party.team_id is not None and party.team_id == partner.team_id)
            or (party.mailbox and party.mailbox.casefold() == partner.mailbox.casefold())
            for party in parties_of(session, reader, family)
            if party.left_at is None
        )
    found = read_partner(session, str(partner.id), context.now)
    keys = frozenset(key.fingerprint for key in found.in_state(PartnerKeyState.PINNED, context.now))
    sharing = SharingPartner(str(partner.node or partner.mailbox), partner.name, team, keys, plain=not keys)
    recipient = partner_recipient(sharing, (), context.now, in_case=named)
    return recipient if team else replace(recipient, country=partner.countries.partition(",")[0])


def _terms(view: IncidentView, request: NewDispatch) -> ReleaseItem:
    """What the gate knows of all of an incident: a marking that was asked for only makes it stricter."""
    asked = [read_marking(request.tlp, None)] if request.tlp else []
    return ReleaseItem(highest([view.marking, *asked]), source=_OURS)


def _document(document: SentDocument, marking: Marking) -> PackageItem:
    content = document.content
    digest = hash_of(content).removeprefix("sha256:")
    file = PackageFile("application/octet-stream", digest, len(content), lambda: content)
    return PackageItem(PackageKind.FILE, ReleaseItem(marking, DataClass.DOCUMENT, _OURS), document.name, file=file)


def _items(
    session: Session, context: ActContext, us: OwnParty, package: PartnerPackage, request: NewDispatch
) -> list[Statement]:
    """The items of a package: the incident with all that goes with it, else each file."""

    def item(name: UUID, title: str, parts: Sequence[Part], marking: Marking) -> Statement:
        newest = select(func.max(PassedItem.version)).where(PassedItem.item == name, PassedItem.node == us.name.node)
        body = SharedItem(
            id=uuid4(), by=us.name, at=utc(context.now), item=GlobalName(node=us.name.node, id=name),
            version=(session.scalar(newest) or 0) + 1, title=title[:500], parts=tuple(parts), tlp=marking.tlp,
            pap=marking.pap,
        )  # fmt: skip
        return sign_statement(body, us.key.signer)

    parts = _once(package.parts)
    if request.incident and package.marking is not None:
        incident = find_incident(session, IncidentReader(context.person, context.now), request.incident)
        named = [*(part.statement for part in parts), *package.described]
        return [item(incident.uuid, incident.title, named, package.marking)]
    return [
        item(uuid5(us.name.node, part.statement.hash), part.written.name, [part.statement], part.marking)
        for part in parts
    ]


def _once(parts: Sequence[PackagePart]) -> list[PackagePart]:
    """Each content once, also where two files are the same."""
    return list({part.statement.hash: part for part in parts}.values())


def _title(session: Session, context: ActContext, request: NewDispatch) -> str:
    """What everybody here who sees dispatches may call it: of a restricted incident, nothing."""
    if request.incident:
        incident = find_incident(session, IncidentReader(context.person, context.now), request.incident)
        return "" if is_restricted(incident) else incident.title
    first, *more = (one.name for one in request.documents)
    return f"{first} (+{len(more)})" if more else first
