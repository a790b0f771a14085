"""Records that are there at once, for what does not depend on the database."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from support.homes import fresh_records
from tocsin.node.records import Database, open_database, sqlite_url


@pytest.fixture
def records(tmp_path: Path) -> Iterator[Database]:
    """Records of the test's own."""
    database = open_database(sqlite_url(fresh_records(tmp_path)))
    yield database
    database.close()
