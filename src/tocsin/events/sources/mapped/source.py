"""The source of the feeds that mapping files describe."""

import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from fnmatch import fnmatch
from functools import cache, partial
from io import BytesIO
from pathlib import Path
from typing import BinaryIO, Final

import polars as pl

from tocsin.events.encoding import as_text
from tocsin.events.sources import Feed, KnownFeed, MappingError, Reader
from tocsin.events.sources.delimited import FIELD_LIMIT, DelimitedReader, Shaping, first_records
from tocsin.events.sources.mapped.mapping import FeedMapping
from tocsin.events.sources.mapped.readers import open_mapped
from tocsin.events.sources.mapped.reading import NAME, read_mapping
from tocsin.events.sources.mapped.steps import names_a_place, taken_columns, unfit_columns
from tocsin.events.sources.mapped.suggestion import suggestion
from tocsin.node.errors import TocsinError, UsageError

CATALOGUE: Final = Path(__file__).parent.parent / "catalogue"
"""The mapping files that ship: taken by their name or their files' names, after those of one's own."""


class MappedSource:
    """The source (`tocsin.events.sources.FeedSource`) of the mapping files in some folders."""

    name = NAME

    def __init__(self, folders: Sequence[Path]) -> None:
        self._folders = folders

    def recognise(self, filename: str, head: bytes) -> str | None:
        """The mapping whose ``files`` fit the name, else whose columns the header has, else whose signature fits."""
        known = list(self._mappings(self._folders))
        named = [(fit, one) for one in known if (fit := _fit(filename, one.files))]
        if not named:
            near = [(fit, path) for path, files in _catalogue() if (fit := _fit(filename, files))]
            named = [(fit, one) for fit, path in near if _may_be(filename, head, one := read_mapping(path))]
        if named:
            return max(named, key=lambda one: (one[0], len(one[1].columns)))[1].feed.code
        fitting = [one for one in known if _has_columns(head, one)]
        if fitting:
            return max(fitting, key=lambda one: len(one.columns)).feed.code
        return next((one.feed.code for one in (*known, *_with_signature()) if _has_signature(head, one)), None)

    def feed(self, code: str) -> Feed:
        """What the mapping file of that name says of its feed."""
        return self.mapping(code).feed

    def open(self, code: str, stream: BinaryIO, chunk_bytes: int, field_limit: int = FIELD_LIMIT) -> Reader:
        """A reader of one report."""
        mapping = self.mapping(code)
        if not mapping.plain:
            return open_mapped(mapping, stream, chunk_bytes, field_limit)
        dialect = replace(mapping.dialect, field_limit=field_limit)
        return DelimitedReader(stream, chunk_bytes, partial(_shaping, mapping), dialect, mapping.names)

    def mistakes(self, filename: str) -> tuple[list[str], list[str]]:
        """What is wrong with mapping files: with those that name this report, and with the others."""
        naming: list[str] = []
        others: list[str] = []
        for path in (path for folder in self._folders for path in sorted(folder.glob("*.toml"))):
            try:
                read_mapping(path)
            except MappingError as error:
                said = _read_as_far(path)
                files = said.get("files")
                named = isinstance(files, list) and _is_named(filename, [one for one in files if isinstance(one, str)])
                ours = path.parent == self._folders[0]
                if ours or said.keys() & {"columns", "files"}:  # others may lie beside a report
                    (naming if named else others).append(f"{path.name}:{error.row}:{error.place}: {error.reason}")
        return naming, others

    def has(self, code: str) -> bool:
        """Whether there is a file of that name."""
        return self._path(code) is not None

    def named(self, code: str) -> set[str]:
        """The fields that the file of that name fills."""
        return set(self.mapping(code).goals)

    def absent(self, code: str, columns: set[str]) -> set[str]:
        """The columns that the file of that name takes, and that are not among those of a report."""
        mapping = self.mapping(code)
        wanted = taken_columns(mapping)
        return {name for name in wanted - columns if not any(one.startswith(f"{name}.") for one in columns)}

    def text(self, code: str) -> str:
        """What the file of that name says; empty where there is none."""
        path = self._path(code)
        return path.read_text(encoding="utf-8-sig", errors="replace") if path else ""

    def about(self, code: str) -> KnownFeed:
        """What the file of that name says of its feed."""
        return self.mapping(code).known

    def known(self) -> list[KnownFeed]:
        """The feeds of the catalogue, by code."""
        return [read_mapping(path).known for path, _ in _catalogue()]

    def suggestion(self, filename: str, head: bytes) -> str:
        """A first file for a report that nobody knows, by its first bytes."""
        return suggestion(filename, head)

    def _path(self, code: str) -> Path | None:
        if "/" in code or "\\" in code:
            return None
        return next(
            (path for folder in (*self._folders, CATALOGUE) if (path := folder / f"{code}.toml").is_file()), None
        )

    def mapping(self, code: str) -> FeedMapping:
        """The mapping file of that name.

        Raises:
            UsageError: there is none, or it cannot be used.

        """
        if (path := self._path(code)) is not None:
            return read_mapping(path)
        places = ", ".join(map(str, self._folders)) or "no folder"
        raise UsageError(f"There is no mapping file {code}.toml (looked in {places}).", hint="See docs/sources.md.")

    def _mappings(self, folders: Sequence[Path]) -> Iterator[FeedMapping]:
        """The mapping files that can be read; of the others `mistakes` tells."""
        for folder in folders:
            for path in sorted(folder.glob("*.toml")):
                try:
                    yield read_mapping(path)
                except TocsinError:
                    continue


def source(folders: Sequence[Path] = ()) -> MappedSource:
    """The source, as the registry asks for it."""
    return MappedSource(tuple(folders))


def names_in(shipped: Path) -> Sequence[str]:
    """The ``files`` that a file of the catalogue names; to read all of all files takes ten times as long."""
    found = re.search(r"^files = \[[^]]*\]", shipped.read_text(encoding="utf-8"), re.MULTILINE)
    names: list[str] = tomllib.loads(found[0])["files"] if found else []
    return names


def _read_as_far(path: Path) -> dict[str, object]:
    """The entries of a TOML file; of one that cannot be read only that it may have columns."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (ValueError, OSError):
        return {"columns": None}


def _is_named(filename: str, patterns: Sequence[str]) -> bool:
    return bool(_fit(filename, patterns))


def _fit(filename: str, patterns: Sequence[str]) -> int:
    """How long the most exact pattern is that fits the name; 0 when none does."""
    name = filename.replace("\\", "/").rpartition("/")[2].lower()
    return max((len(pattern) for pattern in patterns if fnmatch(name, pattern.lower())), default=0)


@cache
def _catalogue() -> tuple[tuple[Path, Sequence[str]], ...]:
    """The files that ship with the names of their reports."""
    return tuple((path, names_in(path)) for path in sorted(CATALOGUE.glob("*.toml")))


@cache
def _with_signature() -> tuple[FeedMapping, ...]:
    """The files that ship by whose signature their reports are known."""
    paths = (path for path, _ in _catalogue() if "\nsignature = " in path.read_text(encoding="utf-8"))
    return tuple(map(read_mapping, paths))


def _has_signature(head: bytes, mapping: FeedMapping) -> bool:
    return bool(mapping.signature) and bool(pl.Series([as_text(head)[0]]).str.contains(mapping.signature)[0])


def _may_be(filename: str, head: bytes, mapping: FeedMapping) -> bool:
    """Whether a report with a name of this feed can be of it: a header must have the columns.

    Others may call a file like a download of it (``feed.txt``): then its first records must name a place.
    """
    if mapping.format == "csv" and not mapping.names and not mapping.skip_lines:
        return _has_columns(head, mapping)
    return bool(_fit(filename, [name for name in mapping.files if "*" in name])) or _has_events(head, mapping)


def _has_events(head: bytes, mapping: FeedMapping) -> bool:
    whole = head[: head.rfind(b"\n") + 1] or head
    try:
        reader = open_mapped(mapping, BytesIO(whole), len(whole), FIELD_LIMIT)
        return any(names_a_place(mapping, reader.parse(chunk).frame) for chunk in reader.chunks())
    except TocsinError:
        return False


def _has_columns(head: bytes, mapping: FeedMapping) -> bool:
    if mapping.format != "csv" or mapping.names or not mapping.columns:
        return False
    if mapping.encoding:
        head = head.decode(mapping.encoding, "replace").encode()
    records = first_records(head, 1, mapping.dialect)
    own = {column for column, rules in mapping.columns.items() if any(not rule.template for rule in rules)}
    return bool(records) and own <= set(records[0])


def _shaping(mapping: FeedMapping, columns: Sequence[str]) -> Shaping:
    steps: dict[str, str] = {}  # field: column; the first column of a field wins, later ones keep their own name
    for column in columns:
        known = [goal for rule in mapping.columns.get(column, ()) for goal in rule.to]
        for goal in known or [f"extra.{column}"]:
            steps[goal if goal not in steps else f"extra.{column}"] = column
    unfit = unfit_columns(mapping, columns)
    return Shaping(partial(_shape, steps), mapping.kinds, mapping.constants, mapping.addressed, unfit)


def _shape(steps: Mapping[str, str], frame: pl.DataFrame) -> pl.DataFrame:
    # by series: to an expression "*" and "^…$" would mean other columns
    return pl.DataFrame([frame[column].alias(name) for name, column in steps.items()])
