"""RPSL objects are read as they are written, and numbers as networks that a team can answer for."""

import gzip
import ipaddress
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.directory.registry.rpsl.numbers import take_asns, take_ipv4, take_ipv6
from tocsin.directory.registry.rpsl.objects import RpslObject, read_objects
from tocsin.node.errors import InputError, NotFoundError

WANTED = {"organisation": {"organisation", "org-name", "abuse-c"}, "role": {"nic-hdl", "abuse-mailbox"}}


def read(path: Path) -> list[RpslObject]:
    return list(read_objects(path, WANTED))


def test_objects_with_all_their_quirks(tmp_path: Path) -> None:
    text = """% This is a registry
% with a header

organisation:   ORG-A1-TEST
org-name:       A name
                that goes on
+
+               and on  # but not this
REMARKS:        nothing
Abuse-C :       AR1-TEST # a comment

# a comment between objects

role:           Somebody
nic-hdl:        AR1-TEST
this line is nothing
abuse-mailbox:  abuse@isp.example

route:          192.0.2.0/24


lonely words

"""
    path = tmp_path / "dump"
    path.write_text(text.replace("\n", "\r\n"))

    organisation, role, route, nothing = read(path)
    assert (organisation.name, organisation.line) == ("organisation", 4)
    assert organisation.values == {
        "organisation": ["ORG-A1-TEST"],
        "org-name": ["A name that goes on and on"],
        "abuse-c": ["AR1-TEST"],
    }
    assert (role.line, role.broken) == (14, [(16, "this line is nothing")])
    assert role.all("abuse-mailbox") == ["abuse@isp.example"]
    assert (route.name, route.values) == ("route", {})
    assert (nothing.name, nothing.broken) == ("", [(22, "lonely words")])


@pytest.mark.parametrize("coding", ["utf-8", "latin-1"])
def test_utf8_and_latin1(coding: str, tmp_path: Path) -> None:
    path = tmp_path / "dump.gz"
    path.write_bytes(gzip.compress("organisation: ORG-É\norg-name: Réseau Ünïté\n".encode(coding)))
    (found,) = read(path)
    assert found.first("org-name") == "Réseau Ünïté"


def test_objects_at_the_ends_of_blocks(tmp_path: Path) -> None:
    count = 120_000  # several blocks
    path = tmp_path / "dump"
    path.write_text("".join(f"role: R{place}\nnic-hdl: R{place}-TEST\n\n" for place in range(count)))
    found = read(path)
    assert [one.first("nic-hdl") for one in found] == [f"R{place}-TEST" for place in range(count)]
    assert [one.line for one in found] == [3 * place + 1 for place in range(count)]


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"\0\1\2", "not plain text"),
        (gzip.compress(b"role: x\n", mtime=0)[:-6], "damaged"),
        (b"\x1f\x8bnothing", "damaged"),
    ],
)
def test_files_that_cannot_be_read(content: bytes, why: str, tmp_path: Path) -> None:
    path = tmp_path / "dump"
    path.write_bytes(content)
    with pytest.raises(InputError, match=why):
        read(path)
    with pytest.raises(InputError, match="folder"):
        read(tmp_path)
    with pytest.raises(NotFoundError):
        read(tmp_path / "none")


public = st.integers(int(ipaddress.ip_address("24.0.0.0")), int(ipaddress.ip_address("99.255.255.255")))


@given(public, st.integers(0, 1 << 18))
def test_a_range_is_the_fewest_networks(first: int, more: int) -> None:
    start, end = ipaddress.IPv4Address(first), ipaddress.IPv4Address(first + more)
    taken = take_ipv4(pl.Series([f"{start} - {end}"]))
    assert taken["why"].null_count() == len(taken)
    networks = sorted(map(ipaddress.IPv4Network, taken["value"].to_list()))
    assert networks == list(ipaddress.summarize_address_range(start, end))
    assert set(taken["span"]) == {more + 1}


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("10.0.0.0 - 10.0.0.255", "private"),
        ("192.0.2.0 - 192.0.2.255", "documentation"),
        ("0.0.0.0 - 255.255.255.255", "wider"),
        ("193.0.7.255 - 193.0.0.0", "not a range"),
        ("193.0.0.5/21", "not a range"),
        ("193.0.0.1", "not a range"),
        ("193.0/16", "not a range"),
        ("somewhere", "not a range"),
        ("2620:4f:8000::/48", "not a range"),
    ],
)
def test_ranges_that_nobody_answers_for(text: str, why: str) -> None:
    (row,) = take_ipv4(pl.Series([text])).rows(named=True)
    assert (row["value"], why in row["why"]) == (None, True)


@pytest.mark.parametrize(
    ("text", "value", "why"),
    [
        ("2620:4F:8000::/48", "2620:4f:8000::/48", None),
        ("2001:db8::/32", None, "documentation"),
        ("::/0", None, "wider"),
        ("2620:4f:8000::1/48", None, "not a network"),
        ("193.0.0.0/21", None, "not a network"),
        ("fc00::/16", None, "private"),
    ],
)
def test_networks_of_ipv6(text: str, value: str | None, why: str | None) -> None:
    (row,) = take_ipv6(pl.Series([text])).rows(named=True)
    assert (row["value"], bool(row["why"])) == (value, bool(why))
    assert (why or "") in (row["why"] or "")


@pytest.mark.parametrize(
    ("number", "source"),
    [
        (0, "7607"),
        (23456, "6793"),
        (64496, "5398"),
        (64511, "5398"),
        (64512, "6996"),
        (65534, "6996"),
        (65535, "7300"),
        (65536, "5398"),
        (65551, "5398"),
        (4200000000, "6996"),
        (4294967294, "6996"),
        (4294967295, "7300"),
        (1, None),
        (64495, None),
        (65552, None),
        (4199999999, None),
    ],
)
def test_reserved_as_numbers(number: int, source: str | None) -> None:
    (row,) = take_asns(pl.Series([f"as{number}"])).rows(named=True)
    assert row["value"] == (None if source else str(number))
    assert (source or "") in (row["why"] or "")


@pytest.mark.parametrize("text", ["3333", "AS", "AS4294967296", "AS1 AS2", "ASx", ""])
def test_what_is_no_as_number(text: str) -> None:
    (row,) = take_asns(pl.Series([text])).rows(named=True)
    assert (row["value"], row["why"]) == (None, "not an AS number such as AS3333")
