"""Import files, TOML or CSV, as entries: docs/directory.md describes them field by field."""

import csv
import hashlib
import io
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from tocsin.directory import canonical
from tocsin.directory.entries import (
    BASIS_FIELDS,
    RULE_LISTS,
    TEAM_FIELDS,
    TEAM_LISTS,
    Basis,
    Entries,
    ListItem,
    RawTeam,
    read_basis,
    take_rules,
    take_teams,
)
from tocsin.directory.fact_schema import SHAPES
from tocsin.directory.facts import ContactPurpose
from tocsin.node.errors import InputError

_DOCS = "docs/directory.md describes the formats field by field."
_MUTES = {"mute_prefixes": "prefix", "mute_identifiers": "identifier", "mute_types": "type"}
_BOXES = {f"{purpose}_mailboxes": purpose.value for purpose in ContactPurpose}
_RULE_COLUMNS = ("team", "kind", "value", "role", *BASIS_FIELDS)
_TEAM_COLUMNS = ("key", *TEAM_FIELDS, "mailboxes", *_BOXES, *RULE_LISTS, *_MUTES, *SHAPES)


@dataclass(frozen=True)
class ImportFile:
    """An import file that was read: its name, the SHA-256 of its bytes (hex), and what it says."""

    name: str
    digest: str
    entries: Entries


def read_import_file(path: Path, source: str = "") -> ImportFile:
    """The entries of a ``.toml`` or ``.csv`` file; ``source`` wins over what the file says, its own name comes last.

    Raises:
        InputError: the file cannot be read, is no TOML or CSV as described, or is not UTF-8.

    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}.") from error
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise InputError(f"{path}, line {line}: not UTF-8 text.", hint="Save the file as UTF-8.") from error
    read = {".toml": _read_toml, ".csv": _read_csv}.get(path.suffix.lower())
    if read is None:
        raise InputError(f"{path} is neither a .toml nor a .csv file.", hint=_DOCS)
    return ImportFile(path.name, hashlib.sha256(content).hexdigest(), read(path, text, source))


def _read_toml(path: Path, text: str, source: str) -> Entries:
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"{path} is not valid TOML: {error}.", hint=_DOCS) from error
    head = {name: _text(value) for name, value in document.items() if name != "team"}
    teams = document.get("team", [])
    if not isinstance(teams, list) or not all(isinstance(team, dict) for team in teams):
        raise InputError(f"{path}: 'team' must be a list of tables, each begun by [[team]].", hint=_DOCS)
    unknown = head.keys() - {"source", *BASIS_FIELDS}
    if unknown:
        raise InputError(f"{path}: no such setting '{min(unknown)}' at the top of the file.", hint=_DOCS)
    entries = Entries(
        _source(path, source or head.get("source", "")),
        frozenset({"mailboxes", "rules", "mutes", *SHAPES}),
        basis=_defaults(path, head),
    )
    take_teams(entries, (_toml_team(number, team) for number, team in enumerate(teams, start=1)))
    return entries


def _toml_team(number: int, table: Mapping[str, object]) -> RawTeam:
    where = f"team {number}"
    lists = {
        name: [
            ListItem(f"{where}, {name} {place}", _toml_item(value))
            for place, value in enumerate(_items(name, table[name]), 1)
        ]
        for name in TEAM_LISTS
        if name in table
    }
    return RawTeam(where, {name: _text(value) for name, value in table.items() if name not in lists}, lists)


def _toml_item(value: object) -> dict[str, str]:
    if isinstance(value, dict):
        return {str(name): _text(inner) for name, inner in value.items()}
    return {"value": _text(value)}


def _items(name: str, value: object) -> list[object]:
    """The items of a list; statements may also be a table of texts by what they are about."""
    if name == "statements" and isinstance(value, dict):
        return [{"about": about, "value": text} for about, text in value.items()]
    return _list(value)


def _list(value: object) -> list[object]:
    return value if isinstance(value, list) else [value]


def _text(value: object) -> str:
    """A TOML value as the text that a CSV cell would have."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return " ".join(_text(inner) for inner in value)
    return str(value)


def _read_csv(path: Path, text: str, source: str) -> Entries:
    # Excel in much of Europe writes semicolons; lists inside a cell are then separated by blanks.
    head = text.partition("\n")[0]
    delimiter = ";" if ";" in head and "," not in head else ","
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        columns = [column.strip().lower() for column in next(reader, [])]
        is_rules = {"team", "kind", "value"} <= set(columns)
        _check_columns(path, columns, _RULE_COLUMNS if is_rules else _TEAM_COLUMNS)
        lines = ((reader.line_num, cells) for cells in reader if any(cells))
        name = _source(path, source)
        if is_rules:
            entries = Entries(name, frozenset({"rules"}))
            take_rules(entries, _csv_rows(entries, lines, columns))
        else:
            speaks = {"mailboxes": ["mailboxes", *_BOXES], "rules": list(RULE_LISTS), "mutes": list(_MUTES)}
            speaks |= {name: [name] for name in SHAPES}
            entries = Entries(name, frozenset(part for part, names in speaks.items() if set(names) & set(columns)))
            take_teams(entries, (_csv_team(row) for row in _csv_rows(entries, lines, columns)))
    except csv.Error as error:
        raise InputError(f"{path}, line {reader.line_num}: {error}.", hint=_DOCS) from error
    return entries


def _check_columns(path: Path, columns: list[str], known: tuple[str, ...]) -> None:
    if "key" not in columns and "team" not in columns:
        raise InputError(f"{path}: the first line has neither 'key' (teams) nor 'team', 'kind', 'value'.", hint=_DOCS)
    for column in columns:
        if column not in known:
            raise InputError(f"{path}: no such column '{column}'; known are {', '.join(known)}.", hint=_DOCS)
        if columns.count(column) > 1:
            raise InputError(f"{path}: the column '{column}' occurs twice.", hint=_DOCS)


def _csv_rows(entries: Entries, lines: Iterator[tuple[int, list[str]]], columns: list[str]) -> Iterator[ListItem]:
    for number, cells in lines:
        where = f"line {number}"
        if len(cells) == len(columns):
            yield ListItem(where, dict(zip(columns, cells, strict=True)))
        else:
            why = f"{len(cells)} cells under {len(columns)} columns"
            entries.refuse(where, f"'{','.join(cells)[:80]}'", why, "")


def _csv_team(row: ListItem) -> RawTeam:
    lists: dict[str, list[ListItem]] = {}
    for column, cell in row.values.items():
        name, field = ("mutes", _MUTES[column]) if column in _MUTES else (column, "value")
        if column in _BOXES:
            name, more = "mailboxes", {"purpose": _BOXES[column]}
        else:
            more = {}
        if name in TEAM_LISTS and cell:
            lists.setdefault(name, []).extend(ListItem(row.where, {field: word} | more) for word in _words(name, cell))
    fields = {name: cell for name, cell in row.values.items() if name == "key" or (name in TEAM_FIELDS and cell)}
    return RawTeam(row.where, fields, lists)


def _words(name: str, cell: str) -> list[str]:
    """The values in a cell, between semicolons and, where no value has blanks, blanks."""
    if name not in SHAPES or SHAPES[name].words:
        return cell.replace(";", " ").split()
    if SHAPES[name].single:
        return [cell]
    return [word for part in cell.split(";") if (word := part.strip())]


def _source(path: Path, given: str) -> str:
    try:
        return canonical.name(given or path.stem)
    except ValueError as error:
        raise InputError(f"{path}: source '{given}': {error}.", hint=_DOCS) from error


def _defaults(path: Path, head: Mapping[str, str]) -> Basis:
    try:
        return read_basis(head, Basis())
    except ValueError as error:
        raise InputError(f"{path}: {error}.", hint=_DOCS) from error
