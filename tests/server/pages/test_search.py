"""The search: what somebody typed or pasted leads to all that is known of it, and to nothing that they may not see."""

import csv
import io
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from support.console_users import Browser, browser_of
from support.world import START, World, copy_world, text_of
from tocsin.delivery import Delivery
from tocsin.node.accounts import AccountRole
from tocsin.node.records import AuditAction, AuditFilter, list_entries
from tocsin.problems.answers import AnswerVerdict, Via, record_answer
from tocsin.server.server import make_application
from tocsin.sharing.lookup import ResponsibilityLookup, read_subject

OWN, FOREIGN = "192.0.2.1", "198.51.100.1"


@pytest.fixture
def world(furnished: Path, tmp_path: Path) -> World:
    found = copy_world(furnished, tmp_path)
    found.hear(OWN, FOREIGN, "192.0.2.130")
    found.tell()
    return found


def number_of(world: World, address: str = OWN) -> int:
    return ResponsibilityLookup(world.node, lambda: world.now).ask(read_subject(address)).decision.matches[0].team_id


def visitor(world: World, role: AccountRole = AccountRole.ANALYST) -> AbstractContextManager[Browser]:
    teams = (number_of(world),) if role is AccountRole.OPERATOR else ()
    return browser_of(make_application(world.node, clock=lambda: START), world.node, role, now=START, teams=teams)


@pytest.mark.parametrize("typed", [OWN, "192[.]0[.]2[.]1", "hxxp://192.0.2[.]1:8080/x", f" <{OWN}>, "])
def test_an_address_has_all_on_one_page(world: World, typed: str) -> None:
    with visitor(world) as browser:
        page = browser.client.get("/search", params={"q": typed})
    text = text_of(page)
    assert page.status_code == 200
    assert "3 contacts · 1 open problem · 1 event in 30 days" in text
    assert "Rival Network Ltd abuse@rival.example" in text  # whom to notify
    assert "192.0.2.1 3389/tcp open-rdp" in text  # what is open
    assert 'href="/events?address=192.0.2.1&amp;last=30d"' in page.text  # its events, by one click
    assert "TOC-2026-000000" in text  # what was sent of it


@pytest.mark.parametrize(
    ("typed", "path"),
    [
        ("toc-2026-0000003", "/deliveries/TOC-2026-0000003"),
        ("R-12", "/reports/12"),
        ("CVE-2026-1234", "/events?text=CVE-2026-1234"),
        ("D41D8CD98F00B204E9800998ECF8427E", "/events?text=d41d8cd98f00b204e9800998ecf8427e"),
        ("0123456789ABCDEF", "/problems/0123456789abcdef"),
        ("rival network ltd", "/teams/rival"),
    ],
)
def test_references_hashes_and_the_only_match_lead_to_their_pages(world: World, typed: str, path: str) -> None:
    with visitor(world) as browser:
        found = browser.client.get("/search", params={"q": typed})
    assert (found.status_code, found.headers["location"]) == (303, path)


def test_words_find_teams_people_notifications_pages_and_settings(world: World) -> None:
    with world.node.database.reading() as session:
        digest = session.query(Delivery).first()
    assert digest is not None
    with visitor(world, AccountRole.MANAGER) as browser:
        teams = text_of(browser.get("/search?q=csirt"))
        subjects = browser.get(f"/search?q={digest.subject.split()[1]}").text
        people = text_of(browser.get("/search?q=manag"))
        pages = browser.get("/search?q=quaran").text
        settings = browser.get("/search?q=escalate").text
        nothing = text_of(browser.get("/search?q=zzyzx"))
    assert "National CSIRT of A" in teams
    assert f'href="/deliveries/{digest.reference}"' in subjects
    assert "People" in people
    assert 'href="/reports/quarantine">Quarantine<' in pages
    assert 'href="/admin/settings#s-tell"' in settings
    assert "No matches" in nothing


def test_notes_of_answers_are_found_by_their_words(world: World) -> None:
    with world.node.database.begin() as session:
        digest = session.query(Delivery).filter(Delivery.team_id == number_of(world)).first()
        assert digest is not None
        note = "The firewall is replaced on Monday"
        record_answer(
            session, delivery=digest, told=[1], verdict=AnswerVerdict.ACKNOWLEDGED, problems=None, note=note,
            via=Via.ANALYST, said_by="", at=START, key="one",
        )  # fmt: skip
    with visitor(world) as browser:
        found = browser.client.get("/search", params={"q": "fire mond"})
    assert found.headers["location"] == f"/deliveries/{digest.reference}"


def test_what_the_staff_noted_of_a_talk_is_not_for_the_team_it_talked_with(world: World) -> None:
    with world.node.database.begin() as session:
        digest = session.query(Delivery).filter(Delivery.team_id == number_of(world)).first()
        assert digest is not None
        for via, note in ((Via.ANALYST, "Sounded drunk zanzibar"), (Via.PAGE, "We replace it zebra")):
            record_answer(
                session, delivery=digest, told=[1], verdict=AnswerVerdict.ACKNOWLEDGED, problems=None, note=note,
                via=via, said_by="", at=START, key=note,
            )  # fmt: skip
    path = f"/deliveries/{digest.reference}"
    with visitor(world, AccountRole.OPERATOR) as browser:
        own = browser.client.get("/search", params={"q": "zebra"})
        hits = browser.client.get("/search.json", params={"q": "zanzibar"}).json()
        page = browser.get(path).text
    with visitor(world) as analyst:
        inside = analyst.get(path).text
    assert own.headers["location"] == path
    assert hits == []
    assert ("zanzibar" in page, "zebra" in page) == (False, True)
    assert "zanzibar" in inside


def test_an_operator_finds_what_is_of_their_own_teams_alone(world: World) -> None:
    queries = {"foreign": FOREIGN, "unknown": "233.252.0.1", "team": "sector", "nothing": "zzyzx"}
    with visitor(world, AccountRole.OPERATOR) as browser:
        own = browser.get(f"/search?q={OWN}")
        found = {name: browser.client.get("/search", params={"q": typed}) for name, typed in queries.items()}
        hits = browser.client.get("/search.json", params={"q": "csirt"}).json()
        sent = {row["page"] for row in browser.client.get("/search.json", params={"q": "toc 2026"}).json()}
        table = browser.send("/search", lines=f"{OWN}\n{FOREIGN}\n233.252.0.1")
    with world.node.database.reading() as session:
        theirs = {f"/deliveries/{one.reference}" for one in session.query(Delivery) if one.team_id == number_of(world)}
    assert own.status_code == 200
    assert "rival" not in own.text.lower()
    assert "National CSIRT" not in own.text
    same = {name: page.text.replace(queries[name], "X") for name, page in found.items()}
    assert same["foreign"] == same["unknown"]
    assert same["team"] == same["nothing"]
    assert hits == []
    assert sent
    assert sent <= theirs
    assert text_of(table).count("Not in your networks") == 2


def test_many_lines_are_a_table_and_a_file(world: World) -> None:
    lines = f"{OWN}\nhxxp://192[.]0[.]2[.]130/x\n\n192.0.2.0/24\nAS64500\nwww.two.example\n=1+1\n203.0.113.77\n"
    with visitor(world) as browser:
        page = browser.send("/search", lines=lines)
        file = browser.send("/search/export", lines=lines)
        many = browser.send("/search", lines="192.0.2.1\n" * 1_001)
    rows = list(csv.DictReader(io.StringIO(file.text)))
    with world.node.database.reading() as session:
        taken = list_entries(session, AuditFilter(word=AuditAction.EVENTS_EXPORTED), limit=1)
    assert "7 lines · " in text_of(page)
    assert [(row["line"], row["type"], row["open_problems"]) for row in rows] == [
        (OWN, "address", "1"),
        ("hxxp://192[.]0[.]2[.]130/x", "address", "1"),
        ("192.0.2.0/24", "network", "2"),
        ("AS64500", "AS", rows[3]["open_problems"]),
        ("www.two.example", "domain", ""),
        ("'=1+1", "name", ""),
        ("203.0.113.77", "address", "0"),
    ]
    assert "operator" in rows[0]["contacts"].split()
    assert rows[0]["last_seen"].startswith(f"{START:%Y-%m-%d}")
    assert taken.entries[0].detail == {"form": "csv", "lines": 7}
    assert many.status_code == 422
    assert "There are 1,001 lines; a search takes 1,000." in text_of(many)


def test_what_is_typed_meanwhile_has_a_short_answer(world: World) -> None:
    with visitor(world) as browser:
        found = browser.client.get("/search.json", params={"q": "bank"}).json()
        address = browser.client.get("/search.json", params={"q": "192[.]0.2.1"}).json()
        nothing = browser.client.get("/search.json").json()
    assert {"kind": "Teams", "name": "Bank Sector Team", "detail": "sector", "page": "/teams/sector"} in found
    assert {row["page"] for row in address} == {"/teams/operator", "/teams/rival"}  # whom to notify
    assert nothing == []
