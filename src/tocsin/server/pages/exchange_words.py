"""What pages call the states, answers and reasons of exchange, each state with its shape."""

from collections.abc import Mapping
from typing import Any, Final

from tocsin.exchange.dispatches import OutgoingState
from tocsin.exchange.ledger import AnswerWay, CaseState, IncomingState, OfferState
from tocsin.exchange.statements import RecallRequest, RecallState
from tocsin.exchange.ways import EvidenceStrength, ExchangeWay, TryOutcome
from tocsin.server.pages.words import N_
from tocsin.sharing.gate import DataClass

SENT: Final[Mapping[str, tuple[str, str]]] = {
    OutgoingState.DRAFTED: (N_("Draft"), "quiet"),
    OutgoingState.HELD: (N_("Held"), "busy"),
    OutgoingState.SEALED: (N_("Sealed"), "busy"),
    OutgoingState.TRYING: (N_("Trying"), "busy"),
    OutgoingState.HANDED_OVER: (N_("Handed over"), "busy"),
    OutgoingState.STUCK: (N_("Stuck"), "wrong"),
    OutgoingState.RECEIVED: (N_("Received"), "good"),
    OutgoingState.REFUSED: (N_("Refused"), "wrong"),
    OutgoingState.ANSWERED: (N_("Answered"), "good"),
    OutgoingState.EXPIRED: (N_("Expired"), "quiet"),
}
_CAME: Final[Mapping[str, tuple[str, str]]] = {
    IncomingState.SEEN: (N_("Waits for an earlier one"), "busy"),
    IncomingState.REFUSED: (N_("Refused"), "wrong"),
    IncomingState.TAKEN: (N_("Taken"), "good"),
}
_ITEMS: Final[Mapping[str, tuple[str, str]]] = {
    OfferState.OFFERED: (N_("To decide"), "busy"),
    OfferState.ADOPTED: (N_("Adopted"), "good"),
    OfferState.DECLINED: (N_("Declined"), "quiet"),
    OfferState.REPLACED: (N_("Replaced by a newer version"), "quiet"),
    OfferState.RECALLED: (N_("Recalled: to answer"), "wrong"),
    OfferState.HIDDEN: (N_("No longer used"), "quiet"),
    OfferState.ERASED: (N_("Erased"), "quiet"),
    OfferState.KEPT: (N_("Kept, although recalled"), "busy"),
}
ANSWERS: Final[Mapping[str, str]] = {
    RecallState.DONE: N_("Done as asked"),
    RecallState.KEPT: N_("Kept"),
    RecallState.NOT_HELD: N_("Not held"),
}
_ASKS: Final[Mapping[str, str]] = {
    RecallRequest.ERASE: N_("Erase it"),
    RecallRequest.STOP_USING: N_("Stop using it"),
}
_CODES: Final[Mapping[str, str]] = {
    "wrong": N_("It is wrong"),
    "withdrawn": N_("It was withdrawn"),
    "source-asked": N_("Its source asked for it"),
    "person-asked": N_("A person asked for it"),
    "court": N_("A court ordered it"),
}
_WAYS: Final[Mapping[str, str]] = {
    AnswerWay.TELEPHONE: N_("By telephone"),
    AnswerWay.MAIL: N_("By mail"),
    AnswerWay.IN_PERSON: N_("In person"),
}
_KEPT: Final[Mapping[str, str]] = {"legal-hold": N_("Legal hold"), "law": N_("Law")}
_MORE: Final[Mapping[str, str]] = {
    DataClass.ANALYSIS: N_("What the team wrote"),
    DataClass.CONTENT: N_("Content of mails"),
    DataClass.PERSONAL: N_("Personal data"),
    DataClass.EVIDENCE: N_("Evidence"),
}
_TRAVEL: Final[Mapping[str, str]] = {ExchangeWay.HTTPS: N_("Inbox"), ExchangeWay.MAIL: N_("Mail")}
_TRIES: Final[Mapping[str, tuple[str, str]]] = {
    TryOutcome.BEGUN: (N_("Under way"), "busy"),
    TryOutcome.FAILED: (N_("Failed"), "wrong"),
    TryOutcome.ACCEPTED: (N_("Accepted by the mail server"), "busy"),
    TryOutcome.ANSWERED: (N_("Receipt in the answer"), "good"),
}
_STRENGTHS: Final[Mapping[str, str]] = {
    EvidenceStrength.RECEIPT: N_("Receipt that the node of the partner signed"),
    EvidenceStrength.SIGNED_REPLY: N_("Signed reply"),
    EvidenceStrength.LINK: N_("Link in the mail opened and confirmed"),
    EvidenceStrength.ACCEPTED: N_("Accepted by the mail server"),
}
WORDS: Final[Mapping[str, Any]] = {
    "sent_states": SENT, "came_states": _CAME, "item_states": _ITEMS, "answers": ANSWERS, "asks": _ASKS,
    "codes": _CODES, "kept_codes": _KEPT, "answer_ways": _WAYS, "more": _MORE, "travel_ways": _TRAVEL,
    "try_outcomes": _TRIES, "strengths": _STRENGTHS,
}  # fmt: skip
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
