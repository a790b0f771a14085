"""Reports whose records are lines of text, or key=value pairs."""

import re
from collections.abc import Iterator, Sequence
from functools import partial
from typing import BinaryIO, Final

import polars as pl

from tocsin.events.encoding import as_text, utf8
from tocsin.events.sources import Batch, Chunk, Unreadable
from tocsin.events.sources.delimited import LINE_LIMIT
from tocsin.events.sources.mapped.mapping import LINE, FeedMapping
from tocsin.events.sources.mapped.steps import COLUMN
from tocsin.node.errors import InputError
from tocsin.node.sentences import say

_MOST_PAIRS: Final = 500


class LineRecords:
    """A reader of lines (`tocsin.events.sources.Reader`): each is one record, but blank ones and comments."""

    header: str = ""
    columns: Sequence[str] = ()

    def __init__(self, stream: BinaryIO, chunk_bytes: int, mapping: FeedMapping, field_limit: int) -> None:
        self._read = utf8(stream)
        self._chunk_bytes = max(chunk_bytes, 1)
        self._mapping, self._limit = mapping, field_limit
        self._held = self._read(self._chunk_bytes)
        if not self._held.strip():
            raise InputError(say("The report is empty."), hint=say("Ask its sender for the report again."))

    def chunks(self) -> Iterator[Chunk]:
        """Whole lines."""
        line, data, above = 1, self._held, b""
        while block := self._read(self._chunk_bytes):
            end = data.rfind(b"\n") + 1
            if end or len(data) > LINE_LIMIT:
                end = end or len(data)
                yield Chunk(above + data[:end], line, line - above.count(b"\n"))
                above = self._last_carried(above + data[:end])
                line += data.count(b"\n", 0, end)
            data = data[end:] + block
        if data:
            yield Chunk(above + data, line, line - above.count(b"\n"))

    def _last_carried(self, data: bytes) -> bytes:
        """The last lines that hold for those below them."""
        if not self._mapping.carry:
            return b""
        lines = pl.Series(LINE, as_text(data)[0].replace("\x00", "").split("\n"), pl.String).str.strip_chars()
        _, above = _holding(lines, self._columns(lines), self._mapping.carry)
        return f"{above[-1]}\n".encode() if above[-1] else b""

    def parse(self, chunk: Chunk) -> Batch:
        """The chunk's lines as columns."""
        lines = pl.Series(LINE, as_text(chunk.data)[0].replace("\x00", "").split("\n"), pl.String)
        table = pl.DataFrame([lines.str.strip_chars()]).with_row_index("at", chunk.first_line)
        table = table.filter(pl.col(LINE) != "")
        if comment := self._mapping.dialect.comment:
            table = table.filter(~pl.col(LINE).str.starts_with(comment))
        table = table.with_columns(reason=self._reasons(table[LINE]))
        bad = table.filter(pl.col("reason").is_not_null())
        good = table.filter(pl.col("reason").is_null())
        frame = self._columns(good[LINE])
        if self._mapping.carry:
            good, frame = _below(good, frame, self._mapping.carry)
        places = list(zip(good["at"].to_list(), good[LINE].to_list(), strict=True))
        return Batch(
            frame.rename({name: COLUMN + name for name in frame.columns}),
            [Unreadable(*row) for row in bad.select("at", "reason", LINE).iter_rows()],
            partial(_places, places),
            texts=lambda: good[LINE],
        )

    def _reasons(self, lines: pl.Series) -> pl.Series:
        """Why a line cannot be read; null for those that can."""
        reasons = pl.Series("reason", [None], pl.String).new_from_index(0, len(lines))
        reasons = reasons.set(
            lines.str.len_bytes() > self._limit,
            say("A value is longer than %(limit)s characters.", limit=self._limit),
        )
        if self._mapping.pattern:
            fits = lines.str.contains(self._mapping.pattern)
            reasons = reasons.set(~fits, say("The line is not as the mapping's pattern says."))
        return reasons

    def _columns(self, lines: pl.Series) -> pl.DataFrame:
        if self._mapping.format == "keyvalue":
            rows = [_pairs(line, self._mapping) for line in lines.to_list()]
            names = dict.fromkeys(name for row in rows for name in row)
            table = {name: [row.get(name) for row in rows] for name in names}
            return pl.DataFrame(table, dict.fromkeys(names, pl.String())) if names else pl.DataFrame(height=len(lines))
        if not self._mapping.pattern:
            return lines.to_frame()
        groups = lines.str.extract_groups(self._mapping.pattern).struct.unnest()
        return groups.rename({name: name.lower() for name in groups.columns})


def _holding(lines: pl.Series, frame: pl.DataFrame, carry: Sequence[str]) -> tuple[pl.Series, list[str]]:
    """Which lines are no records, but hold for those below; and what holds at each line and behind the last.

    A line with the first of ``carry`` begins anew: what stood above it holds no more. One with another of them holds
    too where it says nothing else.
    """
    begins = frame[carry[0]].is_not_null()
    said = frame.select(
        any_of=pl.any_horizontal(pl.col(*carry).is_not_null()),
        others=pl.any_horizontal(pl.exclude(*carry).is_not_null(), pl.lit(value=False)),
    )
    holds = begins | (said["any_of"] & ~said["others"])
    above: list[str] = [""]
    held: dict[str, str] = {}  # by column the line that says it
    for line, begin, holding, values in zip(
        lines.to_list(), begins.to_list(), holds.to_list(), frame.select(*carry).iter_rows(), strict=True
    ):
        if begin:
            held, above[-1] = {}, ""
        if holding:
            held |= {name: line for name, value in zip(carry, values, strict=True) if value is not None}
        above.append("\n".join(dict.fromkeys(held.values())) if holding else above[-1])
    return holds, above


def _below(lines: pl.DataFrame, frame: pl.DataFrame, carry: Sequence[str]) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The lines that are records, each with the lines above that hold for it, and their columns."""
    holds, above = _holding(lines[LINE], frame, carry)
    whole = [f"{held}\n{line}" if held else line for held, line in zip(above, lines[LINE].to_list(), strict=False)]
    block = frame[carry[0]].is_not_null().cum_sum()
    filled = frame.with_columns(pl.col(*carry).forward_fill().over(pl.lit(block)))
    return lines.with_columns(pl.Series(LINE, whole, pl.String)).filter(~holds), filled.filter(~holds)


def _pairs(line: str, mapping: FeedMapping) -> dict[str, str]:
    """The values of a line by their keys; a quoted value may hold the separator."""
    separator, equals = mapping.dialect.separator, mapping.equals
    found: dict[str, str] = {}
    quoted = re.compile(rf'\s*([^\s{re.escape(separator)}{re.escape(equals[0])}"]+)\s*{re.escape(equals)}\s*"([^"]*)"')
    position = 0
    while position < len(line) and len(found) < _MOST_PAIRS:
        if match := quoted.match(line, position):
            found.setdefault(match[1].lower(), match[2])
            position = match.end()
            continue
        end = line.find(separator, position)
        end = len(line) if end < 0 else end
        key, sign, value = line[position:end].partition(equals)
        if sign and key.strip():
            found.setdefault(key.strip().lower(), value.strip().strip('"'))
        position = end + len(separator)
    return found


def _places(places: Sequence[tuple[int, str]], wanted: Sequence[int]) -> list[tuple[int, str]]:
    return [places[row] for row in wanted]
