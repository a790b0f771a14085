"""Claims that contradict each other, found by one pure comparison of all that is said."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

import numpy as np

from tocsin.directory.decisions import read_ground
from tocsin.directory.effective import DirectoryPart, EffectiveAssertions, read_effective
from tocsin.directory.model import DirectoryRule, ResponsibilityRole, RuleKind
from tocsin.directory.precedence import DECISION, MAILBOX, MailboxClaim, RecordedDecision, is_person, name_of
from tocsin.directory.queries import keys_asked, team_keys
from tocsin.networks import flatten_cover, parse_networks
from tocsin.node.records import Database

MAILBOXES = "mailboxes"  # a kind of conflict: sources name different mailboxes for one team


class ConflictState(StrEnum):
    """How a conflict stands, from what needs somebody to what is normal."""

    OPEN = "open"
    REOPENED = "reopened"
    DECIDED = "decided"
    SAID = "said"
    NESTED = "nested"


STATES: Mapping[ConflictState, str] = {
    ConflictState.OPEN: "several teams claim it, and all are notified",
    ConflictState.REOPENED: "decided, but since then another team claims it, and is not notified",
    ConflictState.DECIDED: "decided by a person",
    ConflictState.SAID: "a person's word overrules an import",
    ConflictState.NESTED: "another team, from another source, claims a part of it, and is notified instead",
}


@dataclass(frozen=True, slots=True)
class ContestedAssertion:
    """One of the claims: who claims what, and where that comes from; ``overruled`` by which word, or empty."""

    team: str
    value: str
    source: str
    as_of: date | None
    confidence: int | None
    said_by: str
    overruled: str


@dataclass(frozen=True, slots=True)
class Conflict:
    """What several claim. ``kind`` is that of a rule, ``mailbox``, or ``mailboxes``; then ``value`` is a team's key."""

    kind: str
    value: str
    state: ConflictState
    claims: tuple[ContestedAssertion, ...]
    decision: RecordedDecision | None = None

    @property
    def teams(self) -> tuple[str, ...]:
        """The keys of the teams that claim it."""
        return tuple(sorted({claim.team for claim in self.claims}))


def read_conflicts(database: Database, *, nested: bool = False) -> list[Conflict]:
    """All conflicts: those that need somebody first, then by kind and value; with the nested ones when asked for."""
    with database.reading() as session:
        found, keys = read_effective(session), team_keys(session)
    return find_conflicts(found, keys, nested=nested)


def read_conflict(database: Database, value: str) -> Conflict | None:
    """How one value is contested, given as text; None where nobody differs on it.

    Raises:
        UsageError: it is no network, AS, domain, country or mailbox.

    """
    kind, canonical = read_ground(value)
    with database.reading() as session:
        found = read_effective(session, DirectoryPart(kind=kind, values={kind: [canonical]}))
        conflicts = find_conflicts(found, keys_asked(session))
    name = name_of(kind, canonical)
    return next((one for one in conflicts if (one.kind, name_of(one.kind, one.value)) == (kind, name)), None)


def find_conflicts(found: EffectiveAssertions, keys: Mapping[int, str], *, nested: bool = False) -> list[Conflict]:
    """The conflicts among all that is said; ``keys`` names every team."""
    said = [rule for rule in (*found.rules, *found.overruled) if rule.role is ResponsibilityRole.RESPONSIBLE]
    boxes = [*found.mailboxes, *found.mailboxes_overruled]
    decided = {(one.kind, name_of(one.kind, one.value)): one for one in found.words.decided}
    conflicts = [
        *_same_value(_by_value(said), decided, keys),
        *(_nested(found.rules, keys) if nested else ()),
        *_shared_mailboxes(boxes, decided, keys),
        *_different_mailboxes(found, keys),
    ]
    order = list(ConflictState)
    return sorted(conflicts, key=lambda one: (order.index(one.state), one.kind, one.value))


def _by_value(rules: Iterable[DirectoryRule]) -> Mapping[tuple[str, str], list[DirectoryRule]]:
    found: dict[tuple[str, str], list[DirectoryRule]] = defaultdict(list)
    for rule in rules:
        if not rule.source.startswith(DECISION):
            found[rule.kind, name_of(rule.kind, rule.value)].append(rule)
    return found


def _same_value(
    by_value: Mapping[tuple[str, str], Sequence[DirectoryRule]],
    decided: Mapping[tuple[str, str], RecordedDecision],
    keys: Mapping[int, str],
) -> Iterator[Conflict]:
    for (kind, name), rules in by_value.items():
        decision = decided.get((kind, name))
        state = _state(rules, decision)
        if state:
            yield Conflict(kind, rules[0].value, state, tuple(_claim(rule, keys) for rule in rules), decision)


def _state(
    claims: Sequence[DirectoryRule] | Sequence[MailboxClaim], decision: RecordedDecision | None
) -> ConflictState | None:
    """How the claims of one value stand to each other; None where they agree."""
    if decision:
        known = decision.teams | decision.against
        return ConflictState.DECIDED if all(one.team_id in known for one in claims) else ConflictState.REOPENED
    if len({one.team_id for one in claims if not one.overruled}) > 1:
        return ConflictState.OPEN
    return ConflictState.SAID if any(one.overruled for one in claims) else None


def _nested(rules: Iterable[DirectoryRule], keys: Mapping[int, str]) -> Iterator[Conflict]:
    """Prefixes and domains inside those of other teams, where no source says both."""
    holding = _by_value(rule for rule in rules if rule.role is ResponsibilityRole.RESPONSIBLE)
    prefixes = [name for kind, name in holding if kind is RuleKind.PREFIX]
    domains = [name for kind, name in holding if kind is RuleKind.DOMAIN]
    for kind, above in ((RuleKind.PREFIX, _wider(prefixes)), (RuleKind.DOMAIN, _suffixes(domains))):
        for inner, outer in above.items():
            claims, around = holding[kind, inner], holding[kind, outer]
            if _disjoint(claims, around, lambda rule: rule.team_id) and _disjoint(
                claims, around, lambda one: one.source
            ):
                every = tuple(_claim(rule, keys) for rule in (*claims, *around))
                yield Conflict(kind, claims[0].value, ConflictState.NESTED, every)


def _wider(names: Sequence[str]) -> dict[str, str]:
    """For each network the narrowest other one that holds it, where there is one."""
    import polars as pl

    hi, lo, length, _ = parse_networks(pl.Series(names, dtype=pl.String))
    parent = flatten_cover(hi, lo, length).parent
    return {names[place]: names[parent[place]] for place in np.flatnonzero(parent >= 0).tolist()}


def _suffixes(names: Sequence[str]) -> dict[str, str]:
    """For each domain the longest other one that holds it, where there is one."""
    known, found = set(names), {}
    for name in names:
        above = name.partition(".")[2]
        while above and above not in known:
            above = above.partition(".")[2]
        if above:
            found[name] = above
    return found


def _disjoint(
    one: Iterable[DirectoryRule], other: Iterable[DirectoryRule], of: Callable[[DirectoryRule], object]
) -> bool:
    return {of(rule) for rule in one}.isdisjoint(of(rule) for rule in other)


def _shared_mailboxes(
    boxes: Iterable[MailboxClaim], decided: Mapping[tuple[str, str], RecordedDecision], keys: Mapping[int, str]
) -> Iterator[Conflict]:
    """Mailboxes that different sources give to different teams; one source that gives it to two means to."""
    by_address: dict[str, list[MailboxClaim]] = defaultdict(list)
    for box in boxes:
        by_address[box.address].append(box)
    for address, claims in by_address.items():
        decision = decided.get((MAILBOX, address))
        state = _state(claims, decision)
        teams = {(claim.source, claim.team_id) for claim in claims}
        if state is ConflictState.OPEN and len({source for source, _ in teams}) < len(teams):
            continue
        if state:
            yield Conflict(MAILBOX, address, state, tuple(_claim(claim, keys) for claim in claims), decision)


def _different_mailboxes(found: EffectiveAssertions, keys: Mapping[int, str]) -> Iterator[Conflict]:
    """Teams for which two imports name no mailbox in common, and of whose mailboxes no person said anything."""
    spoken = {said.team_id for said in found.words.said if said.kind == MAILBOX}
    by_team: dict[int, list[MailboxClaim]] = defaultdict(list)
    for box in found.mailboxes:
        if box.team_id not in spoken and not is_person(box.source):
            by_team[box.team_id].append(box)
    for team, boxes in by_team.items():
        by_source: dict[str, set[str]] = defaultdict(set)
        for box in boxes:
            by_source[box.source].add(box.address)
        if sum(map(len, by_source.values())) == len({box.address for box in boxes}) and len(by_source) > 1:
            claims = tuple(_claim(box, keys) for box in boxes)
            yield Conflict(MAILBOXES, keys[team], ConflictState.OPEN, claims)


def _claim(claim: DirectoryRule | MailboxClaim, keys: Mapping[int, str]) -> ContestedAssertion:
    value = claim.address if isinstance(claim, MailboxClaim) else claim.value
    return ContestedAssertion(
        keys[claim.team_id], value, claim.source, claim.as_of, claim.confidence, claim.said_by, claim.overruled
    )
