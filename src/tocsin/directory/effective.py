"""What is said at a time: assertions, persons' words, decisions and merges, as rows of that time.

``at`` None is now. A row stands at a time when it was recorded by then and not yet withdrawn.
"""

from collections.abc import Collection, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final, TypeAlias

from sqlalchemy import ColumnElement, Executable, Row, and_, func, or_, select
from sqlalchemy.orm import Session

from tocsin.directory.facts import FactKind
from tocsin.directory.model import DirectoryRule, ResponsibilityRole, RuleKind
from tocsin.directory.precedence import (
    MAILBOX,
    PERSON,
    Assertion,
    MailboxClaim,
    PersonAssertions,
    RecordedDecision,
    TeamArchive,
    settle,
    settle_mailboxes,
)
from tocsin.directory.tables import ConstituencyRow, DecisionRow, DenialRow, FactRow, MailboxRow, MergeRow

OVER, BESIDE = "over", "beside"
ARCHIVED = "archived"
"""The name of the fact that a team is archived; its value says why."""

_MOST = 10_000  # values in one query; PostgreSQL takes 65,535, SQLite often 32,766
_Row: TypeAlias = "type[ConstituencyRow | MailboxRow | DenialRow | DecisionRow | MergeRow | FactRow]"
_KINDS, _ROLES = {kind.value: kind for kind in RuleKind}, {role.value: role for role in ResponsibilityRole}


@dataclass(frozen=True)
class EffectiveAssertions:
    """What holds of a part of the directory at one time, and what is overruled; teams by number, merges applied.

    ``words`` are all persons' words and decisions of that time, also beyond the part.
    """

    rules: list[DirectoryRule]
    overruled: list[DirectoryRule]
    mailboxes: list[MailboxClaim]
    mailboxes_overruled: list[MailboxClaim]
    words: PersonAssertions
    merged: Mapping[int, int]


def plain_rows(session: Session, query: Executable) -> Sequence[Row[*tuple[Any, ...]]]:
    """The rows of a query of columns, past the part of the session that makes objects: half the time of many rows."""
    session.flush()
    return session.connection().execute(query).all()


@dataclass(frozen=True)
class DirectoryPart:
    """A part of the directory: assertions on these teams, of this kind, on these values by kind; None: whichever."""

    teams: AbstractSet[int] | None = None
    kind: str | None = None
    values: Mapping[str, Collection[str]] | None = None


def read_effective(
    session: Session, part: DirectoryPart | None = None, at: datetime | None = None
) -> EffectiveAssertions:
    """What holds of a part of the directory."""
    part = part or DirectoryPart()
    merged = merged_teams(session, at)
    words = words_at(session, merged, at)
    rules, overruled = settle(_rules(session, part, merged, at), words)
    if part != DirectoryPart():  # decisions speak of everything
        rules = [rule for rule in rules if _is_in(rule, part)]
    mailboxes, others = settle_mailboxes(_mailboxes(session, part, merged, at), words)
    return EffectiveAssertions(rules, overruled, mailboxes, others, words, merged)


def stands(row: _Row, at: datetime | None) -> ColumnElement[bool]:
    """The condition that a row stands at a time."""
    if at is None:
        return row.withdrawn.is_(None)
    return and_(row.recorded <= at, or_(row.withdrawn.is_(None), row.withdrawn > at))


def on_values(
    row: type[ConstituencyRow | DenialRow | DecisionRow], values: Mapping[str, Collection[str]]
) -> ColumnElement[bool]:
    """The condition that a row is about one of these values; of more than a query can name, all of their kinds."""
    if sum(map(len, values.values())) > _MOST:
        return row.kind.in_(list(values))
    return or_(*(and_(row.kind == kind, row.value.in_(of)) for kind, of in values.items()))


def merged_teams(session: Session, at: datetime | None = None) -> dict[int, int]:
    """For each team that is merged into another, the team that it is in the end."""
    query = select(MergeRow.team_id, MergeRow.into_id).where(stands(MergeRow, at)).order_by(MergeRow.id)
    into: dict[int, int] = {row.team_id: row.into_id for row in session.execute(query)}
    return {team: _end(team, into) for team in into}


NAMED_ROLES: Final = (
    select(ConstituencyRow.team_id, ConstituencyRow.role).where(stands(ConstituencyRow, None)).distinct()
)
"""In which roles the directory names teams for anything: number of the team, and role."""


def words_at(session: Session, merged: Mapping[int, int], at: datetime | None = None) -> PersonAssertions:
    """All that persons said and decided."""
    rule, box = ConstituencyRow, MailboxRow
    said = [
        Assertion(merged.get(row.team_id, row.team_id), row.kind, row.value, _ROLES[row.role], *_saying(row))
        for row in session.scalars(select(rule).where(rule.word == OVER, stands(rule, at)).order_by(rule.id))
    ]
    said += [
        Assertion(
            merged.get(row.team_id, row.team_id), MAILBOX, row.address, ResponsibilityRole.RESPONSIBLE, *_saying(row)
        )
        for row in session.scalars(select(box).where(box.word == OVER, stands(box, at)).order_by(box.id))
    ]
    said += [
        Assertion(merged.get(row.team_id, row.team_id), row.kind, row.value, None, *_saying(row))
        for row in session.scalars(select(DenialRow).where(stands(DenialRow, at)).order_by(DenialRow.id))
    ]
    decisions = session.scalars(select(DecisionRow).where(stands(DecisionRow, at)).order_by(DecisionRow.id))
    found = tuple(decided(row, merged) for row in decisions)
    return PersonAssertions(tuple(said), found, archived_teams(session, merged, at))


def archived_teams(session: Session, merged: Collection[int], at: datetime | None = None) -> dict[int, TeamArchive]:
    """The teams that a person archived, by number, without those that were merged into others."""
    row, after = FactRow, PERSON[:-1] + chr(ord(PERSON[-1]) + 1)
    by_person = and_(row.source >= PERSON, row.source < after)  # an index has the source
    query = select(row.team_id, row.value, row.said_by, row.recorded, row.detail).where(
        by_person, row.kind == FactKind.FIELD, stands(row, at)
    )
    return {
        row.team_id: TeamArchive(row.said_by, row.recorded.date(), row.value)
        for row in session.execute(query.order_by(row.id))
        if row.detail.get("field") == ARCHIVED and row.team_id not in merged
    }


def decided(row: DecisionRow, merged: Mapping[int, int]) -> RecordedDecision:
    """A decision as the rule of precedence takes it."""
    teams, against = ({merged.get(team, team) for team in part} for part in (row.teams, row.against))
    return RecordedDecision(row.id, row.kind, row.value, frozenset(teams), frozenset(against - teams), *_saying(row))


def _saying(row: ConstituencyRow | MailboxRow | DenialRow | DecisionRow) -> tuple[str, date, str]:
    return row.said_by, row.recorded.date(), row.reason or ""


def _end(team: int, into: Mapping[int, int]) -> int:
    while team in into:
        team = into[team]
    return team


def _rules(
    session: Session, part: DirectoryPart, merged: Mapping[int, int], at: datetime | None
) -> list[DirectoryRule]:
    row = ConstituencyRow
    query = select(row.team_id, row.kind, row.value, row.role, row.source, row.as_of, row.confidence, row.said_by)
    query = query.where(stands(row, at)).order_by(row.id)
    if part.teams is not None:
        query = query.where(row.team_id.in_(_with_merged(part.teams, merged)))
    if part.kind is not None:
        query = query.where(row.kind == part.kind)
    if part.values is not None:
        query = query.where(on_values(row, part.values))
    wanted = None if part.values is None else {kind: set(of) for kind, of in part.values.items()}
    return [
        DirectoryRule(merged.get(team, team), _KINDS[kind], value, _ROLES[role], source, as_of, confidence, said_by)
        for team, kind, value, role, source, as_of, confidence, said_by in plain_rows(session, query)
        if wanted is None or value in wanted[kind]
    ]


def _mailboxes(
    session: Session, part: DirectoryPart, merged: Mapping[int, int], at: datetime | None
) -> list[MailboxClaim]:
    row = MailboxRow
    query = select(
        row.team_id, row.address, row.source, row.as_of, row.confidence, row.said_by, func.coalesce(row.purpose, "")
    )
    query = query.where(stands(row, at)).order_by(row.id)
    if part.teams is not None:
        query = query.where(row.team_id.in_(_with_merged(part.teams, merged)))
    if part.kind not in {None, MAILBOX}:
        return []
    if part.values is not None:
        query = query.where(row.address.in_(part.values.get(MAILBOX, ())))
    return [
        MailboxClaim(merged.get(team, team), address, source, as_of, confidence, said_by, purpose)
        for team, address, source, as_of, confidence, said_by, purpose in plain_rows(session, query)
    ]


def _with_merged(teams: Collection[int], merged: Mapping[int, int]) -> list[int]:
    return [*teams, *(team for team, into in merged.items() if into in teams)]


def _is_in(rule: DirectoryRule, part: DirectoryPart) -> bool:
    by_team = part.teams is None or rule.team_id in part.teams
    return (
        by_team
        and part.kind in {None, rule.kind}
        and (part.values is None or rule.value in part.values.get(rule.kind, ()))
    )
