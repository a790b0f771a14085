"""The closed lists of threads: whose turn it is to write, and what became of a mail that came in."""

from enum import StrEnum


class ThreadTurn(StrEnum):
    """Who writes next."""

    OURS = "ours"  # to answer, or to say that no answer is needed
    THEIRS = "theirs"
    QUIET = "quiet"  # nobody


class ThreadMailState(StrEnum):
    """What became of a mail of a thread; one that we sent has the state of its letter."""

    SENT = "sent"  # written here; its letter says how far it is
    PLACED = "placed"  # from the party
    AUTOMATIC = "automatic"  # a program wrote it: noted, never answered
    UNCERTAIN = "uncertain"  # a person says whether it is of the party
    REFUSED = "refused"  # a person said that it is not
    OVER_LIMIT = "over-limit"  # more than a day may bring to one address


class MatchedBy(StrEnum):
    """By what a mail was placed, in the order of belief."""

    TOKEN = "token"  # noqa: S105 (no password) the address that it was sent to
    ANSWER = "answer"  # it answers a mail that we sent
    REFERENCES = "references"  # it names a mail of the thread
    SUBJECT = "subject"  # it names the incident
    PERSON = "person"
