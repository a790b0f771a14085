"""A feed that is late, shrinks, grows or changes its columns raises an alarm; one that comes as always does not."""

import math
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.events.alarms import acknowledge, feed_states, set_cadence, watch_feeds
from tocsin.events.health import FeedReport, late_after, troubles, usual
from tocsin.events.models import AlarmKind, ColumnSet, FeedAlarm, FeedRecord, Ingest, IngestState
from tocsin.node.errors import ConflictError, NotFoundError, UsageError
from tocsin.node.records import AuditEntry, Database

START = datetime(2026, 9, 7, 4, 0, tzinfo=UTC)  # a Monday
DAY = timedelta(days=1)
LATE, SHRUNK, GROWN, COLUMNS = AlarmKind.LATE, AlarmKind.SHRUNK, AlarmKind.GROWN, AlarmKind.COLUMNS


def daily(*rows: int, columns: Sequence[str] = (), name: str = "2026-09-07-scan_rdp-kestria.csv") -> list[FeedReport]:
    """One report a day with so many rows."""
    known: Sequence[frozenset[str] | None] = [frozenset(text.split()) for text in columns] or [None] * len(rows)
    return [
        FeedReport(number + 1, START + number * DAY, name, count, named)
        for number, (count, named) in enumerate(zip(rows, known, strict=True))
    ]


def kinds(
    heard: Sequence[FeedReport], *, now: datetime | None = None, columns_since: int | None = None
) -> list[AlarmKind]:
    last = heard[-1].at
    found = troubles(heard, last=last, cadence_hours=24, now=now or last, columns_since=columns_since)
    return [trouble.kind for trouble in found]


@pytest.mark.parametrize(
    ("cadence", "hours", "late"),
    [(24, 35, False), (24, 37, True), (1, 1.9, False), (1, 2.1, True), (168, 251, False), (168, 253, True)],
)
def test_a_feed_is_late_half_a_cadence_after_it_should_have_come(cadence: int, hours: float, late: bool) -> None:
    found = troubles([], last=START, cadence_hours=cadence, now=START + timedelta(hours=hours))
    assert [trouble.kind for trouble in found] == ([LATE] if late else [])


def test_a_feed_without_a_cadence_is_never_late() -> None:
    assert late_after(START, 0) is None
    assert troubles([], last=START, cadence_hours=0, now=START + 1_000 * DAY) == []


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([1000, 1040, 980, 1010, 990, 1020, 1005, 1500], []),
        ([1000, 1040, 980, 1010, 990, 1020, 1005, 480], [SHRUNK]),
        ([1000, 1040, 980, 1010, 990, 1020, 1005, 0], [SHRUNK]),
        ([1000, 1040, 980, 1010, 990, 1020, 1005, 2100], [GROWN]),
        ([1000, 1040, 980, 1010, 990, 1020, 480], []),  # too short a past
        ([1000, 0, 980, 9_000_000, 990, 1020, 1005, 1003, 1011], []),  # odd reports of the past do not move it
        ([1000, 0, 980, 9_000_000, 990, 1020, 1005, 1003, 100], [SHRUNK]),
        ([3, 2, 4, 3, 2, 3, 3, 3, 0], []),  # small counts vary by chance
        ([3, 2, 4, 3, 2, 3, 3, 3, 11], []),
        ([3, 2, 4, 3, 2, 3, 3, 3, 60], [GROWN]),
        ([0, 0, 0, 0, 0, 0, 0, 0, 0], []),
        ([100, 5000, 900, 20, 3000, 700, 60, 4000, 250, 9000], []),  # a feed that always varies
    ],
)
def test_a_report_is_compared_with_what_was_usual(rows: list[int], expected: list[AlarmKind]) -> None:
    assert kinds(daily(*rows)) == expected


def test_a_quiet_weekend_is_usual_from_its_second_time() -> None:
    week = [1000, 1010, 990, 1005, 1000, 90, 100]

    assert kinds(daily(*week, *week[:6])) == []
    assert kinds(daily(*week, *week[:6], 5)) == [SHRUNK]
    assert kinds(daily(*week, *week, 95)) == [SHRUNK]  # a Monday like a Sunday


def test_an_hourly_feed_says_nothing_before_it_was_heard_for_days() -> None:
    def hourly(hours: int) -> list[FeedReport]:
        rows = [1000] * (hours - 1) + [1]
        return [FeedReport(n + 1, START + timedelta(hours=n), "x.csv", count) for n, count in enumerate(rows)]

    assert kinds(hourly(60)) == []
    assert kinds(hourly(24 * 6)) == [SHRUNK]


def test_two_reports_of_one_feed_are_each_compared_with_their_own_past() -> None:
    heard = []
    for number in range(20):
        at = START + number * DAY
        heard.append(FeedReport(2 * number, at, f"{at:%Y-%m-%d}-scan_rdp-big.csv", 5000))
        heard.append(FeedReport(2 * number + 1, at, f"{at:%Y-%m-%d}-scan_rdp-small.csv", 40))

    assert kinds(heard) == []
    assert kinds([*heard[:-2], FeedReport(38, heard[-2].at, heard[-2].report, 40), heard[-1]]) == [SHRUNK]
    assert kinds([*heard[:-1], FeedReport(39, heard[-1].at, heard[-1].report, 5000)]) == [GROWN]


@given(st.lists(st.integers(0, 10**7), min_size=7, max_size=60), st.integers(0, 10**7))
def test_what_is_usual_holds_its_middle_and_is_never_narrow(rows: list[int], count: int) -> None:
    found = usual(daily(*rows))

    assert found.low <= found.middle <= found.high
    assert found.low <= math.ceil(found.middle / 2)
    assert found.high >= 2 * found.middle
    heard = daily(*rows, count)
    assert kinds(heard) in ([], [SHRUNK], [GROWN])
    if kinds(heard):
        assert not found.low <= count <= found.high


def test_changed_columns_stay_an_alarm_until_somebody_looked() -> None:
    before, after = ["ip port"] * 3, ["ip port geo"]

    assert kinds(daily(1, 1, 1, columns=before)) == []
    assert kinds(daily(1, 1, 1, columns=["ip port", "ip", "port ip"])) == []  # was so before
    assert kinds(daily(1, 1, 1, 1, columns=before + after)) == [COLUMNS]
    assert kinds(daily(1, 1, 1, 1, 1, columns=before + after * 2)) == []  # seen and, by now, known
    assert kinds(daily(1, 1, 1, 1, 1, columns=before + after * 2), columns_since=4) == [COLUMNS]
    assert kinds(daily(1, 1, 1, 1, 1, columns=[*before, *after, "ip port"]), columns_since=4) == []
    assert kinds(daily(1, 1, columns=after * 2), columns_since=1) == [COLUMNS]  # what it changed from is past


def test_the_words_name_the_columns() -> None:
    [found] = troubles(daily(1, 1, columns=["ip port tag", "ip tag geo"]), last=START, cadence_hours=0, now=START)
    assert found.words == "The columns changed: missing port; new geo."
    [found] = troubles(daily(1, 1, columns=["x", "x " + " ".join("abcdefgh")]), last=START, cadence_hours=0, now=START)
    assert found.words == "The columns changed: new a, b, c, d, e, f and 2 more."


@pytest.fixture
def feed(database: Database) -> int:
    with database.begin() as session:
        record = FeedRecord(
            source="mapped",
            code="honeypot",
            name="Our honeypot",
            provider="",
            tlp="AMBER",
            pap="AMBER",
            terms="",
            cadence_hours=24,
            duplicate_days=0,
        )
        session.add(record)
        session.flush()
        return record.id


def hear(database: Database, feed: int, number: int, at: datetime, *, rows: int, columns: str = "ip port") -> None:
    """Note an ingest, as the pipeline does."""
    counts = dict.fromkeys(
        ("stored", "duplicates", "quarantined", "problems_new", "problems_continuing", "routed", "unrouted"), 0
    )
    with database.begin() as session:
        known = session.query(ColumnSet).filter_by(digest=columns).one_or_none()
        if known is None:
            known = ColumnSet(digest=columns, names=columns.split())
            session.add(known)
            session.flush()
        session.add(
            Ingest(
                number=number,
                feed_id=feed,
                content_hash=str(number),
                report="honeypot.csv",
                state=IngestState.COMMITTED,
                started_at=at,
                day=at.date(),
                directory_version="",
                rows=rows,
                withheld=0,
                deliveries=0,
                withheld_by_rule={},
                parts=[],
                column_set=known.id,
                **counts,
            )
        )


def standing(database: Database) -> list[str]:
    return [alarm.kind for state in feed_states(database) for alarm in state.alarms]


def test_alarms_open_once_close_when_it_is_over_and_are_audited(database: Database, feed: int) -> None:
    for number in range(8):
        hear(database, feed, number + 1, START + number * DAY, rows=1000)
    last = START + 7 * DAY

    assert watch_feeds(database, now=last) == watch_feeds(database, now=last + timedelta(hours=35))
    [alarm] = watch_feeds(database, now=last + 2 * DAY).opened
    assert (alarm.kind, alarm.opened_at, alarm.closed_at) == ("late", last + 2 * DAY, None)
    assert watch_feeds(database, now=last + 3 * DAY).opened == []
    assert feed_states(database)[0].state == "late"

    hear(database, feed, 9, last + 3 * DAY, rows=10)
    changes = watch_feeds(database, now=last + 3 * DAY, feeds={feed})
    assert [one.kind for one in changes.opened] == ["shrunk"]
    assert [(one.kind, one.closed_at) for one in changes.closed] == [("late", last + 3 * DAY)]
    assert standing(database) == ["shrunk"]

    hear(database, feed, 10, last + 4 * DAY, rows=990)
    watch_feeds(database, now=last + 4 * DAY)
    assert standing(database) == []
    with database.begin() as session:
        words = [(entry.word, entry.subject) for entry in session.query(AuditEntry).order_by(AuditEntry.id)]
        assert session.query(FeedAlarm).filter(FeedAlarm.alarm_key.is_not(None)).count() == 0
    assert words == [
        ("alarm.opened", "alarm:1"),
        ("alarm.opened", "alarm:2"),
        ("alarm.closed", "alarm:1"),
        ("alarm.closed", "alarm:2"),
    ]


def test_a_look_at_some_feeds_leaves_the_alarms_of_others(database: Database, feed: int) -> None:
    hear(database, feed, 1, START, rows=5)
    watch_feeds(database, now=START + 9 * DAY)

    assert watch_feeds(database, now=START + 9 * DAY, feeds={feed + 1}).closed == []
    assert watch_feeds(database, now=START, feeds=set()).closed == []
    assert standing(database) == ["late"]


def test_an_acknowledged_alarm_is_quiet_until_it_is_over(database: Database, feed: int) -> None:
    hear(database, feed, 1, START, rows=5)
    [alarm] = watch_feeds(database, now=START + 9 * DAY).opened

    acknowledge(database, alarm.id, note=" asked the provider ", by="an analyst", now=START + 9 * DAY)
    watch_feeds(database, now=START + 10 * DAY)
    [state] = feed_states(database)
    assert (state.state, state.alarms[0].note) == ("acknowledged", "asked the provider")

    hear(database, feed, 2, START + 10 * DAY, rows=5)
    watch_feeds(database, now=START + 10 * DAY)
    assert feed_states(database)[0].state == "well"
    [again] = watch_feeds(database, now=START + 20 * DAY).opened
    assert again.acknowledged_at is None  # a new silence is a new alarm
    with pytest.raises(ConflictError):
        acknowledge(database, alarm.id, note="again", by="an analyst", now=START)
    with pytest.raises(NotFoundError):
        acknowledge(database, 99, note="x", by="an analyst", now=START)
    with pytest.raises(UsageError):
        acknowledge(database, again.id, note="  ", by="an analyst", now=START)


def test_columns_that_a_person_accepted_are_the_usual_ones(database: Database, feed: int) -> None:
    for number, columns in enumerate(["ip port", "ip port", "ip geo"]):
        hear(database, feed, number + 1, START + number * DAY, rows=5, columns=columns)
        watch_feeds(database, now=START + number * DAY)
    [state] = feed_states(database)
    [alarm] = state.alarms
    assert (alarm.kind, alarm.ingest) == ("columns", 3)
    assert alarm.words == "The columns changed: missing port; new geo."

    acknowledge(database, alarm.id, note="mapping was changed", by="an analyst", now=START + 3 * DAY)
    assert standing(database) == []
    assert watch_feeds(database, now=START + 3 * DAY).opened == []
    hear(database, feed, 5, START + 3 * DAY, rows=5, columns="ip geo")
    assert watch_feeds(database, now=START + 3 * DAY).opened == []
    hear(database, feed, 6, START + 4 * DAY, rows=5, columns="ip geo city")
    assert [one.words for one in watch_feeds(database, now=START + 4 * DAY).opened] == [
        "The columns changed: new city."
    ]


def test_a_person_says_how_often_a_feed_comes(database: Database, feed: int) -> None:
    hear(database, feed, 1, START, rows=5)
    watch_feeds(database, now=START + 2 * DAY)
    assert standing(database) == ["late"]

    set_cadence(database, "mapped/honeypot", 168, by="an analyst", now=START)
    watch_feeds(database, now=START + 2 * DAY)
    assert standing(database) == []
    set_cadence(database, "mapped/honeypot", 0, by="an analyst", now=START)
    assert watch_feeds(database, now=START + 900 * DAY).opened == []
    with pytest.raises(NotFoundError):
        set_cadence(database, "mapped/other", 1, by="an analyst", now=START)
