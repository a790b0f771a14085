"""Work by keys alone in a real browser: what is focused is always seen, nothing is a trap, and shortcuts can be off."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlalchemy import select

from support.browser import Page, browser
from support.console_users import person, session_of
from support.keys import go, reach, strike
from support.world import World, copy_world, served
from tocsin.delivery import Delivery
from tocsin.directory import read_team
from tocsin.node.accounts import AccountRole, Person, hash_password
from tocsin.server.pages.context import static_path
from tocsin.server.security import COOKIE
from tocsin.server.server import make_application

_PASSWORD = "a bell for the whole town"


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
    assert tab.read("document.activeElement.id") == "search"
    tab.press("Tab")
    strike(tab, "f")
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
    strike(tab, "f")
    tab.write("192.0.2.130")
    go(tab, key="Enter")
    assert "Bank Sector Team" in text(tab)
    go(tab, letters="gd")
    reach(tab, "a[href*='show=held']")
    go(tab, key="Enter")
    reach(tab, f"th a[href='/deliveries/{site.held}']")
    go(tab, key="Enter")
    reach(tab, "main .heading form button")
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
    reach(tab, "main :is(a[href], button, input)")
    reach(tab, "a.skip")
    tab.press("Enter")
    assert tab.read("document.activeElement.id") == "main"


def test_a_list_is_worked_through_by_keys(site: Site, tab: Page) -> None:
    enter(tab, site, "/teams", site.analyst)
    names = tab.read("[...document.querySelectorAll('main tbody th a')].map(one => one.textContent)")
    assert len(names) >= 3
    strike(tab, "jjj")
    go(tab, key="Enter")
    third = path(tab)
    go(tab, letters="[")
    second = path(tab)
    assert second != third
    go(tab, letters="]")
    assert path(tab) == third
    strike(tab, "]]]")  # the end of the list, sooner or later
    enter(tab, site, second, site.analyst)
    go(tab, letters="u")
    assert path(tab) == "/teams"
    tab.command(
        "Browser.grantPermissions",
        permissions=["clipboardReadWrite", "clipboardSanitizedWrite"],
        browserContextId=tab.context,
    )
    strike(tab, "jy")
    copied = tab.command(
        "Runtime.evaluate", expression="navigator.clipboard.readText()", awaitPromise=True, returnByValue=True
    )["result"]["value"]
    assert copied == names[0]


def test_rows_are_selected_by_keys_one_and_the_whole_page(site: Site, tab: Page) -> None:
    ticked = "document.querySelectorAll('main tbody input:checked').length"
    enter(tab, site, "/deliveries", site.analyst)
    rows = tab.read("document.querySelectorAll('main tbody tr').length")
    strike(tab, "x")
    assert tab.read(ticked) == 0  # no row has the focus
    strike(tab, "jx")
    assert tab.read(ticked) == 1
    strike(tab, "x")
    assert tab.read(ticked) == 0
    strike(tab, "X")
    assert tab.read(ticked) == rows >= 2
    strike(tab, "X")
    assert tab.read(ticked) == 0


def test_what_a_page_can_do_is_pressed_by_its_key_and_listed(site: Site, tab: Page) -> None:
    enter(tab, site, "/lookup", site.analyst)
    tab.read("""document.querySelector('main').insertAdjacentHTML('beforeend', `
      <button data-shortcut="e" onclick="0">Close it</button><label>Reply <input data-shortcut="r"></label>
      <div class="scroll"><table><tbody><tr><td><a href="#row">A row</a>
      <button data-shortcut="s">Snooze the row</button></td></tr></tbody></table></div>`)""")
    tab.read("""(() => { window.pressed = [];
      for (const one of document.querySelectorAll('main button[data-shortcut]')) {
        one.type = 'button'; one.addEventListener('click', () => window.pressed.push(one.textContent));
      } })()""")
    strike(tab, "es")
    assert tab.read("window.pressed") == ["Close it"]  # nothing happens in a row that nobody chose
    strike(tab, "?")
    assert tab.read("document.getElementById('keys-here').innerText.split(/\\s*\\n\\s*/)") == [
        "e",
        "Close it",
        "r",
        "Reply",
    ]
    reach(tab, "#keys form button")
    tab.press("Enter")
    tab.read("document.querySelector('main tbody a[href=\"#row\"]').focus()")
    strike(tab, "s")
    assert tab.read("window.pressed") == ["Close it", "Snooze the row"]
    strike(tab, "r")
    assert tab.read("document.activeElement.dataset.shortcut") == "r"
    strike(tab, "e")
    assert tab.read("window.pressed.length") == 2
    assert tab.read("document.activeElement.value") == "e"


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
    reach(tab, ".menu-open")
    tab.press("Enter")
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


def test_selecting_the_page_selects_its_rows_and_says_how_many(site: Site, tab: Page) -> None:
    enter(tab, site, "/lookup", site.analyst)
    tab.read("""document.querySelector('main').insertAdjacentHTML('beforeend', `<form id="picks">
      <input type="checkbox" name="every" value="page"><input type="checkbox" name="every" value="found" data-count="7">
      <table><tbody><tr><td><input type="checkbox" name="one" value="1"></td></tr>
      <tr><td><input type="checkbox" name="one" value="2"></td></tr></tbody></table>
      <div class="bulk"><span data-selected="# selected">With the selected:</span></div></form>`)""")
    tab.command(
        "Runtime.evaluate",
        expression=f"import('{static_path('ticks.js')}')",
        awaitPromise=True,
    )
    ticked = "document.querySelectorAll('#picks tbody input:checked').length"
    said = "document.querySelector('#picks [data-selected]').textContent"
    assert tab.read(said) == "0 selected"
    strike(tab, "X")
    assert (tab.read(ticked), tab.read(said)) == (2, "2 selected")
    tab.read("document.querySelector('#picks tbody input').click()")
    assert (tab.read(ticked), tab.read(said)) == (1, "1 selected")
    assert not tab.read("document.querySelector('#picks [value=page]').checked")
    tab.read("document.querySelector('#picks [value=found]').click()")
    assert (tab.read(ticked), tab.read(said)) == (2, "7 selected")


def click(page: Page, selector: str, *, leads: bool = False) -> None:
    """Click what is in sight; nobody scrolls for it."""
    before = page.loads
    box = page.read(f"document.querySelector({selector!r}).getBoundingClientRect().toJSON()")
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    assert page.read(f"document.elementFromPoint({x}, {y})?.closest({selector!r}) !== null"), (
        f"{selector} is not in sight"
    )
    for kind in ("mousePressed", "mouseReleased"):
        page.command("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)
    if leads:
        page.wait_for_load(before)


@pytest.fixture(scope="module")
def many(site: Site) -> None:
    """The operator has more open problems than one page shows."""
    site.world.hear(*(f"192.0.2.{host}" for host in range(3, 127)))
    site.world.tell()


@pytest.mark.usefixtures("many")
@pytest.mark.parametrize("width", [1280, 390, 320])
def test_all_problems_are_fixed_in_three_clicks_and_undone_in_one_more(site: Site, tab: Page, width: int) -> None:
    tab.look(width=width)
    enter(tab, site, "/portal", site.operator)
    assert tab.read("document.querySelectorAll('[name=problem]').length") == 100
    if width < 1280:  # the places and the filter are above on a phone
        tab.read("document.querySelector('[value=found]').scrollIntoView({block: 'start'})")
    click(tab, "[value=found]")
    click(tab, "label[for=v-fixed]")
    click(tab, ".bulk button", leads=True)
    assert "Fixed. We stop reminding you." in text(tab)
    assert "No open problems" in text(tab)
    click(tab, "form[action*='/undo/'] button", leads=True)
    assert "Undone:" in text(tab)
    assert tab.read("document.querySelectorAll('[name=problem]').length") == 100
    assert not tab.read("document.documentElement.scrollWidth > innerWidth")
    tab.look(width=1200)


@pytest.mark.usefixtures("many")
def test_all_problems_are_fixed_and_that_is_undone_by_keys(site: Site, tab: Page) -> None:
    enter(tab, site, "/portal", site.operator)
    reach(tab, "[value=found]")
    tab.press("Space")
    reach(tab, "a.to-status")
    tab.press("Enter")
    reach(tab, "[name=verdict]")
    tab.press("Space", "Down")
    reach(tab, ".bulk button")
    go(tab, key="Enter")
    assert "Fixed. We stop reminding you." in text(tab)
    reach(tab, "form[action*='/undo/'] button")
    go(tab, key="Enter")
    assert "Undone:" in text(tab)
