"""The directory: teams, how they want to be told, and which part of the network each answers for.

Teams and rules are plain frozen data. What reads and writes the records is loaded when first asked for, so that
deciding with directory data needs no database.
"""

import importlib
from typing import TYPE_CHECKING

from tocsin.directory.model import (
    Directory,
    Format,
    Interval,
    Mute,
    MuteKind,
    Role,
    Rule,
    RuleKind,
    Team,
    TeamKind,
)

if TYPE_CHECKING:
    from tocsin.directory.entries import Refused
    from tocsin.directory.importing import Imported, import_directory
    from tocsin.directory.precedence import strength
    from tocsin.directory.reading import directory_version, list_teams, read_directory, read_team
    from tocsin.directory.statements import Spoken, Statement, assert_claim, deny_claim, read_line, withdraw_word

__all__ = [
    "Directory",
    "Format",
    "Imported",
    "Interval",
    "Mute",
    "MuteKind",
    "Refused",
    "Role",
    "Rule",
    "RuleKind",
    "Spoken",
    "Statement",
    "Team",
    "TeamKind",
    "assert_claim",
    "deny_claim",
    "directory_version",
    "import_directory",
    "list_teams",
    "read_directory",
    "read_line",
    "read_team",
    "strength",
    "withdraw_word",
]

_LATER = {
    "Imported": "importing",
    "Refused": "entries",
    "Spoken": "statements",
    "Statement": "statements",
    "assert_claim": "statements",
    "deny_claim": "statements",
    "directory_version": "reading",
    "import_directory": "importing",
    "list_teams": "reading",
    "read_directory": "reading",
    "read_line": "statements",
    "read_team": "reading",
    "strength": "precedence",
    "withdraw_word": "statements",
}


def __getattr__(name: str) -> object:
    if name not in _LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_LATER[name]}"), name)
