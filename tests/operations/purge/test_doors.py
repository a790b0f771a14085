"""The act of purging on its page and in the API: asked about by name, never with content, for who may meet it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from support.api_client import caller
from support.console_users import browser_of
from support.world import World, copy_world, make_world, text_of
from tocsin.node.accounts import AccountRole, Permission
from tocsin.node.accounts.permissions import extent
from tocsin.node.paths import HomeFolder
from tocsin.server.server import make_application

ADDRESS = "192.0.2.1"


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Path:
    world = make_world(tmp_path_factory.mktemp("fresh"))
    world.hear(ADDRESS, "192.0.2.2")
    return world.folder


@pytest.fixture
def world(fresh: Path, tmp_path: Path) -> Iterator[World]:
    made = copy_world(fresh, tmp_path)
    with made.open:
        yield made


def test_the_page_asks_first_and_shows_no_content(world: World) -> None:
    application = make_application(world.node, clock=lambda: world.now)
    with browser_of(application, world.node, AccountRole.PROTECTION_OFFICER, now=world.now) as browser:
        assert browser.get("/purge?reference=1-1").headers["location"] == "/purge/event:1-1"
        assert browser.get("/purge?reference=what").status_code == 422
        (aside := world.node.home / HomeFolder.TAKEN_BACK).mkdir()
        asked = browser.get("/purge/event:1-1").text
        assert [
            part for part in ("event:1-1", "2026-11-16 06:00", "for good", "Also deleted") if part not in asked
        ] == []
        assert ADDRESS not in asked
        assert browser.send("/purge/event:1-1", reason=" ").status_code == 422
        assert browser.send("/purge/event:1-1", reason="Not ours to hold").status_code == 303
        done = text_of(browser.get("/purge/event:1-1"))
        assert ("Purge event:1-1 Purged" in done, "Also deleted" in done, aside.exists()) == (True, False, False)
        assert "1 event and 0 unreadable rows purged" in browser.get("/purge").text
        assert browser.get("/purge/event:1-1").text.count("for good") == 0


def test_the_api_purges_by_reference(world: World) -> None:
    with caller(world, AccountRole.PROTECTION_OFFICER) as client:
        done = client.post("/purges/event:1-1", json={"reason": "Not ours to hold"})
        again = client.post("/purges/1-1", json={"reason": "Not ours to hold"})
        assert (done.status_code, done.json()["events"], again.json()["events"]) == (200, 1, 1)
        wrong = client.post("/purges/what", json={"reason": "x"})
        assert (wrong.status_code, "event:12-3" in wrong.json()["hint"]) == (400, True)
        assert client.post("/purges/event:1-2", json={}).status_code == 422


@pytest.mark.parametrize("role", [role for role in AccountRole if not extent(role, Permission.CONTENT_PURGE)])
def test_no_other_role_learns_of_it(world: World, role: AccountRole) -> None:
    if role is AccountRole.NOBODY:
        return
    application = make_application(world.node, clock=lambda: world.now)
    with browser_of(application, world.node, role, now=world.now) as browser:
        assert browser.get("/purge").status_code == 404
        assert browser.send("/purge/event:1-1", reason="x").status_code == 404
        for path in ("/events?open=1-1", "/reports/1", "/reports/public"):
            assert "/purge" not in browser.get(path).text


def test_who_meets_it_finds_the_way(world: World) -> None:
    application = make_application(world.node, clock=lambda: world.now)
    with browser_of(application, world.node, AccountRole.ANALYST, now=world.now) as browser:
        assert 'href="/purge/event:1-1"' in browser.get("/events?open=1-1").text
        assert browser.send("/purge/event:1-1", reason="Not ours to hold").status_code == 303
        assert ADDRESS not in browser.get("/events").text
