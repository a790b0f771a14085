"""What pages call the states of dispatches, cases, requests and notices, each with its shape."""

from collections.abc import Mapping
from typing import Any, Final

from tocsin.exchange.dispatches import OutgoingState
from tocsin.exchange.ledger import CaseState
from tocsin.server.pages.words import N_

SENT: Final[Mapping[str, tuple[str, str]]] = {
    OutgoingState.DRAFTED: (N_("Draft"), "quiet"),
    OutgoingState.HELD: (N_("Held"), "busy"),
    OutgoingState.SEALED: (N_("Sealed"), "busy"),
    OutgoingState.HANDED_OVER: (N_("Handed over"), "busy"),
    OutgoingState.STUCK: (N_("Stuck"), "wrong"),
    OutgoingState.RECEIVED: (N_("Received"), "good"),
    OutgoingState.REFUSED: (N_("Refused"), "wrong"),
    OutgoingState.ANSWERED: (N_("Answered"), "good"),
    OutgoingState.EXPIRED: (N_("Expired"), "quiet"),
}
CASES: Final[Mapping[str, tuple[str, str]]] = {
    CaseState.OURS: (N_("Ours"), "good"),
    CaseState.OFFERED: (N_("Offered, unanswered"), "busy"),
    CaseState.OFFERED_TO_US: (N_("Offered to us"), "busy"),
    CaseState.THEIRS: (N_("With the partner"), "quiet"),
    CaseState.JOINT: (N_("Joint"), "good"),
    CaseState.REFUSED: (N_("Refused"), "wrong"),
}
_ENTRIES: Final[Mapping[str, str]] = {
    "opened": N_("Opened"), "entry": N_("Entry"), "offer": N_("Offered"), "accept": N_("Accepted"),
    "refuse": N_("Refused"), "withdraw": N_("Withdrawn"),
}  # fmt: skip
_REFUSALS: Final[Mapping[str, str]] = {
    "capacity": N_("No capacity"), "not-ours": N_("Not ours"), "law": N_("Law"), "withdrawn": N_("It was withdrawn"),
    "other": N_("Another reason"),
}  # fmt: skip
_ASKED: Final[Mapping[str, str]] = {
    "information": N_("Information"), "assistance": N_("Assistance"), "mitigation": N_("Mitigation"),
    "preservation": N_("Preservation of data"), "notice": N_("Notice"),
}  # fmt: skip
_URGENCIES: Final[Mapping[str, str]] = {
    "low": N_("Low"), "normal": N_("Normal"), "high": N_("High"), "critical": N_("Critical"),
}  # fmt: skip
_BASES: Final[Mapping[str, str]] = {"voluntary": N_("Voluntary"), "legal": N_("Legal")}
OUTCOMES: Final[Mapping[str, tuple[str, str]]] = {
    "open": (N_("Open"), "busy"),
    "acknowledged": (N_("Acknowledged"), "busy"),
    "done": (N_("Done"), "good"),
    "partly": (N_("Done in part"), "busy"),
    "later": (N_("Later"), "busy"),
    "refused": (N_("Refused"), "wrong"),
    "not-ours": (N_("Not theirs to answer"), "quiet"),
}
"""What became of a request or notice, and its shape."""
CASE_WORDS: Final[Mapping[str, Any]] = {
    "case_states": CASES, "case_entries": _ENTRIES, "case_refusals": _REFUSALS, "asked_words": _ASKED,
    "urgencies": _URGENCIES, "bases": _BASES, "outcomes": OUTCOMES,
}  # fmt: skip
