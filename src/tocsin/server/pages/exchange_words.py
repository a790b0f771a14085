"""What pages call the states, answers and reasons of partners, exchange and agreements, each state with its shape."""

from collections.abc import Mapping
from typing import Any, Final

from tocsin.exchange.agreements import AgreementState
from tocsin.exchange.dispatches import OutgoingState
from tocsin.exchange.ledger import AnswerWay, CaseState, ConsentState, IncomingState, MadeKind, OfferState
from tocsin.exchange.partners import CheckResult, CheckWay, KeyConfirmation, KeyEnd, LinkState, PartnerKeyState
from tocsin.exchange.protocols import AccessProtocol, TokenScope
from tocsin.exchange.statements import AgreementType, DispatchType, JurisdictionRole, RecallRequest, RecallState
from tocsin.exchange.ways import EvidenceStrength, ExchangeWay, TryOutcome
from tocsin.server.pages.words import N_
from tocsin.sharing.gate import DataClass

SENT: Final[Mapping[str, tuple[str, str]]] = {
    OutgoingState.HELD: (N_("To be sent"), "busy"),
    OutgoingState.SEALED: (N_("To be sent"), "busy"),
    OutgoingState.TRYING: (N_("Being sent"), "busy"),
    OutgoingState.HANDED_OVER: (N_("Sent, no receipt yet"), "busy"),
    OutgoingState.STUCK: (N_("Not delivered"), "wrong"),
    OutgoingState.RECEIVED: (N_("Received"), "good"),
    OutgoingState.REFUSED: (N_("Refused"), "wrong"),
}
_CAME: Final[Mapping[str, tuple[str, str]]] = {
    IncomingState.SEEN: (N_("Waits for an earlier one"), "busy"),
    IncomingState.REFUSED: (N_("Refused"), "wrong"),
    IncomingState.TAKEN: (N_("Taken"), "good"),
}
_DISPATCHES: Final[Mapping[str, str]] = {
    DispatchType.HELLO: N_("Communication check"), DispatchType.SHARE: N_("Items"),
    DispatchType.OFFER: N_("Offer of a case"), DispatchType.ACCEPT: N_("Acceptance of a case"),
    DispatchType.REFUSE: N_("Refusal of a case"), DispatchType.WITHDRAW: N_("Withdrawal of an offer"),
    DispatchType.REQUEST: N_("Request for assistance"), DispatchType.ANSWER: N_("Answer"),
    DispatchType.RECALL: N_("Recall"), DispatchType.REPORT: N_("Answer to a recall"),
    DispatchType.AGREE: N_("Agreement"), DispatchType.NOTE: N_("Partner notice"),
}  # fmt: skip
"""What a dispatch is for."""
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
_REFUSALS: Final[Mapping[str, str]] = {
    "capacity": N_("No capacity"), "not-ours": N_("Not ours"), "law": N_("Law"), "withdrawn": N_("It was withdrawn"),
    "other": N_("Another reason"),
}  # fmt: skip
_KEPT: Final[Mapping[str, str]] = {"legal-hold": N_("Legal hold"), "law": N_("Law"), "not-source": N_("Not its source")}
_TAKEN_BACK: Final[Mapping[str, str]] = {
    "deleted": N_("Deleted by the partner's program"), "revoked": N_("Revoked by the partner's program"),
}  # fmt: skip
_KEPT_PARTS: Final[Mapping[str, str]] = {
    "legal-hold": N_("Legal hold"), "law": N_("Law"), "other-source": N_("Known from another source"),
}  # fmt: skip
"""Why a part of what was recalled stays."""
_MADE: Final[Mapping[str, str]] = {
    MadeKind.ARCHIVE: N_("File as it came"), MadeKind.MAIL: N_("Received mail"),
    MadeKind.RECORDS: N_("Records of the partner's program"), MadeKind.TITLE: N_("Title of the incident"),
    MadeKind.ENTRY: N_("Timeline entry"), MadeKind.OBSERVABLE: N_("Observable"), MadeKind.EVIDENCE: N_("Evidence"),
    MadeKind.TEXT: N_("Text in the incident"), MadeKind.CASE: N_("Case"),
    MadeKind.DISPATCH: N_("Copy of a sent message"), MadeKind.COLLECTION: N_("TAXII collection"),
    MadeKind.EVENTS: N_("Events"),
}  # fmt: skip
"""What was made of an item."""
_CODE_WORDS: Final = {**_CODES, **_REFUSALS, **_KEPT, **_KEPT_PARTS, **_TAKEN_BACK}
"""Every code that one side gives the other as its reason; partners may have others."""
_CLASSES: Final[Mapping[str, str]] = {
    DataClass.CASE: N_("Facts of the case"),
    DataClass.ANALYSIS: N_("What the team wrote"),
    DataClass.CONTENT: N_("Content of mails"),
    DataClass.PERSONAL: N_("Personal data"),
    DataClass.TECHNICAL: N_("Technical data"),
    DataClass.EVIDENCE: N_("Evidence"),
    DataClass.DOCUMENT: N_("Documents"),
    DataClass.STATISTICS: N_("Statistics"),
    DataClass.REACHABILITY: N_("Network contacts"),
}
MORE: Final = (DataClass.ANALYSIS, DataClass.CONTENT, DataClass.PERSONAL, DataClass.EVIDENCE)
"""Classes that go only where a person selects them."""
_ROLES: Final[Mapping[str, str]] = {
    JurisdictionRole.ORIGIN: N_("Source"),
    JurisdictionRole.SUBJECT: N_("Those it is about"),
    JurisdictionRole.STORED: N_("Place of storage"),
    JurisdictionRole.OPERATOR: N_("Network operator"),
    JurisdictionRole.CLAIMED: N_("Claims it"),
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
_PROTOCOLS: Final[Mapping[str, str]] = {AccessProtocol.TAXII: "TAXII 2.1", AccessProtocol.MISP: "MISP"}
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
_ASKED: Final[Mapping[str, str]] = {
    "information": N_("Information"), "assistance": N_("Assistance"), "mitigation": N_("Mitigation"),
    "preservation": N_("Preservation of data"), "notice": N_("Partner notice"),
}  # fmt: skip
_REQUESTS: Final[Mapping[str, str]] = {**_ASKED, "consent": N_("Consent to pass on")}
_CONSENTS: Final[Mapping[str, tuple[str, str]]] = {
    ConsentState.IN_FORCE: (N_("In force"), "good"),
    ConsentState.EXPIRED: (N_("Expired"), "wrong"),
    ConsentState.WITHDRAWN: (N_("Withdrawn"), "quiet"),
}
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
    "not-ours": (N_("Not responsible"), "quiet"),
}
"""What became of a request or notice, and its shape."""
WORDS: Final[Mapping[str, Any]] = {
    "dispatch_kinds": _DISPATCHES,
    "sent_states": SENT, "came_states": _CAME, "item_states": _ITEMS, "answers": ANSWERS, "asks": _ASKS,
    "codes": _CODES, "kept_codes": {"": "\N{EN DASH}", **_KEPT}, "code_words": _CODE_WORDS,
    "kept_parts": _KEPT_PARTS, "made_kinds": _MADE,
    "answer_ways": _WAYS, "more": MORE,
    "classes": _CLASSES, "travel_ways": _TRAVEL, "try_outcomes": _TRIES, "strengths": _STRENGTHS,
    "protocols": _PROTOCOLS,
    "case_states": CASES, "case_entries": _ENTRIES, "case_refusals": _REFUSALS, "asked_words": _ASKED,
    "request_words": _REQUESTS, "consent_states": _CONSENTS,
    "law_roles": _ROLES, "urgencies": _URGENCIES, "bases": _BASES, "outcomes": OUTCOMES,
}  # fmt: skip
_AGREEMENTS: Final[Mapping[str, tuple[str, str]]] = {
    AgreementState.TO_SIGN: (N_("To sign"), "busy"),
    AgreementState.TO_ADOPT: (N_("To adopt"), "busy"),
    AgreementState.IN_FORCE: (N_("In force"), "good"),
    AgreementState.EXPIRED: (N_("Expired"), "wrong"),
    AgreementState.REPLACED: (N_("Replaced by another edition"), "quiet"),
    AgreementState.LEFT: (N_("Left by this node"), "quiet"),
    AgreementState.REFUSED: (N_("Refused"), "quiet"),
    AgreementState.OTHERS: (N_("Between other parties"), "quiet"),
}
_TYPES: Final[Mapping[str, str]] = {
    AgreementType.TREATY: N_("Treaty"),
    AgreementType.LAW: N_("Law"),
    AgreementType.MOU: N_("Memorandum of understanding"),
    AgreementType.CODE: N_("Code of conduct"),
    AgreementType.NORM: N_("Norm"),
    "none": N_("None"),
}
AGREEMENT_WORDS: Final[Mapping[str, Any]] = {"states": _AGREEMENTS, "types": _TYPES}
_LINKS: Final[Mapping[str, tuple[str, str]]] = {
    LinkState.WORKS: (N_("Works"), "good"),
    LinkState.CHECK_DUE: (N_("Check due"), "busy"),
    LinkState.FAILING: (N_("Failing"), "wrong"),
    LinkState.NO_KEY: (N_("No confirmed key"), "quiet"),
}
_KEYS: Final[Mapping[str, tuple[str, str]]] = {
    PartnerKeyState.PINNED: (N_("Confirmed"), "good"),
    PartnerKeyState.CLAIMED: (N_("Not confirmed"), "busy"),
    PartnerKeyState.EXPIRED: (N_("Expired"), "wrong"),
    PartnerKeyState.ENDED: (N_("Ended"), "quiet"),
}
CONFIRMATIONS: Final[Mapping[str, str]] = {
    KeyConfirmation.TELEPHONE: N_("By telephone, at a number from elsewhere"),
    KeyConfirmation.IN_PERSON: N_("In person"),
    KeyConfirmation.SIGNED: N_("Signed by a key that we trust"),
}
ENDS: Final[Mapping[str, str]] = {
    KeyEnd.REPLACED: N_("Replaced by another key"),
    KeyEnd.LOST: N_("Lost"),
    KeyEnd.COMPROMISED: N_("Compromised"),
    KeyEnd.NOT_THEIRS: N_("Not the partner's key"),
}
CHECK_WAYS: Final[Mapping[str, str]] = {
    CheckWay.SIGNED_MAIL: N_("Signed mail"),
    CheckWay.MAIL: N_("Mail without a signature"),
    CheckWay.TELEPHONE: N_("Telephone"),
}
CHECK_RESULTS: Final[Mapping[str, str]] = {
    CheckResult.ANSWERED: N_("Answer received"),
    CheckResult.NO_ANSWER: N_("No answer"),
    CheckResult.WRONG_SIGNATURE: N_("Wrong signature"),
}
PARTNER_WORDS: Final[Mapping[str, Any]] = {
    "states": _LINKS, "key_states": _KEYS, "confirmations": CONFIRMATIONS, "ends": ENDS, "ways": CHECK_WAYS,
    "results": CHECK_RESULTS,
}  # fmt: skip
_SCOPES: Final[Mapping[str, str]] = {
    TokenScope.READ: N_("Read what the release gate lets this partner have"),
    TokenScope.POST: N_("Offer things, which a person here adopts or declines"),
}
ACCESS_WORDS: Final[Mapping[str, Any]] = {"protocols": _PROTOCOLS, "scope_words": _SCOPES}
