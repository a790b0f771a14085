"""A node whose mailbox is read, and an incident with parties."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from support.incident_mails import SETTINGS, Case, make_case
from support.world import World, copy_world, make_world


@pytest.fixture(scope="package")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A node that heard nothing."""
    return make_world(tmp_path_factory.mktemp("incident-mails"), SETTINGS).folder


@pytest.fixture
def world(made: Path, tmp_path: Path) -> Iterator[World]:
    world = copy_world(made, tmp_path / "copy")
    yield world
    world.node.database.close()


@pytest.fixture
def case(world: World) -> Case:
    """An incident with a hospital and its network operator."""
    return make_case(world, {"Hospital": "it@hospital.example", "Operator": "noc@isp.example"})
