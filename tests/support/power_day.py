"""A node's day on a disk whose power may go at any moment, and what must be so when it is opened again.

A disk is a folder with ``home``, the folder ``shared`` of a standby machine, and ``backup``.
"""

import random
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from support.cast import Tocsin
from support.collected_reports import report as report_of
from support.delivery_examples import read_mail
from support.homes import copy_home, migrated_home
from support.mail_keys import Gpg

_TEAMS = 3
_REPORTS = {name: [f"198.18.{team}.{host}" for team in range(_TEAMS)] for host, name in enumerate(("one", "two"), 1)}
_PROGRAM = """
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
PROGRAM = (sys.executable, "-c", _PROGRAM)
"""Does deeds one after the other, given as JSON, and says in a file what is done."""


@dataclass(frozen=True)
class Day:
    """A disk as it is in the morning, and ``folder`` beside it with what comes in."""

    disk: Path
    folder: Path
    incident: str
    environment: Mapping[str, str]

    @property
    def deeds(self) -> list[tuple[str, list[str]]]:
        """What each command says once it is done, and its words."""
        deeds = [
            ("copied", ["standby", "copy"]),
            ("heard one", ["ingest", str(self.report("one"))]),
            ("", ["deliver"]),
            ("copied", ["standby", "copy"]),
            ("told one", ["deliver"]),
            ("case", ["incidents", "open", "The second case"]),
            ("evidence", ["evidence", "add-file", self.incident, f"{self.folder}/evidence.bin"]),
            ("heard two", ["ingest", str(self.report("two"))]),
            ("purged", ["purge", "event:1-1", "--reason", "Case 7"]),
            ("kept", ["retention", "apply"]),
            ("", ["deliver"]),
            ("copied", ["standby", "copy"]),
            ("told two", ["deliver"]),
            ("saved", ["backup", f"{self.disk}/backup"]),
        ]
        return [(name, ["--home", f"{self.disk}/home", *words]) for name, words in deeds]

    def report(self, name: str) -> Path:
        """A report that comes in."""
        return self.folder / f"2026-11-23-scan_rdp-{name}.csv"


def morning(disk: Path, folder: Path, ring: Gpg, environment: Mapping[str, str]) -> Day:
    """Fill an empty disk."""
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
        for n in range(_TEAMS)
    )
    (folder / "teams.toml").write_text(teams)
    node = Tocsin(home, dict(environment))
    node.run("directory", "import", folder / "teams.toml")
    day = Day(disk, folder, node.json("incidents", "open", "The first case")["reference"], environment)
    for name, addresses in _REPORTS.items():
        day.report(name).write_bytes(report_of(*addresses))
    (folder / "evidence.bin").write_bytes(random.Random(1).randbytes(20_000))
    return day


def check(day: Day, disk: Path, done: Sequence[str]) -> None:
    """What was acknowledged is there before anything is done again, and once."""
    node = Tocsin(disk / "home", dict(day.environment))
    events = _events(node)
    for name, addresses in _REPORTS.items():
        purged = {addresses[0]} if name == "one" else set()
        if f"heard {name}" in done:
            assert {*addresses} - purged <= set(events), f"report {name} is lost"
        if f"told {name}" in done:
            assert {*addresses} - purged <= {address for _, address in _told(node)}, f"mails of {name} are lost"
    assert max(events.values(), default=1) == 1, "events are doubled"
    assert not ("purged" in done and _REPORTS["one"][0] in events), "the purge is lost"
    titles = Counter(one["title"] for one in node.json("incidents", "list"))
    assert titles["The first case"] == 1
    assert int("case" in done) <= titles["The second case"] <= 1, "an incident is lost or doubled"
    items = node.json("evidence", "list", day.incident)["items"]
    assert int("evidence" in done) <= len(items) <= 1, "evidence is lost or doubled"
    node.run("evidence", "verify")


def go_on(day: Day, disk: Path, ring: Path, done: Sequence[str]) -> None:
    """The day goes on to its end; what copies and backups were said to be whole are."""
    node = Tocsin(disk / "home", dict(day.environment))
    if "copied" in done:
        second = Tocsin(disk / "second", dict(day.environment))
        found = second.json("takeover", disk / "shared", "--try", "--gpg-home", ring)
        assert found["passed_over"] == [], "the newest copy is damaged"
    if "saved" in done:
        Tocsin(disk / "restored", dict(day.environment)).run("restore", disk / "backup")
    for name in _REPORTS:
        node.run("ingest", day.report(name))
    for words in (("standby", "copy"), ("deliver",), ("standby", "copy"), ("deliver",)):
        node.run(*words)
    events, told = _events(node), _told(node)
    assert set(told.values()) == {1}, "mails are doubled"
    assert set(events.values()) == {1}, "events are doubled"
    expected = {address for addresses in _REPORTS.values() for address in addresses}
    assert expected - set(events) <= {_REPORTS["one"][0]}
    assert expected - {address for _, address in told} <= {_REPORTS["one"][0]}


def _events(node: Tocsin) -> Counter[str]:
    return Counter(one["source.ip"] for one in node.lines("events", "--limit", "0", "--format", "json"))


def _told(node: Tocsin) -> Counter[tuple[str, str]]:
    """How many mails tell which team of which address."""
    mails = [read_mail(path.read_bytes()) for path in (node.home / "mails").rglob("*.eml")]
    return Counter((mail.to, row["source.ip"]) for mail in mails for row in mail.rows())
