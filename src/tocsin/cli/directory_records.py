"""The records, opened for one ``tocsin directory`` command."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tocsin.records import Database


@contextmanager
def records(home: Path) -> "Iterator[Database]":
    """The records of the node in ``home``, closed at the end."""
    from tocsin.app import open_node

    database = open_node(home).database
    try:
        yield database
    finally:
        database.engine.dispose()
