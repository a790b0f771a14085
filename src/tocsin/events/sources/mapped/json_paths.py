"""Records of JSON by paths: where the list stands, several events from one record, and what is above them."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from itertools import islice
from typing import BinaryIO, Final

import polars as pl

from tocsin.events.extra import json_text
from tocsin.events.sources import MOST_EVENTS, Chunk, most_events
from tocsin.events.sources.json_records import JsonRecords, Record, Row
from tocsin.events.sources.mapped.decoding import MOST_ITEMS, as_value_text, flattened
from tocsin.events.sources.mapped.mapping import ABOVE, FeedMapping, Rule
from tocsin.events.sources.mapped.steps import COLUMN, RECORD, placeholders
from tocsin.node.sentences import say

_LONGEST_ABOVE: Final = 10_000
EVERY: Final = ["*"]
"""As ``records``: the items of all lists of the document, or all its objects; their names are their ``key``."""


class MappedJson(JsonRecords):
    """A reader of JSON (`tocsin.events.sources.Reader`) whose rows have columns by path."""

    def __init__(self, stream: BinaryIO, chunk_bytes: int, mapping: FeedMapping, field_limit: int) -> None:
        super().__init__(
            stream,
            chunk_bytes,
            lambda record: record,
            field_limit,
            several=bool(mapping.records),
            frame=partial(_frame, _Wanted(mapping)),
        )
        self._mapping = mapping
        self._above = [name for name in used_columns(mapping) if name.startswith(ABOVE)]

    def _records(self, chunk: Chunk) -> Iterator[Record]:
        for record in super()._records(chunk):
            if not self._mapping.records or not isinstance(record.value, dict):
                listed = isinstance(record.value, list) and not self._mapping.records
                yield replace(record, value=_by_place(record.value)) if listed else record
                continue
            path = self._mapping.records.split(".")
            if path == EVERY:
                members = list(_members(record))
                yield from members or [replace(record, value=None, reason=say("There is no list in it."))]
                continue
            items = items_at(record.value, path)
            if items is None:
                where = say("There is no list at %(path)s.", path=self._mapping.records)
                yield replace(record, value=None, reason=where)
                continue
            above = self._kept_above(record.value)
            for item in items:
                # By itself it is a document of the same form, so that it can be read again.
                alone = _below(path, [item], above)
                yield Record(record.line, json.dumps(alone, ensure_ascii=False), alone)

    def _kept_above(self, document: Mapping[str, object]) -> dict[str, object]:
        tops = {name.removeprefix(ABOVE).partition(".")[0] for name in self._above}
        return {
            key: value
            for key, value in document.items()
            if key.lower() in tops and len(str(value)) <= _LONGEST_ABOVE  # it is repeated with every record
        }


def _members(record: Record) -> Iterator[Record]:
    """The items of all lists of a document, each below its key; where it has no list, its objects."""
    document = record.value if isinstance(record.value, dict) else {}
    listed = {key: member for key, member in document.items() if isinstance(member, list)}
    for key, member in (listed or document).items():
        for item in listed.get(key, [member] if isinstance(member, dict) else []):
            yield Record(record.line, json.dumps({key: [item]}, ensure_ascii=False), {key: [item]})


def _own(record: Mapping[str, object], path: Sequence[str]) -> Mapping[str, object]:
    """The record that stands alone at a path."""
    if path == EVERY:
        ((key, listed),) = record.items()
        item = listed[0] if isinstance(listed, list) else None
        return {**(item if isinstance(item, dict) else {"value": item}), "key": key}
    item = (items_at(record, path) or [None])[0] if path else record
    return item if isinstance(item, dict) else {"value": item}


def _by_place(items: object) -> dict[str, object]:
    return {str(place): item for place, item in enumerate(items)} if isinstance(items, list) else {}


class _Wanted:
    """What a mapping asks of a record."""

    def __init__(self, mapping: FeedMapping) -> None:
        self.records = mapping.records.split(".") if mapping.records else []
        self.each = [one.column.split(".") for one in mapping.each if one.of_items]
        # A value that only gets another name in extra keeps its type.
        self.renamed = {
            column: rules[0].to[0].removeprefix("extra.")
            for column, rules in mapping.columns.items()
            if len(rules) == 1 and len(rules[0].to) == 1 and _is_extra(rules[0]) and rules[0].to[0] not in mapping.kinds
        }
        self.used = used_columns(mapping) - {name for name in self.renamed if name not in _elsewhere(mapping)}
        self.named = self.used | self.renamed.keys()
        self.pairs = [(one.path.split("."), one.name.split("."), one.value.split(".")) for one in mapping.pairs]
        self.also_opened = {name for name in self.renamed if any(one.startswith(f"{name}.") for one in self.named)}
        self.above = any(name.startswith(ABOVE) for name in self.named)
        pieces = [name.removeprefix(ABOVE).split(".") for name in self.named]
        self.into = frozenset(
            ".".join(one[:place]) for one in pieces for place, part in enumerate(one) if part.isdigit()
        )


def _is_extra(rule: Rule) -> bool:
    return rule.plain and rule.to[0].startswith("extra.")


def _elsewhere(mapping: FeedMapping) -> set[str]:
    templates = [rule.template for rules in mapping.columns.values() for rule in rules]
    texts = [text for table in mapping.values.values() for entry in table.values() for text in entry.values()]
    named = {name for text in [*templates, *texts] for name in placeholders(text)}
    return {*mapping.values, *mapping.where, *named}


def used_columns(mapping: FeedMapping) -> set[str]:
    """The columns that a mapping names."""
    parts = {one.column for one in mapping.each if not one.of_items}
    return {*mapping.columns, *_elsewhere(mapping), *parts}


def items_at(value: object, path: Sequence[str]) -> list[object] | None:
    """The items of the list at a path; those of an object are its keys with their values."""
    value = _at(value, path)
    if isinstance(value, dict):
        return [{"key": key, "value": member} for key, member in value.items()]
    return value if isinstance(value, list) else None


def _member(value: object, key: str) -> object:
    if isinstance(value, list):
        return value[int(key)] if key.isdigit() and int(key) < len(value) else None
    if not isinstance(value, dict):
        return None
    return value[key] if key in value else next((one for name, one in value.items() if name.lower() == key), None)


def _below(path: Sequence[str], value: object, above: Mapping[str, object]) -> dict[str, object]:
    for key in reversed(path[1:]):
        value = {key: value}
    return {**above, path[0]: value}


def _with_item(record: object, path: Sequence[str], item: object) -> object:
    """The record with one item in place of the list at the path."""
    if not path:
        return item
    if not isinstance(record, dict):
        return record
    name = next((name for name in record if name.lower() == path[0]), path[0])
    return {**record, name: _with_item(record.get(name), path[1:], item)}


def _paired(record: Mapping[str, object], path: Sequence[str], name: Sequence[str], value: Sequence[str]) -> object:
    """The record with an object in place of the list of names and values at the path; other items are ``others``."""
    items = items_at(record, path)
    if not items:
        return record
    made: dict[str, object] = {}
    for item in items:
        key, said = _at(item, name), _at(item, value)
        known = isinstance(key, str) and key
        place, one = (str(key), said) if known else ("others", item)
        made[place] = one if place not in made else [*_listed(made[place]), *_listed(one)]
    return _with_item(record, path, made)


def _at(value: object, path: Sequence[str]) -> object:
    for key in path:
        value = _member(value, key)
    return value


def _listed(value: object) -> list[object]:
    return value if isinstance(value, list) else [value]


def _events(wanted: _Wanted, record: Mapping[str, object]) -> Iterable[object]:
    """The record once for each item that makes an event."""
    if not wanted.each:
        return (record,)
    found: Iterator[object] = iter([record])
    for path in wanted.each:
        found = (made for one in found for made in _items(one, path))
    return islice(found, MOST_EVENTS + 1)  # one more shows that there are too many


def _items(record: object, path: Sequence[str]) -> Iterator[object]:
    items = items_at(record, path)
    return (_with_item(record, path, item) for item in items) if items else iter([record])


def _fill(
    wanted: _Wanted, value: Mapping[str, object], prefix: str, row: dict[str, str], extra: dict[str, object]
) -> None:
    """Put the members of an object where they belong, by their paths as `flattened` makes them."""
    used, renamed = wanted.used, wanted.renamed
    for key, member in value.items():
        name = prefix + key.lower()
        if type(member) is str:
            if name not in used:
                if member:
                    extra[renamed.get(name, name)] = member
            else:
                row[name] = member if member.isascii() and "\x00" not in member else as_value_text(member) or ""
        elif type(member) is dict and member and name not in renamed:
            _fill(wanted, member, f"{name}.", row, extra)
        elif type(member) is list and name in wanted.into:
            items = {str(place): one for place, one in enumerate(member[:MOST_ITEMS])}
            _fill(wanted, items, f"{name}.", row, extra)
        else:
            _put(wanted, name, member, row, extra)
            if name in wanted.also_opened and type(member) is dict:  # it is kept whole, and members of it are columns
                _fill(wanted, member, f"{name}.", row, {})


def _put(wanted: _Wanted, name: str, value: object, row: dict[str, str], extra: dict[str, object]) -> None:
    if name in wanted.used:
        if (text := as_value_text(value)) is not None:
            row[name] = text
    elif value or isinstance(value, int | float):
        extra[wanted.renamed.get(name, name)] = value


def _frame(wanted: _Wanted, records: Sequence[Row]) -> pl.DataFrame:
    """A row for each event: what the mapping names in columns of its own, the rest in ``extra``."""
    table: list[dict[str, str]] = []
    places: list[int] = []
    extras: list[str | None] = []
    for place, record in enumerate(records):
        above = [one for one in flattened(record, ABOVE) if one[0] in wanted.named] if wanted.above else []
        repeated, size = 0, 0  # events so far, and the longest text beside them
        own = _own(record, wanted.records)
        for pairs in wanted.pairs:
            made = _paired(own, *pairs)
            own = made if isinstance(made, dict) else own
        for event in _events(wanted, own):
            if repeated and repeated > most_events(size):
                break
            row: dict[str, str] = {}
            extra: dict[str, object] = {}
            if isinstance(event, dict):
                _fill(wanted, event, "", row, extra)
            for name, value in above:
                _put(wanted, name, value, row, extra)
            table.append(row)
            places.append(place)
            extras.append(json_text(extra) if extra else None)
            repeated, size = repeated + 1, max(size, len(extras[-1] or ""))
    columns = {COLUMN + name: [row.get(name) for row in table] for name in sorted(wanted.used)}
    frame = pl.DataFrame(columns, schema=dict.fromkeys(columns, pl.String()))
    return frame.with_columns(pl.Series("extra", extras, pl.String), pl.Series(RECORD, places, pl.Int64))
