"""Records that are there at once: a copy of a migrated SQLite file."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tocsin.records import Database, open_database, sqlite_url


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An SQLite file with the tables of the current version."""
    path = tmp_path_factory.mktemp("migrated") / "records.sqlite"
    database = open_database(sqlite_url(path))
    database.migrate()
    database.engine.dispose()
    return path


@pytest.fixture
def records(migrated: Path, tmp_path: Path) -> Iterator[Database]:
    """Records of the test's own, for what does not depend on the database."""
    database = open_database(sqlite_url(Path(shutil.copy(migrated, tmp_path / "records.sqlite"))))
    yield database
    database.engine.dispose()
