"""Finished digests a second: claim, render, write and sync, on made-up events of many teams.

Run: ``.venv/bin/python bench/deliver.py [--teams 2000] [--seed 1] [--formats csv]``; prints one JSON document.
"""

import argparse
import json
import resource
import tempfile
import time
from collections.abc import Collection, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import numpy as np
import polars as pl

from tocsin.delivery import Node, deliver, queue, release_items
from tocsin.delivery.channels.file import FileChannel
from tocsin.directory import Format, Interval, Team
from tocsin.events.schema import COLUMNS
from tocsin.records import open_database, sqlite_url
from tocsin.settings import Settings

NOW = datetime(2026, 11, 24, 6, tzinfo=UTC)
KINDS = (
    ("infected-system", "andromeda", "high"),
    ("infected-system", "mirai", "high"),
    ("vulnerable-system", "open-rdp", "medium"),
    ("vulnerable-system", "dns-open-resolver", "low"),
    ("vulnerable-system", "open-mongodb", "high"),
    ("other", "accessible-http", "info"),
    ("scanner", "honeypot-http-scan", "medium"),
)


def made_events(rows: int, random: np.random.Generator, team: int) -> pl.DataFrame:
    kind = random.integers(0, len(KINDS), rows)
    address = random.integers(1 << 24, 223 << 24, rows)
    given = {
        "time.source": [NOW - timedelta(seconds=int(s)) for s in random.integers(0, 86_400, rows)],
        "time.observation": [NOW] * rows,
        "classification.taxonomy": ["vulnerable"] * rows,
        "classification.type": [KINDS[k][0] for k in kind],
        "classification.identifier": [KINDS[k][1] for k in kind],
        "rsit.type": [KINDS[k][0] for k in kind],
        "severity": [KINDS[k][2] for k in kind],
        "source.ip.hi": [0] * rows,
        "source.ip.lo": (address + (0xFFFF << 32)).tolist(),
        "source.port": random.integers(1, 65_535, rows).tolist(),
        "source.asn": [64_500 + team] * rows,
        "source.as_name": [f"EXAMPLE-{team}"] * rows,
        "source.geolocation.cc": ["MU"] * rows,
        "source.geolocation.city": ["Port Louis"] * rows,
        "source.reverse_dns": [f"host-{a}.example.net" for a in address],
        "destination.port": random.integers(1, 65_535, rows).tolist(),
        "protocol.transport": ["tcp"] * rows,
        "protocol.application": ["http"] * rows,
        "feed.provider": ["Example Feeds"] * rows,
        "feed.name": ["Open ports"] * rows,
        "feed.code": ["open-ports"] * rows,
        "feed.accuracy": [100.0] * rows,
        "tlp": ["AMBER"] * rows,
        "pap": ["GREEN"] * rows,
        "network.asn": [64_500 + team] * rows,
        "network.country": ["MU"] * rows,
        "extra": ['{"tag":"example","banner":"Server: example/1.0 (made up)","ssl_version":2}'] * rows,
        "ingest": [1] * rows,
        "row": list(range(1, rows + 1)),
        "problem": random.integers(-(1 << 62), 1 << 62, rows).tolist(),
        "told": [team] * rows,
    }
    frame = pl.DataFrame({name: given.get(name, [None] * rows) for name in COLUMNS}, schema=COLUMNS)
    return frame.with_columns(pl.Series("problem.new", random.random(rows) < 0.3))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--teams", type=int, default=2_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--formats", default="csv")
    parser.add_argument("--folder", type=Path, default=None, help="where the mails are written; a temporary folder")
    options = parser.parse_args()
    random = np.random.default_rng(options.seed)
    sizes = np.clip(random.lognormal(4.5, 1.0, options.teams).astype(int), 20, 1_000)
    frames = {n: made_events(int(size), random, n) for n, size in enumerate(sizes, start=1)}
    formats = tuple(Format(name) for name in options.formats.split(","))
    teams = {
        n: Team(n, UUID(int=n), f"t{n}", f"Example {n}", mailboxes=(f"noc@t{n}.example",), interval=Interval.AT_ONCE)
        for n in frames
    }
    teams = {
        n: Team(n, t.uuid, t.key, t.name, mailboxes=t.mailboxes, interval=t.interval, formats=formats, ceiling="AMBER")
        for n, t in teams.items()
    }

    def events_of(_ingests: Sequence[int], wanted: Collection[int]) -> Iterator[tuple[int, pl.DataFrame]]:
        for number in wanted:
            yield number, frames[number]

    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        database = open_database(sqlite_url(Path(folder) / "records.sqlite"))
        database.migrate()
        with database.begin() as session:
            counts = {n: frame.height for n, frame in frames.items()}
            queue(session, ingest=1, counts=counts, teams=teams, now=NOW)
            release_items(session, 1)
        cpu = time.process_time()
        started = time.perf_counter()
        summary = deliver(
            database,
            teams=teams,
            events_of=events_of,
            channel=FileChannel(Path(folder) / "mails"),
            node=Node(UUID(int=1), Settings()),
            now=NOW,
        )
        seconds = time.perf_counter() - started
        cpu = time.process_time() - cpu
        size = sum(path.stat().st_size for path in (Path(folder) / "mails").rglob("*.eml"))
    report = {
        "digests": summary.digests,
        "events": summary.events,
        "mail_bytes": size,
        "seconds": round(seconds, 3),
        "cpu_seconds": round(cpu, 3),
        "digests_per_second": round(summary.digests / seconds, 1),
        "events_per_second": round(summary.events / seconds),
        "peak_memory_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
        "formats": options.formats,
    }
    print(json.dumps(report))


if __name__ == "__main__":
    main()
