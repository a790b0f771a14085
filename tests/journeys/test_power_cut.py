"""The power goes at any moment of a day: nothing that was acknowledged is lost, and nothing is doubled.

What a node's commands write, sync and name is recorded once; then disks as they may be left are made of it, opened, and
gone on with. ``TOCSIN_WHOLE=1`` opens many more (``TOCSIN_CUTS``). `bench/power.py` does the same on a real disk.
"""

import json
import os
import random
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import pytest

from support.disk_states import MODES, Recording, record
from support.mail_keys import Gpg, gnupg
from support.power_day import PROGRAM, Day, beside, check, go_on, morning
from tocsin.node.paths import HomeFolder

_DRAWN = 4
_ACCEPTED, _MOVED = re.compile(rb"\r\n\.\r\n\Z"), re.compile(rb"^\S+ UID MOVE ")
"""The end of a mail by SMTP (RFC 5321, 4.1.1.4), and how a mail is moved by IMAP (RFC 6851)."""


@dataclass(frozen=True)
class RecordedDay:
    """A day, what was written in it, and the mails that left in it."""

    day: Day
    recording: Recording
    accepted: list[bytes]


@pytest.fixture(scope="module")
def ring() -> Iterator[Gpg]:
    with gnupg() as ring:
        ring.make("Standby <standby@csirt.example>")
        yield ring


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory, ring: Gpg) -> Iterator[RecordedDay]:
    folder = tmp_path_factory.mktemp("day")
    environment = {**os.environ, "NO_COLOR": "1"}
    with beside(folder) as servers:
        day = morning(folder / "disk", servers, ring, environment)
        start = Path(shutil.copytree(day.disk, folder / "start"))
        program = [*PROGRAM, json.dumps(day.deeds), str(folder / "mark")]
        recording = record(program, day.disk, start, folder / "mark", environment)
        assert recording.posted(len(recording.calls), _ACCEPTED) == len(servers.accepted)
        assert recording.posted(len(recording.calls), _MOVED) == len(day.mails)
        yield RecordedDay(day, recording, servers.accepted)


def test_what_was_recorded_is_what_the_disk_has(recorded: RecordedDay, tmp_path: Path) -> None:
    """The record of a day, done again, is the disk: nothing of what was written is missing in it."""
    recording = recorded.recording
    made = recording.write_state(len(recording.calls), "all", 0, tmp_path / "disk")

    def content(folder: Path) -> dict[str, str]:
        return {
            path.relative_to(folder).as_posix(): sha256(path.read_bytes()).hexdigest()
            for path in folder.rglob("*")
            if path.is_file() and not path.name.endswith("-shm")
        }

    assert content(made) == content(recorded.day.disk)


def test_all_that_a_day_wrote_is_synced(recorded: RecordedDay) -> None:
    """At the end, before a backup syncs the whole disk. What is missing here says why it may be torn."""
    (last,) = [number for number, word in recorded.recording.marks.items() if word == "told two"]
    torn = {path for path in recorded.recording.torn(last) if not path.endswith((".lock", "/lock"))}
    assert {path for path in torn if f"/{HomeFolder.REPORTS}/" not in path} == set(), "reports are known by SHA-256"


def cases() -> list[tuple[float, str, int]]:
    """Where the power goes, as a part of all moments, and what is left then; at the end all that may be left."""
    chance = random.Random(10)
    cuts = int(os.environ.get("TOCSIN_CUTS", "300")) if os.environ.get("TOCSIN_WHOLE") else _DRAWN
    drawn = [
        (round((number + chance.random()) / cuts, 3), chance.choice(MODES[:3]), number) for number in range(cuts)
    ]  # of each part of the day some
    return [*((1.0, mode, 0) for mode in MODES[:3]), *drawn]


@pytest.mark.parametrize("case", cases(), ids=str)
def test_nothing_acknowledged_is_lost_and_nothing_is_doubled(
    recorded: RecordedDay, ring: Gpg, tmp_path: Path, case: tuple[float, str, int]
) -> None:
    part, mode, seed = case
    moments = recorded.recording.moments
    moment = moments[min(int(part * len(moments)), len(moments) - 1)]
    done = recorded.recording.acknowledged(moment)
    disk = recorded.recording.write_state(moment, mode, seed, tmp_path / "disk")
    accepted = recorded.accepted[: recorded.recording.posted(moment, _ACCEPTED)]
    moved = recorded.recording.posted(moment, _MOVED)
    recorded.day.beside.begin(recorded.day.mails, accepted=accepted, moved=moved)
    settings = disk / "home" / "tocsin.toml"
    settings.write_text(settings.read_text().replace(str(recorded.day.disk), str(disk)))
    check(recorded.day, disk, done)
    go_on(recorded.day, disk, ring.home, done)
