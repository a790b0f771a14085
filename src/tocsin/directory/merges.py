"""Teams that are one: offered with reasons, merged only by a person, and merged in a way that can be undone.

A merge is a row that says "this team is that one". What is said of the one then holds for the other; nothing is moved,
so an import that speaks of it goes on to land there, and undoing the merge gives everything back.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import combinations
from math import prod
from typing import NamedTuple, TypeAlias

from sqlalchemy import select
from sqlalchemy.orm import Session

from tocsin.directory.effective import EffectiveAssertions, read_effective
from tocsin.directory.model import DirectoryRule, ResponsibilityRole, RuleKind, Team, TeamKind
from tocsin.directory.organisation_names import comparable, skeleton
from tocsin.directory.person_statements import read_line, renew_version
from tocsin.directory.precedence import MailboxClaim, name_of, strength
from tocsin.directory.queries import find_team, own_number, read_teams, team_keys
from tocsin.directory.tables import MergeRefusalRow, MergeRow, TeamRow
from tocsin.node.errors import ConflictError, NotFoundError
from tocsin.node.records import AuditAction, Database, audit
from tocsin.node.sentences import say

_ENOUGH = 40  # of 100: less is no reason to ask a person
_CROWD = 20  # more teams with the same mailbox or AS say nothing about each other
_FEW = 5
_DOUBT = 0.6
_IMPORT = strength("")
_Pair: TypeAlias = tuple[int, int]


class Likeness(NamedTuple):
    """One thing that two teams have in common: what, and how much it says, 0 to 100.

    ``warning`` says why they may just look alike.
    """

    pair: _Pair
    words: str
    weight: int
    warning: str = ""


@dataclass(frozen=True)
class MergeCandidate:
    """Two teams that may be one: ``keep`` is the one that was known earlier. ``score``: 0 to 100.

    ``warning`` says why they may just look alike; it is empty otherwise.
    """

    keep: str
    merge: str
    names: tuple[str, str]
    score: int
    reasons: tuple[str, ...]
    warning: str = ""


@dataclass(frozen=True)
class TeamMerge:
    """A merge that was recorded or undone: ``team`` is ``into``."""

    team: str
    into: str
    said_by: str
    reason: str
    recorded: datetime
    version: str = ""


def merge_candidates(
    found: EffectiveAssertions, teams: Sequence[Team], apart: Iterable[_Pair] = ()
) -> list[MergeCandidate]:
    """Pairs of teams that may be one, likeliest first; ``apart`` are pairs that a person said are not."""
    refused, by_id, sources = set(apart), {team.id: team for team in teams}, _sources(found)
    common: dict[_Pair, list[Likeness]] = defaultdict(list)
    for likeness in (*_names(teams), *_look_alikes(teams), *_mailboxes(teams), *_claims(found)):
        if likeness.pair not in refused:
            common[likeness.pair].append(likeness)
    offers = (
        _candidate(by_id[one], by_id[other], likenesses, sources[one] & sources[other])
        for (one, other), likenesses in common.items()
    )
    return sorted((one for one in offers if one.score >= _ENOUGH), key=lambda one: (-one.score, one.keep, one.merge))


def read_candidates(database: Database) -> list[MergeCandidate]:
    """The pairs of teams that a person should look at, likeliest first."""
    with database.reading() as session:
        found = read_effective(session)
        merged = found.merged
        pairs = session.execute(select(MergeRefusalRow.one_id, MergeRefusalRow.other_id))
        apart = [_pair(merged.get(one, one), merged.get(other, other)) for one, other in pairs]
        teams = read_teams(session, found)
    return merge_candidates(found, teams, apart)


def read_merges(database: Database) -> list[TeamMerge]:
    """The merges that stand, in the order in which they were recorded."""
    with database.reading() as session:
        keys = team_keys(session)
        rows = session.scalars(select(MergeRow).where(MergeRow.withdrawn.is_(None)).order_by(MergeRow.id))
        return [_merge(row, keys) for row in rows]


def merge_teams(
    database: Database, keep: str, merge: str, *, said_by: str, reason: str, actor: str, now: datetime
) -> TeamMerge:
    """Record that the team ``merge`` is the team ``keep``: what is said of it holds for ``keep`` from now on.

    Raises:
        NotFoundError: there is no such team.
        ConflictError: they are one already.
        UsageError: the name or the reason cannot be taken.

    """
    said_by, reason = read_line("--said-by", said_by, needed=True), read_line("--reason", reason, needed=True)
    with database.begin() as session:
        version = renew_version(session)
        into, team = find_team(session, keep), find_team(session, merge)
        if into == team:
            raise ConflictError(
                say("'%(keep)s' and '%(merge)s' are one team already.", keep=keep, merge=merge),
                hint=say("Choose two different teams."),
            )
        row = MergeRow(team_id=team, into_id=into, said_by=said_by, reason=reason, recorded=now)
        session.add(row)
        _audit(session, AuditAction.TEAM_MERGED, team, into, actor=actor, now=now)
        return replace(_merge(row, team_keys(session)), version=version)


def unmerge_team(database: Database, key: str, *, said_by: str, actor: str, now: datetime) -> TeamMerge:
    """Undo the merge of a team, named by its own key or UUID: what is said of it is its own again.

    Raises:
        NotFoundError: there is no such team, or it is not merged into another.
        UsageError: the name cannot be taken.

    """
    read_line("--said-by", said_by, needed=True)
    with database.begin() as session:
        version = renew_version(session)
        query = select(MergeRow).where(MergeRow.team_id == own_number(session, key), MergeRow.withdrawn.is_(None))
        row = session.scalar(query)
        if row is None:
            raise NotFoundError(
                f"'{key}' is not merged into another team.", hint="'tocsin directory merges --done' lists merges."
            )
        row.withdrawn = now
        _audit(session, AuditAction.TEAM_UNMERGED, row.team_id, row.into_id, actor=actor, now=now)
        return replace(_merge(row, team_keys(session)), version=version)


def keep_apart(
    database: Database, one: str, other: str, *, said_by: str, reason: str, actor: str, now: datetime
) -> tuple[str, str]:
    """Record that two teams are not one, so that they are not offered again; their keys.

    Raises:
        NotFoundError: there is no such team.
        ConflictError: they are merged.
        UsageError: the name or the reason cannot be taken.

    """
    said_by, reason = read_line("--said-by", said_by, needed=True), read_line("--reason", reason, needed=True)
    with database.begin() as session:
        pair = _pair(find_team(session, one), find_team(session, other))
        keys = team_keys(session)
        if pair[0] == pair[1]:
            raise ConflictError(
                say("'%(one)s' and '%(other)s' are one team.", one=one, other=other),
                hint="'tocsin directory unmerge' undoes it.",
            )
        known = select(MergeRefusalRow).where(MergeRefusalRow.one_id == pair[0], MergeRefusalRow.other_id == pair[1])
        if session.scalar(known) is None:
            row = MergeRefusalRow(one_id=pair[0], other_id=pair[1], said_by=said_by, reason=reason, recorded=now)
            session.add(row)
            _audit(session, AuditAction.MERGE_REFUSED, *pair, actor=actor, now=now)
        return keys[pair[0]], keys[pair[1]]


def _merge(row: MergeRow, keys: Mapping[int, str]) -> TeamMerge:
    return TeamMerge(keys[row.team_id], keys[row.into_id], row.said_by, row.reason, row.recorded)


def _audit(session: Session, word: AuditAction, team: int, into: int, *, actor: str, now: datetime) -> None:
    of, other = (str(session.get_one(TeamRow, number).uuid) for number in (team, into))
    audit(session, word, at=now, actor=actor, subject=f"team:{of}", detail={"team": other})


def _candidate(one: Team, other: Team, likenesses: Sequence[Likeness], together: AbstractSet[str]) -> MergeCandidate:
    score = 100 * (1 - prod(1 - likeness.weight / 100 for likeness in likenesses))
    reasons = [likeness.words for likeness in likenesses]
    if one.country and other.country and one.country != other.country:
        score *= _DOUBT
        reasons.append(say("but %(country)s is not %(country2)s", country=one.country, country2=other.country))
    warning = next((likeness.warning for likeness in likenesses if likeness.warning), "")
    if together and not warning:
        score *= _DOUBT
        reasons.append(say("but the source '%(source)s' names both", source=min(together)))
    return MergeCandidate(one.key, other.key, (one.name, other.name), round(score), tuple(reasons), warning)


def _names(teams: Sequence[Team]) -> Iterator[Likeness]:
    """Teams of the same name, or of the same organisation."""
    by_name: dict[str, dict[int, Team]] = defaultdict(dict)
    for team in teams:
        for text in (team.name, team.organisation):
            if text:
                by_name[comparable(text)][team.id] = team
    for members in by_name.values():
        for one, other in _pairs(members):
            first, second = members[one], members[other]
            same = comparable(first.name) == comparable(second.name)
            named = TeamKind.ORGANISATION in {first.kind, second.kind} or first.kind is second.kind
            words = say("the same name") if same else say("the same organisation")
            yield Likeness((one, other), words, 60 if same else 45 if named else 25)


def _look_alikes(teams: Sequence[Team]) -> Iterator[Likeness]:
    """Teams whose names are written with other letters and look the same."""
    by_look: dict[str, dict[int, str]] = defaultdict(dict)
    for team in teams:
        by_look[skeleton(comparable(team.name))][team.id] = comparable(team.name)
    warning = say("the names only look alike: other characters; one may pose as the other")
    for members in by_look.values():
        for one, other in _pairs(members):
            if members[one] != members[other]:
                yield Likeness((one, other), say("names that look alike"), 40, warning)


def _mailboxes(teams: Sequence[Team]) -> Iterator[Likeness]:
    by_address: dict[str, set[int]] = defaultdict(set)
    by_domain: dict[str, set[int]] = defaultdict(set)
    for team in teams:
        for address in team.mailboxes:
            by_address[address].add(team.id)
            by_domain[address.rpartition("@")[2]].add(team.id)
    for address, members in by_address.items():
        if len(members) <= _CROWD:
            yield from (
                Likeness(pair, say("the email address %(address)s", address=address), 50) for pair in _pairs(members)
            )
    for domain, members in by_domain.items():
        if len(members) <= _CROWD:
            yield from (
                Likeness(pair, say("email addresses at %(domain)s", domain=domain), 15) for pair in _pairs(members)
            )


def _claims(found: EffectiveAssertions) -> Iterator[Likeness]:
    """Teams that answer for the same AS or domain."""
    by_value: dict[tuple[RuleKind, str], set[int]] = defaultdict(set)
    for rule in found.rules:
        if rule.role is ResponsibilityRole.RESPONSIBLE and rule.kind in {RuleKind.ASN, RuleKind.DOMAIN}:
            by_value[rule.kind, name_of(rule.kind, rule.value)].add(rule.team_id)
    for (kind, value), members in by_value.items():
        if 1 < len(members) <= _CROWD:
            words = say("both answer for %(value)s", value=f"AS{value}" if kind is RuleKind.ASN else value)
            yield from (Likeness(pair, words, 40) for pair in _pairs(members))


def _sources(found: EffectiveAssertions) -> Mapping[int, AbstractSet[str]]:
    """The imports that say something of each team."""
    sources: dict[int, set[str]] = defaultdict(set)
    claims: list[DirectoryRule | MailboxClaim] = [*found.rules, *found.mailboxes]
    for claim in claims:
        if strength(claim.source) == _IMPORT:
            sources[claim.team_id].add(claim.source)
    return sources


def _pairs(members: Iterable[int]) -> Iterator[_Pair]:
    """All pairs of a few; of many, each with the first: when they are one, all are that one."""
    ordered = sorted(set(members))
    if len(ordered) <= _FEW:
        return combinations(ordered, 2)
    return ((ordered[0], other) for other in ordered[1:])


def _pair(one: int, other: int) -> _Pair:
    return min(one, other), max(one, other)
