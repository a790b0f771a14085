"""The closed lists of incidents: whose turn it is, what an entry says, who takes part."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from tocsin.interface import N_


class IncidentState(StrEnum):
    """Whose turn it is. What was reached (contained, recovered …) is a dated fact, not a state."""

    NEW = "new"  # nobody leads it
    OPEN = "open"  # its lead works on it
    WAITING = "waiting"  # for somebody, until a time
    CLOSED = "closed"
    MERGED = "merged"  # into another, from which it can be taken out again
    REJECTED = "rejected"  # it was no incident; the entry says why


class IncidentEntryKind(StrEnum):
    """What an entry says; its text is a person's words, its data what happened."""

    OPENED = "opened"
    NOTE = "note"
    CHANGE = "change"  # title, type, severity, marking: data has before and after
    STATE = "state"
    LEAD = "lead"
    MILESTONE = "milestone"  # contained, recovered …: when, as known from whom, how sure
    ARRIVAL = "arrival"  # a report was put in, or taken out
    PARTY = "party"
    MAIL_IN = "mail-in"
    MAIL_OUT = "mail-out"
    TASK = "task"
    OBSERVABLE = "observable"
    POPULATION = "population"
    CLOCK = "clock"
    RATING = "rating"  # by a severity scheme: its answers, score and level
    MERGE = "merge"
    ACCESS = "access"  # who may read it changed
    EVIDENCE = "evidence"  # the chain of custody, and legal holds
    PLAYBOOK = "playbook"  # started, answered, ended
    REVIEW = "review"  # what was known when it was closed
    FEEDBACK = "feedback"  # what a party says of our help
    NOTICE = "notice"  # of one: basis, consent or order, our answer
    TAKEDOWN = "takedown"  # what was done to have something taken down
    EXCHANGE = "exchange"  # what was agreed with a partner, and what the history of a case that it gave us says


class MilestoneKind(StrEnum):
    """The facts of the course of an incident that figures are reckoned from."""

    OCCURRED = "occurred"
    DETECTED = "detected"
    CONTAINED = "contained"
    ERADICATED = "eradicated"
    RECOVERED = "recovered"
    CAUSE_KNOWN = "cause-known"


MILESTONES: Final[Mapping[str, str]] = {
    MilestoneKind.OCCURRED: N_("Occurred"),
    MilestoneKind.DETECTED: N_("Detected"),
    MilestoneKind.CONTAINED: N_("Contained"),
    MilestoneKind.ERADICATED: N_("Eradicated"),
    MilestoneKind.RECOVERED: N_("Recovered"),
    MilestoneKind.CAUSE_KNOWN: N_("Root cause known"),
}


class SeverityLevel(StrEnum):
    """How severe it is, from the lowest to the highest; unknown is none of them."""

    UNKNOWN = "unknown"
    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"

    @property
    def rank(self) -> int:
        """0 for unknown to 4 for critical."""
        return list(SeverityLevel).index(self)


SEVERITIES: Final[Mapping[str, str]] = {
    SeverityLevel.CRITICAL: N_("Critical"),
    SeverityLevel.HIGH: N_("High"),
    SeverityLevel.MEDIUM: N_("Medium"),
    SeverityLevel.LOW: N_("Low"),
    SeverityLevel.UNKNOWN: N_("Not rated"),
}


class PartyRole(StrEnum):
    """Why somebody takes part."""

    REPORTER = "reporter"
    VICTIM = "victim"
    OPERATOR = "operator"  # of the networks or services
    COORDINATOR = "coordinator"  # another CSIRT
    AUTHORITY = "authority"  # a supervisor or ministry
    POLICE = "police"
    VENDOR = "vendor"
    HOST = "host"  # who can take something down
    PRESS = "press"
    OTHER = "other"


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


class TaskState(StrEnum):
    """How a task stands."""

    OPEN = "open"
    DOING = "doing"
    DONE = "done"
    DROPPED = "dropped"


class ObservableKind(StrEnum):
    """What is observed, by the names of MISP's attribute types (https://www.misp-standard.org, core format)."""

    IP = "ip"
    NETWORK = "network"
    ASN = "asn"
    DOMAIN = "domain"
    URL = "url"
    EMAIL = "email"
    MD5 = "md5"
    SHA1 = "sha1"
    SHA256 = "sha256"
    CVE = "cve"
    FILENAME = "filename"


class ObservableRole(StrEnum):
    """What it is in the incident."""

    INDICATOR = "indicator"  # of the attack
    VICTIM = "victim"
    CONTEXT = "context"


OBSERVED_AS: Final[Mapping[str, str]] = {
    ObservableRole.INDICATOR: N_("Indicator of the attack"),
    ObservableRole.VICTIM: N_("Victim"),
    ObservableRole.CONTEXT: N_("Context"),
}


class MilestoneCertainty(StrEnum):
    """How sure the time of a milestone is."""

    CONFIRMED = "confirmed"
    ESTIMATED = "estimated"


CERTAINTIES: Final[Mapping[str, str]] = {
    MilestoneCertainty.CONFIRMED: N_("Confirmed"),
    MilestoneCertainty.ESTIMATED: N_("Estimated"),
}


class IncidentNeed(StrEnum):
    """What of an incident needs a person now."""

    WAITING = "waiting"  # the time for which it waited is over
    TASK = "task"  # a task is due
    ACCESS = "access"  # somebody let himself in, and nobody looked at that
    SIGHTING = "sighting"  # an observable was seen in new events, and nobody looked at that


UNDER_WAY: Final = (IncidentState.NEW, IncidentState.OPEN, IncidentState.WAITING)
"""The states of incidents that are worked on."""
