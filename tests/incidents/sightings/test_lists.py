"""Warning lists in MISP's format: what is on one is said; what cannot be read or bounded is refused by its name."""

import json
from pathlib import Path

import pytest

from tocsin.incidents.sightings import add_warning_list, read_warning_lists, remove_warning_list, warnings_of
from tocsin.node.errors import NotFoundError, UsageError


def listed(folder: Path, kind: str, *entries: str, name: str = "A list") -> Path:
    path = folder / "list.json"
    path.write_text(json.dumps({"name": name, "version": 3, "type": kind, "list": entries, "description": "x"}))
    return path


@pytest.mark.parametrize(
    ("kind", "entry", "on_it", "not_on_it"),
    [
        ("string", "8.8.8.8", ("ip", "8.8.8.8"), ("ip", "8.8.8.80")),
        ("hostname", ".example.org", ("url", "http://www.example.org/x"), ("domain", "notexample.org")),
        ("hostname", "example.org", ("domain", "a.b.example.org"), ("domain", "example.org.test")),
        ("cidr", "10.0.0.0/8", ("ip", "10.1.2.3"), ("ip", "11.1.2.3")),
        ("cidr", "2001:db8::/32", ("network", "2001:db8:1::/48"), ("network", "2001::/16")),
        ("substring", "tracker", ("url", "http://a.example/TRACKER/1"), ("url", "http://a.example/track")),
        ("regex", "/^https?:\\/\\/cdn[0-9]+\\./i", ("url", "http://CDN12.example/"), ("url", "http://cdn.example/")),
    ],
)
def test_what_is_on_a_list_is_said(
    tmp_path: Path, kind: str, entry: str, on_it: tuple[str, str], not_on_it: tuple[str, str]
) -> None:
    add_warning_list(tmp_path, listed(tmp_path, kind, entry))
    assert warnings_of(tmp_path, [on_it, not_on_it]) == {on_it: ["A list"]}


@pytest.mark.parametrize(
    ("kind", "entry", "named"),
    [
        ("regex", "(?=a)b", "(?=a)b"),
        ("regex", "(a)\\1", "(a)\\1"),
        ("regex", "x" * 501, "xxx"),
        ("cidr", "10.0.0.0/33", "10.0.0.0/33"),
        ("sound", "bell", "sound"),
    ],
)
def test_what_cannot_be_used_is_refused_by_its_name(tmp_path: Path, kind: str, entry: str, named: str) -> None:
    with pytest.raises(UsageError) as refused:
        add_warning_list(tmp_path, listed(tmp_path, kind, entry))
    assert named in str(refused.value)
    assert read_warning_lists(tmp_path) == []


def test_a_file_that_is_no_list_is_refused_and_a_list_is_replaced_and_removed(tmp_path: Path) -> None:
    broken = tmp_path / "broken.json"
    for text in ("{", "[]", '{"name": "x", "list": []}', '{"name": "x", "list": [1]}'):
        broken.write_text(text)
        with pytest.raises(UsageError):
            add_warning_list(tmp_path, broken)
    for entries in (("8.8.8.8",), ("8.8.8.8", "9.9.9.9")):
        add_warning_list(tmp_path, listed(tmp_path, "string", *entries, name="Public DNS: v4"))
    (found,) = read_warning_lists(tmp_path)
    assert (found.file, found.version, found.entries) == ("public-dns-v4", 3, 2)
    for name in ("../list", "none"):
        with pytest.raises(NotFoundError):
            remove_warning_list(tmp_path, name)
    remove_warning_list(tmp_path, "public-dns-v4")
    assert warnings_of(tmp_path, [("ip", "8.8.8.8")]) == {}
