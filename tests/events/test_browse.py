"""What is found and counted is what a recount by hand finds, for any conditions and whoever looks."""

import itertools
import threading
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from support.event_examples import LABELS, NOW, EventWorld, as_of, country_of, expected, make_world, seen, time_of
from tocsin.events.browse import EventOrder, Events, read_cursor
from tocsin.events.filters import EVERYWHERE, SEVERITIES, EventFilter
from tocsin.events.scope import ALL_FIELDS, EVERYTHING, EventScope, ScopeClause, merged

times = st.datetimes(datetime(2026, 11, 19), datetime(2026, 11, 26), timezones=st.just(UTC))  # noqa: DTZ001 (bounds)
filters = st.builds(
    EventFilter,
    since=st.none() | times,
    until=st.none() | times,
    last=st.sampled_from(["", "", "24h", "7d", "30d"]),
    address=st.sampled_from(["", "", "192.0.2.0/24", "192.0.2.1/32", "2001:db8::/32", "ff00::/8", "0.0.0.0/0", "::/0"]),
    asn=st.sampled_from([None, None, 64500, 64502, 64999]),
    country=st.sampled_from(["", "", "MU", "SC", "FR"]),
    taxonomy=st.sampled_from(["", "", "vulnerable"]),
    type=st.sampled_from(["", "", "vulnerable-system", "nothing"]),
    identifier=st.sampled_from(["", "", "open-rdp"]),
    severity=st.sampled_from(["", "", *SEVERITIES[:3]]),
    feed=st.sampled_from(["", "", "scan_rdp"]),
    tlp=st.sampled_from(["", "", "", "GREEN", "RED"]),
    port=st.sampled_from([None, None, None, 443, 65535]),
    team=st.sampled_from(["", "", "one", "three", "nobody"]),
    text=st.sampled_from(["", "", "example", "AVALANCHE", "a+b", "e.e", "%", "somebody"]),
)
windows = st.builds(
    ScopeClause,
    teams=st.sampled_from([None, frozenset([1]), frozenset([2]), frozenset([1, 3])]),
    labels=st.sampled_from([None, frozenset(LABELS[:1]), frozenset(LABELS[1:3])]),
    fields=st.just(ALL_FIELDS),
)
# One label of everybody, and all of one team: neither labels nor teams alone decide.
MIXED = EventScope(
    (ScopeClause(None, frozenset(LABELS[:1]), ALL_FIELDS), ScopeClause(frozenset([1]), None, ALL_FIELDS))
)
sights = st.just(EVERYTHING) | st.lists(windows, max_size=2).map(merged)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> EventWorld:
    return make_world(tmp_path_factory.mktemp("events"))


def identities(rows: list[dict[str, Any]]) -> list[tuple[int, int]]:
    return [(row["ingest"], row["row"]) for row in rows]


def pages(
    events: Events, wanted: EventFilter, sight: EventScope, limit: int, order: EventOrder = EventOrder.RECEIVED
) -> list[tuple[int, int]]:
    """All rows, page after page."""
    found: list[tuple[int, int]] = []
    after = ""
    for _ in itertools.count():
        page = events.page(wanted, now=NOW, sight=sight, columns=["source.ip"], after=after, limit=limit, order=order)
        found += page.rows.select("ingest", "row").rows()
        after = page.cursor
        if not after:
            return found
    raise AssertionError


def allowed(wanted: EventFilter, sight: EventScope) -> bool:
    """Whether the team that is asked for may be asked for."""
    named = {"one": 1, "three": 3}.get(wanted.team)
    return named is None or sight.teams is None or named in sight.teams


@settings(max_examples=80)
@given(filters, sights)
@example(EventFilter(), MIXED)
@example(EventFilter(text="example"), MIXED)
def test_counts_are_those_of_a_recount(world: EventWorld, wanted: EventFilter, sight: EventScope) -> None:
    right = expected(world, wanted, lambda row: seen(row, sight)) if allowed(wanted, sight) else []
    figures = world.events.figures(wanted, now=NOW, sight=sight)
    assert figures.total == len(right)
    hours = Counter(int(time.timestamp()) // 3600 for row in right if (time := time_of(row)))
    assert dict(figures.hours.tolist()) == hours
    assert dict(figures.by["country"]) == Counter(map(country_of, right))
    assert dict(figures.by["type"]) == Counter(row["classification.type"] for row in right)
    assert dict(figures.by["feed"]) == Counter(row["feed.code"] for row in right)
    assert dict(figures.asns.tolist()) == Counter(as_of(row) or 0 for row in right)
    assert figures.labels == {(row["tlp"], row["pap"]) for row in right}
    for counts in figures.by.values():
        assert [n for _, n in counts] == sorted((n for _, n in counts), reverse=True)


@settings(max_examples=40)
@given(filters, sights, st.integers(1, 60))
def test_pages_hold_every_event_once_newest_first(
    world: EventWorld, wanted: EventFilter, sight: EventScope, limit: int
) -> None:
    right = expected(world, wanted, lambda row: seen(row, sight)) if allowed(wanted, sight) else []
    assert pages(world.events, wanted, sight, limit) == identities(right)
    by_time = sorted(right, key=lambda row: int(at.timestamp()) if (at := time_of(row)) else 0, reverse=True)
    assert pages(world.events, wanted, sight, limit, EventOrder.TIME) == identities(by_time)


@settings(max_examples=40)
@given(filters.filter(lambda wanted: bool(wanted.text)), sights)
def test_text_is_found_part_after_part_each_event_once(
    world: EventWorld, wanted: EventFilter, sight: EventScope
) -> None:
    small = replace(world.events, text_rows=90)
    parts = small.figures(wanted, now=NOW, sight=sight).parts
    found = [pages(small, replace(wanted, back=back), sight, 50) for back in range(parts)]
    right = expected(world, wanted, lambda row: seen(row, sight)) if allowed(wanted, sight) else []
    assert sorted(one for part in found for one in part) == sorted(identities(right))
    for back, part in enumerate(found):
        assert small.figures(replace(wanted, back=back), now=NOW, sight=sight).total == len(part)
    assert pages(small, replace(wanted, back=parts), sight, 50) == []
    assert pages(small, replace(wanted, back=EVERYWHERE), sight, 50) == identities(right)


def test_a_narrower_time_reaches_further_back(tmp_path: Path) -> None:
    world = make_world(tmp_path, seed=6)
    small = replace(world.events, text_rows=90)
    wanted = EventFilter(text="example")
    assert small.figures(wanted, now=NOW).parts > 1
    oldest = min(found for row in world.rows if (found := time_of(row)))
    narrow = replace(wanted, since=oldest, until=oldest + timedelta(minutes=1))
    right = expected(world, narrow, lambda _row: True)
    figures = small.figures(narrow, now=NOW)
    assert (figures.total, figures.parts) == (len(right), 1)


@settings(max_examples=25)
@given(filters, sights)
def test_batches_hold_what_pages_hold(world: EventWorld, wanted: EventFilter, sight: EventScope) -> None:
    found = [
        pair
        for batch in world.events.batches(wanted, now=NOW, sight=sight, rows=7)
        for pair in batch.select("ingest", "row").rows()
    ]
    assert sorted(found, reverse=True) == pages(world.events, wanted, sight, 50)


@settings(max_examples=40)
@given(filters, st.integers(1, 60))
def test_a_glance_shows_what_pages_show(world: EventWorld, wanted: EventFilter, limit: int) -> None:
    page = world.events.page(wanted, now=NOW, columns=["source.ip", "source.port"], limit=limit)
    glance = world.events.glance(wanted, now=NOW, limit=limit)
    assert glance is not None
    assert glance.cursor == page.cursor
    right = {(row["ingest"], row["row"]): row for row in world.rows}
    rows = [right[read_cursor(event) or (0, 0)] for event, _ in glance.rows]
    assert identities(rows) == page.rows.select("ingest", "row").rows()
    for row, (_, shown) in zip(rows, glance.rows, strict=True):
        at = time_of(row)
        assert shown == {
            **{name: row[name] for name in ("feed.code", "severity", "source.port", "tlp", "pap")},
            **{name: row[f"classification.{name[15:]}"] for name in shown if name.startswith("classification.")},
            "time.source": at and int(at.timestamp()),
            "source.ip": row["address"],
            "source.asn": as_of(row),
            "source.geolocation.cc": country_of(row),
        }


def test_a_glance_is_not_for_who_may_not_see_all_of_it(world: EventWorld) -> None:
    without_port = EventScope((ScopeClause(None, None, ALL_FIELDS - {"source.port"}),))
    assert world.events.glance(EventFilter(), now=NOW, sight=without_port) is None


def test_a_cursor_stays_where_it_was_when_more_is_heard(tmp_path: Path) -> None:
    world = make_world(tmp_path, seed=2)
    first = world.events.page(EventFilter(), now=NOW, limit=10)
    store = world.events.store
    newer = store.scan().collect().head(20).with_columns(ingest=9)
    store.commit(9, [store.write_part(newer, ingest=9, part=0, day=NOW.date())])
    store.compact(min_files=2)
    second = world.events.page(EventFilter(), now=NOW, limit=10, after=first.cursor)
    everything = identities(expected(world, EventFilter(), lambda _row: True))
    assert first.rows.select("ingest", "row").rows() == everything[:10]
    assert second.rows.select("ingest", "row").rows() == everything[10:20]
    assert world.events.page(EventFilter(), now=NOW, limit=1).rows["ingest"].to_list() == [9]


def test_what_a_window_does_not_show_is_not_in_the_rows(world: EventWorld) -> None:
    narrow = ScopeClause(frozenset([1]), None, ALL_FIELDS - {"source.account", "source.ip"})
    wide = ScopeClause(frozenset([2]), None, ALL_FIELDS)
    both = world.events.page(EventFilter(), now=NOW, sight=EventScope((narrow, wide)), limit=1_000).rows
    by_identity = {(row["ingest"], row["row"]): row for row in world.rows}
    assert both.height
    for ingest, number, account, hi in both.select("ingest", "row", "source.account", "source.ip.hi").rows():
        row = by_identity[ingest, number]
        of_two = not {2}.isdisjoint({*_teams(row)})
        assert account == (row["source.account"] if of_two else None)
        assert (hi is None) == (row["address"] is None or not of_two)
    # What is not shown of every event is not asked of any: the answer would tell.
    asked = EventFilter(address="192.0.2.0/24")
    assert world.events.figures(asked, now=NOW, sight=EventScope((narrow, wide))).total == 0
    assert world.events.figures(asked, now=NOW, sight=EventScope((wide,))).total > 0


def _teams(row: dict[str, Any]) -> list[int]:
    from support.event_examples import SETS

    return [*SETS[row["routed"]], *SETS[row["told"]]]


def test_one_event_is_found_by_its_identity_only_by_who_may_see_it(world: EventWorld) -> None:
    row = next(row for row in world.rows if _teams(row) == [3])
    cursor = f"{row['ingest']}-{row['row']}"
    found = world.events.one(cursor)
    assert found.select("ingest", "row", "source.fqdn").rows() == [(row["ingest"], row["row"], row["source.fqdn"])]
    stranger = EventScope((ScopeClause(frozenset([1, 2]), None, ALL_FIELDS),))
    assert world.events.one(cursor, sight=stranger).is_empty()
    for nonsense in ("", "1", "1-x", "99-1", "1-99999", "1-1-1", "-1-1", "99999999999-1"):
        assert world.events.one(nonsense).is_empty()


def test_how_many_events_there_are_is_not_said_to_who_sees_some(world: EventWorld) -> None:
    sight = EventScope((ScopeClause(frozenset([3]), None, ALL_FIELDS),))
    own = len(expected(world, EventFilter(), lambda row: seen(row, sight)))
    asked = EventFilter(type="vulnerable-system")
    assert world.events.figures(asked, now=NOW, sight=sight).stored == own
    assert world.events.figures(asked, now=NOW).stored == len(world.rows)


def test_many_threads_get_the_same_answers(tmp_path: Path) -> None:
    world = make_world(tmp_path, seed=3)
    asked = [EventFilter(asn=64502), EventFilter(country="MU"), EventFilter(text="example"), EventFilter()]
    found: list[tuple[EventFilter, int, int]] = []

    def ask() -> None:
        for wanted in asked:
            figures = world.events.figures(wanted, now=NOW)
            found.append((wanted, figures.total, world.events.page(wanted, now=NOW, limit=500).rows.height))

    threads = [threading.Thread(target=ask) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    right = {wanted: len(expected(world, wanted, lambda _row: True)) for wanted in asked}
    assert len(found) == 48
    assert all(total == rows == right[wanted] for wanted, total, rows in found)


def test_compaction_between_two_looks_changes_no_answer(tmp_path: Path) -> None:
    world = make_world(tmp_path, seed=4)
    files = world.events.store.files()
    right = identities(expected(world, EventFilter(), lambda _row: True))
    world.events.page(EventFilter(feed="nothing"), now=NOW)  # which files there are is known now
    world.events.store.compact(min_files=2)
    world.events.store.clean(reading=timedelta(0))
    assert set(world.events.store.files()).isdisjoint(files[4:])
    found = world.events.page(EventFilter(), now=NOW, columns=["source.url"], limit=1_000)
    assert found.rows.select("ingest", "row").rows() == right


@pytest.mark.file_times
def test_a_long_reading_is_of_the_moment_at_which_it_began(tmp_path: Path) -> None:
    world = make_world(tmp_path, seed=5)
    store = world.events.store
    figures, batches = world.events.whole(EventFilter(), now=NOW)
    read = [next(batches)]
    assert read[0].height < figures.total
    assert store.compact(min_files=2)
    assert store.delete_days_before(NOW.date() + timedelta(days=400))
    store.clean()
    assert world.events.figures(EventFilter(), now=NOW).total == 0
    read += batches
    found = sorted(identity for batch in read for identity in batch.select("ingest", "row").rows())
    assert found == sorted(identities(expected(world, EventFilter(), lambda _row: True)))
    assert figures.total == len(found)
    store.clean(reading=timedelta(0))
    assert not list(store.place.folder.rglob("*.parquet"))


def test_nothing_is_found_where_nothing_was_heard(tmp_path: Path) -> None:
    from tocsin.events.store import EventStore
    from tocsin.node.records import open_database, sqlite_url

    database = open_database(sqlite_url(tmp_path / "records.sqlite"))
    database.migrate()
    events = Events(EventStore(tmp_path / "events"), database, tmp_path / "digests", lambda _key: frozenset())
    figures = events.figures(EventFilter(text="x"), now=NOW)
    assert (figures.total, figures.stored, len(figures.hours), events.labels()) == (0, 0, 0, frozenset())
    assert events.page(EventFilter(), now=NOW).rows.is_empty()
    assert events.one("1-1").is_empty()


def test_cursors_that_are_none() -> None:
    assert read_cursor("12-3") == (12, 3)
    assert [read_cursor(text) for text in ("", "1", "a-1", "1-", "4294967296-1", "\N{ARABIC-INDIC DIGIT ONE}-1")] == [
        None
    ] * 6


def test_bounds_of_spans_begin_with_whole_hours_and_days() -> None:
    assert EventFilter(last="24h").bounds(NOW) == (datetime(2026, 11, 23, 13, tzinfo=UTC), None)
    assert EventFilter(last="7d").bounds(NOW) == (datetime(2026, 11, 18, tzinfo=UTC), None)
    assert NOW - EventFilter(last="30d").bounds(NOW)[0] < timedelta(days=30)  # type: ignore[operator]  # it is given
