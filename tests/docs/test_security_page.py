"""The page on security names only tests that there are, and counts what its tables say."""

import re
from collections import Counter
from pathlib import Path

_ROOT = Path(__file__).resolve().parents[2]
_NAMED = re.compile(r"`((?:[a-z_]+/)*test_\w+\.py)(?:::(test_\w+))?`")
_POINT = re.compile(r"^\| (\d+\.(?:\d+\.)?[\dx]+) \| ([^|]+) \| ([^|]+) \|", re.MULTILINE)
_SUM = re.compile(
    r"Of its (\d+) points of\s+levels 1 and 2, (\d+) are met, (\d+) in part, (\d+) not, (\d+) was not measured, "
    r"and (\d+) do\s+not\s+apply"
)
_MET = ("yes", "partly", "no", "not measured", "n/a")
# How many points of levels 1 and 2 each section of OWASP ASVS 5.0.0 has.
_SECTIONS = {
    "1.1": 2, "1.2": 9, "1.3": 11, "1.4": 3, "1.5": 2, "2.1": 3, "2.2": 3, "2.3": 4, "2.4": 1, "3.2": 2, "3.3": 4,
    "3.4": 6, "3.5": 5, "3.7": 2, "4.1": 3, "4.2": 1, "4.3": 2, "4.4": 4, "5.1": 1, "5.2": 3, "5.3": 2, "5.4": 3,
    "6.1": 3, "6.2": 12, "6.3": 4, "6.4": 4, "6.5": 5, "6.6": 3, "6.8": 4, "7.1": 3, "7.2": 4, "7.3": 2, "7.4": 5,
    "7.5": 2, "7.6": 2, "8.1": 2, "8.2": 3, "8.3": 1, "8.4": 1, "9.1": 3, "9.2": 4, "10.1": 2, "10.2": 2, "10.3": 4,
    "10.4": 11, "10.5": 5, "10.6": 2, "10.7": 3, "11.1": 2, "11.2": 3, "11.3": 3, "11.4": 4, "11.5": 1, "11.6": 1,
    "12.1": 3, "12.2": 2, "12.3": 4, "13.1": 1, "13.2": 5, "13.3": 2, "13.4": 5, "14.1": 2, "14.2": 4, "14.3": 3,
    "15.1": 3, "15.2": 3, "15.3": 7, "16.1": 1, "16.2": 5, "16.3": 4, "16.4": 3, "16.5": 3, "17": 7,
}  # fmt: skip


def test_each_test_that_the_page_names_is_there() -> None:
    named = _NAMED.findall(_page())
    assert len(named) > 100
    missing = [(file, name) for file, name in named if f"def {name}" not in _text(file)]
    assert missing == []


def test_every_point_of_levels_1_and_2_is_there_once_and_counted() -> None:
    points = [(number, met, _number_of(number, said)) for number, said, met in _POINT.findall(_page())]
    sections: Counter[str] = Counter()
    for number, _, many in points:
        sections[number.rpartition(".")[0]] += many
    assert sections == _SECTIONS
    assert len({number for number, _, _ in points}) == len(points)
    counted = [sum(many for _, met, many in points if met == word) for word in _MET]
    said = _SUM.search(_page())
    assert said
    assert [int(number) for number in said.groups()] == [sum(_SECTIONS.values()), *counted]


def test_what_is_not_met_is_said_before_the_tables() -> None:
    said = re.search(r"\*\*Not met, or in part:\*\* ([\d., ]+)\.\n", _page())
    assert said
    assert said[1].split(", ") == [number for number, _, met in _POINT.findall(_page()) if met not in {"yes", "n/a"}]


def _number_of(number: str, said: str) -> int:
    """How many points a row stands for."""
    found = re.search(r"\((\d+) points?\)|all points \((\d+)\)", said)
    return int(found[1] or found[2]) if found and number.endswith("x") else 1


def _page() -> str:
    return (_ROOT / "docs" / "security.md").read_text(encoding="utf-8")


def _text(file: str) -> str:
    path = _ROOT / "tests" / file
    return path.read_text(encoding="utf-8") + "def \n" if path.exists() else ""
