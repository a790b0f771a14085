"""The page of today in a real browser: it changes by itself, keeps what had the focus, and ends with the session."""

import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import delete

from support.browser import Page, browser
from support.console_users import browser_of, person, session_of
from support.world import START, World, copy_world, served
from tocsin.node.accounts import AccountRole, Session
from tocsin.server.pages.today.change_notifier import MOST
from tocsin.server.security import COOKIE
from tocsin.server.server import make_application


@pytest.fixture
def world(fresh: Path, tmp_path: Path) -> World:
    return copy_world(fresh, tmp_path)


@pytest.fixture
def page(world: World) -> Iterator[tuple[Page, str]]:
    """The page of today, open, and the address of its server."""
    application = make_application(world.node, clock=lambda: world.now)
    secret = session_of(world.node, person(world.node, AccountRole.ANALYST, now=START), now=START)
    with served(application) as port, browser() as tab:
        address = f"http://127.0.0.1:{port}"
        tab.command("Network.setCookie", name=COOKIE, value=secret, url=f"{address}/")
        tab.open(f"{address}/today")
        yield tab, address


def becomes(tab: Page, expression: str, wanted: Any) -> bool:
    """Whether an expression has that value soon; the page looks every other second."""
    until = time.monotonic() + 300
    while (found := tab.read(expression)) != wanted and time.monotonic() < until:
        time.sleep(0.1)
    return bool(found == wanted)


def test_what_came_in_appears_without_a_reload_and_the_focus_stays(world: World, page: tuple[Page, str]) -> None:
    tab, _ = page
    assert becomes(tab, "document.getElementById('live-state').className", "state-good")
    world.hear("198.51.100.7")
    assert becomes(tab, "document.querySelector('#heard').textContent", "Received: 1 row (last 24 hours)")
    tab.read("document.querySelector('#today-heard a').focus()")
    loads = tab.loads
    world.hear("198.51.100.8", "198.51.100.9")
    assert becomes(tab, "document.querySelector('#heard').textContent", "Received: 3 rows (last 24 hours)")
    assert tab.loads == loads
    assert tab.read("document.activeElement.getAttribute('href')") == "/reports?feed=shadowserver/scan_rdp"
    assert "3 events have no contact" in tab.read("document.querySelector('#today-needs').textContent")
    assert tab.read("document.getElementById('live-said').textContent") == "1 item needs action"


def test_the_stream_ends_with_the_session(world: World, page: tuple[Page, str]) -> None:
    tab, _ = page
    assert becomes(tab, "document.getElementById('live-state').className", "state-good")
    with world.node.database.begin() as session:
        session.execute(delete(Session))
    assert becomes(tab, "document.getElementById('live-state').textContent", "Not live: sign in again.")


def test_a_stream_says_what_is_and_then_what_changed(world: World) -> None:
    application = make_application(world.node, clock=lambda: world.now)
    with (
        browser_of(application, world.node, AccountRole.ANALYST, now=START) as one,
        one.client.stream("GET", "/today/live") as stream,
    ):
        assert stream.headers["content-type"].startswith("text/event-stream")
        lines = (line for line in stream.iter_lines() if line.startswith("data: "))
        first = next(lines)
        world.hear("192.0.2.1")
        assert next(lines) != first


def test_one_person_has_a_number_of_streams_and_others_have_theirs(world: World) -> None:
    application = make_application(world.node, clock=lambda: world.now)
    with (
        browser_of(application, world.node, AccountRole.ANALYST, now=START) as one,
        httpx.Client(base_url=one.client.base_url, trust_env=False, timeout=120) as other,
        ExitStack() as streams,
    ):
        lines: list[Iterator[str]] = []  # one that is not kept ends its stream
        secret = session_of(world.node, person(world.node, AccountRole.MANAGER, now=START), now=START)
        other.cookies.set(COOKIE, secret)

        def opened(client: httpx.Client) -> int:
            stream = streams.enter_context(client.stream("GET", "/today/live"))
            lines.append(stream.iter_lines())
            if stream.status_code == 200:
                next(lines[-1])
            return stream.status_code

        assert [opened(one.client) for _ in range(MOST + 2)] == [200] * MOST + [429] * 2
        assert opened(other) == 200
        streams.close()
        lines.clear()
        deadline = time.monotonic() + 300
        while (status := opened(one.client)) != 200 and time.monotonic() < deadline:
            time.sleep(0.1)
        assert status == 200
