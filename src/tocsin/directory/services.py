"""The services of a CSIRT by the names of the FIRST CSIRT Services Framework, version 2.1."""

import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

FRAMEWORK: Final[Mapping[str, Sequence[str]]] = tomllib.loads(
    Path(__file__).with_name("services.toml").read_text(encoding="utf-8")
)
"""Services by area, in the framework's order."""


def _plain(name: str) -> str:
    """A name for comparing: letters and digits only, without the words that every second name begins with."""
    words = name.lower().removeprefix("information security ").replace("artefact", "artifact").replace("&", "and")
    return "".join(letter for letter in words if letter.isalnum())


_KNOWN = {_plain(name): name for names in FRAMEWORK.values() for name in names}


def service_name(text: str) -> str:
    """The framework's own spelling of a service, or the text as it is where the framework has no such name."""
    return _KNOWN.get(_plain(text), text)


def in_framework(name: str) -> bool:
    """Whether a name is one of the framework's."""
    return name in _KNOWN.values()
