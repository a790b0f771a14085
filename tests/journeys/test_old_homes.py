"""A home of each version that landed is upgraded to this one, and a backup of it restored, with all in them.

`tests/homes/` has a backup of each (a tar archive, without tables of networks) and what its version printed of it. A
backup without its list of files is a home, so one archive serves both tests. Add one before a landing that changes what
is stored. What it printed is compared at the time when it was printed.
"""

import json
import os
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Any

import pytest

from support.cast import Tocsin

_HOMES = Path(__file__).parents[1] / "homes"
_NAMES = sorted(path.stem for path in _HOMES.glob("*.json"))


@pytest.fixture(params=_NAMES)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def backup(name: str, tmp_path: Path) -> Path:
    with tarfile.open(_HOMES / f"{name}.tar.xz") as archive:
        archive.extractall(tmp_path / "backup", filter="data")
    return tmp_path / "backup"


def test_a_home_of_an_older_version_is_upgraded_with_all_in_it(name: str, backup: Path) -> None:
    (backup / "backup.json").unlink()
    _holds_all(backup, name, "upgrade --without-backup")


def test_a_backup_of_an_older_version_is_restored_with_all_in_it(name: str, backup: Path, tmp_path: Path) -> None:
    home = tmp_path / "home"
    Tocsin(home, {**os.environ, "NO_COLOR": "1"}).run("restore", backup)
    _holds_all(home, name)


def _holds_all(home: Path, name: str, *first: str) -> None:
    """Everything that the older version printed is printed now, in its order; there may be more.

    A problem was called notified once anything was owed for it; now once the responsible teams were. A feed of which a
    whole report is in quarantine was well.
    """
    before = json.loads((_HOMES / f"{name}.json").read_text(encoding="utf-8"))
    now = _printed(home, f"{name[:10]} 18:00:00", *first, *before, "audit verify")
    assert now["audit verify"]["good"]
    assert now["events"] == before.pop("events")
    for command, rows in before.items():
        found = iter(_rows(now[command]))
        for was in _rows(rows):
            if command.startswith("problems list"):
                for field in ("due", "overdue"):
                    was.pop(field, None)
                if was["state"] == "told":
                    for field in ("state", "status"):
                        was.pop(field, None)
            if command == "feeds list" and was.get("state") == "well":
                was.pop("state")
            assert any(_is_in(was, row) for row in found), (command, was)


def _is_in(was: Any, now: Any) -> bool:
    """Whether all that was said is said; there may be more names."""
    if isinstance(was, dict):
        return isinstance(now, dict) and all(key in now and _is_in(value, now[key]) for key, value in was.items())
    if isinstance(was, list) and isinstance(now, list):
        return len(was) == len(now) and all(map(_is_in, was, now))
    return bool(was == now)


def _rows(document: Any) -> list[dict[str, Any]]:
    return document if isinstance(document, list) else [document]


def _printed(home: Path, at: str, *commands: str) -> dict[str, Any]:
    """What the commands print at the time ``at``: a feed falls silent and what is kept grows old with every day."""
    program = shutil.which("faketime")
    assert program, "faketime is not here: install the Debian package faketime"
    command = [program, "-f", f"@{at}", sys.executable, "-m", "support.printed", str(home), *commands]
    places = os.pathsep.join([str(Path(__file__).parents[1]), *sys.path])
    environment = {
        **os.environ,
        "PYTHONPATH": places,
        "TZ": "UTC",
        "NO_FAKE_STAT": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
    }
    run = subprocess.run(command, env=environment, check=False, capture_output=True, timeout=300)
    assert run.returncode == 0, run.stderr.decode()
    printed: dict[str, Any] = json.loads(run.stdout)
    return printed
