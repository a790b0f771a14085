"""AS numbers and address ranges as RPSL writes them: what of them a team can answer for, and why not of the rest."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final, TypeAlias

import numpy as np
import numpy.typing as npt

from tocsin.networks import SPECIAL_USE, format_networks, parse_addresses, parse_networks, special_use

if TYPE_CHECKING:
    import polars as pl

UInt64s: TypeAlias = npt.NDArray[np.uint64]
Bools: TypeAlias = npt.NDArray[np.bool_]

RESERVED_ASNS: Final = (
    (0, 0, "AS0 is nobody's, RFC 7607"),
    (23_456, 23_456, "AS23456 stands for others, RFC 6793"),
    (64_496, 64_511, "reserved for documentation, RFC 5398"),
    (64_512, 65_534, "reserved for private use, RFC 6996"),
    (65_535, 65_535, "reserved, RFC 7300"),
    (65_536, 65_551, "reserved for documentation, RFC 5398"),
    (4_200_000_000, 4_294_967_294, "reserved for private use, RFC 6996"),
    (4_294_967_295, 4_294_967_295, "reserved, RFC 7300"),
)
"""First and last of the AS numbers that nobody on the internet has, with the reason."""

_MAPPED = np.uint64(0xFFFF << 32)
_ONE = np.uint64(1)
_NO_RANGE = "not a range such as 192.0.2.0 - 192.0.2.255"
_NO_NETWORK = "not a network such as 2001:db8::/32"
_TOO_WIDE = "wider than a registry gives to anybody (/8 in IPv4, /12 in IPv6)"
_USES = [f"not an address of the internet ({use})" for use in SPECIAL_USE]


def take_asns(texts: "pl.Series") -> "pl.DataFrame":
    """A row for each text: ``row`` (its place), ``value`` (digits, null for none), ``span`` (1), and ``why`` not."""
    import polars as pl

    number = texts.str.to_uppercase().str.extract("^AS([0-9]{1,10})$").cast(pl.UInt32, strict=False)
    frame = pl.DataFrame({"number": number}).with_row_index("row")
    reasons = [(pl.col("number").is_null(), "not an AS number such as AS3333")]
    reasons += [(pl.col("number").is_between(first, last), words) for first, last, words in RESERVED_ASNS]
    why = pl.coalesce(pl.when(bad).then(pl.lit(words)) for bad, words in reasons)
    digits = pl.when(pl.col("why").is_null()).then(pl.col("number").cast(pl.String))
    return frame.with_columns(why=why).select("row", digits.alias("value"), pl.lit(1, pl.UInt64).alias("span"), "why")


def take_ipv4(texts: "pl.Series") -> "pl.DataFrame":
    """The networks that each ``FIRST - LAST`` or ``ADDRESS/LENGTH`` is made of.

    ``row`` is the place of the text, ``value`` a network (null for none), ``span`` how many addresses the whole has,
    ``why`` the reason where it cannot be taken. A range that is no single network has a row for each of its networks.
    """
    first, last, good = _ipv4_ends(texts)
    span = np.where(good, last - first + _ONE, _ONE)
    # A range is one network where its size is a power of two and it begins at a multiple of that.
    alone = good & (span & (span - _ONE) == 0) & (first & (span - _ONE) == 0)
    rows = np.flatnonzero(alone)
    pieces = [(row, start, size) for row, start, size in _split(first, last, np.flatnonzero(good & ~alone))]
    more = np.array(pieces, dtype=np.uint64).reshape(-1, 3)
    rows = np.append(rows, more[:, 0].astype(np.int64))
    starts, sizes = np.append(first[alone], more[:, 1]), np.append(span[alone], more[:, 2])
    # Exact: sizes are powers of two up to 2**32.
    length = (128 - np.round(np.log2(sizes))).astype(np.uint8)
    return _taken(rows, (np.zeros_like(starts), starts, length), span, np.flatnonzero(~good), _NO_RANGE)


def take_ipv6(texts: "pl.Series") -> "pl.DataFrame":
    """The same for ``ADDRESS/LENGTH`` texts of IPv6; ``span`` counts networks of length 64, at least one."""
    hi, lo, length, ok = parse_networks(texts)
    given_hi, given_lo, _ = parse_addresses(texts.str.splitn("/", 2).struct.field("field_0"))
    six = texts.str.contains(":", literal=True).fill_null(value=False).to_numpy()
    good = ok & six & (given_hi == hi) & (given_lo == lo)
    span = _ONE << np.clip(64 - length.astype(np.int64), 0, 63).astype(np.uint64)
    rows = np.flatnonzero(good)
    return _taken(rows, (hi[rows], lo[rows], length[rows]), span, np.flatnonzero(~good), _NO_NETWORK)


def _ipv4_ends(texts: "pl.Series") -> tuple[UInt64s, UInt64s, Bools]:
    """First and last address (mapped), and which texts have both."""
    ends = texts.str.splitn("-", 2).struct.unnest()
    left, right = ends.to_series(0).str.strip_chars(), ends.to_series(1).str.strip_chars()
    dotted = ~left.str.contains(":", literal=True).fill_null(value=True).to_numpy()
    slash = left.str.contains("/", literal=True).fill_null(value=False).to_numpy()
    two = right.is_not_null().to_numpy()
    _, first, ok = parse_addresses(left.str.splitn("/", 2).struct.field("field_0"))
    _, network, length, network_ok = parse_networks(left)
    last_hi, last, last_ok = parse_addresses(right)
    size = _ONE << (np.uint64(128) - np.clip(length, 96, 128).astype(np.uint64))
    last = np.where(two, last, network + size - _ONE)
    pair = two & last_ok & (last_hi == 0) & ~slash
    single = ~two & slash & network_ok & (network == first)
    return first, last, ok & dotted & (pair | single) & (first <= last) & (last >= _MAPPED)


def _split(first: UInt64s, last: UInt64s, rows: npt.NDArray[np.int64]) -> Iterator[tuple[int, int, int]]:
    """``(row, first address, size)`` of the fewest networks that make up each range."""
    for row in rows.tolist():
        start, end = int(first[row]), int(last[row])
        while start <= end:
            size = min(start & -start, 1 << ((end - start + 1).bit_length() - 1))
            yield row, start, size
            start += size


def _taken(
    rows: npt.NDArray[np.int64],
    networks: tuple[UInt64s, UInt64s, npt.NDArray[np.uint8]],
    span: UInt64s,
    bad: npt.NDArray[np.int64],
    reason: str,
) -> "pl.DataFrame":
    """The networks as rows, those that nobody answers for with the reason, and after them what is none at all."""
    import polars as pl

    hi, lo, length = networks
    four = (hi == 0) & (lo >= _MAPPED)
    wide = length < np.where(four, 96 + 8, 12)
    use = pl.Series(special_use(hi, lo)).cast(pl.UInt32)
    frame = pl.DataFrame(
        {"row": rows, "value": format_networks(hi, lo, length), "span": span[rows], "wide": wide, "use": use},
        schema_overrides={"row": pl.UInt32},
    ).with_columns(
        why=pl.when("wide").then(pl.lit(_TOO_WIDE)).when(pl.col("use") > 0).then(pl.lit(pl.Series(_USES)).gather("use"))
    )
    good = frame.select("row", pl.when(pl.col("why").is_null()).then("value").alias("value"), "span", "why")
    none = pl.DataFrame({"row": bad, "span": span[bad]}, schema_overrides={"row": pl.UInt32})
    return pl.concat([good, none.with_columns(value=pl.lit(None, pl.String), why=pl.lit(reason)).select(good.columns)])
