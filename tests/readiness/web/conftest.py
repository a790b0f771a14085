"""A node on which nothing was assessed yet."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from support.world import World, copy_world, make_world


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a node that has heard nothing."""
    return make_world(tmp_path_factory.mktemp("fresh")).folder


@pytest.fixture
def world(fresh: Path, tmp_path: Path) -> Iterator[World]:
    """A copy of it."""
    made = copy_world(fresh, tmp_path)
    with made.open:
        yield made
