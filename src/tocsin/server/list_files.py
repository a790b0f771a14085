"""Lists carried away whole, as CSV or JSON: written while they are read, a block of rows at a time.

Pages and the API both call these; who may see what is in the search that they are given. No list holds personal data:
mailboxes stand on the page of each team, whose reading is on record.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from tocsin.directory import FoundTeam, RuleKind, TeamSearch, search_teams, team_names
from tocsin.events import FeedRecord, Ingest, IngestFilter, find_ingests
from tocsin.node.records import Database
from tocsin.node.spreadsheet import csv_text
from tocsin.problems import FoundProblems, ListedProblem, problem_text

_BLOCK: Final = 1_000
_COUNTS: Final = ("rows", "stored", "duplicates", "quarantined", "problems_new", "problems_continuing")
_FATES: Final = ("routed", "unrouted", "withheld", "deliveries")
_TEAM: Final = ("key", "name", "organisation", "kind", "country")
_INGEST: Final = (
    *("number", "report", "source", "feed", "state", "at", "newest_event", "sha256", "replay_of"),
    *(*_COUNTS, *_FATES),
)
_PROBLEM: Final = (
    *("where", "port", "what", "type", "severity", "status", "notification", "first_seen", "last_seen", "due"),
    *("gone_at", "sightings", "feed"),
)
Row = dict[str, Any]


class ListForm(StrEnum):
    """A form of file."""

    CSV = "csv"
    JSON = "json"


MEDIA: Final = {ListForm.CSV: "text/csv; charset=utf-8; header=present", ListForm.JSON: "application/json"}


@dataclass(frozen=True)
class ListFile:
    """A file that is made while it is sent."""

    name: str
    media: str
    body: Iterator[bytes]


def teams_file(database: Database, wanted: TeamSearch, form: ListForm, *, now: datetime) -> ListFile:
    """All teams that fit, by key."""
    blocks = _blocks(lambda place: _teams_after(database, wanted, place or ""))
    columns = (*_TEAM, *(f"answers_for.{kind.value}" for kind in RuleKind))
    return _file("teams", columns, blocks, form, now)


def ingests_file(database: Database, wanted: IngestFilter, form: ListForm, *, now: datetime) -> ListFile:
    """All reports that were taken in and fit, with their sums, the newest first."""
    return _file("reports", _INGEST, _blocks(lambda place: _ingests_before(database, wanted, place)), form, now)


def ingest_row(ingest: Ingest, feed: FeedRecord) -> Row:
    """A report as lists have it."""
    own = (name for name in (*_INGEST, "withheld_by_rule") if name not in {"source", "feed", "at", "sha256"})
    return {name: getattr(ingest, name) for name in own} | {
        "source": feed.source,
        "feed": feed.code,
        "at": ingest.started_at,
        "sha256": ingest.sha256,
    }


def _team_row(team: FoundTeam) -> Row:
    counts = {kind.value: count for kind, count in team.answers_for.items()}
    return {name: getattr(team, name) for name in _TEAM} | {"answers_for": counts}


def _teams_after(database: Database, wanted: TeamSearch, key: str) -> list[tuple[Any, Row]]:
    with database.reading() as session:
        return [(team.key, _team_row(team)) for team in search_teams(session, wanted, after=key, limit=_BLOCK)]


def _ingests_before(database: Database, wanted: IngestFilter, number: int | None) -> list[tuple[Any, Row]]:
    with database.reading() as session:
        found = find_ingests(session, wanted, before=number, limit=_BLOCK)
        return [(ingest.number, ingest_row(ingest, feed)) for ingest, feed in found]


def _blocks(after: Callable[[Any], list[tuple[Any, Row]]]) -> Iterator[list[Row]]:
    """Block after block; ``after`` gives those behind a place, each with its own. The first is read at once."""
    first = after(None)

    def further() -> Iterator[list[Row]]:
        found = first
        while found:
            yield [row for _, row in found]
            found = after(found[-1][0]) if len(found) == _BLOCK else []

    return further()


def _file(name: str, columns: Sequence[str], blocks: Iterable[list[Row]], form: ListForm, now: datetime) -> ListFile:
    body = _csv(columns, blocks) if form is ListForm.CSV else _json(blocks)
    return ListFile(f"{name}-{now:%Y%m%dT%H%M%SZ}.{form.value}", MEDIA[form], body)


def _csv(columns: Sequence[str], blocks: Iterable[list[Row]]) -> Iterator[bytes]:
    """RFC 4180, UTF-8; a name such as ``answers_for.prefix`` looks into what a column holds."""
    yield _lines([columns])
    for block in blocks:
        yield _lines([_cell(row, name) for name in columns] for row in block)


def _lines(rows: Iterable[Sequence[object]]) -> bytes:
    return csv_text(rows).encode()


def _cell(row: Row, name: str) -> object:
    outer, _, inner = name.partition(".")
    value = row[outer].get(inner, 0) if inner else row[outer]
    return value.isoformat() if isinstance(value, datetime) else value


def _json(blocks: Iterable[list[Row]]) -> Iterator[bytes]:
    """One JSON array, in the words of the API."""
    before = "[\n"
    for block in blocks:
        lines = (json.dumps(row, default=_plain, ensure_ascii=False) for row in block)
        yield (before + ",\n".join(lines)).encode()
        before = ",\n"
    yield b"[]\n" if before == "[\n" else b"\n]\n"


def _plain(value: object) -> str:
    return value.isoformat().replace("+00:00", "Z") if isinstance(value, datetime) else str(value)


def problems_file(database: Database, found: FoundProblems, form: ListForm, *, now: datetime) -> ListFile:
    """All problems that were found, in their order."""

    def after(start: int | None) -> list[tuple[int, Row]]:
        first = start or 0
        rows = found.rows(first, _BLOCK)
        with database.reading() as session:
            names = team_names(session, {team for row in rows for team in row.teams})
        return [(first + place, _problem_row(row, names)) for place, row in enumerate(rows, 1)]

    return _file("problems", ("problem", *_PROBLEM, "cves", "teams"), _blocks(after), form, now)


def _problem_row(problem: ListedProblem, names: Mapping[int, tuple[str, str]]) -> Row:
    teams = sorted({names[number][0] for number in problem.teams if number in names})
    shown = {name: getattr(problem, name) for name in _PROBLEM}
    return {"problem": problem_text(problem.key), **shown, "cves": " ".join(problem.cves), "teams": " ".join(teams)}
