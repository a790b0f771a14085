"""The tables that the migrations make are the tables that the rooms' models describe, on both databases."""

import importlib
import pkgutil
import subprocess
import sys
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from sqlalchemy import Column, MetaData, inspect, text

import tocsin
from tocsin.node.errors import StorageError
from tocsin.node.records import Base, open_database

_SOURCE = Path(tocsin.__file__).parent


def test_migrations_make_exactly_the_tables_of_the_models(database_url: str) -> None:
    for module in pkgutil.walk_packages(tocsin.__path__, "tocsin."):
        if module.name.rpartition(".")[2] in {"models", "tables", "fact_tables", "identity"}:
            importlib.import_module(module.name)
    database = open_database(database_url)
    database.migrate()
    database.migrate()

    with database.engine.connect() as connection:
        options = {"compare_type": True, "include_object": lambda _object, name, *_: "search_" not in (name or "")}
        context = MigrationContext.configure(connection, opts=options)  # indexes of words are no tables of a model
        assert compare_metadata(context, Base.metadata) == []
    database.close()


_ALONE = """
import importlib, os, sys
import sqlalchemy.dialects.postgresql, sqlalchemy.orm, pydantic, polars  # which are no modules of ours
assert not [name for name in sys.modules if name.partition(".")[0] == "tocsin"]
failed = []
for module in sys.argv[1:]:
    if (number := os.fork()) == 0:
        try:
            importlib.import_module(module)
            from tocsin.node.records import Base
            [key.column for table in Base.metadata.tables.values() for key in table.foreign_keys]
        except BaseException:
            sys.excepthook(*sys.exc_info())
            os._exit(1)
        os._exit(0)
    if os.waitpid(number, 0)[1]:
        failed.append(module)
assert not failed, failed
"""


def test_the_tables_of_a_module_need_no_other_import_and_a_backup_knows_them_all() -> None:
    """Each in a process of its own: what others import by the way must not be what makes it work."""
    modules = sorted(
        ".".join(path.relative_to(_SOURCE.parent).with_suffix("").parts)
        for path in _SOURCE.rglob("*.py")
        if "__tablename__ = " in path.read_text(encoding="utf-8")
    )
    subprocess.run([sys.executable, "-c", _ALONE, *modules], check=True)
    copies = "from tocsin.operations.backup import known_tables; print(*sorted(t.name for t in known_tables()))"
    found = subprocess.run([sys.executable, "-c", copies], check=True, capture_output=True, text=True).stdout.split()
    for module in modules:
        importlib.import_module(module)
    assert found == sorted(Base.metadata.tables)


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
    database.close()


def test_rows_of_before_the_parts_of_incidents_stay_as_they_are(database_url: str) -> None:
    """A row in each table of 0043: the last version without clocks, duty, evidence, take-downs and the others."""
    database = open_database(database_url)
    with database.engine.begin() as connection:
        config = Config()
        config.set_main_option("script_location", str(_SOURCE / "node" / "records" / "migrations"))
        config.attributes["connection"] = connection
        command.upgrade(config, "0043")
        tables = MetaData()
        tables.reflect(connection)
        before = {}
        for table in tables.sorted_tables:
            if table.primary_key.columns and not table.name.startswith(("alembic", "search_")):
                if connection.execute(table.select()).first() is None:
                    connection.execute(table.insert().values({one.name: _value(one) for one in table.columns}))
                before[table] = connection.execute(table.select()).mappings().one()
    assert {"incident", "incident_task", "incident_party", "incident_observable", "inbox_report"} <= {
        table.name for table in before
    }

    database.migrate()

    with database.engine.connect() as connection:
        assert {table: connection.execute(table.select()).mappings().one() for table in before} == before
        given = [
            connection.execute(text(f"SELECT {columns} FROM {table}")).one()
            for table, columns in (
                ("incident", "root_cause, in_figures"), ("incident_task", "lesson"),
                ("inbox_report", "basis, basis_act"), ("incident_observable", "checked_to, unreviewed_since, noted_on"),
            )
        ]  # fmt: skip
    assert given == [("", False), (False,), ("voluntary", ""), (None, None, None)]
    database.close()


def _value(column: Column[Any]) -> object:
    """Something that a column may hold; all numbers are 1, so that keys lead somewhere."""
    try:
        kind = column.type.python_type
    except NotImplementedError:
        return None
    made = {int: 1, str: "x" * 32, bool: True, datetime: datetime(2026, 11, 27, tzinfo=UTC), UUID: UUID(int=1),
            date: date(2026, 11, 27), bytes: b"x", float: 1.0, dict: {}, object: {}}  # fmt: skip
    return made[kind]


def test_first_starts_at_once_make_the_tables_once(database_url: str) -> None:
    start = "import sys; from tocsin.node.records import open_database; open_database(sys.argv[1]).migrate()"
    running = [subprocess.Popen([sys.executable, "-c", start, database_url]) for _ in range(3)]

    assert [process.wait(timeout=60) for process in running] == [0, 0, 0]
