"""A migrated database of its own for each test."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from delivery_cast import records
from tocsin.records import Database


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    database = records(tmp_path)
    yield database
    database.engine.dispose()
