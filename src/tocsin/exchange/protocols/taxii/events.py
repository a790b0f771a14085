"""What a partner reads of events: those of its own team, as the gate lets the team have them, one indicator for each.

They are read where they are, not written down for each partner: there are thousands of times as many as incidents.
"""

import json
from collections.abc import Iterator, Mapping, ValuesView
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any, Final
from uuid import UUID, uuid5

from sqlalchemy.orm import Session

from tocsin.events import EventArrivals, EventFilter, Events, EventScope, merged
from tocsin.exchange.formats import (
    Collection,
    Comparison,
    Markings,
    Source,
    definitions,
    stix_time,
    write_bundle,
    write_pattern,
)
from tocsin.exchange.ledger import policy_for, recipient_for
from tocsin.exchange.partners import Partner
from tocsin.exchange.protocols.taxii.pages import TaxiiFilter, TaxiiPage, name_of
from tocsin.exchange.sharing import rsit_labels
from tocsin.interface import ActContext
from tocsin.node.accounts import PermissionScope
from tocsin.node.node import Node
from tocsin.node.records import AuditAction, audit, node_uuid
from tocsin.sharing.gate import (
    DataClass,
    Marking,
    Pap,
    ReleaseItem,
    Tlp,
    TransferLevel,
    highest,
    read_marking,
    strictest,
)
from tocsin.sharing.visibility import event_scope_of

Json = dict[str, Any]

WANTED: Final = EventFilter(last="30d")
"""What is there to be read: events are not taken back, they end."""

_CHOSEN: Final = frozenset({DataClass.TECHNICAL})
_COLUMNS: Final = (
    "time.source", "time.observation", "classification.taxonomy", "classification.type", "classification.identifier",
    "rsit.type", "malware.name", "source.ip", "source.network", "source.fqdn", "source.url", "tlp", "pap",
)  # fmt: skip
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_FIRST: Final = datetime(2022, 10, 1, tzinfo=UTC)  # of what belongs to no event: before all of them
_LABELS: Final = ("classification.type", "malware.name")
_COMPROMISED: Final = frozenset({"infected-system", "system-compromise", "application-compromise"})


@dataclass(frozen=True)
class EventObject:
    """An object of the collection, as a `TaxiiPage` has it; it has one version."""

    added_at: datetime
    object: str
    content: str = ""
    number: int = 0

    @property
    def version(self) -> str:
        """As TAXII 2.1 has it (3.4.1)."""
        return stix_time(self.added_at)


def has_events(session: Session, partner: int) -> bool:
    """Whether there is such a collection: the directory has a team of the partner, to which events go."""
    return session.get_one(Partner, partner).team_id is not None


def read_events(
    node: Node, events: Events, partner: int, asked: TaxiiFilter, now: datetime, *, content: bool = True
) -> TaxiiPage:
    """The next events that match, the first to come first. That they leave is audited before they do."""
    us = node_uuid(node.database)
    sight = _sight(node, events, partner, now)
    arrivals = events.arrivals(WANTED, now=now, sight=sight)
    cut = max(asked.since, (asked.after - _EPOCH) // timedelta(microseconds=1) if asked.after else 0)
    roots = [one for one in _roots(us, node.settings.node.name) if _micros(one.added_at) > cut and _fits(one, asked)]
    start = int(arrivals.added.searchsorted(cut, "right"))
    chosen = [*islice(_matching(us, arrivals, start, asked), max(asked.limit + 1 - len(roots), 0))]
    rows = [*roots, *(one for _, one in chosen)][: asked.limit + 1]
    shown = rows[: asked.limit]
    leaving = chosen[: max(asked.limit - len(roots), 0)] if content else []
    if leaving:
        found = events.arrived(arrivals, [at for at, _ in leaving], _COLUMNS, sight=sight)
        said = {one.object: found.get(int(arrivals.events[at]), {}) for at, one in leaving}
        _note(node, partner, said.values(), now)
        there = (one for one in shown if said.get(one.object, True))  # without what was purged meanwhile
        shown = [_written(us, one, said[one.object]) if one.object in said else one for one in there]
    return TaxiiPage(shown, name_of(rows[asked.limit - 1]) if len(rows) > asked.limit else "")


def _sight(node: Node, events: Events, partner: int, now: datetime) -> EventScope:
    """What the gate lets the partner's team see, as on its pages and in its mails, within the rules on partners."""
    with node.database.reading() as session:
        row, context = session.get_one(Partner, partner), ActContext(node, now, "taxii")
        recipient = recipient_for(session, context, row, "")
        transfers = policy_for(session, context, row, _CHOSEN).transfers
        teams = frozenset([row.team_id]) if row.team_id is not None else frozenset()

    def goes(tlp: str | None, pap: str | None) -> bool:
        rule = strictest(ReleaseItem(read_marking(tlp, pap), data=DataClass.TECHNICAL), recipient, transfers)
        return rule is None or rule.level is TransferLevel.CONTENT

    seen = event_scope_of(node, events, PermissionScope(False, teams))
    return merged(
        replace(one, labels=frozenset(label for label in one.labels or () if goes(*label))) for one in seen.windows
    )


def _matching(us: UUID, arrivals: EventArrivals, start: int, asked: TaxiiFilter) -> Iterator[tuple[int, EventObject]]:
    """The events from a place on that fit, each with its place and without its content."""
    if asked.types and "indicator" not in asked.types:
        return
    for at in range(start, len(arrivals.added)):
        added = _EPOCH + timedelta(microseconds=int(arrivals.added[at]))
        one = EventObject(added, f"indicator--{uuid5(us, f'event:{arrivals.events[at]}')}")
        if _fits(one, asked):
            yield at, one


def _fits(one: EventObject, asked: TaxiiFilter) -> bool:
    named = set(asked.versions) - {"last", "first", "all"}
    return (
        (not asked.ids or one.object in asked.ids)
        and (not asked.types or one.object.partition("--")[0] in asked.types)
        and (not asked.versions or named != set(asked.versions) or one.version in named)
        and (not asked.spec_versions or "2.1" in asked.spec_versions)
    )


def _roots(us: UUID, name: str) -> list[EventObject]:
    """Who we are, and what events are marked with."""
    bundle, _ = write_bundle(Collection(time=_FIRST, source=Source(name, str(us))))
    marks = [*(Markings(tlp=tlp) for tlp in Tlp), *(Markings(pap=pap) for pap in Pap)]
    found = [*bundle["objects"], *(one for mark in marks for one in definitions(mark))]
    return [
        EventObject(_FIRST + timedelta(milliseconds=at), one["id"], _text(one)) for at, one in enumerate(found)
    ]  # fmt: skip


def _written(us: UUID, one: EventObject, event: Mapping[str, Any]) -> EventObject:
    """An event as an indicator of what was seen where."""
    seen = event.get("time.source") or event.get("time.observation") or one.added_at
    marking = read_marking(event.get("tlp"), event.get("pap"))
    type_ = event.get("classification.type") or "undetermined"
    labels = [*rsit_labels(event.get("rsit.type") or ""), *(event[name] for name in _LABELS if event.get(name))]
    kind = "compromised" if type_ in _COMPROMISED else "malicious-activity"
    made: Json = {
        "type": "indicator", "spec_version": "2.1", "id": one.object, "created_by_ref": f"identity--{us}",
        "created": one.version, "modified": one.version, "name": event.get("classification.identifier") or type_,
        **({} if event.get("classification.taxonomy") == "vulnerable" else {"indicator_types": [kind]}),
        "pattern": _pattern(event, one.object), "pattern_type": "stix", "pattern_version": "2.1",
        "valid_from": stix_time(seen), **({"labels": labels} if labels else {}),
        "object_marking_refs": [
            mark["id"] for mark in definitions(Markings(tlp=marking.tlp, pap=marking.pap))
        ],
    }  # fmt: skip
    return replace(one, content=_text(made))


def _pattern(event: Mapping[str, Any], name: str) -> str:
    """Where it was; of an event that names no place, its name, which is seen nowhere."""
    address = event.get("source.ip") or event.get("source.network") or ""
    values = {"ipv6-addr" if ":" in address else "ipv4-addr": address}
    values |= {"domain-name": event.get("source.fqdn"), "url": event.get("source.url")}
    found = [Comparison(f"{type_}:value", value) for type_, value in values.items() if value]
    return write_pattern(found or [Comparison("x-tocsin-event:id", name)])


def _note(node: Node, partner: int, said: ValuesView[Mapping[str, Any]], now: datetime) -> None:
    there = [one for one in said if one]
    whole = highest([Marking(Tlp.CLEAR), *(read_marking(one.get("tlp"), one.get("pap")) for one in there)])
    detail: dict[str, object] = {
        "form": "taxii", "events": len(there), "marking": f"TLP:{whole.tlp}", "to": f"partner:{partner}",
    }  # fmt: skip
    with node.database.begin() as session:
        audit(session, AuditAction.EVENTS_EXPORTED, at=now, actor="taxii", subject="events", detail=detail)


def _micros(at: datetime) -> int:
    return (at - _EPOCH) // timedelta(microseconds=1)


def _text(one: Json) -> str:
    return json.dumps(one, ensure_ascii=False, separators=(",", ":"))
