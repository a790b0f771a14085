"""The side of the team: reports from the public are taken, answered and closed by some, and hidden from the rest."""

import re
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import select

from support.browser import browser
from support.console_users import Browser, browser_of, person, session_of
from support.world import START, World, copy_world, served, text_of
from tocsin.incidents.arrivals import (
    ReportAttachment,
    ReportForm,
    ReportKind,
    Ticket,
    file_report,
    form_word,
    report_for,
    ticket_of,
)
from tocsin.node.accounts import AccountRole
from tocsin.node.letters import Letter
from tocsin.node.records import AuditEntry
from tocsin.node.tokens import open_tokens
from tocsin.operations.retention import apply_retention
from tocsin.pipeline.uploads import waiting_since
from tocsin.server.security import COOKIE
from tocsin.server.server import make_application


@pytest.fixture
def world(fresh: Path, tmp_path: Path) -> World:
    return copy_world(fresh, tmp_path)


def _report(world: World, **fields: Any) -> Ticket:
    tokens = open_tokens(world.node.home)
    ticket = ticket_of(form_word(tokens, START), tokens, START)
    assert ticket is not None
    filed = ReportForm(ReportKind.DECEIT, "A <b>false</b> page of my bank", place="192.0.2.200", **fields)
    files = [ReportAttachment("a page.txt", b"<script>alert(1)</script>")]
    file_report(world.node.database, world.node.inbox, ticket, filed, files, now=START)
    return ticket


@pytest.fixture
def analyst(world: World) -> Iterator[Browser]:
    application = make_application(world.node, clock=lambda: START)
    with browser_of(application, world.node, AccountRole.ANALYST, now=START) as found:
        yield found


def _state(world: World, ticket: Ticket) -> tuple[str, int | None]:
    with world.node.database.reading() as session:
        found = report_for(session, ticket.reference, ticket.secret)
    assert found is not None
    return found.state, found.owner


def _wait_for_intake(world: World) -> None:
    """Until the server has taken in what was sent to it."""
    until = time.monotonic() + 120
    while True:
        with world.node.database.reading() as session:
            if waiting_since(session) is None:
                return
        assert time.monotonic() < until
        time.sleep(0.05)


def _as_reporter(of: Browser, ticket: Ticket) -> httpx.Response:
    """What the reporter sees of his report."""
    with httpx.Client(base_url=of.client.base_url, trust_env=False, timeout=120) as client:
        return client.post("/report/answer", data={"reference": ticket.reference, "secret": ticket.secret})


def test_who_sends_the_form_of_a_page_that_is_old_is_told(world: World, analyst: Browser) -> None:
    ticket = _report(world)
    path = f"/reports/public/{ticket.reference}"
    page = analyst.get(path).text  # open in a second tab
    seen, made = (re.findall(rf'name="{name}" value="([^"]+)"', page)[0] for name in ("seen", "made"))
    for _ in range(2):  # pressed twice is no second writer
        assert analyst.send(f"{path}/take", seen=seen).status_code == 303
    for act, fields in {
        "state": {"state": "closed"},
        "leave": {},
        "erase": {},
        "say": {"made": made, "what": "answer", "text": "What I typed in the other tab"},
    }.items():
        told = analyst.send(f"{path}/{act}", seen=seen, **fields)
        assert told.status_code == 422, act
        assert "answered or changed meanwhile" in told.text, act
    assert "What I typed in the other tab</textarea>" in told.text
    assert _state(world, ticket)[0] == "open"
    now = re.findall(r'name="seen" value="([^"]+)"', told.text)[0]
    for _ in range(2):
        sent = analyst.send(f"{path}/say", seen=now, made=made, what="answer", text="What I typed")
        assert sent.status_code == 303
    assert _as_reporter(analyst, ticket).text.count("What I typed") == 1


def test_a_report_is_taken_answered_by_mail_and_closed(world: World, analyst: Browser) -> None:
    ticket = _report(world, mailbox="reporter@example.org")
    path = f"/reports/public/{ticket.reference}"
    assert "1 report is not assigned" in text_of(analyst.get("/reports/public"))
    page = analyst.get(path)
    assert "A &lt;b&gt;false&lt;/b&gt; page" in page.text
    assert "/lookup?q=192.0.2.200" in page.text
    assert analyst.send(f"{path}/take").headers["location"] == f"{path}?done=take"
    assert _state(world, ticket)[0] == "open"
    made = re.findall(r'name="made" value="([^"]+)"', page.text)[0]
    for _ in range(2):  # a form that is sent twice answers once
        analyst.send(f"{path}/say", made=made, what="answer", asks="1", text="Which bank is it?")
    assert _state(world, ticket)[0] == "waiting"
    analyst.send(f"{path}/state", state="closed")
    assert _state(world, ticket)[0] == "closed"
    with world.node.database.reading() as session:
        mail = session.scalars(select(Letter)).one()
        assert mail.mailbox == "reporter@example.org"
        assert mail.subject == f"Answer to your report {ticket.reference}"
        assert "Which bank is it?" in mail.body
        assert "https://csirt.example/report/answer" in mail.body
        assert ticket.secret not in mail.body
        read = session.scalars(select(AuditEntry).where(AuditEntry.word == "personal.read")).all()
        assert {entry.subject for entry in read} == {f"inbox:{ticket.reference}"}
    seen = _as_reporter(analyst, ticket)
    assert "Which bank is it?" in seen.text
    assert "Analyst" not in seen.text  # who it was in the team is not for the reporter


def test_a_report_is_assigned_to_a_colleague_and_closed_with_a_reason(world: World, analyst: Browser) -> None:
    ticket = _report(world)
    path = f"/reports/public/{ticket.reference}"
    colleague = person(world.node, AccountRole.MANAGER, now=START)
    outsider = person(world.node, AccountRole.AUDITOR, now=START)
    assert analyst.send(f"{path}/assign", owner=str(colleague)).headers["location"] == f"{path}?done=assign"
    assert _state(world, ticket) == ("open", colleague)
    refused = analyst.send(f"{path}/assign", owner=str(outsider))
    assert refused.status_code == 422
    assert "may not work on reports" in text_of(refused)
    page = text_of(analyst.get(f"/reports/public?owner={colleague}"))
    assert "1 match" in page
    assert ticket.reference in page
    assert "No matches" in text_of(analyst.get("/reports/public?owner=none"))
    assert "No matches" in text_of(analyst.get("/reports/public?kind=spam"))
    analyst.send(f"{path}/state", state="closed", reason="passed-on")
    assert "Closed with an answer \N{MIDDLE DOT} Passed on to the responsible team" in text_of(analyst.get(path))
    assert "Closed: Passed on to the responsible team" in text_of(_as_reporter(analyst, ticket))


def test_an_answer_begins_with_a_template_in_the_language_of_the_reporter(world: World, analyst: Browser) -> None:
    ticket = _report(world, language="fr")
    page = analyst.get(f"/reports/public/{ticket.reference}?template=passed-on").text
    assert "Merci de votre signalement." in page.partition('<textarea id="text"')[2].partition("</textarea>")[0]
    assert '<option value="solved">Résolu</option>' in page
    assert analyst.get(f"/reports/public/{ticket.reference}?template=../words").status_code == 200


def test_an_event_is_made_of_a_report_and_the_responsible_team_is_notified(world: World, analyst: Browser) -> None:
    ticket = _report(world, mailbox="reporter@example.org")
    path = f"/reports/public/{ticket.reference}"
    assert "To notify: Bank Sector Team" in text_of(analyst.get(path))
    for _ in range(2):  # pressed twice is one event
        assert analyst.send(f"{path}/notify").headers["location"] == f"{path}?done=notify"
    page = analyst.get(path).text
    assert len(re.findall(r'href="(/reports/sent/[0-9a-f-]+)"', page)) == 1
    assert "/events?address=192.0.2.200" in page
    _wait_for_intake(world)
    mails = world.tell()
    assert {"cert@banks.example"} <= {mail.to for mail in mails.values()}
    told = str(mails)
    assert "192.0.2.200" in told
    assert "reporter@example.org" not in told
    assert "of my bank" not in told


def test_notes_stay_inside_and_empty_answers_are_refused(world: World, analyst: Browser) -> None:
    ticket = _report(world)
    path = f"/reports/public/{ticket.reference}"
    made = re.findall(r'name="made" value="([^"]+)"', analyst.get(path).text)[0]
    assert analyst.send(f"{path}/say", made=made, what="answer", text=" ").status_code == 422
    analyst.send(f"{path}/say", made=made, what="note", text="Known to the bank")
    assert "Known to the bank" in analyst.get(path).text
    seen = _as_reporter(analyst, ticket)
    assert seen.status_code == 200
    assert "Known to the bank" not in seen.text


def test_files_are_handed_out_as_bytes_only(world: World, analyst: Browser) -> None:
    ticket = _report(world)
    page = analyst.get(f"/reports/public/{ticket.reference}").text
    (link,) = re.findall(r'href="(/reports/public/[^"]+/files/\d+)"', page)
    answer = analyst.get(link)
    assert answer.content == b"<script>alert(1)</script>"
    assert answer.headers["content-type"] == "application/octet-stream"
    assert answer.headers["content-disposition"] == "attachment; filename*=utf-8''a%20page.txt"
    assert answer.headers["content-security-policy"].startswith("sandbox")
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert analyst.get(link + "0").status_code == 404


def test_on_request_a_report_is_gone(world: World, analyst: Browser) -> None:
    ticket = _report(world)
    assert analyst.send(f"/reports/public/{ticket.reference}/erase").headers["location"] == "/reports/public"
    assert analyst.get(f"/reports/public/{ticket.reference}").status_code == 404
    assert not [path for path in world.node.inbox.folder.rglob("*") if path.is_file()]


def test_closed_reports_go_with_the_daily_tidying(world: World, analyst: Browser) -> None:
    closed, still_open = _report(world), _report(world)
    analyst.send(f"/reports/public/{closed.reference}/state", state="closed")
    applied = apply_retention(world.node, now=START + timedelta(days=366))
    assert applied.inbox_deleted == 1
    assert _state(world, still_open)[0] == "new"
    assert analyst.get(f"/reports/public/{closed.reference}").status_code == 404


@pytest.mark.parametrize("role", [AccountRole.AUDITOR, AccountRole.OPERATOR, AccountRole.DELEGATE, AccountRole.NOBODY])
def test_others_read_at_most(world: World, role: AccountRole) -> None:
    ticket = _report(world)
    path = f"/reports/public/{ticket.reference}"
    application = make_application(world.node, clock=lambda: START)
    with browser_of(application, world.node, role, now=START, teams=(1,)) as visitor:
        page = visitor.get(path)
        assert (page.status_code == 200) is (role is AccountRole.AUDITOR)
        assert '<form method="post" action="/reports/public' not in page.text
        missing = visitor.get("/reports/public/0000-0000")
        assert role is AccountRole.AUDITOR or missing.status_code == page.status_code
        for act in ("take", "assign", "leave", "state", "say", "notify", "erase"):
            assert visitor.send(f"{path}/{act}", state="closed").status_code in {303, 404}
    assert _state(world, ticket) == ("new", None)


def test_a_page_that_somebody_else_made_cannot_take_a_report(world: World, analyst: Browser) -> None:
    ticket = _report(world)
    answer = analyst.client.post(f"/reports/public/{ticket.reference}/take", data={"csrf": "forged"})
    assert answer.status_code == 403
    assert _state(world, ticket) == ("new", None)


def test_an_analyst_answers_by_keyboard(world: World) -> None:
    ticket = _report(world)
    application = make_application(world.node, clock=lambda: START)
    secret = session_of(world.node, person(world.node, AccountRole.ANALYST, now=START), now=START)
    with served(application) as port, browser() as page:
        page.command("Network.setCookie", name=COOKIE, value=secret, url=f"http://127.0.0.1:{port}")
        page.open(f"http://127.0.0.1:{port}/reports/public/{ticket.reference}")
        page.read("document.getElementById('text').focus()")
        page.write("Thank you")
        page.press("Tab", "Tab")
        before = page.loads
        page.press("Enter")
        page.wait_for_load(before)
        assert "Thank you" in page.read("document.querySelector('.history').textContent")
    assert _state(world, ticket)[0] == "open"
