"""Files that say which addresses belong to which AS or country.

=============  ==========================================================================================
ip-location    comma-separated ``first,last,AS number,AS name`` or ``first,last,country`` (ip-location-db)
iptoasn        tab-separated ``first last AS-number country AS-name`` or ``first last country``
pyasn          ``network AS-number`` with a tab or blanks between, comments start with ``;``
delegated      the regional registries' extended allocation files, version 2
=============  ==========================================================================================

Addresses are texts or plain integers. Any of them may be packed with gzip. A line that cannot be read is junk: it is
counted, the first ones are kept with number and reason, and the rest of the file is used.
"""

import csv
import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeAlias, get_args

import numpy as np

from tocsin.networks.addresses import (
    Bools,
    UInt8s,
    UInt64s,
    format_address,
    is_ipv4,
    parse_address,
    parse_addresses,
    parse_integers,
    parse_network,
    parse_networks,
)
from tocsin.networks.intervals import NONE, Int32s, Int64s, Ranges, UInt32s
from tocsin.networks.lines import read_chunks
from tocsin.networks.tables import COUNTRY_CODES, NO_AS, country_places
from tocsin.node.errors import InputError

if TYPE_CHECKING:
    import polars as pl

Format: TypeAlias = Literal["ip-location", "iptoasn", "pyasn", "delegated"]
FORMATS: tuple[Format, ...] = get_args(Format)
# the combined file of all ("nro") first: a registry's own file lies on top of it
REGISTRIES = ("nro", "afrinic", "apnic", "arin", "lacnic", "ripencc")
MAX_UNPACKED_BYTES = 500_000_000
_MAX_LINES = 20_000_000
_CHUNK_LINES = 100_000
_KEPT_LINES = 10_000
_MAX_AS_NUMBERS = 1 << 21
_NOT_TWO_LETTERS = "Its country is not two letters."
_NO_COUNTRY = ("", "-", "ZZ", "NONE", "*")


@dataclass(frozen=True)
class NotedLine:
    """A line worth showing to a person: its number, what is to say about it, and how it begins."""

    number: int
    reason: str
    text: str


@dataclass
class NotedLines:
    """Lines to show to a person: how many, and the first of them (up to 10,000)."""

    count: int = 0
    lines: list[NotedLine] = field(default_factory=list)

    def add(self, number: int, reason: str, text: str) -> None:
        """Count one more, and keep it while there are few."""
        self.count += 1
        if len(self.lines) < _KEPT_LINES:
            shown = "".join(letter if letter.isprintable() else "\ufffd" for letter in text[:200])
            self.lines.append(NotedLine(number, reason, shown))


@dataclass(frozen=True)
class TableFile:
    """A file's whole content; the arrays have one row for each range or network.

    ``length`` (uint8, in 128 bits) is None when the file lists ranges. ``asn`` is uint32, ``NO_AS`` for none;
    ``country`` is int32, a place in ``COUNTRY_CODES``, -1 for none; ``line`` are line numbers.
    """

    format: Format
    lines: int
    ranges: Ranges
    length: UInt8s | None
    asn: UInt32s
    country: Int32s
    line: Int64s
    aside: "Aside"


@dataclass
class Aside:
    """What a file tells beside its ranges, and what of it was not used.

    ``as_countries`` says to which country an AS number was given. ``registry`` is the one that a delegated file
    speaks for, and ``declared`` how many records it says it has (0: it does not say). ``unused`` counts lines with
    nothing to tell: comments, headers, addresses that are not routed or not allocated.
    """

    names: dict[int, str] = field(default_factory=dict)
    as_countries: dict[int, str] = field(default_factory=dict)
    registry: str = ""
    declared: int = 0
    records: int = 0
    unused: int = 0
    junk: NotedLines = field(default_factory=NotedLines)


def read_table(path: Path, form: Format | None = None, *, limit: int = MAX_UNPACKED_BYTES) -> TableFile:
    """The content of a table file; ``form`` None recognises it by its first lines.

    Raises:
        NotFoundError: there is no such file.
        InputError: the file is damaged, unpacks to more than ``limit`` bytes, is empty or of no known format, or has
            more unreadable lines than readable ones.

    """
    lines, aside = 0, Aside()
    found: list[_Columns] = []
    for first, chunk in read_chunks(path, lines=_CHUNK_LINES, limit=limit):
        form = form or recognise(chunk)
        if form is None:
            raise InputError(
                f"{path.name} is in none of the formats that are known here.",
                hint=f"Give --format with one of {', '.join(FORMATS)}; docs/networks.md says what each holds.",
            )
        rows = _split(_SPLITTERS[form], first, chunk, aside)
        found.append(_columns(rows, aside, networks=form == "pyasn"))
        lines += len(chunk)
        if lines > _MAX_LINES:
            raise InputError(f"{path.name} has more than {_MAX_LINES:,} lines.", hint="No table has; check its source.")
    if form is None or not found:
        raise InputError(f"{path.name} is empty.", hint="Fetch it again; nothing was changed.")
    ranges, length, asn, country, line = _concatenate(found)
    _refuse_unusable(path.name, form, len(ranges) + len(aside.as_countries), aside.junk)
    return TableFile(form, lines, ranges, length if form == "pyasn" else None, asn, country, line, aside)


def recognise(lines: Sequence[str]) -> Format | None:
    """The format that most of the first lines are written in, or None."""
    votes = Counter(_recognise_line(line) for line in islice((line for line in lines if line), 50))
    del votes[None]
    return votes.most_common(1)[0][0] if votes else None


def _recognise_line(line: str) -> Format | None:
    fields = line.split("|")
    if len(fields) >= 6 and (fields[0] in REGISTRIES or fields[1] in REGISTRIES):
        return "delegated"
    if line.startswith(";") or re.match(r"[0-9A-Fa-f.:]+/\d+\s+(AS)?\d+\s*$", line):
        return "pyasn"
    if re.match(r"[0-9A-Fa-f.:]+\t[0-9A-Fa-f.:]+\t", line):
        return "iptoasn"
    if re.match(r'"?[0-9A-Fa-f.:]+"?,"?[0-9A-Fa-f.:]+"?,', line):
        return "ip-location"
    return None


def _refuse_unusable(name: str, form: Format, usable: int, junk: NotedLines) -> None:
    if usable and junk.count <= usable:
        return
    first = next(iter(junk.lines), None)
    shown = f" Line {first.number}: {first.reason} ({first.text[:60]!r})" if first else ""
    raise InputError(
        f"{name} has {usable} usable lines and {junk.count} that cannot be read.{shown}",
        hint=f"It was read as {form}; give --format if that is wrong. Nothing was changed.",
    )


# line number, the line, first address (or network), last address, AS number, country, AS name; "" for what is not told
_Row: TypeAlias = tuple[int, str, str, str, str, str, str]
_Fields: TypeAlias = tuple[str, str, str, str, str]
_Splitter: TypeAlias = Callable[[str, Aside], _Fields | None]
_Columns: TypeAlias = tuple[Ranges, UInt8s, UInt32s, Int32s, Int64s]


class _UnreadableError(Exception):
    """Why a line is junk."""


def _split(splitter: _Splitter, first: int, chunk: list[str], aside: Aside) -> list[_Row]:
    rows: list[_Row] = []
    for number, line in enumerate(chunk, first):
        if not line or line[0] in ";#":
            aside.unused += 1
            continue
        try:
            fields = splitter(line, aside)
        except _UnreadableError as error:
            aside.junk.add(number, str(error), line)
            continue
        if fields is None:
            aside.unused += 1
        else:
            rows.append((number, line, *fields))
    return rows


def _split_ip_location(line: str, _: Aside) -> _Fields:
    # ip-location-db quotes only names, and splitting by hand is three times as fast
    line_fields = next(csv.reader([line])) if line.startswith('"') else line.split(",", 3)
    if len(line_fields) == 4:
        first, last, asn, name = line_fields
        if name.startswith('"'):
            name = name.strip().removeprefix('"').removesuffix('"').replace('""', '"')
        return first, last, asn, "", name
    if len(line_fields) == 3:
        first, last, third = line_fields
        return (first, last, "", third, "") if third.strip().isalpha() else (first, last, third, "", "")
    raise _UnreadableError("It has not three or four fields.")


def _split_iptoasn(line: str, _: Aside) -> _Fields:
    fields = line.split("\t")
    if len(fields) == 5:
        first, last, asn, country, name = fields
        return first, last, asn, country, "" if asn == "0" else name
    if len(fields) == 3:
        return fields[0], fields[1], "", fields[2], ""
    raise _UnreadableError("It has not five or three fields.")


def _split_pyasn(line: str, _: Aside) -> _Fields:
    fields = line.split()
    if len(fields) != 2:
        raise _UnreadableError("It has not two fields.")
    return fields[0], "", fields[1], "", ""


def _split_delegated(line: str, aside: Aside) -> _Fields | None:
    fields = line.split("|")
    if fields[0].replace(".", "").isdecimal() and len(fields) >= 6:
        aside.registry = _registry(fields[1])
        aside.declared = _number(fields[3]) or 0
        return None
    if fields[-1] == "summary":
        return None
    if len(fields) < 7:
        raise _UnreadableError("It has fewer than seven fields.")
    aside.records += 1
    registry, country, kind, start, value, _, status = fields[:7]
    country = country.strip().upper()
    aside.registry = aside.registry or _registry(registry)
    if status not in {"allocated", "assigned"} or country in _NO_COUNTRY:
        return None
    size = _number(value)
    if not size:
        raise _UnreadableError("Its size is not a number.")
    if kind == "asn":
        _give_numbers(start, size, country, aside)
        return None
    if kind == "ipv4":
        address = parse_address(start)
        if address is None or ":" in start or (last := (address[1] & 0xFFFF_FFFF) + size - 1) > 0xFFFF_FFFF:
            raise _UnreadableError("It is not a range of addresses.")
        return start, str(last), "", country, ""
    network = parse_network(f"{start}/{value}")
    if kind != "ipv6" or network is None:
        raise _UnreadableError("It is not a range of addresses.")
    return start, format_address(*network.last), "", country, ""


def _number(text: str) -> int | None:
    return int(text) if len(text) <= 10 and text.isascii() and text.isdecimal() else None


def _registry(text: str) -> str:
    name = text.strip().lower()
    if name not in REGISTRIES:
        raise _UnreadableError("It names no known registry.")
    return name


def _give_numbers(start: str, count: int, country: str, aside: Aside) -> None:
    first = _number(start)
    if first is None or first + count > NO_AS:
        raise _UnreadableError("It is not a block of AS numbers.")
    if country not in COUNTRY_CODES:
        raise _UnreadableError(_NOT_TWO_LETTERS)
    if len(aside.as_countries) + count > _MAX_AS_NUMBERS:
        raise _UnreadableError("It gives away more AS numbers than there are in use.")
    aside.as_countries.update(dict.fromkeys(range(first, first + count), country))


_SPLITTERS: dict[Format, _Splitter] = {
    "ip-location": _split_ip_location,
    "iptoasn": _split_iptoasn,
    "pyasn": _split_pyasn,
    "delegated": _split_delegated,
}


def _columns(rows: list[_Row], aside: Aside, *, networks: bool) -> _Columns:
    """The rows as arrays, less those that are junk or tell nothing."""
    import polars as pl

    line, _, first, last, asn_text, country_text, name = zip(*rows, strict=True) if rows else [()] * 7
    if networks:
        hi, lo, length, ok = parse_networks(pl.Series(first, dtype=pl.String))
        ranges = Ranges.of_networks(hi, lo, length)
    else:
        ranges, ok = _read_ranges(pl.Series(first, dtype=pl.String), pl.Series(last, dtype=pl.String))
        length = np.zeros(len(rows), dtype=np.uint8)
    digits = pl.Series(asn_text, dtype=pl.String).str.strip_chars().str.strip_prefix("AS")
    number = digits.cast(pl.UInt32, strict=False)
    asn = number.fill_null(NO_AS).to_numpy().copy()
    asn[asn == 0] = NO_AS  # not routed
    codes = pl.Series(country_text, dtype=pl.String).str.strip_chars().str.to_uppercase()
    country = country_places(codes.to_list())
    as_ok = ((digits == "") | number.is_not_null()).to_numpy()
    country_ok = codes.is_in(_NO_COUNTRY).to_numpy() | (country != NONE)
    for row in np.flatnonzero(~(ok & as_ok & country_ok)).tolist():
        about_as = _NOT_TWO_LETTERS if as_ok[row] else "Its AS number is not one."
        aside.junk.add(line[row], about_as if ok[row] else "It does not begin with a range or network.", rows[row][1])
    tells = (asn != NO_AS) | (country != NONE)
    aside.unused += int((ok & as_ok & country_ok & ~tells).sum())
    keep = np.flatnonzero(ok & as_ok & country_ok & tells)
    numbers = asn.tolist()
    aside.names.update((numbers[row], name[row]) for row in keep.tolist() if name[row] and numbers[row] != NO_AS)
    return ranges.take(keep), length[keep], asn[keep], country[keep], np.array(line, dtype=np.int64)[keep]


def _read_ranges(first: "pl.Series", last: "pl.Series") -> tuple[Ranges, Bools]:
    """Ranges whose ends are texts or integers, and which of them are ranges."""
    first_hi, first_lo, first_ok = _read_ends(first)
    last_hi, last_lo, last_ok = _read_ends(last)
    rising = (first_hi < last_hi) | ((first_hi == last_hi) & (first_lo <= last_lo))
    same_family = is_ipv4(first_hi, first_lo) == is_ipv4(last_hi, last_lo)
    return Ranges(first_hi, first_lo, last_hi, last_lo), first_ok & last_ok & rising & same_family


def _read_ends(texts: "pl.Series") -> tuple[UInt64s, UInt64s, Bools]:
    hi, lo, ok = parse_addresses(texts)
    if not ok.all():
        rest = np.flatnonzero(~ok)
        hi[rest], lo[rest], ok[rest] = parse_integers(texts.gather(rest))
    return hi, lo, ok


def _concatenate(found: list[_Columns]) -> _Columns:
    ranges, length, asn, country, line = zip(*found, strict=True)
    ends = ("first_hi", "first_lo", "last_hi", "last_lo")
    whole = Ranges(*(np.concatenate([getattr(part, end) for part in ranges]) for end in ends))
    return whole, np.concatenate(length), np.concatenate(asn), np.concatenate(country), np.concatenate(line)
