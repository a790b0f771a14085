"""The home folder of a node: its settings and its records, opened alike by everything that needs no more."""

import os
from contextlib import suppress
from pathlib import Path

from tocsin.node.errors import StorageError
from tocsin.node.paths import HomeFile
from tocsin.node.records import Database, open_database, sqlite_url
from tocsin.node.settings import Settings, load_settings


def open_home(home: Path) -> tuple[Settings, Database]:
    """Settings and records of the node in ``home``; the folder and the tables are made where there are none.

    Raises:
        SettingError: a setting does not work.
        StorageError: the folder or the database cannot be used, or the records are of another version.

    """
    settings = load_settings(home)
    database = reach_home(home, settings)
    database.make_tables()
    return settings, database


def reach_home(home: Path, settings: Settings) -> Database:
    """Its records of whatever version, which may have no tables yet.

    A folder that other users of the machine could read is closed to them with all that is in it.
    """
    try:
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        if is_open(home):
            close_to_others(home)
    except OSError as error:
        raise StorageError(
            f"The folder {home} cannot be made: {error.strerror}.", hint="Choose another with --home DIR."
        ) from error
    if (home / HomeFile.UNFINISHED_RESTORE).exists():
        raise StorageError(
            f"A backup was being restored into {home}, and that was not finished.",
            hint="Remove the folder and restore the backup again.",
        )
    return records_of(settings, home)


def is_open(folder: Path) -> bool:
    """Whether other users of the machine can do anything with a folder."""
    return bool(folder.stat().st_mode & 0o077)


def close_to_others(folder: Path) -> None:
    """Take all rights of other users from a folder and what is in it; what belongs to somebody else stays as it is."""
    for place, folders, files in os.walk(folder, topdown=False):
        for path in (Path(place, name) for name in [*folders, *files]):
            _close(path)
    _close(folder)  # last, so that one that was interrupted is done again


def _close(path: Path) -> None:
    with suppress(OSError):
        if not path.is_symlink():
            path.chmod(path.stat().st_mode & 0o700)


def records_of(settings: Settings, home: Path) -> Database:
    """The records database of the node in ``home``, whose tables may not be made yet."""
    return open_database(settings.storage.database or sqlite_url(home / HomeFile.RECORDS))
