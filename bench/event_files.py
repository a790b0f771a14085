"""Times the events page while the table has ever more files: each look comes after one more report.

python bench/event_files.py --files 50,299,305,1000
"""

import argparse
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl

from tocsin.events.browse import Events
from tocsin.events.filters import EventFilter
from tocsin.events.schema import COLUMNS
from tocsin.events.store import EventPart, EventStore
from tocsin.node.records import open_database, sqlite_url

FIRST = date(2026, 1, 1)
LOOKS = 5


def main() -> None:
    parser = argparse.ArgumentParser(description="Times the events page while the table has ever more files.")
    parser.add_argument("--files", default="50,299,305,1000", help="At these numbers of files it is looked.")
    parser.add_argument("--rows", type=int, default=1000, help="Of each file.")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="tocsin-bench-") as folder:
        found = list(measure(Path(folder), [int(count) for count in options.files.split(",")], options))
    json.dump(found, sys.stdout, indent=1)
    sys.stdout.write("\n")


def measure(folder: Path, counts: list[int], options: argparse.Namespace) -> Iterator[dict[str, object]]:
    store = EventStore(folder / "events")
    database = open_database(sqlite_url(folder / "records.sqlite"))
    database.migrate()
    events = Events(store, database, folder / "digests", lambda _: frozenset())
    rng = np.random.default_rng(options.seed)
    ingest = 0
    for count in counts:
        more = range(ingest + 1, ingest + 1 + count - LOOKS - len(store.files()))
        ingest = more.stop - 1
        store.commit(ingest, [part_of(store, rng, number, options.rows) for number in more])
        look(events, ingest)
        looks = []
        for _ in range(LOOKS):
            ingest += 1
            store.commit(ingest, [part_of(store, rng, ingest, options.rows)])
            looks.append(look(events, ingest))
        yield {
            "files": count,
            "p50": {
                name: {of: round(statistics.median(one[name][of] for one in looks), 1) for of in ("ms", "cpu_ms")}
                for name in looks[0]
            },
            "resident_mb": resident(),
            "open_files": len(list(Path("/proc/self/fd").iterdir())),
        }


def part_of(store: EventStore, rng: np.random.Generator, ingest: int, rows: int) -> EventPart:
    """One more report, seven each day."""
    day = FIRST + timedelta(days=ingest // 7)
    at = np.datetime64(day) + rng.integers(0, 86_400, rows).astype("timedelta64[s]")
    given = {
        "time.source": at.astype("datetime64[us]"),
        "feed.code": [f"feed-{ingest % 20}"] * rows,
        "classification.type": rng.choice(["vulnerable-system", "infected-system"], rows),
        "severity": rng.choice(["high", "medium", "low"], rows),
        "source.geolocation.cc": rng.choice(["MU", "SC", "DE", "US"], rows),
        "source.asn": rng.integers(64_500, 65_500, rows),
        "source.ip.hi": np.zeros(rows, np.int64),
        "source.ip.lo": rng.integers(0, 2**32, rows) | 0xFFFF << 32,
        "source.port": rng.integers(1, 65_536, rows),
        "ingest": [ingest] * rows,
        "row": np.arange(rows),
        "routed": rng.integers(0, 50, rows),
        "told": rng.integers(0, 50, rows),
    }
    columns = {
        name: pl.Series(name, given.get(name, [None] * rows)).cast(kind, strict=False)
        if name != "time.source"
        else pl.Series(name, given[name]).dt.replace_time_zone("UTC")
        for name, kind in COLUMNS.items()
    }
    return store.write_part(pl.DataFrame(columns), ingest=ingest, part=0, day=day)


def look(events: Events, ingest: int) -> dict[str, dict[str, float]]:
    """What the counts and the first rows of a page take, and questions that nobody asked before."""
    now = datetime.combine(FIRST + timedelta(days=ingest // 7 + 1), datetime.min.time(), UTC)
    asked = {
        "page": EventFilter(),
        "last_7_days": EventFilter(last="7d"),
        "new_as": EventFilter(asn=64_500 + ingest % 1000),
        "new_network": EventFilter(address=f"{ingest % 223 + 1}.{ingest % 256}.0.0/16"),
    }
    return {name: timed(events, wanted, now) for name, wanted in asked.items()}


def timed(events: Events, wanted: EventFilter, now: datetime) -> dict[str, float]:
    """Milliseconds, and those of the processor."""
    started, used = time.perf_counter(), time.process_time()
    events.figures(wanted, now=now)
    events.glance(wanted, now=now)
    return {"ms": (time.perf_counter() - started) * 1000, "cpu_ms": (time.process_time() - used) * 1000}


def resident() -> int:
    """Megabytes of memory that this process holds, mapped files among them."""
    status = Path("/proc/self/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith("VmRSS")).split()[1]) // 1024


if __name__ == "__main__":
    main()
