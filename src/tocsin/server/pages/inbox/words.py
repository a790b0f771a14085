"""What the kinds and the states of reports from outside are called, for those who report and for the team."""

from typing import Final

from tocsin.incidents.arrivals import Kind, ReportState
from tocsin.server.pages.words import N_

KINDS: Final = {
    Kind.DECEIT: N_("A false page or message that asks for passwords or money"),
    Kind.SPAM: N_("Unwanted mail in bulk"),
    Kind.PROGRAM: N_("A harmful program, or a machine that behaves oddly"),
    Kind.BREAK_IN: N_("Somebody got into an account or a machine"),
    Kind.FLOOD: N_("A service is attacked so that nobody reaches it"),
    Kind.LEAK: N_("Data that came into the wrong hands"),
    Kind.HURT: N_("Threats, hate or harassment"),
    Kind.FLAW: N_("A flaw in a product, a service or a page"),
    Kind.OTHER: N_("Something else, or I do not know"),
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
