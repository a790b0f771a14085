"""Keys of teams as plain facts, and what can be said of a key at a moment: good, or which of the reasons why not.

Reading a file into facts is ``files.py``, keeping keys is ``store.py``. Nothing here computes with keys.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final
from uuid import UUID

from tocsin.node.sentences import say

LEAST_RSA: Final = 2048
"""Bits of an RSA key (NIST SP 800-131A revision 2, table 5; RFC 8550, 4.1)."""

_DAYS_AHEAD = 60


class KeyFormat(StrEnum):
    """How mails are protected with a key."""

    OPENPGP = "openpgp"  # RFC 9580, in mails RFC 3156
    SMIME = "smime"  # X.509 (RFC 5280), in mails RFC 8551

    @property
    def words(self) -> str:
        """``OpenPGP`` or ``S/MIME``."""
        return {"openpgp": "OpenPGP", "smime": "S/MIME"}[self.value]


class KeyState(StrEnum):
    """Whether mails can be encrypted for a key now, or the reason why not."""

    GOOD = "good"
    REVOKED = "revoked"  # its owner, or the authority that issued it, took it back
    WEAK = "weak"  # it can be broken
    EXPIRED = "expired"
    NOT_YET = "not-yet-valid"
    NO_ENCRYPTION = "no-encryption"  # it only signs, or nothing in it that encrypts is bound to it
    UNSUPPORTED = "unsupported"  # sound, and of a kind that we cannot encrypt for
    WRONG_MAILBOX = "wrong-mailbox"  # it names mailboxes, and none of the team's


@dataclass(frozen=True, slots=True)
class KeyVerdict:
    """A state with its reason as a sentence about the key; the reason of a good one is empty."""

    state: KeyState
    why: str = ""

    @property
    def good(self) -> bool:
        """Whether mails can be encrypted for it."""
        return self.state is KeyState.GOOD


def short_rsa(bits: int) -> KeyVerdict:
    """The verdict on an RSA key of less than `LEAST_RSA` bits."""
    words = say("RSA with %(bits)s bits can be broken; it needs %(least_rsa)s.", bits=bits, least_rsa=LEAST_RSA)
    return KeyVerdict(KeyState.WEAK, words)


def unsafe_algorithm(algorithm: str) -> KeyVerdict:
    """The verdict on a key of an algorithm that was withdrawn."""
    words = say("%(algorithm)s is no longer considered safe (FIPS 186-5).", algorithm=algorithm)
    return KeyVerdict(KeyState.WEAK, words)


@dataclass(frozen=True, slots=True)
class KeySpan:
    """From when until when something in the key encrypts, and with what; ``until`` None: for good."""

    since: datetime
    until: datetime | None
    algorithm: str


@dataclass(frozen=True, slots=True)
class KeyFacts:
    """What a certificate says, checked by its own signatures.

    ``fingerprint``: lower-case hexadecimal, of the OpenPGP primary key, or SHA-256 of the X.509 certificate.
    ``names``: user ids, or the subject. ``mailboxes``: lower case. ``until`` None: never expires. ``flaw``: what is
    wrong with it at any time. ``encrypts``: its sound encryption keys; an X.509 certificate has at most one.
    """

    format: KeyFormat
    fingerprint: str
    names: tuple[str, ...]
    mailboxes: tuple[str, ...]
    algorithm: str
    since: datetime
    until: datetime | None
    flaw: KeyVerdict | None = None
    encrypts: tuple[KeySpan, ...] = ()

    @property
    def spelled(self) -> str:
        """The fingerprint as people compare it: ``0DCC F37D 45A4 …``."""
        digits = self.fingerprint.upper()
        return " ".join(digits[at : at + 4] for at in range(0, len(digits), 4))

    @property
    def strength(self) -> str:
        """``Ed25519, encrypts with X25519``."""
        kinds = sorted({span.algorithm for span in self.encrypts} - {self.algorithm})
        if not kinds:
            return self.algorithm
        return say("%(algorithm)s, encrypts with %(kinds)s", algorithm=self.algorithm, kinds=", ".join(kinds))


@dataclass(frozen=True, slots=True)
class TeamKey:
    """An assertion: this is a key of that team.

    ``content``: OpenPGP packets, or X.509 in DER. ``any_mailbox``: it serves all mailboxes of the team, whatever it
    names. ``preferred``: the team wants keys of its format rather than others. ``reason``: why it was withdrawn.
    """

    uuid: UUID
    team_id: int
    facts: KeyFacts
    content: bytes
    any_mailbox: bool
    preferred: bool
    source: str
    said_by: str
    recorded: datetime
    withdrawn: datetime | None = None
    reason: str = ""


def judge(facts: KeyFacts, now: datetime) -> KeyVerdict:
    """Whether mails can be encrypted for a key at ``now``, whoever's it is."""
    if facts.flaw is not None:
        return facts.flaw
    if now < facts.since:
        return KeyVerdict(
            KeyState.NOT_YET, say("It is valid from %(since)s UTC.", since=f"{facts.since:%Y-%m-%d %H:%M}")
        )
    if facts.until is not None and facts.until <= now:
        return KeyVerdict(KeyState.EXPIRED, say("It expired on %(day)s.", day=_day(facts.until)))
    return _judge_encryption(facts, now)


def judge_for(key: TeamKey, mailboxes: Collection[str], now: datetime) -> KeyVerdict:
    """Whether mails to a team with these mailboxes can be encrypted for its key."""
    verdict = judge(key.facts, now)
    if verdict.good and not any(serves(key, mailbox) for mailbox in mailboxes):
        named = ", ".join(key.facts.mailboxes)
        return KeyVerdict(
            KeyState.WRONG_MAILBOX,
            say("It is for %(addresses)s, which is not an email address of the team.", addresses=named),
        )
    return verdict


def serves(key: TeamKey, mailbox: str) -> bool:
    """Whether a key is for this mailbox: it names it, or names none, or was said to be for all of the team's."""
    named = {_same(one) for one in key.facts.mailboxes}
    return key.any_mailbox or not named or _same(mailbox) in named


def ends(facts: KeyFacts, now: datetime) -> datetime | None:
    """When a key that is good at ``now`` stops being so; None where it never does."""
    open_spans = [
        span.until for span in facts.encrypts if span.since <= now and (span.until is None or span.until > now)
    ]
    last = None if None in open_spans else max((until for until in open_spans if until is not None), default=None)
    given = [until for until in (facts.until, last) if until is not None]
    return min(given, default=None)


def expiring_keys(keys: Sequence[TeamKey], now: datetime, days: int = _DAYS_AHEAD) -> list[tuple[TeamKey, datetime]]:
    """The keys that are good at ``now`` and not any more in ``days`` days, with when that is; the soonest first."""
    found = [
        (key, until)
        for key in keys
        if judge(key.facts, now).good
        and (until := ends(key.facts, now)) is not None
        and until <= now + timedelta(days=days)
    ]
    return sorted(found, key=lambda pair: pair[1])


def _judge_encryption(facts: KeyFacts, now: datetime) -> KeyVerdict:
    if not facts.encrypts:
        return KeyVerdict(KeyState.NO_ENCRYPTION, say("It holds no key that encrypts."))
    if any(span.since <= now and (span.until is None or now < span.until) for span in facts.encrypts):
        return KeyVerdict(KeyState.GOOD)
    ended = [span.until for span in facts.encrypts if span.until is not None and span.until <= now]
    if ended:
        return KeyVerdict(KeyState.EXPIRED, say("What encrypts in it expired on %(day)s.", day=_day(max(ended))))
    return KeyVerdict(
        KeyState.NOT_YET, say("It encrypts from %(day)s.", day=_day(min(span.since for span in facts.encrypts)))
    )


def shown(text: str) -> str:
    """One line of text that steers no terminal: what a key says was written by whoever made it."""
    return " ".join("".join(sign if sign.isprintable() else " " for sign in text).split())


def _same(mailbox: str) -> str:
    """One text for one mailbox: lower case, its domain in ASCII (RFC 5890)."""
    local, at, domain = mailbox.lower().rpartition("@")
    try:
        return f"{local}{at}{domain.encode('idna').decode('ascii')}"
    except UnicodeError:
        return mailbox.lower()


def _day(at: datetime) -> str:
    return f"{at:%Y-%m-%d}"
