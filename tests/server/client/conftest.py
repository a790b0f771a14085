"""The same node and the same callers as the tests of the API have."""

from pathlib import Path

import pytest

from support.world import World, copy_world, make_world


@pytest.fixture(scope="session")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a node that has heard nothing."""
    return make_world(tmp_path_factory.mktemp("fresh")).folder


@pytest.fixture
def world(fresh: Path, tmp_path: Path) -> World:
    return copy_world(fresh, tmp_path)
