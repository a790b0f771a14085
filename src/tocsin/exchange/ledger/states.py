"""The closed lists of the ledger. States of what goes out are those of `tocsin.exchange.dispatches`."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from tocsin.interface import N_


class Direction(StrEnum):
    """Which way something goes."""

    OUT = "out"
    IN = "in"


class IncomingState(StrEnum):
    """What became of a dispatch that came."""

    SEEN = "seen"  # one before it is missing, so its number does not count yet
    REFUSED = "refused"
    TAKEN = "taken"


class OfferState(StrEnum):
    """What became of an item that a partner offered. A person decides."""

    OFFERED = "offered"
    ADOPTED = "adopted"
    DECLINED = "declined"
    REPLACED = "replaced"  # by a higher version, before anybody decided
    RECALLED = "recalled"  # its source asks for it back, and nobody has answered yet
    HIDDEN = "hidden"  # not used any more, as its source asked
    ERASED = "erased"
    KEPT = "kept"  # although it was recalled: the code says why


OPEN_ITEMS: Final = (OfferState.OFFERED, OfferState.RECALLED)
"""What waits for a person."""


RECALLED_ITEMS: Final = (OfferState.RECALLED, OfferState.HIDDEN, OfferState.ERASED, OfferState.KEPT)
"""What their source took back: nothing of it goes to anybody else any more."""

TAKEN_BACK: Final = frozenset({"deleted", "revoked"})
"""The codes of what a program or server of a partner took back: nobody waits for an answer."""

NOT_SOURCE: Final = "not-source"
"""The code of what stays since whoever recalled it is not its source."""


class AnswerWay(StrEnum):
    """How a person at a partner answered."""

    TELEPHONE = "telephone"
    MAIL = "mail"
    IN_PERSON = "in-person"


ANSWER_WAYS: Final[Mapping[str, str]] = {
    AnswerWay.TELEPHONE: N_("By telephone"),
    AnswerWay.MAIL: N_("By mail"),
    AnswerWay.IN_PERSON: N_("In person"),
}

RECALL_REASONS: Final[Mapping[str, str]] = {
    "wrong": N_("It is wrong"),
    "withdrawn": N_("It was withdrawn"),
    "source-asked": N_("Its source asked for it"),
    "person-asked": N_("A person asked for it"),
    "court": N_("A court ordered it"),
}
"""Why something is recalled, by its code."""

KEPT_REASONS: Final[Mapping[str, str]] = {
    "legal-hold": N_("Legal hold"),
    "law": N_("Law"),
    NOT_SOURCE: N_("Not its source"),
}
"""Why something stays although it is recalled, by its code."""


RECALL_DAYS: Final = 7
"""A recall that a partner has not answered for so long is a to-do item."""

RECEIPT_DAYS: Final = 7
"""A dispatch without a receipt for so long is a to-do item."""

TAKING_WRITES: Final[Mapping[str, frozenset[str]]] = {
    "exchange_link": frozenset({"number", "head"}),
    "exchange_incoming": frozenset(),
    "exchange_outgoing": frozenset({"state", "reason"}),
    "exchange_receipt": frozenset(),
    "exchange_item": frozenset({"state", "code"}),
    "exchange_passing": frozenset({"answer", "answer_code", "answer_kept", "answered_at"}),
    "exchange_recall": frozenset(),
    "exchange_recall_item": frozenset(),
    "exchange_recall_sum": frozenset(),
    "exchange_number_check": frozenset(),
    "exchange_arrival": frozenset(),
    "exchange_address": frozenset({"day"}),  # from where a partner posts
    "day_volume": frozenset({"bytes", "refused"}),
    "exchange_case": frozenset(),
    "exchange_case_entry": frozenset(),
    "exchange_message": frozenset(),
    "exchange_consent": frozenset({"ended_at"}),
    "exchange_agreement": frozenset(),
    "exchange_agreement_signature": frozenset(),
    "exchange_ground": frozenset(),
    "partner_key": frozenset({"ended", "end_reason", "ended_at", "ended_by"}),  # by who owns it: that is stricter
    "partner_key_notice": frozenset(),
    "partner": frozenset({"statement_at"}),
    "audit_entry": frozenset(),
    "audit_aside": frozenset(),
}
"""The tables that a file of a partner may change by itself; where columns are named, those of rows that were there.

Nobody commands: every other change has a decision of a person here. `tests/exchange/test_ledger.py` compares the
records before and after.
"""
