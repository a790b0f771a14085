"""The head of each page: places by role, work that waits, the switch between areas, the band while nothing is sent."""

import re
from collections.abc import Iterator
from html import unescape
from pathlib import Path

import pytest
from fastapi import FastAPI
from sqlalchemy import select

from support.console_users import Browser, browser_of
from support.world import World, copy_world
from tocsin.delivery import Delivery, stop
from tocsin.delivery.halt import pull_brake, resume
from tocsin.incidents.arrivals import ReportForm, ReportKind, file_report, form_word, ticket_of
from tocsin.node.accounts import AccountRole, Principal
from tocsin.node.tokens import open_tokens
from tocsin.server.pages.header import HeaderReader
from tocsin.server.server import make_application

_GROUPED = {
    AccountRole.ADMINISTRATOR: {
        "Work": ["Today", "Problems", "Inbox", "Incidents"],
        "People": ["Teams", "Notifications", "Partners"],
        "Knowledge": ["Reports"],
        "Keeping": ["Rules", "Administration"],
    },
    AccountRole.ANALYST: {
        "Work": ["Today", "Problems", "Inbox", "Incidents"],
        "People": ["Teams", "Notifications", "Partners"],
        "Knowledge": ["Reports"],
        "Keeping": ["Rules", "Purge", "Figures"],  # who may not enter Administration has what is below it
    },
    AccountRole.PROTECTION_OFFICER: {"Work": ["Today"], "Keeping": ["Hotline", "Purge"]},
    AccountRole.OPERATOR: {"": ["To fix", "Events", "Notices", "Contacts and networks", "Notifications"]},
    AccountRole.ASSESSOR: {"": ["Readiness"]},
}


@pytest.fixture
def world(fresh: Path, tmp_path: Path) -> World:
    return copy_world(fresh, tmp_path)


@pytest.fixture
def application(world: World) -> FastAPI:
    return make_application(world.node, clock=lambda: world.now)


@pytest.fixture
def analyst(world: World, application: FastAPI) -> Iterator[Browser]:
    with browser_of(application, world.node, AccountRole.ANALYST, now=world.now) as browser:
        yield browser


def navigation(page: str) -> dict[str, list[str]]:
    """The names of the places, by the heading above them."""
    found: dict[str, list[str]] = {}
    group = ""
    shown = page.partition('class="places"')[2].partition("</nav>")[0]
    for heading, name in re.findall(r'<p class="group"[^>]*>(.*?)</p>|<a href="[^"]*"[^>]*>([^<]*)', shown):
        group = heading or group
        if name:
            found.setdefault(group, []).append(unescape(name.strip()))
    return found


@pytest.mark.parametrize("role", _GROUPED)
def test_each_role_finds_its_places_in_groups(world: World, application: FastAPI, role: AccountRole) -> None:
    with browser_of(application, world.node, role, now=world.now, teams=(1,)) as browser:
        assert navigation(browser.get("/account").text) == _GROUPED[role]


def test_readiness_and_drafting_have_places_of_their_own(analyst: Browser) -> None:
    page = analyst.get("/readiness/frameworks").text
    assert navigation(page) == {"": ["Assessments", "Frameworks", "Indices"]}
    assert 'aria-current="page">Frameworks' in page
    assert navigation(analyst.get("/drafting").text) == {"": ["Texts"]}


def test_inside_a_place_what_is_below_it_is_shown(analyst: Browser) -> None:
    shown = navigation(analyst.get("/lookup").text)
    assert shown["People"] == ["Teams", "Contact lookup", "Notifications", "Partners"]
    assert 'aria-current="page">Contact lookup' in analyst.get("/lookup").text
    assert 'aria-current="page">Inbox' in analyst.get("/reports/public").text


def test_one_switches_between_the_areas_that_one_may_enter(
    world: World, application: FastAPI, analyst: Browser
) -> None:
    areas = analyst.get("/readiness").text.partition('class="areas"')[2].partition("</nav>")[0]
    shown = re.findall(r'<a href="([^"]*)"( aria-current="true")?>(\w+)</a>', areas)
    assert shown == [
        ("/today", "", "Operations"),
        ("/readiness", ' aria-current="true"', "Readiness"),
        ("/drafting", "", "Drafting"),
    ]
    with browser_of(application, world.node, AccountRole.OPERATOR, now=world.now, teams=(1,)) as operator:
        assert 'class="areas"' not in operator.get("/portal").text


def test_a_place_says_how_much_work_waits_there(world: World, application: FastAPI) -> None:
    world.hear("192.0.2.1", "no address")
    world.tell()
    with world.node.database.begin() as session:
        session.scalars(select(Delivery)).all()[0].state = "held"
    tokens = open_tokens(world.node.home)
    ticket = ticket_of(form_word(tokens, world.now), tokens, world.now)
    assert ticket
    filed = ReportForm(ReportKind.DECEIT, "A page that asks for passwords")
    file_report(world.node.database, world.node.inbox, ticket, filed, now=world.now)
    with browser_of(application, world.node, AccountRole.ANALYST, now=world.now) as analyst:
        counts = dict(re.findall(r'<a href="([^"]*)"[^>]*>[^<]* <b class="count">(\d+)', analyst.get("/today").text))
    assert counts == {"/deliveries": "1", "/reports": "1", "/reports/public": "1"}
    with browser_of(application, world.node, AccountRole.OPERATOR, now=world.now, teams=(1,)) as operator:
        assert 'class="count"' not in operator.get("/portal").text


def test_who_has_items_of_their_own_is_told_how_many(world: World) -> None:
    asked = []

    def items(_session: object, person: int, _now: object) -> int:
        asked.append(person)
        return 3

    reader = HeaderReader(world.node, items)
    assert reader.read(Principal(AccountRole.ANALYST, 7), "/today", world.now).mine == 3
    assert asked == [7]
    assert reader.read(Principal(AccountRole.OPERATOR, 8, teams=frozenset({1})), "/portal", world.now).mine is None


def test_all_who_work_here_see_on_every_page_that_nothing_is_sent(
    world: World, application: FastAPI, analyst: Browser
) -> None:
    band = 'class="halt"'
    assert band not in analyst.get("/events").text
    with world.node.database.begin() as session:
        stop(session, reason="The relay sends twice", actor="person:1", now=world.now)
    for path in ("/events", "/teams", "/account", "/readiness"):
        shown = analyst.get(path).text
        assert band in shown, path
        assert "Sending is stopped" in shown
        assert "The relay sends twice" in shown
        assert f"{world.now:%Y-%m-%d %H:%M}" in shown
    assert 'href="/deliveries/sending"' in shown
    with browser_of(application, world.node, AccountRole.OPERATOR, now=world.now, teams=(1,)) as operator:
        assert band not in operator.get("/portal").text
    with browser_of(application, world.node, AccountRole.NOBODY, now=world.now) as public:
        assert band not in public.get("/help").text
    with world.node.database.begin() as session:
        resume(session, actor="person:1", now=world.now)
        pull_brake(session, mails=700, most=500, now=world.now)
    assert "Sending is paused: volume limit" in analyst.get("/events").text
