"""Catalogues of translations: what there is to translate, one brought up to date, and what is wrong with one."""

import ast
from collections.abc import Collection, Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass
from functools import cache
from itertools import chain
from pathlib import Path
from typing import IO, Final

from babel.messages.catalog import Catalog, Message, TranslationError
from babel.messages.extract import DEFAULT_KEYWORDS, extract_from_dir
from babel.messages.pofile import read_po, write_po

from tocsin.incidents.closing import shipped_causes
from tocsin.incidents.playbooks import shipped_sentences
from tocsin.interface import capabilities
from tocsin.node.sentences import CONTEXT, Sentence

FILE: Final = Path("LC_MESSAGES", "tocsin.po")
"""Where a catalogue is in the folder of its language."""

_Call = tuple[int, str, tuple[str | None, ...], list[str]]

_PACKAGE = Path(__file__).parents[2]
_PYTHON = f"{__name__}:texts_of"
_OPTIONS = {"templates/**.html": {"trim_blocks": "true", "lstrip_blocks": "true", "silent": "false"}}
_APART = [("capability.py", _PYTHON), ("web/**.py", _PYTHON), ("web/templates/**.html", "jinja2")]
_OPTIONS_APART = {"web/templates/**.html": _OPTIONS["templates/**.html"]}
_ROOMS = [
    ("server/pages/**.py", "ignore"),
    ("*/web/**.py", "ignore"),
    ("*/capability.py", "ignore"),
    ("**.py", _PYTHON),
]
_MARKS = DEFAULT_KEYWORDS | {"NN_": (1, 2), "NC_": ((1, "c"), 2)}
_KEYWORDS = _MARKS | {"say": None, "count": (1, 2)}  # the methods of `Words`
_MAKERS = {"say": "pgettext", "say_count": "npgettext"}  # of `tocsin.node.sentences`, as gettext calls them
_WIDTH = 120


@dataclass(frozen=True)
class CatalogueFault:
    """One text that is not translated as it must be; ``text`` is the English one."""

    text: str
    wrong: str


@cache
def source() -> Catalog:
    """All texts of the pages, and the sentences that they show, in English, with the files that they stand in."""
    found = Catalog(project="Tocsin", charset="utf-8")
    pages = extract_from_dir(
        _PACKAGE / "server" / "pages", [("**.py", _PYTHON), ("templates/**.html", "jinja2")], _OPTIONS,
        keywords=_KEYWORDS,
        comment_tags=("Translators:",),
    )  # fmt: skip
    apart = (extract_from_dir(one.folder, _APART, _OPTIONS_APART, keywords=_KEYWORDS) for one in capabilities())
    rooms = extract_from_dir(_PACKAGE, _ROOMS, keywords=_MARKS)
    for file, _line, text, comments, context in sorted(chain(pages, *apart, rooms), key=lambda one: one[-1] == CONTEXT):
        found.add(text, None, [(file, None)], auto_comments=comments, context=context)  # type: ignore[list-item]
    causes = (one.title for one in shipped_causes().values())
    for place, sentences in (("incidents/playbooks/shipped", shipped_sentences()), ("incidents/closing", causes)):
        for sentence in dict.fromkeys(sentences):
            found.add(sentence, None, [(place, None)])  # type: ignore[list-item]
    return found


def texts_of(
    file: IO[bytes],
    keywords: Collection[str],
    _tags: Collection[str],
    options: Mapping[str, str],  # noqa: ARG001 (Babel gives it by this name)
) -> Iterator[_Call]:
    """The calls in a module that mark a text, as a method of Babel's.

    ``say`` makes a sentence where the module has it from `tocsin.node.sentences`; elsewhere it is that of `Words`.
    """
    tree = ast.parse(file.read())
    made = {
        name.name
        for node in tree.body
        if isinstance(node, ast.ImportFrom) and node.module == Sentence.__module__
        for name in node.names
    }
    calls = (node for node in ast.walk(tree) if isinstance(node, ast.Call))
    for call in sorted(calls, key=lambda call: (call.lineno, call.col_offset)):
        texts = tuple(map(_text, call.args))
        match call.func:
            case ast.Name(id=name) if name in made & _MAKERS.keys():
                yield call.lineno, _MAKERS[name], (CONTEXT, *texts), []
            case ast.Name(id=name) | ast.Attribute(attr=name) if name in keywords:
                yield call.lineno, name, texts, []


def _text(argument: ast.expr) -> str | None:
    return argument.value if isinstance(argument, ast.Constant) and isinstance(argument.value, str) else None


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
        write_po(file, catalogue, width=_WIDTH, no_location=True)  # a text that moves changes no catalogue
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
