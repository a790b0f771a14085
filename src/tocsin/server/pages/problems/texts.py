"""How pages name where a problem is, what a team says of it, and what happened to it."""

from collections.abc import Mapping
from typing import Final

from tocsin.problems import NotificationState, NotificationWay, ProblemSort, ProblemStatus
from tocsin.problems.answers import AnswerVerdict
from tocsin.server.pages.words import N_

STATUSES: Final[Mapping[ProblemStatus, str]] = {
    ProblemStatus.OPEN: N_("Open"),
    ProblemStatus.OVERDUE: N_("Overdue"),
    ProblemStatus.CONTRADICTED: N_("Contradicted"),
    ProblemStatus.NOTIFIED: N_("Notified, no response"),
    ProblemStatus.NOT_NOTIFIED: N_("Not notified"),
    ProblemStatus.IN_PROGRESS: N_("In progress"),
    ProblemStatus.ANSWERED: N_("Answered"),
    ProblemStatus.FIXED: N_("Fixed"),
    ProblemStatus.FALSE_POSITIVE: N_("False positive"),
    ProblemStatus.ACCEPTED: N_("Risk accepted"),
    ProblemStatus.NOT_OURS: N_("Not ours"),
    ProblemStatus.MUTED: N_("Muted"),
    ProblemStatus.GONE: N_("Gone"),
}
"""Each state as lists name it, those that need work first."""

NOTIFICATIONS: Final[Mapping[NotificationState, tuple[str, str]]] = {
    NotificationState.NO_CONTACT: (N_("No contact"), N_("No responsible team is known.")),
    NotificationState.NO_ADDRESS: (N_("No email address"), N_("The team has no email address.")),
    NotificationState.NO_KEY: (
        N_("No encryption key"), N_("It must be encrypted, and there is no good key of the team."),
    ),
    NotificationState.WITHHELD: (
        N_("Withheld"), N_("It is marked above the team's TLP limit, or another rule keeps it back."),
    ),
    NotificationState.MUTED: (N_("Muted"), N_("The team has muted it.")),
    NotificationState.DROPPED: (N_("Dropped"), N_("A person dropped the notification.")),
    NotificationState.NOT_DELIVERED: (
        N_("Not delivered"), N_("The notification was given up, came back, or was too old before it could leave."),
    ),
    NotificationState.TRIAL: (N_("Not sent: trial"), N_("The notification was only written for us to read.")),
    NotificationState.HELD: (N_("Held"), N_("The notification is held for a person, or sending is stopped.")),
    NotificationState.SCHEDULED: (N_("Scheduled"), N_("It leaves at its time, or with the next report.")),
    NotificationState.NOTIFIED: (N_("Notified"), N_("The team was notified.")),
}  # fmt: skip
"""A word for how far a team was notified, and a sentence."""

BY_HAND: Final[Mapping[NotificationWay, str]] = {
    NotificationWay.TELEPHONE: N_("Notified by telephone"),
    NotificationWay.POST: N_("Notified by post"),
    NotificationWay.IN_PERSON: N_("Notified in person"),
    NotificationWay.OTHER: N_("Notified in another way"),
}
"""How a person notified a team, as a step of a problem's history."""

KINDS: Final[Mapping[ProblemStatus, str]] = {
    ProblemStatus.OVERDUE: "wrong",
    ProblemStatus.CONTRADICTED: "wrong",
    ProblemStatus.NOTIFIED: "busy",
    ProblemStatus.NOT_NOTIFIED: "busy",
    ProblemStatus.IN_PROGRESS: "busy",
    ProblemStatus.FIXED: "good",
    ProblemStatus.GONE: "good",
}
"""How each looks, as of `parts.state`; others are quiet."""

SENTENCES: Final[Mapping[ProblemStatus, str]] = {
    ProblemStatus.OVERDUE: N_("A fix was due, and no team has answered."),
    ProblemStatus.CONTRADICTED: N_("Seen again after a team called it fixed or a false positive."),
    ProblemStatus.NOTIFIED: N_("The responsible teams were notified, and none has answered."),
    ProblemStatus.NOT_NOTIFIED: N_("A responsible team was not notified."),
    ProblemStatus.IN_PROGRESS: N_("A team is working on it."),
    ProblemStatus.FIXED: N_("A team says that it is fixed; the next report shows whether it is gone."),
    ProblemStatus.FALSE_POSITIVE: N_("A team says that it does not exist."),
    ProblemStatus.ACCEPTED: N_("A team has accepted the risk for a time."),
    ProblemStatus.NOT_OURS: N_("A team says that it is not responsible."),
    ProblemStatus.MUTED: N_("Its responsible teams have muted it and are not notified."),
    ProblemStatus.GONE: N_("Its feed no longer finds it."),
}
"""What each means, of one problem."""


SORTS: Final[Mapping[ProblemSort, str]] = {
    ProblemSort.SEEN: N_("Last seen"),
    ProblemSort.DUE: N_("Due date"),
    ProblemSort.AGE: N_("Age, oldest first"),
    ProblemSort.SEVERITY: N_("Severity"),
}

NAMES: Final[Mapping[str, str]] = {
    "state": N_("State"),
    "team": N_("Team"),
    "kind": N_("Kind"),
    "address": N_("Address or network"),
    "severity": N_("Severity"),
    "feed": N_("Feed"),
    "listed": N_("Context list"),
    "age": N_("First seen"),
    "seen": N_("Last seen"),
    "due": N_("Due"),
}
"""The conditions, with what they are called."""

WRONGS: Final[Mapping[str, str]] = {
    "state": N_("Choose one of the states in the list."),
    "address": N_("Write an address or a network like 192.0.2.0/24."),
    "severity": N_("Choose one of the severities in the list."),
    "age": N_("Choose one of the times in the list."),
    "seen": N_("Choose one of the times in the list."),
    "due": N_("Choose one of the times in the list."),
}
"""What to do where a condition cannot be read."""

TOO_LONG: Final = N_("Write at most 200 characters, in one line.")

STEPS: Final[Mapping[str, str]] = {
    "heard": N_("First report of it"),
    "told": N_("Notification sent: %(reference)s"),
    "contradicted": N_("Seen again after the answer"),
    "gone": N_("Gone: its feed no longer finds it"),
    "reminded": N_("Reminder requested"),
    "seen": N_("Last seen"),
    AnswerVerdict.FIXED: N_("Answer: Fixed"),
    AnswerVerdict.ACKNOWLEDGED: N_("Answer: In progress"),
    AnswerVerdict.FALSE: N_("Answer: False positive"),
    AnswerVerdict.ACCEPTED: N_("Answer: Risk accepted"),
    AnswerVerdict.NOT_OURS: N_("Answer: Not ours"),
}
"""What happened, as the timeline of a problem says it."""
