"""Times the list of problems over many stored events of fewer problems, each seen on every day.

python bench/problems.py --events 10000000
"""

import argparse
import json
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from datetime import time as time_of_day
from functools import partial
from pathlib import Path
from urllib.parse import parse_qsl

from starlette.testclient import TestClient

import feed
from console_events import session
from pipeline import tocsin
from queries import DAYS
from tocsin.pipeline.ingest import ingest
from tocsin.pipeline.stores import NodeWithStores, open_node
from tocsin.problems import ProblemSearch, problem_text
from tocsin.server.security import COOKIE
from tocsin.server.server import make_application

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


# What people ask for, as conditions of an address.
QUESTIONS: dict[str, str] = {
    "open": "",
    "all": "state=any",
    "overdue_first": "state=any&sort=due",
    "team": "team=Team+0004",
    "kind": "kind=open-rdp",
    "network": "address=9.9.0.0/16",
    "severity_and_feed": "severity=high&feed=scan_smb",
    "page_100": "first=5000",
}
TIMES = 20


def measure(folder: Path, events: int, seed: int) -> dict[str, object]:
    home = folder / "home"
    if not (home / "events").exists():
        fill(folder, home, events, seed)
    node = open_node(home)
    (node.compiled / "problems.parquet").unlink(missing_ok=True)
    made = seconds(lambda: node.problems.find(ProblemSearch(), now=NOW))
    node.problems.keep()
    again = open_node(home)
    return {
        "events": int(node.store.table.listing()["num_records"].sum()),
        "problems": node.problems.find(ProblemSearch(), now=NOW).total,
        "made_seconds": made,
        "read_again_seconds": seconds(lambda: again.problems.find(ProblemSearch(), now=NOW)),
        "found_ms": {
            name: round(
                1000 * seconds(partial(again.problems.find, ProblemSearch.read(dict(parse_qsl(query))), now=NOW)), 1
            )
            for name, query in QUESTIONS.items()
            if "any" not in query
        },
        "pages": pages(again),
    }


def pages(node: NodeWithStores) -> dict[str, object]:
    """Whole answers of a server, milliseconds: the first, then the median and 95th percentile of the others."""
    application = make_application(node, clock=lambda: NOW)
    with TestClient(application, base_url="http://127.0.0.1", cookies={COOKIE: session(node)}) as browser:
        browser.get("/problems").raise_for_status()
        key = problem_text(int(node.problems.find(ProblemSearch(), now=NOW).keys[0]))
        asked = {name: f"/problems?{query}" for name, query in QUESTIONS.items()} | {"problem": f"/problems/{key}"}
        return {
            name: _spread([seconds(partial(browser.get, path)) for _ in range(TIMES)]) for name, path in asked.items()
        }


def _spread(times: list[float]) -> dict[str, float]:
    first, *others = [round(time * 1000, 1) for time in times]
    others.sort()
    return {"first": first, "p50": others[len(others) // 2], "p95": others[int(len(others) * 0.95)]}


def seconds(function: Callable[[], object]) -> float:
    started = time.perf_counter()
    function()
    return round(time.perf_counter() - started, 4)


def fill(folder: Path, home: Path, events: int, seed: int, first: date = FIRST) -> None:
    """Ten days of reports, from ``first`` on, that find the same machines each day; then the nightly tidying."""
    world = feed.make_world(seed)
    folder.mkdir(parents=True, exist_ok=True)
    for path in feed.write_directory(world, folder, seed):
        tocsin(home, "directory", "import", str(path))
    for day in range(DAYS):
        inbox = folder / "reports"
        shutil.rmtree(inbox, ignore_errors=True)
        paths = feed.write_reports(world, inbox, events // DAYS, seed, (first + timedelta(days=day)).isoformat())
        ingest(open_node(home), paths, clock=partial(_morning_after, first + timedelta(days=day)))
    shutil.rmtree(folder / "reports")
    tocsin(home, "retention", "apply")


def _morning_after(day: date) -> datetime:
    return datetime.combine(day, time_of_day(5), UTC) + timedelta(days=1)


if __name__ == "__main__":
    main()
