"""Take-downs on pages: from the observables of an incident to a letter by one click, and what was seen."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from support.console_users import Browser, browser_of
from support.world import World, copy_world, make_world, text_of
from tocsin.incidents import ObservableKind, add_incident, add_observable
from tocsin.node.accounts import AccountRole
from tocsin.node.letters import Letter
from tocsin.server.server import make_application

KIT = {"ground": "phishing", "necessity": "It takes passwords", "basis": "Act 7", "how": "a mail of a bank"}
_MADE = re.compile(r'name="made" value="([^"]+)"')


@dataclass
class Case:
    """An incident in a browser."""

    world: World
    browser: Browser
    path: str

    def made(self, end: str) -> str:
        """The key of the form at an address."""
        found = _MADE.search(self.browser.get(self.path + end).text)
        assert found is not None
        return found[1]

    def later(self, **span: int) -> None:
        """So much later, signed in anew."""
        self.world.now += timedelta(**span)
        application = make_application(self.world.node, clock=lambda: self.world.now)
        browser = browser_of(application, self.world.node, AccountRole.ANALYST, now=self.world.now)
        self.browser = self.world.open.enter_context(browser)

    def tab(self) -> str:
        return text_of(self.browser.get(f"{self.path}/takedowns"))

    def letters(self) -> list[str]:
        with self.world.node.database.reading() as session:
            return list(session.scalars(select(Letter.mailbox).order_by(Letter.id)))


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_world(tmp_path_factory.mktemp("takedown-pages")).folder


@pytest.fixture
def case(made: Path, tmp_path: Path) -> Iterator[Case]:
    world = copy_world(made, tmp_path)
    with world.node.database.begin() as session:
        incident = add_incident(session, title="Bank kit", actor="test", now=world.now)
        for kind, value in ((ObservableKind.URL, "http://192.0.2.7/pay"), (ObservableKind.MD5, "0" * 32)):
            add_observable(session, incident, kind, value, role="indicator", tlp="AMBER", now=world.now)
        path = f"/incidents/{incident.reference}"
    application = make_application(world.node, clock=lambda: world.now)
    with world.open, browser_of(application, world.node, AccountRole.ANALYST, now=world.now) as browser:
        yield Case(world, browser, path)


def propose(case: Case) -> None:
    form = case.browser.get(f"{case.path}/act?act=takedowns")
    assert "hxxp://192[.]0[.]2[.]7/pay" in form.text, "what the incident has is filled in"
    made = _MADE.search(form.text)
    assert made is not None
    went = case.browser.send(f"{case.path}/takedowns", made=made[1], text="http://192.0.2.7/pay", **KIT)
    assert went.headers["location"].startswith(f"{case.path}/takedowns?undo=")


def test_one_click_writes_the_letter_and_a_second_one_writes_none(case: Case) -> None:
    assert "No take-downs" in case.tab()
    propose(case)
    tab = case.tab()
    for said in ("Next letters", "Example Operator", "Hosting provider", "hxxp://192[.]0[.]2[.]7/pay", "Proposed"):
        assert said in tab
    assert case.letters() == []
    made = case.made("/takedowns")
    for _ in range(2):
        case.browser.send(f"{case.path}/takedowns/ask", made=made, role="host", takedowns=["1"])
    assert case.letters() == ["abuse@operator.example"]
    tab = case.tab()
    assert "Asked" in tab
    assert "Next letters" not in tab
    case.later(days=4)
    assert "Next letters" in case.tab()
    assert "1 take-down is due" in text_of(case.browser.get("/takedowns?need=due"))
    made = case.made("/takedowns")
    for _ in range(2):
        case.browser.send(f"{case.path}/takedowns/remind", made=made, takedowns=["1"])
    assert case.letters() == ["abuse@operator.example"] * 2


def test_what_is_refused_says_why_and_keeps_what_was_chosen(case: Case) -> None:
    propose(case)
    made = case.made("/act?act=takedowns/remind&takedowns=1")
    said = case.browser.send(f"{case.path}/takedowns/remind", made=made, takedowns=["1"])
    assert said.status_code == 409
    assert "None of them waits for an answer." in text_of(said)
    assert 'name="takedowns" value="1"' in said.text
    assert case.browser.get(f"{case.path}/act?act=takedowns/saw&takedowns=99").status_code == 404
    for word in ("look-up", "check"):
        made = case.made(f"/act?act=takedowns/{word}&takedowns=1")
        case.browser.send(f"{case.path}/takedowns/{word}", made=made, takedowns=["1"])


def test_a_refusal_offers_the_next_one_and_hosts_are_measured(case: Case) -> None:
    propose(case)
    case.browser.send(f"{case.path}/takedowns/ask", made=case.made("/takedowns"), role="host", takedowns=["1"])
    made = case.made("/act?act=takedowns/refuse&takedowns=1")
    for _ in range(2):
        case.browser.send(f"{case.path}/takedowns/refuse", made=made, takedowns=["1"], reason="No ground")
    assert "Refused" in case.tab()
    case.later(hours=6)
    made = case.made("/act?act=takedowns/saw&takedowns=1")
    seen = {"seen": "gone", "how": "opened in a browser", "place": "AS64500"}
    case.browser.send(f"{case.path}/takedowns/saw", made=made, takedowns=["1"], **seen)
    assert "Gone · 2026-11-16 12:00 · opened in a browser · AS64500" in case.tab()
    listed = text_of(case.browser.get("/takedowns?state=all"))
    assert "Bank kit" in listed
    assert re.search(r"Example Operator\s+6 hours\s+1\s+1\s+0", listed), listed[-400:]
    timeline = text_of(case.browser.get(f"{case.path}?kind=observables"))
    for said in ("Take-downs proposed: 1", "Take-downs asked for: 1", "Take-downs refused: 1", "seen as “Gone”: 1"):
        assert said in timeline
