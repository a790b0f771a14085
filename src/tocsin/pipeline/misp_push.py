"""An incident pushed to a MISP: what the gate lets go there, and what of it is there afterwards."""

from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final
from uuid import UUID

from pydantic import BaseModel, Field

from tocsin.delivery import halts
from tocsin.delivery.never_held import class_table
from tocsin.directory import teams_by_id
from tocsin.exchange import Transfer, note_arrival, note_transfer
from tocsin.exchange.partners import find_partner
from tocsin.exchange.sharing import (
    EventComparison,
    PackageItem,
    PackageKind,
    PackagePolicy,
    PartnerPackage,
    SharingPartner,
    compare_events,
    compose,
    deleted_attributes,
    incident_event,
    incident_items,
    partner_recipient,
    read_view,
)
from tocsin.incidents import IncidentReader, find_incident, merged_family, parties_of
from tocsin.interface import Absence, Act, ActContext, NoUndo
from tocsin.node.accounts import Permission
from tocsin.node.errors import ConflictError, NotFoundError, WithheldError
from tocsin.node.records import AuditAction, node_uuid
from tocsin.node.sentences import say
from tocsin.pipeline.collectors import MispServer, MispSettings, node_collectors, open_misp
from tocsin.sharing.gate import Audience, Recipient, highest, read_tlp
from tocsin.sharing.rules import Rules, rules_in_force

_KINDS: Final = {PackageKind.SUMMARY, PackageKind.OBSERVABLES}


class MispPush(BaseModel):
    """Which incident goes to which MISP."""

    to: str = Field(
        min_length=1, max_length=500, description="The MISP: name of its collector or partner, or its address."
    )
    incident: str = Field(
        min_length=1, max_length=60, description="The reference of an incident.", examples=["INC-4KX7-9M2P"]
    )
    preview: bool = Field(False, description="Say what would go, and send nothing.")


class WithheldItems(BaseModel):
    """How many things stay here, and why."""

    count: int
    reason: str


class MispPushResult(BaseModel):
    """What has arrived. ``event``: its UUID; ``sent`` and ``arrived``: attributes; ``new``: it was not there before.

    ``preview``: nothing was sent. ``stripped``: what the MISP dropped; ``changed``: what it has otherwise; ``wider``:
    it shows something to more people than the marking lets.
    """

    reference: str
    event: UUID
    at: str
    marking: list[str]
    sent: int
    arrived: int = 0
    preview: bool = False
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
    to: str
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

    def transfer(self) -> Transfer:
        item = (node_uuid(self.context.database), self.uuid)
        return Transfer(item, int(self.context.now.timestamp()), self.to, "misp")


def push(context: ActContext, request: MispPush) -> MispPushResult:
    """As an event that is not published there. What may not go any more is deleted there, and all is read back.

    Raises:
        NotFoundError: there is no such MISP, or no such incident.
        WithheldError: the release gate lets nothing go.
        ConflictError: this node sends nothing now.
        RemoteError: the MISP does not take it.

    """
    shared = _share_of(context, _misp_of(context, request.to), request.incident)
    event = shared.event
    if request.preview:
        return shared.result(preview=True)
    _check_sending(context)
    with open_misp(shared.settings, context.node.home) as misp:
        before = misp.event(str(shared.uuid))
        gone = deleted_attributes(event, before) if before else []
        transfer, subject = shared.transfer(), f"incident:{shared.reference}"
        marking, attributes = " ".join(shared.labels), len(event["Attribute"])
        with context.database.begin() as session:
            note_transfer(session, context, transfer, subject, marking=marking, attributes=attributes)
        sent = {**event, "Attribute": [*event["Attribute"], *gone]}
        found = _send(misp, sent, shared.uuid, before)
        with context.database.begin() as session:
            note_arrival(
                session, context, transfer, subject, arrived=found.arrived, stripped=len(found.stripped),
                changed=len(found.changed), wider=found.wider,
            )  # fmt: skip
    return shared.result(
        arrived=found.arrived, new=before is None, wider=found.wider, stripped=list(found.stripped),
        changed=list(found.changed),
    )  # fmt: skip


def _check_sending(context: ActContext) -> None:
    """What holds for mails holds here, too."""
    mode = context.node.settings.tell.mode
    with context.database.reading() as session:
        stop, _ = halts(session)
    if stop is not None or mode != "live":
        words = say("Sending is stopped.") if stop else say("This node sends nothing: its mode is %(mode)s.", mode=mode)
        raise ConflictError(words, hint="--preview shows what would be sent.")


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
    teams = teams_by_id(context.database)
    with context.database.reading() as session:
        family = merged_family(session, reader, find_incident(session, reader, reference))
        recipient, name = Recipient(Audience.PUBLIC), settings.url
        if settings.partner:
            partner = find_partner(session, settings.partner)
            team = teams.get(partner.team_id or 0)
            here = [one for one in parties_of(session, reader, family) if one.left_at is None]
            limits = [read_tlp(one.ceiling) for one in here if team is not None and one.team_id == team.id]
            ceiling = min([*limits, read_tlp(team.ceiling)], key=lambda one: one.rank) if team else None
            party = str(partner.node or f"partner:{partner.id}")
            who = SharingPartner(party, partner.name, team, ceiling=ceiling)
            recipient, name = partner_recipient(who, (), context.now, in_case=bool(limits)), partner.name
        view = read_view(session, reader, reference, recipient)
        items = [one for one in incident_items(view) if one.kind in _KINDS]
        package = compose(items, recipient, name, _policy(context, rules_in_force(session)))
        to = recipient.party or settings.url
        return _IncidentShare(context, settings, view.incident.reference, view.incident.uuid, to, package)


def _policy(context: ActContext, rules: Rules) -> PackagePolicy:
    always = (rule.local for rule in rules.sharing.document.rules if not rule.when)  # the others are about events
    return PackagePolicy(
        local=tuple(one for one in always if one is not None), transfers=rules.transfers,
        never_held=class_table(context.node.settings.never_held),
    )  # fmt: skip


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
        undo=NoUndo("Another server has it by then; a later push deletes there what may not go any more."),
    ),
)  # fmt: skip
"""What is done with incidents at a MISP."""
