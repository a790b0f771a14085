"""A node whose text people work on by pages."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from fastapi import FastAPI

from support.console_users import Browser, browser_of
from support.world import World, make_world
from tocsin.drafting.draft import TextState
from tocsin.drafting.history import HistoryStep, replayed
from tocsin.drafting.store import load
from tocsin.node.accounts import AccountRole
from tocsin.server.server import make_application

SOURCE = """Code for warnings

1.\tPillars
a) Share warnings [early] with everybody.

· Aland, Government: Share warnings with everybody.

· Beland, Government: Support.

b) Keep logs for a year.

· Aland, Government: Keep logs for a month.
"""


@dataclass
class Room:
    """A node with one text, and its application."""

    world: World
    application: FastAPI

    @property
    def steps(self) -> tuple[HistoryStep, ...]:
        """The history of the text."""
        return load(self.world.node.database, "code").steps

    @property
    def draft(self) -> TextState:
        """The text as it is now."""
        return replayed(self.steps)


@pytest.fixture
def room(tmp_path: Path) -> Room:
    world = make_world(tmp_path)
    (tmp_path / "code.txt").write_text(SOURCE, encoding="utf-8")
    world.tocsin.run("drafting", "import", tmp_path / "code.txt")
    return Room(world, make_application(world.node, clock=lambda: world.now))


@pytest.fixture
def delegate(room: Room) -> Iterator[Browser]:
    with browser_of(room.application, room.world.node, AccountRole.DELEGATE, now=room.world.now) as browser:
        yield browser


@pytest.fixture
def administrator(room: Room) -> Iterator[Browser]:
    with browser_of(room.application, room.world.node, AccountRole.ADMINISTRATOR, now=room.world.now) as browser:
        yield browser
