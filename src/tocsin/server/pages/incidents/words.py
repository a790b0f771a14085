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
    ReportAudience,
    ReportPart,
    SeverityLevel,
    TaskState,
)
from tocsin.incidents.clocks import ClockState
from tocsin.incidents.closing import DetectedBy, FeedbackRating
from tocsin.incidents.evidence import CustodyStep, EvidenceKind, EvidenceState
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
    IncidentNeed.SIGHTING: N_("New sightings"),
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

DETECTED: Final[Mapping[str, str]] = {
    DetectedBy.UNKNOWN: N_("Unknown"),
    DetectedBy.AFFECTED: N_("Those affected"),
    DetectedBy.CSIRT: N_("Us"),
    DetectedBy.FEED: N_("A report of a feed"),
    DetectedBy.PARTNER: N_("Another CSIRT"),
    DetectedBy.PROVIDER: N_("A provider or vendor"),
    DetectedBy.POLICE: N_("Police"),
    DetectedBy.PUBLIC: N_("Customers, researchers or the press"),
    DetectedBy.ATTACKER: N_("The attacker, by a demand or a boast"),
}

RATINGS: Final[Mapping[str, str]] = {
    FeedbackRating.YES: N_("Yes"),
    FeedbackRating.PARTLY: N_("Partly"),
    FeedbackRating.NO: N_("No"),
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

OBSERVED_AS: Final[Mapping[str, str]] = {
    ObservableRole.INDICATOR: N_("Indicator of the attack"),
    ObservableRole.VICTIM: N_("Victim"),
    ObservableRole.CONTEXT: N_("Context"),
}

CLOCK_STATES: Final[Mapping[str, tuple[str, str]]] = {
    ClockState.RUNNING: (N_("Running"), "busy"),
    ClockState.MET: (N_("Met"), "good"),
    ClockState.LATE: (N_("Met late"), "wrong"),
    ClockState.NOT_APPLICABLE: (N_("Not applicable"), "quiet"),
}
"""What the states of clocks are called, and their shapes."""
EVIDENCE_KINDS: Final[Mapping[str, str]] = {
    EvidenceKind.FILE: N_("File"),
    EvidenceKind.IMAGE: N_("Disk image"),
    EvidenceKind.DEVICE: N_("Device"),
    EvidenceKind.BAG: N_("Sealed bag"),
    EvidenceKind.PAPER: N_("Paper"),
}

EVIDENCE_STATES: Final[Mapping[str, tuple[str, str]]] = {
    EvidenceState.HELD: (N_("In custody"), "good"),
    EvidenceState.HANDED: (N_("Handed to others"), "busy"),
    EvidenceState.RETURNED: (N_("Returned"), "quiet"),
    EvidenceState.DESTROYED: (N_("Destroyed"), "quiet"),
}
"""What a state of an item is called, and how it looks."""

CUSTODY_STEPS: Final[Mapping[str, str]] = {
    CustodyStep.RECEIVED: N_("Received"),
    CustodyStep.COPIED: N_("Copied"),
    CustodyStep.MOVED: N_("Moved"),
    CustodyStep.HANDED: N_("Handed to others"),
    CustodyStep.RETURNED: N_("Returned"),
}
"""The steps that a person records; destroying is an act of its own."""

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
    "setValidityObservableOfIncident": N_("Set validity"),
    "lookUpObservablesOfIncident": N_("Look up again"),
    "reviewSightingsOfIncident": N_("Mark sightings as reviewed"),
    "attachAffectedSystems": N_("Attach affected systems"),
    "attachSightedAffectedSystems": N_("Attach affected systems"),
    "detachAffectedSystems": N_("Detach affected systems"),
    "freezeAffectedSystems": N_("Keep as a list"),
    "setTextNotificationText": N_("Text in notifications"),
    "notifyAffectedSystems": N_("Notify affected teams"),
    "withdrawTextNotificationText": N_("Withdraw the text of notifications"),
    "mergeIncident": N_("Merge into another"),
    "unmergeIncident": N_("Unmerge"),
    "restrictIncident": N_("Restrict"),
    "unrestrictIncident": N_("Open to the whole team"),
    "letInIncident": N_("Let a person read it"),
    "takeOutIncident": N_("Remove a person"),
    "letMeInIncident": N_("Access to a restricted incident"),
    "reviewAccessIncident": N_("Mark as reviewed"),
    "startClockOfIncident": N_("Start a clock"),
    "moveClockOfIncident": N_("Change the start"),
    "meetClockOfIncident": N_("Mark as met"),
    "notApplicableClockOfIncident": N_("Mark as not applicable"),
    "reopenClockOfIncident": N_("Reopen"),
    "recalculateClockOfIncident": N_("Recalculate"),
    "addEvidenceOfIncident": N_("Add an item that is kept elsewhere"),
    "attachReportEvidenceOfIncident": N_("Add the files of a report"),
    "attachMailEvidenceOfIncident": N_("Add a mail"),
    "recordCustodyOfIncident": N_("Record custody"),
    "destroyEvidenceOfIncident": N_("Destroy"),
    "keepEvidenceOfIncident": N_("Keep"),
    "addLegalHoldOfIncident": N_("Add legal hold"),
    "liftLegalHoldOfIncident": N_("Lift legal hold"),
    "startPlaybookOfIncident": N_("Start playbook"),
    "answerPlaybookOfIncident": N_("Answer"),
    "stopPlaybookOfIncident": N_("Stop playbook"),
    "setCauseIncident": N_("Set root cause"),
    "releaseFiguresIncident": N_("Count in the figures"),
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
    "setTextNotificationText": N_("Save"),
    "notifyAffectedSystems": N_("Notify now"),
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
