"""A small table of random events with everything that can differ, and what a person would count in it by hand."""

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any

import polars as pl

from tocsin.events.browse import Events
from tocsin.events.filters import TEXT_FIELDS, EventFilter
from tocsin.events.models import TeamSet
from tocsin.events.schema import COLUMNS
from tocsin.events.scope import EventScope
from tocsin.events.store import EventStore
from tocsin.node.records import open_database, sqlite_url

NOW = datetime(2026, 11, 24, 12, 30, tzinfo=UTC)
SETS = {0: [], 1: [1], 2: [2], 3: [1, 2], 4: [3]}
TEAMS = {"one": 1, "two": 2, "three": 3}
LABELS = [("AMBER", "AMBER"), ("GREEN", None), (None, None), ("RED", "RED")]
ADDRESSES = ["192.0.2.1", "192.0.2.200", "198.51.100.7", "2001:db8::1", "2001:db8:1::2", "ff02::1", None]
VALUES: dict[str, list[Any]] = {
    "feed.code": ["scan_rdp", "sinkhole", None],
    "classification.taxonomy": ["vulnerable", None],
    "classification.type": ["vulnerable-system", "infected-system"],
    "classification.identifier": ["open-rdp", "avalanche", None],
    "severity": ["high", "low", None],
    "source.geolocation.cc": ["MU", "SC", None],
    "network.country": ["MU", None],
    "source.asn": [64500, 64501, None],
    "network.asn": [64502, None],
    "source.fqdn": ["mail.example", "WWW.Example", "a+b.example", None],
    "malware.name": ["avalanche", None],
    "source.port": [443, 0, 65535, None],
    "source.account": ["somebody", None],
    "routed": list(SETS),
    "told": list(SETS),
}


@dataclass(frozen=True)
class EventWorld:
    """The events of a node, and all its rows as plain data."""

    events: Events = field(repr=False)
    rows: list[dict[str, Any]] = field(repr=False)


def make_world(folder: Path, *, seed: int = 1) -> EventWorld:
    """Three days of five ingests in ten parts; the first day compacted into files in the order of addresses."""
    rng = random.Random(seed)
    store = EventStore(folder / "events")
    database = open_database(sqlite_url(folder / "records.sqlite"))
    database.migrate()
    with database.begin() as session:
        session.add_all(TeamSet(number=number, members=members) for number, members in SETS.items() if number)
    rows: list[dict[str, Any]] = []
    for ingest in range(1, 6):
        parts = []
        for part in range(2):
            some = [_row(rng, ingest, part * 40 + place + 1) for place in range(40)]
            rows += some
            frame = pl.DataFrame([_columns(row) for row in some], schema=COLUMNS)
            day = date(2026, 11, 21 + ingest // 2)
            parts.append(store.write_part(frame, ingest=ingest, part=part, day=day))
        store.commit(ingest, parts)
        if ingest == 3:
            store.compact(min_files=2)
    numbers = {name: frozenset([number]) for name, number in TEAMS.items()}
    events = Events(store, database, folder / "digests", lambda key: numbers.get(key, frozenset()))
    return EventWorld(events, rows)


def expected(
    world: EventWorld, wanted: EventFilter, fits_sight: Callable[[dict[str, Any]], bool]
) -> list[dict[str, Any]]:
    """The rows that fit, newest first, counted by hand."""
    fitting = [row for row in world.rows if fits(row, wanted) and fits_sight(row)]
    return sorted(fitting, key=lambda row: (row["ingest"], row["row"]), reverse=True)


def fits(row: dict[str, Any], wanted: EventFilter) -> bool:
    """Whether a row meets every condition."""
    since, until = wanted.bounds(NOW)
    at = time_of(row)
    address = row["address"]
    teams = {*SETS[row["routed"]], *SETS[row["told"]]}
    text = wanted.text.lower()
    return (
        (since is None or (at is not None and at >= since))
        and (until is None or (at is not None and at < until))
        and (not wanted.address or (address is not None and _inside(address, wanted.address)))
        and (wanted.asn is None or as_of(row) == wanted.asn)
        and (not wanted.country or country_of(row) == wanted.country)
        and all(
            not value or row[column] == value
            for column, value in {
                "classification.taxonomy": wanted.taxonomy,
                "classification.type": wanted.type,
                "classification.identifier": wanted.identifier,
                "severity": wanted.severity,
                "feed.code": wanted.feed,
                "tlp": wanted.tlp,
                "source.port": wanted.port,
            }.items()
        )
        and (not wanted.team or TEAMS.get(wanted.team) in teams)
        and (not text or any(text in (row.get(name) or "").lower() for name in TEXT_FIELDS))
    )


def seen(row: dict[str, Any], sight: EventScope) -> bool:
    """Whether a row fits one of the windows."""
    teams = {*SETS[row["routed"]], *SETS[row["told"]]}
    return any(
        (window.teams is None or not teams.isdisjoint(window.teams))
        and (window.labels is None or (row["tlp"], row["pap"]) in window.labels)
        for window in sight.windows
    )


def time_of(row: dict[str, Any]) -> datetime | None:
    """When the event was."""
    found: datetime | None = row["time.source"] or row["time.observation"]
    return found


def as_of(row: dict[str, Any]) -> int | None:
    """The AS of our tables, else the feed's."""
    found: int | None = row["network.asn"] or row["source.asn"]
    return found


def country_of(row: dict[str, Any]) -> str | None:
    """The country of our tables, else the feed's."""
    found: str | None = row["network.country"] or row["source.geolocation.cc"]
    return found


def _inside(address: str, network: str) -> bool:
    one, other = ip_address(address), ip_network(network)
    return one.version == other.version and one in other


def _row(rng: random.Random, ingest: int, number: int) -> dict[str, Any]:
    at = datetime(2026, 11, 19 + ingest, tzinfo=UTC) + timedelta(seconds=rng.randrange(86_400))
    row = {name: rng.choice(values) for name, values in VALUES.items()}
    row["tlp"], row["pap"] = rng.choice(LABELS)
    row["time.source"] = rng.choice([at, at, at, None])
    row["time.observation"] = at + timedelta(hours=2)
    row["address"] = rng.choice(ADDRESSES)
    return {**row, "ingest": ingest, "row": number, "problem": number * 7 - 100, "fresh": True}


def _columns(row: dict[str, Any]) -> dict[str, Any]:
    hi, lo = (None, None) if row["address"] is None else _halves(row["address"])
    return {**{name: row.get(name) for name in COLUMNS}, "source.ip.hi": hi, "source.ip.lo": lo}


def _halves(address: str) -> tuple[int, int]:
    parsed = ip_address(address)
    number = int(parsed) if parsed.version == 6 else int(parsed) | 0xFFFF << 32
    return _signed(number >> 64), _signed(number & 2**64 - 1)


def _signed(value: int) -> int:
    return value - 2**64 if value >= 2**63 else value
