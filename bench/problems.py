"""Times the list of problems over many stored events of fewer problems, each seen on every day.

python bench/problems.py --events 10000000
"""

import argparse
import json
import shutil
import sys
import tempfile
from datetime import UTC, date, datetime, timedelta
from functools import partial
from pathlib import Path

import feed
from pipeline import tocsin
from queries import DAYS, morning_after
from tocsin.pipeline.ingest import ingest
from tocsin.pipeline.stores import open_node

FIRST = date(2026, 11, 13)
NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


def main() -> None:
    parser = argparse.ArgumentParser(description="Times the list of problems over many stored events.")
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
    home = folder / "home"
    if not (home / "events").exists():
        fill(folder, home, events, seed)
    return {}


def fill(folder: Path, home: Path, events: int, seed: int) -> None:
    """Ten days of reports that find the same machines each day, then the nightly tidying."""
    world = feed.make_world(seed)
    folder.mkdir(parents=True, exist_ok=True)
    for path in feed.write_directory(world, folder, seed):
        tocsin(home, "directory", "import", str(path))
    for day in range(DAYS):
        inbox = folder / "reports"
        shutil.rmtree(inbox, ignore_errors=True)
        paths = feed.write_reports(world, inbox, events // DAYS, seed, (FIRST + timedelta(days=day)).isoformat())
        ingest(open_node(home), paths, clock=partial(morning_after, day))
    shutil.rmtree(folder / "reports")
    tocsin(home, "retention", "apply")


if __name__ == "__main__":
    main()
