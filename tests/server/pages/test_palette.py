"""The command palette by keys alone: pages, acts of the page, recent ones, and what the search finds."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from support.browser import Page, browser
from support.console_users import person, session_of
from support.world import World, copy_world, served
from tocsin.directory import read_team
from tocsin.node.accounts import AccountRole
from tocsin.server.security import COOKIE
from tocsin.server.server import make_application

_OPTIONS = "[...document.querySelectorAll('#palette-list [role=option]')].map((one) => one.textContent)"
_PATH = "location.pathname + location.search"


@dataclass(frozen=True)
class Site:
    """A node that is served, and the sessions of an analyst and an operator."""

    address: str
    world: World
    analyst: str
    operator: str


@pytest.fixture(scope="module")
def site(fresh: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    world = copy_world(fresh, tmp_path_factory.mktemp("palette"))
    world.hear("192.0.2.1", "192.0.2.130")
    world.tell()
    teams = (read_team(world.node.database, "operator")[0].id,)
    roles = [(AccountRole.ANALYST, ()), (AccountRole.OPERATOR, teams)]
    numbers = [person(world.node, role, now=world.now, teams=of) for role, of in roles]
    analyst, operator = (session_of(world.node, number, now=world.now) for number in numbers)
    with world.open, served(make_application(world.node, clock=lambda: world.now)) as port:
        yield Site(f"http://127.0.0.1:{port}", world, analyst, operator)


@pytest.fixture
def tab() -> Iterator[Page]:
    with browser() as page:
        page.command("Network.enable")
        yield page


def enter(page: Page, site: Site, secret: str, path: str) -> None:
    page.command("Network.setCookie", name=COOKIE, value=secret, url=site.address)
    page.open(site.address + path)


def until(page: Page, expression: str) -> None:
    """Wait until it holds in the page."""
    for _ in range(400):
        if page.read(f"Boolean({expression})"):
            return
        time.sleep(0.05)
    raise AssertionError(f"{expression} never came; options: {page.read(_OPTIONS)}")


def open_palette(page: Page) -> None:
    until(page, "document.getElementById('palette-open')?.parentElement.hidden === false")
    for _ in range(400):  # the key counts once its library is loaded
        for kind in ("keyDown", "keyUp"):
            page.command("Input.dispatchKeyEvent", type=kind, key="k", code="KeyK", modifiers=2)
        if page.read("document.getElementById('palette').open"):
            break
        time.sleep(0.05)
    until(page, "document.activeElement.id === 'palette-field'")


def test_a_page_is_reached_by_a_part_of_its_name(site: Site, tab: Page) -> None:
    enter(tab, site, site.analyst, "/account")
    open_palette(tab)
    tab.write("quaran")
    until(tab, f"{_OPTIONS}[0].includes('Quarantine')")
    assert tab.read("document.getElementById('palette-field').getAttribute('aria-activedescendant')") == "palette-0"
    before = tab.loads
    tab.press("Enter")
    tab.wait_for_load(before)
    assert tab.read(_PATH) == "/reports/quarantine"


def test_an_address_leads_to_all_that_is_known_of_it(site: Site, tab: Page) -> None:
    enter(tab, site, site.analyst, "/account")
    open_palette(tab)
    tab.write("192[.]0.2.1")
    before = tab.loads
    tab.press("Enter")
    tab.wait_for_load(before)
    assert tab.read(_PATH) == "/search?q=192%5B.%5D0.2.1"
    assert "2 contacts" in tab.read("document.querySelector('main').innerText")


def test_a_team_is_found_while_it_is_typed_and_the_last_page_is_kept(site: Site, tab: Page) -> None:
    enter(tab, site, site.analyst, "/teams/nobody-here")  # no page to come back to
    enter(tab, site, site.analyst, "/teams/nat-a")
    name = tab.read("document.querySelector('h1').textContent.trim()")
    enter(tab, site, site.analyst, "/account")
    open_palette(tab)
    until(tab, f"{_OPTIONS}.some((one) => one.startsWith('Recent') && one.includes({name!r}))")
    assert len([one for one in tab.read(_OPTIONS) if one.startswith("Recent")]) == 1
    tab.write("bank sec")
    until(tab, f"{_OPTIONS}.some((one) => one.startsWith('Teams') && one.includes('Bank Sector Team'))")
    place = tab.read(f"{_OPTIONS}.findIndex((one) => one.startsWith('Teams'))")
    for _ in range(place):
        tab.press("ArrowDown")
    before = tab.loads
    tab.press("Enter")
    tab.wait_for_load(before)
    assert tab.read(_PATH) == "/teams/sector"


def test_an_act_of_the_page_is_pressed(site: Site, tab: Page) -> None:
    enter(tab, site, site.analyst, "/lookup?q=192.0.2.1")
    open_palette(tab)
    tab.write("search every")
    until(tab, f"{_OPTIONS}[0].startsWith('On this page')")
    before = tab.loads
    tab.press("Enter")
    tab.wait_for_load(before)
    assert tab.read(_PATH) == "/search?q=192.0.2.1"


def test_it_closes_by_escape_and_gives_an_operator_nothing_of_others(site: Site, tab: Page) -> None:
    enter(tab, site, site.operator, "/account")
    open_palette(tab)
    pages = tab.read("[...document.querySelectorAll('#palette nav a')].map((one) => one.getAttribute('href'))")
    assert not {"/admin/people", "/reports/quarantine", "/audit", "/coverage"} & set(pages)
    assert "/portal" in pages
    tab.write("sector")
    until(
        tab,
        "performance.getEntriesByType('resource').some((one) => one.name.includes('search.json') && one.responseEnd)",
    )
    assert not [one for one in tab.read(_OPTIONS) if "Bank Sector Team" in one]
    tab.press("Escape")
    until(tab, "!document.getElementById('palette').open")
