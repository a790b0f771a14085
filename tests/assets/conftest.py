"""A node whose register of critical assets is on."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from support.assets import Keeper, make_register
from support.world import World, copy_world


@pytest.fixture(scope="session")
def register_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    world = make_register(tmp_path_factory.mktemp("register"))
    world.node.database.close()
    return world.folder


@pytest.fixture
def world(register_home: Path, tmp_path: Path) -> Iterator[World]:
    made = copy_world(register_home, tmp_path)
    with made.open:
        yield made


@pytest.fixture
def keeper(world: World) -> Keeper:
    return Keeper(world)
