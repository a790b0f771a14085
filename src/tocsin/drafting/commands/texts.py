"""The texts of a node, as commands read them."""

from pathlib import Path

from tocsin.drafting.draft import TextState
from tocsin.drafting.history import replayed
from tocsin.interface import Invocation
from tocsin.node.errors import InputError


def read_bytes(file: Path) -> bytes:
    """The bytes of a file that the person named."""
    try:
        return file.read_bytes()
    except OSError as error:
        raise InputError(f"{file} cannot be read: {error.strerror}.", hint="Check the name and try again.") from error


def draft_of(call: Invocation, name: str) -> TextState:
    """The text called ``name`` as it is now."""
    from tocsin.drafting.store import load

    return replayed(load(call.database, name).steps)
