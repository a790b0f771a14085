"""Addresses: Python's own ``ipaddress`` is the oracle."""

import ipaddress

import numpy as np
import polars as pl
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tocsin.networks import (
    SPECIAL_USE,
    format_address,
    format_addresses,
    format_networks,
    network_bounds,
    parse_address,
    parse_addresses,
    parse_integer,
    parse_integers,
    parse_network,
    parse_networks,
    special_use,
)

MAPPED = 0xFFFF << 32
Address = ipaddress.IPv4Address | ipaddress.IPv6Address
addresses = st.one_of(
    st.ip_addresses(v=4),
    st.ip_addresses(v=6),
    st.integers(0, 2**34).map(ipaddress.IPv6Address),
    st.integers(0, 2**32 - 1).map(lambda low: ipaddress.IPv6Address(MAPPED | low)),
)
digits = st.text("0123456789abcdefABCDEF.:%/+-_ ٣", max_size=20)


def halves(address: Address) -> tuple[int, int]:
    number = int(address) | (MAPPED if address.version == 4 else 0)
    return number >> 64, number & (2**64 - 1)


def as_we_see_it(text: str) -> Address | None:
    """What the rules say of a text, by way of ``ipaddress``."""
    try:
        address = ipaddress.ip_address(text.strip(" \t\r\n\v\f"))
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv6Address):
        return None if address.scope_id is not None else (address.ipv4_mapped or address)
    return address


def columns(pairs: list[tuple[int, int]]) -> tuple[np.ndarray, np.ndarray]:
    return np.array([hi for hi, _ in pairs], dtype=np.uint64), np.array([lo for _, lo in pairs], dtype=np.uint64)


@given(st.lists(addresses))
def test_texts_come_back_as_ipaddress_writes_them(given_addresses: list[Address]) -> None:
    hi, lo, ok = parse_addresses(pl.Series([str(address) for address in given_addresses], dtype=pl.String))
    assert ok.all()
    expected = [getattr(address, "ipv4_mapped", None) or address for address in given_addresses]
    assert list(zip(hi.tolist(), lo.tolist(), strict=True)) == [halves(address) for address in expected]
    assert format_addresses(hi, lo).to_list() == [str(address) for address in expected]
    assert [format_address(*halves(address)) for address in expected] == [str(address) for address in expected]


@given(st.lists(st.one_of(digits, st.text(max_size=8), st.none())))
def test_any_text_is_read_exactly_when_ipaddress_reads_it(texts: list[str | None]) -> None:
    hi, lo, ok = parse_addresses(pl.Series(texts, dtype=pl.String))
    expected = [None if text is None else as_we_see_it(text) for text in texts]
    assert ok.tolist() == [address is not None for address in expected]
    whole = [halves(address) if address else (0, 0) for address in expected]
    assert list(zip(hi.tolist(), lo.tolist(), strict=True)) == whole
    assert [parse_address(text) for text in texts if text is not None] == [
        halves(address) if address else None for text, address in zip(texts, expected, strict=True) if text is not None
    ]


@pytest.mark.parametrize(
    "text",
    [
        "999.1.1.1", "1.2.3", "1.2.3.4.5", "1.2.3.04", "01.2.3.4", "1.2.3.4:80", "[2001:db8::1]", "fe80::1%eth0",
        "1.1.1.1%1", "::ffff:1.2.3.256", "::ffff:1.2.3.04", "1.2.3.4/32", "", " ", "1.2.3.+4", "1..2.3", "1\x00.2.3.4",
        "::1\x00", "0x1.2.3.4", "12345::", ":::", "1.2.3.-0", "\x1c1.2.3.4", "1.2.3.4\u00a0",
    ],
)  # fmt: skip
def test_what_is_no_address(text: str) -> None:
    assert not parse_addresses(pl.Series([text]))[2].any()
    assert parse_address(text) is None


def test_blanks_around_and_mapped_ipv6_mean_the_plain_ipv4_address() -> None:
    hi, lo, ok = parse_addresses(pl.Series([" 1.2.3.4\t", "::ffff:1.2.3.4", "::FFFF:102:304"]))
    assert ok.all()
    assert format_addresses(hi, lo).to_list() == ["1.2.3.4"] * 3


@given(st.lists(st.integers(-(2**20), 2**128 + 2**20)))
def test_integers_are_addresses(numbers: list[int]) -> None:
    hi, lo, ok = parse_integers(pl.Series([str(number) for number in numbers], dtype=pl.String))
    good = [0 <= number < 2**128 for number in numbers]
    assert ok.tolist() == good
    expected = [
        halves(ipaddress.ip_address(number) if number < 2**32 else ipaddress.IPv6Address(number)) if fits else None
        for number, fits in zip(numbers, good, strict=True)
    ]
    assert [pair for pair, fits in zip(zip(hi.tolist(), lo.tolist(), strict=True), good, strict=True) if fits] == [
        pair for pair in expected if pair
    ]
    assert [parse_integer(str(number)) for number in numbers] == expected


@given(st.lists(st.tuples(addresses, st.integers(0, 140))))
def test_networks_come_back_as_ipaddress_writes_them(pairs: list[tuple[Address, int]]) -> None:
    texts = [f"{address}/{length}" for address, length in pairs]
    hi, lo, length, ok = parse_networks(pl.Series(texts, dtype=pl.String))
    expected: list[str | None] = []
    for address, bits in pairs:
        mapped = getattr(address, "ipv4_mapped", None)
        if mapped:
            expected.append(str(ipaddress.ip_network((mapped, bits - 96), strict=False)) if 96 <= bits <= 128 else None)
        else:
            fits = bits <= address.max_prefixlen
            expected.append(str(ipaddress.ip_network((address, bits), strict=False)) if fits else None)
    assert ok.tolist() == [text is not None for text in expected]
    assert format_networks(hi[ok], lo[ok], length[ok]).to_list() == [text for text in expected if text]
    assert [str(network) if (network := parse_network(text)) else None for text in texts] == expected
    first_hi, first_lo, last_hi, last_lo = network_bounds(hi[ok], lo[ok], length[ok])
    for row, text in enumerate(text for text in expected if text):
        theirs = ipaddress.ip_network(text)
        assert (int(first_hi[row]), int(first_lo[row])) == halves(theirs.network_address)
        assert (int(last_hi[row]), int(last_lo[row])) == halves(theirs.broadcast_address)


@pytest.mark.parametrize(
    "text", ["1.2.3.0/33", "1.2.3.0/024", "1.2.3.0/", "1.2.3.0/+8", "1.2.3/24", "::/129", "/8", "a/8"]
)
def test_what_is_no_network(text: str) -> None:
    assert not parse_networks(pl.Series([text]))[3].any()
    assert parse_network(text) is None


def test_a_network_holds_its_own_family_only() -> None:
    everything = parse_network("::/0")
    private = parse_network("10.0.0.0/8")
    assert everything is not None
    assert private is not None
    assert everything.holds(0x2001 << 48, 1)
    assert not everything.holds(0, MAPPED | 1)
    assert private.holds(0, MAPPED | 0x0A010203)
    assert not private.holds(0, MAPPED | 0x0B010203)


@given(addresses, addresses, st.integers(0, 128))
@example(ipaddress.IPv6Address("::"), ipaddress.IPv4Address("192.0.2.1"), 0)
@example(ipaddress.IPv6Address("::"), ipaddress.IPv6Address("::1:0:0:0"), 0)
@example(ipaddress.IPv6Address("::"), ipaddress.IPv6Address("::1"), 80)
@example(ipaddress.IPv6Address("::fffe:0:0"), ipaddress.IPv4Address("192.0.2.1"), 95)
def test_what_a_network_holds_lies_in_its_ranges(first: Address, other: Address, length: int) -> None:
    own = as_we_see_it(str(first)) or first
    network = parse_network(str(ipaddress.ip_network((own, min(length, own.max_prefixlen)), strict=False)))
    assert network is not None
    inside = [r for r in network.ranges if r[:2] <= halves(other) <= r[2:]]

    assert len(inside) == network.holds(*halves(other))
    for first_hi, first_lo, last_hi, last_lo in network.ranges:
        assert first_hi == last_hi or (first_lo, last_lo) == (0, 2**64 - 1)


def test_special_uses() -> None:
    uses = {
        "8.8.8.8": "", "10.1.2.3": "private", "192.168.0.1": "private", "172.31.255.255": "private", "172.32.0.0": "",
        "127.0.0.1": "loopback", "203.0.113.7": "documentation", "224.0.0.1": "multicast", "0.0.0.1": "unspecified",
        "255.255.255.255": "broadcast", "100.64.0.1": "shared", "169.254.1.1": "link-local", "250.0.0.0": "reserved",
        "::1": "loopback", "::": "unspecified", "2001:db8::1": "documentation", "fe80::1": "link-local",
        "fd00::1": "private", "ff02::1": "multicast", "2001:4860::8888": "", "3fff::1": "documentation",
        "2001:20::1": "", "192.0.0.9": "", "192.0.0.8": "protocol",
    }  # fmt: skip
    hi, lo, _ = parse_addresses(pl.Series(list(uses)))
    assert [SPECIAL_USE[use] for use in special_use(hi, lo)] == list(uses.values())


def test_overlong_integers_are_none() -> None:
    texts = ["0" * 39, "0" * 40, "9" * 39, "9" * 5_000, "0" * 5_000, "", "1 2", "+1"]
    assert parse_integers(pl.Series(texts))[2].tolist() == [True] + [False] * 7
    assert [parse_integer(text) is not None for text in texts] == [True] + [False] * 7
