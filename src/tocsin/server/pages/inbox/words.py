"""What the kinds, doors and states of reports are called, for those who report and for the team."""

from typing import Final

from tocsin.incidents.arrivals import (
    CloseReason,
    ReleaseGround,
    ReleaseScope,
    ReportBasis,
    ReportDoor,
    ReportKind,
    ReportState,
)
from tocsin.server.pages.words import N_

KINDS: Final = {
    ReportKind.RANSOMWARE: N_("Files are locked"),
    ReportKind.MONEY: N_("Money is lost"),
    ReportKind.BREAK_IN: N_("An account was taken over"),
    ReportKind.DECEIT: N_("A fake page or message"),
    ReportKind.HURT: N_("Threats, blackmail or harassment"),
    ReportKind.FLOOD: N_("A site or service is down"),
    ReportKind.PROGRAM: N_("A device behaves strangely"),
    ReportKind.LEAK: N_("Data got out"),
    ReportKind.FLAW: N_("A security flaw"),
    ReportKind.SPAM: N_("Unwanted mail"),
    ReportKind.OTHER: N_("Something else, or I do not know"),
}
"""Kinds of reports, as the public says."""

TEAM_KINDS: Final = {**KINDS, ReportKind.OTHER: N_("Other")}
"""The same as the team reads them."""

HINTS: Final = {
    ReportKind.RANSOMWARE: N_("Files no longer open, or a message demands a ransom."),
    ReportKind.MONEY: N_("You paid a fraudster, or gave away the details of a card or an account."),
    ReportKind.BREAK_IN: N_("Someone else uses your account or your computer, or changed your password."),
    ReportKind.DECEIT: N_("It asks for passwords or money, or pretends to be you or someone you know."),
    ReportKind.HURT: N_("Someone threatens you, demands something, or spreads lies or pictures of you."),
    ReportKind.FLOOD: N_("Nobody reaches it, perhaps because it is attacked."),
    ReportKind.PROGRAM: N_("There may be a harmful program on a computer or a phone."),
    ReportKind.LEAK: N_("Personal or secret data is in the wrong hands, or open to everyone."),
    ReportKind.FLAW: N_("You found it in a product, a service or a page."),
    ReportKind.SPAM: N_("Mail in bulk that you did not ask for."),
    ReportKind.OTHER: N_("Two questions help to find out."),
}
"""What a kind means, for whoever is no specialist."""

STATES: Final = {
    ReportState.NEW: N_("New"),
    ReportState.OPEN: N_("In progress"),
    ReportState.WAITING: N_("Waiting for the reporter"),
    ReportState.INCIDENT: N_("In an incident"),
    ReportState.CLOSED: N_("Closed with an answer"),
    ReportState.CLOSED_WITHOUT: N_("Closed without an answer"),
    ReportState.HANDED_OVER: N_("Handed over"),
    ReportState.REJECTED: N_("Rejected"),
}
"""For the team."""

DOORS: Final = {
    ReportDoor.FORM: N_("Form"),
    ReportDoor.MAIL: N_("Email"),
    ReportDoor.PHONE: N_("Telephone"),
    ReportDoor.CHAT: N_("Chat"),
    ReportDoor.PAPER: N_("Paper mail"),
    ReportDoor.PORTAL: N_("Portal"),
    ReportDoor.API: N_("API"),
    ReportDoor.XARF: N_("X-ARF report"),
    ReportDoor.PROBLEM: N_("Problem"),
    ReportDoor.PARTNER: N_("Another CSIRT"),
    ReportDoor.NOTICE: N_("Notice"),
}
"""How a report came in."""

REASONS: Final = {
    CloseReason.SOLVED: N_("Solved"),
    CloseReason.PASSED_ON: N_("Passed on to the responsible team"),
    CloseReason.DUPLICATE: N_("Duplicate of another report"),
    CloseReason.NO_INCIDENT: N_("Not an incident"),
    CloseReason.NO_ANSWER: N_("No answer to our question"),
    CloseReason.OUT_OF_SCOPE: N_("Others are responsible"),
    CloseReason.INFORMATION: N_("For information"),
    CloseReason.NEWSLETTER: N_("Newsletter"),
    CloseReason.TEST: N_("Test"),
    CloseReason.SPAM: N_("Spam"),
}
"""Why a report is closed, for the team and the reporter."""

BASES: Final = {
    ReportBasis.MANDATORY: N_("Mandatory"),
    ReportBasis.VOLUNTARY: N_("Voluntary"),
    ReportBasis.REQUEST: N_("Request of an authority"),
}
GROUNDS: Final = {
    ReleaseGround.CONSENT: N_("Consent"),
    ReleaseGround.ORDER: N_("Order"),
}
SCOPES: Final = {
    ReleaseScope.AUTHORITY: N_("Supervisors and authorities"),
    ReleaseScope.POLICE: N_("Police"),
    ReleaseScope.BOTH: N_("Authorities and police"),
}
"""On what basis a report came; by what one goes to whom."""

SHAPES: Final = {
    ReportState.NEW: "wrong",
    ReportState.OPEN: "busy",
    ReportState.WAITING: "quiet",
    ReportState.INCIDENT: "busy",
    ReportState.CLOSED: "good",
    ReportState.CLOSED_WITHOUT: "quiet",
    ReportState.HANDED_OVER: "good",
    ReportState.REJECTED: "quiet",
}
"""By which kind of ``parts.state`` each is shown."""
