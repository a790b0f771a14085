"""Which tests stay together when several processes share them, and which folders come first.

A file stays in one process, so that what its module builds is built once; files that share more than that say so by
``pytestmark = pytest.mark.xdist_group(name)``. Folders that take long come first, so that no process waits at the end.
"""

import tomllib
from pathlib import Path

import pytest

SECONDS = Path(__file__).resolve().parents[1] / "seconds.toml"
"""Folder below ``tests`` → seconds that its tests took when it was written."""


def folder_of(nodeid: str) -> str:
    """The folder right below ``tests``; ``tests`` for what lies loose there."""
    parts = nodeid.partition("::")[0].split("/")
    return parts[1] if len(parts) > 2 else parts[0]


@pytest.hookimpl(tryfirst=True)  # before xdist reads the groups
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    seconds = tomllib.loads(SECONDS.read_text(encoding="utf-8"))
    items.sort(key=lambda item: -seconds.get(folder_of(item.nodeid), 0))
    for item in items:
        if item.get_closest_marker("xdist_group") is None:
            item.add_marker(pytest.mark.xdist_group(item.path.stem.removeprefix("test_") + "-" + item.path.parent.name))
