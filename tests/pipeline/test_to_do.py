"""Who has a to-do item, until when it sleeps, what colleagues write, and what things are called."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from support.abuse_reports import canaries, noted, xarf
from support.api_client import caller
from support.console_users import browser_of, person
from support.furnished_node import furnish
from support.world import START, World, copy_world, make_world, text_of
from tocsin.delivery import Delivery
from tocsin.directory import read_team
from tocsin.events.redaction import NEVER_HELD
from tocsin.incidents.arrivals import PublicReport, erase_report
from tocsin.interface import ActContext, read_request
from tocsin.node.accounts import AccountRole, Principal
from tocsin.node.errors import NotFoundError, UsageError
from tocsin.node.records import AuditEntry
from tocsin.operations.purge import purge
from tocsin.pipeline import comments
from tocsin.pipeline.comments import read_comments
from tocsin.pipeline.subjects import name_of_subject, names_of_subjects
from tocsin.pipeline.tables import ItemKind, ItemWork
from tocsin.pipeline.to_do import acts, every_item, forget_ended, in_order, my_items, read_until
from tocsin.pipeline.to_do.item import Item
from tocsin.server.server import make_application

NO_CONTACT = {"kind": "no-contact", "subject": ""}


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_world(tmp_path_factory.mktemp("fresh")).folder


@pytest.fixture
def world(fresh: Path, tmp_path: Path) -> World:
    """A node with one event that has no contact, and one that is withheld."""
    world = copy_world(fresh, tmp_path)
    world.hear("203.0.113.9", "198.51.100.7")
    return world


def do(world: World, name: str, by: int, **values: object) -> object:
    found = next(act for act in (*acts.ACTS, *comments.ACTS) if act.name == name)
    context = ActContext(world.node, world.now, f"person:{by}", "", by)
    return found.function(context, read_request(found, values))


def test_an_item_is_taken_assigned_and_given_back(world: World) -> None:
    ana = person(world.node, AccountRole.ANALYST, now=world.now)
    boss = person(world.node, AccountRole.MANAGER, now=world.now)
    auditor = person(world.node, AccountRole.AUDITOR, now=world.now)
    do(world, "take", ana, **NO_CONTACT)
    with world.node.database.reading() as session:
        assert (my_items(session, ana, world.now), my_items(session, boss, world.now)) == (1, 0)
    do(world, "assign", ana, **NO_CONTACT, to=str(boss))
    (mine,) = [one for one in every_item(world.node, world.now) if one.owner]
    assert (mine.kind, mine.owner) == (ItemKind.NO_CONTACT, (boss, "Manager"))
    with pytest.raises(UsageError, match="may not work on this"):
        do(world, "assign", ana, **NO_CONTACT, to=str(auditor))
    do(world, "leave", ana, **NO_CONTACT)
    assert not [one for one in every_item(world.node, world.now) if one.owner]
    with world.node.database.reading() as session:
        entries = session.scalars(select(AuditEntry).where(AuditEntry.word == "item.assigned")).all()
    assert [(one.subject, one.detail["owner"]) for one in entries] == [
        ("item:no-contact", f"person:{ana}"), ("item:no-contact", f"person:{boss}"), ("item:no-contact", None),
    ]  # fmt: skip


def test_a_snoozed_item_comes_back_by_itself_and_is_not_counted_meanwhile(world: World) -> None:
    ana = person(world.node, AccountRole.ANALYST, now=world.now)
    do(world, "take", ana, **NO_CONTACT)
    do(world, "snooze", ana, **NO_CONTACT, until="tomorrow 9:30")
    with world.node.database.reading() as session:
        assert my_items(session, ana, world.now) == 0
        assert my_items(session, ana, datetime(2026, 11, 17, 9, 30, tzinfo=UTC)) == 1
    with pytest.raises(UsageError, match="is over already"):
        do(world, "snooze", ana, **NO_CONTACT, until="2026-11-01")


def test_who_had_an_item_is_forgotten_once_it_has_ended(world: World) -> None:
    ana = person(world.node, AccountRole.ANALYST, now=world.now)
    do(world, "take", ana, **NO_CONTACT)
    assert forget_ended(world.node, world.now + timedelta(minutes=5)) == 0
    assert forget_ended(world.node, world.at(2).now) == 1
    with world.node.database.reading() as session:
        assert session.scalars(select(ItemWork)).all() == []
    with pytest.raises(NotFoundError):
        do(world, "take", ana, **NO_CONTACT)


@given(st.integers(0, 100_000))
def test_tomorrow_and_next_week_are_ahead_and_in_the_morning(minutes: int) -> None:
    now = START + timedelta(minutes=minutes)
    tomorrow, week = read_until("tomorrow", now), read_until("next week", now)
    assert (tomorrow.date() - now.date(), tomorrow.hour) == (timedelta(days=1), 8)
    assert (week.weekday(), week.hour) == (0, 8)
    assert timedelta(0) < week - now <= timedelta(days=8)


@pytest.mark.parametrize("text", ["", "soon", "2026-13-01", "tomorrow 25:00", "2026-12-01 8", "x" * 40])
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        read_until(text, START)


def test_what_is_due_comes_first_and_what_is_due_in_weeks_last() -> None:
    stopped = Item(ItemKind.STOPPED, 1, START, START)
    late = Item(ItemKind.OVERDUE, 1, START, START - timedelta(hours=2))
    keys = Item(ItemKind.KEYS, 1, due=START + timedelta(days=20))
    feeds, inbox = Item(ItemKind.FEEDS, 1, START), Item(ItemKind.INBOX, 1, START)
    assert in_order([keys, inbox, feeds, stopped, late], START) == [late, stopped, feeds, inbox, keys]


def test_today_shows_mine_then_unassigned_then_others_and_folds_what_sleeps(world: World) -> None:
    application = make_application(world.node, clock=lambda: world.now)
    with browser_of(application, world.node, AccountRole.ANALYST, now=world.now) as browser:
        assert (
            browser.send("/today/items", act="take", on="today", **NO_CONTACT).headers["location"] == "/today?done=take"
        )
        mine = browser.get("/today?done=take")
        browser.send("/today/items", act="snooze", until="next week", **NO_CONTACT)
        asleep = text_of(browser.get("/today"))
        item = text_of(browser.get("/today/items?kind=no-contact&subject="))
        wrong = browser.send("/today/items", act="snooze", until="2020-01-01", **NO_CONTACT)
        unknown = browser.send("/today/items", act="end", **NO_CONTACT)
    with browser_of(application, world.node, AccountRole.AUDITOR, now=world.now) as browser:
        seen = browser.get("/today").text
        refused = browser.send("/today/items", act="take", **NO_CONTACT)
    assert "The item is yours." in text_of(mine)
    assert mine.text.index('id="mine"') < mine.text.index("no contact") < mine.text.index('id="unassigned"')
    assert "1 item needs action" in asleep
    assert "Snoozed (1)" in asleep
    assert "Analyst" in item
    assert (wrong.status_code, unknown.status_code, refused.status_code) == (422, 404, 404)
    assert "/today/items" in seen
    assert 'action="/today/items"' not in seen


def test_comments_are_for_the_staff_and_a_purge_reaches_them(world: World) -> None:
    ana = person(world.node, AccountRole.ANALYST, now=world.now)
    number = read_team(world.node.database, "operator")[0]
    subject, report = f"team:{number.uuid}", "ingest:1"
    do(world, "comment", ana, subject=subject, text="They moved.\nAsk again.")
    do(world, "comment", ana, subject=report, text="A strange one.")
    with pytest.raises(NotFoundError):
        do(world, "comment", ana, subject="team:8fbb792a-0000-0000-0000-000000000000", text="x")
    with pytest.raises(NotFoundError):
        do(world, "comment", ana, subject="never-held:1", text="x")
    with world.node.database.reading() as session:
        for role, seen in ((AccountRole.AUDITOR, 1), (AccountRole.OPERATOR, 0), (AccountRole.ASSESSOR, 0)):
            visitor = Principal(role, 9, teams=frozenset({number.id}))
            assert len(read_comments(session, subject, visitor, world.now)) == seen
        (line,) = read_comments(session, subject, Principal(AccountRole.ANALYST, ana), world.now)
    assert (line.by, line.text) == ("Analyst", "They moved.\nAsk again.")
    purge(world.node, f"comment:{line.number}", reason="", actor="test", now=world.now)
    purge(world.node, report, reason="", actor="test", now=world.now)
    with world.node.database.reading() as session:
        left = [
            read_comments(session, one, Principal(AccountRole.ANALYST, ana), world.now) for one in (subject, report)
        ]
    assert left == [[], []]


def test_a_comment_passes_the_filter_of_what_must_never_be_held(world: World) -> None:
    ana = person(world.node, AccountRole.ANALYST, now=world.now)
    do(world, "comment", ana, subject="ingest:1", text=f"Look:\n{json.dumps(xarf(evidence=[], screenshot=''))}")
    assert [place for _, _, place in noted(world.node.home)] == ["comments"]
    with world.node.database.reading() as session:
        (line,) = read_comments(session, "ingest:1", Principal(AccountRole.ANALYST, ana), world.now)
    assert line.text == str(NEVER_HELD)
    assert canaries(world.node.home) == []


def test_a_comment_stands_under_the_one_name_that_its_purge_looks_for(world: World) -> None:
    """Under another spelling it would stay, and anything at all would come into the sealed log."""
    ana = person(world.node, AccountRole.ANALYST, now=world.now)
    world.hear("192.0.2.1")
    world.tell()
    with world.node.database.reading() as session:
        digest = session.scalars(select(Delivery.reference)).first()
    assert digest
    for subject in (
        digest, digest.lower(), f"delivery:{digest.lower()}", "letter:LTR-2026-9999999", "inbox:anything at all",
        "upload:anything", "network:of Ana Doe", "collector:of Ana Doe", 'item:{"a": 1}', "event:01-1",
        "event:of Ana Doe", "problem:of Ana Doe", "rules:of Ana Doe", "ingest:01",
    ):  # fmt: skip
        with pytest.raises(NotFoundError):
            do(world, "comment", ana, subject=subject, text="x")
    for subject in (f"delivery:{digest}", "event:1-1", "problem:0123456789abcdef"):
        do(world, "comment", ana, subject=subject, text="x")


def test_with_a_report_go_the_comments_on_it(world: World) -> None:
    ana = person(world.node, AccountRole.ANALYST, now=world.now)
    furnish(world)
    with world.node.database.reading() as session:
        report = session.scalars(select(PublicReport)).first()
    assert report is not None
    subject, visitor = f"inbox:{report.reference}", Principal(AccountRole.ANALYST, ana)
    do(world, "comment", ana, subject=subject, text="The neighbour, I think.")
    erase_report(world.node.database, world.node.inbox, report.id, actor="test", now=world.now)
    with world.node.database.reading() as session:
        assert read_comments(session, subject, visitor, world.now) == []


def test_items_and_comments_are_in_the_api_for_those_who_may(world: World) -> None:
    with caller(world, AccountRole.ANALYST) as client:
        items = client.get("/todo").json()
        taken = client.post("/todo/take", json=NO_CONTACT)
        made = client.post("/comments", json={"subject": "item:no-contact", "text": "A new operator."})
        found = client.get("/comments", params={"subject": "item:no-contact"}).json()
    with caller(world, AccountRole.OPERATOR, teams=(1,)) as client:
        refused = [client.get("/todo").status_code, client.get("/comments", params={"subject": "team:1"}).status_code]
    with caller(world, AccountRole.PROTECTION_OFFICER) as client:
        assert [client.get("/todo").json(), client.get("/comments?subject=item:no-contact").json()] == [[], []]
    assert {one["kind"] for one in items} == {"no-contact", "withheld"}
    assert (taken.status_code, made.status_code, [one["text"] for one in found]) == (200, 201, ["A new operator."])
    assert refused == [404, 404]


def test_every_subject_of_the_log_is_named_with_a_page_that_opens(world: World) -> None:
    furnish(world)
    with world.node.database.reading() as session:
        subjects = set(session.scalars(select(AuditEntry.subject)))
        named = names_of_subjects(session, subjects, Principal(AccountRole.ADMINISTRATOR, 1))
    kinds = {one.partition(":")[0] for one in subjects if ":" in one}
    assert kinds - {one.partition(":")[0] for one in named} <= {
        "view",
        "never-held",
        "asset",
        "asset-change",
        "call-sheet",
    }
    application = make_application(world.node, clock=lambda: world.now)
    with browser_of(application, world.node, AccountRole.ADMINISTRATOR, now=world.now) as browser:
        paths = {name.path for name in named.values() if name.path}
        assert {path: browser.get(path).status_code for path in paths} == dict.fromkeys(paths, 200)


def test_nobody_learns_the_name_of_what_he_may_not_see(world: World) -> None:
    furnish(world)
    operator = read_team(world.node.database, "operator")[0]
    visitor = Principal(AccountRole.OPERATOR, 9, teams=frozenset({operator.id}))
    with world.node.database.reading() as session:
        subjects = set(session.scalars(select(AuditEntry.subject))) | {f"team:{operator.uuid}"}
        named = names_of_subjects(session, subjects, visitor)
        other = f"team:{read_team(world.node.database, 'sector')[0].uuid}"
        assert name_of_subject(session, other, visitor) is None
        assert name_of_subject(session, "never-held:1", Principal(AccountRole.ADMINISTRATOR, 1)) is None
    assert named[f"team:{operator.uuid}"].text == "Example Operator"
    assert {one.partition(":")[0] for one in named} <= {"team", "delivery", "answer", "person", "key"}
    assert all("Sector" not in one.text for one in named.values())


def test_all_of_it_by_command(world: World) -> None:
    world.after_today(0)  # what was withheld in the first week is no item any more
    person(world.node, AccountRole.ANALYST, now=world.now)
    run, account = world.tocsin.run, ("--as", "analyst@people.example")
    run("stop", "--reason", "a test")
    assert "Sending is stopped" in run("todo", "list")
    assert "is yours" in run("todo", "take", "sending-stopped", *account)
    assert world.tocsin.json("todo", "list")[0]["owner"] == "Analyst"
    assert "is snoozed until" in run("todo", "snooze", "sending-stopped", "--until", "tomorrow 7:15")
    assert "Nothing waits." in run("todo", "list")
    assert "Sending is stopped" in run("todo", "list", "--snoozed")
    run("todo", "wake", "sending-stopped")
    run("todo", "comment", "item:sending-stopped", "--text", "Until the new rules hold.", *account)
    assert world.tocsin.json("todo", "comments", "item:sending-stopped")[0]["text"] == "Until the new rules hold."
    run("resume")
    assert world.tocsin.call("todo", "take", "sending-stopped", *account)[0] == 1
