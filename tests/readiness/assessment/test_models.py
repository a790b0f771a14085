"""The tables that the migrations make are those of the assessment's models."""

from pathlib import Path

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from tocsin.node.records import Base, open_database
from tocsin.node.records.engine import sqlite_url
from tocsin.readiness.assessment import models


def test_migrations_make_exactly_these_tables(tmp_path: Path) -> None:
    database = open_database(sqlite_url(tmp_path / "records.sqlite"))
    database.migrate()

    with database.engine.connect() as connection:
        differences = compare_metadata(MigrationContext.configure(connection), Base.metadata)
        names = {table for table in database.engine.dialect.get_table_names(connection) if table.startswith("assess")}
    database.close()

    assert [line for line in differences if "assessment" in str(line)] == []
    assert {m.__tablename__ for m in (models.AssessmentAnswer, models.Evidence, models.UnitTarget)} <= names
