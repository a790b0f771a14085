"""The closed lists of partners, and what is so at a moment: of a key, and of the link to a partner. Pure."""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from tocsin.interface import N_

if TYPE_CHECKING:
    from tocsin.exchange.partners.models import Partner, PartnerCheck, PartnerKey, PartnerKeyNotice

CHECK_DAYS: Final = 183
"""A proof that a link works counts for so long: a communication check is due twice a year."""

ENDING_DAYS: Final = 30
"""So long before a pinned key expires, somebody asks for its successor."""


class KeyConfirmation(StrEnum):
    """How a person made sure that a key is the partner's: never by the way on which the key came."""

    IN_PERSON = "in-person"
    TELEPHONE = "telephone"  # at a number that is known from elsewhere
    SIGNED = "signed"  # by a key that is pinned, or by a person whom we know


KEY_CONFIRMATIONS: Final[Mapping[str, str]] = {
    KeyConfirmation.TELEPHONE: N_("By telephone, at a number from elsewhere"),
    KeyConfirmation.IN_PERSON: N_("In person"),
    KeyConfirmation.SIGNED: N_("Signed by a key that we trust"),
}


class KeyEnd(StrEnum):
    """Why a key counts no more."""

    REPLACED = "replaced"
    LOST = "lost"
    COMPROMISED = "compromised"
    NOT_THEIRS = "not-theirs"  # a claim that was wrong


KEY_ENDS: Final[Mapping[str, str]] = {
    KeyEnd.REPLACED: N_("Replaced by another key"),
    KeyEnd.LOST: N_("Lost"),
    KeyEnd.COMPROMISED: N_("Compromised"),
    KeyEnd.NOT_THEIRS: N_("Not the partner's key"),
}


class PartnerKeyState(StrEnum):
    """What a key is good for."""

    CLAIMED = "claimed"
    PINNED = "pinned"
    EXPIRED = "expired"
    ENDED = "ended"


class CheckWay(StrEnum):
    """How a communication check was made. Signed mail alone proves that the link works."""

    SIGNED_MAIL = "signed-mail"
    MAIL = "mail"
    TELEPHONE = "telephone"


CHECK_WAYS: Final[Mapping[str, str]] = {
    CheckWay.SIGNED_MAIL: N_("Signed mail"),
    CheckWay.MAIL: N_("Mail without a signature"),
    CheckWay.TELEPHONE: N_("Telephone"),
}


class CheckResult(StrEnum):
    """What came of it."""

    ANSWERED = "answered"
    NO_ANSWER = "no-answer"
    WRONG_SIGNATURE = "wrong-signature"


CHECK_RESULTS: Final[Mapping[str, str]] = {
    CheckResult.ANSWERED: N_("Answer received"),
    CheckResult.NO_ANSWER: N_("No answer"),
    CheckResult.WRONG_SIGNATURE: N_("Wrong signature"),
}


class LinkState(StrEnum):
    """The link to a partner, the worst first."""

    NO_KEY = "no-key"  # no pinned key is valid
    FAILING = "failing"  # the newest check failed
    CHECK_DUE = "check-due"  # nothing has proved it for half a year
    WORKS = "works"


def key_state(key: "PartnerKey", now: datetime) -> PartnerKeyState:
    """What a key is good for now."""
    if key.ended_at is not None:
        return PartnerKeyState.ENDED
    if key.confirmed_at is None:
        return PartnerKeyState.CLAIMED
    gone = key.expires_at is not None and key.expires_at <= now
    return PartnerKeyState.EXPIRED if gone else PartnerKeyState.PINNED


def vouches(key: "PartnerKey", notice: "PartnerKeyNotice") -> bool:
    """Whether a key may vouch for the one that it named: nobody ended it, and it had not expired when that came."""
    confirmed = key.confirmed_at is not None and key.ended_at is None
    return confirmed and (key.expires_at is None or notice.came_at < key.expires_at)


def last_proof(partner: "Partner", checks: "Iterable[PartnerCheck]") -> datetime | None:
    """When a signed answer, or a statement that a pinned key signed, last showed that the link works."""
    found = [one.at for one in checks if _proves(one)]
    return max([*found, *filter(None, [partner.statement_at])], default=None)


def link_state(
    partner: "Partner", keys: "Iterable[PartnerKey]", checks: "Iterable[PartnerCheck]", now: datetime
) -> LinkState:
    """The state of the link to a partner. ``checks``: all of its checks."""
    made = list(checks)
    if not any(key_state(key, now) is PartnerKeyState.PINNED for key in keys):
        return LinkState.NO_KEY
    proof = last_proof(partner, made)
    newest = max(made, key=lambda one: (one.at, one.id), default=None)
    if newest is not None and newest.result != CheckResult.ANSWERED and (proof is None or proof < newest.at):
        return LinkState.FAILING
    if proof is None or proof <= now - timedelta(days=CHECK_DAYS):
        return LinkState.CHECK_DUE
    return LinkState.WORKS


def _proves(check: "PartnerCheck") -> bool:
    return check.way == CheckWay.SIGNED_MAIL and check.result == CheckResult.ANSWERED
