"""An incident as one partner may have it at a MISP: its summary and its observables, each let through by the gate."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy.orm import Session

from tocsin.exchange.ledger import (
    ground_of_package,
    newest_version,
    parties_of_partner,
    passed_items,
    policy_for,
    recipient_for,
    tombstones,
    with_sources,
    within_ceilings,
)
from tocsin.exchange.partners import Partner
from tocsin.exchange.recalls import Name
from tocsin.exchange.sharing import (
    PackageKind,
    PackagePolicy,
    PartnerPackage,
    compose,
    incident_event,
    incident_items,
    read_view,
)
from tocsin.incidents import (
    Incident,
    IncidentReader,
    Party,
    find_incident,
    merged_family,
    parties_of,
    shareable_incidents,
)
from tocsin.interface import ActContext
from tocsin.node.records import node_uuid
from tocsin.sharing.gate import Audience, Recipient

_KINDS: Final = {PackageKind.SUMMARY, PackageKind.OBSERVABLES}


@dataclass(frozen=True)
class EventRecipient:
    """A partner to whom incidents go as events. ``known``: as the gate knows it, whatever an incident says of it."""

    partner: Partner
    known: Recipient
    policy: PackagePolicy
    us: UUID

    def for_incident(self, parties: Iterable[Party]) -> Recipient:
        """As the gate knows it for an incident: where it takes part it is named, and gets no more than that says."""
        named = parties_of_partner(self.partner, parties)
        if not named:
            return self.known
        return replace(within_ceilings(self.known, named), audience=Audience.PARTNER, in_case=True)


@dataclass(frozen=True)
class SharedEvent:
    """An incident as a partner reads it; ``withdrawn``: it was recalled, and only those who had it see that."""

    incident: Incident
    event: dict[str, Any]
    package: PartnerPackage
    withdrawn: bool = False


def event_recipient(session: Session, context: ActContext, partner: Partner) -> EventRecipient:
    """A partner with the rules and agreements that hold now. All ways of MISP are encrypted."""
    known = recipient_for(session, context, partner, "")
    known = replace(known, plain=False, party=known.party or f"partner:{partner.id}")
    policy = policy_for(session, context, partner, PackagePolicy().chosen)
    return EventRecipient(partner, known, policy, node_uuid(context.database))


def incident_package(
    session: Session, reader: IncidentReader, to: EventRecipient, reference: str
) -> tuple[Incident, PartnerPackage]:
    """What of an incident may go to a partner, and what not and why.

    Raises:
        NotFoundError: the reader knows no such incident.

    """
    family = merged_family(session, reader, find_incident(session, reader, reference))
    recipient = to.for_incident(parties_of(session, reader, family))
    return package_for(session, reader, recipient, to.policy, reference, us=to.us)


def ground_detail(session: Session, package: PartnerPackage) -> dict[str, str]:
    """On what an incident goes, as the audit log keeps it: the kind of ground, and the agreement where it is one."""
    agreement = package.recipient.agreement
    ground = {"ground": ground_of_package(session, package).kind}
    return {**ground, "agreement": agreement[0]} if agreement else ground


def package_for(
    session: Session, reader: IncidentReader, recipient: Recipient, policy: PackagePolicy, reference: str, *, us: UUID
) -> tuple[Incident, PartnerPackage]:
    """What of an incident may go to a recipient, and what not and why."""
    view = with_sources(session, us, reader.now, read_view(session, reader, reference, recipient))
    items = [one for one in incident_items(view) if one.kind in _KINDS]
    return view.incident, compose(items, recipient, recipient.party, policy)


def shared_events(
    session: Session, context: ActContext, to: EventRecipient, *, since: datetime | None = None,
    only: UUID | None = None,
) -> Iterator[SharedEvent]:  # fmt: skip
    """The incidents that a partner may have at all, each as it may have it, those that changed first first."""
    reader, own = IncidentReader(None, context.now), node_uuid(context.database)
    bound = to.known.audience is Audience.PARTNER
    for incident in shareable_incidents(session, reader, to.partner.team_id, bound=bound, since=since, only=only):
        name = (own, incident.uuid)
        withdrawn = is_withdrawn(session, name)
        if withdrawn and not passed_items(session, to.partner.id, {name}):
            continue
        _, package = incident_package(session, reader, to, incident.reference)
        event = package_event(incident, package)
        if event is not None:
            shown = _withdrawn(incident, event) if withdrawn else event
            yield SharedEvent(incident, shown, package, withdrawn=withdrawn)


def package_event(incident: Incident, package: PartnerPackage) -> dict[str, Any] | None:
    """The event of what goes; None: not even the summary does."""
    items = [one.item.shown for one in package.decisions if one.goes]
    if all(one.kind is not PackageKind.SUMMARY for one in items):
        return None
    return incident_event(items, incident.uuid, incident.changed_at)


def is_withdrawn(session: Session, name: Name) -> bool:
    """Whether an incident was recalled, and nobody has had a later version since."""
    return newest_version(session, name) <= tombstones(session, {name}, for_all=True).get(name, -1)


def _withdrawn(incident: Incident, event: dict[str, Any]) -> dict[str, Any]:
    attributes = [{**one, "deleted": True} for one in event["Attribute"]]
    return {**event, "info": f"Withdrawn: {incident.reference}", "Attribute": attributes}
