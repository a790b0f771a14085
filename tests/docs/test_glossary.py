"""What the glossary and the map of the house name is there, and the map has every place."""

import ast
import re
from pathlib import Path

_ROW = re.compile(r"^\| .+ \| .+ \| (.*) \|$", re.MULTILINE)
_CLASS = re.compile(r"`(\w+)` in `([\w/]+\.py)`")
_FILE = re.compile(r"`([\w/]+(?:\.py|/))`")


def test_what_stands_for_each_word_is_where_the_glossary_says(root: Path, pages: dict[str, str]) -> None:
    source = root / "src" / "tocsin"
    rows = _ROW.findall(pages["docs/glossary.md"])
    named = {found for row in rows for found in _CLASS.findall(row)}
    files = {found for row in rows for found in _FILE.findall(row)}
    assert len(named) > 50
    assert {file for file in files if not (source / file).exists()} == set()
    assert {(name, file) for name, file in named if name not in _classes(source / file)} == set()


def test_no_word_stands_twice(pages: dict[str, str]) -> None:
    words = [word.strip() for word in re.findall(r"^\| ([^|]+) \|", pages["docs/glossary.md"], re.MULTILINE)]
    words = [word for word in words if word != "word" and not word.startswith("-")]
    assert len(words) == len(set(words))


def test_the_map_has_every_place_and_what_it_names_in_it_is_there(root: Path, pages: dict[str, str]) -> None:
    source = root / "src" / "tocsin"
    tour = pages["docs/develop.md"].partition("\n## A tour")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| ((?:`\w+/` ?)+)\| (.+) \|$", tour, re.MULTILINE)
    places = {place: what for names, what in rows for place in re.findall(r"`(\w+)/`", names)}
    assert set(places) == {path.name for path in source.iterdir() if (path / "__init__.py").is_file()}
    for place, what in places.items():
        named = re.findall(r"`([\w/]+?)/?`", what) if place not in {"readiness", "drafting"} else []
        there = {path.relative_to(source / place).with_suffix("").as_posix() for path in (source / place).rglob("*")}
        assert set(named) <= there, place


def _classes(file: Path) -> set[str]:
    return {node.name for node in ast.parse(file.read_text(encoding="utf-8")).body if isinstance(node, ast.ClassDef)}
