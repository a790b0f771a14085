"""From columns of events to the nodes that match them: one array lookup per level, texts once per distinct value."""

from collections.abc import Callable, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import numpy.typing as npt

from tocsin.networks import IntervalTable, Network, parse_network
from tocsin.sharing.routing.table import Int32s, Int64s, RoutingTable, UInt64s

if TYPE_CHECKING:
    import polars as pl

Bools: TypeAlias = npt.NDArray[np.bool_]
Texts: TypeAlias = "pl.Series | list[str | None] | None"

MOST_SPANS = 1 << 24
_LONGEST_NAME = 253  # RFC 1035, section 3.1, without the final dot
# What IANA gives to a registry (RFC 7020): a wider network is nobody's, and must not call everybody.
_WIDEST_IPV4, _WIDEST_IPV6 = 96 + 8, 12


class Lookup:
    """Finds the most specific node of each kind, as its place among its kind from 1, or 0.

    A network that holds several prefix nodes has a place behind all of them; ``inside`` gives its nodes.
    """

    def __init__(self, compiled: RoutingTable) -> None:
        self._compiled = compiled
        self._spans: dict[tuple[int, ...], int] = {}
        self._nodes: list[tuple[int, ...]] = []

    def prefixes(self, hi: UInt64s, lo: UInt64s, has_address: Bools, network: Texts) -> Int32s:
        """The places for addresses, and for networks where there is no address."""
        found = np.where(has_address, self._compiled.prefixes.lookup(hi, lo) + np.int32(1), np.int32(0))
        rows = np.flatnonzero(~has_address)
        if network is not None and rows.size:
            chosen = [network[row] for row in rows.tolist()] if isinstance(network, list) else network.gather(rows)
            found[rows] = find_texts(chosen, len(rows), self._network)
        return found

    def asns(self, asn: Int64s) -> Int32s:
        """The places for AS numbers."""
        known = self._compiled.asns
        if not len(known):
            return np.zeros(len(asn), dtype=np.int32)
        place = np.minimum(known.searchsorted(asn), len(known) - 1)
        return np.where(known[place] == asn, place + 1, 0).astype(np.int32)

    def domains(self, hosts: Texts, count: int) -> Int32s:
        """The places of the longest domain that holds each host name."""
        return find_texts(hosts, count, self._domain)

    def countries(self, codes: Texts, count: int) -> Int32s:
        """The places for country codes."""
        return match_texts(codes, count, self._countries)

    def inside(self, place: int) -> tuple[int, ...]:
        """The prefix nodes that a place stands for; 0 among them for the part that no prefix holds."""
        span = place - len(self._compiled.prefix_hi) - 1
        return (place,) if span < 0 else self._nodes[span]

    @cached_property
    def _domains(self) -> dict[str, int]:
        return {name: place for place, name in enumerate(self._compiled.domains, 1)}

    @cached_property
    def _countries(self) -> dict[str, int]:
        return {code: place for place, code in enumerate(self._compiled.countries, 1)}

    def _domain(self, host: str) -> int:
        name = host.lower().removesuffix(".")
        if len(name) > _LONGEST_NAME:
            return 0
        if not name.isascii():
            try:
                name = name.encode("idna").decode("ascii")
            except UnicodeError:
                return 0
        known = self._domains
        while name:
            if place := known.get(name):
                return place
            name = name.partition(".")[2]
        return 0

    def _network(self, text: str) -> int:
        network = parse_network(text)
        if network is None or network.length < _widest(network):
            return 0
        nodes = tuple(_nodes_in(self._compiled.prefixes, network))
        if len(nodes) == 1:
            return nodes[0]
        if nodes not in self._spans:
            self._spans[nodes] = len(self._nodes)
            self._nodes.append(nodes)
        return len(self._compiled.prefix_hi) + 1 + self._spans[nodes]


def match_texts(texts: Texts, count: int, table: Mapping[str, int]) -> Int32s:
    """The number that ``table`` has for each of ``count`` texts, 0 for none."""
    if texts is None or not table:
        return np.zeros(count, dtype=np.int32)
    if isinstance(texts, list):
        return np.array([table.get(text, 0) if text else 0 for text in texts], dtype=np.int32)
    import polars as pl

    return texts.replace_strict(list(table), list(table.values()), default=0, return_dtype=pl.Int32).to_numpy()


def find_texts(texts: Texts, count: int, find: Callable[[str], int]) -> Int32s:
    """What ``find`` says of each of ``count`` texts, 0 for null; a column's distinct texts are asked once each."""
    if texts is None:
        return np.zeros(count, dtype=np.int32)
    if isinstance(texts, list):
        return np.array([find(text) if text else 0 for text in texts], dtype=np.int32)
    import polars as pl

    distinct = texts.unique().drop_nulls()
    found = np.array([find(text) for text in distinct.to_list()], dtype=np.int32)
    hits = np.flatnonzero(found)
    if not hits.size:
        return np.zeros(count, dtype=np.int32)
    return texts.replace_strict(distinct.gather(hits), found[hits], default=0, return_dtype=pl.Int32).to_numpy()


def _is_ipv4(network: Network) -> bool:
    return network.hi == 0 and network.lo >> 32 == 0xFFFF


def _widest(network: Network) -> int:
    return _WIDEST_IPV4 if _is_ipv4(network) else _WIDEST_IPV6


def _nodes_in(table: IntervalTable, network: Network) -> list[int]:
    """The most specific prefix nodes of all addresses of a network, 0 for none, ascending."""
    size = 128 - network.length
    low, high = (1 << min(size, 64)) - 1, (1 << max(size - 64, 0)) - 1
    hi = np.array([network.hi, network.hi | high], dtype=np.uint64)
    lo = np.array([network.lo, network.lo | low], dtype=np.uint64)
    if _is_ipv4(network):
        first, last = table.pieces4((lo & np.uint64(0xFFFF_FFFF)).astype(np.uint32)).tolist()
        values = table.v4_values
    else:
        first, last = table.pieces6(hi, lo).tolist()
        values = table.v6_values
    return [0] if first < 0 else [int(value) + 1 for value in np.unique(values[first : last + 1])]
