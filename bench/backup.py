"""Times `tocsin backup`, readable and encrypted in turn, and reading both back, on a node that knows many events.

python bench/backup.py --events 10000000
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import feed
from pipeline import tocsin, weigh

_A_DAY = 2_000_000
_FIRST = date(2026, 11, 1)
_MAILBOX = "backup@csirt.example"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--events", type=int, default=2_000_000, help="Rows that are taken in; 5 % are repeated.")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--folder", type=Path, help="Keep the node here, and use one that is there.")
    options = parser.parse_args()
    folder = options.folder or Path(tempfile.mkdtemp(prefix="tocsin-bench-"))
    folder.mkdir(parents=True, exist_ok=True)
    ring = Path(tempfile.mkdtemp(prefix="gpg"))  # a short path: the socket of its agent is in it
    try:
        home = folder / f"home-{options.events}"
        if not home.exists():
            make_node(home, folder, options.events, options.seed)
        json.dump(measure(home, folder, make_key(ring, folder), ring, options.rounds), sys.stdout, indent=1)
        sys.stdout.write("\n")
    finally:
        subprocess.run(["gpgconf", "--homedir", str(ring), "--kill", "gpg-agent"], check=False)
        shutil.rmtree(ring, ignore_errors=True)
        if options.folder is None:
            shutil.rmtree(folder)


def make_node(home: Path, folder: Path, events: int, seed: int) -> None:
    """Reports of as many days as it takes, each gone once it is taken in."""
    world = feed.make_world(seed)
    for path in feed.write_directory(world, folder, seed):
        tocsin(home, "directory", "import", str(path))
    for number, start in enumerate(range(0, events, _A_DAY)):
        day = (_FIRST + timedelta(days=number)).isoformat()
        inbox = folder / f"reports-{day}"
        reports = feed.write_reports(world, inbox, min(_A_DAY, events - start), seed + number, day)
        tocsin(home, "ingest", *map(str, reports))
        shutil.rmtree(inbox)


def make_key(ring: Path, folder: Path) -> Path:
    """The file of a public key, whose secret half is in ``ring`` without a passphrase."""
    gpg = ["gpg", "--homedir", str(ring), "--batch", "--quiet", "--yes"]
    made = ["--pinentry-mode", "loopback", "--passphrase", "", "--quick-gen-key", f"Backups <{_MAILBOX}>"]
    subprocess.run([*gpg, *made, "future-default", "default", "2y"], check=True, stderr=subprocess.DEVNULL)
    key = folder / "backup.pgp"
    subprocess.run([*gpg, "--output", str(key), "--export", _MAILBOX], check=True)
    return key


def measure(home: Path, folder: Path, key: Path, ring: Path, rounds: int) -> dict[str, object]:
    plain, encrypted = folder / "plain", folder / "encrypted"
    kinds: tuple[tuple[str, Path, list[str]], ...] = (
        ("readable", plain, []),
        ("encrypted", encrypted, ["--to", str(key)]),
    )
    making: dict[str, list[dict[str, float]]] = {kind: [] for kind, _, _ in kinds}
    copied: dict[str, int] = {}
    for _ in range(rounds):
        for kind, target, options in kinds:
            shutil.rmtree(target, ignore_errors=True)
            os.sync()
            copied, cost = watched(home, "backup", str(target), *options)
            making[kind].append(cost)
    reading = {
        kind: watched(home, "backups", "check", str(target), "--gpg-home", str(ring))[1] for kind, target, _ in kinds
    }
    restoring = {}
    for kind, target, _ in kinds:
        again = folder / "again"
        os.sync()
        restoring[kind] = watched(again, "restore", str(target), "--gpg-home", str(ring))[1]
        shutil.rmtree(again)
    speeds = {kind: round(copied["bytes"] / _median(costs, "seconds") / 1e6, 1) for kind, costs in making.items()}
    return {
        "files": copied["files"],
        "bytes": copied["bytes"],
        "target_bytes": {kind: weigh(target) for kind, target, _ in kinds},
        "making": making,
        "mb_per_second": speeds,
        "encrypted_of_readable": round(speeds["encrypted"] / speeds["readable"], 2),
        "peak_mb": {kind: max(cost["peak_mb"] for cost in costs) for kind, costs in making.items()},
        "reading_back": reading,
        "restoring": restoring,
        "start_of_a_command": watched(home, "keys", "list")[1],
    }


def watched(home: Path, *arguments: str) -> tuple[Any, dict[str, float]]:
    """What a command printed, its seconds, and the sum of the peaks in memory (MB) of it and of gpg.

    Not by `getrusage`: that begins with the peak of this process here.
    """
    started, peaks = time.monotonic(), dict[int, int]()
    command = [str(Path(sys.executable).parent / "tocsin"), "--home", str(home), "--json", *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        while process.poll() is None:
            peaks.update(_peaks(process.pid))
            time.sleep(0.02)
        out = process.stdout.read() if process.stdout else b""
    if process.returncode:
        raise SystemExit(f"{' '.join(command)[:200]} ended with {process.returncode}")
    seconds = round(time.monotonic() - started, 2)
    return json.loads(out), {"seconds": seconds, "peak_mb": round(sum(peaks.values()) / 1024)}


def _peaks(pid: int) -> Iterator[tuple[int, int]]:
    """The peak of a process and of each below it, in kB; one that has just ended has none."""
    try:
        status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
        below = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()
    except OSError:
        return
    yield from ((pid, int(line.split()[1])) for line in status.splitlines() if line.startswith("VmHWM"))
    for child in below:
        yield from _peaks(int(child))


def _median(costs: Sequence[dict[str, float]], name: str) -> float:
    return statistics.median(cost[name] for cost in costs)


if __name__ == "__main__":
    main()
