"""Keys of teams: read from what they send, judged, kept as assertions. What keeps them is loaded when asked for."""

import importlib
from typing import TYPE_CHECKING

from tocsin.directory.keys.model import (
    KeyFacts,
    KeyFormat,
    KeyState,
    Span,
    TeamKey,
    Verdict,
    ending,
    ends,
    judge,
    judge_for,
    serves,
)

if TYPE_CHECKING:
    from tocsin.directory.keys.files import key_facts, read_key_file
    from tocsin.directory.keys.openpgp import encrypting, said
    from tocsin.directory.keys.store import Change, Saying, Taken, import_keys, keys_by_team, remove_key, team_keys

__all__ = [
    "Change",
    "KeyFacts",
    "KeyFormat",
    "KeyState",
    "Saying",
    "Span",
    "Taken",
    "TeamKey",
    "Verdict",
    "encrypting",
    "ending",
    "ends",
    "import_keys",
    "judge",
    "judge_for",
    "key_facts",
    "keys_by_team",
    "read_key_file",
    "remove_key",
    "said",
    "serves",
    "team_keys",
]

_LATER = {
    "Change": "store",
    "Saying": "store",
    "Taken": "store",
    "encrypting": "openpgp",
    "import_keys": "store",
    "key_facts": "files",
    "keys_by_team": "store",
    "read_key_file": "files",
    "remove_key": "store",
    "said": "openpgp",
    "team_keys": "store",
}


def __getattr__(name: str) -> object:
    if name not in _LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_LATER[name]}"), name)
