"""Observables in a text: found whatever they are written like, each once, and no line lost."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.cast import Tocsin
from tocsin.incidents import defang, extract_observables, refang

TEXTS = {
    "hxxps://evil[.]example[.]com/path?x=1": [("url", "https://evil.example.com/path?x=1")],
    "http://a(dot)example(dot)org/": [("url", "http://a.example.org/")],
    "hxxp[:]//login.Example.ORG/A.b": [("url", "http://login.example.org/A.b")],
    "(see http://example.org/a_(b)).": [("url", "http://example.org/a_(b)")],
    "http://192.0.2.7:8080/x": [("url", "http://192.0.2.7:8080/x")],
    "bank.example/login.php": [("url", "http://bank.example/login.php")],
    "192.0.2[.]44:8080, 192.0.2.44": [("ip", "192.0.2.44")],
    "[2001:DB8::2]:443 and 2001:db8::3": [("ip", "2001:db8::2"), ("ip", "2001:db8::3")],
    "198.51.100.0/24 of AS64500": [("asn", "64500"), ("network", "198.51.100.0/24")],
    "fraud(at)bank[.]example": [("email", "fraud@bank.example")],
    "mailto:joe@example.org": [("email", "joe@example.org")],
    "www.Example.COM.": [("domain", "www.example.com")],
    "bücher.example": [("domain", "xn--bcher-kva.example")],
    "SHA256:" + "aB" * 32: [("sha256", "ab" * 32)],
    "md5=D41D8CD98F00B204E9800998ECF8427E": [("md5", "d41d8cd98f00b204e9800998ecf8427e")],
    "cve-2024-3400!": [("cve", "CVE-2024-3400")],
    "C:\\Users\\x\\invoice.pdf.exe": [("filename", "invoice.pdf.exe")],
    "exa\u00admple\u200b.org": [("domain", "example.org")],
    "version 1.2, e.g. yes/no at 12:30, 10.3.2": [],
    "+230 5712 3456": [],
    "999.1.2.3 and 1.2.3.4.5": [],
}


@pytest.mark.parametrize("text", list(TEXTS))
def test_what_a_text_names_is_found_as_it_is_compared(text: str) -> None:
    assert [(one.kind.value, one.value) for one in extract_observables(text).found] == TEXTS[text]


def test_lines_in_which_nothing_was_found_are_named() -> None:
    found = extract_observables("Dear team,\n\n  192.0.2.1\nAddr ess 192.0. 2.2\nhttp://example.org 192.0.2.1\n")
    assert [(one.value, one.line) for one in found.found] == [("192.0.2.1", 3), ("http://example.org", 5)]
    assert found.junk == ((1, "Dear team,"), (4, "Addr ess 192.0. 2.2"))


@given(st.text(max_size=300))
def test_any_text_is_read_and_no_line_is_lost(text: str) -> None:
    found = extract_observables(text)
    lines = {number for number, line in enumerate(text.splitlines(), 1) if line.strip()}
    assert {one.line for one in found.found} <= lines
    assert {number for number, _ in found.junk} <= lines
    assert len({(one.kind, one.value) for one in found.found}) == len(found.found)


@given(
    st.sampled_from(["https://a.example.org/x.y", "192.0.2.4", "joe@example.org", "a.b.example.org", "2001:db8::1"]),
    st.sampled_from(["", " ", "\t- ", "IP: "]),
)
def test_what_is_shown_so_that_nobody_follows_it_is_read_as_what_it_was(value: str, before: str) -> None:
    shown = defang(value)
    assert "http://" not in shown
    assert refang(shown) == value
    assert [one.value for one in extract_observables(before + shown).found] == [value]


def test_a_command_finds_them_in_a_file_and_stores_nothing(tmp_path: Path) -> None:
    tocsin, text = Tocsin(tmp_path / "home", {}), tmp_path / "paste.txt"
    text.write_bytes(b"hxxp://evil[.]example/a\nnothing here\n\xff 192.0.2.9\n")
    code, out, _ = tocsin.call("--json", "observables", "extract", str(text))
    assert code == 0
    assert [json.loads(line) for line in out.splitlines()] == [
        {"kind": "url", "value": "http://evil.example/a", "line": 1},
        {"kind": "junk", "value": "nothing here", "line": 2},
        {"kind": "ip", "value": "192.0.2.9", "line": 3},
    ]
    assert "192.0.2.9" in tocsin.call("observables", "extract", str(text))[1]
    assert not (tmp_path / "home").exists()
    text.write_bytes(b"MZ\0\0")
    assert tocsin.call("observables", "extract", str(text))[0] == 2
    assert tocsin.call("observables", "extract", str(tmp_path / "none"))[0] == 2
