"""The end of an incident on pages: the tab, what speaks against it, lessons, figures, and the link for feedback."""

import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from support.console_users import Browser, browser_of
from support.page_examples import OWN
from support.world import World, copy_world, text_of
from tocsin.incidents import IncidentReader, add_incident, add_party, find_incident
from tocsin.incidents.closing import feedback_link
from tocsin.node.accounts import AccountRole
from tocsin.node.tokens import open_tokens
from tocsin.server.server import make_application

_MADE = re.compile(r'name="made"[^>]* value="([^"]+)"')


@pytest.fixture
def world(fresh: Path, tmp_path: Path) -> Iterator[World]:
    made = copy_world(fresh, tmp_path)
    with made.open:
        yield made


@pytest.fixture
def analyst(world: World) -> Iterator[Browser]:
    application = make_application(world.node, clock=lambda: world.now)
    with browser_of(application, world.node, AccountRole.ANALYST, now=world.now) as found:
        yield found


def incident(world: World, title: str = "Phishing", **more: Any) -> str:
    with world.node.database.begin() as session:
        made = add_incident(session, title=title, actor="person:1", now=world.now, **more)
        return f"/incidents/{made.reference}"


def close(browser: Browser, path: str, **values: str) -> None:
    done = browser.send(f"{path}/close", reason="Over", **values)
    assert done.status_code == 303, text_of(done)


def test_closing_asks_once_and_shows_what_was_said(analyst: Browser, world: World) -> None:
    path = incident(world, rsit_type="phishing")
    form = analyst.get(f"{path}/act?act=close").text
    choices = re.findall(r'<option value="([\w-]+)"[^>]*>', form.partition('name="root_cause"')[2])
    assert choices[:2] == ["unknown", "phished-credentials"]  # what is usual for the type comes first
    close(
        analyst, path, root_cause="supplier", detected_by="police", damage_least="5000", damage_most="", currency="EUR",
        worked="The phone tree", lessons="Ask suppliers", lessons_due="2031-01-01",
    )  # fmt: skip
    page = text_of(analyst.get(f"{path}/closing"))
    for words in ("Compromised supplier", "Police", "5,000", "EUR", "The phone tree", "Ask suppliers"):
        assert words in page, words
    assert "Ask suppliers" in text_of(analyst.get("/incidents/lessons"))
    assert "Root cause: Compromised supplier" in text_of(analyst.get(path))
    other = incident(world, "Another")
    analyst.send(f"{other}/closing/cause", root_cause="supplier")
    for page_of in (f"{other}/closing", f"{other}/act?act=close"):
        assert "Ask suppliers" in text_of(analyst.get(page_of)), page_of


def test_closing_says_what_feeds_still_see(analyst: Browser, world: World) -> None:
    path = incident(world)
    made = _MADE.findall(analyst.get(path).text)
    analyst.send(f"{path}/observables", text=OWN, made=made[-1])
    assert "Feeds still see" not in text_of(analyst.get(f"{path}/act?act=close"))
    form = _MADE.findall(analyst.get(f"{path}/act?act=milestone").text)
    before = f"{world.now - timedelta(hours=2):%Y-%m-%dT%H:%M}"
    analyst.send(f"{path}/milestone", milestone="recovered", happened_at=before, made=form[0])
    world.hear(OWN)
    page = text_of(analyst.get(f"{path}/act?act=close"))
    assert "1 open problem" in page
    assert "Recorded as recovered, but seen since" in page


def test_figures_are_shown_and_taken_away(analyst: Browser, world: World) -> None:
    path = incident(world, rsit_type="phishing")
    close(analyst, path)
    page = text_of(analyst.get("/incidents/figures"))
    assert "Incident figures" in page
    rows = analyst.get("/incidents/figures.csv").text.splitlines()
    assert "type,phishing,1,closed,1,0,0.0,0.0" in rows
    assert "all,,1,contained,0,1,," in rows


def test_a_party_says_by_link_how_it_went_once(analyst: Browser, world: World) -> None:
    path = incident(world)
    with world.node.database.begin() as session:
        found = find_incident(session, IncidentReader(None, world.now), path.rpartition("/")[2])
        party = add_party(
            session, found, role="reporter", team=None, name="Anna", mailbox="anna@home.example", phone="",
            language="fr", ceiling="AMBER", now=world.now,
        ).id  # fmt: skip
    link = feedback_link(open_tokens(world.node.home), party, world.now.date())
    letter = text_of(analyst.get(f"{path}/parties/{party}?template=feedback"))
    assert link in letter
    client = world.client(public=True)
    page = client.get(link)
    assert (page.status_code, page.headers["content-language"], "Phishing" in page.text) == (200, "fr", False)
    assert client.post(link, data={"text": "Merci"}).status_code == 422
    assert client.post(link, data={"rating": "yes", "text": "Merci <b>"}).status_code == 200
    again = [client.get(link), client.post(link, data={"rating": "no"}), client.get("/f/nothing")]
    assert {(one.status_code, text_of(one)) for one in again} == {(404, text_of(again[2]))}
    shown = analyst.get(f"{path}/closing").text
    assert "Merci &lt;b&gt;" in shown
    assert "Ask how it went" not in shown


def test_a_link_fills_in_only_what_pages_link_with(analyst: Browser, world: World) -> None:
    act = f"{incident(world)}/act?act="
    assert 'value="true" checked' in analyst.get(f"{act}tasks&lesson=true").text
    assert 'name="problems"' not in analyst.get(f"{act}affected&problems=hidden-key").text  # nobody would read it
    assert "by a stranger" not in analyst.get(f"{act}close&reason=by+a+stranger").text
