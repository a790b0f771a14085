"""Notices on pages: an entity files them in its portal, the team answers, types in, and records consent."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import select

from support.console_users import Browser, browser_of
from support.world import World, copy_world, text_of
from tocsin.incidents.arrivals import PublicReport
from tocsin.node.accounts import AccountRole
from tocsin.node.letters import Letter
from tocsin.server.server import make_application

EARLY = {
    "law": "nis2", "kind": "early_warning", "field-aware_at": "2026-11-15T08:00", "field-what": "Ransomware",
    "field-malicious": "yes", "field-cross_border": "unknown",
}  # fmt: skip
FORM = "/portal/notices/new?law=nis2&kind=early_warning"
MADE = re.compile(r'name="made" (?:id="made" )?value="([^"]+)"')


@pytest.fixture
def world(fresh: Path, tmp_path: Path) -> World:
    return copy_world(fresh, tmp_path)


@pytest.fixture
def operator(world: World) -> Iterator[Browser]:
    application = make_application(world.node, clock=lambda: world.now)
    with browser_of(application, world.node, AccountRole.OPERATOR, now=world.now, teams=(1,)) as browser:
        yield browser


@pytest.fixture
def analyst(world: World) -> Iterator[Browser]:
    application = make_application(world.node, clock=lambda: world.now)
    with browser_of(application, world.node, AccountRole.ANALYST, now=world.now) as browser:
        yield browser


def made(browser: Browser, path: str) -> str:
    found = MADE.search(browser.get(path).text)
    assert found is not None
    return found[1]


def file_early(operator: Browser) -> str:
    word = made(operator, FORM)
    for _ in range(2):  # a double press is one
        answer = operator.send("/portal/notices/new", made=word, **EARLY)
    found = re.search(r"/portal/notices/([^?]+)\?", answer.headers["location"])
    assert found is not None
    return found[1]


def test_an_entity_files_corrects_and_reads_the_answer(world: World, operator: Browser, analyst: Browser) -> None:
    refused = operator.send("/portal/notices/new", made=made(operator, FORM), **EARLY | {"field-malicious": ""})
    assert refused.status_code == 422
    assert "Ransomware" in refused.text  # what was typed stays
    reference = file_early(operator)
    page = text_of(operator.get(f"/portal/notices/{reference}?done=filed"))
    assert "Received on 2026-11-16 06:00 UTC" in page
    assert "File: Notification" in page
    with world.node.database.reading() as session:
        (letter,) = session.scalars(select(Letter).where(Letter.kind == "notice"))
        assert len(session.scalars(select(PublicReport)).all()) == 1
    assert "2026-11-16 06:00 UTC" in letter.body
    answered = f"/notices/{reference}"
    assert "1 notice is not answered" in text_of(analyst.get("/notices"))
    analyst.send(f"{answered}/answer", made=made(analyst, answered), text="Isolate the server.")
    assert "All notices are answered" in text_of(analyst.get("/notices"))
    assert "Isolate the server." in text_of(operator.get(f"/portal/notices/{reference}"))
    path = f"{FORM}&corrects={reference}"
    assert "Ransomware" in operator.get(path).text
    operator.send("/portal/notices/new", made=made(operator, path), corrects=reference, **EARLY)
    again = operator.send("/portal/notices/new", made=made(operator, path), corrects=reference, **EARLY)
    assert again.status_code == 409
    assert "Corrected since" in text_of(operator.get("/portal/notices"))


def test_an_entity_sees_its_own_alone(world: World, operator: Browser) -> None:
    reference = file_early(operator)
    assert operator.get(f"/notices/{reference}").status_code == 404
    application = make_application(world.node, clock=lambda: world.now)
    with browser_of(application, world.node, AccountRole.OPERATOR, now=world.now, teams=(2,)) as other:
        assert other.get(f"/portal/notices/{reference}").status_code == 404
        assert reference not in other.get("/portal/notices").text
        path = "/portal/notices/new?law=nis2&kind=notification"
        sent = other.send("/portal/notices/new", made=made(other, path), after=reference, **EARLY)
        assert sent.status_code == 404


def test_what_came_on_paper_is_typed_in_with_its_time(analyst: Browser) -> None:
    path = "/notices/new?law=nis2&kind=early_warning"
    paper = {"team": "operator", "door": "paper", "received_at": "2026-11-15T09:30"}
    assert analyst.send("/notices/new", made=made(analyst, path), **EARLY, **paper | {"team": ""}).status_code == 422
    odd = analyst.send("/notices/new", made=made(analyst, path), **EARLY, **paper | {"team": "nobody"})
    assert (odd.status_code, "Ransomware" in odd.text) == (409, True)
    done = analyst.send("/notices/new", made=made(analyst, path), **EARLY, **paper)
    page = text_of(analyst.get(done.headers["location"]))
    assert "2026-11-15 09:30" in page
    assert "Paper mail" in page
    assert "Mandatory" in page


def test_consent_is_recorded_beside_the_report_and_shown_in_the_incident(world: World, analyst: Browser) -> None:
    done = analyst.send("/inbox/phone", made=made(analyst, "/inbox/phone"), what="We were hit", door="phone")
    report = done.headers["location"].partition("?")[0]
    reference = report.rpartition("/")[2]
    analyst.send("/reports/public/act", act="open-incident", report=reference, title="A hospital")
    with world.node.database.reading() as session:
        named = session.scalars(select(PublicReport.state)).one()
    assert named == "incident"
    page = text_of(analyst.get(f"{report}/basis"))
    assert "goes to these without consent or an order: Supervisors and authorities, Police" in page
    bad = analyst.send(f"{report}/consent", scope="both", given_by="Head of IT", means="By mail")
    assert (bad.status_code, "Head of IT" in bad.text) == (422, True)
    consent = {"scope": "both", "given_by": "Head of IT", "means": "By mail", "given_at": "2026-11-15T10:00"}
    analyst.send(f"{report}/consent", **consent)
    assert "goes to these without" not in text_of(analyst.get(f"{report}/basis"))
    bad = analyst.send(f"{report}/withdraw-consent", release="1", reason="")
    assert (bad.status_code, "Say why." in bad.text) == (422, True)
    analyst.send(f"{report}/withdraw-consent", release="1", reason="By phone")
    assert {"goes to these without", "Withdrawn 2026"} <= {
        one for one in ("goes to these without", "Withdrawn 2026") if one in text_of(analyst.get(f"{report}/basis"))
    }
    analyst.send(f"{report}/consent", **consent)
    assert "goes to these without" not in text_of(analyst.get(f"{report}/basis"))
    incident = re.search(r"/incidents/(INC-[\w-]+)", analyst.get(report).text)
    assert incident is not None
    tab = text_of(analyst.get(f"/incidents/{incident[1]}/notices"))
    assert "Head of IT" in tab
    assert "Consent or order for report" in text_of(analyst.get(f"/incidents/{incident[1]}"))
    assert analyst.send(f"{report}/basis", basis="request", reason="Asked").status_code == 409
    analyst.send(f"{report}/basis", basis="request", basis_act="Letter 7", reason="Asked")
    assert "Request of an authority (Letter 7)" in text_of(analyst.get(f"{report}/basis"))
