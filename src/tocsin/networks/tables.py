"""What is known of an address: its network, its AS with its name, its country.

A folder of plain ``.npy`` files holds one complete state: ``routes`` (address to AS), ``countries`` (address to
country) and the AS register. They are mapped into memory, so opening costs about as much as opening files.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import numpy.typing as npt

from tocsin.networks.addresses import (
    BLANKS,
    Network,
    UInt8s,
    UInt64s,
    format_address,
    format_networks,
    is_ipv4,
    masks,
    parse_address,
    parse_integer,
)
from tocsin.networks.intervals import NONE, Int32s, Int64s, IntervalTable, UInt32s

if TYPE_CHECKING:
    import polars as pl

# A country is the place of its two letters among AA..ZZ.
COUNTRY_CODES = tuple(chr(first) + chr(second) for first in range(65, 91) for second in range(65, 91))
# An AS number is kept in the 32 bits of a table value; 4294967295 is reserved (RFC 7300), so it can stand for none.
NO_AS = 0xFFFF_FFFF
_NO_LENGTH = 255
_FEW = 1_000  # rows whose names are read one by one; to read all takes some 35 ms


@dataclass(frozen=True)
class AddressTable:
    """An interval table that also tells which network the answer comes from.

    ``v4_lengths`` and ``v6_lengths`` (uint8, in 128 bits) belong to the pieces of a table made of networks; they are
    empty for a family made of ranges. There the network is the largest one inside the piece that holds the address.
    """

    pieces: IntervalTable
    v4_lengths: UInt8s
    v6_lengths: UInt8s
    parts: ClassVar = ("v4_lengths", "v6_lengths")

    @classmethod
    def empty(cls) -> "AddressTable":
        """A table that knows nothing."""
        none64, none32 = np.empty(0, np.uint64), np.empty(0, np.int32)
        lengths = np.empty(0, np.uint8)
        return cls(IntervalTable(none32.astype(np.uint32), none32, none64, none64, none32), lengths, lengths)

    @classmethod
    def open(cls, folder: Path, name: str) -> "AddressTable":
        """The table that ``save`` wrote."""
        lengths = (np.load(folder / f"{name}-{part}.npy", mmap_mode="r") for part in cls.parts)
        return cls(IntervalTable.open(folder, name), *lengths)

    def save(self, folder: Path, name: str) -> None:
        """Write the table as plain ``.npy`` files named after it."""
        self.pieces.save(folder, name)
        for part in self.parts:
            np.save(folder / f"{name}-{part}.npy", getattr(self, part))

    @property
    def families(self) -> tuple[bool, bool]:
        """Whether it knows anything of IPv4, and of IPv6."""
        return bool(len(self.pieces.v4_starts)), bool(len(self.pieces.v6_hi))

    def with_families_of(self, other: "AddressTable") -> "AddressTable":
        """This table, with the families that it lacks taken from ``other``."""
        four, six = self.families
        pieces, theirs = self.pieces, other.pieces
        if not four:
            pieces = replace(pieces, v4_starts=theirs.v4_starts, v4_values=theirs.v4_values)
        if not six:
            pieces = replace(pieces, v6_hi=theirs.v6_hi, v6_lo=theirs.v6_lo, v6_values=theirs.v6_values)
        return AddressTable(
            pieces, self.v4_lengths if four else other.v4_lengths, self.v6_lengths if six else other.v6_lengths
        )

    def find(self, hi: UInt64s, lo: UInt64s) -> tuple[Int32s, UInt8s]:
        """The value of each address, and the length in 128 bits of the network it comes from; -1 and 255 for none."""
        values = np.full(len(hi), NONE, dtype=np.int32)
        lengths = np.full(len(hi), _NO_LENGTH, dtype=np.uint8)
        four = is_ipv4(hi, lo)
        for rows, has, find in (
            (np.flatnonzero(four), self.families[0], self._find4),
            (np.flatnonzero(~four), self.families[1], self._find6),
        ):
            if has and rows.size:
                values[rows], lengths[rows] = find(hi[rows], lo[rows])
        lengths[values == NONE] = _NO_LENGTH
        return values, lengths

    def _find4(self, _: UInt64s, lo: UInt64s) -> tuple[Int32s, UInt8s]:
        address = lo.astype(np.uint32)
        starts = self.pieces.v4_starts
        place = self.pieces.pieces4(address)
        values = np.asarray(self.pieces.v4_values)[place]
        if len(self.v4_lengths):
            return values, self.v4_lengths[place]
        # A block around the address stays inside the piece while it holds neither the address before nor behind it.
        first, at_end = starts[place], place + 1 == len(starts)
        behind = starts[np.where(at_end, place, place + 1)]
        before = np.where(first == 0, 32, _bit_length(address ^ (first - np.uint32(1))) - 1)
        after = np.where(at_end, 32, _bit_length(address ^ behind) - 1)
        return values, (128 - np.minimum(before, after)).astype(np.uint8)

    def _find6(self, hi: UInt64s, lo: UInt64s) -> tuple[Int32s, UInt8s]:
        place = self.pieces.pieces6(hi, lo)
        values = np.asarray(self.pieces.v6_values)[place]
        if len(self.v6_lengths):
            return values, self.v6_lengths[place]
        first_hi, first_lo = self.pieces.v6_hi[place], self.pieces.v6_lo[place]
        at_end = place + 1 == len(self.pieces.v6_hi)
        following = np.where(at_end, place, place + 1)
        behind = _bit_length(hi ^ self.pieces.v6_hi[following], lo ^ self.pieces.v6_lo[following]) - 1
        previous = _bit_length(hi ^ (first_hi - (first_lo == 0)), lo ^ (first_lo - np.uint64(1))) - 1
        before = np.where((first_hi == 0) & (first_lo == 0), 128, previous)
        return values, (128 - np.minimum(before, np.where(at_end, 128, behind))).astype(np.uint8)


@dataclass(frozen=True)
class AsRegister:
    """The AS register: names, and the countries that the regional registries gave numbers to.

    ``named`` and ``placed`` are sorted AS numbers (uint32); ``name_text`` (bytes as uint8) holds the names, name i
    from ``name_ends[i]`` to ``name_ends[i + 1]``; ``countries`` (int32) are places in ``COUNTRY_CODES``.
    """

    named: UInt32s
    name_ends: UInt32s
    name_text: UInt8s
    placed: UInt32s
    countries: Int32s
    parts: ClassVar = ("named", "name_ends", "name_text", "placed", "countries")

    @classmethod
    def of(cls, names: Mapping[int, str], countries: Mapping[int, str]) -> "AsRegister":
        """The register of these names and two-letter countries by AS number."""
        named = sorted(names)
        packed = [_one_line(names[number]).encode() for number in named]
        placed = sorted(countries)
        return cls(
            np.array(named, dtype=np.uint32),
            np.append(0, np.cumsum([len(name) for name in packed])).astype(np.uint32),
            np.frombuffer(b"".join(packed), dtype=np.uint8),
            np.array(placed, dtype=np.uint32),
            country_places([countries[number] for number in placed]),
        )

    @classmethod
    def open(cls, folder: Path, name: str) -> "AsRegister":
        """The register that ``save`` wrote."""
        return cls(*(np.load(folder / f"{name}-{part}.npy", mmap_mode="r") for part in cls.parts))

    def save(self, folder: Path, name: str) -> None:
        """Write the register as plain ``.npy`` files named after it."""
        for part in self.parts:
            np.save(folder / f"{name}-{part}.npy", getattr(self, part))

    def name(self, asn: int) -> str | None:
        """The name of an AS, or None."""
        row = _place(self.named, asn)
        return None if row is None else bytes(self.name_text[self.name_ends[row] : self.name_ends[row + 1]]).decode()

    def country(self, asn: int) -> str | None:
        """The country that the AS number was given to, or None where no registry's file was loaded that tells it."""
        row = _place(self.placed, asn)
        return None if row is None else COUNTRY_CODES[self.countries[row]]

    def names(self) -> dict[int, str]:
        """All names by AS number."""
        ends = self.name_ends.tolist()
        text = bytes(self.name_text)
        return {
            number: text[start:end].decode()
            for number, start, end in zip(self.named.tolist(), ends, ends[1:], strict=False)
        }

    def find(self, words: Iterable[str], limit: int) -> list[int]:
        """Up to ``limit`` AS numbers in whose names each of the words (of ASCII) begins a word, in any case."""
        text, (first, *others) = bytes(self.name_text).lower(), [word.lower().encode() for word in words]
        found: list[int] = []
        at = text.find(first)
        while at >= 0 and len(found) < limit:
            row = int(np.searchsorted(self.name_ends, np.uint32(at), side="right")) - 1
            start, end = int(self.name_ends[row]), int(self.name_ends[row + 1])
            if all(re.search(rb"(?<![a-z0-9])" + re.escape(word), text[start:end]) for word in (first, *others)):
                found.append(int(self.named[row]))
            at = text.find(first, end)
        return found

    def countries_by_number(self) -> dict[int, str]:
        """The two-letter country of every AS number that a registry's file told of."""
        places = self.countries.tolist()
        return {number: COUNTRY_CODES[place] for number, place in zip(self.placed.tolist(), places, strict=True)}

    def name_column(self, asn: UInt32s) -> "pl.Series":
        """The names of AS numbers as a String column, null where unknown."""
        import polars as pl

        if asn.size < _FEW:
            names = {number: self.name(number) for number in set(asn.tolist())}
            return pl.Series("as_name", [names[number] for number in asn.tolist()], dtype=pl.String)
        rows = self._row_of_small[np.minimum(asn, len(self._row_of_small) - 1)]
        large = np.flatnonzero((asn >= len(self._row_of_small) - 1) & (asn != NO_AS))
        if large.size:
            rows[large] = _places(self.named, asn[large])
        return self._names.gather(pl.Series(np.where(rows < 0, len(self.named), rows).astype(np.uint32)))

    @cached_property
    def _row_of_small(self) -> Int32s:
        """The row of each AS number below 2**20, where all but a few are; -1 at its end."""
        rows = np.full((1 << 20) + 1, NONE, dtype=np.int32)
        small = int(np.searchsorted(self.named, 1 << 20))
        rows[self.named[:small]] = np.arange(small, dtype=np.int32)
        return rows

    @cached_property
    def _names(self) -> "pl.Series":
        import polars as pl

        return pl.Series("as_name", [*self.names().values(), None], dtype=pl.String)


@dataclass(frozen=True)
class NetworkLookup:
    """What is known of one address; ``error`` says why it could not be read, else it is empty."""

    address: str
    prefix: str | None = None
    asn: int | None = None
    as_name: str | None = None
    country: str | None = None
    error: str = ""


@dataclass(frozen=True)
class Networks:
    """The network tables of a node."""

    routes: AddressTable
    countries: AddressTable
    register: AsRegister

    @classmethod
    def open(cls, home: Path) -> "Networks":
        """The tables of the node in ``home``: what was loaded there, else the bundled ones.

        Raises:
            StorageError: the tables cannot be read, or the bundled ones cannot be unpacked there.

        """
        from tocsin.networks.folders import current_folder

        return cls.open_folder(current_folder(home))

    @classmethod
    def open_folder(cls, folder: Path) -> "Networks":
        """The tables that ``save`` wrote."""
        routes, countries = AddressTable.open(folder, "routes"), AddressTable.open(folder, "countries")
        return cls(routes, countries, AsRegister.open(folder, "register"))

    def save(self, folder: Path) -> None:
        """Write all tables into an existing folder."""
        self.routes.save(folder, "routes")
        self.countries.save(folder, "countries")
        self.register.save(folder, "register")

    def enrich(self, hi: UInt64s, lo: UInt64s, *, prefix: bool = True) -> "pl.DataFrame":
        """``prefix`` (String), ``asn`` (UInt32), ``as_name`` and ``country`` (String) of addresses; null if unknown.

        Writing the prefixes as text takes most of the time; ``prefix=False`` leaves that column out.
        """
        import polars as pl

        columns = []
        if not prefix:
            values, places = self.routes.pieces.lookup(hi, lo), self.countries.pieces.lookup(hi, lo)
        else:
            values, lengths = self.routes.find(hi, lo)
            if any(self.routes.families):
                places = self.countries.pieces.lookup(hi, lo)
            else:
                places, lengths = self.countries.find(hi, lo)
            columns.append(_prefixes(hi, lo, lengths))
        asn = values.view(np.uint32)
        number = pl.Series("asn", asn)
        codes = pl.Series("country", [*COUNTRY_CODES, None], dtype=pl.String)
        return pl.DataFrame(
            [
                *columns,
                number.set(number == NO_AS, None),
                self.register.name_column(asn),
                codes.gather(pl.Series(np.where(places == NONE, len(COUNTRY_CODES), places).astype(np.uint32))),
            ]
        )

    def lookup(self, addresses: Iterable[str]) -> list[NetworkLookup]:
        """What is known of each address, given as text or as a plain integer, in the same order."""
        return [self.answer(text) for text in addresses]

    def answer(self, text: str) -> NetworkLookup:
        """What is known of one address, given as text or as a plain integer."""
        found = parse_address(text) or parse_integer(text)
        if found is None:
            return NetworkLookup(text.strip(BLANKS), error="This is not an IP address.")
        hi, lo = np.array([found[0]], dtype=np.uint64), np.array([found[1]], dtype=np.uint64)
        (value,), (length,) = self.routes.find(hi, lo)
        (place,), (country_length,) = self.countries.find(hi, lo)
        asn = None if value == NONE else int(value) & NO_AS
        if not any(self.routes.families):
            length = country_length
        prefix = None
        if length != _NO_LENGTH:
            mask_hi, mask_lo = masks(np.array([length], dtype=np.uint8))
            prefix = str(Network(found[0] & int(mask_hi[0]), found[1] & int(mask_lo[0]), int(length)))
        return NetworkLookup(
            format_address(*found),
            prefix,
            asn,
            None if asn is None else self.register.name(asn),
            None if place == NONE else COUNTRY_CODES[place],
        )


def country_places(codes: Sequence[str]) -> Int32s:
    """The places in ``COUNTRY_CODES`` of two-letter codes in capitals; -1 for anything else."""
    place = {code: index for index, code in enumerate(COUNTRY_CODES)}
    return np.array([place.get(code, NONE) for code in codes], dtype=np.int32)


def _one_line(name: str) -> str:
    if name.isprintable():  # nearly all are, and there are 90,000
        return " ".join(name.split())
    return " ".join("".join(letter if letter.isprintable() else " " for letter in name).split())


def _prefixes(hi: UInt64s, lo: UInt64s, lengths: UInt8s) -> "pl.Series":
    import polars as pl

    known = lengths != _NO_LENGTH
    safe = np.where(known, lengths, np.uint8(128))
    mask_hi, mask_lo = masks(safe)
    texts = format_networks(hi & mask_hi, lo & mask_lo, safe).rename("prefix")
    return texts if known.all() else texts.set(~pl.Series(known), None)


def _place(numbers: UInt32s, number: int) -> int | None:
    row = int(np.searchsorted(numbers, np.uint32(number)))
    return row if row < len(numbers) and numbers[row] == number else None


def _places(numbers: UInt32s, wanted: UInt32s) -> Int64s:
    if not len(numbers):
        return np.full(len(wanted), NONE, dtype=np.int64)
    rows = np.minimum(np.searchsorted(numbers, wanted), len(numbers) - 1)
    return np.where(numbers[rows] == wanted, rows, NONE)


def _bit_length(upper: npt.NDArray[np.unsignedinteger], lower: npt.NDArray[np.unsignedinteger] | None = None) -> Int64s:
    """The number of bits that each number needs; with ``lower``, of 128-bit numbers given as halves."""
    if lower is not None:
        return np.where(upper != 0, 64 + _bit_length(upper), _bit_length(lower))
    if upper.dtype == np.uint64:
        high = upper >> np.uint64(32)
        return np.where(high != 0, 32 + _bit_length(high.astype(np.uint32)), _bit_length(upper.astype(np.uint32)))
    return np.frexp(upper.astype(np.float64))[1].astype(np.int64)  # exact: 32 bits fit a double's 53
