"""Events in a real browser: bars brushed by hand, the same by form without scripts, and a map."""

import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from support.browser import Page, browser
from support.console_users import person, session_of
from support.world import World, copy_world, served
from tocsin.node.accounts import AccountRole
from tocsin.server.security import COOKIE
from tocsin.server.server import make_application


@pytest.fixture(scope="module")
def site(fresh: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """The address of a node that heard something on four days, and an analyst's session."""
    world: World = copy_world(fresh, tmp_path_factory.mktemp("browser"))
    for day in range(0, 8, 2):
        world.at(day).hear(*(f"192.0.2.{day * 10 + n}" for n in range(1, 4)))
    world.hear("8.8.8.8")
    session = session_of(world.node, person(world.node, AccountRole.ANALYST, now=world.now), now=world.now)
    with served(make_application(world.node, clock=lambda: world.now)) as port:
        yield f"http://127.0.0.1:{port}", session


def enter(page: Page, site: tuple[str, str], path: str) -> None:
    page.command("Network.setCookie", name=COOKIE, value=site[1], url=site[0])
    page.open(site[0] + path)


def box(page: Page, selector: str) -> dict[str, float]:
    """Where an element stands in the window."""
    page.read(f"document.querySelector('{selector}').scrollIntoView({{block: 'center'}})")
    found = page.read(f"document.querySelector('{selector}').getBoundingClientRect().toJSON()")
    return {name: float(value) for name, value in found.items()}


def drag(page: Page, of: dict[str, float], start: float, end: float) -> None:
    """Press at one share of a box's width and let go at another."""
    y, before = of["y"] + of["height"] / 2, page.loads
    shared = {"y": y, "button": "left", "clickCount": 1}
    places = [of["x"] + of["width"] * (start + (end - start) * step / 4) for step in range(5)]
    page.command("Input.dispatchMouseEvent", type="mousePressed", x=places[0], **shared)
    for x in places[1:] if end != start else []:
        page.command("Input.dispatchMouseEvent", type="mouseMoved", x=x, y=y, button="left", buttons=1)
    page.command("Input.dispatchMouseEvent", type="mouseReleased", x=places[-1], **shared)
    page.wait_for_load(before)


def asked(page: Page) -> dict[str, list[str]]:
    return parse_qs(urlsplit(page.read("location.href")).query)


def test_brushing_the_bars_sets_the_time(site: tuple[str, str]) -> None:
    with browser() as page:
        enter(page, site, "/events?feed=scan_rdp")
        drag(page, box(page, "svg[data-brush]"), 0.0, 0.3)
        found = asked(page)
        assert found["since"] == ["2026-11-16T00:00"]
        assert found["until"] == ["2026-11-18T00:00"]
        assert found["feed"] == ["scan_rdp"]
        assert "last" not in found
        assert page.read("document.querySelector('.standing').textContent") == "3 events match"


def test_brushing_less_than_a_bar_means_that_bar(site: tuple[str, str]) -> None:
    with browser() as page:
        enter(page, site, "/events")
        drag(page, box(page, "svg[data-brush]"), 0.02, 0.05)
        assert asked(page)["since"] == ["2026-11-16T00:00"]
        assert asked(page)["until"] == ["2026-11-17T00:00"]


def test_a_press_on_a_bar_leads_to_its_day(site: tuple[str, str]) -> None:
    with browser() as page:
        enter(page, site, "/events")
        drag(page, box(page, "svg[data-brush]"), 0.05, 0.05)
        assert asked(page)["since"] == ["2026-11-16T00:00:00Z"]
        assert page.read("document.querySelector('.standing').textContent") == "3 events match"


def test_all_of_it_works_without_scripts(site: tuple[str, str]) -> None:
    with browser(width=390, height=844, scripts=False) as page:
        enter(page, site, "/events?last=7d")
        assert page.read("document.documentElement.scrollWidth") <= 390
        links = page.read(
            "[...document.querySelectorAll('#over-time ~ *, .over-time details a')].map(a => a.href).filter(Boolean)"
        )
        assert len(links) == 4
        page.open(links[0])
        assert page.read("document.querySelector('.standing').textContent") == "3 events match"
        assert page.read("document.querySelectorAll('tbody tr[id^=e]').length") == 3


def test_the_map_draws_each_country_of_the_table(site: tuple[str, str]) -> None:
    with browser() as page:
        enter(page, site, "/events/map")
        while page.read("document.querySelector('svg.world').hasAttribute('hidden')"):
            time.sleep(0.05)
        drawn = page.read("document.querySelectorAll('svg.world a').length")
        assert drawn == page.read("document.querySelectorAll('tr[data-events]').length") > 0
        assert page.read("document.querySelectorAll('svg.world a .with').length") >= drawn


def test_nothing_moves_when_the_map_is_drawn(site: tuple[str, str]) -> None:
    table = "document.getElementById('countries').getBoundingClientRect().top"
    with browser() as page:
        page.command("Network.setBlockedURLs", urls=["*countries-50m*"])
        enter(page, site, "/events/map")
        before = page.read(table)
        page.command("Network.setBlockedURLs", urls=[])
        page.open(f"{site[0]}/events/map")
        while page.read("document.querySelector('svg.world').hasAttribute('hidden')"):
            time.sleep(0.05)
        assert page.read(table) == before


def test_of_one_country_there_is_no_map_but_its_networks(site: tuple[str, str]) -> None:
    with browser() as page:
        page.arrived.clear()
        enter(page, site, "/events/map?country=US")
        assert not page.read("document.querySelectorAll('svg.world, script[src*='d3.min']').length")
        assert page.read("document.querySelector('#asns + .scroll a').textContent") == "AS15169"
