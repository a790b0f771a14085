"""An assessor and a reviewer in a real browser, without a command: start, answer, evidence, review, what-if, report."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from support.browser import browser
from support.console_users import browser_of, person, session_of
from support.form_filling import Hand
from support.world import World, served
from tocsin.node.accounts import AccountRole
from tocsin.server.security import COOKIE
from tocsin.server.server import make_application

_MINUTES = "Minutes of the forum: who attended, what was decided.\n"

_FORUM = (
    "existing.1.1 Does the country take part in at least one existing regional or international CSIRT forum, "
    "with somebody who attends?"
)


@contextmanager
def at_work(world: World, address: str, role: AccountRole, *, scripts: bool) -> Iterator[Hand]:
    """The tab of somebody."""
    secret = session_of(world.node, person(world.node, role, now=world.now), now=world.now)
    with browser(scripts=scripts) as page:
        page.command("Network.enable")
        page.command("Network.setCookie", name=COOKIE, value=secret, url=f"{address}/")
        yield Hand(page, address)


@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no scripts"])
def test_an_assessment_is_made_without_a_command(world: World, tmp_path: Path, *, scripts: bool) -> None:
    application = make_application(world.node, clock=lambda: world.now)
    with served(application) as port, ExitStack() as tabs:
        address = f"http://127.0.0.1:{port}"
        assessor, reviewer = (
            tabs.enter_context(at_work(world, address, role, scripts=scripts))
            for role in (AccountRole.ASSESSOR, AccountRole.ADMINISTRATOR)
        )
        _start(assessor)
        _answer(assessor, tmp_path)
        _review(reviewer)
        assessor.go("/readiness/1/scores")
        assert "Cooperation among all stakeholders" in assessor.text
        assert "In place and reviewed" not in assessor.text
        _what_if(assessor)
        _report(assessor, tmp_path, scripts=scripts)
    _audit_log_says_names(world)


def _start(hand: Hand) -> None:
    hand.go("/readiness")
    assert "No assessment is open" in hand.text
    hand.press("Start an assessment")
    hand.choose("Framework", "Building confidence")
    hand.fill("Who is assessed", "Fiji")
    hand.fill("Code", "FJI")
    hand.fill("Owner of the criteria", "Office for Digital Security")
    hand.press("Start")
    assert (hand.title, hand.path) == ("Fiji", "/readiness/1")
    assert "0 of 28 answered" in hand.text
    assert "Assessment started" in hand.text


def _answer(hand: Hand, folder: Path) -> None:
    hand.press("Answer the next question")
    assert hand.title == "Question existing.1.1"
    hand.tick("Planned")
    hand.fill("Note", "The ministry applied in May")
    hand.press("Save and go to the next question")
    assert hand.title == "Question a.1.1"
    hand.tick("In place")
    hand.press("Save")
    assert "Declared: " in hand.text
    (folder / "minutes.txt").write_text(_MINUTES, encoding="utf-8")
    hand.unfold("Add evidence")
    hand.fill("Title", "Minutes of the forum")
    hand.attach("File", folder / "minutes.txt")
    hand.press("Save the evidence")
    assert "Minutes of the forum" in hand.text
    hand.press("Next question")
    hand.tick("Partly in place")
    hand.press("Save")
    hand.unfold("Use evidence of another question")
    hand.choose("Evidence", "Minutes of the forum")
    hand.press("Attach")
    assert "Evidence attached" in hand.text


def _review(hand: Hand) -> None:
    hand.go("/readiness/1/questions/a.1.1")
    hand.unfold("Confirm the answer")
    hand.press("Confirm")
    assert "Verified: " in hand.text
    hand.press("Next question")
    hand.unfold("Comment, or send the answer back")
    hand.tick("Send back")
    hand.fill("Reason", "The minutes do not name it")
    hand.press("Save the review")
    assert "sent back" in hand.text
    hand.go("/readiness/1")
    assert "3 of 28 answered" in hand.text
    assert "1 answer was sent back and is not decided yet: a.2.1" in hand.text


def _what_if(hand: Hand) -> None:
    hand.press("What-if")
    assert "As answered; nothing is saved" in hand.text
    before = hand.read("[...document.querySelectorAll('.intervals .value')].map(one => one.innerText)")
    hand.choose(_FORUM, "In place and reviewed")
    hand.press("Calculate")
    assert "1 answer changed, nothing is saved" in hand.text
    after = hand.read("[...document.querySelectorAll('.intervals .value')].map(one => one.innerText)")
    assert (before[1], after[1]) == ("25", "100")
    assert before[0] != after[0]
    hand.go("/readiness/1/questions/existing.1.1")
    assert "Declared: Planned" in hand.text


def _report(hand: Hand, folder: Path, *, scripts: bool) -> None:
    hand.go("/readiness/1/report")
    table = hand.download("CSV", folder / "files").read_text(encoding="utf-8")
    assert "a.1.1" in table
    hand.press("Open to read and print")
    assert hand.read("document.querySelector('h1').innerText") == "Readiness of Fiji"
    assert "Minutes of the forum" in hand.read("document.body.innerText")
    assert hand.path == "/readiness/1/report.html"
    assert hand.read("getComputedStyle(document.querySelector('h1')).fontSize") == "31px"  # its style is let in
    assert bool(hand.read("document.querySelectorAll('#what-if select').length")) is scripts


def _audit_log_says_names(world: World) -> None:
    application = make_application(world.node, clock=lambda: world.now)
    with browser_of(application, world.node, AccountRole.AUDITOR, now=world.now) as auditor:
        shown = auditor.get("/audit?word=assessment.changed").text
    named = f'<a href="/readiness/1"><bdi>Fiji, as of {world.now:%Y-%m-%d}</bdi></a>'
    assert named in shown
    assert "<bdi>Assessor</bdi>" in shown
    assert "Minutes of the forum" in shown
    assert "Building confidence and security" in shown
