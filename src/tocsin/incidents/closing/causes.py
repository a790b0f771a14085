"""The root causes that a node tells apart: a list as text, each with the types of incidents that it is usual for."""

from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Final

from pydantic import Field

from tocsin.events import RSIT_TYPES
from tocsin.incidents.text_files import (
    Identifier,
    TextFault,
    TextFaultError,
    TextPart,
    parse_document,
    place_of,
    read_bytes,
    read_model,
)
from tocsin.node.paths import HomeFolder
from tocsin.node.sentences import say

FILE: Final = "root-causes.toml"
"""The list of a node's own, in its folder of templates."""

UNKNOWN: Final = "unknown"
_HINT: Final = "Correct what is said."


class RootCause(TextPart):
    """One root cause. ``rsit``: types of the Reference Security Incident Taxonomy."""

    id: Identifier
    title: str = Field(min_length=1, max_length=200)
    rsit: tuple[str, ...] = ()


class _Causes(TextPart):
    cause: tuple[RootCause, ...] = Field(min_length=1, max_length=200)


def read_causes(home: Path) -> dict[str, RootCause]:
    """The causes of a node by id: its own list, else the shipped one.

    Raises:
        UsageError, TextFaultError: its own list cannot be used.

    """
    path = home / HomeFolder.TEMPLATES / FILE
    return _read(read_bytes(path), str(path)) if path.exists() else shipped_causes()


def causes_for(causes: dict[str, RootCause], rsit_type: str) -> list[RootCause]:
    """All of them, those first that are usual for a type."""
    return sorted(causes.values(), key=lambda one: rsit_type not in one.rsit)


@cache
def shipped_causes() -> dict[str, RootCause]:
    """The list that comes along."""
    return _read((files("tocsin.incidents.closing") / "causes.toml").read_bytes(), "causes.toml")


def _read(content: bytes, name: str) -> dict[str, RootCause]:
    read, text = parse_document(content, name)
    causes = read_model(_Causes, read, text, hint=_HINT).cause
    found: dict[str, RootCause] = {}
    faults = []
    for at, one in enumerate(causes):
        if one.id in found or one.id == UNKNOWN:
            why = say("Another one has the id '%(id)s'.", id=one.id)
            faults.append(TextFault(place_of(("cause", at, "id"), read, text), why))
        for odd in (of for of in one.rsit if of not in RSIT_TYPES):
            why = say("There is no type '%(id)s'.", id=odd)
            faults.append(TextFault(place_of(("cause", at, "rsit"), read, text), why))
        found[one.id] = one
    if faults:
        raise TextFaultError(faults, hint=_HINT)
    return found
