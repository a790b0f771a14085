"""What the closed lists of duty are called on pages."""

from collections.abc import Mapping
from typing import Final

from tocsin.incidents.duty import CallOutState, CallState, RosterChangeState
from tocsin.server.pages.words import N_

STATES: Final[Mapping[str, str]] = {
    CallOutState.OPEN: N_("Calling"),
    CallOutState.ACKNOWLEDGED: N_("Acknowledged"),
    CallOutState.UNANSWERED: N_("Not acknowledged"),
    CallOutState.ENDED: N_("Ended before"),
}
SHAPES: Final[Mapping[str, str]] = {
    CallOutState.OPEN: "busy",
    CallOutState.ACKNOWLEDGED: "good",
    CallOutState.UNANSWERED: "wrong",
    CallOutState.ENDED: "quiet",
}
CALLS: Final[Mapping[str, str]] = {
    CallState.OWED: N_("Waiting to be sent"),
    CallState.SENDING: N_("Being sent"),
    CallState.SENT: N_("Sent"),
    CallState.FAILED: N_("Not sent"),
}
CHANGES: Final[Mapping[str, str]] = {
    RosterChangeState.ASKED: N_("Waiting for an answer"),
    RosterChangeState.IN_FORCE: N_("In force"),
}
