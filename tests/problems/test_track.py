"""When is a problem new, when is it told again, and when is it gone."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import polars as pl

from tocsin.events.schema import COLUMNS
from tocsin.problems import Sightings, Tracker, gone_since, problem_keys
from tocsin.problems.track import NOTES
from tocsin.records.keys import KeyFiles

DAY = 86_400
START = 20_000 * DAY


def tracker(folder: Path) -> Tracker:
    return Tracker(KeyFiles(folder / "problems", columns=len(NOTES)))


def sightings(*keys: int, at: int) -> Sightings:
    return Sightings.of(np.array(keys, dtype=np.uint64), np.full(len(keys), at, dtype=np.uint32))


def see(
    tracking: Tracker, *keys: int, ingest: int, day: int, part: int = 0, somebody: bool = True
) -> tuple[int, int, list[bool]]:
    """New and continuing problems, and which are due; all that are due are told where there is somebody to tell."""
    found = sightings(*keys, at=START + day * DAY)
    seen = tracking.see(found, ingest=ingest, feed=1, now=START + day * DAY, reminder_days=7)
    told = seen.due[found.of_event] & somebody
    tracking.note(seen, told, ingest=ingest, part=part, now=START + day * DAY)
    return seen.new, seen.continuing, seen.due.tolist()


def test_a_problem_is_new_once_then_continues_and_is_told_again_after_the_reminder_days(tmp_path: Path) -> None:
    tracking = tracker(tmp_path)

    assert see(tracking, 5, 5, 9, ingest=1, day=0) == (2, 0, [True, True])
    assert see(tracking, 5, ingest=2, day=1) == (0, 1, [False])
    assert see(tracking, 5, ingest=3, day=6) == (0, 1, [False])
    assert see(tracking, 5, 9, ingest=4, day=7) == (0, 2, [True, True])
    assert see(tracking, 5, ingest=5, day=8) == (0, 1, [False])


def test_a_problem_that_nobody_was_told_of_stays_due(tmp_path: Path) -> None:
    tracking = tracker(tmp_path)

    assert see(tracking, 5, ingest=1, day=0, somebody=False) == (1, 0, [True])
    assert see(tracking, 5, ingest=2, day=1) == (0, 1, [True])
    assert see(tracking, 5, ingest=3, day=2) == (0, 1, [False])


def test_later_rows_of_the_same_report_belong_to_the_same_telling(tmp_path: Path) -> None:
    tracking = tracker(tmp_path)

    assert see(tracking, 5, ingest=1, day=0, part=0) == (1, 0, [True])
    assert see(tracking, 5, ingest=1, day=0, part=1) == (0, 0, [True])


def test_a_problem_is_gone_only_when_its_feed_ran_without_it() -> None:
    notes = np.zeros((2, len(NOTES)), dtype=np.uint32)
    notes[:, NOTES.index("feed")] = [1, 2]
    notes[:, NOTES.index("last_seen")] = START
    day = START // DAY

    runs = {1: [(day, 5), (day + 1, 6), (day + 2, 7), (day + 3, 8)], 2: [(day, 5)]}

    assert gone_since(notes, runs, after_days=3).tolist() == [8, 0]
    assert gone_since(notes, runs, after_days=4).tolist() == [0, 0]


def events(**columns: Sequence[object]) -> pl.DataFrame:
    height = len(next(iter(columns.values())))
    given = {name.replace("__", "."): values for name, values in columns.items()}
    return pl.DataFrame({name: given.get(name, [None] * height) for name in COLUMNS}, schema=COLUMNS)


def test_a_service_port_tells_problems_apart_and_a_client_port_does_not() -> None:
    frame = events(
        source__ip__hi=[0] * 4,
        source__ip__lo=[1] * 4,
        source__port=[80, 443, 40_001, 40_002],
        classification__type=["vulnerable-system"] * 2 + ["infected-system"] * 2,
        classification__identifier=["x"] * 4,
    )

    first, second, third, fourth = problem_keys(frame).tolist()

    assert first != second
    assert third == fourth


def test_without_an_address_the_domain_is_the_asset() -> None:
    frame = events(source__fqdn=["a.example", "b.example", "a.example"], classification__type=["phishing"] * 3)

    first, second, third = problem_keys(frame).tolist()

    assert first != second
    assert first == third
