"""Copies for a standby machine are damaged: it says which, takes the newest that is whole, and mails nothing twice.

``TOCSIN_WHOLE=1`` asks every damage at every place.
"""

import os
import random
import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import product
from pathlib import Path

import pytest

from support.cast import Tocsin
from support.collected_reports import report as report_of
from support.delivery_examples import Read, read_mail
from support.homes import copy_home, migrated_home
from support.mail_keys import Gpg, gnupg
from support.mail_server import PostOffice, post_office
from tocsin.node.letters import queue_letter
from tocsin.node.records import open_database, sqlite_url

TEAMS = 20


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def _flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0x40
    path.write_bytes(content)


DAMAGES: dict[str, Callable[[Path], object]] = {
    "cut": _cut,
    "flipped": _flip,
    "empty": lambda path: path.write_bytes(b""),
    "missing": Path.unlink,
}
PARTS = (".tar.gpg", ".list.gpg")
POSITIONS = {"newest": slice(0, 1), "second": slice(1, 2), "two": slice(0, 2), "all": slice(None)}
CASES = [*product(DAMAGES, PARTS, POSITIONS)]
ASKED = (
    CASES
    if os.environ.get("TOCSIN_WHOLE")
    else [("cut", ".tar.gpg", "two"), ("flipped", ".tar.gpg", "newest"), *random.Random(32).sample(CASES, 4)]
)


@dataclass(frozen=True)
class First:
    """A machine that sent a digest to each of its teams after two copies, and is gone."""

    home: Path
    shared: Path
    report: Path

    @property
    def names(self) -> list[str]:
        """Its copies, newest first."""
        return sorted((path.name.partition(".")[0] for path in self.shared.glob("copies/*.list.gpg")), reverse=True)


@pytest.fixture(scope="module")
def ring() -> Iterator[Gpg]:
    with gnupg() as ring:
        ring.make("Standby <standby@csirt.example>")
        yield ring


@pytest.fixture(scope="module")
def office() -> Iterator[PostOffice]:
    with post_office() as office:
        yield office


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory, ring: Gpg, office: PostOffice) -> First:
    folder = tmp_path_factory.mktemp("first")
    home, shared = copy_home(migrated_home(), folder / "home"), folder / "shared"
    (home / "keys" / "backup").mkdir(parents=True)
    (home / "keys" / "backup" / "standby.pgp").write_bytes(ring.run("--export", "standby@csirt.example"))
    teams = "\n".join(
        f'[[team]]\nkey = "t{n}"\nname = "Team {n}"\nmailboxes = ["noc@t{n}.example"]\ninterval = "at_once"\n'
        f'prefixes = ["198.18.{n}.0/24"]\n'
        for n in range(TEAMS)
    )
    (folder / "teams.toml").write_text(teams)
    shared.mkdir()
    (home / "tocsin.toml").write_text(
        f'[node]\nemergency_number = "112"\n[server]\nurl = "https://csirt.example"\n'
        f"[tell]\nhold_first_mail = false\nmails_a_day = 0\n"
        f'[mail]\nchannel = "smtp"\nhost = "127.0.0.1"\nport = {office.port}\nsecurity = "none"\n'
        f'[standby]\nfolder = "{shared}"\nto = ["standby@csirt.example"]\n'
    )
    machine = Tocsin(home, {**os.environ, "NO_COLOR": "1"})
    machine.run("directory", "import", folder / "teams.toml")
    machine.run("standby", "copy")
    path = folder / "2026-11-23-scan_rdp-first.csv"
    path.write_bytes(report_of(*(f"198.18.{team}.1" for team in range(TEAMS))))
    machine.run("ingest", path)
    ask_for_letter(machine)
    machine.run("deliver")
    machine.run("standby", "copy")
    machine.run("deliver")
    machine.run("standby", "copy")
    assert len(office.arrived) == TEAMS + 1
    return First(home, shared, path)


def ask_for_letter(machine: Tocsin) -> None:
    with open_database(sqlite_url(machine.home / "records.sqlite")).begin() as session:
        queue_letter(
            session, key="question:1", kind="test", mailbox="noc@t0.example", subject="A question", body="Hello.",
            now=datetime.now(UTC),
        )  # fmt: skip


def second_of(first: First, folder: Path, damage: str, part: str, position: str) -> tuple[Tocsin, Path, list[str]]:
    """A machine that stands by, its copy of the folder after the damage, and what was damaged."""
    shared = Path(shutil.copytree(first.shared, folder / "shared"))
    damaged = [f"{name}{part}" for name in first.names[POSITIONS[position]]]
    for name in damaged:
        DAMAGES[damage](shared / "copies" / name)
    return Tocsin(folder / "second", {**os.environ, "NO_COLOR": "1"}), shared, damaged


def digests(office: PostOffice) -> list[Read]:
    return [mail for _, content in office.arrived if (mail := read_mail(content)).files]


@pytest.mark.parametrize("case", ASKED, ids="".join)
def test_a_damaged_copy_is_named_and_what_was_sent_is_not_sent_again(
    first: First, ring: Gpg, office: PostOffice, tmp_path: Path, case: tuple[str, str, str]
) -> None:
    damage, part, position = case
    second, shared, damaged = second_of(first, tmp_path, damage, part, position)
    words: list[str | Path] = ["takeover", shared, "--gpg-home", ring.home]
    code, _, said = second.call(*words)
    if position == "second" and part == ".list.gpg":
        assert code == 0, said  # the newest is whole
    else:
        assert code == 1
        assert any(name in said for name in damaged)
        assert not second.home.exists()
        assert [path.name for path in (shared / "terms").iterdir()] == ["000001.json"]  # nothing was fenced
        if position == "all":
            assert "no copy that is whole" in said.replace("\n", " ")
            assert "restore" in said
            return
        assert "--accept-older" in said
        done = second.json(*words, "--accept-older")
        assert done["passed_over"][0]["name"] == first.names[0]
        assert any(name in one["why"] for name in damaged for one in done["passed_over"])
        assert done["sent"] or done["unknown"] or part == ".list.gpg" or position == "newest"
        if len(done["passed_over"]) == 2:
            assert len(done["unknown"]) == TEAMS + 1  # the record of what was sent is whole
    second.run("ingest", first.report)
    second.run("deliver")
    second.run("deliver")
    assert second.json("deliveries", "held") == []
    assert len(office.arrived) == TEAMS + 1
    told = Counter((mail.to, row["source.ip"]) for mail in digests(office) for row in mail.rows())
    assert len(told) == TEAMS
    assert set(told.values()) == {1}
    rows = second.json("deliveries", "list")
    assert len(rows) == TEAMS
    assert {row["state"] for row in rows} == {"sent"}


def test_what_may_have_been_told_waits_for_a_person(
    first: First, ring: Gpg, office: PostOffice, tmp_path: Path
) -> None:
    """What the record names by its number alone: another report of the same, a letter, and a record that is damaged."""
    second, shared, _ = second_of(first, tmp_path, "cut", ".tar.gpg", "two")
    before = len(office.arrived)
    second.run("takeover", shared, "--gpg-home", ring.home, "--accept-older")
    other = tmp_path / "2026-11-24-scan_rdp-other.csv"
    other.write_bytes(report_of("198.18.0.1", "198.18.0.2"))
    second.run("ingest", other)
    ask_for_letter(second)
    second.run("deliver")
    held = second.json("deliveries", "held")
    assert sorted(one["reference"][:4] for one in held) == ["LTR-", "TOC-"]
    assert not {one["reference"] for one in held} & {f"TOC-2026-{number:07d}" for number in range(1, TEAMS + 1)}
    assert all("machine before this one" in one["error"] for one in held)
    assert len(office.arrived) == before
    second.run("deliveries", "release", *(one["reference"] for one in held))
    second.run("deliver")
    assert len(office.arrived) == before + 2
    second.run("ingest", first.report)  # of which all but the first team have heard
    second.run("deliver")
    assert len(office.arrived) == before + 2


def test_of_a_damaged_record_nobody_is_sent_anything_unseen(
    first: First, ring: Gpg, office: PostOffice, tmp_path: Path
) -> None:
    second, shared, _ = second_of(first, tmp_path, "missing", ".list.gpg", "two")
    record = shared / "intents" / "000001.jsonl"
    lines = record.read_bytes().splitlines(keepends=True)
    lines[-1] = b"\x00" + lines[-1][1:]
    record.write_bytes(b"".join(lines))
    before = len(office.arrived)
    second.run("takeover", shared, "--gpg-home", ring.home, "--accept-older")
    other = tmp_path / "2026-11-24-scan_rdp-other.csv"
    other.write_bytes(report_of("198.18.3.7"))
    second.run("ingest", other)
    second.run("deliver")
    assert len(second.json("deliveries", "held")) >= 1
    assert len(office.arrived) == before


def test_what_all_copies_need_is_damaged_and_the_copy_before_all_was_written_again_is_taken(
    first: First, ring: Gpg, tmp_path: Path
) -> None:
    home, shared = copy_home(first.home, tmp_path / "home"), Path(shutil.copytree(first.shared, tmp_path / "shared"))
    settings = home / "tocsin.toml"
    settings.write_text(settings.read_text().replace(str(first.shared), str(shared)))

    def days_later(days: int) -> Tocsin:
        return Tocsin(home, {}, clock=lambda: datetime.now(UTC) + timedelta(days=days))

    def packs() -> list[str]:
        return sorted(path.name.partition(".")[0] for path in shared.glob("copies/*.tar.gpg"))

    days_later(4).run("standby", "copy")
    days_later(5).run("standby", "copy")
    days_later(6).run("audit", "seal")
    days_later(6).run("standby", "copy")
    assert set(first.names) < set(packs())  # beside those since
    base = packs()[len(first.names)]
    _flip(shared / "copies" / f"{base}.tar.gpg")
    words = ("takeover", shared, "--gpg-home", ring.home, "--accept-older")
    second = Tocsin(tmp_path / "second", {**os.environ, "NO_COLOR": "1"})
    done = second.json(*words, "--try")
    assert {base in one["why"] for one in done["passed_over"]} == {True}
    assert second.json("deliveries", "list")

    (home / "purges.jsonl").touch()
    days_later(7).run("standby", "copy")
    days_later(8).run("audit", "seal")
    days_later(8).run("standby", "copy")
    assert not {*first.names, base} & set(packs())  # what was purged is nowhere
    _cut(shared / "copies" / f"{packs()[-1]}.tar.gpg")
    days_later(8).run("standby", "copy")
    shutil.rmtree(second.home)
    assert second.json(*words, "--try")["passed_over"] == []
