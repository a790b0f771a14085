"""What kinds of reports mean to those who report, and how states look."""

from typing import Final

from tocsin.incidents.arrivals import ReportKind, ReportState
from tocsin.server.pages.words import N_

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
