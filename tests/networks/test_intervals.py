"""Interval tables: whatever the networks or ranges, the answer is the naive one."""

from pathlib import Path

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tocsin.networks import IntervalTable, Network, Ranges, flatten_cover, flatten_ranges, overlay, parse_network
from tocsin.networks.intervals import overlapping

MAPPED = 0xFFFF << 32
# Few distinct bits, at both ends and in both halves: so that networks nest, touch and repeat.
_V4 = st.tuples(st.sampled_from([0, 0x0A000000, 0x0A000800, 0x0A000801, 0xFFFFFF00, 0xFFFFFFFF]), st.integers(0, 32))
_V6_STARTS = [0, 1, 1 << 64, (1 << 64) + 5, (2**64 - 1) << 64, 2**128 - 1, 0x2001 << 112, (0x2001 << 112) + (1 << 63)]
_V6 = st.tuples(st.sampled_from(_V6_STARTS), st.integers(0, 128))
networks = st.lists(
    st.one_of(
        _V4.map(lambda pair: _network(MAPPED | pair[0], pair[1] + 96)), _V6.map(lambda pair: _network(*pair))
    ).filter(lambda network: network.length >= 96 or network.hi or network.lo >> 32 != 0xFFFF),
    max_size=25,
)


def _network(number: int, length: int) -> Network:
    number &= (2**128 - 1) ^ ((1 << (128 - length)) - 1)
    return Network(number >> 64, number & (2**64 - 1), length)


def arrays(items: list[Network]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    return (
        np.array([item.hi for item in items], dtype=np.uint64),
        np.array([item.lo for item in items], dtype=np.uint64),
        np.array([item.length for item in items], dtype=np.uint8),
    )


def probes(items: list[Network]) -> list[tuple[int, int]]:
    """The addresses where an answer can change: first, last, and their neighbours."""
    found = {(0, MAPPED), (0, MAPPED | 0xFFFFFFFF), (0, 0), (2**64 - 1, 2**64 - 1)}
    for item in items:
        for hi, lo in ((item.hi, item.lo), item.last):
            for step in (-1, 0, 1):
                number = ((hi << 64) + lo + step) % 2**128
                found.add((number >> 64, number & (2**64 - 1)))
    return sorted(found)


def pair_arrays(pairs: list[tuple[int, int]]) -> tuple[np.ndarray, np.ndarray]:
    return np.array([hi for hi, _ in pairs], dtype=np.uint64), np.array([lo for _, lo in pairs], dtype=np.uint64)


def naive(items: list[Network], hi: int, lo: int) -> list[int]:
    """The places of all networks that hold the address, longest first, of equals the later first."""
    holding = [place for place, item in enumerate(items) if item.holds(hi, lo)]
    return sorted(holding, key=lambda place: (-items[place].length, -place))


@given(networks)
def test_the_answer_is_the_longest_match_and_parents_lead_to_all_others(items: list[Network]) -> None:
    cover = flatten_cover(*arrays(items))
    where = probes(items)
    for (hi, lo), place in zip(where, cover.table.lookup(*pair_arrays(where)).tolist(), strict=True):
        assert cover.table.get(hi, lo) == place
        walk = []
        while place != -1:
            walk.append(place)
            place = int(cover.parent[place])  # noqa: PLW2901
        assert walk == naive(items, hi, lo)


@given(networks)
def test_the_pieces_are_disjoint_and_sorted_and_begin_at_zero(items: list[Network]) -> None:
    table = flatten_cover(*arrays(items)).table
    starts = table.v4_starts.tolist()
    assert starts == sorted(set(starts))
    six = list(zip(table.v6_hi.tolist(), table.v6_lo.tolist(), strict=True))
    assert six == sorted(set(six))
    assert starts[:1] in ([], [0])
    assert six[:1] in ([], [(0, 0)])


@given(st.lists(st.tuples(st.integers(0, 300), st.integers(0, 40)), max_size=25), st.booleans())
def test_of_overlapping_ranges_the_narrowest_answers(spans: list[tuple[int, int]], four: bool) -> None:
    base = MAPPED if four else (1 << 64) - 150  # IPv6: across the border of the halves
    pairs = [(base + first, base + first + more) for first, more in spans]
    first_hi, first_lo = pair_arrays([(first >> 64, first & (2**64 - 1)) for first, _ in pairs])
    last_hi, last_lo = pair_arrays([(last >> 64, last & (2**64 - 1)) for _, last in pairs])
    ranges = Ranges(first_hi, first_lo, last_hi, last_lo)
    table = flatten_ranges(ranges)
    where = [base + step for step in range(345)]
    expected = []
    for address in where:
        holding = [place for place, (first, last) in enumerate(pairs) if first <= address <= last]
        expected.append(min(holding, key=lambda place: (pairs[place][1] - pairs[place][0], -place), default=-1))
    found = table.lookup(*pair_arrays([(address >> 64, address & (2**64 - 1)) for address in where]))
    assert found.tolist() == expected
    order = sorted(range(len(pairs)), key=lambda place: (pairs[place][0], place))
    late = [
        place for at, place in enumerate(order) if any(pairs[before][1] >= pairs[place][0] for before in order[:at])
    ]
    assert overlapping(ranges).tolist() == sorted(late)


@given(networks, networks)
def test_an_overlay_answers_from_above_first(below: list[Network], above: list[Network]) -> None:
    low = IntervalTable.from_networks(*arrays(below), np.arange(len(below), dtype=np.int32))
    high = IntervalTable.from_networks(*arrays(above), np.arange(100, 100 + len(above), dtype=np.int32))
    both = overlay(low, high)
    hi, lo = pair_arrays(probes(below + above))
    top = high.lookup(hi, lo)
    assert both.lookup(hi, lo).tolist() == np.where(top == -1, low.lookup(hi, lo), top).tolist()


def test_large_batches_answer_as_single_lookups_do(tmp_path: Path) -> None:
    random = np.random.default_rng(7)
    length = random.integers(104, 129, 3_000).astype(np.uint8)
    lo = np.uint64(MAPPED) | (random.integers(0, 2**32, 3_000, dtype=np.uint64) & np.uint64(0xFF0FFFFF))
    hi = np.zeros(3_000, dtype=np.uint64)
    table = IntervalTable.from_networks(hi, lo, length, np.arange(3_000, dtype=np.int32))
    asked = np.concatenate([lo, lo + np.uint64(1), lo - np.uint64(1), lo ^ np.uint64(0xFFF)]).repeat(4)
    zero = np.zeros(len(asked), dtype=np.uint64)
    singles = [table.get(0, int(address)) for address in asked[::4]]
    assert table.lookup(zero, asked)[::4].tolist() == singles
    table.save(tmp_path, "t")
    assert IntervalTable.open(tmp_path, "t").lookup(zero, asked)[::4].tolist() == singles


def test_an_empty_table_knows_nothing() -> None:
    table = IntervalTable.from_networks(*arrays([]), np.empty(0, dtype=np.int32))
    assert table.lookup(*pair_arrays([(0, MAPPED), (5, 5)])).tolist() == [-1, -1]
    assert table.get(0, MAPPED) == -1
    one = parse_network("10.0.0.0/8")
    assert one is not None
    only4 = IntervalTable.from_networks(*arrays([one]), np.array([5], dtype=np.int32))
    assert only4.lookup(*pair_arrays([(0, MAPPED | 0x0A000001), (5, 5)])).tolist() == [5, -1]
