"""Finished digests a second: claim, render, write and sync, on made-up events of many teams.

Run: ``.venv/bin/python bench/deliver.py [--teams 2000] [--seed 1] [--formats csv] [--seal openpgp|smime]``; prints one
JSON document. With ``--seal`` each digest is signed by the node and encrypted for a key of its team.
"""

import argparse
import json
import resource
import tempfile
import time
from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import numpy as np
import polars as pl
from pysequoia import Tsk

from tocsin.delivery import Sender, deliver, queue, release_items
from tocsin.delivery.channels.file import FileChannel
from tocsin.delivery.sealing import KeyRing, Seals, open_seals, read_own_keys
from tocsin.directory import AttachmentFormat, DigestInterval, Team
from tocsin.directory.keys import KeyFormat, TeamKey, key_facts, read_key_file
from tocsin.events.schema import COLUMNS
from tocsin.node.records import open_database, sqlite_url
from tocsin.node.settings import NodeSettings, Settings

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


def made_seals(form: KeyFormat, teams: Sequence[int], folder: Path, now: datetime) -> Seals:
    """Keys for all; OpenPGP: one for each team. S/MIME: a few certificates, as making RSA keys takes long."""
    settings = Settings(node=NodeSettings(contact="csirt@csirt.example"))
    database = open_database(sqlite_url(folder / "keys.sqlite"))
    database.migrate()
    KeyRing(folder, settings, database, "bench").make(form, years=1, now=datetime.now(UTC))
    contents: list[bytes] = []
    for number in range(len(teams) if form is KeyFormat.OPENPGP else min(len(teams), 20)):
        if form is KeyFormat.OPENPGP:
            contents.append(bytes(Tsk.generate(f"Example {number}").extract_certificate()))
        else:
            ring = KeyRing(folder / str(number), settings, database, "bench")
            ring.make(form, years=1, now=datetime.now(UTC))
            public = read_own_keys(ring.home, settings.mail).of(form)
            contents += [content for _, content in read_key_file(public.public.encode()).keys] if public else []

    def keys_of(team: int) -> list[TeamKey]:
        content = contents[team % len(contents)]
        facts = key_facts(form, content)
        return [TeamKey(UUID(int=team), team, facts, content, True, False, "bench", "", now)]

    return open_seals(folder, settings.mail, keys_of, now)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--teams", type=int, default=2_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--formats", default="csv")
    parser.add_argument("--seal", choices=[form.value for form in KeyFormat], default=None)
    parser.add_argument("--folder", type=Path, default=None, help="where the mails are written; a temporary folder")
    options = parser.parse_args()
    random = np.random.default_rng(options.seed)
    sizes = np.clip(random.lognormal(4.5, 1.0, options.teams).astype(int), 20, 1_000)
    frames = {n: made_events(int(size), random, n) for n, size in enumerate(sizes, start=1)}
    formats = tuple(AttachmentFormat(name) for name in options.formats.split(","))
    teams = {
        n: Team(
            n, UUID(int=n), f"t{n}", f"Example {n}", mailboxes=(f"noc@t{n}.example",), interval=DigestInterval.AT_ONCE
        )
        for n in frames
    }
    teams = {
        n: replace(t, formats=formats, ceiling="AMBER", encrypt=options.seal is not None) for n, t in teams.items()
    }
    now = datetime.now(UTC) + timedelta(minutes=5) if options.seal else NOW

    def events_of(_ingests: Sequence[int], wanted: Collection[int]) -> Iterator[tuple[int, pl.DataFrame]]:
        for number in wanted:
            yield number, frames[number]

    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        database = open_database(sqlite_url(Path(folder) / "records.sqlite"))
        database.migrate()
        with database.begin() as session:
            counts = {n: frame.height for n, frame in frames.items()}
            queue(session, ingest=1, counts=counts, teams=teams, now=now)
            release_items(session, [1])
        seals = made_seals(KeyFormat(options.seal), list(teams), Path(folder), now) if options.seal else Seals()
        cpu = time.process_time()
        started = time.perf_counter()
        summary = deliver(
            database,
            teams=teams,
            events_of=events_of,
            channel=FileChannel(Path(folder) / "mails"),
            node=Sender(UUID(int=1), Settings(), seals=seals),
            now=now,
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
        "seal": options.seal,
    }
    print(json.dumps(report))


if __name__ == "__main__":
    main()
