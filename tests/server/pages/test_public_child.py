"""A child in danger: help of the country at once, nothing taken, nothing kept, and a way out that leaves no entry."""

import json
import re
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from sqlalchemy import select

from support.browser import Page, browser
from support.console_users import browser_of
from support.mail_server import post_office
from support.page_checks import misfits, violations
from support.ports import free_port
from support.world import World, copy_world, served, text_of
from tocsin.directory import confirm_lines, note_verified, read_team
from tocsin.node.accounts import AccountRole
from tocsin.node.records import Base
from tocsin.pipeline.stores import open_node
from tocsin.server.server import make_application

LINES = """
[[team]]
key = "listening-line"
name = "Listening Line"
kind = "helpline"
country = "MU"
timezone = "Indian/Mauritius"
languages = ["en", "fr"]
hours = ["mon-fri 08:00-17:00"]
channels = [{ value = "+230 5550 0111", kind = "phone" }, { value = "https://line.example", kind = "website" }]

[[team]]
key = "child-police"
name = "Child Protection Police"
kind = "police"
country = "MU"
hours = ["24x7"]
channels = [{ value = "999", kind = "phone" }]

[[team]]
key = "far-line"
name = "Line of Another Country"
kind = "helpline"
country = "KE"
channels = [{ value = "116", kind = "phone" }]
"""
LANGUAGES = ("en", "fr", "es", "pt", "ar")
MONDAY = datetime(2026, 11, 30, 6, 0, tzinfo=UTC)  # 10:00 in Mauritius


@pytest.fixture
def world(fresh: Path, tmp_path: Path) -> World:
    return settled(copy_world(fresh, tmp_path), exit_page="https://neutral.example/")


def settled(world: World, exit_page: str, number: str = "112") -> World:
    """With help lines in its directory that nobody has called yet."""
    world.tocsin.run("directory", "import", lines(world))
    settings = f'[node]\ncountry = "MU"\nemergency_number = "{number}"\nexit_page = "{exit_page}"\n'
    (world.node.home / "tocsin.toml").write_text(settings)
    return World(world.folder, open_node(world.node.home), now=MONDAY)


def confirm(world: World, *teams: str, at: datetime = MONDAY) -> None:
    for team in teams:
        confirm_lines(world.node.database, team, (), actor="test", now=at)


def child(world: World, **headers: str) -> httpx.Response:
    with world.open:
        return world.client(public=True).get("/report/child", headers=headers)


def test_only_who_was_called_is_named_and_only_of_the_country(world: World) -> None:
    before = text_of(child(world))
    assert "We have not checked any helpline for your country yet" in before
    assert "Call 112" in before
    assert "Listening Line" not in before
    confirm(world, "listening-line", "far-line")
    shown = child(world)
    assert "Listening Line A helpline" in text_of(shown)
    assert 'href="tel:+23055500111"' in shown.text
    assert 'href="https://line.example"' in shown.text
    assert "Languages English, French" in text_of(shown)
    assert "Child Protection Police" not in shown.text
    assert "Another Country" not in shown.text


def test_a_confirmation_ends_and_does_not_pass_to_another_number(world: World) -> None:
    confirm(world, "listening-line")
    (world.folder / "lines.toml").write_text(LINES.replace("+230 5550 0111", "+230 5550 0199"))
    world.tocsin.run("directory", "import", world.folder / "lines.toml")
    changed = child(world).text
    assert "line.example" in changed
    assert "5550" not in changed
    confirm(world, "listening-line")
    assert "+23055500199" in child(world).text
    world.now = MONDAY + timedelta(days=366)
    assert "Listening Line" not in child(world).text


def test_the_holder_of_a_mailbox_confirms_it_too(world: World) -> None:
    (world.folder / "lines.toml").write_text(
        LINES.replace('kind = "police"', 'kind = "police"\nmailboxes = ["a@b.example"]')
    )
    world.tocsin.run("directory", "import", world.folder / "lines.toml")
    with world.node.database.begin() as session:
        team = read_team(world.node.database, "child-police")[0].id
        note_verified(session, team_id=team, mailbox="a@b.example", at=MONDAY, via="link")
    assert 'href="tel:999"' in child(world).text


@pytest.mark.parametrize(
    ("at", "said"),
    [
        (MONDAY, "Open now"),
        (MONDAY + timedelta(hours=8), "Closed now Open again: Tuesday 08:00."),
        (MONDAY + timedelta(days=4, hours=8), "Closed now Open again: Monday 08:00."),
        (MONDAY - timedelta(hours=3), "Closed now Open again: Monday 08:00."),
    ],
)
def test_whether_somebody_is_there_by_the_clock_of_the_line(world: World, at: datetime, said: str) -> None:
    confirm(world, "listening-line", at=MONDAY - timedelta(days=1))
    world.now = at
    shown = text_of(child(world))
    assert said in shown
    assert "Hours Mon\N{EN DASH}Fri 08:00\N{EN DASH}17:00" in shown


def test_what_is_read_aloud_comes_in_the_order_of_what_is_urgent(world: World) -> None:
    confirm(world, "listening-line", "child-police")
    shown = text_of(child(world))
    order = ["You are not alone", "Call 112", "Listening Line", "Child Protection Police", "You did nothing wrong"]
    assert [shown.index(part) for part in order] == sorted(shown.index(part) for part in order)
    assert "Day and night, every day" in shown


def test_the_page_takes_nothing_and_leaves_nothing(world: World, capfd: pytest.CaptureFixture[str]) -> None:
    confirm(world, "listening-line")
    before = kept(world)
    with world.open:
        client = world.client(public=True)
        asked = client.get("/report/child?who=Canary-91", headers={"User-Agent": "Canary-91", "Referer": "http://c/"})
        assert client.post("/report/child", data={"what": "Canary-91"}).status_code == 422
    assert asked.status_code == 200
    assert not re.search(r"<(form|input|select|textarea|button)\b", asked.text)
    assert "Canary-91" not in asked.text
    assert "set-cookie" not in asked.headers
    assert asked.headers["Cache-Control"] == "no-store"
    assert asked.headers["Referrer-Policy"] == "no-referrer"
    assert "Canary" not in "".join(capfd.readouterr())
    assert kept(world) == before


def kept(world: World) -> dict[str, list[object]]:
    """All rows of the records."""
    with world.node.database.reading() as session:
        return {
            table.name: [tuple(row) for row in session.execute(select(table))] for table in Base.metadata.sorted_tables
        }


def test_live_mode_is_refused_without_anybody_to_name(fresh: Path, tmp_path: Path) -> None:
    world = copy_world(fresh, tmp_path)
    settings = world.node.home / "tocsin.toml"
    with post_office() as office:
        mail = f'[tell]\nhold_first_mail = false\n[mail]\nchannel = "smtp"\nport = {office.port}\nsecurity = "none"\n'
        settings.write_text(mail)
        World(world.folder, open_node(world.node.home)).hear("192.0.2.1")
        code, _, said = world.tocsin.call("deliver")
        assert (code, office.arrived) == (1, [])
        assert "Live mode is refused" in said
        code, checked, _ = world.tocsin.call("doctor")
        assert code == 1
        assert "help for a child in danger" in checked
        settings.write_text(f'{mail}[node]\nemergency_number = "112"\n')
        world.tocsin.run("deliver")
        assert len(office.arrived) == 2
    settings.write_text(mail)
    world.tocsin.run("directory", "import", lines(world))
    world.tocsin.run("directory", "confirm", "listening-line", code=2)
    world.tocsin.run("directory", "confirm", "listening-line", "+230 999", "--said-by", "Ana", code=2)
    world.tocsin.run("directory", "confirm", "listening-line", "--said-by", "Ana")
    assert "one is named" in world.tocsin.call("doctor")[1]


def lines(world: World) -> Path:
    path = world.folder / "lines.toml"
    path.write_text(LINES)
    return path


def test_a_person_who_called_says_so_on_the_page_of_the_team(world: World) -> None:
    application = make_application(world.node, clock=lambda: MONDAY)
    with browser_of(application, world.node, AccountRole.MANAGER, now=MONDAY) as manager:
        form = manager.get("/teams/listening-line/change")
        assert "+230 5550 0111" in form.text
        assert manager.send("/teams/listening-line/confirm").status_code == 303
    assert "+23055500111" in child(world).text


@pytest.fixture
def address(world: World) -> Iterator[str]:
    """Where the page is served; the way out leads to another page of the same server."""
    application = make_application(world.node, clock=lambda: MONDAY)
    confirm(world, "listening-line", "child-police")
    with served(application) as port:
        yield f"http://127.0.0.1:{port}"


@pytest.mark.parametrize("language", LANGUAGES)
def test_on_a_phone_it_fits_and_violates_nothing(address: str, language: str) -> None:
    with browser(width=390, height=844) as page:
        page.open(f"{address}/report/child?language={language}")
        for theme in ("light", "dark"):
            page.look(width=390, height=844, theme=theme)
            assert json.loads(violations(page)) == []
        assert [*misfits(page, 390), *misfits(page, 320)] == []
        assert page.read("document.documentElement.scrollWidth <= innerWidth")


def press(page: Page, selector: str, leads_to: str) -> None:
    page.read(f"document.querySelector({selector!r}).click()")
    arrive(page, leads_to)


def arrive(page: Page, at: str) -> None:
    """Wait until the page of this address is there, whether it is loaded or kept from before."""
    until = time.monotonic() + 120
    while not (str(page.read("document.readyState == 'complete' && location.href") or "")).endswith(at):
        assert time.monotonic() < until, page.read("location.href")
        time.sleep(0.02)


ESCAPE = {"key": "Escape", "code": "Escape", "windowsVirtualKeyCode": 27}


@pytest.mark.parametrize("way", ["button", "escape"])
def test_going_back_after_the_way_out_does_not_lead_to_the_page(fresh: Path, tmp_path: Path, way: str) -> None:
    port = free_port()
    world = settled(copy_world(fresh, tmp_path), exit_page=f"http://127.0.0.1:{port}/statistics")
    address = f"http://127.0.0.1:{port}"
    with served(make_application(world.node, clock=lambda: MONDAY), port=port), browser(width=390) as page:
        page.open(f"{address}/directory")
        page.open(f"{address}/report")
        entries = page.read("history.length")
        press(page, "a[href='/report/child']", "/report/child")
        press(page, "a[hreflang=fr]", "?language=fr")
        assert page.read("document.documentElement.lang") == "fr"
        press(page, ".skip", "#main")
        if way == "button":
            press(page, "a[data-exit]", "/statistics")
        else:
            for _ in range(3):
                page.command("Input.dispatchKeyEvent", type="rawKeyDown", **ESCAPE)
                page.command("Input.dispatchKeyEvent", type="keyUp", **ESCAPE)
            arrive(page, "/statistics")
        assert page.read("document.referrer") == ""
        assert page.read("history.length") == entries
        visited = page.command("Page.getNavigationHistory")["entries"]
        assert [entry["url"] for entry in visited if "/report" in entry["url"]] == []
        page.lead("history.back()")
        arrive(page, "/directory")


def test_without_scripts_all_ways_are_links(address: str) -> None:
    with browser(width=390, scripts=False) as page:
        page.open(f"{address}/report")
        press(page, "a[href='/report/child']", "/report/child")
        assert page.read("document.querySelector('a[data-exit]').href") == "https://neutral.example/"
        assert "noreferrer" in page.read("document.querySelector('a[data-exit]').rel")
