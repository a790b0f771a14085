"""The home folder of a node: its settings and its records, opened alike by everything that needs no more."""

from pathlib import Path
from typing import Final

from tocsin.errors import StorageError
from tocsin.records import Database, open_database, sqlite_url
from tocsin.settings import Settings, load_settings

UNFINISHED_RESTORE: Final = "restore.unfinished"
"""The file in a home folder while a backup is being restored into it."""


def open_home(home: Path) -> tuple[Settings, Database]:
    """Settings and records of the node in ``home``; the folder and the tables are made or brought up to date.

    Raises:
        SettingError: a setting does not work.
        StorageError: the folder or the database cannot be used.

    """
    settings = load_settings(home)
    try:
        home.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StorageError(
            f"The folder {home} cannot be made: {error.strerror}.", hint="Choose another with --home DIR."
        ) from error
    if (home / UNFINISHED_RESTORE).exists():
        raise StorageError(
            f"A backup was being restored into {home}, and that was not finished.",
            hint="Remove the folder and restore the backup again.",
        )
    database = records_of(settings, home)
    database.migrate()
    return settings, database


def records_of(settings: Settings, home: Path) -> Database:
    """The records database of the node in ``home``, whose tables may not be made yet."""
    return open_database(settings.storage.database or sqlite_url(home / "records.sqlite"))
