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
    open_home(home)[1].close()
    _WRITTEN.update({path: path.stat().st_mtime_ns for path in current_folder(home).iterdir()})
    return home


@cache
def settled_home() -> Path:
    """The same with the fixed cast in its directory. Nobody writes there."""
    home = copy_home(migrated_home(), _folder() / "home")
    _import_cast(home)
    return home


def settle(home: Path, settings: str = "") -> Path:
    """``home``, with these settings and the fixed cast in its directory, whose files are beside it."""
    if "database =" in settings:  # not the one of which there is a copy
        copy_home(migrated_home() / "networks", home / "networks")
    else:
        copy_home(settled_home(), home)
    if settings:
        (home / "tocsin.toml").write_text(settings)
    if "database =" in settings:
        _import_cast(home)
    else:
        _write_cast(home.parent)
    return home


def _import_cast(home: Path) -> None:
    for path in _write_cast(home.parent):
        Tocsin(home, {}).run("directory", "import", path)


def _write_cast(folder: Path) -> list[Path]:
    paths = [folder / "cast.toml", folder / "rules.csv"]
    for path, text in zip(paths, (CAST, RULES), strict=True):
        path.write_text(text)
    return paths


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
