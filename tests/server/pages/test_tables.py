"""Tables and times in a real browser: sorted by their heads, copied as they are shown, and local time beside UTC."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from support.browser import Page, browser
from support.console_users import person, session_of
from support.world import copy_world, served
from tocsin.node.accounts import AccountRole
from tocsin.server.security import COOKIE
from tocsin.server.server import make_application

_NAMES = "[...document.querySelectorAll('tbody#figures th a')].map(one => one.textContent)"


@pytest.fixture(scope="module")
def site(fresh: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Page, str]]:
    world = copy_world(fresh, tmp_path_factory.mktemp("tables"))
    world.hear("192.0.2.1")
    secret = session_of(world.node, person(world.node, AccountRole.ANALYST, now=world.now), now=world.now)
    with world.open, served(make_application(world.node, clock=lambda: world.now)) as port, browser() as page:
        address = f"http://127.0.0.1:{port}"
        page.command("Network.enable")
        page.command("Network.setCookie", name=COOKIE, value=secret, url=address)
        page.command("Emulation.setTimezoneOverride", timezoneId="Indian/Mauritius")
        yield page, address


def test_a_whole_table_is_sorted_by_its_heads_both_ways(site: tuple[Page, str]) -> None:
    page, address = site
    page.open(f"{address}/coverage")
    before = page.read(_NAMES)
    head = "document.querySelector('section[aria-labelledby=countries] thead th')"
    assert page.read(f"{head}.querySelector('button').textContent") == "Country"
    page.read(f"{head}.querySelector('button').click()")
    up = page.read(_NAMES)
    assert page.read(f"{head}.getAttribute('aria-sort')") == "ascending"
    assert up[0] == "Afghanistan"
    assert sorted(up) == sorted(before)
    page.read(f"{head}.querySelector('button').click()")
    assert page.read(f"{head}.getAttribute('aria-sort')") == "descending"
    assert page.read(_NAMES) == up[::-1]


def test_what_is_copied_is_what_is_shown(site: tuple[Page, str]) -> None:
    page, address = site
    page.open(f"{address}/teams")
    page.command(
        "Browser.grantPermissions",
        permissions=["clipboardReadWrite", "clipboardSanitizedWrite"],
        browserContextId=page.context,
    )
    page.read("document.querySelector('.table-tools button').click()")
    copied = page.command(
        "Runtime.evaluate", expression="navigator.clipboard.readText()", awaitPromise=True, returnByValue=True
    )["result"]["value"]
    lines = [line.split("\t") for line in copied.split("\n")]
    assert lines[0][:2] == ["Name", "Key"]
    assert ["Example Operator", "operator"] in [line[:2] for line in lines]


def test_events_are_not_copied_past_the_gate(site: tuple[Page, str]) -> None:
    page, address = site
    page.open(f"{address}/events")
    assert page.read("document.querySelectorAll('main .scroll[data-bare]').length") >= 1


def test_the_clock_of_the_browser_stands_beside_utc(site: tuple[Page, str]) -> None:
    page, address = site
    page.open(f"{address}/reports")
    time = page.read("(t => [t.textContent, t.title])(document.querySelector('main time'))")
    assert time[0] == "2026-11-16 06:00"
    assert "10:00" in time[1]
