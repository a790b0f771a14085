"""The tables that the migrations make are the tables that the rooms' models describe, on both databases."""

import importlib
import pkgutil
import subprocess
import sys

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import inspect, text

import tocsin
from tocsin.node.errors import StorageError
from tocsin.node.records import Base, open_database


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


def test_records_of_a_version_that_is_not_known_are_left_alone(database_url: str) -> None:
    database = open_database(database_url)
    with database.engine.begin() as connection:
        connection.execute(text("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL)"))
        connection.execute(text("INSERT INTO alembic_version VALUES ('0025')"))
    with pytest.raises(StorageError, match="does not know") as refused:
        database.migrate()
    assert "27 November 2026" in refused.value.hint
    with database.engine.begin() as connection:
        assert inspect(connection).get_table_names() == ["alembic_version"]
    database.engine.dispose()


def test_first_starts_at_once_make_the_tables_once(database_url: str) -> None:
    start = "import sys; from tocsin.node.records import open_database; open_database(sys.argv[1]).migrate()"
    running = [subprocess.Popen([sys.executable, "-c", start, database_url]) for _ in range(3)]

    assert [process.wait(timeout=60) for process in running] == [0, 0, 0]
