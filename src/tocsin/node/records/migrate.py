"""Bring a records database to the current version with Alembic."""

from pathlib import Path

from sqlalchemy import Connection, Engine, inspect, text

from tocsin.node.errors import StorageError
from tocsin.node.records.full_text import make_missing
from tocsin.node.records.moved import check_open

_MIGRATIONS = Path(__file__).parent / "migrations"
_KEY = 0x746F6373_6D696772  # "tocsmigr": the number of the PostgreSQL advisory lock


def upgrade(engine: Engine) -> None:
    """Apply the migrations that are missing, in one connection; quick when there are none; make lost indexes of words.

    Raises:
        StorageError: the tables are of a version that is not known here, or were moved elsewhere.

    """
    newest = max(path.name.split("_")[0] for path in (_MIGRATIONS / "versions").glob("[0-9]*.py"))
    with engine.begin() as connection:
        made = inspect(connection).has_table("alembic_version")
        version = connection.scalar(text("SELECT version_num FROM alembic_version")) if made else None
        if version == newest:
            _index_words(connection)
            return
        check_open(version or "")
    from alembic import command
    from alembic.config import Config
    from alembic.util import CommandError

    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS))
    with engine.begin() as connection:
        # Of two processes that start at once the second waits, then finds nothing left to do; SQLite does so by itself.
        if engine.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _KEY})
        config.attributes["connection"] = connection
        try:
            command.upgrade(config, "head")
        except CommandError as error:
            raise StorageError(
                "The records were made by a version of Tocsin that this one does not know.",
                hint="Use that version or a newer one; the way back is a backup. Records of a version before "
                "27 November 2026 are opened once with that day's version first.",
            ) from error
        _index_words(connection)


def _index_words(connection: Connection) -> None:
    if connection.dialect.name == "sqlite":
        make_missing(connection)
