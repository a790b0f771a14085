"""What the kinds and the states of reports from outside are called, for those who report and for the team."""

from typing import Final

from tocsin.incidents.arrivals import ReportKind, ReportState
from tocsin.server.pages.words import N_

KINDS: Final = {
    ReportKind.DECEIT: N_("A false page or message that asks for passwords or money"),
    ReportKind.SPAM: N_("Unwanted mail in bulk"),
    ReportKind.PROGRAM: N_("A harmful program, or a machine that behaves oddly"),
    ReportKind.BREAK_IN: N_("Somebody got into an account or a machine"),
    ReportKind.FLOOD: N_("A service is attacked so that nobody reaches it"),
    ReportKind.LEAK: N_("Data that came into the wrong hands"),
    ReportKind.HURT: N_("Threats, hate or harassment"),
    ReportKind.FLAW: N_("A flaw in a product, a service or a page"),
    ReportKind.OTHER: N_("Something else, or I do not know"),
}

STATES: Final = {
    ReportState.NEW: N_("New"),
    ReportState.OPEN: N_("In work"),
    ReportState.WAITING: N_("Waiting for the reporter"),
    ReportState.CLOSED: N_("Closed"),
}
"""For the team."""

SHAPES: Final = {
    ReportState.NEW: "wrong",
    ReportState.OPEN: "busy",
    ReportState.WAITING: "quiet",
    ReportState.CLOSED: "good",
}
"""By which kind of ``parts.state`` each is shown."""
