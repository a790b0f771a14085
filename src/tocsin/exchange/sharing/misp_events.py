"""An incident as an event of MISP, and what of an event has arrived at a MISP. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from tocsin.events import RSIT_TYPES, shown
from tocsin.exchange.formats import Collection, Markings, Observable, misp_event
from tocsin.exchange.sharing.packages import PackageItem, PackageKind
from tocsin.incidents import IncidentState, ObservableKind, ObservableRole, SeverityLevel
from tocsin.sharing.gate import Marking, highest

Json = Mapping[str, Any]

_TYPES: Final = {
    ObservableKind.IP: "ip-dst", ObservableKind.NETWORK: "ip-dst", ObservableKind.ASN: "AS",
    ObservableKind.CVE: "vulnerability",
}  # fmt: skip
"""The types of attributes that are not called as here."""

_THREAT: Final = {
    SeverityLevel.CRITICAL: "1",
    SeverityLevel.HIGH: "1",
    SeverityLevel.MEDIUM: "2",
    SeverityLevel.LOW: "3",
}
_WIDTH: Final = {"0": 0, "4": 1, "1": 2, "2": 3, "3": 4}
"""How wide a distribution is; 5 is that of the event, and what MISP does not have counts as the widest."""

_SHOWN: Final = 200  # characters of what somebody there wrote
_OF_EVENT: Final = ("info", "date", "threat_level_id", "analysis", "distribution")
_OF_ATTRIBUTE: Final = ("type", "value", "category", "to_ids", "comment", "distribution")


@dataclass(frozen=True)
class EventComparison:
    """What has arrived of an event. ``stripped``: what is not there; ``changed``: what is there otherwise.

    ``wider``: something is shown to more people there than was asked for.
    """

    arrived: int
    stripped: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    wider: bool = False

    @property
    def whole(self) -> bool:
        """Whether all is there as it was sent."""
        return not (self.stripped or self.changed or self.wider)


def incident_event(items: Sequence[PackageItem], id_: UUID, now: datetime) -> dict[str, Any]:
    """The event of what may go of an incident: its summary and its observables; it is not published.

    The organisation is left out, since the MISP knows it by the user of the key.

    Raises:
        ValueError: its summary is not among them.

    """
    event, _ = misp_event(incident_collection(items, id_, now))
    return event


def incident_collection(items: Sequence[PackageItem], id_: UUID, now: datetime) -> Collection:
    """What may go of an incident, as it is written in the formats of the field: its summary and its observables.

    Raises:
        ValueError: its summary is not among them.

    """
    summary = next((one.values for one in items if one.kind is PackageKind.SUMMARY), None)
    if summary is None:
        raise ValueError("an event is made of the summary")
    whole = highest(one.marking for one in items)
    closed = summary["state"] == IncidentState.CLOSED
    return Collection(
        title=f"{summary['reference']}: {summary['title']}",
        id=str(id_),
        time=now,
        first_seen=datetime.fromisoformat(summary["opened_at"]),
        markings=_markings(whole),
        labels=rsit_labels(summary["type"]),
        observables=tuple(_observable(one, whole) for one in items if one.kind is PackageKind.OBSERVABLES),
        properties={
            "threat_level_id": _THREAT.get(SeverityLevel(summary["severity"]), "4"),
            "analysis": "2" if closed else "1",
        },
    )


def deleted_attributes(event: Json, there: Json) -> list[dict[str, Any]]:
    """What we once sent that may not go, or is none, any more: marked as deleted, as a MISP takes it.

    The UUIDs of our attributes are made from their content (version 5), those of people there at random (version 4).
    """
    ours = {one["uuid"] for one in event["Attribute"]}
    gone = [
        one for uuid, one in _by_uuid(there).items() if uuid not in ours and not _is_deleted(one) and _is_ours(uuid)
    ]
    return [
        {**{name: one.get(name) for name in ("uuid", "type", "value", "category")}, "deleted": True} for one in gone
    ]


def withdrawn_event(reference: str, there: Json, now: datetime) -> dict[str, Any]:
    """An edit of the event that is there which deletes all that is ours of it, and says so in the title."""
    kept = {name: there.get(name) for name in ("uuid", "date", "threat_level_id", "analysis", "distribution")}
    gone = deleted_attributes({"Attribute": []}, there)
    title = f"Withdrawn: {reference}"
    tags = [{"name": one} for one in _tags(there)]
    return {**kept, "info": title, "timestamp": str(int(now.timestamp())), "Tag": tags, "Attribute": gone}


def compare_events(sent: Json, there: Json | None) -> EventComparison:
    """What is at the MISP of what was sent: it drops what its rules do not take, and does not say so."""
    if there is None:
        return EventComparison(0, ("event",))
    stripped = list(_lost_tags(sent, there, "event"))
    changed = [*_changes(sent, there, _OF_EVENT, "event"), *_more_labels(sent, there, "event")]
    wider = _width(there, sent) > _width(sent, sent)
    arrived, found = 0, _by_uuid(there)
    for one in sent["Attribute"]:
        other, name = found.get(one["uuid"]), f"{one['type']} {one['value']}"
        if _is_deleted(one):
            changed += [f"{name}: not deleted"] if other is not None and not _is_deleted(other) else []
        elif other is None or _is_deleted(other):
            stripped.append(name)
        else:
            arrived += 1
            stripped += _lost_tags(one, other, name)
            changed += [*_changes(one, other, _OF_ATTRIBUTE, name), *_more_labels(one, other, name)]
            wider = wider or _width(other, there) > _width(one, sent)
    return EventComparison(arrived, tuple(stripped), tuple(changed), wider)


def _observable(item: PackageItem, whole: Marking) -> Observable:
    values, kind = item.values, item.values["kind"]
    own = item.marking
    return Observable(
        type=_TYPES.get(ObservableKind(kind), kind),
        value=values["value"],
        indicator=values["role"] == ObservableRole.INDICATOR,
        comment=f"Valid until {values['valid_until']}" if values["valid_until"] else "",
        markings=_markings(own) if own != whole else Markings(),
    )


def _markings(marking: Marking) -> Markings:
    return Markings(tlp=marking.tlp, pap=marking.pap)


def rsit_labels(type_: str) -> tuple[str, ...]:
    """The machine tag of a type of the Reference Security Incident Taxonomy; nothing for any other word."""
    return (f'rsit:{RSIT_TYPES[type_]}="{type_}"',) if type_ in RSIT_TYPES else ()


def _by_uuid(event: Json) -> dict[str, Json]:
    found = event.get("Attribute")
    rows = [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []
    return {str(one.get("uuid", "")).lower(): one for one in rows}


def _is_ours(uuid: str) -> bool:
    try:
        return UUID(uuid).version == 5
    except ValueError:
        return False


def _is_deleted(attribute: Json) -> bool:
    return attribute.get("deleted") in (True, 1, "1")


def _lost_tags(sent: Json, there: Json, name: str) -> Iterator[str]:
    have = {one.lower() for one in _tags(there)}
    yield from (f"{name}: tag {one}" for one in _tags(sent) if one.lower() not in have)


def _more_labels(sent: Json, there: Json, name: str) -> Iterator[str]:
    """Labels that are there beside ours: an edit adds tags, and takes none away."""
    ours = {one.lower() for one in _tags(sent)}
    more = (one for one in _tags(there) if one.lower().startswith(("tlp:", "pap:")) and one.lower() not in ours)
    yield from (f"{name}: also tag {shown(one)[:_SHOWN]}" for one in more)


def _tags(thing: Json) -> list[str]:
    found = thing.get("Tag")
    return [str(one.get("name")) for one in found if isinstance(one, dict)] if isinstance(found, list) else []


def _changes(sent: Json, there: Json, names: Sequence[str], name: str) -> Iterator[str]:
    for one in names:
        before, after = _word(sent.get(one)), _word(there.get(one))
        if before != after:
            yield f"{name}: {one} is {shown(after)[:_SHOWN] or 'empty'}, not {before or 'empty'}"


def _word(value: object) -> str:
    """A value as text: a flag may be a number or a text at a MISP, and a number a text."""
    flags = {"true": "1", "false": "0", "none": ""}
    return flags.get(str(value).lower(), str(value))


def _width(thing: Json, event: Json) -> int:
    own = str(thing.get("distribution", ""))
    inherited = str(event.get("distribution", "")) if own == "5" else own
    return _WIDTH.get(inherited, 9)
