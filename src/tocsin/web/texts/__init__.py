"""The words of the pages that people outside read, a file for each language."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from string import Formatter
from typing import Any

from tocsin.errors import SettingError

_HERE = Path(__file__).parent


@dataclass(frozen=True)
class Words:
    """The words of one language; ``direction`` is ``ltr`` or ``rtl``."""

    language: str
    direction: str
    words: Mapping[str, Any]

    def say(self, name: str, **values: object) -> str:
        """A text by its name, ``section.text``, with its braces filled in; ``n`` = 1 takes the text for one."""
        found = self._find(f"{name}_one") if values.get("n") == 1 else None
        given = {of: _apart(value) for of, value in values.items()} if self.direction == "rtl" else values
        return (found or self._find(name) or name).format_map(given)

    def _find(self, name: str) -> str | None:
        section, _, text = name.rpartition(".")
        of = self.words.get(section, {}) if section else self.words
        found = of.get(text)
        return found if isinstance(found, str) else None


def _apart(value: object) -> object:
    """A date or an address as it is within words from right to left, where its parts would change places (UAX #9)."""
    return (
        f"\N{LEFT-TO-RIGHT ISOLATE}{value}\N{POP DIRECTIONAL ISOLATE}"
        if isinstance(value, str) and value.isascii()
        else value
    )


def words_for(language: str, folder: Path = _HERE) -> Words:
    """The words of a language (BCP 47), of its main language, or of English, for each text by itself.

    Raises:
        SettingError: a text of that language cannot be used; names the file.

    """
    main = language.partition("-")[0].lower()
    return _load(folder, main if main.isalpha() and (folder / f"{main}.toml").is_file() else "en")


def _check(english: Mapping[str, Any], own: Mapping[str, Any], path: Path) -> None:
    """Each text must have a name that the English ones have, and fill in nothing else than that does.

    Raises:
        SettingError: one does not.

    """
    for name, text in own.items():
        known = english.get(name)
        if isinstance(text, dict) and isinstance(known, dict):
            _check(known, text, path)
        elif not isinstance(text, str) or not isinstance(known, str):
            raise SettingError(f"{path}: '{name}' is no text of these pages.", hint="Compare it with en.toml.")
        elif _braces(text, path) - _braces(known, path):
            raise SettingError(f"{path}: '{name}' fills in what is not known there.", hint=f"In English: {known}")


def _braces(text: str, path: Path) -> set[str]:
    try:
        return {name for _, name, _, _ in Formatter().parse(text) if name is not None}
    except ValueError as error:
        raise SettingError(f"{path}: '{text}' has a brace too many: {error}.") from error


@cache
def _load(folder: Path, language: str) -> Words:
    english = tomllib.loads((_HERE / "en.toml").read_text(encoding="utf-8"))
    own = tomllib.loads((folder / f"{language}.toml").read_text(encoding="utf-8"))
    _check(english, own, folder / f"{language}.toml")
    words = {
        name: {**text, **own.get(name, {})} if isinstance(text, dict) else own.get(name, text)
        for name, text in english.items()
    }
    return Words(language, str(words["direction"]), words)
