"""Catalogues of translations: what there is to translate, one brought up to date, and what is wrong with one."""

from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass
from functools import cache
from itertools import chain
from pathlib import Path
from typing import Final

from babel.messages.catalog import Catalog, Message, TranslationError
from babel.messages.extract import DEFAULT_KEYWORDS, extract_from_dir
from babel.messages.pofile import read_po, write_po

from tocsin.interface.capabilities import capabilities
from tocsin.server.pages.hearing import CONTEXT
from tocsin.server.pages.rooms import shapes

FILE: Final = Path("LC_MESSAGES", "tocsin.po")
"""Where a catalogue is in the folder of its language."""

_HERE = Path(__file__).parent
_METHODS = [("**.py", "python"), ("templates/**.html", "jinja2")]
_OPTIONS = {"templates/**.html": {"trim_blocks": "true", "lstrip_blocks": "true", "silent": "false"}}
_APART = [("capability.py", "python"), ("web/**.py", "python"), ("web/templates/**.html", "jinja2")]
_OPTIONS_APART = {"web/templates/**.html": _OPTIONS["templates/**.html"]}
_KEYWORDS = DEFAULT_KEYWORDS | {"say": None, "count": (1, 2), "NN_": (1, 2), "NC_": ((1, "c"), 2)}
_WIDTH = 120


@dataclass(frozen=True)
class CatalogueFault:
    """One text that is not translated as it must be; ``text`` is the English one."""

    text: str
    wrong: str


@cache
def source() -> Catalog:
    """All texts of the pages, and the shapes of what rooms say there, in English, with the files that they stand in."""
    found = Catalog(project="Tocsin", charset="utf-8")
    pages = extract_from_dir(_HERE, _METHODS, _OPTIONS, keywords=_KEYWORDS, comment_tags=("Translators:",))
    apart = (extract_from_dir(one.folder, _APART, _OPTIONS_APART, keywords=_KEYWORDS) for one in capabilities())
    mails = extract_from_dir(_HERE.parent.parent / "node" / "accounts", [("mails.py", "python")], keywords=_KEYWORDS)
    rules = extract_from_dir(_HERE.parent.parent / "sharing" / "rules", [("words.py", "python")], keywords=_KEYWORDS)
    for file, _line, text, comments, context in chain(pages, *apart, mails, rules):
        found.add(text, None, [(file, None)], auto_comments=comments, context=context)  # type: ignore[list-item]
    for shape in shapes():
        found.add(shape.text, None, [(shape.file, None)], context=CONTEXT)  # type: ignore[list-item]
    return found


def update(path: Path, language: str) -> Catalog:
    """Bring a catalogue up to date, or make it: new texts come in untranslated, those that are gone leave."""
    catalogue = _read(path, language) if path.is_file() else Catalog(locale=language, project="Tocsin")
    texts = deepcopy(source())
    texts.creation_date = catalogue.creation_date  # where nothing changed, the file stays as it is
    catalogue.update(texts, no_fuzzy_matching=True)
    catalogue.obsolete.clear()
    catalogue.header_comment, catalogue.fuzzy = f"# The texts of Tocsin's pages: {language}", False
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        write_po(file, catalogue, width=_WIDTH, omit_header=False, include_lineno=False, sort_output=False)
    return catalogue


def faults(path: Path, language: str) -> Iterator[CatalogueFault]:
    """What is wrong with a catalogue: texts that are missing, doubtful, or fill in other names than in English."""
    known = {(one.context, _key(one)): one for one in _read(path, language) if one.id}
    for wanted in source():
        if not wanted.id:
            continue
        found = known.get((wanted.context, _key(wanted)))
        if found is None or not all(found.string if isinstance(found.string, tuple) else [found.string]):
            yield CatalogueFault(_first(wanted), "is not translated")
        elif found.fuzzy:
            yield CatalogueFault(_first(wanted), "is marked as doubtful (fuzzy)")
        else:
            yield from (CatalogueFault(_first(wanted), str(error)) for error in _errors(found))


def _errors(message: Message) -> list[TranslationError]:
    message.flags.discard("python-format")
    if message.python_format:
        message.flags.add("python-format")
    return list(message.check())


def _read(path: Path, language: str) -> Catalog:
    with path.open("rb") as file:
        return read_po(file, locale=language)


def _key(message: Message) -> tuple[str, ...]:
    return (message.id,) if isinstance(message.id, str) else tuple(message.id)


def _first(message: Message) -> str:
    return _key(message)[0]
