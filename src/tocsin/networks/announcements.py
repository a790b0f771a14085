"""How many addresses each AS announces, in which countries they lie, and by which networks."""

from collections.abc import Iterator
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, summarize_address_range
from typing import TYPE_CHECKING

import numpy as np

from tocsin.networks.intervals import NONE, Int32s, Int64s
from tocsin.networks.tables import COUNTRY_CODES, NO_AS, Networks

if TYPE_CHECKING:
    import polars as pl


def announced(networks: Networks) -> "pl.DataFrame":
    """A row for each AS and country that its networks lie in: ``asn``, ``country``, ``ipv4``, ``ipv6``, sorted.

    ``country`` is null where the tables do not know it. ``ipv4`` counts addresses, ``ipv6`` networks of /64; a column
    is null throughout where the table of routes knows nothing of that family.
    """
    import polars as pl

    four, six = networks.routes.families
    parts = [_ipv4(networks)] * four + [_ipv6(networks)] * six
    if not parts:
        schema = {"asn": pl.UInt32, "country": pl.String, "ipv4": pl.Int64, "ipv6": pl.Int64}
        return pl.DataFrame(schema=schema)
    sums = [
        pl.col(name).sum() if known else pl.lit(None, pl.Int64).alias(name)
        for name, known in (("ipv4", four), ("ipv6", six))
    ]
    return pl.concat(parts).group_by("asn", "country").agg(sums).sort("asn", "country")


def _ipv4(networks: Networks) -> "pl.DataFrame":
    routes, places = networks.routes.pieces, networks.countries.pieces
    cuts = np.union1d(routes.v4_starts, places.v4_starts)
    size = np.diff(np.append(cuts.astype(np.int64), 1 << 32))
    asn = np.asarray(routes.v4_values)[routes.pieces4(cuts)]
    return _rows(asn, _at(places.v4_values, places.pieces4(cuts)), ipv4=size, ipv6=np.zeros_like(size))


def _ipv6(networks: Networks) -> "pl.DataFrame":
    routes, places = networks.routes.pieces, networks.countries.pieces
    # By upper halves: what is cut finer than /64 counts for the AS and the country of the first address.
    cuts = np.union1d(routes.v6_hi, places.v6_hi)
    low = np.zeros_like(cuts)
    size = (np.append(cuts[1:], np.uint64(0)) - cuts).astype(np.int64)  # the last one wraps around, and is nobody's
    asn = np.asarray(routes.v6_values)[routes.pieces6(cuts, low)]
    return _rows(asn, _at(places.v6_values, places.pieces6(cuts, low)), ipv4=np.zeros_like(size), ipv6=size)


def _at(values: Int32s, place: Int64s) -> Int32s:
    """The values at these places; -1 throughout where a table knows nothing of the family."""
    return np.asarray(values)[place] if len(values) else np.full(len(place), NONE, dtype=np.int32)


def _rows(asn: Int32s, country: Int32s, *, ipv4: Int64s, ipv6: Int64s) -> "pl.DataFrame":
    import polars as pl

    codes = pl.Series([*COUNTRY_CODES, None], dtype=pl.String)
    place = np.where(country == NONE, len(COUNTRY_CODES), country).astype(np.uint32)
    columns = {"asn": asn.view(np.uint32), "country": codes.gather(pl.Series(place)), "ipv4": ipv4, "ipv6": ipv6}
    frame = pl.DataFrame(columns).filter(pl.col("asn") != NO_AS)
    return frame.group_by("asn", "country").agg(pl.col("ipv4", "ipv6").sum())


def networks_of(networks: Networks, asn: int) -> list[str]:
    """The networks that one AS announces, IPv4 first; where the table is of ranges, as few as make them up."""
    value = np.array([asn], dtype=np.uint32).view(np.int32)[0]
    found = [*sorted(set(_announced4(networks, value))), *sorted(set(_announced6(networks, value)))]
    return [str(network) for network in found]


def _announced4(networks: Networks, value: np.int32) -> Iterator[IPv4Network]:
    table, lengths = networks.routes.pieces, networks.routes.v4_lengths
    for row in np.flatnonzero(np.asarray(table.v4_values) == value).tolist():
        start = int(table.v4_starts[row])
        if len(lengths):
            yield IPv4Network((start, int(lengths[row]) - 96), strict=False)
            continue
        end = int(table.v4_starts[row + 1]) if row + 1 < len(table.v4_starts) else 1 << 32
        yield from summarize_address_range(IPv4Address(start), IPv4Address(end - 1))


def _announced6(networks: Networks, value: np.int32) -> Iterator[IPv6Network]:
    table, lengths = networks.routes.pieces, networks.routes.v6_lengths
    for row in np.flatnonzero(np.asarray(table.v6_values) == value).tolist():
        start = _whole(table.v6_hi[row], table.v6_lo[row])
        if len(lengths):
            yield IPv6Network((start, int(lengths[row])), strict=False)
            continue
        after = row + 1
        end = _whole(table.v6_hi[after], table.v6_lo[after]) if after < len(table.v6_hi) else 1 << 128
        yield from summarize_address_range(IPv6Address(start), IPv6Address(end - 1))


def _whole(hi: np.uint64, lo: np.uint64) -> int:
    return int(hi) << 64 | int(lo)
