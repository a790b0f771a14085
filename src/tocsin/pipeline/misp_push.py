"""An incident pushed to a partner's MISP, or withdrawn there: what the gate lets go, and what is there afterwards."""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Any, Final
from uuid import UUID

from pydantic import BaseModel, Field
from sqlalchemy.orm import Session

from tocsin.delivery import kept_from_sending, sole_pusher
from tocsin.exchange.ledger import ItemRecipient, PassingWay, agreement_of, note_passing, withdraw_passings
from tocsin.exchange.partners import Partner, find_partner
from tocsin.exchange.protocols import event_recipient, ground_detail, incident_package
from tocsin.exchange.sharing import (
    EventComparison,
    PackageItem,
    PackageKind,
    PartnerPackage,
    compare_events,
    deleted_attributes,
    incident_event,
    withdrawn_event,
)
from tocsin.incidents import IncidentReader, is_restricted
from tocsin.interface import N_, Absence, Act, ActContext, NoUndo, Wording
from tocsin.node.accounts import Permission
from tocsin.node.errors import ConflictError, NotFoundError, WithheldError
from tocsin.node.records import AuditAction, audit, node_uuid
from tocsin.node.sentences import say
from tocsin.pipeline.collectors import MispServer, MispSettings, node_collectors, open_misp
from tocsin.sharing.gate import highest


class MispPush(BaseModel):
    """Which incident goes to which MISP."""

    to: str = Field(
        min_length=1, max_length=500, title="MISP",
        description="The MISP: name of its collector or partner, or its address.",
    )  # fmt: skip
    incident: str = Field(
        min_length=1, max_length=60, title=N_("Incident"), description="The reference of an incident.",
        examples=["INC-4KX7-9M2P"],
    )  # fmt: skip
    preview: Annotated[bool, Wording(hidden=True)] = Field(
        False, title=N_("Preview"), description="Say what would go, and send nothing."
    )
    withdraw: bool = Field(
        False, title=N_("Withdraw"), description="Delete there what was pushed of it, as after a recall."
    )


class WithheldItems(BaseModel):
    """How many things stay here, and why."""

    count: int
    reason: str


class MispPushResult(BaseModel):
    """What has arrived. ``event``: its UUID; ``sent`` and ``arrived``: attributes; ``new``: it was not there before.

    ``preview``: nothing was sent. ``withdrawn``: it was deleted there. ``stripped``: what the MISP dropped;
    ``changed``: what it has otherwise; ``wider``: it shows something to more people than the marking lets.
    """

    reference: str
    event: UUID
    at: str
    marking: list[str]
    sent: int
    arrived: int = 0
    preview: bool = False
    withdrawn: bool = False
    new: bool = False
    wider: bool = False
    stripped: list[str] = []
    changed: list[str] = []
    withheld: list[WithheldItems] = []


@dataclass(frozen=True)
class _IncidentShare:
    """An incident as it may go to one MISP."""

    context: ActContext
    settings: MispSettings
    reference: str
    uuid: UUID
    partner: int
    title: str
    package: PartnerPackage

    @cached_property
    def items(self) -> list[PackageItem]:
        return [one.item.shown for one in self.package.decisions if one.goes]

    @cached_property
    def event(self) -> dict[str, Any]:
        """Raises WithheldError where not even the summary goes."""
        if all(one.kind is not PackageKind.SUMMARY for one in self.items):
            why = next((one.verdict.words for one in self.package.decisions if not one.goes), "")
            raise WithheldError(say("The release gate lets nothing of this incident go there."), hint=why)
        return incident_event(self.items, self.uuid, self.context.now)

    @property
    def labels(self) -> list[str]:
        return list(highest(one.marking for one in self.items).labels)

    def result(self, **more: Any) -> MispPushResult:
        attributes = len(self.event["Attribute"])
        return MispPushResult(
            reference=self.reference, event=self.uuid, at=self.settings.url, marking=self.labels, sent=attributes,
            withheld=_withheld(self.package), **more,
        )  # fmt: skip

    @cached_property
    def passing(self) -> ItemRecipient:
        name = (node_uuid(self.context.database), self.uuid)
        return ItemRecipient(self.partner, name, self.title, PassingWay.PUSH, agreement_of(self.package))

    def audit(self, session: Session, word: AuditAction, **detail: object) -> None:
        node, item = self.passing.name
        detail = {
            "node": str(node),
            "item": str(item),
            "to": self.package.recipient.party,
            "way": self.passing.way.value,
            **detail,
        }
        subject = f"incident:{self.reference}"
        audit(session, word, subject=subject, detail=detail, at=self.context.now, actor=self.context.actor)


def push(context: ActContext, request: MispPush) -> MispPushResult:
    """As an event that is not published there. What may not go any more is deleted there, and all is read back.

    Raises:
        NotFoundError: there is no such MISP, or no such incident; or it is not there, and so not withdrawn.
        WithheldError: the release gate lets nothing go.
        ConflictError: this node sends nothing now, or it is not said whose MISP it is.
        RemoteError: the MISP does not take it.

    """
    shared = _share_of(context, _misp_of(context, request.to), request.incident)
    if request.withdraw:
        return _withdraw(shared)
    event = shared.event
    if request.preview:
        return shared.result(preview=True)
    with _pushing(shared) as (misp, check_sole):
        before = misp.event(str(shared.uuid))
        gone = deleted_attributes(event, before) if before else []
        marking, attributes = " ".join(shared.labels), len(event["Attribute"])
        check_sole()
        with context.database.begin() as session:
            version = note_passing(session, shared.passing)
            shared.audit(
                session, AuditAction.ITEM_SENT, version=version, marking=marking, attributes=attributes,
                **ground_detail(session, shared.package),
            )  # fmt: skip
        sent = {**event, "Attribute": [*event["Attribute"], *gone]}
        found = _send(misp, sent, shared.uuid, before)
        with context.database.begin() as session:
            shared.audit(
                session, AuditAction.ITEM_CONFIRMED, version=version, arrived=found.arrived,
                stripped=len(found.stripped), changed=len(found.changed), wider=found.wider,
            )  # fmt: skip
    return shared.result(
        arrived=found.arrived, new=before is None, wider=found.wider, stripped=list(found.stripped),
        changed=list(found.changed),
    )  # fmt: skip


def _withdraw(shared: _IncidentShare) -> MispPushResult:
    """All that is ours of the event is deleted there and its title says so, which a MISP passes on to others."""
    context = shared.context
    with _pushing(shared) as (misp, check_sole):
        before = misp.event(str(shared.uuid))
        if before is None:
            raise NotFoundError(say("This incident is not at that MISP."))
        event = withdrawn_event(shared.reference, before, context.now)
        check_sole()
        found = _send(misp, event, shared.uuid, before)
    with context.database.begin() as session:
        if not found.changed:
            withdraw_passings(session, shared.partner, shared.passing.name, context.now)
        shared.audit(session, AuditAction.ITEM_CONFIRMED, withdrawn=not found.changed, changed=len(found.changed))
    return MispPushResult(
        reference=shared.reference, event=shared.uuid, at=shared.settings.url, marking=[], sent=0,
        withdrawn=not found.changed, changed=list(found.changed),
    )  # fmt: skip


@contextmanager
def _pushing(shared: _IncidentShare) -> Iterator[tuple[MispServer, Callable[[], None]]]:
    """The MISP, and what raises where another may push by now; what holds for mails holds here, too."""
    node = shared.context.node
    with sole_pusher(node.database) as check_sole:
        if why := kept_from_sending(node):
            raise ConflictError(why, hint="--preview shows what would be sent.")
        with open_misp(shared.settings, node.home) as misp:
            yield misp, check_sole


def _send(misp: MispServer, event: dict[str, Any], uuid: UUID, before: dict[str, Any] | None) -> EventComparison:
    """Send an event, and read it back. Of two versions a MISP keeps the later, by the second."""
    if before is not None:
        after = max(int(event["timestamp"]), _seconds(before.get("timestamp")) + 1)
        event = {**event, "timestamp": str(after)}
    misp.ask("events/add" if before is None else f"events/edit/{uuid}", {"Event": event})
    return compare_events(event, misp.event(str(uuid)))


def _seconds(value: object) -> int:
    text = str(value)
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 12 else 0


def _misp_of(context: ActContext, named: str) -> MispSettings:
    """The MISP of that name, partner or address in the settings."""
    known = {name: one for name, one in node_collectors(context.node).items() if isinstance(one, MispSettings)}
    found = [one for name, one in known.items() if named in {name, one.partner} or named.rstrip("/") == one.url]
    if len(found) != 1:
        raise NotFoundError(
            say("Several MISPs are called so.") if found else say("There is no such MISP in the settings."),
            hint=say('Name a collector of kind "misp": docs/collectors.md shows one.'),
        )
    return found[0]


def _share_of(context: ActContext, settings: MispSettings, reference: str) -> _IncidentShare:
    reader = IncidentReader(context.person, context.now)
    with context.database.reading() as session:
        to = event_recipient(session, context, _partner_of(session, settings))
        incident, package = incident_package(session, reader, to, reference)
        title = "" if is_restricted(incident) else incident.title
        return _IncidentShare(context, settings, incident.reference, incident.uuid, to.partner.id, title, package)


def _partner_of(session: Session, settings: MispSettings) -> Partner:
    if not settings.partner:
        raise ConflictError(
            say("It is not said whose MISP this is."),
            hint=say("Name a partner of this node in 'partner' of its collector, so that a recall reaches it."),
        )
    return find_partner(session, settings.partner)


def _withheld(package: PartnerPackage) -> list[WithheldItems]:
    reasons = Counter(
        one.verdict.words if one.chosen else say("Only indicators go to a MISP.")
        for one in package.decisions
        if not one.goes
    )
    return [WithheldItems(count=count, reason=reason) for reason, count in reasons.items()]


ACTS: Final = (
    Act(
        "push", "Push an incident to a MISP", push, noun="incident", permission=Permission.INCIDENTS_WRITE,
        audit=(AuditAction.ITEM_SENT, AuditAction.ITEM_CONFIRMED), command="exchange push", arguments=("to",),
        route=Absence("A person decides what leaves for a partner; a program has no word in it."),
        page=Absence("Whoever pushes reads first what would go, which the command shows."),
        told="{reference}: event {event} at {at}, {arrived} of {sent} attributes are there.",
        undo=NoUndo("Another server has it by then; --withdraw deletes it there."),
    ),
)  # fmt: skip
"""What is done with incidents at a MISP."""
