"""What a template leaves to be written by a person, and the check that it was: nothing leaves with a gap in it.

Mails to parties have gaps in braces, ``{deadline}``; answers to reporters in brackets, ``[what you need]``. Those of
all languages count, in whatever a person composes: texts are copied from one form to another.
"""

import re
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Final

from tocsin.delivery.texts.text_folders import TextFolders
from tocsin.interface import RequestError
from tocsin.node.paths import HomeFolder
from tocsin.node.sentences import say

_GAPS: Final = {
    "answers": re.compile(r"\[([^\[\]\n]{1,100})\]"),
    "incident": re.compile(r"\{([^{}\n]{1,100})\}"),
}
"""How a gap is written, by the folder of its template."""


def gaps_of(home: Path) -> frozenset[str]:
    """All gaps of the templates of a node, with their brackets; its own templates are read anew when they change."""
    shelf = TextFolders(home / HomeFolder.TEMPLATES)
    files = sorted({one for language in shelf.languages() for one in _templates(shelf, language)})
    return frozenset(gap for path in files for gap in _read(path, path.stat().st_mtime_ns))


def check_filled(home: Path, **texts: str) -> None:
    """Whether a person filled in all that templates leave open; ``texts``: by the name of their field.

    Raises:
        RequestError: something is left; names it, and the field.

    """
    if not any(mark in text for text in texts.values() for mark in "[{"):
        return
    known = gaps_of(home)
    for field, text in texts.items():
        written = [found[0] for shape in _GAPS.values() for found in shape.finditer(text)]
        if left := [one for one in dict.fromkeys(written) if one in known]:
            wrong = say("Not filled in: %(placeholders)s.", placeholders=", ".join(left))
            raise RequestError([(field, wrong)], say("Write what belongs there, or take it out."))


def _templates(shelf: TextFolders, language: str) -> Iterator[Path]:
    for place in shelf.folders(language):
        for folder in _GAPS:
            yield from (place / folder).glob("*.txt")


@lru_cache(maxsize=1_000)
def _read(path: Path, _changed: int) -> tuple[str, ...]:
    text = path.read_text(encoding="utf-8", errors="replace")
    return tuple(found[0] for found in _GAPS[path.parent.name].finditer(text))
