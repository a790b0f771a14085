"""The page on security names only tests that there are."""

import re
from pathlib import Path

_ROOT = Path(__file__).resolve().parents[2]
_NAMED = re.compile(r"`((?:[a-z_]+/)*test_\w+\.py)(?:::(test_\w+))?`")


def test_each_test_that_the_page_names_is_there() -> None:
    named = _NAMED.findall((_ROOT / "docs" / "security.md").read_text(encoding="utf-8"))
    assert len(named) > 100
    missing = [(file, name) for file, name in named if f"def {name}" not in _text(file)]
    assert missing == []


def _text(file: str) -> str:
    path = _ROOT / "tests" / file
    return path.read_text(encoding="utf-8") + "def \n" if path.exists() else ""
