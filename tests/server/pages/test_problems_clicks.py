"""The commonest tasks with problems take few clicks; typing, and Enter in a field, are none."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from support.browser import Page, browser
from support.console_users import person, session_of
from support.world import World, copy_world, served
from tocsin.node.accounts import AccountRole
from tocsin.problems import ProblemSearch
from tocsin.server.security import COOKIE
from tocsin.server.server import make_application

OWN = "192.0.2.1"


@dataclass
class Hand:
    """What an analyst does in a browser, counted."""

    page: Page
    clicks: int = 0

    def click(self, selector: str) -> None:
        """Press something and wait for the page that it leads to."""
        self.clicks += 1
        self.page.lead(f"document.querySelector({selector!r}).click()")

    def enter(self, selector: str, text: str) -> None:
        """Type into a field and press Enter."""
        self.page.read(f"document.querySelector({selector!r}).value = {text!r}")
        self.page.lead(f"document.querySelector({selector!r}).form.requestSubmit()")

    @property
    def text(self) -> str:
        """What a reader sees."""
        return str(self.page.read("document.querySelector('main').innerText"))


@pytest.fixture
def world(fresh: Path, tmp_path: Path) -> World:
    """A node that notified the operator of two machines, and another team of a third."""
    world = copy_world(fresh, tmp_path)
    world.hear(OWN, "192.0.2.2", "192.0.2.200")
    world.tell()
    return world


@pytest.fixture
def hand(world: World) -> Iterator[Hand]:
    """An analyst in the place of problems, one click from Today (its entry of the navigation)."""
    application = make_application(world.node, clock=lambda: world.now)
    secret = session_of(world.node, person(world.node, AccountRole.ANALYST, now=world.now), now=world.now)
    with served(application) as port, browser() as page:
        page.command("Network.setCookie", name=COOKIE, value=secret, url=f"http://127.0.0.1:{port}")
        page.open(f"http://127.0.0.1:{port}/problems")
        yield Hand(page, clicks=1)


def test_a_team_says_on_the_phone_that_it_is_fixed_in_three_clicks(world: World, hand: Hand) -> None:
    hand.enter("#address", OWN)
    hand.click("tbody th a")
    hand.click('button[name="verdict"][value="fixed"]')
    assert "Answer recorded for 1 problem." in hand.text
    assert world.node.problems.find(ProblemSearch.read({"state": "fixed"}), now=world.now).total == 1
    assert hand.clicks <= 3


def test_all_open_problems_of_a_team_in_two_clicks(hand: Hand) -> None:
    hand.enter("#team", "Example Operator")
    assert "2 matches" in hand.text
    assert hand.clicks <= 2
