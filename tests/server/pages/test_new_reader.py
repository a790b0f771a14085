"""Eight tasks by the words on screen alone: from the first page by links and buttons, no address typed, no manual."""

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from support.browser import browser
from support.cast import HEADER
from support.console_users import person, session_of
from support.form_filling import Hand
from support.world import World, copy_world, served
from tocsin.delivery.outbox import claim
from tocsin.directory import read_team
from tocsin.incidents.arrivals import ReportForm, ReportKind, file_report, form_word, ticket_of
from tocsin.node.accounts import AccountRole
from tocsin.node.tokens import open_tokens
from tocsin.pipeline.ingest import ingest
from tocsin.server.security import COOKIE
from tocsin.server.server import make_application

OWN, BANK, GREEN, NOBODYS = "192.0.2.1", "192.0.2.200", "203.0.113.9", "198.51.100.7"


class Reader(Hand):
    """Somebody who sees these pages for the first time."""

    def enter(self, secret: str) -> None:
        """Sign in and stand on the first page."""
        self._page.command("Network.setCookie", name=COOKIE, value=secret, url=f"{self._base}/")
        self.go("/")

    def open(self, place: str) -> None:
        """Go to a place of the navigation by its name."""
        self._page.read("window.before = true")
        self._on("'nav.places a'", place, "found.click()", part=True)
        self._until_loaded()

    def search(self, text: str) -> None:
        """Type into the field at the head of each page, and press Enter."""
        field = 'input[placeholder="Search: address, team, reference"]'
        self._page.read(f"window.before = true; document.querySelector({json.dumps(field)}).focus()")
        self._page.write(text)
        self._page.read("document.activeElement.form.requestSubmit()")
        self._until_loaded()

    def follow(self, words: str) -> None:
        """Press the first link that holds these words, among others."""
        self._page.read("window.before = true")
        self._on("'main a'", words, "found.click()", part=True)
        self._until_loaded()


def _furnish(world: World) -> World:
    """What an ordinary morning brings."""
    world.hear(OWN, "192.0.2.2", BANK, GREEN, NOBODYS)
    held = read_team(world.node.database, "nat-a")[0].id
    with world.node.database.begin() as session:
        claim(session, teams=[held], held=[held], domain="csirt.example", channel="file", now=world.now)
    world.at(0.01).tell()
    path = world.folder / f"{world.now:%Y-%m-%d}-scan_rdp-unreadable-geo.csv"
    row = '"2026-11-16 05:00:00","medium","999.1.1.1","tcp",3389,,"rdp",64500,"MU",,'
    path.write_text(f"{HEADER}\n{row}\n")
    ingest(world.node, [path], clock=lambda: world.now)
    tokens = open_tokens(world.node.home)
    ticket = ticket_of(form_word(tokens, world.now - timedelta(minutes=1)), tokens, world.now)
    assert ticket is not None
    filed = ReportForm(ReportKind.DECEIT, "A false page of my bank", place=BANK, mailbox="reader@example.org")
    file_report(world.node.database, world.node.inbox, ticket, filed, [], now=world.now)
    return world


@pytest.fixture(scope="module")
def world(fresh: Path, tmp_path_factory: pytest.TempPathFactory) -> World:
    """One node for all tasks: each takes another of its things."""
    return _furnish(copy_world(fresh, tmp_path_factory.mktemp("reader")))


@pytest.fixture(scope="module")
def anybody(world: World) -> Iterator[Reader]:
    """A browser on that node in which nobody has signed in."""
    application = make_application(world.node, clock=lambda: world.now)
    with served(application) as port, browser() as tab:
        yield Reader(tab, f"http://127.0.0.1:{port}")


@pytest.fixture
def analyst(world: World, anybody: Reader) -> Reader:
    anybody.enter(session_of(world.node, person(world.node, AccountRole.ANALYST, now=world.now), now=world.now))
    assert anybody.title == "Today"
    return anybody


def test_a_caller_names_an_address(analyst: Reader) -> None:
    analyst.search(OWN)
    assert "Example Operator" in analyst.text
    assert "abuse@operator.example" in analyst.text
    assert "1 open problem" in analyst.text
    analyst.press("Example Operator")
    assert analyst.title == "Example Operator"


def test_a_row_cannot_be_read(analyst: Reader) -> None:
    analyst.press("1 unreadable row")
    analyst.follow("999.1.1.1")
    assert "not valid" in analyst.text
    analyst.fill("Text of the row", f'"2026-11-16 05:00:00","medium","{OWN}","tcp",3390,,"rdp",64500,"MU",,')
    analyst.press("Reprocess")
    assert "1 row reprocessed" in analyst.text


def test_nobody_is_known_for_a_network(analyst: Reader) -> None:
    analyst.press("1 event has no contact (last 24 hours)")
    analyst.fill("Team", "New Operator")
    analyst.fill("Email address of a new team", "noc@new.example")
    analyst.press("Add and preview")
    analyst.press("Notify now")
    assert "1 event has a contact now" in analyst.text


def test_why_an_event_was_withheld_and_how_it_gets_out(analyst: Reader) -> None:
    analyst.press("1 event withheld (last 24 hours)")
    assert "The team wants nothing marked as high as this." in analyst.text
    analyst.press("Raise the maximum TLP of Wants Green Only")
    analyst.press("Save settings")
    assert analyst.title == "Wants Green Only"
    analyst.open("Today")
    assert "withheld" not in analyst.text


def test_a_notification_is_held(analyst: Reader) -> None:
    analyst.follow("held")
    analyst.follow("TOC-")
    assert "held for review, to National CSIRT of A" in analyst.text
    analyst.press("Release")
    assert "1 mail released" in analyst.text


def test_a_team_says_on_the_phone_that_it_is_fixed(analyst: Reader) -> None:
    analyst.open("Problems")
    analyst.follow(BANK)
    analyst.fill("Spoken with", "Ms Example")
    analyst.press("Fixed")
    assert "Answer recorded for 1 problem." in analyst.text


def test_somebody_of_the_public_reported_something(analyst: Reader) -> None:
    analyst.press("1 report in the inbox has no owner")
    analyst.follow("-")
    assert "A false page of my bank" in analyst.text
    analyst.fill("Text", "Thank you. The bank has been notified.")
    analyst.press("Send answer")
    assert "Waiting for the reporter" in analyst.text or "In progress" in analyst.text


def test_an_operator_has_fixed_all(world: World, anybody: Reader) -> None:
    own = read_team(world.node.database, "operator")[0].id
    operator = person(world.node, AccountRole.OPERATOR, now=world.now, teams=(own,))
    anybody.enter(session_of(world.node, operator, now=world.now))
    assert anybody.title == "To fix"
    anybody.tick("Select all 2 problems on this page")
    anybody.tick("Fixed")
    anybody.press("Set the status")
    assert "No open problems" in anybody.text
