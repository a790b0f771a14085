"""What states, answers and reasons of exchange are called on pages."""

from collections.abc import Mapping
from typing import Any, Final

from tocsin.exchange.dispatches import OutgoingState
from tocsin.exchange.ledger import AnswerWay, IncomingState, OfferState
from tocsin.exchange.statements import RecallRequest, RecallState
from tocsin.server.pages.words import N_
from tocsin.sharing.gate import DataClass

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
WORDS: Final[Mapping[str, Any]] = {
    "sent_states": SENT, "came_states": _CAME, "item_states": _ITEMS, "answers": ANSWERS, "asks": _ASKS,
    "codes": _CODES, "kept_codes": _KEPT, "answer_ways": _WAYS, "more": _MORE,
}  # fmt: skip
