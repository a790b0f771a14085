"""An incident as a record of VERIS 1.3.1. What is not known is said to be unknown, and no name of anybody is in it."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from tocsin.incidents.models import Incident, IncidentEntry, IncidentObservable
from tocsin.incidents.states import IncidentState, MilestoneKind, PartyRole
from tocsin.incidents.veris.check import EDITION

_UNKNOWN: Final = ["Unknown"]


def _action(kind: str, variety: str = "Unknown", **more: list[str]) -> dict[str, Any]:
    return {kind: {"variety": [variety], "vector": _UNKNOWN, **more}}


_ACTIONS: Final[Mapping[str, dict[str, Any]]] = {
    "infected-system": _action("malware"),
    "c2-server": _action("malware", "C2"),
    "malware-distribution": _action("malware"),
    "malware-configuration": _action("malware"),
    "spam": _action("social", "Spam", target=_UNKNOWN),
    "phishing": _action("social", "Phishing", target=_UNKNOWN),
    "social-engineering": _action("social", "Pretexting", target=_UNKNOWN),
    "masquerade": _action("social", "Forgery", target=_UNKNOWN),
    "scanner": _action("hacking", "Footprinting"),
    "brute-force": _action("hacking", "Brute force"),
    "dos": _action("hacking", "DoS"),
    "ddos": _action("hacking", "DoS"),
    "unauthorised-use-of-resources": _action("misuse"),
    "misconfiguration": _action("error", "Misconfiguration"),
    "burglary": _action("physical"),
    **dict.fromkeys(
        (
            "ids-alert", "exploit", "privileged-account-compromise", "unprivileged-account-compromise",
            "application-compromise", "system-compromise", "unauthorised-information-access",
            "unauthorised-information-modification",
        ),
        _action("hacking"),
    ),
}  # fmt: skip
"""What somebody did, by the type of RSIT, as far as that says it."""

_ATTRIBUTES: Final[Mapping[str, dict[str, Any]]] = {
    "dos": {"availability": {"variety": ["Interruption"]}},
    "ddos": {"availability": {"variety": ["Interruption"]}},
    "outage": {"availability": {"variety": ["Interruption"]}},
    "data-loss": {"availability": {"variety": ["Loss"]}},
    "data-leak": {"confidentiality": {"data_disclosure": "Yes"}},
    "unauthorised-information-access": {"confidentiality": {"data_disclosure": "Potentially"}},
    "unauthorised-information-modification": {"integrity": {"variety": ["Modify data"]}},
    "infected-system": {"integrity": {"variety": ["Software installation"]}},
}
_UNITS: Final = ((timedelta(days=1), "Days"), (timedelta(hours=1), "Hours"), (timedelta(minutes=1), "Minutes"))


def veris_record(
    incident: Incident,
    milestones: Sequence[IncidentEntry],
    observables: Sequence[IncidentObservable],
    roles: Collection[str],
    *,
    source: str,
) -> dict[str, Any]:
    """The record. ``milestones``: those in force; ``observables``: that may go along; ``roles``: who takes part."""
    at = {one.data["milestone"]: one for one in milestones}
    occurred, detected, contained = (
        at[kind].happened_at if kind in at else None
        for kind in (MilestoneKind.OCCURRED, MilestoneKind.DETECTED, MilestoneKind.CONTAINED)
    )
    begun = occurred or incident.opened_at
    timeline: dict[str, Any] = {"incident": {"year": begun.year, "month": begun.month, "day": begun.day}}
    timeline |= _span("discovery", occurred, detected) | _span("containment", detected, contained)
    record: dict[str, Any] = {
        "schema_version": EDITION,
        "incident_id": str(incident.uuid),
        "source_id": source,
        "summary": incident.title,
        "security_incident": _standing(IncidentState(incident.state)),
        "discovery_method": _discovery(roles),
        "timeline": timeline,
        "actor": {"unknown": {}},
        "action": _ACTIONS.get(incident.rsit_type, {"unknown": {}}),
        "asset": {"assets": [{"variety": "Unknown"}]},
    }
    if incident.rsit_type in _ATTRIBUTES:
        record["attribute"] = _ATTRIBUTES[incident.rsit_type]
    if observables:
        record["ioc"] = [{"indicator": one.value, "comment": one.kind} for one in observables]
    return record


def _standing(state: IncidentState) -> str:
    if state is IncidentState.REJECTED:
        return "False positive"
    return "Confirmed" if state is IncidentState.CLOSED else "Suspected"


def _discovery(roles: Collection[str]) -> str:
    """How it was discovered, from the victim's side."""
    if PartyRole.REPORTER in roles:
        return "Ext - other"
    return "Ext - emergency response team" if roles else "Unknown"


def _span(name: str, begin: datetime | None, end: datetime | None) -> dict[str, Any]:
    """How long it took, in the largest unit of which there is one; nothing where that is not known."""
    if begin is None or end is None or end < begin:
        return {}
    length = end - begin
    unit, word = next(((one, said) for one, said in _UNITS if length >= one), _UNITS[-1])
    return {name: {"unit": word, "value": length // unit}}
