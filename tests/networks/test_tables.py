"""The bundled tables, and what is told of an address."""

import hashlib
import ipaddress
import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.networks import (
    AsRegister,
    Networks,
    Ranges,
    country_names,
    flatten_ranges,
    format_networks,
    parse_addresses,
)
from tocsin.networks.addresses import masks
from tocsin.networks.bundle import DATA, pack
from tocsin.networks.tables import COUNTRY_CODES, AddressTable

MAPPED = 0xFFFF << 32


@pytest.fixture(scope="module")
def bundled(tmp_path_factory: pytest.TempPathFactory) -> Networks:
    return Networks.open(tmp_path_factory.mktemp("home"))


def test_well_known_addresses(bundled: Networks) -> None:
    known = {"8.8.8.8": (15169, "US"), "2001:4860:4860::8888": (15169, "US"), "193.0.6.139": (3333, "NL")}
    for answer in bundled.lookup(known):
        assert (answer.asn, answer.country) == known[answer.address]
        assert answer.as_name
        assert answer.prefix
        assert ipaddress.ip_address(answer.address) in ipaddress.ip_network(answer.prefix)


def test_special_addresses_belong_to_nobody(bundled: Networks) -> None:
    for answer in bundled.lookup(["10.0.0.1", "127.0.0.1", "::1", "fe80::1", "224.0.0.1"]):
        assert (answer.prefix, answer.asn, answer.as_name, answer.country) == (None, None, None, None)


@pytest.mark.parametrize("half", [300, 800])  # names are read one by one, or all at once
def test_a_batch_answers_as_single_lookups_do(bundled: Networks, half: int) -> None:
    random = np.random.default_rng(3)
    pieces = bundled.routes.pieces
    rows = random.integers(0, len(pieces.v6_hi), half)
    hi = np.append(pieces.v6_hi[rows], np.zeros(half, dtype=np.uint64))
    lo = np.append(pieces.v6_lo[rows], random.integers(0, 2**32, half, dtype=np.uint64) | np.uint64(MAPPED))
    frame = bundled.enrich(hi, lo)
    assert frame.schema == {"prefix": pl.String, "asn": pl.UInt32, "as_name": pl.String, "country": pl.String}
    texts = [f"{(int(a) << 64) | int(b)}" if a else str(int(b) & 0xFFFFFFFF) for a, b in zip(hi, lo, strict=True)]
    singles = [(one.prefix, one.asn, one.as_name, one.country) for one in bundled.lookup(texts)]
    assert frame.rows() == singles
    assert frame["asn"].null_count() < len(frame)
    assert bundled.enrich(hi, lo, prefix=False).equals(frame.drop("prefix"))


def test_an_empty_batch_is_fine(bundled: Networks) -> None:
    none = np.empty(0, dtype=np.uint64)
    assert bundled.enrich(none, none).height == 0


def test_the_one_known_overlap_is_told_and_the_narrower_range_believed(bundled: Networks) -> None:
    about = json.loads((DATA / "networks.json").read_text(encoding="utf-8"))
    overlaps = [line for source in about["sources"] for line in source["overlaps"]]
    assert [line["text"] for line in overlaps] == ["215.0.0.0 - 215.1.3.255"]
    before, inside = bundled.lookup(["214.255.255.255", "215.0.0.0"])
    assert (before.asn, inside.asn) == (749, 721)


def test_every_country_in_use_has_a_name(bundled: Networks) -> None:
    pieces = bundled.countries.pieces
    used = {COUNTRY_CODES[place] for place in np.unique(np.append(pieces.v4_values, pieces.v6_values)) if place >= 0}
    assert used <= set(country_names())


def test_country_codes_are_those_of_the_standard(shared_data: Path) -> None:
    listed = pl.read_csv(shared_data / "readiness" / "country-codes.csv", infer_schema=False)
    assert set(country_names()) == set(listed["ISO3166-1-Alpha-2"])


def test_the_bundle_is_what_its_description_says_and_packs_repeatably(bundled: Networks, tmp_path: Path) -> None:
    about = json.loads((DATA / "networks.json").read_text(encoding="utf-8"))
    assert hashlib.sha256((DATA / "networks.npz").read_bytes()).hexdigest() == about["sha256"]
    (tmp_path / "made").mkdir()
    bundled.save(tmp_path / "made")
    for name in ("one", "two"):
        pack(tmp_path / "made", tmp_path / name)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()
    with np.load(tmp_path / "one") as again, np.load(DATA / "networks.npz") as bundle:
        assert sorted(again.files) == sorted(bundle.files)
        assert all(np.array_equal(again[name], bundle[name]) for name in bundle.files)


def test_the_sources_are_credited() -> None:
    notice = (DATA / "NOTICE").read_text(encoding="utf-8")
    for holder in ("Route Views", "nro.net", "https://db-ip.com", "creativecommons.org/licenses/by/4.0"):
        assert holder in notice


@given(st.integers(0, 2000), st.integers(0, 2000), st.data(), st.sampled_from([0, 2**32 - 2500]))
def test_the_ipv4_prefix_is_the_largest_inside_the_range(first: int, more: int, data: st.DataObject, base: int) -> None:
    first += base
    last = min(first + more, 2**32 - 1)
    address = data.draw(st.integers(first, last))
    assert _prefix(MAPPED | first, MAPPED | last, MAPPED | address) == _largest(first, last, address, 32)


@given(st.integers(0, 2**128 - 1), st.integers(0, 2**70), st.data())
def test_the_ipv6_prefix_is_the_largest_inside_the_range(first: int, more: int, data: st.DataObject) -> None:
    last = min(first + more, 2**128 - 1)
    address = data.draw(st.integers(first, last).filter(lambda number: number >> 32 != 0xFFFF))
    if MAPPED <= first <= MAPPED | 0xFFFFFFFF or MAPPED <= last <= MAPPED | 0xFFFFFFFF:
        return
    assert _prefix(first, last, address) == _largest(first, last, address, 128)


def _prefix(first: int, last: int, address: int) -> str:
    def halves(number: int) -> tuple[np.ndarray, np.ndarray]:
        return np.array([number >> 64], dtype=np.uint64), np.array([number & (2**64 - 1)], dtype=np.uint64)

    none = np.empty(0, dtype=np.uint8)
    table = AddressTable(flatten_ranges(Ranges(*halves(first), *halves(last))), none, none)
    hi, lo = halves(address)
    _, length = table.find(hi, lo)
    mask_hi, mask_lo = masks(length)
    return str(format_networks(hi & mask_hi, lo & mask_lo, length).item())


def _largest(first: int, last: int, address: int, width: int) -> str:
    kind = ipaddress.IPv4Network if width == 32 else ipaddress.IPv6Network
    for length in range(width + 1):
        start = address >> (width - length) << (width - length)
        if first <= start and start + (1 << (width - length)) - 1 <= last:
            return str(kind((start, length)))
    raise AssertionError


def test_the_register_knows_names_and_countries_of_any_as_number() -> None:
    names = {1: "One", 1 << 20: "Edge", 4_200_000_000: "Öffentlich"}
    register = AsRegister.of(names, {5: "ZA", 7: "NG", 9: "ZA"})
    asked = np.array([1, 2, 1 << 20, (1 << 20) + 1, 4_200_000_000, 0xFFFFFFFF], dtype=np.uint32)
    assert register.name_column(asked).to_list() == ["One", None, "Edge", None, "Öffentlich", None]
    assert [register.name(int(number)) for number in asked] == ["One", None, "Edge", None, "Öffentlich", None]
    assert register.names() == names
    assert (register.country(5), register.country(6)) == ("ZA", None)
    assert register.countries_by_number() == {5: "ZA", 7: "NG", 9: "ZA"}


def test_a_table_without_names_gives_none(tmp_path: Path) -> None:
    register = AsRegister.of({}, {})
    register.save(tmp_path, "register")
    again = AsRegister.open(tmp_path, "register")
    assert again.name_column(np.array([5, 0xFFFFFFFF], dtype=np.uint32)).to_list() == [None, None]
    assert again.name(5) is None


def test_mapped_and_plain_ipv4_are_the_same_address(bundled: Networks) -> None:
    hi, lo, _ = parse_addresses(pl.Series(["8.8.8.8", "::ffff:8.8.8.8"]))
    assert bundled.enrich(hi, lo)["asn"].to_list() == [15169, 15169]
