"""The event table: each ingest once, and queries that a plain recount confirms."""

from datetime import UTC, date, datetime, timedelta
from ipaddress import ip_address, ip_network
from pathlib import Path

import polars as pl
import pytest

from tocsin.events.schema import COLUMNS
from tocsin.events.store import EventQuery, EventStore
from tocsin.networks import parse_network
from tocsin.node.errors import StorageError
from tocsin.node.place import Place

DAY = date(2026, 11, 24)
NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
ADDRESSES = [
    "192.0.2.1",
    "192.0.2.77",
    "198.51.100.9",
    "2001:db8::1",
    "2001:db8:0:1::ff",
    "ff02::1",
    "fe80::8000:0:0:1",
]


def halves(address: str) -> tuple[int, int]:
    parsed = ip_address(address)
    number = int(parsed) if parsed.version == 6 else int(parsed) | 0xFFFF << 32
    return number >> 64, number & 2**64 - 1


def signed(value: int) -> int:
    return value - 2**64 if value >= 2**63 else value


def events(addresses: list[str], *, ingest: int, first: int = 0) -> pl.DataFrame:
    count = len(addresses)
    given = {
        "source.ip.hi": [signed(halves(address)[0]) for address in addresses],
        "source.ip.lo": [signed(halves(address)[1]) for address in addresses],
        "source.asn": [64_500 + (first + row) % 3 for row in range(count)],
        "time.source": [NOON + timedelta(minutes=first + row) for row in range(count)],
        "classification.type": ["scanner" if row % 2 else "phishing" for row in range(count)],
        "ingest": [ingest] * count,
        "row": list(range(1, count + 1)),
        "told": [ingest] * count,
    }
    return pl.DataFrame({name: given.get(name, [None] * count) for name in COLUMNS}, schema=COLUMNS)


def filled(at: Path | Place, ingests: int = 3) -> EventStore:
    store = EventStore(at)
    for number in range(1, ingests + 1):
        frame = events(ADDRESSES, ingest=number, first=number * 10)
        store.commit(number, [store.write_part(frame, ingest=number, part=0, day=DAY)])
    return store


def test_what_is_not_committed_is_not_seen_and_a_repeated_commit_adds_nothing(place: Place) -> None:
    store = EventStore(place)
    part = store.write_part(events(ADDRESSES, ingest=1), ingest=1, part=0, day=DAY)
    assert store.find(EventQuery()).is_empty()
    assert store.last_committed() == 0

    store.commit(1, [part])
    store.commit(1, [part])

    assert store.find(EventQuery()).height == len(ADDRESSES)
    assert store.last_committed() == 1
    with pytest.raises(StorageError, match="shows ingest 1 already"):
        store.commit(0, [part])


@pytest.mark.parametrize("compacted", [False, True])
@pytest.mark.parametrize(
    "cidr", ["192.0.2.0/24", "192.0.2.77/32", "2001:db8::/32", "2001:db8::/127", "fe80::/10", "::/0"]
)
def test_a_prefix_finds_exactly_the_addresses_inside_it(tmp_path: Path, cidr: str, *, compacted: bool) -> None:
    store = filled(tmp_path)
    if compacted:
        store.compact(min_files=2)
    inside = [a for a in ADDRESSES if ip_address(a) in ip_network(cidr)]
    network = parse_network(cidr)
    assert network is not None

    found = store.find(EventQuery(ranges=network.ranges))

    assert sorted(zip(found["source.ip.hi"], found["source.ip.lo"], strict=True)) == sorted(
        (signed(halves(a)[0]), signed(halves(a)[1])) for a in inside * 3
    )


def test_conditions_are_joined_and_the_newest_come_first(tmp_path: Path) -> None:
    store = filled(tmp_path)

    found = store.find(EventQuery(asn=64_501, type="scanner", since=NOON + timedelta(minutes=20)))
    assert set(found["source.asn"]) == {64_501}
    assert set(found["classification.type"]) == {"scanner"}
    assert found["time.source"].to_list() == sorted(found["time.source"], reverse=True)

    newest = store.find(EventQuery(), limit=4)
    assert newest["time.source"].to_list() == [NOON + timedelta(minutes=36 - back) for back in range(4)]


@pytest.mark.file_times
def test_compaction_changes_no_answer_and_clean_removes_the_old_files(place: Place) -> None:
    store = filled(place, ingests=9)
    before = store.find(EventQuery())

    saved = store.compact()

    assert saved > 0
    assert store.find(EventQuery()).equals(before)
    assert store.clean() == 0  # somebody may still read them
    assert store.clean(reading=timedelta(0)) == 9
    assert store.find(EventQuery()).equals(before)
    assert store.last_committed() == 9


def test_a_day_that_is_over_is_tidied_once_however_few_its_files(tmp_path: Path) -> None:
    store = filled(tmp_path, ingests=2)
    before = store.find(EventQuery())

    assert store.compact(today=DAY) == 0
    store.compact(today=DAY + timedelta(days=1))

    tidied = store.files()
    assert len({path for path in tidied if "compact" in path}) == len(tidied)
    assert store.find(EventQuery()).equals(before)
    store.compact(today=DAY + timedelta(days=2))
    assert store.files() == tidied


def test_a_day_of_many_small_reports_has_few_files_and_the_same_rows(tmp_path: Path) -> None:
    store = filled(tmp_path, ingests=0)
    for number in range(1, 101):
        store.commit(number, [store.write_part(events(ADDRESSES, ingest=number), ingest=number, part=0, day=DAY)])
        store.merge(DAY)

    assert len(store.files()) <= 8
    found = store.find(EventQuery()).select("ingest", "row").sort("ingest", "row")
    assert found.rows() == [(number, row) for number in range(1, 101) for row in range(1, len(ADDRESSES) + 1)]
    assert store.last_committed() == 100


def test_what_was_never_committed_goes_at_once(place: Place) -> None:
    store = filled(place, ingests=2)
    store.write_part(events(ADDRESSES, ingest=3), ingest=3, part=0, day=DAY)

    assert store.clean() == 1
    assert store.unlisted() == []


def test_each_team_gets_exactly_the_events_of_its_sets(tmp_path: Path) -> None:
    store = filled(tmp_path)

    told = {team: frame.height for team, frame in store.told([1, 2], {1: [7], 2: [7, 8], 3: [8]}, [7, 8])}

    assert told == {7: 2 * len(ADDRESSES), 8: len(ADDRESSES)}


def test_old_days_are_deleted_whole(place: Place) -> None:
    store = filled(place)

    assert store.delete_days_before(DAY) == 0
    assert store.delete_days_before(DAY + timedelta(days=1)) == 3 * len(ADDRESSES)
    assert store.find(EventQuery()).is_empty()
    assert store.last_committed() == 3


def test_a_purged_event_is_in_no_file_and_no_version_and_readers_go_on(place: Place) -> None:
    store, reader = filled(place), EventStore(place)
    store.compact(min_files=1)
    before = reader.find(EventQuery())
    assert before.height == 3 * len(ADDRESSES)

    store.purge(2, [1, 3])
    store.purge(3, None)
    store.purge(3, None)  # again, as after a kill

    after = reader.find(EventQuery())
    kept = {(1, row) for row in range(1, 8)} | {(2, row) for row in (2, 4, 5, 6, 7)}
    assert set(after.select("ingest", "row").iter_rows()) == kept
    here = {file.name for file in place.list()}
    on_disk = [store.scan_file(name).select("ingest", "row").collect() for name in here if name.startswith("day=")]
    assert {pair for frame in on_disk for pair in frame.iter_rows()} == kept
    newest = f"{store.table.version():020d}"
    log = {name.removeprefix("_delta_log/") for name in here if not name.startswith("day=")}
    assert log == {"_last_checkpoint", f"{newest}.checkpoint.parquet", f"{newest}.json"}
    assert (store.last_committed(), EventStore(place).last_committed()) == (3, 3)
    store.commit(4, [store.write_part(events(ADDRESSES, ingest=4), ingest=4, part=0, day=DAY)])
    assert reader.find(EventQuery()).height == len(kept) + len(ADDRESSES)
