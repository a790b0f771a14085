"""The words of the pages that people outside read, a file for each language."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

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
        return (found or self._find(name) or name).format_map(values)

    def _find(self, name: str) -> str | None:
        section, _, text = name.rpartition(".")
        of = self.words.get(section, {}) if section else self.words
        found = of.get(text)
        return found if isinstance(found, str) else None


def words_for(language: str, folder: Path = _HERE) -> Words:
    """The words of a language (BCP 47), of its main language, or of English, for each text by itself."""
    main = language.partition("-")[0].lower()
    return _load(folder, main if main.isalpha() and (folder / f"{main}.toml").is_file() else "en")


@cache
def _load(folder: Path, language: str) -> Words:
    english = tomllib.loads((_HERE / "en.toml").read_text(encoding="utf-8"))
    own = tomllib.loads((folder / f"{language}.toml").read_text(encoding="utf-8"))
    words = {
        name: {**text, **own.get(name, {})} if isinstance(text, dict) else own.get(name, text)
        for name, text in english.items()
    }
    return Words(language, str(words["direction"]), words)
