"""Each value of the directory has one form, and what is not such a value is refused."""

import re
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.directory import canonical

GOOD = [
    (canonical.key, " CERT-MU ", "cert-mu"),
    (canonical.prefix, "192.0.2.0/24", "192.0.2.0/24"),
    (canonical.prefix, "192.0.2.1", "192.0.2.1/32"),
    (canonical.prefix, "2001:DB8:0::/32", "2001:db8::/32"),
    (canonical.prefix, "::ffff:192.0.2.0/120", "192.0.2.0/24"),
    (canonical.asn, "as64500", "64500"),
    (canonical.asn, "0064500", "64500"),
    (canonical.domain, "Example.ORG.", "example.org"),
    (canonical.domain, ".example.org", "example.org"),
    (canonical.domain, ".co.uk", ".co.uk"),
    (canonical.domain, "bücher.example.org", "xn--bcher-kva.example.org"),
    (canonical.country, "mu", "MU"),
    (canonical.mailbox, " Abuse+x@Example.ORG ", "Abuse+x@example.org"),
    (canonical.language, "pt-BR", "pt-BR"),
    (canonical.timezone, "Africa/Nairobi", "Africa/Nairobi"),
    (canonical.ceiling, "TLP:amber+strict", "AMBER+STRICT"),
]
BAD = [
    (canonical.key, "-x"),
    (canonical.key, "a b"),
    (canonical.line, "a\r\nBcc: x"),
    (canonical.line, "x" * 501),
    (canonical.name, "  "),
    (canonical.uuid, "1234"),
    (canonical.prefix, "192.0.2.0/33"),
    (canonical.prefix, "192.0.2.1/24"),
    (canonical.prefix, "999.1.1.1"),
    (canonical.prefix, "fe80::1%eth0"),
    (canonical.asn, "0"),
    (canonical.asn, "4294967296"),
    (canonical.asn, "AS-SET"),
    (canonical.asn, "²"),
    (canonical.domain, "org"),
    (canonical.domain, "co.uk"),
    (canonical.domain, ""),
    (canonical.domain, "a..example.org"),
    (canonical.domain, "192.0.2.1"),
    (canonical.domain, "x" * 64 + ".example.org"),
    (canonical.country, "MUS"),
    (canonical.country, "ÉÉ"),
    (canonical.mailbox, "Ana <ana@example.org>"),
    (canonical.mailbox, "ana@example.org, eve@example.org"),
    (canonical.mailbox, "ana"),
    (canonical.mailbox, "ana@"),
    (canonical.mailbox, "ana@example.org\nBcc: eve@example.org"),
    (canonical.language, "english"),
    (canonical.timezone, "Mars/Olympus"),
    (canonical.timezone, "../../etc/passwd"),
    (canonical.ceiling, "PURPLE"),
    (canonical.confidence, "-1"),
    (canonical.day, "01/02/2026"),
    (canonical.moment, "2026-12-31T10:00"),
    (canonical.flag, "yes"),
]


@pytest.mark.parametrize(("read", "text", "expected"), GOOD)
def test_values_come_to_one_form(read: Callable[[str], str], text: str, expected: str) -> None:
    assert read(text) == expected
    assert read(expected) == expected


NEAR = [
    (canonical.mailbox, "CERT <cert@example.org>", "a display name beside it; write 'cert@example.org' alone"),
    (canonical.mailbox, "cert@example.org (duty officer)", "a comment beside it; write 'cert@example.org' alone"),
    (canonical.mailbox, "mailto:cert@example.org", "write 'cert@example.org' alone"),
    (canonical.mailbox, "a@example.org, b@example.net", "there are 2; give each on its own"),
    (canonical.mailbox, '"a b"@example.org', "no name, comment or quotes"),
    (canonical.mailbox, "cert@ex\u0430mple.org", "mixes Cyrillic and Latin letters"),
    (canonical.domain, "ex\u0430mple.org", "mixes Cyrillic and Latin letters"),
    (canonical.domain, "xn--pple-43d.example.org", "mixes Cyrillic and Latin letters"),
    (canonical.domain, "g\u03bfv.example.org", "mixes Greek and Latin letters"),
    (canonical.domain, "\u0441\u043e\u0441\u043e.org", "looks like one of 'coco'; write xn--n1aahb if it is meant"),
]


@pytest.mark.parametrize(("read", "text", "why"), NEAR)
def test_what_is_nearly_right_says_what_is_wrong(read: Callable[[str], str], text: str, why: str) -> None:
    with pytest.raises(ValueError, match=re.escape(why)):
        read(text)


@pytest.mark.parametrize(
    "name",
    ["xn--n1aahb.org", "россия.рф", "日本語abc.example.org", "例え.example.org", "παράδειγμα.example.org"],
)
def test_names_in_one_script_or_in_scripts_that_are_written_together_are_taken(name: str) -> None:
    assert canonical.domain(name).isascii()


@pytest.mark.parametrize(("read", "text"), BAD)
def test_other_values_are_refused(read: Callable[[str], object], text: str) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        read(text)


@given(
    st.sampled_from([canonical.key, canonical.prefix, canonical.asn, canonical.domain, canonical.mailbox]), st.text()
)
def test_any_text_is_taken_in_one_form_or_refused(read: Callable[[str], str], text: str) -> None:
    try:
        found = read(text)
    except ValueError:
        return
    assert read(found) == found
    assert found.isprintable()
