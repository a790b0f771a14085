"""Where this node connects on a stranger's word: only to addresses of the internet, also behind a translation."""

from ipaddress import IPv4Address
from pathlib import Path

import pytest

import tocsin
from tocsin.networks import is_public

INSIDE = (
    "127.0.0.1",
    "10.1.2.3",
    "169.254.169.254",
    "192.168.0.1",
    "100.64.0.1",
    "224.0.0.1",
    "192.0.0.8",
    str(IPv4Address(0)),
)  # connections to the last reach this machine
OUTSIDE = "8.8.8.8"


@pytest.mark.parametrize("inner", INSIDE)
@pytest.mark.parametrize(
    "around",
    ["{}", "::ffff:{}", "::{}", "::ffff:0:{}", "64:ff9b::{}", "64:ff9b:1::{}"],
    ids=["plain", "mapped", "compatible", "stateless", "nat64", "local-nat64"],
)
def test_an_address_from_inside_is_seen_in_each_way_to_write_it(around: str, inner: str) -> None:
    assert not is_public(around.format(inner))


@pytest.mark.parametrize(
    "address", ["::1", "fe80::1", "fe80::1%eth0", "fd00::1", "fec0::1", "2002:7f00:1::", "ff0e::1"]
)
def test_addresses_of_ipv6_that_are_none_of_the_internet(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", [OUTSIDE, "2001:4860:4860::8888", f"64:ff9b::{OUTSIDE}"])
def test_addresses_of_the_internet_also_as_dns64_gives_them(address: str) -> None:
    assert is_public(address)


def test_one_function_judges_it() -> None:
    asks = {path.name for path in Path(tocsin.__file__).parent.rglob("*.py") if ".is_global" in path.read_text("utf-8")}
    assert asks == {"public.py"}
