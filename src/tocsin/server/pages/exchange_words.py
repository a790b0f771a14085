"""What pages call the states, answers and reasons of partners, exchange and agreements, each state with its shape."""

from collections.abc import Mapping
from typing import Any, Final

from tocsin.exchange.agreements import AgreementState
from tocsin.exchange.dispatches import OutgoingState
from tocsin.exchange.ledger import (
    ANSWER_WAYS,
    ASKED_FOR,
    BASES,
    CASE_REFUSALS,
    KEPT_REASONS,
    MORE_CLASSES,
    OUTCOMES,
    RECALL_REASONS,
    URGENCIES,
    CaseState,
    ConsentState,
    IncomingState,
    MadeKind,
    OfferState,
)
from tocsin.exchange.partners import (
    CHECK_RESULTS,
    CHECK_WAYS,
    KEY_CONFIRMATIONS,
    KEY_ENDS,
    LinkState,
    PartnerKeyState,
)
from tocsin.exchange.protocols import ACCESS_PROTOCOLS, TOKEN_SCOPES
from tocsin.exchange.statements import (
    AGREEMENT_TYPES,
    RECALL_ANSWERS,
    RECALL_REQUESTS,
    DispatchType,
    JurisdictionRole,
)
from tocsin.exchange.ways import EvidenceStrength, ExchangeWay, TryOutcome
from tocsin.server.pages.words import N_
from tocsin.sharing.gate import DATA_CLASSES

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
_CODE_WORDS: Final = {**RECALL_REASONS, **CASE_REFUSALS, **KEPT_REASONS, **_KEPT_PARTS, **_TAKEN_BACK}
"""Every code that one side gives the other as its reason; partners may have others."""
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
_REQUESTS: Final[Mapping[str, str]] = {**ASKED_FOR, "consent": N_("Consent to pass on")}
_CONSENTS: Final[Mapping[str, tuple[str, str]]] = {
    ConsentState.IN_FORCE: (N_("In force"), "good"),
    ConsentState.EXPIRED: (N_("Expired"), "wrong"),
    ConsentState.WITHDRAWN: (N_("Withdrawn"), "quiet"),
}
_SHAPES: Final = {"done": "good", "refused": "wrong", "not-ours": "quiet"}
MESSAGE_STATES: Final[Mapping[str, tuple[str, str]]] = {
    "open": (N_("Open"), "busy"),
    "acknowledged": (N_("Acknowledged"), "busy"),
    **{of: (said, _SHAPES.get(of, "busy")) for of, said in OUTCOMES.items()},
}
"""What became of a request or notice, and its shape."""
WORDS: Final[Mapping[str, Any]] = {
    "dispatch_kinds": _DISPATCHES,
    "sent_states": SENT, "came_states": _CAME, "item_states": _ITEMS, "answers": RECALL_ANSWERS,
    "asks": RECALL_REQUESTS,
    "codes": RECALL_REASONS, "kept_codes": KEPT_REASONS, "code_words": _CODE_WORDS,
    "kept_parts": _KEPT_PARTS, "made_kinds": _MADE,
    "answer_ways": ANSWER_WAYS, "more": MORE_CLASSES,
    "classes": DATA_CLASSES, "travel_ways": _TRAVEL, "try_outcomes": _TRIES, "strengths": _STRENGTHS,
    "protocols": ACCESS_PROTOCOLS,
    "case_states": CASES, "case_entries": _ENTRIES, "case_refusals": CASE_REFUSALS, "asked_words": ASKED_FOR,
    "request_words": _REQUESTS, "consent_states": _CONSENTS,
    "law_roles": _ROLES, "urgencies": URGENCIES, "bases": BASES, "outcomes": MESSAGE_STATES,
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
AGREEMENT_WORDS: Final[Mapping[str, Any]] = {"states": _AGREEMENTS, "types": {**AGREEMENT_TYPES, "none": N_("None")}}
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
PARTNER_WORDS: Final[Mapping[str, Any]] = {
    "states": _LINKS, "key_states": _KEYS, "confirmations": KEY_CONFIRMATIONS, "ends": KEY_ENDS, "ways": CHECK_WAYS,
    "results": CHECK_RESULTS,
}  # fmt: skip
ACCESS_WORDS: Final[Mapping[str, Any]] = {"protocols": ACCESS_PROTOCOLS, "scope_words": TOKEN_SCOPES}
