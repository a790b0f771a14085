"""What people report, in plain words, and what the field calls it."""

from enum import StrEnum
from typing import Final


class Kind(StrEnum):
    """What it is, as somebody would say who is no specialist."""

    DECEIT = "deceit"  # a false page or message that asks for passwords or money
    SPAM = "spam"  # unwanted mail in bulk
    PROGRAM = "program"  # a harmful program
    BREAK_IN = "break-in"  # somebody got into an account or a machine
    FLOOD = "flood"  # a service is made unreachable
    LEAK = "leak"  # data got out
    HURT = "hurt"  # threats, hate, harassment
    FLAW = "flaw"  # a weakness of a product, a service or a page
    OTHER = "other"


_RSIT: Final = {
    Kind.DECEIT: ("fraud", "phishing"),
    Kind.SPAM: ("abusive-content", "spam"),
    Kind.PROGRAM: ("malicious-code", "infected-system"),
    Kind.BREAK_IN: ("intrusions", "unprivileged-account-compromise"),
    Kind.FLOOD: ("availability", "ddos"),
    Kind.LEAK: ("information-content-security", "data-leak"),
    Kind.HURT: ("abusive-content", "harmful-speech"),
    Kind.FLAW: ("vulnerable", "vulnerable-system"),
    Kind.OTHER: ("other", "undetermined"),
}


def rsit_of(kind: Kind) -> tuple[str, str]:
    """Taxonomy and type of the Reference Security Incident Taxonomy, version 1003: a first guess, for a person."""
    return _RSIT[kind]
