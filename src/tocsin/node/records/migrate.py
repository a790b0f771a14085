"""Bring a records database to the current version with Alembic, or to an older one for a copy of older records."""

from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection, Engine, inspect, text

from tocsin.node.errors import StorageError
from tocsin.node.records.full_text import make_missing
from tocsin.node.records.moved import check_open

if TYPE_CHECKING:
    from alembic.config import Config

_MIGRATIONS = Path(__file__).parent / "migrations"
_KEY = 0x746F6373_6D696772  # "tocsmigr": the number of the PostgreSQL advisory lock


def revisions(engine: Engine) -> tuple[str, str]:
    """The revision of the tables ("" where there are none yet), and that of this version.

    Raises:
        StorageError: the tables are of a version that is not known here, or were moved elsewhere.

    """
    with engine.begin() as connection:
        return _revisions(connection)


def make_tables(engine: Engine) -> None:
    """Make the tables where there are none, and indexes of words that were lost; older records are left as they are.

    Raises:
        StorageError: the tables are of another version, or were moved elsewhere.

    """
    with engine.begin() as connection:
        revision, newest = _revisions(connection)
        if revision == newest:
            _index_words(connection)
            return
    if revision:
        raise StorageError(
            f"The records are of an older version of Tocsin: {revision}, and this one's are {newest}.",
            hint="Run 'tocsin upgrade': it makes a backup first. 'tocsin upgrade --try' tries it on a copy.",
        )
    upgrade(engine)


def upgrade(engine: Engine) -> None:
    """Apply the migrations that are missing, in one transaction; quick when there are none; make lost indexes of words.

    Raises:
        StorageError: the tables are of a version that is not known here, or were moved elsewhere.

    """
    with engine.begin() as connection:
        revision, newest = _revisions(connection)
        if revision == newest:
            _index_words(connection)
            return
    from alembic import command
    from alembic.util import CommandError

    with engine.begin() as connection:
        # Of two processes that start at once the second waits, then finds nothing left to do; SQLite does so by itself.
        if engine.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _KEY})
        try:
            command.upgrade(_config(connection), "head")
        except CommandError as error:  # a newer version was quicker
            raise _unknown("", newest) from error
        _index_words(connection)


def _revisions(connection: Connection) -> tuple[str, str]:
    known = sorted(path.name.split("_")[0] for path in (_MIGRATIONS / "versions").glob("[0-9]*.py"))
    made = inspect(connection).has_table("alembic_version")
    revision = connection.scalar(text("SELECT version_num FROM alembic_version")) if made else None
    check_open(revision or "")
    if revision and revision not in known:
        raise _unknown(revision, known[-1])
    return revision or "", known[-1]


def make_older_tables(connection: Connection, revision: str) -> None:
    """Make the tables as they were at a revision, in a database without any."""
    from alembic import command

    command.upgrade(_config(connection), revision)


def _config(connection: Connection) -> "Config":
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS))
    config.attributes["connection"] = connection
    return config


def _unknown(revision: str, newest: str) -> StorageError:
    if revision > newest:
        return StorageError(
            f"The records are of a newer version of Tocsin: {revision}, and this one's are {newest}.",
            hint="Use that version or a newer one; the way back is the backup that 'tocsin upgrade' made.",
        )
    return StorageError(
        "The records were made by a version of Tocsin that this one does not know.",
        hint="Use that version or a newer one; the way back is a backup. Records of a version before "
        "27 November 2026 are opened once with that day's version first.",
    )


def _index_words(connection: Connection) -> None:
    if connection.dialect.name == "sqlite":
        make_missing(connection)
