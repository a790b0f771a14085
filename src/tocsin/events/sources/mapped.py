"""CSV of any feed, described by a mapping file: ``NAME.toml`` in the folder of feeds or beside the report.

    name = "Our honeypot"             # everything but [columns] may be left out
    provider = "Example CERT"
    tlp = "GREEN"                     # also: pap, terms, cadence_hours, duplicate_days
    files = ["honeypot-*.csv"]        # how its files are called
    separator = ";"                   # "," by default
    comment = "#"                     # lines that begin with it are skipped
    names = ["when", "address"]       # names of the columns, when the file has no header
    time_format = "%d/%m/%Y %H:%M"    # strptime; ISO 8601 and others are known without

    [columns]                         # column = field; others go to extra under their own name
    when = "time.source"
    address = "source.ip"
    hits = "extra.hits:integer"       # also float and boolean

    [constants]
    "classification.type" = "brute-force"

The name of the file without ``.toml`` is the code of the feed.
"""

import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from fnmatch import fnmatch
from functools import partial
from pathlib import Path
from typing import BinaryIO, Final

import polars as pl

from tocsin.events.fields import BY_NAME, FieldKind
from tocsin.events.sources import Feed, Reader
from tocsin.events.sources.delimited import FIELD_LIMIT, DelimitedReader, Dialect, Shaping, first_records
from tocsin.node.errors import TocsinError, UsageError

NAME: Final = "mapped"

_KINDS: Final = {"integer": FieldKind.INTEGER, "float": FieldKind.FLOAT, "boolean": FieldKind.BOOLEAN}
_TYPES: Final = {int: FieldKind.INTEGER, float: FieldKind.FLOAT, bool: FieldKind.BOOLEAN}
_FEED: Final = {one.name for one in fields(Feed)} - {"source", "code"}
_READING: Final = {"files", "separator", "comment", "names", "columns", "constants"}


@dataclass(frozen=True)
class FeedMapping:
    """A mapping file, read and checked."""

    feed: Feed
    columns: Mapping[str, tuple[str, ...]]
    constants: Mapping[str, str]
    kinds: Mapping[str, FieldKind] = field(default_factory=dict)  # of the constants that go to extra
    dialect: Dialect = field(default_factory=Dialect)
    files: tuple[str, ...] = ()
    names: tuple[str, ...] = ()


class MappedSource:
    """The source (`tocsin.events.sources.FeedSource`) of the mapping files in some folders."""

    name = NAME

    def __init__(self, folders: Sequence[Path]) -> None:
        self._folders = folders

    def recognise(self, filename: str, head: bytes) -> str | None:
        """The mapping whose ``files`` fit the name, else the one of whose columns the header has all."""
        known = list(self._mappings())
        named = [one for one in known if _is_named(filename, one.files)]
        fitting = named or [one for one in known if one.columns and not one.names and _has_columns(head, one)]
        best = max(fitting, key=lambda one: len(one.columns), default=None)
        return best.feed.code if best else None

    def feed(self, code: str) -> Feed:
        """What the mapping file of that name says of its feed."""
        return self._mapping(code).feed

    def open(self, code: str, stream: BinaryIO, chunk_bytes: int, field_limit: int = FIELD_LIMIT) -> Reader:
        """A reader of one report."""
        mapping = self._mapping(code)
        dialect = replace(mapping.dialect, field_limit=field_limit)
        return DelimitedReader(stream, chunk_bytes, partial(_shaping, mapping), dialect, mapping.names)

    def mistakes(self, filename: str) -> tuple[list[str], list[str]]:
        """What is wrong with mapping files: with those that name this report, and with the others."""
        naming: list[str] = []
        others: list[str] = []
        for path in (path for folder in self._folders for path in sorted(folder.glob("*.toml"))):
            try:
                read_mapping(path)
            except UsageError as error:
                said = _read_as_far(path)
                files = said.get("files")
                named = isinstance(files, list) and _is_named(filename, [one for one in files if isinstance(one, str)])
                if said.keys() & {"columns", "files"}:  # others may lie beside a report
                    (naming if named else others).append(f"{path.name}: {error.__cause__}")
        return naming, others

    def _mapping(self, code: str) -> FeedMapping:
        for folder in self._folders:
            path = folder / f"{code}.toml"
            if "/" not in code and "\\" not in code and path.is_file():
                return read_mapping(path)
        places = ", ".join(map(str, self._folders)) or "no folder"
        raise UsageError(f"There is no mapping file {code}.toml (looked in {places}).", hint="See docs/sources.md.")

    def _mappings(self) -> Iterator[FeedMapping]:
        """The mapping files that can be read; of the others `mistakes` tells."""
        for folder in self._folders:
            for path in sorted(folder.glob("*.toml")):
                try:
                    yield read_mapping(path)
                except TocsinError:
                    continue


def source(folders: Sequence[Path] = ()) -> MappedSource:
    """The source, as the registry asks for it."""
    return MappedSource(tuple(folders))


def _read_as_far(path: Path) -> dict[str, object]:
    """The entries of a TOML file; of one that cannot be read only that it may have columns."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (ValueError, OSError):
        return {"columns": None}


def _is_named(filename: str, patterns: Sequence[str]) -> bool:
    name = filename.replace("\\", "/").rpartition("/")[2].lower()
    return any(fnmatch(name, pattern.lower()) for pattern in patterns)


def read_mapping(path: Path) -> FeedMapping:
    """A mapping file.

    Raises:
        UsageError: it is not as this module's first lines describe; the message names the file and the entry.

    """
    try:
        said = tomllib.loads(path.read_text(encoding="utf-8"))
        _check(said)
        constants = said.get("constants", {})
        feed = Feed(source=NAME, code=path.stem, name=said.get("name", path.stem))
        return FeedMapping(
            replace(feed, **{key: value for key, value in said.items() if key in _FEED}),
            {column.strip().lower(): _goals(goals) for column, goals in said["columns"].items()},
            {name.partition(":")[0]: _constant(value) for name, value in constants.items()},
            {name.partition(":")[0]: kind for name, value in constants.items() if (kind := _kind(name, value))},
            Dialect(said.get("separator", ","), said.get("comment", "")),
            tuple(said.get("files", ())),
            tuple(name.strip().lower() for name in said.get("names", ())),
        )
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError, TocsinError) as error:
        raise UsageError(f"The mapping file {path} cannot be used: {error}", hint="See docs/sources.md.") from error


def _check(said: Mapping[str, object]) -> None:
    """Refuse entries that this module does not know, and fields that there are not."""
    columns, constants = said.get("columns"), said.get("constants", {})
    if not isinstance(columns, dict) or not columns:
        raise UsageError("it has no table [columns]")
    if unknown := set(said) - _FEED - _READING:
        raise UsageError(f"it has unknown entries: {', '.join(sorted(unknown))}")
    _check_types(said)
    if not isinstance(constants, dict):
        raise UsageError("[constants] is not a table")
    for goals in [*columns.values(), *constants]:
        for goal in _goals(goals):
            name, _, kind = goal.partition(":")
            if not (name in BY_NAME or name.removeprefix("extra.") != name) or (kind and kind not in _KINDS):
                raise UsageError(f"there is no field {goal!r}")


def _check_types(said: Mapping[str, object]) -> None:
    """Refuse values of another type than the entry has."""
    for key in ("files", "names"):
        if not isinstance(said.get(key, []), list):
            raise UsageError(f"{key} is not a list")
    for one in fields(Feed):
        wanted = int if isinstance(one.default, int) else str
        if type(said.get(one.name, wanted())) is not wanted:
            raise UsageError(f"{one.name} is not {'a number' if wanted is int else 'text'}")


def _goals(goals: object) -> tuple[str, ...]:
    listed = goals if isinstance(goals, list) else [goals]
    return tuple(str(goal) for goal in listed)


def _constant(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _kind(name: str, value: object) -> FieldKind | None:
    """What a constant of ``extra`` is: as its name says (``extra.hits:integer``), or as TOML has it."""
    if not name.startswith("extra."):
        return None
    return _KINDS.get(name.partition(":")[2]) or _TYPES.get(type(value))


def _has_columns(head: bytes, mapping: FeedMapping) -> bool:
    records = first_records(head, 1, mapping.dialect)
    return bool(records) and set(mapping.columns) <= set(records[0])


def _shaping(mapping: FeedMapping, columns: Sequence[str]) -> Shaping:
    steps: dict[str, str] = {}  # field: column; the first column of a field wins, later ones keep their own name
    kinds = dict(mapping.kinds)
    for column in columns:
        known = [text.partition(":") for text in mapping.columns.get(column, ())]
        for goal, _, kind in known or [(f"extra.{column}", "", "")]:
            name = goal if goal not in steps else f"extra.{column}"
            steps[name] = column
            if kind:
                kinds[name] = _KINDS[kind]
    return Shaping(partial(_shape, steps), kinds, mapping.constants)


def _shape(steps: Mapping[str, str], frame: pl.DataFrame) -> pl.DataFrame:
    # by series: to an expression "*" and "^…$" would mean other columns
    return pl.DataFrame([frame[column].alias(name) for name, column in steps.items()])
