"""The tables that the migrations make are the tables that the rooms' models describe, on both databases."""

import importlib
import pkgutil
import subprocess
import sys

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

import tocsin
from tocsin.records import Base, open_database


def test_migrations_make_exactly_the_tables_of_the_models(database_url: str) -> None:
    for module in pkgutil.walk_packages(tocsin.__path__, "tocsin."):
        if module.name.rpartition(".")[2] in {"models", "tables", "fact_tables", "identity"}:
            importlib.import_module(module.name)
    database = open_database(database_url)
    database.migrate()
    database.migrate()

    with database.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, Base.metadata) == []
    database.engine.dispose()


def test_first_starts_at_once_make_the_tables_once(database_url: str) -> None:
    start = "import sys; from tocsin.records import open_database; open_database(sys.argv[1]).migrate()"
    running = [subprocess.Popen([sys.executable, "-c", start, database_url]) for _ in range(3)]

    assert [process.wait(timeout=60) for process in running] == [0, 0, 0]
