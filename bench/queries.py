"""Times questions over many stored events, `explain`, and small reports through `watch`.

python bench/queries.py --events 10000000
"""

import argparse
import json
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import polars as pl

import feed
from pipeline import tocsin
from tocsin.events.filters import EventFilter
from tocsin.events.store import EventQuery, EventStore
from tocsin.networks import parse_network
from tocsin.pipeline.ingest import ingest
from tocsin.pipeline.stores import NodeWithStores, open_node

DAYS = 10
SINCE = datetime(2026, 11, 18, tzinfo=UTC)
UNTIL = SINCE + timedelta(days=1)


def main() -> None:
    parser = argparse.ArgumentParser(description="Times questions over many stored events.")
    parser.add_argument("--events", type=int, default=10_000_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--folder", type=Path, help="Keep the node here, and use one that is there.")
    options = parser.parse_args()
    folder = options.folder or Path(tempfile.mkdtemp(prefix="tocsin-bench-"))
    try:
        json.dump(measure(folder, options.events, options.seed), sys.stdout, indent=1)
        sys.stdout.write("\n")
    finally:
        if options.folder is None:
            shutil.rmtree(folder)


def measure(folder: Path, events: int, seed: int) -> dict[str, object]:
    folder.mkdir(parents=True, exist_ok=True)
    home, world = folder / "home", feed.make_world(seed)
    if not (home / "events").exists():
        fill(folder, home, world, events, seed)
    node = open_node(home)
    store = node.store
    network = feed.v4_text(int(world.v4[len(world.v4) // 2])).rpartition(".")[0] + ".0/24"
    stored = store.scan().select(pl.len()).collect().item()
    return {
        "events": stored,
        "files": len(store.files()),
        "bytes_per_event": round(int(store.table.listing()["size_bytes"].sum()) / stored, 1),
        "one_24_ms": timed(lambda: ask(store, network)),
        "a_day_of_one_as_ms": timed(lambda: a_day_of_one_as(node)),
        "a_day_of_one_as_without_digests_ms": timed(
            lambda: store.find(EventQuery(asn=65_000, since=SINCE, until=UNTIL)).height
        ),
        "top_20_type_country_day_ms": timed(lambda: top_20(store)),
        "explain_cold_ms": timed(lambda: explain(home, network), runs=5),
        "watch_1000_rows_ms": watch(folder, home, world, seed),
    }


def fill(folder: Path, home: Path, world: feed.World, events: int, seed: int) -> None:
    """Ten days of reports, each heard on the morning after, then the nightly tidying."""
    for path in feed.write_directory(world, folder, seed):
        tocsin(home, "directory", "import", str(path))
    first = datetime(2026, 11, 13, tzinfo=UTC).date()
    for day in range(DAYS):
        inbox = folder / "reports"
        shutil.rmtree(inbox, ignore_errors=True)
        when = (first + timedelta(days=day)).isoformat()
        paths = feed.write_reports(world, inbox, events // DAYS, seed + day, when)
        ingest(open_node(home), paths, clock=partial(morning_after, day))
    shutil.rmtree(folder / "reports")
    tocsin(home, "retention", "apply")


def morning_after(day: int) -> datetime:
    return datetime(2026, 11, 14, 5, tzinfo=UTC) + timedelta(days=day)


def ask(store: EventStore, text: str) -> int:
    network = parse_network(text)
    if network is None:
        raise ValueError(text)
    return store.find(EventQuery(ranges=[(network.hi, network.lo, *network.last)])).height


def a_day_of_one_as(node: NodeWithStores) -> int:
    """All of them whole, as a file of them is made: the digests say where they are."""
    given = EventFilter(asn=65_000, since=SINCE, until=UNTIL)
    return sum(rows.height for rows in node.events.batches(given, now=UNTIL))


def top_20(store: EventStore) -> int:
    groups = ["classification.type", "source.geolocation.cc", pl.col("time.source").dt.date().alias("day")]
    return store.scan().group_by(groups).len().top_k(20, by="len").collect().height


def explain(home: Path, network: str) -> None:
    command = [str(Path(sys.executable).parent / "tocsin"), "--home", str(home), "--json", "explain", network]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


def watch(folder: Path, home: Path, world: feed.World, seed: int) -> float:
    """Milliseconds a report of 1,000 rows, twenty in one folder, with the start of the process."""
    inbox = folder / "inbox"
    shutil.rmtree(inbox, ignore_errors=True)
    paths = feed.write_reports(world, inbox, 1000 * len(feed.TYPES), seed + 99, "2026-11-23")
    time.sleep(1)
    started = time.monotonic()
    command = [str(Path(sys.executable).parent / "tocsin"), "--home", str(home), "watch", str(inbox), "--once"]
    subprocess.run(command, check=True, capture_output=True)
    return round((time.monotonic() - started) / len(paths) * 1000, 1)


def timed(function: Callable[[], object], runs: int = 15) -> dict[str, float]:
    """Milliseconds of a warm call: median and greatest."""
    function()
    took = []
    for _ in range(runs):
        started = time.perf_counter()
        function()
        took.append((time.perf_counter() - started) * 1000)
    return {"median": round(statistics.median(took), 1), "worst": round(max(took), 1)}


if __name__ == "__main__":
    main()
