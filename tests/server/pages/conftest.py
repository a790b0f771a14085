"""One node with the fixed cast for all tests of this folder; each works on a copy of it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from support.page_checks import Gallery, gallery
from support.team_examples import furnish
from support.world import World, copy_world, make_world


@pytest.fixture(scope="session")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a node that has heard nothing."""
    return make_world(tmp_path_factory.mktemp("fresh")).folder


@pytest.fixture(scope="session")
def furnished(fresh: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same with a second source that differs, a claim and a registry's file; see `teams_world`."""
    return furnish(copy_world(fresh, tmp_path_factory.mktemp("furnished"))).folder


@pytest.fixture(scope="session")
def shown(fresh: Path, tmp_path_factory: pytest.TempPathFactory) -> World:
    """The node of the gallery."""
    return copy_world(fresh, tmp_path_factory.mktemp("gallery"))


@pytest.fixture(scope="session")
def rooms(shown: World) -> Iterator[Gallery]:
    """All pages, for tests that leave them as they are; their files are one group of `support.order`."""
    with shown.open, gallery(shown) as made:
        yield made
