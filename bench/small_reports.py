"""Times what starts and small reports cost: the processes of commands, and reports that wait in a watched folder.

python bench/small_reports.py --reports 40

A report is what so many cost more than one, divided by one less. Seconds and CPU seconds are of the whole process with
its end, medians of the runs.
"""

import argparse
import json
import shutil
import statistics
import sys
import tempfile
from pathlib import Path

import feed
from pipeline import run


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--reports", type=int, default=40)
    parser.add_argument("--rows", type=int, default=1_000, help="Of each report.")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="tocsin-bench-") as folder:
        json.dump(measure(Path(folder), options), sys.stdout, indent=1)
    sys.stdout.write("\n")


def measure(folder: Path, options: argparse.Namespace) -> dict[str, object]:
    world = feed.make_world(options.seed)
    base = folder / "base"
    for path in feed.write_directory(world, folder, options.seed):
        tocsin(base, "directory", "import", str(path))
    made = folder / "made"
    for number in range(-(-options.reports // len(feed.TYPES))):
        rows = options.rows * len(feed.TYPES)
        feed.write_reports(world, made / f"{number}", rows, options.seed + number, day=f"2026-11-{number + 1:02}")
    reports = sorted(made.rglob("*.csv"))[: options.reports]
    small = folder / reports[0].name
    small.write_bytes(b"".join(reports[0].read_bytes().splitlines(keepends=True)[:51]))
    costs: dict[str, list[dict[str, float]]] = {}
    for _ in range(options.runs):
        for name, home, arguments in [
            ("tocsin --version", None, ["--version"]),
            ("tocsin --help", None, ["--help"]),
            ("ingest, 50 rows", base, ["ingest", str(small)]),
            ("watch, one", base, ["watch", "--once", str(copied(reports[:1], folder))]),
            ("watch, all", base, ["watch", "--once", str(copied(reports, folder))]),
        ]:
            there = folder / "home"
            shutil.rmtree(there, ignore_errors=True)
            if home is not None:
                shutil.copytree(home, there)
            costs.setdefault(name, []).append(tocsin(there, *arguments))
    found = {name: {of: statistics.median(cost[of] for cost in each) for of in each[0]} for name, each in costs.items()}
    most, one = found.pop("watch, all"), found.pop("watch, one")
    more = {of: 1_000 * (most[of] - one[of]) / (options.reports - 1) for of in one}
    return {
        "starts": found,
        "watch of one report": one,
        f"watch of {options.reports} reports": most,
        f"a report of {options.rows} rows, ms": {of: round(cost, 1) for of, cost in more.items()},
        "the same with its share of the start, ms": round(1_000 * most["seconds"] / options.reports, 1),
    }


def copied(reports: list[Path], folder: Path) -> Path:
    """A folder that only has copies of these, which a watched one needs: it is emptied."""
    there = Path(tempfile.mkdtemp(dir=folder))
    for number, path in enumerate(reports):
        shutil.copy(path, there / path.name.replace("world", f"world{number}"))
    return there


def tocsin(home: Path, *arguments: str) -> dict[str, float]:
    _, cost = run([str(Path(sys.executable).parent / "tocsin"), "--home", str(home), *arguments])
    return {of: cost[of] for of in ("seconds", "cpu_seconds")}


if __name__ == "__main__":
    main()
