"""Nodes that exchange, made once in a process of tests; each test has a copy."""

from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path

import pytest

from support.exchange_examples import peer
from support.https_fixtures import certificate, server
from support.ledger_examples import meet, meet_peer
from support.world import World, copy_world, make_world

__all__ = ("certificate", "server")


@pytest.fixture(scope="session")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A node without a key."""
    return _left(make_world(tmp_path_factory.mktemp("fresh")))


@pytest.fixture(scope="session")
def met(fresh: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Two nodes, A and B, that know each other."""
    folder = tmp_path_factory.mktemp("met")
    one, other = meet(copy_world(fresh, folder / "one"), copy_world(fresh, folder / "other"))
    return _left(one), _left(other)


@pytest.fixture(scope="session")
def known(fresh: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A node that knows ``peer(3)``, as Peer."""
    return _left(meet_peer(copy_world(fresh, tmp_path_factory.mktemp("known")), peer(3)))


@pytest.fixture
def world(known: Path, tmp_path: Path) -> Iterator[World]:
    """A node that knows ``peer(3)``, as Peer."""
    with ExitStack() as open_:
        yield _copy(known, tmp_path / "one", open_)


@pytest.fixture
def alone(fresh: Path, tmp_path: Path) -> Iterator[World]:
    """A node without a key."""
    made = copy_world(fresh, tmp_path / "one")
    with made.open:
        yield made


@pytest.fixture
def pair(met: tuple[Path, Path], tmp_path: Path) -> Iterator[tuple[World, World]]:
    """Two nodes, A and B, that know each other."""
    with ExitStack() as open_:
        one, other = (_copy(of, tmp_path / name, open_) for of, name in zip(met, ("one", "other"), strict=True))
        yield one, other


def _left(world: World) -> Path:
    world.node.database.close()
    return world.folder


def _copy(of: Path, to: Path, open_: ExitStack) -> World:
    made = copy_world(of, to)
    open_.enter_context(made.open)
    made.now = datetime.now(UTC)  # its keys are made by then
    return made
