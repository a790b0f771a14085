"""The power goes at any moment of a day: nothing that was acknowledged is lost, and nothing is doubled.

What a node's commands write, sync and name is recorded once; then disks as they may be left are made of it, opened, and
gone on with. ``TOCSIN_WHOLE=1`` opens all of them, else a drawn part. `bench/power.py` does the same on a real disk.
"""

import json
import os
import random
import shutil
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import pytest

from support.cast import Tocsin
from support.collected_reports import report as report_of
from support.delivery_examples import read_mail
from support.disk_states import MODES, Recording, record
from support.homes import copy_home, migrated_home
from support.mail_keys import Gpg, gnupg

TEAMS = 3
DRAWN = 24
PROGRAM = """
import json, sys
from tocsin.cli import main
for name, words in json.loads(sys.argv[1]):
    try:
        main(words)
    except SystemExit as end:
        assert not end.code, (words, end.code)
    with open(sys.argv[2], "a") as out:
        out.write(name + "\\n")
"""


@dataclass(frozen=True)
class Day:
    """What was recorded of a node's day, and what its commands had to do with."""

    recording: Recording
    folder: Path
    incident: str
    reports: dict[str, list[str]]
    environment: dict[str, str]

    def report(self, name: str) -> Path:
        return self.folder / f"2026-11-23-scan_rdp-{name}.csv"


@pytest.fixture(scope="module")
def ring() -> Iterator[Gpg]:
    with gnupg() as ring:
        ring.make("Standby <standby@csirt.example>")
        yield ring


@pytest.fixture(scope="module")
def day(tmp_path_factory: pytest.TempPathFactory, ring: Gpg) -> Day:
    folder = tmp_path_factory.mktemp("day")
    disk = folder / "disk"
    (disk / "shared").mkdir(parents=True)
    home = copy_home(migrated_home(), disk / "home")
    (home / "keys" / "backup").mkdir(parents=True)
    (home / "keys" / "backup" / "standby.pgp").write_bytes(ring.run("--export", "standby@csirt.example"))
    (home / "tocsin.toml").write_text(
        f'[node]\nemergency_number = "112"\n[tell]\nhold_first_mail = false\nmails_a_day = 0\n'
        f'[standby]\nfolder = "{disk / "shared"}"\nto = ["standby@csirt.example"]\n'
    )
    teams = "\n".join(
        f'[[team]]\nkey = "t{n}"\nname = "Team {n}"\nmailboxes = ["noc@t{n}.example"]\ninterval = "at_once"\n'
        f'prefixes = ["198.18.{n}.0/24"]\n'
        for n in range(TEAMS)
    )
    (folder / "teams.toml").write_text(teams)
    environment = {**os.environ, "NO_COLOR": "1"}
    node = Tocsin(home, environment)
    node.run("directory", "import", folder / "teams.toml")
    incident = node.json("incidents", "open", "The first case")["reference"]
    reports = {name: [f"198.18.{n}.{host}" for n in range(TEAMS)] for host, name in enumerate(("one", "two"), 1)}
    for name, addresses in reports.items():
        (folder / f"2026-11-23-scan_rdp-{name}.csv").write_bytes(report_of(*addresses))
    (folder / "evidence.bin").write_bytes(random.Random(1).randbytes(20_000))
    start = Path(shutil.copytree(disk, folder / "start", symlinks=True))
    deeds: list[tuple[str, list[str]]] = [
        ("copied", ["standby", "copy"]),
        ("heard one", ["ingest", f"{folder}/2026-11-23-scan_rdp-one.csv"]),
        ("", ["deliver"]),
        ("copied", ["standby", "copy"]),
        ("told one", ["deliver"]),
        ("case", ["incidents", "open", "The second case"]),
        ("evidence", ["evidence", "add-file", incident, f"{folder}/evidence.bin"]),
        ("heard two", ["ingest", f"{folder}/2026-11-23-scan_rdp-two.csv"]),
        ("purged", ["purge", "event:1-1", "--reason", "Case 7"]),
        ("kept", ["retention", "apply"]),
        ("", ["deliver"]),
        ("copied", ["standby", "copy"]),
        ("told two", ["deliver"]),
        ("saved", ["backup", f"{disk}/backup"]),
    ]
    words = [(name, ["--home", str(home), *words]) for name, words in deeds]
    program = [sys.executable, "-c", PROGRAM, json.dumps(words), str(folder / "mark")]
    return Day(record(program, disk, start, folder / "mark", environment), folder, incident, reports, environment)


def test_what_was_recorded_is_what_the_disk_has(day: Day, tmp_path: Path) -> None:
    """The record of a day, done again, is the disk: nothing of what was written is missing in it."""
    made = day.recording.write_state(len(day.recording.calls), "all", 0, tmp_path / "disk")

    def content(folder: Path) -> dict[str, str]:
        return {
            path.relative_to(folder).as_posix(): sha256(path.read_bytes()).hexdigest()
            for path in folder.rglob("*")
            if path.is_file() and not path.name.endswith("-shm")
        }

    assert content(made) == content(Path(day.recording.root))


def cases() -> list[tuple[float, str, int]]:
    """Where the power goes, as a part of all moments, and what is left then; at the end all that may be left."""
    chance = random.Random(10)
    whole = 400 if os.environ.get("TOCSIN_WHOLE") else DRAWN
    drawn = [(chance.random(), chance.choice(MODES[:3]), number) for number in range(whole)]
    return [*((1.0, mode, 0) for mode in MODES[:3]), *drawn]


@pytest.mark.parametrize(("part", "mode", "seed"), cases())
def test_nothing_acknowledged_is_lost_and_nothing_is_doubled(
    day: Day, ring: Gpg, tmp_path: Path, part: float, mode: str, seed: int
) -> None:
    moments = day.recording.moments
    moment = moments[min(int(part * len(moments)), len(moments) - 1)]
    done = day.recording.acknowledged(moment)
    disk = day.recording.write_state(moment, mode, seed, tmp_path / "disk")
    settings = disk / "home" / "tocsin.toml"
    settings.write_text(settings.read_text().replace(day.recording.root, str(disk)))
    node = Tocsin(disk / "home", day.environment)
    check(node, day, done)
    go_on(node, day, ring, disk, done)


def check(node: Tocsin, day: Day, done: list[str]) -> None:
    """What was acknowledged is there before anything is done again."""
    events = Counter(one["source.ip"] for one in node.lines("events", "--limit", "0", "--format", "json"))
    for name, addresses in day.reports.items():
        purged = {addresses[0]} if name == "one" else set()
        if f"heard {name}" in done:
            assert {*addresses} - purged <= set(events)
        if f"told {name}" in done:
            assert {*addresses} - purged <= {ip for _, ip in told(node)}
    assert max(events.values(), default=1) == 1
    assert not ("purged" in done and day.reports["one"][0] in events)
    titles = Counter(one["title"] for one in node.json("incidents", "list"))
    assert titles["The first case"] == 1
    assert titles["The second case"] == 1 or "case" not in done
    assert titles["The second case"] <= 1
    items = node.json("evidence", "list", day.incident)["items"]
    assert len(items) == 1 or "evidence" not in done
    node.run("evidence", "verify")


def go_on(node: Tocsin, day: Day, ring: Gpg, disk: Path, done: list[str]) -> None:
    """The day goes on to its end, and what copies and backups were said to be whole are."""
    if "copied" in done:
        second = Tocsin(disk / "second", day.environment)
        found = second.json("takeover", disk / "shared", "--try", "--gpg-home", ring.home)
        assert found["passed_over"] == []
    if "saved" in done:
        Tocsin(disk / "restored", day.environment).run("restore", disk / "backup")
    for name in day.reports:
        node.run("ingest", day.report(name))
    for words in (("deliver",), ("standby", "copy"), ("deliver",)):
        node.run(*words)
    assert set(told(node).values()) == {1}
    events = Counter(one["source.ip"] for one in node.lines("events", "--limit", "0", "--format", "json"))
    assert set(events.values()) == {1}
    expected = {address for addresses in day.reports.values() for address in addresses}
    assert expected - set(events) <= {day.reports["one"][0]}
    assert expected - {ip for _, ip in told(node)} <= {day.reports["one"][0]}


def told(node: Tocsin) -> Counter[tuple[str, str]]:
    """How many mails tell which team of which address."""
    mails = [read_mail(path.read_bytes()) for path in (node.home / "mails").rglob("*.eml")]
    return Counter((mail.to, row["source.ip"]) for mail in mails for row in mail.rows())
