"""Addresses and networks as numbers: read from text, written as canonical text, whole columns at a time.

An address is a pair of unsigned 64-bit halves ``(hi, lo)`` of its 128 bits. IPv4 stands in it as the IPv4-mapped
block ``::ffff:0:0/96`` (RFC 4291, section 2.5.5.2), so that both families share two columns. The length of a network
counts in the same 128 bits: ``10.0.0.0/8`` has length 104, ``2001:db8::/32`` has length 32. An IPv6 network never
holds IPv4 addresses, however short its length.

What is read: IPv4 in dotted decimal without leading zeros (RFC 6943, section 3.1.1), IPv6 as RFC 4291, section 2.2,
IPv4-mapped IPv6 as the IPv4 address it means. Blanks around are dropped. Refused: zone identifiers, octets above 255,
leading zeros, shortened IPv4, brackets and ports. What is written: dotted decimal and RFC 5952.
"""

import socket
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import numpy.typing as npt

from tocsin.node import compiled

if TYPE_CHECKING:
    import polars as pl

UInt64s: TypeAlias = npt.NDArray[np.uint64]
UInt8s: TypeAlias = npt.NDArray[np.uint8]
Bools: TypeAlias = npt.NDArray[np.bool_]

IPV4_BITS = 96
BLANKS = " \t\r\n\v\f"
_MAPPED = 0xFFFF << 32
_LOW_32 = 0xFFFF_FFFF
_ALL_64 = 0xFFFF_FFFF_FFFF_FFFF
_ALL_128 = (1 << 128) - 1


def parse_addresses(texts: "pl.Series") -> tuple[UInt64s, UInt64s, Bools]:
    """``(hi, lo, ok)`` of a column of texts: two uint64 arrays and a bool array; zeros where not ``ok``."""
    import polars as pl

    texts = texts.cast(pl.String)
    hi, lo, ok = compiled.addresses(texts) or _read_ipv4(texts)
    left = np.flatnonzero(~ok)
    rest = texts.gather(left).str.strip_chars(BLANKS)
    six = rest.str.contains(":", literal=True).fill_null(value=False)
    if six.any():
        places = left[six.to_numpy()]
        hi[places], lo[places], ok[places] = _parse_ipv6(rest.filter(six).to_list())
    return hi, lo, ok


def _read_ipv4(texts: "pl.Series") -> tuple[UInt64s, UInt64s, Bools]:
    """The same of a text column, of IPv4 only."""
    import polars as pl

    column = pl.col("text")
    octets = [pl.col("octets").struct.field(f"field_{place}").cast(pl.UInt8, strict=False) for place in range(4)]
    value, digits = pl.lit(0, pl.UInt64), pl.lit(3, pl.UInt8)
    for octet in octets:
        value = value * 256 + octet
        digits = digits + 1 + (octet >= 10).cast(pl.UInt8) + (octet >= 100).cast(pl.UInt8)
    read = (
        texts.alias("text")
        .to_frame()
        .lazy()
        .select(column.str.strip_chars(BLANKS))
        .with_columns(octets=column.str.split_exact(".", 3))
        # Four numbers in as few characters as they need: no leading zero, sign, blank or fifth part is left to hide.
        .select(value=value.fill_null(0), ok=(column.str.len_bytes() == digits).fill_null(value=False))
        .collect()
    )
    number, ok = read["value"].to_numpy(), read["ok"].to_numpy().copy()
    return np.zeros(len(texts), np.uint64), np.where(ok, number | np.uint64(_MAPPED), np.uint64(0)), ok


def parse_integers(texts: "pl.Series") -> tuple[UInt64s, UInt64s, Bools]:
    """``(hi, lo, ok)`` of a column of plain decimal integers of up to 39 digits: below 2**32 IPv4, else IPv6."""
    import polars as pl

    trimmed = texts.cast(pl.String).str.strip_chars(BLANKS).rename("")
    digits = trimmed.str.contains("^[0-9]{1,39}$").fill_null(value=False).to_numpy()
    number = trimmed.cast(pl.UInt64, strict=False)
    small = digits & number.is_not_null().to_numpy()
    hi = np.zeros(len(texts), dtype=np.uint64)
    lo = np.where(small, number.fill_null(0).to_numpy(), np.uint64(0))
    lo[small & (lo <= _LOW_32)] |= np.uint64(_MAPPED)
    large = np.flatnonzero(digits & ~small)
    ok = small
    for row, text in zip(large.tolist(), trimmed.gather(large).to_list(), strict=True):
        if (value := int(text)) <= _ALL_128:
            hi[row], lo[row], ok[row] = value >> 64, value & _ALL_64, True
    return hi, lo, ok


def parse_networks(texts: "pl.Series") -> tuple[UInt64s, UInt64s, UInt8s, Bools]:
    """``(hi, lo, length, ok)`` of a column of ``ADDRESS/LENGTH`` texts; ``length`` counts in 128 bits.

    A bare address is the network of itself alone. Bits behind the length are cleared.
    """
    import polars as pl

    parts = texts.cast(pl.String).str.strip_chars(BLANKS).str.splitn("/", 2).struct.unnest()
    hi, lo, ok = parse_addresses(parts.to_series(0))
    given = parts.to_series(1)
    count = given.cast(pl.UInt8, strict=False)
    four = is_ipv4(hi, lo)
    dotted = four & ~parts.to_series(0).str.contains(":", literal=True).fill_null(value=False).to_numpy()
    # 192.0.2.0/24 has 24 bits behind the 96 of ::ffff:0:0; 255 is no length and fails below. ::ffff:192.0.2.0/120 is
    # written with colons and counts in 128 already.
    whole = count.fill_null(255).to_numpy().astype(np.int16) + np.where(dotted, IPV4_BITS, 0)
    whole = np.where(given.is_null().to_numpy(), 128, whole)
    # Not ``/024``: each length is written in one way.
    exact = given.is_null() | (given.str.len_bytes() == count.cast(pl.String).str.len_bytes())
    ok &= exact.fill_null(value=False).to_numpy() & (whole <= 128) & (whole >= np.where(four, IPV4_BITS, 0))
    length = np.where(ok, whole, 0).astype(np.uint8)
    mask_hi, mask_lo = masks(length)
    return np.where(ok, hi & mask_hi, np.uint64(0)), np.where(ok, lo & mask_lo, np.uint64(0)), length, ok


def format_addresses(hi: UInt64s, lo: UInt64s) -> "pl.Series":
    """The canonical texts of addresses, as a String column."""
    return _format(hi, lo, []).rename("address")


def format_networks(hi: UInt64s, lo: UInt64s, length: UInt8s) -> "pl.Series":
    """The canonical ``ADDRESS/LENGTH`` texts of networks, as a String column."""
    import polars as pl

    shown = length - np.where(is_ipv4(hi, lo), np.uint8(IPV4_BITS), np.uint8(0))
    ends = pl.Series([f"/{number}" for number in range(129)]).gather(shown.astype(np.uint32))
    return _format(hi, lo, [ends]).rename("network")


def is_ipv4(hi: UInt64s, lo: UInt64s) -> Bools:
    """Which addresses are IPv4."""
    four: Bools = (hi == 0) & (lo >> np.uint64(32) == 0xFFFF)
    return four


def masks(length: UInt8s) -> tuple[UInt64s, UInt64s]:
    """The two halves of the network masks of 128-bit lengths."""
    table_hi, table_lo = _mask_tables()
    return table_hi[length], table_lo[length]


def network_bounds(hi: UInt64s, lo: UInt64s, length: UInt8s) -> tuple[UInt64s, UInt64s, UInt64s, UInt64s]:
    """``(first_hi, first_lo, last_hi, last_lo)``: the first and the last address of each network."""
    mask_hi, mask_lo = masks(length)
    return hi & mask_hi, lo & mask_lo, hi | ~mask_hi, lo | ~mask_lo


AddressRange: TypeAlias = tuple[int, int, int, int]
"""The halves of the first address and of the last: of one high half, or of whole high halves."""


@dataclass(frozen=True, order=True)
class Network:
    """One network: the halves of its first address and its length in 128 bits; ``str()`` is its canonical text."""

    hi: int
    lo: int
    length: int

    def __str__(self) -> str:
        shown = self.length - IPV4_BITS if _is_ipv4(self.hi, self.lo) else self.length
        return f"{format_address(self.hi, self.lo)}/{shown}"

    @property
    def last(self) -> tuple[int, int]:
        """The halves of its last address."""
        rest = (1 << (128 - self.length)) - 1
        return self.hi | rest >> 64, self.lo | rest & _ALL_64

    @property
    def ranges(self) -> list[AddressRange]:
        """What it holds: one range, or those around IPv4, which a network of IPv6 does not hold."""
        last_hi, last_lo = self.last
        if _is_ipv4(self.hi, self.lo) or (self.hi << 64 | (self.lo ^ _MAPPED)) >> (128 - self.length):
            return [(self.hi, self.lo, last_hi, last_lo)]
        parts = [(0, self.lo, 0, _MAPPED - 1), (0, _MAPPED + _LOW_32 + 1, 0, _ALL_64 if last_hi else last_lo)]
        return [part for part in parts if part[1] <= part[3]] + ([(1, 0, last_hi, _ALL_64)] if last_hi else [])

    def holds(self, hi: int, lo: int) -> bool:
        """Whether the address lies in this network."""
        away = ((hi ^ self.hi) << 64) | (lo ^ self.lo)
        return _is_ipv4(hi, lo) == _is_ipv4(self.hi, self.lo) and not away >> (128 - self.length)


def parse_address(text: str) -> tuple[int, int] | None:
    """``(hi, lo)`` of one address by the same rules as ``parse_addresses``, or None."""
    text = text.strip(BLANKS)
    if ":" in text:
        packed = _pack_ipv6(text)
        return None if packed is None else (int.from_bytes(packed[:8], "big"), int.from_bytes(packed[8:], "big"))
    value = _parse_ipv4(text)
    return None if value is None else (0, _MAPPED | value)


def parse_integer(text: str) -> tuple[int, int] | None:
    """``(hi, lo)`` of one plain decimal integer by the same rules as ``parse_integers``, or None."""
    text = text.strip(BLANKS)
    if not (text.isascii() and text.isdecimal() and len(text) <= 39):
        return None
    value = int(text)
    if value <= _LOW_32:
        return 0, _MAPPED | value
    return (value >> 64, value & _ALL_64) if value <= _ALL_128 else None


def parse_network(text: str) -> Network | None:
    """One network by the same rules as ``parse_networks``, or None."""
    start, slash, given = text.strip(BLANKS).partition("/")
    address = parse_address(start)
    if address is None:
        return None
    four = _is_ipv4(*address)
    if not slash:
        given = "128" if ":" in start or not four else "32"
    if not (given.isascii() and given.isdecimal() and len(given) <= 3 and given == str(int(given))):
        return None
    length = int(given) + (IPV4_BITS if four and ":" not in start else 0)
    if not (IPV4_BITS if four else 0) <= length <= 128:
        return None
    mask = _ALL_128 ^ ((1 << (128 - length)) - 1)
    return Network(address[0] & mask >> 64, address[1] & mask & _ALL_64, length)


def format_address(hi: int, lo: int) -> str:
    """The canonical text of one address."""
    if _is_ipv4(hi, lo):
        return f"{lo >> 24 & 255}.{lo >> 16 & 255}.{lo >> 8 & 255}.{lo & 255}"
    if hi == 0 and lo <= _LOW_32:  # the C library would write these with an IPv4 tail
        return f"::{lo >> 16:x}:{lo & 0xFFFF:x}" if lo > 0xFFFF else f"::{lo:x}" if lo else "::"
    return socket.inet_ntop(socket.AF_INET6, ((hi << 64) | lo).to_bytes(16, "big"))


@cache
def _mask_tables() -> tuple[UInt64s, UInt64s]:
    whole = [_ALL_128 ^ ((1 << (128 - length)) - 1) for length in range(129)]
    return (
        np.array([mask >> 64 for mask in whole], dtype=np.uint64),
        np.array([mask & _ALL_64 for mask in whole], dtype=np.uint64),
    )


@cache
def _ipv4_halves() -> tuple["pl.Series", "pl.Series"]:
    import polars as pl

    octets = [str(octet) for octet in range(256)]
    halves = pl.Series([f"{high}.{low}" for high in octets for low in octets])
    return halves + ".", halves


def _format(hi: UInt64s, lo: UInt64s, ends: list["pl.Series"]) -> "pl.Series":
    """The texts of addresses, each followed by its texts in ``ends``."""
    import polars as pl

    four = is_ipv4(hi, lo)
    front, back = _ipv4_halves()
    upper = front.gather(np.where(four, lo >> np.uint64(16) & np.uint64(0xFFFF), 0).astype(np.uint32))
    lower = back.gather((lo & np.uint64(0xFFFF)).astype(np.uint32))
    six = np.flatnonzero(~four)
    if six.size:
        lower = lower.scatter(six, "")
        upper = upper.scatter(six, pl.Series(_format_ipv6(hi[six], lo[six]), dtype=pl.String))
    return pl.select(pl.concat_str([upper, lower, *ends])).to_series()


def _format_ipv6(hi: UInt64s, lo: UInt64s) -> list[str]:
    packed = np.stack([hi, lo], axis=1).astype(">u8").tobytes()
    texts = [socket.inet_ntop(socket.AF_INET6, packed[at : at + 16]) for at in range(0, len(packed), 16)]
    for row in np.flatnonzero((hi == 0) & (lo <= _LOW_32)).tolist():
        texts[row] = format_address(0, int(lo[row]))
    return texts


def _parse_ipv6(texts: Sequence[str]) -> tuple[UInt64s, UInt64s, Bools]:
    packed = [_pack_ipv6(text) for text in texts]
    halves = np.frombuffer(b"".join(_or_zero(packed)), dtype=">u8").reshape(-1, 2).astype(np.uint64)
    return halves[:, 0], halves[:, 1], np.array([one is not None for one in packed], dtype=np.bool_)


def _or_zero(packed: Iterable[bytes | None]) -> Iterable[bytes]:
    return (bytes(16) if one is None else one for one in packed)


def _pack_ipv6(text: str) -> bytes | None:
    if "." in text:  # C libraries differ on odd octets
        head, _, tail = text.rpartition(":")
        value = _parse_ipv4(tail)
        if value is None:
            return None
        text = f"{head}:{value >> 16:x}:{value & 0xFFFF:x}"
    try:
        return socket.inet_pton(socket.AF_INET6, text)
    except (OSError, ValueError):
        return None


def _parse_ipv4(text: str) -> int | None:
    octets = text.split(".")
    if len(octets) != 4:
        return None
    value = 0
    for octet in octets:
        if not (octet.isascii() and octet.isdecimal() and len(octet) <= 3 and (octet[0] != "0" or octet == "0")):
            return None
        if int(octet) > 255:
            return None
        value = value << 8 | int(octet)
    return value


def _is_ipv4(hi: int, lo: int) -> bool:
    return hi == 0 and lo >> 32 == 0xFFFF
