"""A delegate and a chair from a text to the next draft in a real browser, without a command."""

import json
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from drafting.conftest import Room
from support.browser import Page, browser
from support.console_users import person, session_of
from support.form_filling import Hand
from support.page_checks import misfits, violations
from support.world import served
from tocsin.drafting.acts import Act, AppointChair, Close, PutInBrackets
from tocsin.drafting.history import verify
from tocsin.drafting.keys import made_account_key
from tocsin.drafting.model import PositionKind
from tocsin.drafting.store import append
from tocsin.node.accounts import AccountRole, Person
from tocsin.server.security import COOKIE


@contextmanager
def _seat(room: Room, address: str, number: int, *, scripts: bool) -> Iterator[tuple[Hand, Page]]:
    """The browser of somebody who is signed in."""
    with browser(scripts=scripts) as tab:
        secret = session_of(room.world.node, number, now=room.world.now)
        tab.command("Network.setCookie", name=COOKIE, value=secret, url=f"{address}/")
        yield Hand(tab, address), tab


def _account(room: Room, name: str, role: AccountRole = AccountRole.DELEGATE) -> int:
    number = person(room.world.node, role, now=room.world.now, mailbox=f"{name.lower()}@people.example")
    with room.world.node.database.begin() as session:
        session.get_one(Person, number).name = name
    return number


@pytest.fixture
def address(room: Room) -> Iterator[str]:
    with served(room.application) as port:
        yield f"http://127.0.0.1:{port}"


def _propose(hand: Hand) -> None:
    """See the difference while typing, and record the words."""
    hand.go("/")
    assert hand.title == "Drafting"
    hand.press("Code for warnings")
    hand.press("P.b")
    hand.press("Propose words")
    hand.fill("Stakeholder", "Celand")
    hand.fill("Words", "Keep logs for a week.")
    hand.until(lambda: hand.read("document.querySelector('#preview ins')?.innerText.trim()") == "week")
    assert hand.read("document.querySelector('#preview del').innerText.trim()") == "year"
    assert hand.path.endswith("/propose")
    hand.fill("Reason", "Disks are small.")
    hand.press("Record proposal")
    assert hand.title == "Provision P.b"
    assert "Disks are small." in hand.text


def _speak(hand: Hand) -> None:
    """Take a position; write a comment and take it back."""
    hand.go("/drafting/code/provisions/P.b")
    hand.fill("Stakeholder", "Celand")
    hand.choose("Position", "oppose")
    hand.fill("Reason", "A year is too long.")
    hand.press("Record position")
    assert "A year is too long." in hand.text
    hand.fill("Comment", "What of backups?")
    hand.press("Add comment")
    assert "What of backups?" in hand.text
    hand.press("Undo")
    assert "What of backups?" not in hand.text


def _decide(hand: Hand) -> None:
    """From the matrix to a closed round."""
    hand.go("/drafting/code")
    hand.press("Positions")
    assert "oppose" in hand.text
    hand.press("Next draft")
    assert "2 contested provisions are not decided" in hand.text
    hand.press("Decide P.b")
    hand.tick("week")
    hand.until(lambda: hand.read("document.querySelector('#preview ins')?.innerText.trim()") == "week")
    hand.press("Decide")
    hand.press("Decide P.a")
    hand.press("Leave as it is")
    assert "Every contested provision is decided" in hand.text
    hand.press("Confirm and close the round")
    assert hand.title == "Code for warnings"
    assert "Keep logs for a week." in hand.text


def _look_back(hand: Hand) -> None:
    """Words on the base before are offered to be rebased."""
    hand.go("/drafting/code")
    hand.press("P.b")
    hand.read("document.querySelector('article.proposal a').click()")  # Aland's words are on the base before
    hand.until(lambda: hand.title == "Rebase a proposal: P.b")
    assert "meet a change of the text" in hand.text


def test_from_a_proposal_to_the_next_draft(room: Room, address: str) -> None:
    boss = _account(room, "Secretary", AccountRole.ADMINISTRATOR)
    delegate, chair = _account(room, "Dana Delegate"), _account(room, "Carl Chair")
    with _seat(room, address, boss, scripts=True) as (hand, _):
        hand.go("/drafting/code/chair")
        hand.choose("Account", "Carl Chair")
        hand.press("Name chair")
        assert "Carl Chair" in hand.text
    for number, work in ((delegate, _propose), (delegate, _speak), (chair, _decide), (chair, _look_back)):
        with _seat(room, address, number, scripts=True) as (hand, tab):
            work(hand)
            assert not tab.complaints
    assert [one.base for one in room.draft.printed()][1] == "Keep logs for a week."
    assert [step.actor for step in room.steps if step.signature] == ["Secretary", *["Carl Chair"] * 3]
    verify(room.steps)


def test_without_scripts_the_difference_is_a_page(room: Room, address: str) -> None:
    delegate = _account(room, "Dana Delegate")
    with _seat(room, address, delegate, scripts=False) as (hand, _):
        hand.go("/drafting/code/provisions/P.b/propose")
        hand.fill("Stakeholder", "Celand")
        hand.fill("Words", "Support.")
        hand.press("Record proposal")
        assert "states a position and is no text" in hand.text
        hand.fill("Words", "Keep logs for a week.")
        hand.press("Show the difference")
        assert hand.read("document.querySelector('#preview ins').innerText.trim()") == "week"
        hand.press("Record proposal")
        assert hand.title == "Provision P.b"
    [said] = [one for one in room.draft.positions_on("P.b") if one.stakeholder == "Celand"]
    assert said.kind is PositionKind.AMEND


@pytest.mark.parametrize(("language", "theme"), [("en", "light"), ("ar", "dark")])
def test_what_only_a_chair_sees_violates_no_rule_of_wcag(room: Room, address: str, language: str, theme: str) -> None:
    """The gallery of `tests/server/pages` has the pages that others see."""
    chair = _account(room, "Carl Chair")
    key = made_account_key(room.world.node.home, chair)
    acts: list[Act] = [
        AppointChair("Carl Chair", key.public),
        PutInBrackets("P.b", "Keep logs for [a year] [a month].", ()),
        Close(),
        PutInBrackets("P.a", "Share warnings [early] [at once] with everybody.", ()),
    ]
    append(room.world.node.database, "code", lambda *_: acts, actor="Carl Chair", at=room.world.now, signer=key)
    wrong = []
    with _seat(room, address, chair, scripts=True) as (_, tab):
        tab.look(width=1280, theme=theme)
        for path in ("/chair", "/provisions/P.a/wordings", "/provisions/P.b", "/history?step=2", ""):
            tab.open(f"{address}/drafting/code{path}{'&' if '?' in path else '?'}language={language}")
            found = [*json.loads(violations(tab)), *misfits(tab, 320), *misfits(tab, 1280)]
            wrong += [(path, found)] if found else []
    assert wrong == []
