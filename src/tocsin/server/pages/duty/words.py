"""What the closed lists of duty are called on pages."""

from collections.abc import Mapping
from typing import Final

from tocsin.incidents.duty import CallChannel, CallOutState, CallState, RosterChangeState
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
CHANNELS: Final[Mapping[str, str]] = {
    CallChannel.MAIL: N_("Email"),
    CallChannel.SMS: N_("SMS"),
    CallChannel.WEBHOOK: N_("Webhook"),
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
TITLES: Final[Mapping[str, str]] = {
    "addRosterDuty": N_("New roster"),
    "editRosterDuty": N_("Edit roster"),
    "retireRosterDuty": N_("Retire roster"),
    "overrideDuty": N_("Change who is on duty"),
    "withdrawChangeDuty": N_("Withdraw change"),
    "askSwapDuty": N_("Ask for a swap"),
    "answerSwapDuty": N_("Answer a swap"),
    "handOverDuty": N_("Write hand-over note"),
    "readHandOverDuty": N_("Mark as read"),
    "phoneDuty": N_("Phone number for call-outs"),
    "calendarDuty": N_("Address of your calendar"),
    "ruleCallOut": N_("Call-out rule"),
    "endRuleCallOut": N_("End call-out rule"),
    "testCallOut": N_("Test this chain"),
    "acknowledgeCallOut": N_("Acknowledge call-out"),
}
"""The names of the forms."""

EXPLANATIONS: Final[Mapping[str, str]] = {
    "askSwapDuty": N_("In this time each of you takes the shifts of the other. Nothing changes until it is accepted."),
    "calendarDuty": N_(
        "A new secret address of your shifts is drawn, and the former one ends. Whoever has the address sees them."
    ),
    "testCallOut": N_("The people of this chain are called now, one after the other, until one acknowledges."),
    "ruleCallOut": N_("A rule of the same name is replaced. Each way of calling is set up in the settings, but email."),
}
BUTTONS: Final[Mapping[str, str]] = {
    "addRosterDuty": N_("Save"),
    "editRosterDuty": N_("Save"),
    "overrideDuty": N_("Save"),
    "handOverDuty": N_("Save"),
    "phoneDuty": N_("Save"),
    "ruleCallOut": N_("Save"),
    "calendarDuty": N_("Draw a new address"),
    "acknowledgeCallOut": N_("Acknowledge"),
    "answerSwapDuty": N_("Answer"),
}
