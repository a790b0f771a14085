"""What people report, in plain words, and what the field calls it."""

from enum import StrEnum
from typing import Final


class ReportKind(StrEnum):
    """What it is, as somebody would say who is no specialist."""

    RANSOMWARE = "ransomware"  # files are locked, for a ransom
    MONEY = "money"  # money went to a fraudster
    BREAK_IN = "break-in"  # an account or a machine was taken over
    DECEIT = "deceit"  # a false page or message that asks for passwords or money
    HURT = "hurt"  # threats, blackmail, hate, harassment
    FLOOD = "flood"  # a site or service is made unreachable
    PROGRAM = "program"  # a harmful program
    LEAK = "leak"  # data got out
    FLAW = "flaw"  # a weakness of a product, a service or a page
    SPAM = "spam"  # unwanted mail in bulk
    OTHER = "other"


_RSIT: Final = {
    ReportKind.RANSOMWARE: ("malicious-code", "infected-system"),
    ReportKind.MONEY: ("fraud", "masquerade"),
    ReportKind.DECEIT: ("fraud", "phishing"),
    ReportKind.SPAM: ("abusive-content", "spam"),
    ReportKind.PROGRAM: ("malicious-code", "infected-system"),
    ReportKind.BREAK_IN: ("intrusions", "unprivileged-account-compromise"),
    ReportKind.FLOOD: ("availability", "ddos"),
    ReportKind.LEAK: ("information-content-security", "data-leak"),
    ReportKind.HURT: ("abusive-content", "harmful-speech"),
    ReportKind.FLAW: ("vulnerable", "vulnerable-system"),
    ReportKind.OTHER: ("other", "undetermined"),
}


def rsit_of(kind: ReportKind) -> tuple[str, str]:
    """Taxonomy and type of the Reference Security Incident Taxonomy, version 1003: a first guess, for a person."""
    return _RSIT[kind]
