"""The tables that the migrations make are the tables that the rooms' models describe."""

import importlib
import pkgutil
from pathlib import Path

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

import tocsin
from tocsin.records import Base, open_database
from tocsin.records.engine import sqlite_url


def test_migrations_make_exactly_the_tables_of_the_models(tmp_path: Path) -> None:
    for module in pkgutil.walk_packages(tocsin.__path__, "tocsin."):
        if module.name.rpartition(".")[2] in {"models", "tables", "identity"}:
            importlib.import_module(module.name)
    database = open_database(sqlite_url(tmp_path / "records.sqlite"))
    database.migrate()
    database.migrate()

    with database.engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), Base.metadata) == []
    database.engine.dispose()
