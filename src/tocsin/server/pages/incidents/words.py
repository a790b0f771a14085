"""What the closed lists of incidents are called on pages."""

from collections.abc import Mapping
from typing import Final

from tocsin.incidents import (
    IncidentEntryKind,
    IncidentNeed,
    IncidentState,
    MilestoneCertainty,
    MilestoneKind,
    ObservableKind,
    ObservableRole,
    PartyRole,
    SeverityLevel,
    TaskState,
)
from tocsin.incidents.takedowns import ContentState, TakedownGround, TakedownRole, TakedownState
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

SEVERITIES: Final[Mapping[str, str]] = {
    SeverityLevel.CRITICAL: N_("Critical"),
    SeverityLevel.HIGH: N_("High"),
    SeverityLevel.MEDIUM: N_("Medium"),
    SeverityLevel.LOW: N_("Low"),
    SeverityLevel.UNKNOWN: N_("Not rated"),
}

NEEDS: Final[Mapping[str, str]] = {
    IncidentNeed.WAITING: N_("Waiting time is over"),
    IncidentNeed.TASK: N_("Task is due"),
    IncidentNeed.ACCESS: N_("Access to review"),
}

MILESTONES: Final[Mapping[str, str]] = {
    MilestoneKind.OCCURRED: N_("Occurred"),
    MilestoneKind.DETECTED: N_("Detected"),
    MilestoneKind.CONTAINED: N_("Contained"),
    MilestoneKind.ERADICATED: N_("Eradicated"),
    MilestoneKind.RECOVERED: N_("Recovered"),
    MilestoneKind.CAUSE_KNOWN: N_("Root cause known"),
}

CERTAINTIES: Final[Mapping[str, str]] = {
    MilestoneCertainty.CONFIRMED: N_("Confirmed"),
    MilestoneCertainty.ESTIMATED: N_("Estimated"),
}

PARTIES: Final[Mapping[str, str]] = {
    PartyRole.REPORTER: N_("Reporter"),
    PartyRole.VICTIM: N_("Victim"),
    PartyRole.OPERATOR: N_("Operator of networks or services"),
    PartyRole.COORDINATOR: N_("Another CSIRT"),
    PartyRole.AUTHORITY: N_("Authority"),
    PartyRole.POLICE: N_("Police"),
    PartyRole.VENDOR: N_("Vendor"),
    PartyRole.HOST: N_("Hosting provider"),
    PartyRole.PRESS: N_("Press"),
    PartyRole.OTHER: N_("Other party"),
}

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

OBSERVED_AS: Final[Mapping[str, str]] = {
    ObservableRole.INDICATOR: N_("Indicator of the attack"),
    ObservableRole.VICTIM: N_("Victim"),
    ObservableRole.CONTEXT: N_("Context"),
}

_KIND = IncidentEntryKind
GROUPS: Final[Mapping[str, tuple[str, tuple[IncidentEntryKind, ...]]]] = {
    "notes": (N_("Notes"), (_KIND.NOTE,)),
    "milestones": (N_("Milestones"), (_KIND.MILESTONE,)),
    "messages": (N_("Messages"), (_KIND.MAIL_IN, _KIND.MAIL_OUT, _KIND.ARRIVAL, _KIND.PARTY)),
    "tasks": (N_("Tasks"), (_KIND.TASK,)),
    "observables": (N_("Observables"), (_KIND.OBSERVABLE, _KIND.POPULATION, _KIND.TAKEDOWN)),
    "changes": (
        N_("Changes"),
        (_KIND.OPENED, _KIND.CHANGE, _KIND.STATE, _KIND.LEAD, _KIND.MERGE, _KIND.ACCESS),
    ),
}
"""By what the timeline is filtered: its name and the kinds of entries."""

TITLES: Final[Mapping[str, str]] = {
    "openIncident": N_("New incident"),
    "renameIncident": N_("Rename"),
    "classifyIncident": N_("Set type"),
    "rateIncident": N_("Set severity"),
    "markIncident": N_("Set marking"),
    "takeIncident": N_("Assign to me"),
    "leaveIncident": N_("Unassign"),
    "assignIncident": N_("Assign"),
    "waitIncident": N_("Wait"),
    "closeIncident": N_("Close"),
    "rejectIncident": N_("Reject"),
    "reopenIncident": N_("Reopen"),
    "noteIncident": N_("Add note"),
    "milestoneIncident": N_("Record milestone"),
    "correctIncident": N_("Correct"),
    "addPartyOfIncident": N_("Add party"),
    "leavePartyOfIncident": N_("Remove party"),
    "addTaskOfIncident": N_("Add task"),
    "takeTaskOfIncident": N_("Take task"),
    "assignTaskOfIncident": N_("Assign task"),
    "finishTaskOfIncident": N_("Mark task as done"),
    "dropTaskOfIncident": N_("Drop task"),
    "addObservablesOfIncident": N_("Add observables"),
    "withdrawObservableOfIncident": N_("Withdraw observable"),
    "mergeIncident": N_("Merge into another"),
    "unmergeIncident": N_("Unmerge"),
    "restrictIncident": N_("Restrict"),
    "unrestrictIncident": N_("Open to the whole team"),
    "letInIncident": N_("Let a person read it"),
    "takeOutIncident": N_("Remove a person"),
    "letMeInIncident": N_("Access to a restricted incident"),
    "reviewAccessIncident": N_("Mark as reviewed"),
    "proposeTakedowns": N_("Propose take-downs"),
    "lookUpTakedowns": N_("Look up contacts"),
    "askTakedowns": N_("Ask for a take-down"),
    "remindTakedowns": N_("Send a reminder"),
    "sawTakedowns": N_("Record a sighting"),
    "checkTakedowns": N_("Check the content"),
    "refuseTakedowns": N_("Record a refusal"),
    "withdrawTakedowns": N_("Withdraw take-downs"),
    "objectTakedowns": N_("Record an objection"),
    "answerTakedowns": N_("Record an answer to an objection"),
}
"""What the form of each act is called, and its button where `BUTTONS` has none."""

BUTTONS: Final[Mapping[str, str]] = {
    "openIncident": N_("Open incident"),
    "mergeIncident": N_("Merge"),
    "letMeInIncident": N_("Get access"),
}


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

TAKEDOWN_GROUNDS: Final[Mapping[str, str]] = {
    TakedownGround.PHISHING: N_("Phishing"),
    TakedownGround.MALWARE: N_("Malware"),
    TakedownGround.COMMAND: N_("Command and control"),
    TakedownGround.FRAUD: N_("Fraud"),
    TakedownGround.IMPERSONATION: N_("Impersonation"),
    TakedownGround.LEAK: N_("Leaked data"),
    TakedownGround.OTHER: N_("Other harmful content"),
}

TAKEDOWN_ROLES: Final[Mapping[str, str]] = {
    TakedownRole.HOST: N_("Hosting provider"),
    TakedownRole.REGISTRAR: N_("Registrar"),
    TakedownRole.UPSTREAM: N_("Upstream network"),
    TakedownRole.CSIRT: N_("National CSIRT"),
    TakedownRole.BROWSER_LIST: N_("Browser list"),
}

SIGHTINGS: Final[Mapping[str, str]] = {
    ContentState.UP: N_("Still there"),
    ContentState.GONE: N_("Gone"),
    ContentState.CHANGED: N_("Changed"),
    ContentState.UNKNOWN: N_("Unknown"),
}
