"""A node that told two teams of some problems and reads their replies."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from support.delivery_examples import Read
from support.reply_examples import OPERATOR, SECTOR, SETTINGS
from support.world import World, copy_world, make_world
from tocsin.problems.replies import MailContext, open_context


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Read]]:
    """A node that told two teams of some problems, and the mails."""
    world = make_world(tmp_path_factory.mktemp("told"), SETTINGS)
    world.hear("192.0.2.1", "192.0.2.2", "192.0.2.3", "192.0.2.200")
    return world.folder, world.tell()


@pytest.fixture
def world(told: tuple[Path, dict[str, Read]], tmp_path: Path) -> Iterator[World]:
    made = copy_world(told[0], tmp_path / "copy")
    yield made.at(0.1)
    made.node.database.close()


@pytest.fixture
def desk(world: World) -> MailContext:
    return open_context(world.node, world.node.store)


@pytest.fixture
def digest(told: tuple[Path, dict[str, Read]]) -> Read:
    """What the operator was told."""
    return told[1][OPERATOR]


@pytest.fixture
def other(told: tuple[Path, dict[str, Read]]) -> Read:
    """What the sector team was told."""
    return told[1][SECTOR]
