"""How a mail to a team leaves: as it is, signed, signed and encrypted, or not at all; decided from keys alone."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from tocsin.delivery.mime import usable_mailboxes
from tocsin.delivery.sealing.own_keys import OwnKeys, judge_own
from tocsin.directory import Team
from tocsin.directory.keys import KeyFormat, KeyState, KeyVerdict, TeamKey, judge_for, serves
from tocsin.node.sentences import join_sentences, say


class Obstacle(StrEnum):
    """What stands in the way beside the states of keys."""

    NO_KEY = "no-key"  # the team has none
    NODE_KEY = "node-key"  # this node cannot sign, which its keys are for


@dataclass(frozen=True, slots=True)
class Protection:
    """How a mail leaves. ``form`` None: as it is. ``keys``: for these it is encrypted; none: it is only signed.

    ``mailboxes``: to these it goes; ``left_out``: mailboxes of the team that no good key serves.
    """

    form: KeyFormat | None
    mailboxes: tuple[str, ...]
    keys: tuple[TeamKey, ...] = ()
    left_out: tuple[str, ...] = ()

    @property
    def words(self) -> str:
        """``OpenPGP: signed, encrypted for 8dae…`` or an empty text."""
        if self.form is None:
            return ""
        named = ", ".join(key.facts.fingerprint for key in self.keys)
        if not named:
            return say("%(words)s: signed", words=self.form.words)
        return say("%(words)s: signed, encrypted for %(keys)s", words=self.form.words, keys=named)

    @property
    def remark(self) -> str:
        """Who did not get it, or an empty text."""
        left_out = ", ".join(self.left_out)
        return say("Left out, as no key serves them: %(left_out)s.", left_out=left_out) if left_out else ""


@dataclass(frozen=True, slots=True)
class SealingRefusal:
    """Why a mail that must be encrypted cannot be. ``about``: the key that the reason is about, where there is one."""

    why: KeyState | Obstacle
    words: str
    about: TeamKey | None = None

    @property
    def team_can_mend(self) -> bool:
        """Whether a key from the team would help."""
        return self.why is not Obstacle.NODE_KEY


def protect(
    team: Team, keys: Sequence[TeamKey], own: OwnKeys, sign: KeyFormat | None, now: datetime
) -> Protection | SealingRefusal:
    """How mails to a team leave at ``now``; ``sign``: with which of the node's ``own`` keys those not encrypted are.

    An encrypted mail is always signed too, with the node's own key of the same format. Of two formats the one counts
    that the team prefers, then the one that reaches more of its mailboxes, then OpenPGP.
    """
    mailboxes = usable_mailboxes(team.mailboxes)
    if not team.encrypt:
        return Protection(sign, mailboxes)
    judged = [(key, judge_for(key, mailboxes, now)) for key in keys]
    offers = [_offer(form, mailboxes, [key for key, verdict in judged if verdict.good]) for form in _formats(keys)]
    reaching = sorted((offer for offer in offers if offer.mailboxes), key=lambda offer: -len(offer.mailboxes))
    wanted = _preferred(keys)
    reaching.sort(key=lambda offer: offer.form is not wanted)
    if not reaching:
        return _why_not(team, judged)
    return next((offer for offer in reaching if _signs(own, offer.form, now)), _unsigned(own, reaching[0].form, now))


def can_sign(own: OwnKeys, form: KeyFormat, now: datetime) -> KeyVerdict:
    """Whether the node can sign in a format at ``now``, and else why not."""
    key = own.of(form)
    if key is None:
        return KeyVerdict(KeyState.NO_ENCRYPTION, say("This node has no %(words)s key.", words=form.words))
    return judge_own(key.facts, now)


def _offer(form: KeyFormat, mailboxes: Sequence[str], good: Sequence[TeamKey]) -> Protection:
    """What keys of one format reach: each good key of it is encrypted for."""
    keys = tuple(key for key in good if key.facts.format is form)
    reached = tuple(box for box in mailboxes if any(serves(key, box) for key in keys))
    return Protection(form, reached, keys, tuple(box for box in mailboxes if box not in reached))


def _formats(keys: Sequence[TeamKey]) -> list[KeyFormat]:
    return [form for form in KeyFormat if any(key.facts.format is form for key in keys)]


def _preferred(keys: Sequence[TeamKey]) -> KeyFormat | None:
    """What the team said last."""
    said = [key for key in keys if key.preferred]
    return max(said, key=lambda key: key.recorded).facts.format if said else None


def _signs(own: OwnKeys, form: KeyFormat | None, now: datetime) -> bool:
    return form is not None and can_sign(own, form, now).good


def _unsigned(own: OwnKeys, form: KeyFormat | None, now: datetime) -> SealingRefusal:
    why = can_sign(own, form, now).why if form else ""
    words = say("It must be signed, and cannot be. %(why)s See 'tocsin keys node-show'.", why=why)
    return SealingRefusal(Obstacle.NODE_KEY, words)


def _why_not(team: Team, judged: Sequence[tuple[TeamKey, KeyVerdict]]) -> SealingRefusal:
    """The reason that the newest key gives, and in words those of all."""
    if not judged:
        return SealingRefusal(Obstacle.NO_KEY, say("It must be encrypted, and %(key)s has no key.", key=team.key))
    key, newest = max(judged, key=lambda pair: pair[0].recorded)
    each = [
        say("%(words)s key %(key)s: %(why)s", words=one.facts.format.words, key=one.facts.fingerprint, why=verdict.why)
        for one, verdict in judged
    ]
    return SealingRefusal(
        newest.state,
        say(
            "It must be encrypted, and no key of %(key)s can be used. %(judged)s",
            key=team.key,
            judged=join_sentences(" ", each),
        ),
        key,
    )
