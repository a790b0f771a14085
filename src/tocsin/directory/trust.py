"""Whether a team is vouched for as somebody needs it: a pure function of facts and a day, with its reasons."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

from tocsin.directory.facts import AttestationKind, Fact, FactKind, Status
from tocsin.node.sentences import join_sentences, say

_VOUCHING: Final = {Status.ACCREDITED.value, Status.CERTIFIED.value}
SOON: Final = timedelta(days=60)
"""How long before its end an attestation is shown as ending soon."""


@dataclass(frozen=True)
class AttestationReason:
    """One attestation and whether it counts on that day; ``words`` say which it is and why it does not."""

    kind: AttestationKind
    counts: bool
    words: str
    ends: date | None = None


@dataclass(frozen=True)
class TrustVerdict:
    """Whether all that is needed is attested; ``missing`` are the kinds that no counting attestation covers."""

    ok: bool
    missing: tuple[AttestationKind, ...]
    reasons: tuple[AttestationReason, ...]


def attested(facts: Iterable[Fact], kinds: Sequence[AttestationKind], at: date) -> TrustVerdict:
    """Whether every one of ``kinds`` is attested on the day ``at``; each receiver decides which it needs for what."""
    reasons = tuple(reason for reason in weigh(facts, at) if reason.kind in kinds)
    covered = {reason.kind for reason in reasons if reason.counts}
    missing = tuple(kind for kind in kinds if kind not in covered)
    return TrustVerdict(not missing, missing, reasons)


def judge_trust(facts: Iterable[Fact], needs: Mapping[str, Sequence[str]], at: date) -> dict[str, TrustVerdict]:
    """The verdict for each thing that needs attestations, as in the setting ``directory.needs``."""
    known = tuple(facts)
    return {what: attested(known, [AttestationKind(kind) for kind in kinds], at) for what, kinds in needs.items()}


def weigh(facts: Iterable[Fact], at: date) -> list[AttestationReason]:
    """Every attestation of a team, and every membership that is one: an accreditation or certification by a body."""
    found: list[AttestationReason] = []
    for fact in facts:
        if fact.kind is FactKind.ATTESTATION:
            found.append(_attestation(fact, at))
        elif fact.kind is FactKind.MEMBERSHIP and fact.get("status") in _VOUCHING:
            found.append(_membership(fact, at))
    return found


def _attestation(fact: Fact, at: date) -> AttestationReason:
    kind, ends = AttestationKind(fact.get("kind")), fact.day("expires")
    by = say("%(kind)s by %(value)s", kind=kind, value=fact.value)
    if kind is AttestationKind.SELF:
        by = say("declared by the team itself")
    scope = say(" for %(scope)s", scope=fact.get("scope")) if fact.get("scope") else ""
    words = join_sentences("", (by, scope, _end_words(ends, at), _said(fact)))
    return AttestationReason(kind, ends is None or at <= ends, words, ends)


def _membership(fact: Fact, at: date) -> AttestationReason:
    begins, ends = fact.day("since"), fact.day("until")
    counts = (begins is None or begins <= at) and (ends is None or at <= ends)
    by = say("%(kind)s by %(value)s", kind=fact.get("status"), value=fact.value)
    late = say(", only from %(begins)s", begins=begins) if begins and at < begins else ""
    words = join_sentences("", (by, late, _end_words(ends, at), _said(fact)))
    return AttestationReason(AttestationKind.ACCREDITATION, counts, words, ends)


def _end_words(ends: date | None, at: date) -> str:
    if ends is None:
        return ""
    return say(", expired on %(ends)s", ends=ends) if ends < at else say(", until %(ends)s", ends=ends)


def _said(fact: Fact) -> str:
    who = fact.said_by or fact.source
    return say(" (said by %(said_by)s)", said_by=who) if who else ""
