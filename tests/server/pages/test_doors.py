"""Who comes in where: each role at its own work, nobody at what is not theirs, and no form from elsewhere."""

import re
from pathlib import Path

import pytest

from support.console_users import browser_of
from support.world import START, World, copy_world
from tocsin.node.accounts import AccountRole
from tocsin.server.server import make_application


@pytest.fixture
def world(fresh: Path, tmp_path: Path) -> World:
    return copy_world(fresh, tmp_path)


@pytest.mark.parametrize(
    ("role", "first"),
    [
        (AccountRole.ANALYST, "/today"),
        (AccountRole.OPERATOR, "/portal"),
        (AccountRole.ASSESSOR, "/readiness"),
        (AccountRole.NOBODY, "/help"),
    ],
)
def test_each_role_begins_at_its_own_work(world: World, role: AccountRole, first: str) -> None:
    application = make_application(world.node, clock=lambda: START)
    with browser_of(application, world.node, role, now=START, teams=(1,)) as browser:
        assert browser.get("/").headers["location"] == first


def test_what_is_not_for_a_visitor_looks_like_what_is_not_there(world: World) -> None:
    application = make_application(world.node, clock=lambda: START)
    with browser_of(application, world.node, AccountRole.DELEGATE, now=START) as browser:
        forbidden, missing = browser.get("/today"), browser.get("/no-such-page")
    assert forbidden.status_code == missing.status_code == 404
    assert forbidden.text.replace("/today", "/X") == missing.text.replace("/no-such-page", "/X")


@pytest.mark.parametrize("path", ["/reports/abc", "/reports/99999999999999999999", "/rules/versions/x"])
def test_an_address_that_nothing_can_have_is_a_page_too(world: World, path: str) -> None:
    application = make_application(world.node, clock=lambda: START)
    with browser_of(application, world.node, AccountRole.ANALYST, now=START) as browser:
        answer = browser.get(path)
    assert answer.status_code == 404
    assert re.search("<h1[^>]*>Page not found</h1>", answer.text)


def test_events_and_mails_are_not_copied_from_the_screen(world: World) -> None:
    world.hear("192.0.2.1")
    application = make_application(world.node, clock=lambda: world.now)
    with browser_of(application, world.node, AccountRole.ANALYST, now=world.now) as browser:
        assert 'aria-labelledby="rows" data-bare>' in browser.get("/events").text


def test_whoever_is_not_signed_in_is_led_there_and_back(world: World) -> None:
    application = make_application(world.node, clock=lambda: START)
    with browser_of(application, world.node, AccountRole.NOBODY, now=START) as browser:
        assert browser.get("/today?day=1").headers["location"] == "/sign-in?next=%2Ftoday%3Fday%3D1"


def test_a_page_in_another_language_and_theme(world: World) -> None:
    application = make_application(world.node, clock=lambda: START)
    with browser_of(application, world.node, AccountRole.ANALYST, now=START) as browser:
        chosen = browser.client.post(
            "/settings", data={"next": "//elsewhere.example", "theme": "dark"}, follow_redirects=False
        )
        assert chosen.headers["location"] == "/"
        assert 'data-theme="dark"' in browser.get("/today").text
        assert browser.get("/static/page.css?x").headers["cache-control"].endswith("immutable")


def test_whoever_is_signed_in_gets_a_page_when_events_or_records_cannot_be_read(world: World) -> None:
    world.hear("192.0.2.1")
    application = make_application(world.node, clock=lambda: START)
    with browser_of(application, world.node, AccountRole.ANALYST, now=START) as browser:
        for part in (world.node.home / "events").rglob("*.parquet"):
            if "_delta_log" not in part.parts:
                part.unlink()
        events, api = browser.get("/events"), browser.get("/api/v1/events")
        assert (events.status_code, api.status_code) == (503, 503)
        assert "Storage not available" in events.text
        assert 'href="/events"' in events.text
        for path in {*world.node.home.glob("records.sqlite*")} - {world.node.home / "records.sqlite-shm"}:
            with path.open("r+b") as file:  # as a disk that fails; a file that is cut would end whoever has it mapped
                file.write(b"x" * path.stat().st_size)
        world.node.database.close()  # and what they had read of it
        page, answer = browser.get("/teams"), browser.get("/api/v1/me")
    assert (page.status_code, answer.status_code) == (503, 503)
    assert re.search("<h1[^>]*>Storage not available</h1>", page.text)
    assert "/today" not in page.text
    assert answer.headers["content-type"] == "application/problem+json"
