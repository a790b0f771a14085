"""From an item on Today to its end: how many clicks that takes (typing does not count), in a real browser."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.browser import browser
from support.console_users import person, session_of
from support.form_filling import CountingHand
from support.page_checks import misfits, violations
from support.world import START, World, copy_world, served
from tocsin.node.accounts import AccountRole
from tocsin.pipeline.tables import ItemKind
from tocsin.server.pages.today.figures import today
from tocsin.server.security import COOKIE
from tocsin.server.server import make_application


@pytest.fixture
def world(fresh: Path, tmp_path: Path) -> World:
    return copy_world(fresh, tmp_path)


@pytest.fixture
def hand(world: World) -> Iterator[CountingHand]:
    """An analyst on Today; one event has no contact, another is withheld."""
    world.hear("198.51.100.7", "203.0.113.9")
    world.at(0.01).tell()
    application = make_application(world.node, clock=lambda: world.now)
    secret = session_of(world.node, person(world.node, AccountRole.ANALYST, now=START), now=START)
    with served(application) as port, browser() as tab:
        address = f"http://127.0.0.1:{port}"
        tab.command("Network.setCookie", name=COOKIE, value=secret, url=f"{address}/")
        made = CountingHand(tab, address)
        made.go("/today")
        yield made


def kinds(world: World) -> set[ItemKind]:
    return {one.kind for one in today(world.node, world.now).items}


def test_an_unknown_network_gets_a_team_that_is_notified_in_four_clicks(world: World, hand: CountingHand) -> None:
    hand.press("1 event has no contact (last 24 hours)")
    hand.fill("Team", "New Operator")
    hand.fill("Email address of a new team", "noc@new.example")
    hand.press("Add and preview")
    assert "1 team would be notified" in hand.text
    hand.press("Notify now")
    assert "1 event has a contact now" in hand.text
    assert hand.clicks <= 4
    assert ItemKind.NO_CONTACT not in kinds(world)
    assert "noc@new.example" in world.at(1.1).tell()


def test_what_the_gate_withheld_is_explained_and_ended_in_three_clicks(world: World, hand: CountingHand) -> None:
    hand.press("1 event withheld (last 24 hours)")
    assert "recipient-ceiling" in hand.text
    hand.press("Raise the maximum TLP of Wants Green Only")
    hand.send("#ceiling")
    assert hand.clicks <= 3
    assert ItemKind.WITHHELD not in kinds(world)


@pytest.mark.parametrize("path", ["/today", "/today/unrouted", "/today/withheld", "/today/items?kind=no-contact"])
def test_pages_with_items_violate_no_rule_of_wcag(hand: CountingHand, path: str) -> None:
    hand.go(path)
    page = hand.tab
    assert [*json.loads(violations(page)), *misfits(page, 320), *misfits(page, 1280)] == []
