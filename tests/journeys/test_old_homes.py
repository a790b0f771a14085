"""A home and a backup of each version that landed open in this one, with all in them.

`tests/homes/` has a backup of each (a tar archive, without tables of networks) and what its version printed of it. A
backup without its list of files is a home, so one archive serves both tests. Add one before a landing that changes what
is stored.
"""

import json
import os
import tarfile
from pathlib import Path

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


def test_a_home_of_an_older_version_opens_with_all_in_it(name: str, backup: Path) -> None:
    (backup / "backup.json").unlink()
    node = _node(backup)
    _holds_all(node, name)


def test_a_backup_of_an_older_version_is_restored_with_all_in_it(name: str, backup: Path, tmp_path: Path) -> None:
    node = _node(tmp_path / "home")
    node.run("restore", backup)
    _holds_all(node, name)


def _node(home: Path) -> Tocsin:
    return Tocsin(home, {**os.environ, "NO_COLOR": "1"})


def _holds_all(node: Tocsin, name: str) -> None:
    """Everything that the older version printed is printed now, in its order; there may be more."""
    before = json.loads((_HOMES / f"{name}.json").read_text(encoding="utf-8"))
    assert len(node.lines("--json", "events", "--limit", "5000")) == before.pop("events")
    for command, rows in before.items():
        now = iter(node.json(*command.split()))
        for was in rows:
            assert any({key: row.get(key) for key in was} == was for row in now), (command, was)
    assert node.json("audit", "verify")["good"]
