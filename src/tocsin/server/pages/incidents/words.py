"""What the closed lists of incidents are called on pages."""

from collections.abc import Mapping
from typing import Final

from tocsin.incidents import (
    IncidentEntryKind,
    IncidentNeed,
    IncidentState,
    ObservableKind,
    ReportAudience,
    ReportPart,
    TaskState,
)
from tocsin.incidents.clocks import ClockState
from tocsin.incidents.evidence import EvidenceState
from tocsin.incidents.takedowns import TakedownState
from tocsin.server.pages.words import N_

STATES: Final[Mapping[str, str]] = {
    IncidentState.NEW: N_("New"),
    IncidentState.OPEN: N_("In progress"),
    IncidentState.WAITING: N_("Waiting"),
    IncidentState.CLOSED: N_("Closed"),
    IncidentState.MERGED: N_("Merged"),
    IncidentState.REJECTED: N_("Rejected"),
}

SHAPES: Final[Mapping[str, str]] = {
    IncidentState.NEW: "wrong",
    IncidentState.OPEN: "busy",
    IncidentState.WAITING: "quiet",
    IncidentState.CLOSED: "good",
    IncidentState.MERGED: "quiet",
    IncidentState.REJECTED: "quiet",
}

NEEDS: Final[Mapping[str, str]] = {
    IncidentNeed.WAITING: N_("Waiting time is over"),
    IncidentNeed.TASK: N_("Task is due"),
    IncidentNeed.ACCESS: N_("Access to review"),
    IncidentNeed.SIGHTING: N_("New sightings"),
}

ANSWERS: Final[Mapping[str, str]] = {"yes": N_("Yes"), "no": N_("No")}

TASKS: Final[Mapping[str, str]] = {
    TaskState.OPEN: N_("Not started"),
    TaskState.DOING: N_("In progress"),
    TaskState.DONE: N_("Done"),
    TaskState.DROPPED: N_("Dropped"),
}

OBSERVABLES: Final[Mapping[str, str]] = {
    ObservableKind.IP: N_("IP address"),
    ObservableKind.NETWORK: N_("Network"),
    ObservableKind.ASN: N_("AS"),
    ObservableKind.DOMAIN: N_("Domain"),
    ObservableKind.URL: N_("URL"),
    ObservableKind.EMAIL: N_("Email address"),
    ObservableKind.MD5: "MD5",
    ObservableKind.SHA1: "SHA-1",
    ObservableKind.SHA256: "SHA-256",
    ObservableKind.CVE: "CVE",
    ObservableKind.FILENAME: N_("File name"),
}

CLOCK_STATES: Final[Mapping[str, tuple[str, str]]] = {
    ClockState.RUNNING: (N_("Running"), "busy"),
    ClockState.MET: (N_("Met"), "good"),
    ClockState.LATE: (N_("Met late"), "wrong"),
    ClockState.NOT_APPLICABLE: (N_("Not applicable"), "quiet"),
}
"""What the states of clocks are called, and their shapes."""
EVIDENCE_STATES: Final[Mapping[str, tuple[str, str]]] = {
    EvidenceState.HELD: (N_("In custody"), "good"),
    EvidenceState.HANDED: (N_("Handed to others"), "busy"),
    EvidenceState.RETURNED: (N_("Returned"), "quiet"),
    EvidenceState.DESTROYED: (N_("Destroyed"), "quiet"),
}
"""What a state of an item is called, and how it looks."""

AUDIENCES: Final[Mapping[str, str]] = {
    ReportAudience.INTERNAL: N_("The team"),
    ReportAudience.MANAGEMENT: N_("Management"),
    ReportAudience.PARTY: N_("One party"),
    ReportAudience.AUTHORITY: N_("Authority"),
    ReportAudience.PUBLIC: N_("Public"),
}
REPORT_PARTS: Final[Mapping[str, str]] = {
    ReportPart.SUMMARY: N_("Summary"),
    ReportPart.MILESTONES: N_("Milestones"),
    ReportPart.TIMELINE: N_("Timeline"),
    ReportPart.PARTIES: N_("Parties"),
    ReportPart.TASKS: N_("Tasks"),
    ReportPart.OBSERVABLES: N_("Observables"),
    ReportPart.EVIDENCE: N_("Evidence"),
}

_KIND = IncidentEntryKind
GROUPS: Final[Mapping[str, tuple[str, tuple[IncidentEntryKind, ...]]]] = {
    "notes": (N_("Notes"), (_KIND.NOTE,)),
    "milestones": (N_("Milestones"), (_KIND.MILESTONE,)),
    "messages": (
        N_("Messages"),
        (
            _KIND.MAIL_IN,
            _KIND.MAIL_OUT,
            _KIND.ARRIVAL,
            _KIND.NOTICE,
            _KIND.PARTY,
            _KIND.FEEDBACK,
            _KIND.EXCHANGE,
        ),
    ),
    "tasks": (N_("Tasks"), (_KIND.TASK, _KIND.PLAYBOOK)),
    "observables": (N_("Observables"), (_KIND.OBSERVABLE, _KIND.POPULATION, _KIND.TAKEDOWN)),
    "evidence": (N_("Evidence"), (_KIND.EVIDENCE,)),
    "changes": (
        N_("Changes"),
        (
            _KIND.OPENED,
            _KIND.CHANGE,
            _KIND.STATE,
            _KIND.LEAD,
            _KIND.MERGE,
            _KIND.ACCESS,
            _KIND.CLOCK,
            _KIND.RATING,
            _KIND.REVIEW,
        ),
    ),
}
"""By what the timeline is filtered: its name and the kinds of entries."""

TAKEDOWN_STATES: Final[Mapping[str, str]] = {
    TakedownState.PROPOSED: N_("Proposed"),
    TakedownState.ASKED: N_("Asked"),
    TakedownState.GONE: N_("Gone"),
    TakedownState.REFUSED: N_("Refused"),
    TakedownState.WITHDRAWN: N_("Withdrawn"),
}

TAKEDOWN_SHAPES: Final[Mapping[str, str]] = {
    TakedownState.PROPOSED: "quiet",
    TakedownState.ASKED: "busy",
    TakedownState.GONE: "good",
    TakedownState.REFUSED: "wrong",
    TakedownState.WITHDRAWN: "quiet",
}
