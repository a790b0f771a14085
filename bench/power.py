"""Cuts the power of a node's disk, and counts what was acknowledged and is lost, and what is doubled. Needs root.

python bench/power.py --rounds 300

The disk is ext4 in a file, by a loop device; the system writes nothing back meanwhile but what is synced. Commands run
on it and end, or are killed at any time; then the file is copied as it is, and the copy is opened: its journal is
replayed, and the day goes on. An SMTP server, a mailbox and a partner's node are beside it, and keep what they have.
"""

import argparse
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

from support.imap_server import ImapServer
from support.mail_keys import gnupg
from support.power_day import PROGRAM, Beside, Day, beside, check, go_on, in_flight, morning

_MEGABYTES = 256
_OPTIONS = "noatime,commit=900,noauto_da_alloc"
_LATE = {
    "dirty_expire_centisecs": "360000",
    "dirty_writeback_centisecs": "0",
    "dirty_background_ratio": "70",
    "dirty_ratio": "80",
}  # in /proc/sys/vm


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=300)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--first", type=int, default=0, help="Number of the first round: a run that ended goes on.")
    parser.add_argument(
        "--check", nargs=2, help=argparse.SUPPRESS
    )  # in a process of its own, which lets go of the disk
    options = parser.parse_args()
    if options.check:
        look(*options.check)
        return
    with write_back_late(), tempfile.TemporaryDirectory(prefix="tocsin-bench-") as name:
        json.dump(measure(Path(name), range(options.first, options.rounds), options.seed), sys.stdout, indent=1)
        sys.stdout.write("\n")


def measure(folder: Path, rounds: range, seed: int) -> dict[str, object]:
    disk, image, found = folder / "disk", folder / "morning.img", Counter[str]()
    disk.mkdir()
    faults: list[dict[str, object]] = []
    started = time.monotonic()
    with gnupg() as ring, beside(folder) as servers:
        ring.make("Standby <standby@csirt.example>")
        subprocess.run(["truncate", "-s", f"{_MEGABYTES}M", image], check=True)
        subprocess.run(["mkfs.ext4", "-q", "-F", image], check=True)
        with mounted(image, disk):
            day = morning(disk / "node", servers, ring, {**os.environ, "NO_COLOR": "1"})
        about: dict[str, str | int] = {
            "disk": str(day.disk),
            "folder": str(folder),
            "incident": day.incident,
            "ring": str(ring.home),
        }
        about |= {"smtp": servers.smtp, "imap": servers.imap.port}
        for number in rounds:
            chance = random.Random(f"{seed}:{number}")
            today, cut = folder / "today.img", folder / "cut.img"
            copy(image, today)
            servers.begin(day.mails)
            with mounted(today, disk):
                how, done = live(day, folder / "mark", chance)
                copy(today, cut)
            with mounted(cut, disk):
                said = subprocess.run(
                    [sys.executable, __file__, "--check", json.dumps(about), json.dumps(done)],
                    capture_output=True, text=True, check=False,
                )  # fmt: skip
            found.update([how, *set(filter(None, done))])
            found["in_flight"] += in_flight(servers.accepted)
            if said.returncode or (how == "ended" and in_flight(servers.accepted)):
                faults.append({"round": number, "how": how, "done": done, "said": said.stderr[-600:] or "doubled"})
                sys.stderr.write(f"{faults[-1]}\n")
            elif not (number + 1) % 10:
                sys.stderr.write(f"{number + 1} rounds, {len(faults)} faults\n")
    lost = sum("doubled" not in str(one["said"]) for one in faults)
    return {
        "rounds": len(rounds), "ended": found.pop("ended"), "killed": found.pop("killed"), "lost": lost,
        "doubled": len(faults) - lost, "mails_in_flight_twice": found.pop("in_flight"), "done": dict(found),
        "faults": faults, "seconds": round(time.monotonic() - started),
    }  # fmt: skip


def live(day: Day, mark: Path, chance: random.Random) -> tuple[str, list[str]]:
    """Do a part of the day, and be killed in it or not; how it ended, and what was said to be done."""
    mark.unlink(missing_ok=True)
    mark.touch()
    deeds = day.deeds[: chance.randint(1, len(day.deeds))]
    process = subprocess.Popen(
        [*PROGRAM, json.dumps(deeds), str(mark)], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )
    if chance.random() < 0.3:
        _, words = process.communicate()
        if process.returncode:
            raise SystemExit(words)
        return "ended", mark.read_text().splitlines()
    while process.poll() is None and len(mark.read_text().splitlines()) < len(deeds) - 1:
        time.sleep(0.01)
    with suppress(subprocess.TimeoutExpired):
        process.communicate(timeout=chance.uniform(0.0, 0.8))
    process.kill()
    process.wait()
    return "killed", mark.read_text().splitlines()


def look(about: str, done: str) -> None:
    """Open what the disk has; the process fails where something is lost or doubled."""
    given, said = json.loads(about), json.loads(done)
    servers = Beside(Path(given["folder"]), given["smtp"], ImapServer(given["imap"], 0, "secret"))
    day = Day(Path(given["disk"]), servers, given["incident"], {**os.environ, "NO_COLOR": "1"})
    check(day, day.disk, said)
    go_on(day, day.disk, Path(given["ring"]), said)


def copy(image: Path, to: Path) -> None:
    """The file of a disk as it is at this moment."""
    subprocess.run(["cp", "--sparse=always", image, to], check=True)


@contextmanager
def mounted(image: Path, folder: Path) -> Iterator[None]:
    """A disk in its place."""
    subprocess.run(["mount", "-o", f"loop,{_OPTIONS}", image, folder], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", folder], check=True)


@contextmanager
def write_back_late() -> Iterator[None]:
    """The system writes nothing back by itself, for so long."""
    before = {name: Path("/proc/sys/vm", name).read_text() for name in _LATE}
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that this is undone then, too
    try:
        for name, value in _LATE.items():
            Path("/proc/sys/vm", name).write_text(value)
        yield
    finally:
        for name, value in before.items():
            Path("/proc/sys/vm", name).write_text(value)


if __name__ == "__main__":
    if shutil.which("mkfs.ext4") is None or os.geteuid():
        raise SystemExit("It needs root, and mkfs.ext4.")
    main()
