"""What a partner may read of incidents, as STIX 2.1: the summary and the indicators that the release gate lets go."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property
from typing import Any, Final
from uuid import UUID

from sqlalchemy.orm import Session

from tocsin.exchange.formats import Source, write_bundle
from tocsin.exchange.ledger import (
    agreement_of,
    parties_of_partner,
    policy_for,
    recipient_for,
    with_sources,
    within_ceilings,
)
from tocsin.exchange.partners import Partner
from tocsin.exchange.sharing import (
    PackageItem,
    PackageKind,
    PackagePolicy,
    compose,
    incident_collection,
    incident_items,
    read_view,
)
from tocsin.incidents import (
    Incident,
    IncidentReader,
    IncidentState,
    ObservableRole,
    merged_family,
    observables_of,
    parties_of,
)
from tocsin.interface import ActContext
from tocsin.node.node import Node
from tocsin.sharing.gate import DataClass, Recipient

Json = dict[str, Any]

_CHOSEN: Final = frozenset({DataClass.CASE, DataClass.TECHNICAL})
_SHOWN: Final = frozenset({PackageKind.SUMMARY, PackageKind.OBSERVABLES})
_NEVER: Final = (IncidentState.MERGED, IncidentState.REJECTED)
_DERIVED: Final = ("observed-data--", "relationship--")  # they say what the indicator says
ROOTS: Final = frozenset({"identity", "marking-definition"})
"""Types of objects that belong to no incident."""


@dataclass(frozen=True)
class IncidentObjects:
    """What goes of an incident, under an agreement or none. ``digest``: the same as long as that is the same."""

    items: Sequence[PackageItem]
    incident: Incident
    source: Source
    agreement: UUID | None

    @cached_property
    def digest(self) -> str:
        """SHA-256 of all that goes, in hexadecimal."""
        said = [[one.kind.value, dict(one.values), one.marking.labels] for one in self.items]
        whole = [said, self.source.name, self.agreement]
        return hashlib.sha256(json.dumps(whole, default=str).encode()).hexdigest()

    def objects(self) -> list[Json]:
        """As STIX 2.1: who we are, a grouping, its indicators, and what they are marked with."""
        whole = incident_collection(self.items, self.incident.uuid, self.incident.opened_at)
        shown = [one.values for one in self.items if one.kind is PackageKind.OBSERVABLES]
        observables = tuple(
            replace(one, comment="", time=_time(said["added_at"]), last_seen=_time(said["valid_until"]))
            for one, said in zip(whole.observables, shown, strict=True)
        )
        bundle, _ = write_bundle(replace(whole, observables=observables, source=self.source, properties={}))
        found = [one for one in bundle.get("objects", []) if _is_shown(one)]
        named = {one["id"] for one in found}
        for one in found:
            if "object_refs" in one:
                one["object_refs"] = [ref for ref in one["object_refs"] if ref in named]
        return [one for one in found if one.get("object_refs", [""])]


@dataclass(frozen=True)
class PartnerReader:
    """A partner that reads what the gate lets it have, as of now. ``us``: this node."""

    session: Session
    node: Node
    us: UUID
    partner: Partner
    now: datetime

    @cached_property
    def reader(self) -> IncidentReader:
        """As whom incidents are read: nobody, so never a restricted one."""
        return IncidentReader(None, self.now)

    def objects_of(self, incident: Incident) -> IncidentObjects | None:
        """What goes of an incident and of those merged into it; None: nothing, or only that it exists."""
        if IncidentState(incident.state) in _NEVER:
            return None
        family = merged_family(self.session, self.reader, incident)
        found = observables_of(self.session, self.reader, family)
        if all(one.role != ObservableRole.INDICATOR for one in found):
            return None
        recipient = self._recipient(incident, family)
        view = read_view(self.session, self.reader, incident.reference, recipient)
        view = with_sources(self.session, self.us, self.now, view)
        items = [one for one in incident_items(view) if one.kind in _SHOWN and one.terms.data in _CHOSEN]
        package = compose(items, recipient, self.partner.name, self._policy)
        going = [one.item.shown for one in package.decisions if one.goes]
        if {one.kind for one in going} != _SHOWN:
            return None
        return IncidentObjects(going, incident, self._source, agreement_of(package))

    @cached_property
    def _source(self) -> Source:
        return Source(self.node.settings.node.name, str(self.us))

    @cached_property
    def _context(self) -> ActContext:
        return ActContext(self.node, self.now, "taxii")

    @cached_property
    def _policy(self) -> PackagePolicy:
        return policy_for(self.session, self._context, self.partner, _CHOSEN)

    def _recipient(self, incident: Incident, family: Sequence[Incident]) -> Recipient:
        """The partner as the gate knows it, and no wider than the incident says of it."""
        recipient = recipient_for(self.session, self._context, self.partner, incident.reference)
        parties = parties_of(self.session, self.reader, family)
        return within_ceilings(recipient, parties_of_partner(self.partner, parties))


def withdrawn(content: Json) -> Json:
    """The version that takes an object back: nothing of it, but what the standard wants of its type."""
    kept = ("type", "spec_version", "id", "created_by_ref", "created", "modified")
    named = {name: content[name] for name in kept if name in content}
    refs = {"object_refs": [content.get("created_by_ref", content["id"])]} if "object_refs" in content else {}
    return {**named, "revoked": True, **_NEEDED.get(content["type"], {}), **refs}


_NEEDED: Final[dict[str, Json]] = {
    "indicator": {
        "pattern": "[x-tocsin-withdrawn:value = 'withdrawn']", "pattern_type": "stix", "pattern_version": "2.1",
        "valid_from": "2020-01-01T00:00:00.000Z",
    },
    "grouping": {"context": "suspicious-activity"},
    "vulnerability": {"name": "withdrawn"},
}  # fmt: skip


def _is_shown(one: Json) -> bool:
    return one["type"] in ROOTS or ("modified" in one and not one["id"].startswith(_DERIVED))


def _time(text: str) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
