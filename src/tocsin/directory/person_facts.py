"""A person's word on a team itself: its fields and facts. Imports then leave it alone.

What a team answers for, and its mailboxes, are said elsewhere in this room.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum

from sqlalchemy import select
from sqlalchemy.orm import Session

from tocsin.directory.canonical import name as line_of_text
from tocsin.directory.entries import TEAM_FIELDS, TEAM_LISTS, Value
from tocsin.directory.fact_schema import SHAPES
from tocsin.directory.facts import Fact, FactKind
from tocsin.directory.person_statements import renew_version
from tocsin.directory.precedence import PERSON
from tocsin.directory.queries import find_team
from tocsin.directory.tables import FactRow, TeamRow
from tocsin.node.errors import UsageError
from tocsin.node.records import AuditAction, Database, audit

SETTABLE = (*(name for name in TEAM_FIELDS if name != "uuid"), *SHAPES)
"""What a person can say of a team, by its name in an import file."""


@dataclass(frozen=True)
class PersonFact:
    """What a person says: a field or list of facts by its name, and its values as an import file has them.

    ``details`` go to every value. No value: the person takes their word back, and imports hold again.
    """

    name: str
    values: tuple[str, ...]
    said_by: str
    details: Mapping[str, str] = field(default_factory=dict)
    as_of: date | None = None


def say_of_team(database: Database, key: str, word: PersonFact, *, actor: str, now: datetime) -> list[str]:
    """Note a person's word on a team; the values as they were understood, in their one form.

    It takes the place of what persons said of the same thing before, which stays in the history.

    Raises:
        UsageError: there is no such field, or a value does not go with it.
        NotFoundError: there is no such team.

    """
    [values] = edit_team(database, key, [word], actor=actor, now=now)
    return values


def edit_team(
    database: Database, key: str, words: Sequence[PersonFact], *, actor: str, now: datetime
) -> list[list[str]]:
    """As `say_of_team` for several fields or lists at once: all of them, or none; the values of each.

    Raises:
        UsageError: there is no such field, or a value does not go with it.
        NotFoundError: there is no such team.

    """
    read = [(word, _read(word)) for word in words]
    with database.begin() as session:
        renew_version(session)
        team = session.get_one(TeamRow, find_team(session, key))
        for word, facts in read:
            _write(session, team, word, facts, now)
            detail: dict[str, object] = {"field": word.name, "values": len(facts.rows)}
            audit(session, AuditAction.TEAM_SET, at=now, actor=actor, subject=f"team:{team.uuid}", detail=detail)
    return [[value for value, _ in facts.rows] for _, facts in read]


def _write(session: Session, team: TeamRow, word: PersonFact, facts: "_FactRows", now: datetime) -> None:
    _withdraw(session, team.id, facts, now)
    if facts.field is not None:
        setattr(team, word.name, facts.field)
    said = _saying(word, now)
    session.add_all(
        FactRow(team_id=team.id, kind=facts.kind.value, value=value, detail=detail, **said)
        for value, detail in facts.rows
    )


@dataclass(frozen=True)
class _FactRows:
    """Rows to write in place of those of the same kind and things, all when None; ``field``: a team's own column."""

    kind: FactKind
    things: frozenset[str] | None
    rows: list[tuple[str, dict[str, str]]]
    field: object = None


def _read(word: PersonFact) -> _FactRows:
    try:
        line_of_text(word.said_by)
        return _read_field(word) if word.name in TEAM_FIELDS and word.name != "uuid" else _read_facts(word)
    except ValueError as error:
        raise UsageError(f"{word.name} '{' '.join(word.values)}': {error}.", hint="See docs/teams.md.") from None


def _read_field(word: PersonFact) -> _FactRows:
    if word.details:
        raise ValueError("it takes no details")
    rows: list[tuple[str, dict[str, str]]] = []
    column = None
    if word.values:
        text = " ".join(word.values)
        column = _column(TEAM_FIELDS[word.name](text))
        rows.append((text.strip(), {"field": word.name}))
    return _FactRows(FactKind.FIELD, frozenset({word.name}), rows, column)


def _read_facts(word: PersonFact) -> _FactRows:
    shape = SHAPES.get(word.name)
    if shape is None and word.name in TEAM_LISTS:
        raise ValueError("'tocsin directory assert' and 'deny' say this")
    if shape is None:
        raise ValueError(f"no such field; fields are {', '.join(SETTABLE)}")
    values = ["\n".join(word.values)] if shape.single and word.values else word.values
    taken = [shape.take(shape.table({"value": text} | dict(word.details))) for text in values]
    rows = [(value, dict(detail)) for value, detail in taken]
    things = frozenset(_thing(shape.kind, value, detail) for value, detail in rows)
    return _FactRows(shape.kind, things if rows else None, rows)


def _column(value: Value) -> object:
    if isinstance(value, StrEnum):
        return value.value
    return list(value) if isinstance(value, tuple) else value


def _withdraw(session: Session, team: int, facts: _FactRows, now: datetime) -> None:
    """Withdraw what persons said of the same things."""
    query = select(FactRow).where(
        FactRow.team_id == team,
        FactRow.kind == facts.kind.value,
        FactRow.source.startswith(PERSON, autoescape=True),
        FactRow.withdrawn.is_(None),
    )
    for row in session.scalars(query):
        if facts.things is None or _thing(facts.kind, row.value, row.detail) in facts.things:
            row.withdrawn = now


def _thing(kind: FactKind, value: str, detail: Mapping[str, str]) -> str:
    return Fact(kind, value, tuple(detail.items())).thing


def _saying(word: PersonFact, now: datetime) -> dict[str, object]:
    return {
        "source": f"{PERSON}{word.said_by}",
        "as_of": word.as_of or now.date(),
        "confidence": None,
        "said_by": word.said_by,
        "recorded": now,
        "withdrawn": None,
    }
