"""From the columns of records to fields of events: the same steps for every format, by whole columns."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Final

import numpy as np
import numpy.typing as npt
import polars as pl

from tocsin.events.fields import BY_NAME, FieldKind
from tocsin.events.sources import MOST_EVENTS, most_events
from tocsin.events.sources.mapped.decoding import decoded, with_values
from tocsin.events.sources.mapped.mapping import LINE, SIDES, Each, FeedMapping, Rule
from tocsin.events.times import has_zone, in_zone, times_in
from tocsin.events.values import read_values
from tocsin.networks import parse_addresses
from tocsin.node.sentences import say

COLUMN: Final = "column."
"""Before the names of a report's own columns, so that none is taken for a note about the row."""

RECORD: Final = "record"
"""Which record of the chunk a row is of, where a record is several rows."""

_ROW, _PLACE, _ORDINAL = "\x00row", "\x00record", "\x00ordinal"
_YEAR: Final = re.compile("%[-_0]?[YyGDFcs+v]")
_CLOCK: Final = re.compile("%[-_0]?[HIkTRrcs+X]")
_GROUP: Final = re.compile(r"\(\?P?<(\w+)>")
_PLACEHOLDER: Final = re.compile(r"\{([^{}]+)\}")

Integers = npt.NDArray[np.int64]


@dataclass(frozen=True)
class RecordEvents:
    """Events by their fields; of each the record of the chunk and, in it, its place (from 0).

    ``cut``: the records that have more events than `most_events` allows.
    """

    frame: pl.DataFrame
    records: Integers
    ordinals: Integers
    cut: Integers


def placeholders(text: str) -> list[str]:
    """The columns that a template puts together."""
    return [name.strip().lower() for name in _PLACEHOLDER.findall(text)]


def event_rows(mapping: FeedMapping, frame: pl.DataFrame) -> RecordEvents:
    """The events of some records.

    ``frame``: columns ``column.<name>`` of text; others are notes that stay as they are.
    """
    table, notes = _opened(mapping, frame)
    here = [one for one in mapping.each if one.words or (one.column in table.columns and not one.of_items)]
    for one in here:
        table = _exploded(table, one, alone=len(mapping.each) == 1)
    table = _split_by_patterns(mapping, table)
    for one in mapping.each:
        if one.column in table.columns and one not in here and not one.of_items:
            table = _exploded(table, one, alone=len(mapping.each) == 1)
    table = table.with_columns(_ordinal().alias(_ORDINAL))
    table, cut = _few(table, notes) if mapping.each else (table, np.zeros(0, np.int64))
    for column, pattern in mapping.where.items():
        texts = pl.col(column) if column in table.columns else pl.lit(None, pl.String)
        fits = texts.str.contains(pattern.removeprefix("!")).fill_null(value=False)
        table = table.filter(~fits if pattern.startswith("!") else fits)
    fields = _fields(mapping, table)
    rows = table[_ROW]
    kept_notes = [notes[name].gather(rows) for name in notes.columns if name != RECORD]
    made = pl.DataFrame([*(one.alias(name) for name, one in fields.items()), *kept_notes])
    numbers = [table[name].cast(pl.Int64).to_numpy() for name in (_PLACE, _ORDINAL)]
    made = with_values(made, [name for name, kind in mapping.kinds.items() if kind is FieldKind.JSON])
    return RecordEvents(made if made.width else pl.DataFrame(height=table.height), numbers[0], numbers[1], cut)


def constants_of(mapping: FeedMapping, lines: Sequence[str]) -> tuple[dict[str, str], dict[str, str]]:
    """What the lines at a report's head say of every row; and by pattern the line that says it."""
    texts = pl.Series("line", lines, pl.String)
    found: dict[str, str] = {}
    saying: dict[str, str] = {}
    for pattern, rules in mapping.head.items():
        values = _extracted(texts, pattern)
        at = values.is_not_null().arg_true()
        if not len(at):
            continue
        saying[pattern] = lines[at[0]]
        made = _FieldTable(mapping, pl.DataFrame({pattern: [values[at[0]]]}))
        made.add_rules(pattern, rules)
        found |= {name: one[0] for name, one in made.fields.items() if one[0] is not None and name not in found}
    return found, saying


def _opened(mapping: FeedMapping, frame: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The report's columns without values that say nothing, numbered; and the notes on its rows."""
    own = [name for name in frame.columns if name.startswith(COLUMN)]
    notes = frame.drop(own)
    table = frame.select(own).rename({name: name.removeprefix(COLUMN) for name in own})
    texts = pl.all().str.strip_chars()
    table = table.select(texts.replace(list({"", *mapping.skip}), None)) if own else table
    place = frame[RECORD] if RECORD in frame.columns else pl.int_range(frame.height, eager=True)
    numbers = pl.DataFrame([pl.int_range(frame.height, eager=True).alias(_ROW), place.alias(_PLACE)])
    table = table.hstack(numbers) if own else numbers  # without columns a table has no rows either
    for column, rules in mapping.columns.items():
        for rule in rules:
            if rule.decode and column in table.columns:
                table = table.with_columns(decoded(table[column], rule.decode))
    return table, notes


def _few(table: pl.DataFrame, notes: pl.DataFrame) -> tuple[pl.DataFrame, Integers]:
    """The rows without those that are too many for their record; and the records that had such."""
    if not table.height:
        return table, np.zeros(0, np.int64)
    texts = pl.col(pl.String).str.len_bytes().cast(pl.Int64).fill_null(0)
    sizes = table.select(pl.sum_horizontal(pl.col(_ROW) * 0, texts)).to_series()  # there may be no text at all
    if "extra" in notes.columns:
        sizes += notes["extra"].gather(table[_ROW]).str.len_bytes().cast(pl.Int64).fill_null(0)
    largest = sizes.max()
    over = table[_ORDINAL] >= MOST_EVENTS
    if isinstance(largest, int) and most_events(largest) < MOST_EVENTS:
        over = table[_ORDINAL] >= pl.Series([most_events(size) for size in sizes.to_list()])
    cut = table.filter(over)[_PLACE].unique(maintain_order=True)
    return table.filter(~over) if len(cut) else table, cut.cast(pl.Int64).to_numpy()


def _ordinal() -> pl.Expr:
    return pl.int_range(pl.len()).over(_PLACE)


def _exploded(table: pl.DataFrame, each: Each, *, alone: bool) -> pl.DataFrame:
    """A row for each part of the column's text, one too many at most; one without any part stays one row."""
    if each.words:
        words = pl.Series(each.column, [list(each.words)]).new_from_index(0, table.height)
        made = table.with_columns(words).explode(each.column, empty_as_null=True)
    else:
        text = pl.col(each.column)
        parts = text.str.extract_all(each.find) if each.find else text.str.split(each.split)
        sound = parts.list.eval(pl.element().str.strip_chars()).list.eval(pl.element().filter(pl.element() != ""))
        made = table.with_columns(sound.list.head(MOST_EVENTS + 1)).explode(each.column, empty_as_null=True)
    return made if alone else made.filter(_ordinal() <= MOST_EVENTS)


def _split_by_patterns(mapping: FeedMapping, table: pl.DataFrame) -> pl.DataFrame:
    """With the named groups of patterns as columns; a value that is there already stays."""
    for column, rules in mapping.columns.items():
        for rule in rules:
            if rule.to or not rule.pattern or column not in table.columns:
                continue
            groups = table[column].str.extract_groups(rule.pattern).struct.unnest()
            table = table.with_columns(
                table[group.name.lower()].fill_null(group)
                if group.name.lower() in table.columns
                else group.alias(group.name.lower())
                for group in groups
            )
    return table


@cache
def _has_groups(pattern: str) -> bool:
    return bool(pl.Series([""]).str.extract_groups(pattern).struct.fields)


def _extracted(texts: pl.Series, pattern: str) -> pl.Series:
    """The first group of the pattern in each text, or all that it matches when it has none."""
    return texts.str.extract(pattern, 1 if _has_groups(pattern) else 0)


class _FieldTable:
    """Fields as they are made from columns; the first that says something wins, a later one keeps its own name."""

    def __init__(self, mapping: FeedMapping, table: pl.DataFrame) -> None:
        self.mapping, self.table = mapping, table
        self.fields: dict[str, pl.Series] = {}

    def add(self, name: str, values: pl.Series, column: str = "") -> None:
        field = BY_NAME.get(name)
        if self.mapping.scheme and field and field.kind is FieldKind.URL:
            values = _with_scheme(values, self.mapping.scheme)
        before = self.fields.get(name)
        if before is None:
            self.fields[name] = values
            return
        self.fields[name] = before.fill_null(values)
        if column and name != f"extra.{column}":
            other = values.set((before.is_null() | (before == values)).fill_null(value=True), None)
            if other.null_count() < len(other):
                self.add(f"extra.{column}", other)

    def add_rules(self, column: str, rules: Iterable[Rule]) -> None:
        for rule in rules:
            if not rule.to:
                continue
            values = self.value_of(column, rule)
            if rule.first:
                self._add_first(rule.to, values, column)
            else:
                for name in rule.to:
                    self.add(name, values, column)

    def value_of(self, column: str, rule: Rule) -> pl.Series:
        """What the rule makes of its column."""
        if rule.template:
            values = self.formatted(rule.template)
        elif column in self.table.columns:
            values = self.table[column]
        else:
            values = _nothing(self.table.height)
        if rule.skip:
            values = values.replace(list(set(rule.skip)), None)
        if rule.drop:
            values = values.str.replace_all(rule.drop, "")
        if rule.pattern:
            values = _extracted(values, rule.pattern)
        local = bool(rule.to) and all(name.startswith("time.") for name in rule.to)
        return _iso(values, rule.time, self.mapping.feed.zone, local=local) if rule.time else values

    def formatted(self, template: str) -> pl.Series:
        """The template filled; null where one of its columns says nothing."""
        parts = _PLACEHOLDER.split(template)
        names = placeholders(template)
        missing = [name for name in names if name not in self.table.columns]
        if missing:
            return _nothing(self.table.height)
        pieces = [
            pl.col(part.strip().lower()) if place % 2 else pl.lit(part) for place, part in enumerate(parts) if part
        ]
        return self.table.select(made=pl.concat_str(pieces)).to_series()

    def _add_first(self, names: Sequence[str], values: pl.Series, column: str) -> None:
        left = values
        for name in names:
            fits = _fits(left, name, self.mapping)
            self.add(name, left.set(~fits, None), column)
            left = left.set(fits, None)
        if left.null_count() < len(left):
            self.add(f"extra.{column}", left)

    def add_values(self, column: str, values: Mapping[str, Mapping[str, str]]) -> None:
        """The fields that stand for the values of a column."""
        texts = self.table[column] if column in self.table.columns else _nothing(self.table.height)
        entries = list(values.values())
        chosen = _chosen(texts, list(values))
        for name in dict.fromkeys(name for entry in entries for name in entry):
            made = _nothing(self.table.height)
            for place, entry in enumerate(entries):
                if name not in entry or not (mask := (chosen == place).fill_null(value=False)).any():
                    continue
                text = self.formatted(entry[name]) if placeholders(entry[name]) else entry[name]
                made = made.set(mask, text) if isinstance(text, str) else made.zip_with(~mask, text)
            self.add(name, made)


def _fields(mapping: FeedMapping, table: pl.DataFrame) -> dict[str, pl.Series]:
    made = _FieldTable(mapping, table)
    for column, rules in mapping.columns.items():
        made.add_rules(column, rules)
    for column, values in mapping.values.items():
        made.add_values(column, values)
    for column in table.columns:
        if column not in consumed(mapping) and column not in {_ROW, _PLACE, _ORDINAL}:
            made.add(f"extra.{column}", table[column])
    return {name: one for name, one in made.fields.items() if one.null_count() < len(one)}


def consumed(mapping: FeedMapping) -> set[str]:
    """The columns that the mapping takes up, so that they are not kept in extra."""
    rules = [rule for some in mapping.columns.values() for rule in some]
    templates = {name for rule in rules for name in placeholders(rule.template)}
    return {*mapping.columns, *templates, *({LINE} if mapping.format == "lines" else ())}


def taken_columns(mapping: FeedMapping) -> set[str]:
    """The columns that a report must have for all of the mapping to do something; not those that the mapping makes."""
    rules = [(column, rule) for column, some in mapping.columns.items() for rule in some]
    made = {name.lower() for _, rule in rules if not rule.to for name in _GROUP.findall(rule.pattern)}
    made |= {one.column for one in mapping.each if one.words}
    below = tuple(f"{column}." for column, rule in rules if rule.decode)
    taken = {column for column, rule in rules if not rule.template and not _only_extra(rule)}
    taken |= {name for _, rule in rules for name in placeholders(rule.template)}
    texts = (text for table in mapping.values.values() for entry in table.values() for text in entry.values())
    taken |= {name for text in texts for name in placeholders(text)}
    taken |= {*mapping.values, *mapping.where, *(one.column for one in mapping.each)}
    return {name for name in taken - made if not name.startswith(below)}


def unfit_columns(mapping: FeedMapping, columns: Sequence[str]) -> str:
    """Why nothing can come of a report with these columns; empty where one of them is taken."""
    taken = taken_columns(mapping)
    if mapping.names or not taken or any(name.partition(".")[0] in columns or name in columns for name in taken):
        return ""
    return say(
        "The header has none of the columns that the mapping names: %(columns)s.", columns=", ".join(sorted(taken))
    )


def _only_extra(rule: Rule) -> bool:
    return bool(rule.to) and all(name.startswith("extra.") for name in rule.to)


def _chosen(texts: pl.Series, keys: Sequence[str]) -> pl.Series:
    """Which of the entries stands for each text: the equal one, the first pattern that fits, or ``default``."""
    exact = {key: place for place, key in enumerate(keys) if not key.startswith("~") and key != "default"}
    chosen = texts.str.to_lowercase().replace_strict(exact, default=None, return_dtype=pl.Int64)
    for place, key in enumerate(keys):
        if key.startswith("~"):
            fits = (chosen.is_null() & texts.str.contains(key[1:])).fill_null(value=False)
            chosen = chosen.set(fits, place)
    return chosen.fill_null(keys.index("default")) if "default" in keys else chosen


def names_a_place(mapping: FeedMapping, events: pl.DataFrame) -> bool:
    """Whether one of the events names a place that can be read."""
    places = (f"{side}.{name}" for side in SIDES for name in ("ip", "network", "fqdn", "url", "asn"))
    return any(_fits(events[name], name, mapping).any() for name in places if name in events.columns)


def _fits(texts: pl.Series, name: str, mapping: FeedMapping) -> pl.Series:
    """Which texts a field can read."""
    field = BY_NAME.get(name)
    if field is None:
        return texts.is_not_null()
    if field.kind is FieldKind.IP:
        return pl.Series(parse_addresses(texts)[2]) & texts.is_not_null()
    if field.kind is FieldKind.NETWORK:
        return texts.str.contains("/") & read_values(texts, field, "")[0].is_not_null()
    if mapping.scheme and field.kind is FieldKind.URL:
        texts = _with_scheme(texts, mapping.scheme)
    return read_values(texts, field, mapping.feed.time_format)[0].is_not_null()


def _with_scheme(texts: pl.Series, scheme: str) -> pl.Series:
    bare = (~texts.str.contains("://", literal=True)).fill_null(value=False)
    return texts.zip_with(~bare, scheme + "://" + texts) if bare.any() else texts


def _iso(texts: pl.Series, time_format: str, zone: str, *, local: bool) -> pl.Series:
    """Times in the format as ISO 8601; those that are not stay as they are.

    ``local``: those that name no zone stay without one, since the field that takes them has the feed's. Of a format
    without a year it is the last such time, a day ahead at most (RFC 3164 writes so).
    """
    given = texts
    if not _CLOCK.search(time_format):
        texts, time_format = texts + " 00:00", f"{time_format} %H:%M"
    if _YEAR.search(time_format):
        times = times_in(texts, time_format)
    else:
        latest = datetime.now(UTC) + timedelta(days=1)
        this, last = (times_in(f"{latest.year - ago} " + texts, f"%Y {time_format}") for ago in (0, 1))
        ahead = (this if has_zone(time_format) else in_zone(this, zone)) > latest
        times = this.set(ahead.fill_null(value=False), None).fill_null(last)
    if not has_zone(time_format):
        if local:
            return times.dt.strftime("%Y-%m-%dT%H:%M:%S%.f").fill_null(given)
        times = in_zone(times, zone)
    return times.dt.strftime("%Y-%m-%dT%H:%M:%S%.f+00:00").fill_null(given)


def _nothing(height: int) -> pl.Series:
    return pl.Series("none", [None], pl.String).new_from_index(0, height)
