"""Times `tocsin upgrade` of a node that an older version filled, tried and done, and compares what both answer.

The older version is the source of the day on which the oldest home of tests/homes was kept (the history of the
repository is needed); it takes the reports in by itself. Its own answers are compared with those after the upgrade.

python bench/upgrade.py --events 10000000
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from backup import make_node, watched

ROOT = Path(__file__).parents[1]
HOMES = ROOT / "tests" / "homes"
ASKED = (
    "directory list", "deliveries list --limit 500", "problems list --limit 10000000", "incidents list", "rules list",
    "quarantine list", "events --limit 200 --format json", "audit list --limit 200",
)  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--events", type=int, default=10_000_000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="tocsin-bench-"))
    try:
        json.dump(measure(folder, options.events, options.seed), sys.stdout, indent=1)
        sys.stdout.write("\n")
    finally:
        shutil.rmtree(folder)


def measure(folder: Path, events: int, seed: int) -> dict[str, Any]:
    home, kept = folder / "home", min(HOMES.glob("*.tar.xz"))
    with tarfile.open(kept) as archive:
        archive.extractall(home, filter="data")
    (home / "backup.json").unlink()
    with older(kept, folder / "older"):
        make_node(home, folder, events, seed)
        before = {words: answer(home, words) for words in ASKED}
    tried, trial = watched(home, "upgrade", "--try")
    done, upgrade = watched(home, "upgrade", "--backup", str(folder / "kept"))
    after = {words: answer(home, words) for words in ASKED}
    apart = {words: difference(before[words], after[words]) for words in ASKED if before[words] is not None}
    return {
        "events": events, "from": done["before"], "to": done["after"], "rows_of_records": done["rows"],
        "try": trial | {"migrations": round(tried["seconds"], 2)},
        "upgrade": upgrade | {"migrations": round(done["seconds"], 2)},
        "backup_gb": round(sum(one.stat().st_size for one in (folder / "kept").rglob("*") if one.is_file()) / 1e9, 2),
        "rows": {words: len(before[words]) for words in apart},
        "equal": [words for words, found in apart.items() if not found.keys() - {"more"}],
        "apart": {words: found for words, found in apart.items() if any(found.values())},
    }  # fmt: skip


@contextmanager
def older(kept: Path, to: Path) -> Iterator[None]:
    """Commands are of the version that made the kept home."""
    asked = ["git", "log", "--diff-filter=A", "--format=%H", "-1", "--", str(kept)]
    commit = subprocess.run(asked, cwd=ROOT, check=True, capture_output=True, text=True).stdout.strip()
    to.mkdir()
    subprocess.run(["git", "archive", "-o", str(to / "source.tar"), commit, "src"], cwd=ROOT, check=True)
    with tarfile.open(to / "source.tar") as archive:
        archive.extractall(to, filter="data")
    os.environ["PYTHONPATH"] = str(to / "src")
    try:
        yield
    finally:
        del os.environ["PYTHONPATH"]


def answer(home: Path, words: str) -> Any:
    """What a command prints; None where this version does not have it."""
    command = [str(Path(sys.executable).parent / "tocsin"), "--home", str(home), "--json", *words.split()]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    lines = done.stdout.splitlines()
    return None if done.returncode else json.loads(done.stdout) if "--format" not in words else sorted(lines)


def difference(before: list[Any], after: list[Any]) -> dict[str, Any]:
    """What rows have that is not as it was, the most frequent of it and in how many; problems by their key.

    Names that only rows of now have are no difference: ``more``.
    """
    old, new = (dict(rows(one)) for one in (before, after))
    pairs = [(old[key], new[key]) for key in old.keys() & new.keys()]
    differ = Counter(
        f"{name}: {was[name]} → {now.get(name)}" if name in {"state", "due"} else name
        for was, now in pairs for name in was if was[name] != now.get(name)
    )  # fmt: skip
    alone = {"only before": len(old.keys() - new.keys()), "only after": len(new.keys() - old.keys())}
    more = sorted({name for was, now in pairs for name in now.keys() - was.keys()})
    return {**dict(differ.most_common(10)), **{name: count for name, count in alone.items() if count}, "more": more}


def rows(answered: list[Any]) -> Iterator[tuple[Any, dict[str, Any]]]:
    """Each row with what it is known by: a problem by its key, another by its place."""
    for at, row in enumerate(answered):
        known = row if isinstance(row, dict) else {"line": row}
        yield known.get("problem", at), known


if __name__ == "__main__":
    main()
