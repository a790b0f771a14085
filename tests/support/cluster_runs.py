"""The feed of the cluster tests, how it is taken in, and what must be equal in the end wherever it was worked on."""

import json
import os
import random
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import polars as pl
from sqlalchemy import select

from support.cast import HEADER
from tocsin.delivery.models import DeliveryItem
from tocsin.events import Ingest, IngestState, TeamSet
from tocsin.node.records import KeyFiles
from tocsin.pipeline import commit as commitment
from tocsin.pipeline.ingest import ingest
from tocsin.pipeline.stores import NodeWithStores, open_node, writer
from tocsin.problems import NOTES

DAYS = ("2026-11-21", "2026-11-22")
REPORTS = 40
TESTS = Path(__file__).parents[1]


def write_feed(folder: Path, rows: int, seed: int = 1) -> None:
    """Forty reports, half of them of the next day; some come twice, and many rows do."""
    chance = random.Random(seed)
    before: list[str] = []
    for number in range(REPORTS):
        day = DAYS[number * len(DAYS) // REPORTS]
        path = folder / day / f"{day}-scan_rdp-test{number:02d}-geo.csv"
        path.parent.mkdir(parents=True, exist_ok=True)
        made = [_row(chance, day) for _ in range(rows // REPORTS)]
        if before:
            made = [chance.choice(before) if chance.random() < 0.2 else row for row in made]
        made[5:5] = ['"broken","","no address"']
        if number % 13 == 12:  # the same report once more, by another name
            made = before
        path.write_text("\n".join([HEADER, *made, ""]))
        before = made


def _row(chance: random.Random, day: str) -> str:
    kind = chance.random()
    address = (
        f"192.0.2.{chance.randrange(256)}" if kind < 0.5
        else f"203.0.113.{chance.randrange(256)}" if kind < 0.6
        else f"2001:db8:{chance.randrange(1 << 16):x}:{chance.randrange(4):x}::{chance.randrange(4):x}" if kind < 0.9
        else f"198.51.100.{chance.randrange(256)}"
    )  # fmt: skip
    at = f"{day} {chance.randrange(24):02d}:{chance.randrange(60):02d}:{chance.randrange(60):02d}"
    port = chance.choice((3389, 3390, 33890))
    return f'"{at}","medium","{address}","tcp",{port},"host{chance.randrange(9999)}.example","rdp",64500,"MU",,'


def take_in(home: Path, inbox: Path) -> int:
    """Take in the reports of each day as if it were its morning; 0 when all of them are in."""
    node = open_node(home)
    for day in DAYS:
        at = datetime.fromisoformat(f"{day}T06:00:00+00:00")
        summary = ingest(node, [inbox / day], clock=partial(_same, at))
        for name, error in summary.failed:
            print(f"{name}: {error!r} {error.__cause__!r}", file=sys.stderr, flush=True)  # noqa: T201
        if summary.failed:
            return 1
    return 0


def _same(at: datetime) -> datetime:
    return at


def start_taking_in(home: Path, inbox: Path, log: Path, **environment: str) -> "subprocess.Popen[bytes]":
    """The same in a process of its own."""
    with log.open("ab") as out:
        return subprocess.Popen(
            [sys.executable, "-m", "support.cluster_runs", home, inbox],
            stdout=out, stderr=out, cwd=TESTS, env={**os.environ, **environment},
        )  # fmt: skip


def truth(home: Path) -> dict[str, Any]:
    """All that must be equal, whatever numbers ingests and sets of teams have; tidied up first."""
    node = open_node(home)
    with writer(node):
        commitment.recover(node)
        commitment.clean(node)
        node.store.clean(reading=timedelta(0))
    with node.database.reading() as session:
        ingests = session.scalars(select(Ingest).where(Ingest.state == IngestState.COMMITTED)).all()
        sets = {0: (), **{row.number: tuple(row.members) for row in session.scalars(select(TeamSet))}}
        items = [(item.ingest, item.team_id, item.events, item.state) for item in session.scalars(select(DeliveryItem))]
    report = {0: "", **{one.number: one.report for one in ingests}}
    events = node.store.scan().collect()
    files = {file.name for file in node.store.place.list() if file.name.startswith("day=")}
    assert files == set(node.store.files()), "files that nobody lists, or lists in vain"
    assert events.select("ingest", "row").is_unique().all(), "a row is there twice"
    assert all(one.rows == one.stored + one.duplicates + one.quarantined for one in ingests)
    assert events.height == sum(one.stored for one in ingests)
    of_sets = {number: str(members) for number, members in sets.items()}
    names = {"ingest": report, "routed": of_sets, "told": of_sets}
    plain = events.with_columns(
        pl.col(name).replace_strict(of, return_dtype=pl.String) for name, of in names.items()
    ).sort("ingest", "row")
    return {
        "events": plain.select(sorted(name for name in plain.columns if plain[name].null_count() < plain.height)),
        "counts": sorted((one.report, one.rows, one.stored, one.duplicates, one.quarantined, one.problems_new,
                          one.problems_continuing, one.routed, one.unrouted, one.withheld) for one in ingests),
        "owed": Counter((report[ingest], *rest) for ingest, *rest in items),
        "notes": notes(node, report, sets),
        "keys": {day: everything(node.rows_of(datetime.fromisoformat(day).date()))[0] for day in DAYS},
    }  # fmt: skip


def everything(files: KeyFiles) -> tuple[list[int], list[list[int]]]:
    """What the key files of a folder and of its divisions hold; no key is in two divisions."""
    found, noted = files.everything(up_to=1 << 31)  # copies of what is in a bucket are here after that
    divisions = [path for path in files.folder.glob("*of*") if path.is_dir()]
    keys = [
        KeyFiles(path, columns=files.columns, passed=files.passed).everything(up_to=1 << 31)[0] for path in divisions
    ]
    owned = [key for some in keys for key in some.tolist()]
    assert len(owned) == len(set(owned)), "two owners have the same key"
    return found.tolist(), noted.tolist()


def notes(node: NodeWithStores, report: dict[int, str], sets: dict[int, tuple[int, ...]]) -> dict[int, dict[str, Any]]:
    """The notes of each problem, with names in place of numbers."""
    by = {"met_by", "seen_by", "told_by", "first_told_by", "escalated_by"}
    change: dict[str, Callable[[int], Any]] = {**dict.fromkeys(by, report.__getitem__), "told_set": sets.__getitem__}
    keys, rows = everything(node.tracker.files)
    return {
        key: {name: change.get(name, int)(value) for name, value in zip(NOTES, row, strict=True)}
        for key, row in zip(keys, rows, strict=True)
    }


def differences(found: dict[str, Any], wanted: dict[str, Any]) -> list[str]:
    """What is not equal, in words; empty where all is."""
    said = []
    for name, value in wanted.items():
        same = found[name].equals(value) if isinstance(value, pl.DataFrame) else found[name] == value
        if not same:
            said.append(f"{name}: {_first(found[name], value)}")
    return said


def _first(found: Any, wanted: Any) -> str:
    if isinstance(found, pl.DataFrame):
        left, right = (
            set(map(json.dumps, (list(map(str, row)) for row in one.iter_rows()))) for one in (found, wanted)
        )
        return f"{found.shape} for {wanted.shape}; more {sorted(left - right)[:2]}; lacks {sorted(right - left)[:2]}"
    if isinstance(found, dict):
        keys = [key for key in {*found, *wanted} if found.get(key) != wanted.get(key)]
        return f"{len(keys)} differ: {[(key, found.get(key), wanted.get(key)) for key in keys[:2]]}"
    more, lacks = ([one for one in left if one not in right][:3] for left, right in ((found, wanted), (wanted, found)))
    return f"more {more}; lacks {lacks}"


if __name__ == "__main__":
    sys.exit(take_in(*map(Path, sys.argv[1:])))
