"""When is a problem new, when is it told again, and when is it gone."""

import itertools
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.events.schema import COLUMNS
from tocsin.node.records.key_files import KeyFiles
from tocsin.problems import NotificationFlags, ReminderPolicy, Sightings, Tracker, gone_since, problem_keys, shards_of
from tocsin.problems.track import NOTES

DAY = 86_400
START = 20_000 * DAY


def tracker(folder: Path) -> Tracker:
    return Tracker(KeyFiles(folder / "problems", columns=len(NOTES)))


def sightings(*keys: int, at: int) -> Sightings:
    return Sightings.of(np.array(keys, dtype=np.uint64), np.full(len(keys), at, dtype=np.uint32))


WEEKLY = ReminderPolicy([(7, None)])
STEPPED = ReminderPolicy([(1, 3), (7, 30)], escalate_days=10)  # daily for three days, then weekly up to a month


def see(
    tracking: Tracker,
    *keys: int,
    ingest: int,
    day: float,
    part: int = 0,
    somebody: bool = True,
    repeat: ReminderPolicy = WEEKLY,
    escalate: bool = False,
) -> tuple[int, int, list[bool]]:
    """New and continuing problems, and which are due; all that are due are told where there is somebody to tell."""
    now = START + int(day * DAY)
    found = sightings(*keys, at=now)
    seen = tracking.see(found, ingest=ingest, feed=1, now=now, repeat=repeat)
    told = seen.due[found.of_event] & somebody
    escalated = seen.overdue[found.of_event] & escalate
    telling = NotificationFlags(told, escalated, np.where(seen.due & somebody, 4, seen.told_set).astype(np.int32))
    tracking.note(seen, telling, ingest=ingest, part=part, now=now)
    return seen.new, seen.continuing, (seen.overdue if escalate else seen.due).tolist()


def notes_of(tracking: Tracker, key: int) -> dict[str, int]:
    _, notes = tracking.files.lookup(np.array([key], dtype=np.uint64), up_to=2**31)
    return dict(zip(NOTES, notes[0].tolist(), strict=True))


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


def told_on(repeat: ReminderPolicy, days: Sequence[float], folder: Path) -> list[float]:
    tracking = tracker(folder)
    return [
        day
        for ingest, day in enumerate(days, start=1)
        if see(tracking, 5, ingest=ingest, day=day, repeat=repeat)[2] == [True]
    ]


def test_reminders_follow_their_steps_and_end_with_the_last(tmp_path: Path) -> None:
    assert told_on(STEPPED, range(60), tmp_path) == [0, 1, 2, 9, 16, 23]


def test_without_steps_a_problem_is_told_once(tmp_path: Path) -> None:
    assert told_on(ReminderPolicy(), range(40), tmp_path) == [0]


def test_a_report_that_comes_a_bit_earlier_in_the_day_is_still_a_day_later(tmp_path: Path) -> None:
    assert told_on(ReminderPolicy([(1, None)]), [0.3, 1.2, 2.1, 2.4, 3.3], tmp_path) == [0.3, 1.2, 2.1, 3.3]


def test_an_unanswered_problem_is_escalated_once_by_all_rows_of_one_report(tmp_path: Path) -> None:
    tracking = tracker(tmp_path)
    see(tracking, 5, ingest=1, day=0, repeat=STEPPED)
    due = [
        see(tracking, 5, 6, ingest=ingest, part=part, day=day, repeat=STEPPED, escalate=True)[2]
        for ingest, part, day in [(2, 0, 9), (3, 0, 10), (3, 1, 10), (4, 0, 11), (5, 0, 40)]
    ]

    assert [first for first, _ in due] == [False, True, True, False, False]
    assert [second for _, second in due] == [False] * 4 + [True]
    assert notes_of(tracking, 5)["escalated_by"] == 3


def test_the_first_telling_and_their_number_are_kept(tmp_path: Path) -> None:
    tracking = tracker(tmp_path)
    see(tracking, 5, ingest=1, day=0, somebody=False)
    see(tracking, 5, ingest=2, day=1)
    see(tracking, 5, ingest=2, day=1, part=1)
    see(tracking, 5, ingest=3, day=2)
    see(tracking, 5, ingest=4, day=9)

    notes = notes_of(tracking, 5)
    assert (notes["first_told_at"], notes["first_told_by"]) == (START + DAY, 2)
    assert (notes["told_at"], notes["told_by"], notes["tellings"], notes["told_set"]) == (START + 9 * DAY, 4, 2, 4)


def test_notes_of_an_earlier_version_are_read_and_go_on(tmp_path: Path) -> None:
    old = KeyFiles(tmp_path / "problems", columns=8)
    keys = np.array([5, 6, 7, 8], dtype=np.uint64)
    rows = [[START, START, 1, 1, 1, 1, told and START, told] for told in (1, 0, 1, 1)]
    for ingest in (1, 2, 3):
        old.write((ingest, 0), keys, np.array(rows, dtype=np.uint32))
    tracking = tracker(tmp_path)

    assert see(tracking, 5, 6, ingest=4, day=2) == (0, 2, [False, True])
    assert see(tracking, 5, 7, ingest=5, day=7) == (0, 2, [True, True])
    tracking.files.merge_now(up_to=5)
    notes = notes_of(tracking, 5)
    assert (notes["first_told_at"], notes["first_told_by"], notes["tellings"]) == (START, 1, 2)
    assert notes_of(tracking, 8)["told_at"] == START
    keys_, everything = tracking.files.everything(up_to=9)
    assert (keys_.tolist(), everything.shape) == ([5, 6, 7, 8], (4, len(NOTES)))


@given(
    lengths=st.lists(st.tuples(st.integers(1, 9), st.integers(1, 30)), max_size=3),
    gaps=st.lists(st.integers(1, 12), min_size=1, max_size=40),
)
def test_a_problem_is_never_told_more_often_than_its_steps_say(
    lengths: list[tuple[int, int]], gaps: list[int], tmp_path_factory: pytest.TempPathFactory
) -> None:
    ends = list(itertools.accumulate(days for _, days in lengths))
    repeat = ReminderPolicy([(every, end) for (every, _), end in zip(lengths, ends, strict=True)])
    days = [0, *itertools.accumulate(gaps)]
    told = told_on(repeat, days, tmp_path_factory.mktemp("problems"))

    assert told[0] == 0
    for before, after in itertools.pairwise(told):
        step = next(every for every, end in repeat.steps if end is not None and after < end)
        assert after - before >= step
    assert not repeat.steps or all(day < ends[-1] for day in told[1:])
    assert repeat.steps or told == [0]


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


def test_an_asset_is_in_the_same_shard_for_good() -> None:
    six = 0x2001_0DB8_0000_0001
    frame = events(
        source__ip__hi=[0, 0, six, six, six + 1, None, None, None],
        source__ip__lo=[0xFFFF_C000_0201, 0xFFFF_C000_0202, 1, 2, 1, None, None, None],
        source__fqdn=[None] * 5 + ["a.example", "b.example", None],
        source__asn=[64500] * 8,
        classification__type=["phishing"] * 8,
    )

    assert shards_of(frame).tolist() == [6, 10, 32, 32, 43, 39, 56, 42]
