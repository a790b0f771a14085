"""Which assertions hold: one pure rule, asked by reading, routing, history and conflicts alike.

A recorded decision beats what persons said, and that beats imports. In detail (docs/design/assertions.md has why):

1. Of the teams that claim to be responsible for a value that was decided, those of the decision hold, whatever else
   says; the others are overruled.
2. An import's claim is overruled when a person said that the value, or what it lies in, is not that team's, or said who
   answers for it and named other teams. What was said of the narrowest such network or domain counts.
3. An import that gives a team another role than a person did for the same value is overruled.
4. Nothing holds for a team that a person archived; its words on others still do.
5. Two persons overrule each other only by a decision. A claim only to be informed is overruled by a denial and by 3.

A denial reaches into what it names, and so does a claim, unless it was said to stand ``beside`` imports; such a claim
is not among the words here. A decision reaches no further than the value itself.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date

import numpy as np

from tocsin.directory.model import DirectoryRule, ResponsibilityRole, RuleKind
from tocsin.node.sentences import say

PERSON = "person:"  # begins the source of what a person said by command
DECISION = "decision:"  # begins the source of what was decided
BY_TEAM = "said by the team itself"  # the reason of what people of a team say of it on its portal
MAILBOX = "mailbox"  # a kind beside those of rules


@dataclass(frozen=True, slots=True)
class Assertion:
    """A person's word on one team and one value; ``role`` None: not theirs. ``kind``: a rule's, or ``mailbox``."""

    team_id: int
    kind: str
    value: str
    role: ResponsibilityRole | None
    said_by: str
    day: date
    reason: str = ""


@dataclass(frozen=True, slots=True)
class RecordedDecision:
    """A recorded decision: ``teams`` hold the value; ``against`` claimed it then, and do not."""

    number: int
    kind: str
    value: str
    teams: frozenset[int]
    against: frozenset[int]
    said_by: str
    day: date
    reason: str = ""


@dataclass(frozen=True, slots=True)
class TeamArchive:
    """A person's word that a team is archived: nothing is routed to it."""

    said_by: str
    day: date
    reason: str = ""


@dataclass(frozen=True, slots=True)
class PersonAssertions:
    """All that persons said and decided, as it stands; ``archived``: by the number of the team."""

    said: tuple[Assertion, ...] = ()
    decided: tuple[RecordedDecision, ...] = ()
    archived: Mapping[int, TeamArchive] = field(default_factory=dict)

    def __bool__(self) -> bool:
        """Whether anybody said anything."""
        return bool(self.said or self.decided or self.archived)


@dataclass(frozen=True, slots=True)
class MailboxClaim:
    """An assertion: this mailbox is that team's. The fields beside are those of a ``DirectoryRule``.

    ``purpose`` is what its source states that it is for, as in ``facts.Purpose``; empty where it states nothing.
    """

    team_id: int
    address: str
    source: str
    as_of: date | None = None
    confidence: int | None = None
    said_by: str = ""
    purpose: str = ""
    overruled: str = ""


def settle(rules: Iterable[DirectoryRule], words: PersonAssertions) -> tuple[list[DirectoryRule], list[DirectoryRule]]:
    """The rules that hold, with those that decisions make; and the overruled ones, each with the word that beats it.

    ``rules`` have all that is said now, by imports and persons.
    """
    rules = list(rules)
    if not words:
        return rules, []
    holding: list[DirectoryRule] = []
    overruled: list[DirectoryRule] = []
    made = [rule for one in words.decided for rule in _decided_rules(one)]
    for rule, around in zip([*rules, *made], [*_around(rules, _grounds(words)), *((),) * len(made)], strict=True):
        archive = words.archived.get(rule.team_id)
        why = _is_archived(archive) if archive else _why_not(rule, around) if around else ""
        if why:
            overruled.append(replace(rule, overruled=why))
        else:
            holding.append(rule)
    return holding, overruled


def settle_mailboxes(
    claims: Iterable[MailboxClaim], words: PersonAssertions
) -> tuple[list[MailboxClaim], list[MailboxClaim]]:
    """The mailboxes that hold, and those that a person denied or that a decision gave to another team."""
    denied = {(one.team_id, one.value): one for one in words.said if one.kind == MAILBOX and one.role is None}
    decided = {one.value: one for one in words.decided if one.kind == MAILBOX}
    holding: list[MailboxClaim] = []
    overruled: list[MailboxClaim] = []
    for claim in claims:
        decision, denial = decided.get(claim.address), denied.get((claim.team_id, claim.address))
        if decision and claim.team_id not in decision.teams:
            overruled.append(replace(claim, overruled=_otherwise(decision)))
        elif denial and not decision and not is_person(claim.source):
            overruled.append(replace(claim, overruled=_not_theirs(denial, "it")))
        else:
            holding.append(claim)
    return holding, overruled


def is_person(source: str) -> bool:
    """Whether a person said it by command, rather than an import."""
    return source.startswith(PERSON)


def strength(source: str) -> int:
    """0 for a decision, 1 for a person's word, 2 for an import: of one team's equal rules the first is shown."""
    return 0 if source.startswith(DECISION) else 1 if is_person(source) else 2


def name_of(kind: str, value: str) -> str:
    """What a value names: ``.org`` and ``org`` are one domain."""
    return value.removeprefix(".") if kind == RuleKind.DOMAIN else value


@dataclass(slots=True)
class _Ground:
    """What persons said of one value, by team; and what was decided of it."""

    name: str
    said: dict[int, Assertion] = field(default_factory=dict)
    answers: list[Assertion] = field(default_factory=list)
    decided: RecordedDecision | None = None


_Grounds = Mapping[str, Mapping[str, _Ground]]


def _grounds(words: PersonAssertions) -> _Grounds:
    """By kind and name, the values of which somebody said something."""
    found: dict[str, dict[str, _Ground]] = {kind: {} for kind in RuleKind}

    def ground(one: Assertion | RecordedDecision) -> _Ground:
        name = name_of(one.kind, one.value)
        return found[one.kind].setdefault(name, _Ground(name))

    for decided in words.decided:
        if decided.kind != MAILBOX:
            ground(decided).decided = decided
    for said in words.said:
        if said.kind != MAILBOX:
            ground(said).said.setdefault(said.team_id, said)
        if said.kind != MAILBOX and said.role is ResponsibilityRole.RESPONSIBLE:
            ground(said).answers.append(said)
    return found


def _why_not(rule: DirectoryRule, around: Sequence[_Ground]) -> str:
    """Which word beats the rule, or an empty text; ``around``: the grounds that hold its value, narrowest first."""
    return next((why for why in (_verdict(rule, ground) for ground in around) if why is not None), "")


def _verdict(rule: DirectoryRule, ground: _Ground) -> str | None:
    """Which word on this ground beats the rule; an empty text: it vouches for it; None: it says nothing of it."""
    decided, own, answers = ground.decided, ground.said.get(rule.team_id), rule.role is ResponsibilityRole.RESPONSIBLE
    exact = ground.name == name_of(rule.kind, rule.value)
    if decided and answers and (exact or rule.team_id in decided.teams):
        return "" if rule.team_id in decided.teams else _otherwise(decided)
    if is_person(rule.source):
        return ""
    if own and own.role is None:
        return _not_theirs(own, _thing(own))
    if own and exact and own.role is not rule.role:
        return say("%(who)s said on %(day)s that they are %(role)s%(because)s", role=own.role, **_words(own))
    if answers and ground.answers and not (own and own.role is ResponsibilityRole.RESPONSIBLE):
        said = ground.answers[0]
        thing = _thing(said)
        return say("%(who)s said on %(day)s who answers for %(thing)s%(because)s", thing=thing, **_words(said))
    return "" if own and own.role is rule.role else None


def _is_archived(one: TeamArchive) -> str:
    return say("%(who)s archived the team on %(day)s%(because)s", **_words(one))


def _otherwise(one: RecordedDecision) -> str:
    return say("%(who)s decided otherwise on %(day)s%(because)s", **_words(one))


def _not_theirs(one: Assertion, what: str) -> str:
    return say("%(who)s said on %(day)s that %(what)s is not theirs%(because)s", what=what, **_words(one))


def _words(one: Assertion | RecordedDecision | TeamArchive) -> dict[str, object]:
    """Who said it, when, and why, for a sentence."""
    return {"who": one.said_by or "a person", "day": one.day, "because": f" ({one.reason})" if one.reason else ""}


def _thing(one: Assertion) -> str:
    return f"AS{one.value}" if one.kind == RuleKind.ASN else one.value


def _decided_rules(one: RecordedDecision) -> Iterator[DirectoryRule]:
    if one.kind != MAILBOX:
        for team in sorted(one.teams):
            source = f"{DECISION}{one.number}"
            yield DirectoryRule(
                team, RuleKind(one.kind), one.value, ResponsibilityRole.RESPONSIBLE, source, one.day, None, one.said_by
            )


def _around(rules: Sequence[DirectoryRule], grounds: _Grounds) -> Iterator[Sequence[_Ground]]:
    """For each rule the grounds that hold its value, narrowest first."""
    prefixes = _around_prefixes(rules, grounds[RuleKind.PREFIX])
    for place, rule in enumerate(rules):
        known = grounds[rule.kind]
        if not known:
            yield ()
        elif rule.kind is RuleKind.PREFIX:
            yield prefixes.get(place, ())
        elif rule.kind is RuleKind.DOMAIN:
            yield _suffixes(name_of(rule.kind, rule.value), known)
        else:
            yield (known[rule.value],) if rule.value in known else ()


def _suffixes(name: str, known: Mapping[str, _Ground]) -> list[_Ground]:
    found = []
    while name:
        if name in known:
            found.append(known[name])
        name = name.partition(".")[2]
    return found


def _around_prefixes(rules: Sequence[DirectoryRule], known: Mapping[str, _Ground]) -> dict[int, list[_Ground]]:
    """By the place of a rule, the grounds that hold its network; only for rules that lie in one."""
    import polars as pl

    from tocsin.networks import flatten_cover, parse_networks

    if not known:
        return {}
    grounds = list(known.values())
    hi, lo, length, _ = parse_networks(pl.Series([ground.name for ground in grounds], dtype=pl.String))
    cover, lengths = flatten_cover(hi, lo, length), length.tolist()
    places = [place for place, rule in enumerate(rules) if rule.kind is RuleKind.PREFIX]
    hi, lo, length, _ = parse_networks(pl.Series([rules[place].value for place in places], dtype=pl.String))
    nearest = cover.table.lookup(hi, lo)
    found: dict[int, list[_Ground]] = {}
    for row in np.flatnonzero(nearest >= 0).tolist():
        at, chain = int(nearest[row]), []
        while at >= 0:
            if lengths[at] <= length[row]:
                chain.append(grounds[at])
            at = int(cover.parent[at])
        if chain:
            found[places[row]] = chain
    return found
