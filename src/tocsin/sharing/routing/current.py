"""The router of the directory as it stands: opened from files when they are of its version, else compiled and kept."""

import shutil
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from tocsin.directory import Directory
from tocsin.node.errors import StorageError
from tocsin.sharing.routing.files import DRAFT
from tocsin.sharing.routing.router import Router


def current_router(root: Path, version: str, read: Callable[[], Directory], *, now: datetime) -> Router:
    """The router of the directory whose version is ``version``; ``read`` gives it when it must be compiled.

    ``root`` keeps one folder, named after the version. Files of other versions are deleted when a new one is made.

    Raises:
        StorageError: the folder cannot be written.

    """
    try:
        return Router.open(root / version, now=now)
    except StorageError:
        directory = read()
    router = Router.compile((*directory.rules, *directory.overruled), directory.teams, now=now)
    router.save(root / directory.version)
    for old in root.iterdir():
        if old.name != directory.version and not old.name.startswith(DRAFT):
            shutil.rmtree(old, ignore_errors=True)
    return router
