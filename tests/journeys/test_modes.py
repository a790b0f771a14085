"""Other users of the machine cannot read a node, whatever the umask of the shell is, and whoever made its folder."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from support.cast import Tocsin
from support.world import serving

COMMAND = Path(sys.executable).parent / "tocsin"
FIRST = "other users of this machine"


def loose(folder: Path) -> list[str]:
    """What others could read, write or enter; links have no mode of their own."""
    found = [folder, *folder.rglob("*")]
    return [str(path) for path in found if not path.is_symlink() and path.stat().st_mode & 0o077]


def run(*arguments: str | Path) -> None:
    """A command as a shell with the usual umask starts it."""
    before = os.umask(0o022)
    try:
        subprocess.run([COMMAND, *arguments], check=True, capture_output=True)
    finally:
        os.umask(before)


def test_what_commands_and_the_server_write(tmp_path: Path, report: Callable[..., Path]) -> None:
    home, backup, again = tmp_path / "home", tmp_path / "backup", tmp_path / "again"
    run("--home", home, "ingest", report("192.0.2.1"))
    before = os.umask(0o022)
    try:
        with serving(home) as client:
            client.get("/")
    finally:
        os.umask(before)
    run("--home", home, "backup", backup)
    run("--home", again, "restore", backup)
    assert [path for folder in (home, backup, again) for path in loose(folder)] == []


def test_a_node_that_others_could_read_is_closed(tocsin: Tocsin, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.touch(0o644)
    outside.chmod(0o644)
    (tocsin.home / "link").symlink_to(outside)
    for path in [tocsin.home, *tocsin.home.rglob("*")]:
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() else 0o644)
    tocsin.run("events", "--limit", "1")
    assert loose(tocsin.home) == []
    assert outside.stat().st_mode & 0o777 == 0o644
    [found] = [one for one in tocsin.json("doctor") if one["what"] == FIRST]
    assert (found["ok"], found["found"]) == (True, "cannot read the node")


def test_an_old_backup_that_others_could_read_is_restored_closed(tocsin: Tocsin, tmp_path: Path) -> None:
    backup = tmp_path / "backup"
    backup.mkdir(0o755)
    tocsin.run("backup", backup)
    assert loose(backup) == []
    for path in backup.rglob("*"):
        path.chmod(0o755 if path.is_dir() else 0o644)
    run("--home", tmp_path / "again", "restore", backup)
    assert loose(tmp_path / "again") == []
