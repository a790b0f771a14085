"""Mapping files read and checked; each mistake with its line and column."""

import codecs
import re
import string
import tomllib
from collections.abc import Mapping
from dataclasses import fields, replace
from functools import lru_cache
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

import polars as pl

from tocsin.events.classify import is_known
from tocsin.events.fields import BY_NAME, FieldKind
from tocsin.events.sources import Feed, KnownFeed, MappingError
from tocsin.events.sources.delimited import Dialect
from tocsin.events.sources.mapped.mapping import FORMATS, Each, FeedMapping, Pairs, Rule
from tocsin.node.errors import TocsinError

NAME: Final = "mapped"

_KINDS: Final = {
    "integer": FieldKind.INTEGER,
    "float": FieldKind.FLOAT,
    "boolean": FieldKind.BOOLEAN,
    "json": FieldKind.JSON,
}
_TYPES: Final = {int: FieldKind.INTEGER, float: FieldKind.FLOAT, bool: FieldKind.BOOLEAN}
_FEED: Final = {one.name for one in fields(Feed)} - {"source", "code"}
_TABLES: Final = {"columns", "constants", "head", "values", "where"}
_LISTS: Final = {"files", "names", "skip", "carry"}
_TEXTS: Final = {"separator", "comment", "format", "records", "pattern", "scheme", "equals", "signature", "encoding"}
_CATALOGUE: Final = {"access", "url", "accuracy", "header"}
_ENTRIES: Final = _FEED | _LISTS | _TEXTS | _CATALOGUE | {"each", "pairs", "skip_lines"}
_RULE: Final = {"to", "take", "pattern", "template", "decode", "time", "drop", "skip"}
_NAMES: Final = {str: "text", int: "a number", bool: "true or false"}
_NO_ENCODINGS: Final = {"utf-7", "hz", "idna", "punycode", "unicode_escape", "raw_unicode_escape", "undefined"}
_DECODED: Final = {"base64", "json"}


class _EntryError(ValueError):
    """What is wrong with an entry; ``place`` are the keys that lead to it."""

    def __init__(self, reason: str, *place: str) -> None:
        super().__init__(reason)
        self.place = place


def read_mapping(path: Path) -> FeedMapping:
    """A mapping file.

    Raises:
        MappingError: it is not as docs/sources.md describes.

    """
    try:
        status = path.stat()
    except OSError as error:
        raise MappingError(path, 1, 1, str(error)) from error
    return _read(path, (status.st_mtime_ns, status.st_size))


@lru_cache(1_000)
def _read(path: Path, _stamp: tuple[int, int]) -> FeedMapping:
    """The mapping in a file as it was at that time: each report asks for all that there are."""
    text = ""
    try:
        text = path.read_text(encoding="utf-8-sig")
        return _mapping(tomllib.loads(text), path.stem)
    except tomllib.TOMLDecodeError as error:
        found = re.search(r"line (\d+), column (\d+)", str(error))
        line, column = (int(found[1]), int(found[2])) if found else (text.count("\n") + 1, 1)
        raise MappingError(path, line, column, str(error).partition(" (at ")[0]) from error
    except _EntryError as error:
        raise MappingError(path, *_where(text, error.place), str(error)) from error
    except (UnicodeDecodeError, OSError, TocsinError) as error:
        raise MappingError(path, 1, 1, str(error)) from error


def _where(text: str, place: tuple[str, ...]) -> tuple[int, int]:
    """Line and column of the entry to which keys lead: the last of them that is found, from the one before on."""
    line, column = 1, 1
    lines = text.splitlines()
    for key in place:
        quoted = rf"(?<![\w.-])(?:\"{re.escape(key)}\"|'{re.escape(key)}'|{re.escape(key)})(?![\w-])"
        for number in range(line - 1, len(lines)):
            if found := re.search(quoted, lines[number].split(" #")[0], re.IGNORECASE):
                line, column = number + 1, found.start() + 1
                break
    return line, column


def _mapping(said: Mapping[str, object], code: str) -> FeedMapping:
    _check(said)
    kinds: dict[str, FieldKind] = {}
    columns = {
        column.strip().lower(): _rules(rules, kinds, "columns", column)
        for column, rules in _table(said, "columns").items()
    }
    constants = _table(said, "constants")
    kinds |= {
        _field(name, {}, "constants", name): kind for name, value in constants.items() if (kind := _kind(name, value))
    }
    separator = _text(said, "separator", " " if said.get("format") == "keyvalue" else ",")
    try:
        dialect = Dialect(separator, _text(said, "comment"))
    except TocsinError as error:
        raise _EntryError(str(error), "separator") from error
    feed = Feed(source=NAME, code=code, name=_text(said, "name", code))
    _zone(_text(said, "zone", "UTC"))
    _time_format(_text(said, "time_format"), "time_format")
    known: dict[str, Any] = {key: value for key, value in said.items() if key in _FEED}
    return FeedMapping(
        _known(said, replace(feed, **known)),
        columns,
        {_field(name, kinds, "constants", name): _said(name, value, "constants") for name, value in constants.items()},
        kinds,
        dialect,
        _texts(said, "files"),
        tuple(name.strip().lower() for name in _texts(said, "names")),
        _text(said, "format", "csv"),
        _text(said, "records").lower(),
        _each(said),
        _texts(said, "skip"),
        _pattern(_text(said, "pattern"), "pattern"),
        {_pattern(one, "head", one): _rules(rules, kinds, "head", one) for one, rules in _table(said, "head").items()},
        {column.lower(): _values(table, kinds, column) for column, table in _table(said, "values").items()},
        {one.lower(): _where_pattern(_constant(found), one) for one, found in _table(said, "where").items()},
        _text(said, "scheme"),
        _text(said, "equals", "="),
        _number(said, "skip_lines"),
        _carry(said),
        _pattern(_text(said, "signature"), "signature"),
        _encoding(_text(said, "encoding")),
        _pairs(said),
    )


def _known(said: Mapping[str, object], feed: Feed) -> KnownFeed:
    """What a file of the catalogue also says of its feed."""
    given: dict[str, Any] = {key: said[key] for key in sorted(_CATALOGUE) if key in said}
    known = KnownFeed(feed)
    for key, value in given.items():
        if type(value) is not type(getattr(known, key)):
            raise _EntryError(f"{key} is not {_NAMES[type(getattr(known, key))]}", key)
    return replace(known, **given)


def _check(said: Mapping[str, object]) -> None:
    """Refuse entries that this module does not know, and values of another type than an entry has."""
    for key in said:
        if key not in _ENTRIES | _TABLES:
            raise _EntryError(f"it has unknown entries: {key}", key)
    if not (isinstance(said.get("columns"), dict) and said["columns"]) and not _table(said, "values"):
        raise _EntryError("it has no table [columns]", "columns")
    if said.get("format", "csv") not in FORMATS:
        raise _EntryError(f"format is none of {', '.join(FORMATS)}", "format")
    for one in fields(Feed):
        wanted = type(one.default) if isinstance(one.default, int) else str
        if type(said.get(one.name, wanted())) is not wanted:
            raise _EntryError(f"{one.name} is not {_NAMES[wanted]}", one.name)


def _table(said: Mapping[str, object], key: str) -> Mapping[str, object]:
    found = said.get(key, {})
    if not isinstance(found, dict):
        raise _EntryError(f"[{key}] is not a table", key)
    return found


def _texts(said: Mapping[str, object], key: str, *place: str) -> tuple[str, ...]:
    found = said.get(key, [])
    if not isinstance(found, list):
        raise _EntryError(f"{key} is not a list", *place, key)
    return tuple(map(str, found))


def _text(said: Mapping[str, object], key: str, default: str = "", *place: str) -> str:
    found = said.get(key, default)
    if not isinstance(found, str):
        raise _EntryError(f"{key} is not text", *place, key)
    return found


def _number(said: Mapping[str, object], key: str) -> int:
    found = said.get(key, 0)
    if type(found) is not int or found < 0:
        raise _EntryError(f"{key} is not a number", key)
    return found


def _pattern(text: str, *place: str) -> str:
    if text:
        try:
            pl.Series([""]).str.contains(text)
        except pl.exceptions.PolarsError as error:
            raise _EntryError(f"the pattern {text!r} cannot be used: {' '.join(str(error).split())}", *place) from error
    return text


def _where_pattern(text: str, column: str) -> str:
    _pattern(text.removeprefix("!"), "where", column)
    return text


def _carry(said: Mapping[str, object]) -> tuple[str, ...]:
    """Named groups of the pattern of lines."""
    names = tuple(name.lower() for name in _texts(said, "carry"))
    groups = re.findall(r"\(\?P?<(\w+)>", _text(said, "pattern").lower())
    if names and (said.get("format") != "lines" or not set(names) <= set(groups)):
        raise _EntryError("carry are named groups of the pattern of lines", "carry")
    return names


def _time_format(text: str, *place: str) -> str:
    """A strptime format, with what Rust's chrono knows behind a percent sign."""
    if wrong := re.search(
        r"%(?!%|[-_0]?[YCymbBhdeaAwuUWGgVjDxFvHkIlPpMSfRTXrZcsnt+z]|[.]?[369]?f|:{1,3}z|#z).?", text.replace("%%", "")
    ):
        raise _EntryError(f"a time has no {wrong[0]!r}", *place)
    return text


def _zone(name: str) -> None:
    try:
        ZoneInfo(name)
    except (ValueError, OSError) as error:  # ZoneInfoNotFoundError is a KeyError
        raise _EntryError(f"there is no time zone {name!r}", "zone") from error
    except KeyError as error:
        raise _EntryError(f"there is no time zone {name!r}", "zone") from error


def _each(said: Mapping[str, object]) -> tuple[Each, ...]:
    listed = said.get("each", [])
    found = []
    for one in listed if isinstance(listed, list) else [listed]:
        words = re.fullmatch(r"(\S+)(?:\s+(split|find|of)\s(.+))?", str(one), re.DOTALL)
        if not words:
            raise _EntryError("each is COLUMN, COLUMN split SEPARATOR, COLUMN find PATTERN or COLUMN of WORDS", "each")
        column, way, rest = words.groups("")
        found.append(
            Each(
                column.lower(),
                rest if way == "split" else "",
                _pattern(rest, "each") if way == "find" else "",
                tuple(rest.split()) if way == "of" else (),
            )
        )
    return tuple(found)


def _encoding(name: str) -> str:
    """An encoding in which ASCII is ASCII: in others nobody sees what must never be held."""
    if not name:
        return ""
    try:
        known = codecs.lookup(name).name
        plain = known not in _NO_ENCODINGS and string.printable.encode(known) == string.printable.encode()
    except (LookupError, UnicodeError, AssertionError, TypeError) as error:
        raise _EntryError(f"there is no encoding {name!r}", "encoding") from error
    if not plain:
        raise _EntryError(f"the encoding {name!r} cannot be used: its letters are not those of ASCII", "encoding")
    return known


def _pairs(said: Mapping[str, object]) -> tuple[Pairs, ...]:
    listed = said.get("pairs", [])
    found = [str(one).lower().split() for one in (listed if isinstance(listed, list) else [listed])]
    if any(len(one) != 3 for one in found) or (found and said.get("format") not in {"json", "xml"}):
        raise _EntryError("pairs is PATH NAME VALUE, of JSON and XML", "pairs")
    return tuple(Pairs(*one) for one in found)


def _rules(rules: object, kinds: dict[str, FieldKind], *place: str) -> tuple[Rule, ...]:
    """The rules of a column; texts beside each other are one rule."""
    listed = rules if isinstance(rules, list) else [rules]
    named = tuple(_field(one, kinds, *place) for one in listed if not isinstance(one, dict))
    return (*((Rule(named),) if named else ()), *(_rule(one, kinds, *place) for one in listed if isinstance(one, dict)))


def _rule(said: Mapping[str, object], kinds: dict[str, FieldKind], *place: str) -> Rule:
    for key in said:
        if key not in _RULE:
            raise _EntryError(f"there is no {key!r} for a column: {', '.join(sorted(_RULE))}", *place, key)
    if said.get("take", "all") not in {"first", "all"}:
        raise _EntryError("take is first or all", *place, "take")
    decode = tuple(_text(said, "decode", "", *place).split())
    if unknown := set(decode) - _DECODED:
        raise _EntryError(f"decode is {' or '.join(sorted(_DECODED))}, not {unknown.pop()!r}", *place, "decode")
    goals = said.get("to", [])
    return Rule(
        tuple(_field(one, kinds, *place, "to") for one in (goals if isinstance(goals, list) else [goals])),
        said.get("take") == "first",
        _pattern(_text(said, "pattern", "", *place), *place, "pattern"),
        _text(said, "template", "", *place),
        decode,
        _time_format(_text(said, "time", "", *place), *place, "time"),
        _pattern(_text(said, "drop", "", *place), *place, "drop"),
        _texts(said, "skip", *place),
    )


def _values(table: object, kinds: dict[str, FieldKind], column: str) -> Mapping[str, Mapping[str, str]]:
    """Value: field: text, the values in lower case."""
    found: dict[str, Mapping[str, str]] = {}
    if not isinstance(table, dict):
        raise _EntryError(f"[values.{column}] is not a table", "values", column)
    for value, given in table.items():
        place = ("values", column, value)
        if not isinstance(given, dict):
            raise _EntryError("a value stands for a table of fields", *place)
        if value.startswith("~"):
            _pattern(value[1:], *place)
        made = {_field(name, kinds, *place, name): _said(name, text, *place) for name, text in given.items()}
        found[value if value.startswith("~") else value.lower()] = made
    return found


def _field(goal: object, kinds: dict[str, FieldKind], *place: str) -> str:
    """The field that a goal names; what it is to be in extra is noted."""
    name, _, kind = str(goal).partition(":")
    if not (name in BY_NAME or name.removeprefix("extra.") != name) or (kind and kind not in _KINDS):
        if place and place[-1] in _ENTRIES and not re.fullmatch(r"[a-z_]+(\.[a-z0-9_]+)+(:\w+)?", str(goal)):
            raise _EntryError(f"{place[-1]} stands in [{place[0]}]: put it above the first table", *place, str(goal))
        raise _EntryError(f"there is no field {goal!r}", *place, str(goal))
    if kind:
        kinds[name] = _KINDS[kind]
    return name


def _said(name: str, value: object, *place: str) -> str:
    """What a file states of a field; a type that nobody knows would be notified as something undetermined."""
    text = _constant(value)
    if name == "classification.type" and "{" not in text and not is_known(text):
        raise _EntryError(f"there is no type {text!r}: docs/fields.md lists them", *place, name)
    return text


def _constant(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _kind(name: str, value: object) -> FieldKind | None:
    """What a constant of ``extra`` is: as its name says (``extra.hits:integer``), or as TOML has it."""
    if not name.startswith("extra."):
        return None
    return _KINDS.get(name.partition(":")[2]) or _TYPES.get(type(value))
