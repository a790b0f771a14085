"""The inbox as one list: written down from any page, put into incidents, closed by many, seen by those who may."""

import json
import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from support.abuse_reports import canaries, noted, xarf
from support.api_client import caller
from support.browser import browser
from support.console_users import Browser, browser_of, person, session_of
from support.world import START, World, copy_world, served, text_of
from tocsin.incidents import Incident, IncidentReader, add_incident
from tocsin.incidents.arrivals import (
    PublicReport,
    ReportDoor,
    ReportForm,
    ReportKind,
    add_report,
    incidents_with,
    put_into,
    ticket_named,
)
from tocsin.node.accounts import AccountRole
from tocsin.node.letters import Letter
from tocsin.node.tokens import open_tokens
from tocsin.pipeline.tables import ItemKind
from tocsin.pipeline.to_do import every_item
from tocsin.server.security import COOKIE
from tocsin.server.server import make_application


@pytest.fixture
def world(fresh: Path, tmp_path: Path) -> World:
    return copy_world(fresh, tmp_path)


@pytest.fixture
def analyst(world: World) -> Iterator[Browser]:
    application = make_application(world.node, clock=lambda: START)
    with browser_of(application, world.node, AccountRole.ANALYST, now=START) as found:
        yield found


def arrive(world: World, name: str, what: str = "Something", **more: Any) -> str:
    """The reference of a new report."""
    ticket = ticket_named(f"test/{name}", open_tokens(world.node.home))
    filed = ReportForm(ReportKind.DECEIT, what, door=ReportDoor.CHAT, **more)
    with world.node.database.begin() as session:
        return add_report(session, ticket, filed, now=START, actor="test").reference


def states(world: World) -> dict[str, str]:
    with world.node.database.reading() as session:
        return {one.reference: one.state for one in session.scalars(select(PublicReport))}


def reports(world: World) -> list[PublicReport]:
    with world.node.database.reading() as session:
        return list(session.scalars(select(PublicReport).order_by(PublicReport.id)))


def incidents(world: World) -> list[Incident]:
    with world.node.database.reading() as session:
        return list(session.scalars(select(Incident).order_by(Incident.id)))


def made_in(page: str) -> str:
    return str(re.findall(r'name="made"[^>]* value="([^"]+)"', page)[0])


def test_a_phone_note_is_saved_once_with_its_photo_and_its_ring_back_is_to_do_until_done(
    world: World, analyst: Browser
) -> None:
    made = made_in(analyst.get("/inbox/phone").text)
    note = {
        "csrf": analyst.csrf, "made": made, "door": "phone", "sender": "Ms Ramdin", "phone": "+230 5712 3456",
        "language": "fr", "what": "Locked files at hxxp://pay[.]example/x", "ring_back_at": "2026-11-16T07:30",
    }  # fmt: skip
    photo = [("files", ("letter.png", b"\x89PNG\r\n\x1a\n photo"))]
    for _ in range(2):
        sent = analyst.client.post("/inbox/phone", data=note, files=photo, follow_redirects=False)
        assert sent.status_code == 303
    (report,) = reports(world)
    assert (report.sender, report.phone, report.language, report.door) == ("Ms Ramdin", "+230 5712 3456", "fr", "phone")
    assert report.ring_back_at == START + timedelta(hours=1, minutes=30)
    page = text_of(analyst.get(f"/reports/public/{report.reference}"))
    assert "hxxp://pay[.]example/x" in page
    assert "letter.png" in page
    assert [one.count for one in every_item(world.node, START) if one.kind is ItemKind.RING_BACK] == [1]
    assert report.reference in analyst.get("/reports/public?state=all&call=1").text
    analyst.send(f"/reports/public/{report.reference}/ring-back")
    assert [one for one in every_item(world.node, START) if one.kind is ItemKind.RING_BACK and one.count] == []


def test_what_is_wrong_with_a_phone_note_is_said_and_what_was_typed_stays(world: World, analyst: Browser) -> None:
    made = made_in(analyst.get("/inbox/phone").text)
    told = analyst.send(
        "/inbox/phone", made=made, door="phone", what="It <b>burns</b>", mailbox="no address", ring_back_at="soon"
    )
    assert told.status_code == 422
    assert "It &lt;b&gt;burns&lt;/b&gt;</textarea>" in told.text
    assert "Write a time such as" in text_of(told)
    assert analyst.send("/inbox/phone", made=made, door="phone", what=" ").status_code == 422
    files = [("files", ("run.exe", b"MZ\0"))]
    data = {"csrf": analyst.csrf, "made": made, "door": "paper", "what": "See the file"}
    assert analyst.client.post("/inbox/phone", data=data, files=files).status_code == 422
    assert reports(world) == []


def test_the_list_shows_who_what_whose_network_and_where_it_may_belong(world: World, analyst: Browser) -> None:
    first = arrive(world, "1", "A page at 192.0.2.200", sender="Ann", mailbox="ann@example.net")
    with world.node.database.begin() as session:
        made = add_incident(session, title="Kit", actor="person:1", now=START)
        report = session.scalars(select(PublicReport)).one()
        put_into(session, report, made, person=1, actor="person:1", now=START)
    second = arrive(world, "2", "Also 192.0.2.200", sender="Ben")
    page = text_of(analyst.get("/reports/public"))
    assert first not in page
    for shown in ("Ben", "Chat", "192[.]0[.]2[.]200", "known", "Bank Sector Team", made.reference, "Kit"):
        assert shown in page
    assert "same observable" in page
    assert "All (2)" in page
    assert "Ann" in text_of(analyst.get("/reports/public?state=incident"))
    analyst.send("/reports/public/act", act="put", report=second, incident=made.reference)
    assert states(world) == {first: "incident", second: "incident"}


def test_an_incident_is_opened_of_reports_and_that_can_be_undone(world: World, analyst: Browser) -> None:
    both = [arrive(world, name, place="bank.example") for name in "12"]
    page = analyst.get(f"/reports/public/act?act=open-incident&report={both[0]}&report={both[1]}")
    assert 'value="Phishing, bank.example"' in page.text
    done = analyst.send("/reports/public/act", act="open-incident", report=both, title="Phishing of a bank")
    (made,) = incidents(world)
    assert done.headers["location"].startswith(f"/incidents/{made.reference}")
    assert (made.title, made.rsit_type, made.state) == ("Phishing of a bank", "phishing", "open")
    assert set(states(world).values()) == {"incident"}
    undo = re.findall(r"undo=(\d+)", done.headers["location"])[0]
    analyst.send(f"/undo/{undo}")
    assert incidents(world) == []
    assert set(states(world).values()) == {"new"}


def test_all_that_match_are_closed_at_once_but_none_that_came_since(world: World, analyst: Browser) -> None:
    matching = [arrive(world, f"spam {number}", "Buy this") for number in range(60)]
    other = arrive(world, "other", "A real one")
    page = analyst.get("/reports/public?q=Buy").text
    assert "Select all 60 reports that match" in page
    up_to = re.findall(r'name="up_to" value="(\d+)"', page)[0]
    late = arrive(world, "late", "Buy this too")
    chosen = {"every": "found", "query": "q=Buy", "up_to": up_to, "act": "close"}
    asked = analyst.client.get("/reports/public/act", params=chosen)
    assert "60 reports are selected" in text_of(asked)
    assert analyst.send("/reports/public/act", **chosen, count="59", reason="spam").status_code == 409
    analyst.send("/reports/public/act", **chosen, count="60", reason="spam")
    found = states(world)
    assert {found[one] for one in matching} == {"closed-without"}
    assert (found[other], found[late]) == ("new", "new")


def test_a_report_is_handed_over_rejected_and_taken_out(world: World, analyst: Browser) -> None:
    given, no = arrive(world, "1", "192.0.2.200 attacks"), arrive(world, "2")
    page = text_of(analyst.get(f"/reports/public/act?act=hand-over&report={given}"))
    assert "Bank Sector Team \N{CHECK MARK}" in page
    assert analyst.send("/reports/public/act", act="hand-over", report=given, team="sector").status_code == 422
    analyst.send("/reports/public/act", act="hand-over", report=given, team="sector", text="Please look at it.")
    with world.node.database.reading() as session:
        letter = session.scalars(select(Letter)).one()
    assert (letter.mailbox, letter.kind) == ("cert@banks.example", "inbox-hand-over")
    assert letter.body.startswith("Please look at it.")
    assert "attacks" not in letter.body
    assert "Bank Sector Team" in text_of(analyst.get(f"/reports/public/{given}"))
    assert analyst.send("/reports/public/act", act="reject", report=no).status_code == 422
    analyst.send("/reports/public/act", act="reject", report=no, reason="A joke")
    assert states(world) == {given: "handed-over", no: "rejected"}
    analyst.send(f"/reports/public/{no}/state", state="open")
    analyst.send("/reports/public/act", act="open-incident", report=no)
    reference = incidents(world)[0].reference
    wrong = analyst.send("/reports/public/act", act="close", report=no, reason="spam")
    assert wrong.status_code == 409
    assert "is in an incident" in text_of(wrong)
    analyst.send("/reports/public/act", act="take-out", report=no, incident=reference)
    assert states(world)[no] == "new"
    for act in ("open-incident", "put", "nothing", "add"):
        assert analyst.get(f"/reports/public/act?act={act}&report=0000-0000").status_code == 404


def test_what_is_restricted_casts_no_shadow_on_pages(world: World, analyst: Browser) -> None:
    member = person(world.node, AccountRole.MANAGER, now=START)
    before = {path: text_of(analyst.get(path)) for path in ("/reports/public?state=all", "/reports/public?call=1")}
    items = every_item(world.node, START)
    reference = arrive(world, "1", "The minister's mail", sender="Ms Secret")
    with world.node.database.begin() as session:
        made = add_incident(session, title="Leak", actor="person:1", now=START, members=[member])
        report = session.scalars(select(PublicReport)).one()
        put_into(session, report, made, person=member, actor="person:1", now=START)
    path = f"/reports/public/{reference}"
    for method, address in (
        ("GET", path), ("GET", f"{path}/files/1"), ("GET", f"{path}/mails/1"), ("POST", f"{path}/take"),
        ("POST", f"{path}/say"), ("POST", f"{path}/erase"),
        ("GET", f"/reports/public/act?act=close&report={reference}"),
    ):  # fmt: skip
        assert analyst.client.request(method, address, data={"csrf": analyst.csrf}).status_code == 404, address
    assert before == {one: text_of(analyst.get(one)) for one in before}
    assert items == every_item(world.node, START)
    assert "/reports/public" not in analyst.get(f"/search?q={reference}").headers.get("location", "")
    comment = analyst.send("/comments", subject=f"inbox:{reference}", text="What is it?")
    assert comment.status_code == analyst.send("/comments", subject="inbox:0000-0000", text="What?").status_code
    with caller(world, AccountRole.ANALYST) as client:
        assert client.get(f"/inbox/{reference}").status_code == 404
        assert client.get("/inbox").json()["items"] == []
        assert client.get("/comments", params={"subject": f"inbox:{reference}"}).json() == []
    application = make_application(world.node, clock=lambda: START)
    with browser_of(application, world.node, AccountRole.MANAGER, now=START) as insider:
        assert "Ms Secret" in text_of(insider.get(path))
        assert "Leak" in text_of(insider.get(path))


def test_an_operator_reports_something_by_the_portal(world: World) -> None:
    application = make_application(world.node, clock=lambda: START)
    with browser_of(application, world.node, AccountRole.OPERATOR, now=START, teams=(1,)) as operator:
        page = operator.get("/portal/report")
        made = made_in(page.text)
        assert operator.send("/portal/report", made=made, kind="leak", what="").status_code == 422
        for _ in range(2):
            sent = operator.send("/portal/report", made=made, kind="leak", what="Data of customers", place="192.0.2.9")
            assert sent.status_code == 303
        (report,) = reports(world)
        assert report.reference in text_of(operator.get(sent.headers["location"]))
        assert (report.door, report.kind, report.mailbox) == ("portal", "leak", "operator-1@people.example")
        assert operator.get("/inbox/phone").status_code == 404


def test_a_program_files_a_report_by_the_api_and_the_same_twice_is_one(world: World) -> None:
    with caller(world, AccountRole.ANALYST) as client:
        body = {"what": "Ransom note at 192.0.2.200", "sender": "A partner", "door": "partner", "once": "case-7"}
        first = client.post("/inbox", json=body)
        assert first.status_code == 201
        assert client.post("/inbox", json=body).json()["reference"] == first.json()["reference"]
        assert client.post("/inbox", json={"what": ""}).status_code == 422
        assert client.post("/inbox", json={"what": "It burns", "door": "form"}).status_code == 422
        shown = client.get(f"/inbox/{first.json()['reference']}").json()
    assert (shown["door"], shown["kind"]) == ("partner", "ransomware")
    assert shown["observables"] == [{"kind": "ip", "value": "192.0.2.200", "known": False}]
    with caller(world, AccountRole.AUDITOR) as client:
        assert client.post("/inbox", json=body).status_code == 404


def test_of_what_must_never_be_held_only_a_reference_is_kept_by_any_door(world: World, analyst: Browser) -> None:
    bad = f"I got this: {json.dumps({**xarf(), 'evidence': [], 'screenshot': ''})}"
    for door in ("phone", "chat"):
        made = made_in(analyst.get("/inbox/phone").text)
        analyst.send("/inbox/phone", made=made, door=door, what=bad)
    application = make_application(world.node, clock=lambda: START)
    with browser_of(application, world.node, AccountRole.OPERATOR, now=START, teams=(1,)) as operator:
        operator.send("/portal/report", made=made_in(operator.get("/portal/report").text), kind="other", what=bad)
    with caller(world, AccountRole.ANALYST) as client:
        client.post("/inbox", json={"what": bad})
    made = made_in(analyst.get("/inbox/phone").text)
    data = {"csrf": analyst.csrf, "made": made, "door": "paper", "what": "See the file"}
    files = [("files", ("a.json", json.dumps(xarf()).encode()))]
    assert analyst.client.post("/inbox/phone", data=data, files=files, follow_redirects=False).status_code == 303
    assert len(reports(world)) == 5
    assert canaries(world.node.home) == []
    assert {name for name, _, _ in noted(world.node.home)} == {"csam"}


def test_one_key_opens_a_phone_note_and_one_key_acts_on_the_row_in_focus(world: World) -> None:
    reference = arrive(world, "1", "A fake shop")
    application = make_application(world.node, clock=lambda: START)
    secret = session_of(world.node, person(world.node, AccountRole.ANALYST, now=START), now=START)
    press = "document.dispatchEvent(new KeyboardEvent('keydown', {key: '%s', bubbles: true}))"
    with served(application) as port, browser() as page:
        page.command("Network.setCookie", name=COOKIE, value=secret, url=f"http://127.0.0.1:{port}")
        page.open(f"http://127.0.0.1:{port}/rules")
        page.lead(press % "p")
        assert page.read("location.pathname") == "/inbox/phone"
        page.read("document.getElementById('sender').focus()")
        page.write("Ms Ramdin")
        page.lead("location.reload()")
        assert page.read("document.getElementById('sender').value") == "Ms Ramdin"
        page.open(f"http://127.0.0.1:{port}/reports/public")
        page.read(press % "j")
        page.lead(press % "e")
        assert reference in page.read("document.querySelector('main').textContent")
        page.lead("document.querySelector('main form[method=post] button').click()")
    assert states(world) == {reference: "closed-without"}


def test_reports_of_an_incident_are_those_that_the_reader_may_read(world: World, analyst: Browser) -> None:
    reference = arrive(world, "1")
    analyst.send("/reports/public/act", act="open-incident", report=reference)
    with world.node.database.reading() as session:
        report = session.scalars(select(PublicReport)).one()
        found = incidents_with(session, IncidentReader(None, START), report)
    assert [one.title for one in found] == ["Phishing"]


def test_problems_that_need_a_person_become_one_report(world: World, analyst: Browser) -> None:
    world.hear("192.0.2.1", "192.0.2.130")
    page = analyst.get("/problems").text
    keys = re.findall(r'name="problem" value="([0-9a-f]{16})"', page)
    assert 'formaction="/problems/inbox"' in page
    asked = analyst.client.get("/problems/inbox", params={"problem": keys})
    assert "2 problems are selected" in text_of(asked)
    assert analyst.send("/problems/inbox", problem=keys, note=" ").status_code == 422
    for _ in range(2):
        analyst.send("/problems/inbox", problem=keys, note="Fixed, they say, and it is seen again")
    (report,) = reports(world)
    assert report.door == "problem"
    assert "192.0.2.130" in report.what
    assert "Example Operator" in report.what
