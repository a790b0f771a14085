"""What people paste means the same as what it stands for, however it was made harmless."""

from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network, summarize_address_range

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.node.errors import UsageError
from tocsin.sharing.lookup import FoundReference, ReferenceKind, Subject, resolve

_LABELS = st.from_regex(r"[a-z][a-z0-9]{0,10}", fullmatch=True)
_DOMAINS = st.lists(_LABELS, min_size=2, max_size=4).map(".".join)
_V6 = st.builds(IPv6Address, st.integers(2**48, 2**128 - 1))  # above those that stand for IPv4 addresses
_ADDRESSES = st.one_of(st.ip_addresses(v=4), _V6)
_DOTS = st.sampled_from(["[.]", "(.)", "{.}", "[dot]", "(DOT)", "."])
_AROUND = st.sampled_from(["{}", " {} ", "<{}>", '"{}"', "{},", "'{}';", "\t{}\r"])


def meaning(found: Subject | FoundReference) -> tuple[object, ...]:
    """All but the text itself."""
    assert isinstance(found, Subject)
    return found.address, found.network, found.asn, found.domain, found.country


@given(_DOMAINS, _DOTS, _AROUND, st.sampled_from(["", "http", "hxxp", "hXXps"]), st.booleans())
def test_a_domain_means_the_same_however_it_is_defanged(
    name: str, dot: str, around: str, scheme: str, port: bool
) -> None:
    written = name.replace(".", dot) + (":8080" if port else "") + ("/a?b=c" if scheme else "")
    written = around.format(f"{scheme}://{written}" if scheme else written)
    assert meaning(resolve(written)) == meaning(resolve(name))


@given(_ADDRESSES, _DOTS, _AROUND, st.booleans())
def test_an_address_means_the_same_with_a_port_and_defanged(
    address: IPv4Address | IPv6Address, dot: str, around: str, port: bool
) -> None:
    plain = str(address)
    written = plain.replace(".", dot)
    if port:
        written = f"[{written}]:443" if address.version == 6 else f"{written}:443"
    assert meaning(resolve(around.format(written))) == meaning(resolve(plain))


@given(_ADDRESSES, st.integers(0, 2**20), st.sampled_from(["-", " - ", " \N{EN DASH} "]))
def test_a_range_is_the_narrowest_network_around_it(first: IPv4Address | IPv6Address, more: int, dash: str) -> None:
    last = ip_address(min(int(first) + more, 2**first.max_prefixlen - 1).to_bytes(first.max_prefixlen // 8))
    found = resolve(f"{first}{dash}{last}")
    assert isinstance(found, Subject)
    assert found.network is not None
    network = ip_network(found.network)
    assert first in network
    assert last in network
    halves = [half for half in network.subnets() if first in half and last in half]
    assert halves in ([], [network])  # one address has no halves
    exact = list(summarize_address_range(first, last))
    assert len(exact) > 1 or exact == [network]


@given(_LABELS, _DOMAINS, st.sampled_from(["@", "(at)", "[@]", "[AT]"]), _DOTS)
def test_an_email_address_is_kept_beside_its_domain(user: str, name: str, at: str, dot: str) -> None:
    found = resolve(f"{user}{at}{name.replace('.', dot)}")
    assert isinstance(found, Subject)
    assert (found.mailbox, found.domain) == (f"{user}@{name}", name)


@given(st.integers(1, 2**32 - 1), st.sampled_from(["AS{}", "as {}", "ASN{}", "{}", "<AS{}>"]))
def test_an_as_is_its_number(number: int, written: str) -> None:
    assert meaning(resolve(written.format(number))) == (None, None, number, None, None)


@given(st.text(max_size=400))
def test_any_text_is_something_or_refused(text: str) -> None:
    try:
        found = resolve(text)
    except UsageError:
        return
    assert found.kind in ReferenceKind if isinstance(found, FoundReference) else any(meaning(found))


@pytest.mark.parametrize(
    ("typed", "kind", "value"),
    [
        ("cve-2026-12345,", ReferenceKind.CVE, "CVE-2026-12345"),
        ("0123456789ABCDEF", ReferenceKind.PROBLEM, "0123456789abcdef"),
        ("nhr-2026-0000001", ReferenceKind.HOTLINE, "NHR-2026-0000001"),
        ("ltr-0000012", ReferenceKind.DIGEST, "LTR-0000012"),
        ("toc 2026 0000123", ReferenceKind.DIGEST, "TOC-2026-0000123"),
        ("CVE\u20132026 12345", ReferenceKind.CVE, "CVE-2026-12345"),
        ("Harbour Telecom", ReferenceKind.NAME, "Harbour Telecom"),
        ("192.0.2.9-192.0.2", None, ""),
        ("192.0.2.9-192.0.2.1", None, ""),
    ],
)
def test_references_are_known_by_their_form(typed: str, kind: ReferenceKind | None, value: str) -> None:
    if kind is None:
        with pytest.raises(UsageError):
            resolve(typed)
    else:
        assert resolve(typed) == FoundReference(kind, value)


def test_a_user_in_a_url_is_no_email_address() -> None:
    found = resolve("https://somebody@example.org/")
    assert isinstance(found, Subject)
    assert (found.mailbox, found.domain) == ("", "example.org")


def test_an_international_name_is_its_letters_of_the_wire() -> None:
    assert meaning(resolve("hxxps://bücher[.]example/")) == meaning(resolve("xn--bcher-kva.example"))
