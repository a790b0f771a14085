"""The directory as it stands, or stood at a time, read from the records."""

import json
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cache
from uuid import UUID

from sqlalchemy import ColumnElement, Select, Text, cast, func, or_, select
from sqlalchemy.orm import Session

from tocsin.directory.effective import (
    DirectoryPart,
    EffectiveAssertions,
    archived_teams,
    merged_teams,
    plain_rows,
    read_effective,
)
from tocsin.directory.facts import ContactPurpose
from tocsin.directory.model import (
    AttachmentFormat,
    DigestInterval,
    Directory,
    DirectoryRule,
    Mute,
    MuteKind,
    RuleKind,
    Team,
    TeamKind,
)
from tocsin.directory.precedence import BY_TEAM, MAILBOX, MailboxClaim
from tocsin.directory.tables import DecisionRow, DenialRow, MailboxRow, MuteRow, TeamRow
from tocsin.directory.version import version_within
from tocsin.node.errors import NotFoundError
from tocsin.node.garbage import uncollected
from tocsin.node.records import Database, from_row

_KINDS = {kind.value: kind for kind in TeamKind}
_INTERVALS = {interval.value: interval for interval in DigestInterval}
_FORMATS = {form.value: form for form in AttachmentFormat}


def read_directory(database: Database, at: datetime | None = None) -> Directory:
    """All teams and the rules that hold, now or at a time, with the version of now.

    Of a time in the past, what was asserted and decided then; names and preferences of teams are those of now.
    """
    with uncollected(), database.reading() as session:
        version = version_within(session)
        found = read_effective(session, at=at)
        teams = read_teams(session, found, at=at)
        return Directory(version, tuple(teams), tuple(found.rules), tuple(found.overruled), found.merged)


def teams_by_id(database: Database, only: Collection[int] | None = None) -> dict[int, Team]:
    """Every team by its number; a merged team's number gives the team that it is now. No rule is read.

    ``only``: these teams alone, by all numbers that they have.
    """
    with uncollected(), database.reading() as session:
        merged = merged_teams(session)
        now = None if only is None else {merged.get(number, number) for number in only}
        found = read_effective(session, DirectoryPart(kind=MAILBOX, teams=now))
        teams = {team.id: team for team in read_teams(session, found, now)}
        return teams | {number: teams[into] for number, into in merged.items() if into in teams}


def read_assertions_on(
    database: Database, values: Mapping[str, Collection[str]], at: datetime | None = None
) -> Directory:
    """As `read_directory`, but only the rules on these values (by kind) and the teams that they name."""
    with database.reading() as session:
        version = version_within(session)
        found = read_effective(session, DirectoryPart(values=values), at)
        named = {rule.team_id for rule in (*found.rules, *found.overruled)}
        found = replace(found, mailboxes=read_effective(session, DirectoryPart(teams=named), at).mailboxes)
        teams = read_teams(session, found, named, at)
        return Directory(version, tuple(teams), tuple(found.rules), tuple(found.overruled), found.merged)


def read_team(database: Database, key: str) -> tuple[Team, tuple[DirectoryRule, ...]]:
    """One team and the rules that hold for it, by its key or UUID, or by those of a team merged into it.

    Raises:
        NotFoundError: there is no such team.

    """
    with database.reading() as session:
        number = find_team(session, key)
        found = read_effective(session, DirectoryPart(teams={number}))
        (team,) = read_teams(session, found, {number})
        return team, tuple(found.rules)


def read_overruled(database: Database, key: str) -> tuple[DirectoryRule, ...]:
    """What is said of a team and does not hold, since a person said or decided otherwise.

    Raises:
        NotFoundError: there is no such team.

    """
    with database.reading() as session:
        return tuple(read_effective(session, DirectoryPart(teams={find_team(session, key)})).overruled)


def list_teams(database: Database) -> list[tuple[Team, dict[RuleKind, int]]]:
    """Every team with the number of values of each kind that it has a rule for, by key."""
    with database.reading() as session:
        found = read_effective(session)
        teams = read_teams(session, found)
    counts: dict[int, dict[RuleKind, int]] = defaultdict(dict)
    values = {(rule.team_id, rule.kind, rule.value) for rule in found.rules}
    for (team_id, kind), count in Counter((team_id, kind) for team_id, kind, _ in values).items():
        counts[team_id][kind] = count
    return [(team, counts[team.id]) for team in sorted(teams, key=lambda team: team.key)]


def team_keys(session: Session) -> dict[int, str]:
    """The key of every team by its number, merged teams with them."""
    return {row.id: row.key for row in session.execute(select(TeamRow.id, TeamRow.key))}


def team_numbers(database: Database, named: str) -> frozenset[int]:
    """The number of the team with this key, else of those with this name, and of the teams merged into them."""
    wanted = named.strip().lower()
    with database.reading() as session:
        found = set(session.scalars(select(TeamRow.id).where(TeamRow.key == wanted)))
        found = found or set(session.scalars(select(TeamRow.id).where(func.lower(TeamRow.name) == wanted)))
        merged = merged_teams(session)
    teams = {merged.get(number, number) for number in found}
    return frozenset([*teams, *(number for number, into in merged.items() if into in teams)])


def team_names(session: Session, numbers: Collection[int]) -> dict[int, tuple[str, str]]:
    """The key and the name of each of these teams; of a merged team, those of the team that it is now."""
    merged = merged_teams(session)
    now = {number: merged.get(number, number) for number in numbers}
    rows = session.execute(select(TeamRow.id, TeamRow.key, TeamRow.name).where(TeamRow.id.in_(set(now.values()))))
    known = {number: (key, name) for number, key, name in rows}
    return {number: known[team] for number, team in now.items() if team in known}


def team_kinds(session: Session, numbers: Collection[int]) -> dict[int, str]:
    """The kind of each of these teams (`TeamKind`); of a merged team, that of the team that it is now."""
    merged = merged_teams(session)
    now = {number: merged.get(number, number) for number in numbers}
    known = dict(session.execute(select(TeamRow.id, TeamRow.kind).where(TeamRow.id.in_(set(now.values())))).all())
    return {number: known[team] for number, team in now.items() if team in known}


def names_by_key(session: Session, keys: Collection[str]) -> dict[str, str]:
    """The names of the teams with these keys, also of merged teams; at most some hundred keys."""
    rows = session.execute(select(TeamRow.key, TeamRow.name).where(TeamRow.key.in_(set(keys))))
    return {row.key: row.name for row in rows}


def teams_called(session: Session, text: str) -> set[int]:
    """The numbers of the team with this key, else of those with this text in their name, merged teams with them."""
    wanted = text.strip()
    found = set(session.scalars(select(TeamRow.id).where(TeamRow.key == wanted.lower())))
    if not found:
        found = set(session.scalars(select(TeamRow.id).where(TeamRow.name.icontains(wanted, autoescape=True))))
    return found | {number for number, into in merged_teams(session).items() if into in found}


def teams_without_mailbox(session: Session, among: Select[int]) -> set[int]:
    """The teams of these numbers that have no mailbox, without archived ones.

    A merged team has those of the team that it is now.
    """
    # Nearly all have one of which persons said nothing: only the others are worked out. Each number is looked up once.
    team = among.distinct().subquery().c[0]
    said = select(DenialRow.value).where(DenialRow.kind == MAILBOX, DenialRow.withdrawn.is_(None))
    decided = select(DecisionRow.value).where(DecisionRow.kind == MAILBOX, DecisionRow.withdrawn.is_(None))
    has = select(MailboxRow.id).where(MailboxRow.team_id == team, MailboxRow.withdrawn.is_(None))
    rest = set(session.scalars(select(team).where(~has.where(MailboxRow.address.not_in(said.union(decided))).exists())))
    if not rest:
        return rest
    merged = merged_teams(session)
    archived = archived_teams(session, merged)
    now = {number: merged.get(number, number) for number in rest if merged.get(number, number) not in archived}
    claims = read_effective(session, DirectoryPart(teams=set(now.values()))).mailboxes
    reached = {claim.team_id for claim in claims}
    return {number for number, team in now.items() if team not in reached}


@dataclass(frozen=True, slots=True)
class GivenUp:
    """A network, AS, domain or country that a team said is not its own (any more), and when."""

    team_id: int
    kind: RuleKind
    value: str
    at: datetime


def given_up(session: Session) -> list[GivenUp]:
    """What teams gave up on their portal and nobody gave back, the newest first."""
    said = select(DenialRow).where(
        DenialRow.withdrawn.is_(None), DenialRow.kind != MAILBOX, DenialRow.reason == BY_TEAM
    )
    rows = session.scalars(said.order_by(DenialRow.id.desc()))
    return [GivenUp(row.team_id, RuleKind(row.kind), row.value, row.recorded) for row in rows]


class _TeamsByNumber(dict[int, str]):
    """Keys of teams by number, each read when it is first asked for."""

    def __init__(self, session: Session) -> None:
        super().__init__()
        self._session = session

    def __missing__(self, number: int) -> str:
        key = self[number] = self._session.scalars(select(TeamRow.key).where(TeamRow.id == number)).one()
        return key


def keys_asked(session: Session) -> Mapping[int, str]:
    """As `team_keys`, where only a few are asked for, within the transaction."""
    return _TeamsByNumber(session)


def find_team(session: Session, key: str) -> int:
    """The number of a team by its key or UUID; of a merged team, that of the team that it is now.

    Raises:
        NotFoundError: there is no such team.

    """
    number = own_number(session, key)
    return merged_teams(session).get(number, number)


def own_number(session: Session, key: str) -> int:
    """The number of a team by its key or UUID, also where it is merged into another.

    Raises:
        NotFoundError: there is no such team.

    """
    wanted = key.strip().lower()
    number = session.scalar(select(TeamRow.id).where(or_(TeamRow.key == wanted, *_uuid_is(wanted))))
    if number is None:
        raise NotFoundError(f"No team '{key}' is in the directory.", hint="'tocsin directory list' shows all teams.")
    return number


def _uuid_is(text: str) -> list[ColumnElement[bool]]:
    try:
        return [TeamRow.uuid == UUID(text)]
    except ValueError:
        return []


def read_teams(
    session: Session, found: EffectiveAssertions, only: Collection[int] | None = None, at: datetime | None = None
) -> list[Team]:
    """The teams with their mailboxes and mutes, those of merged teams with them."""
    mailboxes = _addresses(found.mailboxes)
    mutes: dict[int, list[Mute]] = defaultdict(list)
    for mute in session.scalars(select(MuteRow).order_by(MuteRow.id)):
        team = found.merged.get(mute.team_id, mute.team_id)
        mutes[team].append(Mute(MuteKind(mute.kind), mute.value, mute.until, mute.reason))
    # Few texts of formats are different, so each is read once.
    columns = [column for column in TeamRow.__table__.columns if column.name != "formats"]
    query = select(*columns, cast(TeamRow.formats, Text).label("formats")).order_by(TeamRow.id)
    if only is not None:
        query = query.where(TeamRow.id.in_(only))
    if at is not None:
        query = query.where(TeamRow.recorded <= at)
    return [
        from_row(
            Team,
            row,
            kind=_KINDS[row.kind],
            mailboxes=tuple(mailboxes.get(row.id, ())),
            interval=_INTERVALS[row.interval],
            formats=_formats(row.formats),
            mutes=tuple(mutes.get(row.id, ())),
        )
        for row in plain_rows(session, query)
        if row.id not in found.merged
    ]


@cache
def _formats(text: str) -> tuple[AttachmentFormat, ...]:
    return tuple(_FORMATS[word] for word in json.loads(text))


def _addresses(claims: Iterable[MailboxClaim]) -> Mapping[int, Iterable[str]]:
    """The addresses of each team, each once, in the order of the claims.

    One that is stated to be for reports of vulnerabilities alone gets no digests, unless the team has no other.
    """
    found: dict[int, dict[str, None]] = defaultdict(dict)
    apart: dict[int, dict[str, None]] = defaultdict(dict)
    for claim in claims:
        (apart if claim.purpose == ContactPurpose.VULNERABILITY else found)[claim.team_id][claim.address] = None
    return apart | found
