"""Whether memory stays the same while days grow: nightly work, and many people on pages of a table of many files.

python bench/size.py --rows 10000000 --days 1 --files 260 --people 20 --seconds 60

A small real report of each type is taken in and told; its stored events are written again, with other addresses,
as the files of days that are over. Then `retention apply` runs, and people look at events before and after it.
"""

import argparse
import json
import random
import shutil
import sys
import tempfile
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
from sqlalchemy import func, select

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

import feed
from console_events import ask, at_once, resident, serving, session, some_events, visitor
from pipeline import run, tocsin
from tocsin.events import Ingest
from tocsin.pipeline.stores import NodeWithStores, open_node

SAMPLE = 20_000  # rows that are really taken in


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=10_000_000, help="Of each day.")
    parser.add_argument("--days", type=int, default=1)
    parser.add_argument("--files", type=int, default=260, help="Of each day.")
    parser.add_argument("--people", type=int, default=0, help="So many look at events before the nightly work.")
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--no-retention", action="store_true")
    parser.add_argument("--folder", type=Path, help="Keep the node here, and use one that is there.")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    folder = options.folder or Path(tempfile.mkdtemp(prefix="tocsin-bench-"))
    try:
        json.dump(measure(folder, options), sys.stdout, indent=1)
        sys.stdout.write("\n")
    finally:
        if options.folder is None:
            shutil.rmtree(folder)


def measure(folder: Path, options: argparse.Namespace) -> dict[str, object]:
    home = folder / "home"
    if not home.is_dir():
        make(folder, home, options)
    found: dict[str, object] = {"events": state(home)}
    if options.people:
        found["pages"] = look(home, options)
    if not options.no_retention:
        command = [str(Path(sys.executable).parent / "tocsin"), "--home", str(home), "--json", "retention", "apply"]
        said, cost = run(command)
        found |= {"retention": cost | json.loads(said), "events_after": state(home)}
        if options.people:
            found["pages_after"] = look(home, options)
    return found


def make(folder: Path, home: Path, options: argparse.Namespace) -> None:
    """A node with the events of days before this one."""
    folder.mkdir(parents=True, exist_ok=True)
    world = feed.make_world(options.seed)
    for path in feed.write_directory(world, folder, options.seed):
        tocsin(home, "directory", "import", str(path))
    tocsin(home, "ingest", *map(str, feed.write_reports(world, folder / "reports", SAMPLE, options.seed)))
    node = open_node(home)
    with node.database.reading() as records:
        first = records.scalars(select(Ingest).order_by(Ingest.number)).all()[0]
        number = records.scalar(select(func.max(Ingest.number))) or 0
    kept = {column.name: getattr(first, column.name) for column in Ingest.__table__.columns}
    models = node.store.scan().collect().partition_by("feed.code")
    rng = np.random.default_rng(options.seed)
    today = datetime.now(UTC).date()
    for day in (today - timedelta(days=back) for back in range(options.days, 0, -1)):
        for _ in range(options.files):
            number += 1
            rows = options.rows // options.files
            write(node, rng, models[number % len(models)], (number, rows), day)
            at = datetime.combine(day, datetime.min.time(), UTC)
            fresh = {"number": number, "shown_as": number, "content_hash": f"{number:064x}", "day": day}
            with node.database.begin() as records:
                records.add(Ingest(**{**kept, **fresh, "started_at": at, "rows": rows, "stored": rows, "parts": []}))


def write(
    node: NodeWithStores, rng: np.random.Generator, model: pl.DataFrame, size: tuple[int, int], day: date
) -> None:
    """One more file: rows of a report that was really taken in, each of another address and problem."""
    number, rows = size
    events = model[rng.integers(0, model.height, rows)]
    events = events.drop([name for name in events.columns if events[name].null_count() == rows])
    at = np.datetime64(day) + rng.integers(0, 86_400, rows).astype("timedelta64[s]")
    lower = pl.Series(rng.integers(1 << 24, 0xDF << 24, rows) | 0xFFFF << 32)
    fresh: dict[str, pl.Expr | pl.Series] = {
        "source.ip.lo": pl.when(pl.col("source.ip.hi") == 0).then(lower).otherwise("source.ip.lo"),
        "time.source": pl.Series(at.astype("datetime64[us]")).dt.replace_time_zone("UTC"),
        "ingest": pl.lit(number, dtype=pl.Int64),
        "row": pl.Series(np.arange(1, rows + 1)),
        "problem": pl.Series(rng.integers(-(2**63), 2**63 - 1, rows)),
    }
    node.store.commit(number, [node.store.write_part(events.with_columns(**fresh), ingest=number, part=0, day=day)])


def state(home: Path) -> dict[str, int]:
    listing = open_node(home).store.table.listing()
    return {
        "rows": int(listing["num_records"].sum()),
        "files": listing.height,
        "bytes": int(listing["size_bytes"].sum()),
    }


def look(home: Path, options: argparse.Namespace) -> dict[str, object]:
    """What the pages took, and the most memory that the server held: pages of files that it mapped apart."""
    node = open_node(home)
    with serving(home) as (pid, url), visitor(url, session(node)) as client:

        def open_page(rng: random.Random) -> tuple[str, float]:
            return "events", ask(client, some_events(rng))

        pages = at_once(pid, open_page, 1.0, options.seconds, options.seed, most=options.people)
        return {**pages, "resident_mb": resident(pid), "peak_mb": peak(pid)}


def peak(pid: int) -> int:
    status = Path(f"/proc/{pid}/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith("VmHWM")).split()[1]) // 1024


if __name__ == "__main__":
    main()
