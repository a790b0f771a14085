"""The register of queries that turn facts into measured indicators.

A query is a pure function of facts and the date they were taken. Facts come as rows, from a file or from whoever wires
the node's own rooms to it; this room reads no other room. Each result says by which method and version, as of when,
over what part of the whole, and between which ends.

No query counts reports, incidents or events as such: a team that hears and records more must not look worse for it.
"""

import hashlib
import json
import re
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Final

from tocsin.node.errors import InputError, NotFoundError
from tocsin.node.records import from_row
from tocsin.readiness.assessment.frameworks import Goalposts
from tocsin.readiness.assessment.intervals import (
    ScoreInterval,
    Spell,
    counts_within,
    median_hours,
    share,
    weighted_share,
    within,
)
from tocsin.readiness.assessment.scoring import UNKNOWN, QuestionScore

Row = Mapping[str, str]


@dataclass(frozen=True)
class Measurement:
    """One measured value.

    ``coverage`` is the part of the whole that was looked at, ``facts_sha256`` says which facts it was made from.
    """

    query: str
    method_version: str
    as_of: datetime
    unit: str
    value: float | None
    low: float
    high: float
    observed: int
    total: int
    coverage: float
    successes: float
    trials: float
    detail: dict[str, object] = field(default_factory=dict)
    facts_sha256: str = ""

    def interval(self) -> ScoreInterval:
        """Value and ends together."""
        return ScoreInterval(self.low, self.value, self.high)


@dataclass(frozen=True)
class MeasureQuery:
    """A registered query: what it measures, by which method, and the columns that its facts have."""

    name: str
    version: str
    title: str
    short: str
    method: str
    columns: tuple[tuple[str, str], ...]
    run: Callable[[Sequence[Row], datetime], "_Result"]
    lower_is_better: bool = False


@dataclass(frozen=True)
class _Result:
    interval: ScoreInterval
    observed: int
    total: int
    successes: float
    trials: float
    coverage: float | None = None
    detail: dict[str, object] = field(default_factory=dict)


def measure(name: str, rows: Sequence[Row], as_of: datetime) -> Measurement:
    """The measured value that query ``name`` finds in ``rows``.

    Raises:
        NotFoundError: no query has that name.
        InputError: there are no rows, a column is missing, or a cell cannot be read; row and column are named.

    """
    query = find_query(name)
    if not rows:
        raise InputError(f"Query '{name}' was given no facts.", hint="Nothing measured is unknown, not zero.")
    missing = [column for column, _ in query.columns if column not in rows[0]]
    if missing:
        raise InputError(
            f"Query '{name}': the facts have no column '{missing[0]}'.",
            hint="Columns: " + "; ".join(f"{column} ({meaning})" for column, meaning in query.columns) + ".",
        )
    result = query.run(rows, as_of)
    return from_row(
        Measurement,
        result,
        query=name,
        method_version=query.version,
        as_of=as_of,
        unit="share",
        **vars(result.interval),
        coverage=result.observed / result.total if result.coverage is None else result.coverage,
        facts_sha256=facts_hash(rows),
    )


def facts_hash(rows: Sequence[Row]) -> str:
    """SHA-256 of the facts, whatever the order of their columns."""
    text = json.dumps([dict(row) for row in rows], sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def find_query(name: str) -> MeasureQuery:
    """The query of that name.

    Raises:
        NotFoundError: none has it.

    """
    found = next((query for query in QUERIES if query.name == name), None)
    if found is None:
        raise NotFoundError(
            f"No query is called '{name}'.", hint="There are: " + ", ".join(query.name for query in QUERIES) + "."
        )
    return found


def as_reading(goal: Goalposts, measured: Measurement) -> QuestionScore:
    """A measured value on the scale of its question, 0 to 1, with its ends."""
    if measured.value is None:
        return UNKNOWN
    ends = sorted(_between(goal, end) for end in (measured.low, measured.high))
    return QuestionScore(ends[0], min(max(_between(goal, measured.value), ends[0]), ends[1]), ends[1])


def _between(goal: Goalposts, value: float) -> float:
    return min(1.0, max(0.0, (value - goal.worst) / (goal.best - goal.worst)))


def _share_of(column: str) -> Callable[[Sequence[Row], datetime], _Result]:
    return lambda rows, _as_of: _plain_share(_states(rows, column))


def _contact_coverage_users(rows: Sequence[Row], _as_of: datetime) -> _Result:
    states = _states(rows, "contact")
    users = [_number(row, number, "users") for number, row in enumerate(rows, start=1)]
    interval = weighted_share(users, states)
    known = sum(u for u, s in zip(users, states, strict=True) if s is not None)
    total = sum(users)
    trials = total * total / sum(u * u for u in users) * (known / total) if total else 0.0
    return _Result(
        interval=interval,
        observed=sum(state is not None for state in states),
        total=len(states),
        successes=(interval.value or 0.0) * trials,
        trials=trials,
        coverage=known / total if total else 0.0,
        detail={"users": total, "users_looked_at": known}
        | ({"basis": rows[0]["basis"]} if rows[0].get("basis") else {}),
    )


def _cirt_coverage(rows: Sequence[Row], _as_of: datetime) -> _Result:
    registered, responsive = _states(rows, "registered"), _states(rows, "responsive")
    # A team that is not registered cannot be responsive, whether or not anybody tried.
    strict = [False if there is False else answers for there, answers in zip(registered, responsive, strict=True)]
    return replace(_plain_share(strict), detail={"registered": vars(_plain_share(registered).interval)})


def _time_share(start: str, end: str, goal_hours: float) -> Callable[[Sequence[Row], datetime], _Result]:
    def run(rows: Sequence[Row], as_of: datetime) -> _Result:
        spells = []
        for number, row in enumerate(rows, start=1):
            began, ended = _needed_time(row, number, start), _time(row, number, end)
            spells.append(Spell(_hours(began, ended or as_of, number), _hours(began, ended, number) if ended else None))
        return _spell_share(spells, goal_hours)

    return run


def _time_to_fix(goal_hours: float) -> Callable[[Sequence[Row], datetime], _Result]:
    def run(rows: Sequence[Row], as_of: datetime) -> _Result:
        spells = []
        for number, row in enumerate(rows, start=1):
            told = _needed_time(row, number, "told")
            seen, gone = _time(row, number, "last_seen"), _time(row, number, "first_gone")
            low = max(0.0, _hours(told, min(seen or told, as_of), number, strict=False))
            high = None if gone is None else _hours(told, gone, number)
            if high is not None and high < low:
                raise InputError(f"Row {number}: 'first_gone' lies before 'last_seen'; a problem cannot be gone first.")
            spells.append(Spell(low, high))
        return _spell_share(spells, goal_hours)

    return run


def _spell_share(spells: Sequence[Spell], goal_hours: float) -> _Result:
    yes, no = counts_within(spells, goal_hours)
    median = median_hours(spells)
    detail: dict[str, object] = {"goal_hours": goal_hours, "still_open": sum(s.high is None for s in spells)}
    if median is not None:
        detail["median_hours"] = {name: None if end == float("inf") else end for name, end in vars(median).items()}
    return _Result(within(spells, goal_hours), yes + no, len(spells), yes, yes + no, detail=detail)


def _plain_share(states: Sequence[bool | None]) -> _Result:
    yes, no = states.count(True), states.count(False)
    return _Result(share(yes, no, states.count(None)), yes + no, len(states), yes, yes + no)


def _states(rows: Sequence[Row], column: str) -> list[bool | None]:
    return [_state(row, number, column) for number, row in enumerate(rows, start=1)]


def _state(row: Row, number: int, column: str) -> bool | None:
    given = (row.get(column) or "").strip().casefold()
    states = {"yes": True, "true": True, "1": True, "no": False, "false": False, "0": False, "": None, "unknown": None}
    if given not in states:
        raise InputError(f"Row {number}, column '{column}': '{given}' is not yes, no or unknown (or empty).")
    return states[given]


def _number(row: Row, number: int, column: str) -> float:
    given = (row.get(column) or "").strip()
    if not re.fullmatch(r"\d+(\.\d+)?([eE][+-]?\d+)?", given):
        hint = "Write decimals with a point." if "," in given else "An unknown number of users cannot be weighted."
        raise InputError(f"Row {number}, column '{column}': '{given}' is not a number of 0 or more.", hint=hint)
    return float(given)


def _needed_time(row: Row, number: int, column: str) -> datetime:
    moment = _time(row, number, column)
    if moment is None:
        raise InputError(f"Row {number}, column '{column}': a time is needed, and it is empty.")
    return moment


def _time(row: Row, number: int, column: str) -> datetime | None:
    given = (row.get(column) or "").strip()
    if not given:
        return None
    try:
        moment = datetime.fromisoformat(given)
    except ValueError as error:
        raise InputError(f"Row {number}, column '{column}': '{given}' is not a time in ISO 8601.") from error
    if moment.tzinfo is None:
        raise InputError(f"Row {number}, column '{column}': '{given}' has no time zone.", hint="Add Z for UTC.")
    return moment


def _hours(start: datetime, end: datetime, number: int, *, strict: bool = True) -> float:
    hours = (end - start).total_seconds() / 3600
    if strict and hours < 0:
        raise InputError(f"Row {number}: it ends before it starts ({end.isoformat()} before {start.isoformat()}).")
    return hours


_RUNS: Final[Mapping[str, Callable[[Sequence[Row], datetime], _Result]]] = {
    "contact_coverage_as": _share_of("contact"),
    "contact_coverage_users": _contact_coverage_users,
    "cirt_coverage": _cirt_coverage,
    "time_to_tell": _time_share("heard", "told", 24.0),
    "time_to_acknowledge": _time_share("told", "acknowledged", 72.0),
    "time_to_fix": _time_to_fix(14 * 24.0),
    "bounced": _share_of("bounced"),
    "incidents_acknowledged": _time_share("opened", "acknowledged", 24.0),
    "incidents_contained": _time_share("opened", "contained", 72.0),
    "cross_border_links": _share_of("live"),
    "exchanges_under_agreement": _share_of("agreement"),
}

QUERIES: Final = tuple(
    MeasureQuery(name, run=_RUNS[name], columns=tuple(said.pop("columns").items()), **said)
    for name, said in tomllib.loads(Path(__file__).with_name("queries.toml").read_text(encoding="utf-8")).items()
)
"""All of them, in order; `queries.toml` describes them."""
