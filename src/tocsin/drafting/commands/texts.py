"""The texts of a node, as commands read them."""

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from tocsin.drafting.draft import TextState
from tocsin.drafting.history import replayed
from tocsin.interface import Invocation
from tocsin.node.errors import InputError

if TYPE_CHECKING:
    from tocsin.node.records import Database


def open_records(home: Path) -> "Database":
    """The records database of the node in ``home``, with its tables; closed when nobody uses it."""
    from tocsin.node.home import open_home

    return open_home(home)[1]


def now() -> datetime:
    """The present moment, in UTC."""
    return datetime.now(UTC)


def read_bytes(file: Path) -> bytes:
    """The bytes of a file that the person named."""
    try:
        return file.read_bytes()
    except OSError as error:
        raise InputError(f"{file} cannot be read: {error.strerror}.", hint="Check the name and try again.") from error


def draft_of(invocation: Invocation, name: str) -> TextState:
    """The text called ``name`` as it is now."""
    from tocsin.drafting.store import load

    return replayed(load(open_records(invocation.home), name).steps)
