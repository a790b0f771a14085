"""What an analyst does most often, from Today: counted in clicks (typing does not count), and by keys alone."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from support.browser import browser
from support.cast import HEADER
from support.console_users import person, session_of
from support.form_filling import CountingHand
from support.keys import go, reach, strike
from support.world import World, copy_world, served
from tocsin.node.accounts import AccountRole
from tocsin.pipeline.ingest import ingest
from tocsin.pipeline.replay import RowFilter, rows_waiting
from tocsin.server.security import COOKIE
from tocsin.server.server import make_application

KNOWN = "192.0.2.1"


@pytest.fixture
def world(fresh: Path, tmp_path: Path) -> World:
    """A node that notified a team of a problem, and that has three rows that it cannot read."""
    world = copy_world(fresh, tmp_path)
    world.hear(KNOWN)
    world.at(0.01).tell()
    path = world.folder / f"{world.now:%Y-%m-%d}-scan_rdp-broken-geo.csv"
    rows = [f'"{world.now:%Y-%m-%d} 05:00:00","medium","192.0.2.x{n}","tcp",3389,,"rdp",64500,"MU",,' for n in range(3)]
    path.write_text("\n".join([HEADER, *rows, ""]), encoding="utf-8")
    assert ingest(world.node, [path], clock=lambda: world.now).counts.quarantined == 3
    return world


@pytest.fixture
def hand(world: World) -> Iterator[CountingHand]:
    """An analyst on Today."""
    secret = session_of(world.node, person(world.node, AccountRole.ANALYST, now=world.now), now=world.now)
    with served(make_application(world.node, clock=lambda: world.now)) as port, browser() as tab:
        address = f"http://127.0.0.1:{port}"
        tab.command("Network.enable")
        tab.command("Network.setCookie", name=COOKIE, value=secret, url=f"{address}/")
        made = CountingHand(tab, address)
        made.go("/today")
        yield made


def waiting(world: World) -> int:
    return sum(1 for _ in rows_waiting(world.node, RowFilter(), world.now))


def mended(hand: CountingHand) -> str:
    return str(hand.read("document.querySelector('#text').value")).replace(".x", ".3")


def look_up(hand: CountingHand) -> None:
    """Type an address, defanged as in a mail, into the search at the head of the page, and press Enter."""
    strike(hand.tab, "/")
    hand.tab.write(KNOWN.replace(".", "[.]"))
    go(hand.tab, key="Enter")


def test_a_caller_names_an_address_no_click(hand: CountingHand) -> None:
    look_up(hand)
    assert hand.path == "/search"
    assert "Example Operator" in hand.text  # who
    assert "1 open problem" in hand.text  # what
    assert "TOC-2026-" in hand.text  # notified
    assert hand.clicks == 0


def test_the_events_of_an_address_in_the_last_week_one_click(hand: CountingHand) -> None:
    look_up(hand)
    hand.press("last 7 days")
    assert hand.read("location.search") == f"?address={KNOWN}&last=7d"
    assert "1 event" in hand.text
    assert hand.clicks <= 1


def test_the_events_of_an_address_by_keys(hand: CountingHand) -> None:
    look_up(hand)
    reach(hand.tab, "main a[href*='last=7d']")
    go(hand.tab, key="Enter")
    assert hand.path == "/events"


def test_an_unreadable_row_is_mended_in_three_clicks_and_each_further_one_in_one(
    world: World, hand: CountingHand
) -> None:
    hand.press("3 unreadable rows")
    hand.press_first("main tbody a[href*='/quarantine/']")
    for left, clicks in ((2, 3), (1, 4), (0, 5)):
        hand.fill("Text of the row", mended(hand))
        hand.press("Reprocess")
        assert (waiting(world), hand.clicks) == (left, clicks)


def test_unreadable_rows_are_mended_by_keys(world: World, hand: CountingHand) -> None:
    page = hand.tab
    reach(page, "main a[href^='/reports/quarantine']")
    go(page, key="Enter")
    reach(page, "main tbody a[href*='/quarantine/']")
    go(page, key="Enter")
    for left in (2, 1, 0):
        reach(page, "#text")
        text = mended(hand)
        page.command("Input.dispatchKeyEvent", type="keyDown", commands=["selectAll"])
        page.write(text)
        reach(page, "button[value=replay]")
        go(page, key="Enter")
        assert waiting(world) == left
