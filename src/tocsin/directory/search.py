"""Teams found by what somebody types, a page at a time, for directories of hundreds of thousands."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import ColumnElement, Select, func, or_, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from tocsin.directory.model import RuleKind, TeamKind
from tocsin.directory.tables import ConstituencyRow, MailboxRow, MergeRow, TeamRow
from tocsin.node.records import from_row, rows_with

MOST_COUNTED: Final = 1_000
"""Teams are counted up to this; beyond it nobody reads a list."""

_TEXTS = (TeamRow.key, TeamRow.name, TeamRow.organisation)


@dataclass(frozen=True)
class TeamSearch:
    """What is looked for; every given condition holds. ``text``: in key, name or organisation.

    ``value``: teams of which anybody says that they answer for exactly this, by kind and canonical value. ``only``:
    numbers of teams that may be found; None: all.
    """

    text: str = ""
    kind: TeamKind | None = None
    country: str = ""
    value: tuple[RuleKind, str] | None = None
    only: Collection[int] | None = None


@dataclass(frozen=True, slots=True)
class FoundTeam:
    """A team as lists show it; ``answers_for``: how many values of each kind anybody says that it answers for."""

    id: int
    key: str
    name: str
    organisation: str
    kind: TeamKind
    country: str
    answers_for: dict[RuleKind, int]


def search_teams(session: Session, wanted: TeamSearch, *, after: str = "", limit: int = 50) -> list[FoundTeam]:
    """The teams that fit, by key; from the one behind the key ``after`` on, at most ``limit``."""
    columns = (TeamRow.id, TeamRow.key, TeamRow.name, TeamRow.organisation, TeamRow.kind, TeamRow.country)
    query = _narrow(session, select(*columns), wanted).where(TeamRow.key > after).order_by(TeamRow.key).limit(limit)
    rows = session.execute(query).all()
    counts = _counts(session, [row.id for row in rows])
    return [from_row(FoundTeam, row, kind=TeamKind(row.kind), answers_for=counts.get(row.id, {})) for row in rows]


def count_teams(session: Session, wanted: TeamSearch) -> int:
    """How many teams fit; one more than `MOST_COUNTED` where there are more."""
    if wanted == TeamSearch():
        merged = select(func.count(func.distinct(MergeRow.team_id))).where(MergeRow.withdrawn.is_(None))
        return (session.scalar(select(func.count()).select_from(TeamRow)) or 0) - (session.scalar(merged) or 0)
    some = _narrow(session, select(TeamRow.id), wanted).limit(MOST_COUNTED + 1).subquery()
    return session.scalar(select(func.count()).select_from(some)) or 0


def teams_with_words(session: Session, typed: str, *, only: Collection[int] | None = None, limit: int) -> list[int]:
    """The numbers of teams in whose key, name or organisation every word begins some word; ``only``: as `TeamSearch`.

    A team that is another now is found by its former name too, as that other one.
    """
    conditions = () if only is None else (TeamRow.id.in_(sorted(only)),)
    return rows_with(session, TeamRow.id, typed, *conditions, limit=limit)


def teams_of_mailbox(session: Session, address: str, *, only: Collection[int] | None = None) -> list[int]:
    """The numbers of the teams of which anybody says that this email address (in lower case) is theirs."""
    query = select(MailboxRow.team_id).where(MailboxRow.address == address, MailboxRow.withdrawn.is_(None))
    if only is not None:
        query = query.where(MailboxRow.team_id.in_(sorted(only)))
    return sorted(set(session.scalars(query)))


def _has(column: InstrumentedAttribute[str], text: str, *, sqlite: bool) -> ColumnElement[bool]:
    """Whether a column holds a text, in any case of letters; SQLite's own way (of a-z) is five times as quick."""
    return column.contains(text, autoescape=True) if sqlite else column.icontains(text, autoescape=True)


def _narrow(session: Session, query: Select[*tuple[Any, ...]], wanted: TeamSearch) -> Select[*tuple[Any, ...]]:
    sqlite = session.get_bind().dialect.name == "sqlite"
    merged = select(MergeRow.team_id).where(MergeRow.withdrawn.is_(None))
    conditions: list[ColumnElement[bool]] = [TeamRow.id.not_in(merged)]
    if wanted.text:
        conditions.append(or_(*(_has(column, wanted.text, sqlite=sqlite) for column in _TEXTS)))
    if wanted.kind:
        conditions.append(TeamRow.kind == wanted.kind.value)
    if wanted.country:
        conditions.append(TeamRow.country == wanted.country)
    if wanted.value:
        conditions.append(TeamRow.id.in_(_claiming(*wanted.value)))
    if wanted.only is not None:
        conditions.append(TeamRow.id.in_(sorted(wanted.only)))
    return query.where(*conditions)


def _claiming(kind: RuleKind, value: str) -> Select[tuple[int]]:
    """The numbers of the teams of which that is said, those they were merged into with them."""
    row = ConstituencyRow
    said = select(row.team_id).where(row.kind == kind.value, row.value == value, row.withdrawn.is_(None))
    into = select(MergeRow.into_id).where(MergeRow.withdrawn.is_(None), MergeRow.team_id.in_(said))
    return said.union(into)  # type: ignore[return-value]


def _counts(session: Session, teams: Collection[int]) -> dict[int, dict[RuleKind, int]]:
    row = ConstituencyRow
    query = (
        select(row.team_id, row.kind, func.count(func.distinct(row.value)))
        .where(row.team_id.in_(teams), row.withdrawn.is_(None))
        .group_by(row.team_id, row.kind)
    )
    counts: dict[int, dict[RuleKind, int]] = {}
    for team, kind, number in session.execute(query):
        counts.setdefault(team, {})[RuleKind(kind)] = number
    return counts
