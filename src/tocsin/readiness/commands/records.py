"""What the commands of readiness share: the records of the node, its evidence, the time."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from tocsin.node.errors import UsageError
from tocsin.node.paths import HomeFolder

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from tocsin.node.blobs import Blobs
    from tocsin.node.records import Database


def open_records(home: Path) -> "Database":
    """The records database of the node in ``home``, with its tables."""
    from tocsin.node.home import open_home

    return open_home(home)[1]


@contextmanager
def records(home: Path) -> Iterator["Session"]:
    """One transaction on the records of the node in ``home``, closed at its end."""
    database = open_records(home)
    try:
        with database.begin() as session:
            yield session
    finally:
        database.engine.dispose()


def evidence_copies(home: Path) -> "Blobs":
    """The archived copies of evidence that the node in ``home`` keeps."""
    from tocsin.node.blobs import Blobs

    return Blobs(home / HomeFolder.EVIDENCE)


def now() -> datetime:
    """The present moment, in UTC."""
    return datetime.now(UTC)


def day(text: str) -> date:
    """The date in ``text``, as YYYY-MM-DD. Raises UsageError."""
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise UsageError(f"'{text}' is not a date.", hint="Write it as YYYY-MM-DD.") from error
