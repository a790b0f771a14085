"""The audit log in the browser: filters, pages that stay put, the seals; and auditors whose reading is on record."""

import re
from datetime import timedelta
from html import escape
from pathlib import Path

import pytest
from sqlalchemy import select, update

from support.console_users import browser_of, person, session_of
from support.world import START, World, copy_world
from tocsin.node.accounts import AccountRole, Permission, Person, Principal, make_token, note_read
from tocsin.node.records import AuditAction, AuditEntry, audit
from tocsin.node.records.seal_keys import open_seal_key
from tocsin.node.records.seals import seal
from tocsin.server.pages.audit.words import SAYINGS
from tocsin.server.server import make_application

HOUR = timedelta(hours=1)


@pytest.fixture
def world(fresh: Path, tmp_path: Path) -> World:
    return copy_world(fresh, tmp_path)


def _note(world: World, count: int, subject: str = "ingest") -> None:
    with world.node.database.begin() as session:
        for number in range(count):
            at = START + timedelta(seconds=number)
            audit(session, AuditAction.REPORT_INGESTED, at=at, actor="pipeline", subject=f"{subject}:{number}")


def _numbers(page: str) -> list[int]:
    return [int(number) for number in re.findall(r'<tr id="log-(\d+)"', page)]


def test_pages_follow_each_other_while_entries_are_added(world: World) -> None:
    _note(world, 250)
    with browser_of(
        make_application(world.node, clock=lambda: START), world.node, AccountRole.MANAGER, now=START
    ) as browser:
        with world.node.database.reading() as session:
            expected = sorted(session.scalars(select(AuditEntry.id)), reverse=True)
        seen, path = [], "/audit"
        while path:
            page = browser.get(path).text
            seen += _numbers(page)
            _note(world, 3)
            further = re.search(r'rel="next" href="([^"]+)"', page)
            path = further[1].replace("&amp;", "&") if further else ""
    assert seen == expected


def test_filters_narrow_the_list(world: World) -> None:
    _note(world, 3)
    _note(world, 2, "ingestion")
    with browser_of(
        make_application(world.node, clock=lambda: START), world.node, AccountRole.MANAGER, now=START
    ) as browser:

        def found(query: str) -> int:
            return len(_numbers(browser.get(f"/audit?{query}").text))

        assert found("subject=ingest") == 3
        assert found("subject=ingest:1") == 1
        assert found("word=report.ingested&actor=pipeline") == 5
        assert found(f"word=report.ingested&since={START:%Y-%m-%d}&until={START:%Y-%m-%d}") == 5
        assert found(f"word=report.ingested&since={START + timedelta(days=1):%Y-%m-%d}") == 0
        assert "No matches" in browser.get("/audit?word=no.such.word").text
        assert browser.get(f"/audit?subject={'x' * 201}").status_code == 422


def test_a_day_that_is_none_is_said_and_stays_as_it_was_typed(world: World) -> None:
    _note(world, 3)
    with browser_of(
        make_application(world.node, clock=lambda: START), world.node, AccountRole.MANAGER, now=START
    ) as browser:
        for wrong in ("zzz", "2026-02-30", "9999-12-31", "<b>"):
            page = browser.client.get(
                "/audit", params={"subject": "ingest", "since": f"{START:%Y-%m-%d}", "until": wrong}
            )
            assert page.status_code == 422
            assert '<a href="#until">Write a day like 2026-11-24.</a>' in page.text
            assert "#since" not in page.text
            assert f'name="until" type="text" value="{escape(wrong)}"' in page.text
            assert len(_numbers(page.text)) == 3  # it narrows nothing
        assert "There is a problem" not in browser.get("/audit?since=2026-11-01&until=2026-11-02").text


def test_the_title_says_how_far_the_log_is_sealed(world: World) -> None:
    now = START
    _note(world, 2)
    with browser_of(
        make_application(world.node, clock=lambda: now), world.node, AccountRole.MANAGER, now=START
    ) as browser:

        def title(path: str) -> str:
            found = re.search(r'<p class="standing"><span[^>]*>(.*?)</span>', browser.get(path).text)
            assert found
            return found[1]

        assert title("/audit").endswith("entries not sealed yet")
        now = START + HOUR
        assert title("/audit").endswith("the sealer does not run")
        seal(world.node.database, open_seal_key(world.node.home), now=now, home=world.node.home)
        assert title("/audit") == "All entries sealed"
        assert title("/audit/seals") == "Unchanged since it was sealed"
        with world.node.database.begin() as session:
            session.execute(update(AuditEntry).where(AuditEntry.id == 1).values(actor="another"))
        now = START + HOUR + timedelta(minutes=2)
        assert title("/audit/seals") == "Audit log was tampered with: 1 fault"
        assert "Entry 1 was changed after seal 1." in browser.get("/audit/seals").text


@pytest.mark.parametrize(
    "role", [AccountRole.ANALYST, AccountRole.OPERATOR, AccountRole.ASSESSOR, AccountRole.DELEGATE]
)
def test_others_do_not_see_it(world: World, role: AccountRole) -> None:
    application = make_application(world.node, clock=lambda: START)
    with browser_of(application, world.node, role, now=START, teams=(1,)) as browser:
        assert browser.get("/audit").status_code == browser.get("/audit/seals").status_code == 404


def _read(world: World) -> list[str]:
    with world.node.database.reading() as session:
        query = select(AuditEntry.subject).where(AuditEntry.word == AuditAction.PAGE_READ).order_by(AuditEntry.id)
        return list(session.scalars(query))


def test_what_an_auditor_reads_is_on_record_once_an_hour(world: World) -> None:
    now = START
    with browser_of(
        make_application(world.node, clock=lambda: now), world.node, AccountRole.AUDITOR, now=START
    ) as browser:
        assert browser.get("/audit?subject=secret@people.example").status_code == 200
        assert browser.get("/audit").status_code == 200
        assert browser.get("/account").status_code == browser.get("/help").status_code == 200
        assert browser.get("/no-such-page").status_code == 404
        assert _read(world) == ["page:/audit"]
        now = START + HOUR
        browser.get("/audit")
        assert _read(world) == ["page:/audit"] * 2
        with world.node.database.begin() as session:
            holder = session.scalars(select(Person).where(Person.role == AccountRole.AUDITOR)).one()
            _, secret = make_token(
                session, holder, name="robot", scopes=[Permission.AUDIT_READ], days=3, now=now, actor="test"
            )
        browser.client.cookies.clear()
        browser.client.headers["Authorization"] = f"Bearer {secret}"
        assert browser.get("/api/v1/audit").status_code == 200
        assert _read(world)[-1] == "page:/api/v1/audit"


def test_what_others_read_is_not_on_record(world: World) -> None:
    with browser_of(
        make_application(world.node, clock=lambda: START), world.node, AccountRole.MANAGER, now=START
    ) as browser:
        assert browser.get("/audit").status_code == 200
    assert _read(world) == []


def test_reading_personal_data_is_noted_by_number_once_an_hour(world: World) -> None:
    number = person(world.node, AccountRole.ANALYST, now=START)
    session_of(world.node, number, now=START)
    visitor = Principal(role=AccountRole.ANALYST, person=number, name="A Name")
    for at in (START, START + HOUR / 2, START + HOUR):
        note_read(world.node.database, visitor, "team:1", now=at)
    note_read(world.node.database, Principal(), "team:1", now=START)
    with world.node.database.reading() as session:
        query = select(AuditEntry.actor, AuditEntry.subject).where(AuditEntry.word == AuditAction.PERSONAL_READ)
        assert session.execute(query).all() == [(f"person:{number}", "team:1")] * 2


def test_every_word_says_something() -> None:
    assert set(AuditAction) == set(SAYINGS)
