"""Times the real `ingest` up to committed deliveries, then `deliver`, beside plain Polars CSV → Parquet.

python bench/pipeline.py --rows 2000000 --known 50000000

``--known``: the home knows so many problems already, and the rows of the seven days up to today, as many a day as are
taken in. Their keys are made up, as `tocsin ingest` and the nightly `retention apply` would have left them.

``--work processes --workers 2``: the same reports once more, by workers beside; CPU seconds are of all processes.
"""

import argparse
import ctypes
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Thread
from typing import Any

import numpy as np

import feed
from tocsin.node.records import LARGE_MERGE, KeyFiles
from tocsin.problems import NOTES

_PR_SET_CHILD_SUBREAPER = 36  # prctl(2)
_BATCH = 1_000_000  # made-up keys that are written at a time

FLOOR = """
import sys, polars as pl
from pathlib import Path
for number, name in enumerate(sys.argv[2:]):
    reader = pl.scan_csv(name, infer_schema=False)
    reader.sink_parquet(Path(sys.argv[1]) / f"{number}.parquet", compression="zstd", compression_level=1)
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=2_000_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--folder", type=Path, help="Keep the inputs and the node here, and use inputs that are there.")
    parser.add_argument("--known", type=int, default=0, help="Problems that the node knows already.")
    parser.add_argument("--no-deliver", action="store_true")
    parser.add_argument(
        "--work", choices=["process", "processes"], default="process", help="Where to work, beside one."
    )
    parser.add_argument("--workers", type=int, default=0)
    options = parser.parse_args()
    folder = options.folder or Path(tempfile.mkdtemp(prefix="tocsin-bench-"))
    folder.mkdir(parents=True, exist_ok=True)
    try:
        json.dump(measure(folder, options), sys.stdout, indent=1)
        sys.stdout.write("\n")
    finally:
        if options.folder is None:
            shutil.rmtree(folder)


def measure(folder: Path, options: argparse.Namespace) -> dict[str, object]:
    rows, seed = options.rows, options.seed
    world = feed.make_world(seed)
    inbox, home = folder / f"reports-{rows}", folder / "home"
    reports = sorted(inbox.glob("*.csv")) or feed.write_reports(world, inbox, rows, seed)
    shutil.rmtree(home, ignore_errors=True)
    for path in feed.write_directory(world, folder, seed):
        tocsin(home, "directory", "import", str(path))
    if options.known:
        known = folder / f"known-{options.known}-{rows}-{datetime.now(UTC).date()}"
        if not known.is_dir():
            make_known(known, options.known, rows, seed)
        # Links: key files are never changed, only replaced.
        shutil.copytree(known, home, copy_function=os.link, dirs_exist_ok=True)
    keys_before = weigh(home / "rows") + weigh(home / "problems")
    size = sum(path.stat().st_size for path in reports)
    taken, ingest = tocsin(home, "ingest", *map(str, reports))
    figures: dict[str, object] = {
        "rows": rows,
        "bytes_per_row": round(size / rows, 1),
        "ingest": {**speed(rows, ingest), "counts": taken},
        "events_bytes_per_event": round(weigh(home / "events") / max(int(taken["stored"]), 1), 1),
        "keys_bytes_per_event": round(
            (weigh(home / "rows") + weigh(home / "problems") - keys_before) / max(int(taken["stored"]), 1), 1
        ),
    }
    if options.work != "process":
        beside = folder / "home-beside"
        shutil.rmtree(beside, ignore_errors=True)
        for path in (folder / "teams.csv", folder / "rules.csv"):
            tocsin(beside, "directory", "import", str(path))
        settings = {"TOCSIN_WORK_ON": options.work, "TOCSIN_WORK_WORKERS": str(options.workers)}
        taken, ingest = tocsin(beside, "ingest", *map(str, reports), environment=settings)
        figures[options.work] = {**speed(rows, ingest), "counts": taken}
    if not options.no_deliver:
        sent, cost = tocsin(home, "deliver")
        figures["deliver"] = {**cost, "result": sent}
    floor = folder / "floor"
    shutil.rmtree(floor, ignore_errors=True)
    floor.mkdir()
    cost = run([sys.executable, "-c", FLOOR, str(floor), *map(str, reports)])[1]
    figures["plain_polars_csv_to_parquet"] = speed(rows, cost)
    return figures


def make_known(folder: Path, problems: int, rows_a_day: int, seed: int) -> None:
    """The keys of what came before the first ingest: problems, and rows of today and six days before."""
    rng = np.random.default_rng(seed + 2)
    today = datetime.now(UTC).date()
    fill(KeyFiles(folder / "problems", columns=len(NOTES)), problems, rng)
    for back in range(7):
        fill(KeyFiles(folder / "rows" / (today - timedelta(days=back)).isoformat()), rows_a_day, rng, over=back > 0)


def fill(files: KeyFiles, count: int, rng: np.random.Generator, *, over: bool = False) -> None:
    for part, start in enumerate(range(0, count, _BATCH)):
        keys = np.unique(rng.integers(0, 2**64, min(_BATCH, count - start), dtype=np.uint64))
        files.write((0, part), keys, rng.integers(1, 2**20, (len(keys), files.columns), dtype=np.uint32))
        files.merge_now(up_to=0, most=LARGE_MERGE)
    files.merge_now(up_to=0, most=LARGE_MERGE, whole=over)


def tocsin(
    home: Path, *arguments: str, environment: Mapping[str, str] | None = None
) -> tuple[dict[str, Any], dict[str, float]]:
    command = [str(Path(sys.executable).parent / "tocsin"), "--home", str(home), "--json", *arguments]
    out, cost = run(command, environment or {})
    return json.loads(out), cost


def run(command: list[str], environment: Mapping[str, str] | None = None) -> tuple[str, dict[str, float]]:
    """Run one process; what it printed, its seconds, and with those that it started CPU seconds and peak memory in MB.

    The peak is that of the largest of them. ``peak_own_mb``: of the first one without the pages of files that it
    mapped, which the system may take back at any time; looked at twenty times a second.
    """
    ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1)  # who outlives the one that started it becomes ours
    # As installed, where modules are compiled: some environments forbid that, and each start would do it anew.
    installed = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    others, started = children(), time.monotonic()
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env={**installed, **(environment or {})}
    )
    owns = [0.0]
    watching = Thread(target=watch_memory, args=(process.pid, owns))
    watching.start()
    out = process.stdout.read() if process.stdout else ""
    watching.join()
    _, status, usage = os.wait4(process.pid, 0)
    seconds, own, peak = time.monotonic() - started, usage.ru_utime + usage.ru_stime, usage.ru_maxrss
    cpu = own
    while adopted := children() - others:
        _, _, usage = os.wait4(adopted.pop(), 0)
        cpu, peak = cpu + usage.ru_utime + usage.ru_stime, max(peak, usage.ru_maxrss)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{' '.join(command)[:200]} ended with {process.returncode}")
    figures = {"seconds": seconds, "cpu_seconds": cpu, "cpu_seconds_of_the_first": own, "peak_mb": peak / 1024}
    figures["peak_own_mb"] = max(owns)
    return out, {name: round(figure, 2) for name, figure in figures.items()}


def children() -> set[int]:
    """Processes of this one: servers that a bench has started, and whose parent has ended before them."""
    found = set()
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):  # it has ended meanwhile
            _, parent, *_ = stat.read_text().rpartition(")")[2].split()
            if int(parent) == os.getpid():
                found.add(int(stat.parent.name))
    return found


def watch_memory(pid: int, owns: list[float]) -> None:
    """Add MB of a process's own memory until it ends (proc_pid_status(5), RssAnon)."""
    status = Path(f"/proc/{pid}/status")
    while own := re.search(r"^RssAnon:\s*(\d+)", status.read_text(), re.MULTILINE):  # who has ended has none
        owns.append(int(own[1]) / 1024)
        time.sleep(0.05)


def speed(rows: int, cost: dict[str, float]) -> dict[str, float]:
    return {
        **cost,
        "rows_per_second": round(rows / cost["seconds"]),
        "rows_per_cpu_second": round(rows / max(cost["cpu_seconds"], 0.01)),
    }


def weigh(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


if __name__ == "__main__":
    main()
