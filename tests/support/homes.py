"""Homes of nodes that are there at once: each process of tests makes them once, every other is a copy.

Network tables are written once and then only read, so a copy gives the same files a second name; `unchanged` says
whether all kept to that. Everything else is the copy's own.
"""

import atexit
import os
import shutil
import tempfile
from contextlib import suppress
from functools import cache
from pathlib import Path

from support.cast import CAST, RULES, Tocsin
from tocsin.networks.folders import current_folder
from tocsin.node.home import open_home

_WRITTEN: dict[Path, int] = {}
"""Files that all homes share, and when they were written, ns."""


@cache
def migrated_home() -> Path:
    """A home with the tables of the current version and the bundled networks, else empty. Nobody writes there."""
    home = _folder() / "home"
    open_home(home)[1].engine.dispose()
    _WRITTEN.update({path: path.stat().st_mtime_ns for path in current_folder(home).iterdir()})
    return home


@cache
def settled_home() -> Path:
    """The same with the fixed cast in its directory. Nobody writes there."""
    folder = _folder()
    home = copy_home(migrated_home(), folder / "home")
    for name, text in (("cast.toml", CAST), ("rules.csv", RULES)):
        (folder / name).write_text(text)
        Tocsin(home, {}).run("directory", "import", folder / name)
    return home


def fresh_records(folder: Path) -> Path:
    """An SQLite file in ``folder`` with the tables of the current version."""
    return Path(shutil.copy(migrated_home() / "records.sqlite", folder))


def copy_home(of: Path, to: Path) -> Path:
    """``to``, a copy of a home, or of a folder with one in it."""
    shutil.copytree(of, to, dirs_exist_ok=True, copy_function=_copy)
    return to


def unchanged() -> bool:
    """No test wrote into the network tables that all homes share."""
    return all(path.stat().st_mtime_ns == written for path, written in _WRITTEN.items())


def _copy(source: str, target: str) -> None:
    if source.endswith(".npy") and Path(source).parents[1].name == "networks":
        with suppress(OSError):  # on another disk it needs a copy
            os.link(source, target)
            return
    shutil.copy2(source, target)


def _folder() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="tocsin-homes-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder
