"""An incident as one partner may have it at a MISP: its summary and its observables, each let through by the gate."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy.orm import Session

from tocsin.delivery.never_held import class_table
from tocsin.directory import Team, teams_by_id
from tocsin.exchange.ledger import newest_version, passed_items, tombstones
from tocsin.exchange.partners import Partner, attested
from tocsin.exchange.recalls import Name
from tocsin.exchange.sharing import (
    PackageKind,
    PackagePolicy,
    PartnerPackage,
    SharingPartner,
    compose,
    incident_event,
    incident_items,
    partner_recipient,
    read_view,
)
from tocsin.incidents import Incident, IncidentReader, find_incident, merged_family, parties_of, shareable_incidents
from tocsin.node.node import Node
from tocsin.node.records import node_uuid
from tocsin.sharing.gate import Recipient, Tlp, read_tlp
from tocsin.sharing.rules import rules_in_force

_KINDS: Final = {PackageKind.SUMMARY, PackageKind.OBSERVABLES}


@dataclass(frozen=True)
class EventRecipient:
    """A partner to whom incidents go as events. ``party``: its node, or what else names it to the gate."""

    partner: int
    party: str
    name: str
    team: Team | None
    policy: PackagePolicy


@dataclass(frozen=True)
class SharedEvent:
    """An incident as a partner reads it; ``withdrawn``: it was recalled, and only those who had it see that."""

    incident: Incident
    event: dict[str, Any]
    withdrawn: bool = False


def event_recipient(session: Session, node: Node, partner: Partner, now: datetime) -> EventRecipient:
    """A partner with the rules that hold now."""
    team = teams_by_id(node.database).get(partner.team_id or 0)
    party = str(partner.node or f"partner:{partner.id}")
    policy, shown = event_policy(session, node), attested(partner, now)
    transfers = tuple(one for one in (rule.for_partner(shown) for rule in policy.transfers) if one)
    return EventRecipient(partner.id, party, partner.name, team, replace(policy, transfers=transfers))


def event_policy(session: Session, node: Node) -> PackagePolicy:
    """The rules of this node that hold for every recipient of events."""
    rules = rules_in_force(session)
    always = (rule.local for rule in rules.sharing.document.rules if not rule.when)  # the others are about events
    return PackagePolicy(
        local=tuple(one for one in always if one is not None), transfers=rules.transfers,
        never_held=class_table(node.settings.never_held),
    )  # fmt: skip


def incident_package(
    session: Session, reader: IncidentReader, to: EventRecipient, reference: str
) -> tuple[Incident, PartnerPackage]:
    """What of an incident may go to a partner, and what not and why.

    Where its team takes part, nothing above what the incident says of that team.

    Raises:
        NotFoundError: the reader knows no such incident.

    """
    family = merged_family(session, reader, find_incident(session, reader, reference))
    team, limits = to.team, list[Tlp]()
    if team is not None:
        here = [one for one in parties_of(session, reader, family) if one.left_at is None]
        limits = [read_tlp(one.ceiling) for one in here if one.team_id == team.id]
    ceiling = min([*limits, read_tlp(team.ceiling)], key=lambda one: one.rank) if team else None
    who = SharingPartner(to.party, to.name, team, ceiling=ceiling)
    recipient = partner_recipient(who, (), reader.now, in_case=bool(limits))
    return package_for(session, reader, recipient, to.policy, reference)


def package_for(
    session: Session, reader: IncidentReader, recipient: Recipient, policy: PackagePolicy, reference: str
) -> tuple[Incident, PartnerPackage]:
    """What of an incident may go to a recipient, and what not and why."""
    view = read_view(session, reader, reference, recipient)
    items = [one for one in incident_items(view) if one.kind in _KINDS]
    return view.incident, compose(items, recipient, recipient.party, policy)


def shared_events(
    session: Session, node: Node, to: EventRecipient, now: datetime, *, since: datetime | None = None,
    only: UUID | None = None,
) -> Iterator[SharedEvent]:  # fmt: skip
    """The incidents that a partner may have at all, each as it may have it, those that changed first first."""
    reader, own = IncidentReader(None, now), node_uuid(node.database)
    team = to.team.id if to.team else None
    for incident in shareable_incidents(session, reader, team, since=since, only=only):
        name = (own, incident.uuid)
        withdrawn = is_withdrawn(session, name)
        if withdrawn and not passed_items(session, to.partner, {name}):
            continue
        _, package = incident_package(session, reader, to, incident.reference)
        event = package_event(incident, package)
        if event is not None:
            yield SharedEvent(incident, _withdrawn(incident, event) if withdrawn else event, withdrawn=withdrawn)


def package_event(incident: Incident, package: PartnerPackage) -> dict[str, Any] | None:
    """The event of what goes; None: not even the summary does."""
    items = [one.item.shown for one in package.decisions if one.goes]
    if all(one.kind is not PackageKind.SUMMARY for one in items):
        return None
    return incident_event(items, incident.uuid, incident.changed_at)


def is_withdrawn(session: Session, name: Name) -> bool:
    """Whether an incident was recalled, and nobody has had a later version since."""
    return newest_version(session, name) <= tombstones(session, {name}).get(name, -1)


def _withdrawn(incident: Incident, event: dict[str, Any]) -> dict[str, Any]:
    attributes = [{**one, "deleted": True} for one in event["Attribute"]]
    return {**event, "info": f"Withdrawn: {incident.reference}", "Attribute": attributes}
