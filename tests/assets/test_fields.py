"""Lines as people write them are read, and written as they can be read again; what is wrong names its line."""

import pytest

from tocsin.assets.register import CONTACT, as_lines
from tocsin.assets.register.fields import numbers_by_name, read_contacts, read_identifiers, read_needs
from tocsin.node.errors import InputError


def test_identifiers() -> None:
    text = "192.0.2.0/24\n 2001:DB8::1 \n\nAS64500\nPay.Example.\n.mu\ncpe:2.3:o:Acme:x:1\npkg:npm/left-pad@1\nAS64500"
    found = read_identifiers(text)
    assert [(one["kind"], one["value"]) for one in found] == [
        ("network", "192.0.2.0/24"), ("network", "2001:db8::1/128"), ("asn", "64500"), ("domain", "pay.example"),
        ("domain", ".mu"), ("cpe", "cpe:2.3:o:acme:x:1"), ("purl", "pkg:npm/left-pad@1"),
    ]  # fmt: skip


@pytest.mark.parametrize("line", ["192.0.2.1/24", "AS0", "no such host", "1.2.3.4.5"])
def test_what_is_no_identifier_names_its_line(line: str) -> None:
    with pytest.raises(InputError, match="Line 2 was not understood"):
        read_identifiers(f"AS64500\n{line}")


def test_contacts_in_order() -> None:
    text = "Ada; +230 1; ada@x.example; nights; en\nDesk"
    assert as_lines(read_contacts(text), CONTACT) == text
    with pytest.raises(InputError, match="Line 1"):
        read_contacts("; +230 1")
    with pytest.raises(InputError, match="Line 1"):
        read_contacts("a;b;c;d;e;f")


def test_needs_name_one_asset() -> None:
    numbers = numbers_by_name([(1, "Power"), (2, "Water"), (3, "water")])
    assert read_needs("power; electricity; 2019\n#3", numbers) == [
        {"on": 1, "kind": "electricity", "since": "2019"}, {"on": 3, "kind": "", "since": ""},
    ]  # fmt: skip
    for line, why in (("Water", "Several"), ("Gas", "no such"), ("#9", "no such"), ("#-1", "no such")):
        with pytest.raises(InputError, match=why):
            read_needs(line, numbers)
