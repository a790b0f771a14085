"""Work by keys alone in a real browser: what is focused is always seen, nothing is a trap, and shortcuts can be off."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlalchemy import select

from support.browser import Page, browser
from support.console_users import person, session_of
from support.world import World, copy_world, served
from tocsin.delivery import Delivery
from tocsin.directory import read_team
from tocsin.node.accounts import AccountRole, Person, hash_password
from tocsin.server.security import COOKIE
from tocsin.server.server import make_application

_PASSWORD = "a bell for the whole town"
_MOST = 200  # stops of the Tab key on one page
_SEEN = """(() => {
  const one = document.activeElement;
  if (!one || one === document.body) return "";
  const box = one.getBoundingClientRect(), style = getComputedStyle(one);
  const ringed = style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2;
  const inside = box.bottom > 0 && box.top < innerHeight && box.right > 0 && box.left < innerWidth && box.width > 1;
  const x = Math.min(Math.max(box.left + box.width / 2, 1), innerWidth - 2);
  const y = Math.min(Math.max(box.top + box.height / 2, 1), innerHeight - 2);
  const over = document.elementsFromPoint(x, y);
  const on = over.includes(one) && (one.contains(over[0]) || over[0].contains(one));
  return `${ringed} ${inside} ${on} ${one.outerHTML.slice(0, 120)}`;
})()"""


@dataclass(frozen=True)
class Site:
    """A node that is served, with an analyst who has a password and an operator; ``held``: a mail that waits."""

    address: str
    world: World
    analyst: str
    operator: str
    held: str


@pytest.fixture(scope="module")
def site(fresh: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    world = copy_world(fresh, tmp_path_factory.mktemp("keys"))
    world.hear("192.0.2.1", "192.0.2.2", "192.0.2.130")
    world.tell()
    team = read_team(world.node.database, "operator")[0].id
    numbers = [
        person(world.node, role, now=world.now, teams=teams)
        for role, teams in [(AccountRole.ANALYST, ()), (AccountRole.OPERATOR, (team,))]
    ]
    with world.node.database.begin() as transaction:
        transaction.get_one(Person, numbers[0]).password = hash_password(_PASSWORD)
        waiting = transaction.scalars(select(Delivery).order_by(Delivery.id)).first()
        assert waiting
        waiting.state = "held"
        held = waiting.reference
    analyst, operator = (session_of(world.node, number, now=world.now) for number in numbers)
    with world.open, served(make_application(world.node, clock=lambda: world.now)) as port:
        yield Site(f"http://127.0.0.1:{port}", world, analyst, operator, held)


@pytest.fixture(scope="module")
def tab() -> Iterator[Page]:
    with browser() as page:
        page.command("Network.enable")
        yield page


def enter(page: Page, site: Site, path: str, secret: str = "") -> None:
    page.command("Network.clearBrowserCookies")
    if secret:
        page.command("Network.setCookie", name=COOKIE, value=secret, url=site.address)
    page.open(site.address + path)


def strike(page: Page, letters: str) -> None:
    """Strike keys with letters on them, as shortcuts are."""
    for letter in letters:
        page.command("Input.dispatchKeyEvent", type="keyDown", text=letter, key=letter)
        page.command("Input.dispatchKeyEvent", type="keyUp", key=letter)


def go(page: Page, *, letters: str = "", key: str = "") -> None:
    """The same where another page follows."""
    before = page.loads
    strike(page, letters)
    if key:
        page.press(key)
    page.wait_for_load(before)


def reach(page: Page, selector: str) -> None:
    """Press Tab until that has the focus; each stop on the way is seen."""
    for _ in range(_MOST):
        page.press("Tab")
        seen = page.read(_SEEN)
        assert seen == "" or seen.startswith("true true true"), seen
        if page.read(f"document.activeElement.matches({selector!r})"):
            return
    raise AssertionError(f"{selector} is not reached")


def path(page: Page) -> str:
    return str(page.read("location.pathname + location.search"))


def text(page: Page) -> str:
    return str(page.read("document.querySelector('main').innerText"))


def test_an_analyst_signs_in_filters_opens_looks_up_and_releases(site: Site, tab: Page) -> None:
    enter(tab, site, "/sign-in")
    reach(tab, "[name=mailbox]")
    tab.write("analyst@people.example")
    reach(tab, "[name=password]")
    tab.write(_PASSWORD)
    go(tab, key="Enter")
    assert path(tab) == "/today"
    go(tab, letters="ge")
    strike(tab, "/")
    assert tab.read("document.activeElement.name") == "last"
    reach(tab, "[name=address]")
    tab.write("192.0.2.1")
    go(tab, key="Enter")
    assert "address=192.0.2.1" in path(tab)
    assert "192.0.2.1" in text(tab)
    strike(tab, "jjk")
    assert tab.read("document.activeElement.closest('tr').id.startsWith('e')")
    go(tab, key="Enter")
    assert tab.read("document.querySelectorAll('tr.opened').length") == 1
    go(tab, letters="gl")
    strike(tab, "/")
    tab.write("192.0.2.130")
    go(tab, key="Enter")
    assert "Bank Sector Team" in text(tab)
    go(tab, letters="gd")
    reach(tab, "a[href*='every=held']")
    go(tab, key="Enter")
    reach(tab, "main form button")
    go(tab, key="Enter")
    with site.world.node.database.reading() as session:
        state = session.scalar(select(Delivery.state).where(Delivery.reference == site.held))
    assert state == "queued"


def test_an_operator_answers_a_problem(site: Site, tab: Page) -> None:
    enter(tab, site, "/portal", site.operator)
    reach(tab, "[name=problem]")
    tab.press("Space")
    reach(tab, "[name=verdict]")
    tab.press("Space", "Down")
    reach(tab, "main form[method=post] button:not(.plain)")
    go(tab, key="Enter")
    assert tab.read("document.querySelectorAll('main :is(.done, [role=status]):not([hidden])').length") > 0
    assert "Fixed" in text(tab)


def test_somebody_from_the_public_reports_something(site: Site, tab: Page) -> None:
    enter(tab, site, "/report")
    reach(tab, "[type=radio]")
    tab.press("Space")
    reach(tab, "textarea")
    tab.write("A page that asks for passwords")
    reach(tab, "main button")
    go(tab, key="Enter")
    assert tab.read("document.querySelector('.ticket code').textContent")


@pytest.mark.parametrize(
    ("where", "field", "typed"),
    [("/sign-in", "[name=password]", "wrong"), ("/find?about=address", "[name=value]", "?")],
)
def test_the_focus_moves_to_what_is_wrong(site: Site, tab: Page, where: str, field: str, typed: str) -> None:
    enter(tab, site, where)
    if where == "/sign-in":
        reach(tab, "[name=mailbox]")
        tab.write("nobody@people.example")
    reach(tab, field)
    tab.write(typed)
    go(tab, key="Enter")
    found = "document.activeElement.matches('.wrong[role=alert]')"
    until = time.monotonic() + 300  # autofocus is given in a turn of its own after the page is there
    while not tab.read(found) and time.monotonic() < until:
        time.sleep(0.02)
    assert tab.read(found)


@pytest.mark.parametrize("where", ["/help", "/events", "/deliveries", "/teams/operator/change"])
def test_tab_goes_once_round_and_the_first_stop_skips_to_the_content(site: Site, tab: Page, where: str) -> None:
    enter(tab, site, where, "" if where == "/help" else site.analyst)
    reach(tab, "a.skip")
    reach(tab, "footer button")
    reach(tab, "a.skip")
    tab.press("Enter")
    assert tab.read("document.activeElement.id") == "main"


def test_shortcuts_are_listed_off_while_somebody_types_and_off_for_good(site: Site, tab: Page) -> None:
    enter(tab, site, "/lookup", site.analyst)
    strike(tab, "?")
    assert tab.read(
        "document.getElementById('keys').matches(':modal') && document.activeElement.closest('dialog') != null"
    )
    strike(tab, "ge")  # nothing leads away from what is open
    reach(tab, "#keys-on")
    tab.press("Space")
    reach(tab, "#keys button")
    tab.press("Enter")
    assert not tab.read("document.getElementById('keys').open")
    strike(tab, "ge?")
    assert path(tab) == "/lookup"
    assert not tab.read("document.getElementById('keys').open")
    tab.open(f"{site.address}/deliveries")
    strike(tab, "?")
    assert not tab.read("document.getElementById('keys').open")
    reach(tab, "#keys-open")
    tab.press("Enter")
    reach(tab, "#keys-on")
    tab.press("Space")
    reach(tab, "#keys button")
    tab.press("Enter")
    reach(tab, "main form[role=search] input")
    strike(tab, "ge")
    assert path(tab) == "/deliveries"
    assert tab.read("document.activeElement.value") == "ge"
