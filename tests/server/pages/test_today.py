"""The page of today: what needs a person, what came in, who was told; and that it tells browsers when it changed."""

import re
from pathlib import Path

import pytest
from sqlalchemy import select

from support.console_users import browser_of
from support.world import START, World, copy_world, make_world, text_of
from tocsin.delivery import Delivery
from tocsin.delivery.outbox import claim
from tocsin.directory import read_team
from tocsin.node.accounts import AccountRole
from tocsin.node.letters import Letter
from tocsin.node.records import AuditAction, audit
from tocsin.pipeline.tables import ItemKind
from tocsin.pipeline.to_do import slow_items
from tocsin.problems.replies import file_mail, open_context
from tocsin.server.pages.changes import LABELS
from tocsin.server.pages.today.figures import state_token, today
from tocsin.server.server import make_application


@pytest.fixture
def world(fresh: Path, tmp_path: Path) -> World:
    return copy_world(fresh, tmp_path)


def test_a_fresh_node_says_what_will_appear(world: World) -> None:
    application = make_application(world.node, clock=lambda: START)
    with browser_of(application, world.node, AccountRole.ANALYST, now=START) as browser:
        page = browser.get("/today")
    assert page.status_code == 200
    assert "No report yet" in page.text
    assert "Reports will appear here." in text_of(page)


def test_what_came_in_balances_and_who_was_told_is_named(world: World) -> None:
    world.hear("192.0.2.1", "192.0.2.2", "203.0.113.9")
    told = world.at(0.3).tell()
    application = make_application(world.node, clock=lambda: world.now)
    with browser_of(application, world.node, AccountRole.ANALYST, now=world.now) as browser:
        said = text_of(browser.get("/today"))
    assert "3 rows = 3 stored + 0 duplicates + 0 unreadable" in said
    assert f"Notified: {len(told)} team" in said


def test_what_is_behind_each_figure_is_listed(world: World) -> None:
    world.hear("192.0.2.1", "203.0.113.9", "198.51.100.7")
    application = make_application(world.node, clock=lambda: world.now)
    with browser_of(application, world.node, AccountRole.ANALYST, now=world.now) as browser:
        page = browser.get("/today").text
        matters = {link: text_of(browser.get(link)) for link in ("/today/unrouted", "/today/withheld")}
        quiet = {link: browser.get(link) for link in ("/today/unanswered", "/today/mails", "/today/keys")}
    assert all(f'href="{link}"' in page for link in matters)
    assert "1 event (last 24 hours)" in matters["/today/unrouted"]
    assert "AS64500" in matters["/today/unrouted"]
    assert "The team wants nothing marked as high as this." in matters["/today/withheld"]
    assert [one.status_code for one in quiet.values()] == [200, 200, 200]


def test_nothing_that_needs_nobody_is_counted(world: World) -> None:
    world.hear("192.0.2.1")
    world.at(0.01).tell()
    application = make_application(world.node, clock=lambda: world.now)
    with browser_of(application, world.node, AccountRole.ANALYST, now=world.now) as browser:
        page = browser.get("/today")
    assert "Nothing waits" in page.text


def test_that_somebody_looked_is_no_change_but_what_somebody_did_is(world: World) -> None:
    world.hear("192.0.2.1")
    before = state_token(world.node)
    words = (AuditAction.PERSONAL_READ, AuditAction.SESSION_STARTED, AuditAction.FEED_CHANGED)
    tokens = []
    for word in words:
        with world.node.database.begin() as session:
            audit(session, word, at=world.now, actor="person:1", subject="one")
        tokens.append(state_token(world.node) == before)
    assert tokens == [True, True, False]


def test_an_operator_does_not_come_in(world: World) -> None:
    application = make_application(world.node, clock=lambda: world.now)
    with browser_of(application, world.node, AccountRole.OPERATOR, now=world.now, teams=(1,)) as browser:
        paths = ("/today", "/today/board", "/today/live", "/today/mails", "/reports", "/reports/1")
        assert {browser.get(path).status_code for path in paths} == {404}


def test_every_word_of_the_log_has_its_label() -> None:
    assert set(LABELS) == set(AuditAction)


def test_the_figures_are_the_same_on_both_databases(database_url: str, tmp_path: Path) -> None:
    world = make_world(tmp_path, f'[storage]\ndatabase = "{database_url}"\n')
    world.hear("192.0.2.1", "192.0.2.2", "203.0.113.9", "198.51.100.7")
    told = world.at(0.01).tell()
    found = today(world.node, world.now, slow_items(world.node, world.now))
    feed = found.feeds[0]
    assert (feed.rows, feed.stored, feed.routed) == (4, 4, 3)
    assert found.notified.teams == len(told) == len(found.notified.most)
    assert found.notified.events == sum(team.events for team in found.notified.most)
    assert {item.kind: item.count for item in found.items} == {ItemKind.NO_CONTACT: 1, ItemKind.WITHHELD: 1}
    assert found.changes


def test_a_first_mail_that_is_held_changes_the_page_and_is_not_overdue_besides(world: World) -> None:
    world.hear("192.0.2.1")
    before = state_token(world.node)
    team = read_team(world.node.database, "operator")[0].id
    with world.node.database.begin() as session:
        claim(session, teams=[team], held=[team], domain="csirt.example", channel="smtp", now=world.now)
    assert state_token(world.node) != before
    world.at(0.2).hear("192.0.2.2")  # waits behind that mail
    found = {item.kind: item.count for item in today(world.node, world.at(0.4).now, ()).items}
    assert found[ItemKind.HELD] == 1
    assert found[ItemKind.OVERDUE] == 1  # nat-a, who is informed and whose mail nobody sends


def test_a_team_without_an_address_is_an_item_at_once_until_it_has_one(world: World) -> None:
    denial = (
        "directory",
        "deny",
        "operator",
        "mailbox",
        "abuse@operator.example",
        "--reason",
        "it left",
        "--said-by",
        "A",
    )
    world.tocsin.run(*denial)
    world.hear("192.0.2.1", "192.0.2.2")
    world.at(0.01).tell()
    application = make_application(world.node, clock=lambda: world.now)
    with browser_of(application, world.node, AccountRole.ANALYST, now=world.now) as browser:
        before, due = browser.get("/today"), browser.get("/deliveries/due")
        spoken = {"act": "assert", "kind": "mailbox", "value": "noc@operator.example", "role": "responsible"}
        assert browser.send("/teams/operator/say", **spoken, reason="a call").status_code == 303
        after = browser.get("/today")
    assert "Example Operator: no email address, 2 events wait" in text_of(before)
    link = "/teams/operator/change?act=assert&amp;kind=mailbox#value"
    assert link in before.text
    assert link in due.text
    assert "No email address: 1 team" in text_of(due)
    assert "No digest is scheduled" in text_of(due)
    assert "due now" not in text_of(due)
    assert "no email address" not in text_of(after)
    assert "noc@operator.example" in world.tell()


@pytest.mark.parametrize("ending", ["accepted", "given back"])
def test_a_network_that_its_team_gave_up_is_an_item_until_somebody_ends_it(world: World, ending: str) -> None:
    world.hear("192.0.2.1", "192.0.2.2")
    world.at(0.01).tell()
    number = read_team(world.node.database, "operator")[0].id
    application = make_application(world.node, clock=lambda: world.now)
    with browser_of(application, world.node, AccountRole.OPERATOR, now=world.now, teams=(number,)) as browser:
        gone = browser.send("/portal/contacts/deny", kind="prefix", value="192.0.2.0/24")
        assert gone.status_code == 303
    application = make_application(world.node, clock=lambda: world.now)
    with browser_of(application, world.node, AccountRole.ANALYST, now=world.now) as browser:
        before, listed = text_of(browser.get("/today")), browser.get("/today/given-up").text
        if ending == "accepted":
            subject = "operator prefix 192.0.2.0/24"
            assert f'value="{subject}"' in listed
            done = browser.send("/today/accept", kind="given-up", subject=subject, reason="They left the country.")
        else:
            assert "act=withdraw&amp;kind=prefix&amp;value=192.0.2.0%2F24" in listed
            done = browser.send("/teams/operator/say", act="withdraw", kind="prefix", value="192.0.2.0/24")
        assert done.status_code == 303
        after = text_of(browser.get("/today"))
    assert "Example Operator gave up 192.0.2.0/24 (2 open problems)" in before
    assert "gave up" not in after


@pytest.mark.parametrize("ending", ["accepted", "the team's limit"])
def test_what_is_withheld_names_team_feed_and_rule_until_somebody_ends_it(world: World, ending: str) -> None:
    world.hear("203.0.113.9", "203.0.113.10")  # of a team that wants nothing above GREEN
    application = make_application(world.node, clock=lambda: world.now)
    with browser_of(application, world.node, AccountRole.ANALYST, now=world.now) as browser:
        before, listed = text_of(browser.get("/today")), browser.get("/today/withheld")
        if ending == "accepted":
            (subject,) = re.findall(r'name="subject" value="(green [^"]+)"', listed.text)
            done = browser.send("/today/accept", kind="withheld", subject=subject, reason="They know.")
        else:
            assert "/teams/green/change?ceiling=AMBER#ceiling" in listed.text
            assert [browser.send("/today/withheld/ask", team="green").status_code for _ in range(2)] == [303, 303]
            chosen = {"interval": "at_once", "ceiling": "AMBER", "formats": "csv", "language": "en"}
            done = browser.send("/teams/green/preferences", **chosen)
        assert done.status_code == 303
        after = text_of(browser.get("/today"))
    world.at(31).hear("203.0.113.9", "203.0.113.10")
    later = {item.kind: item.count for item in today(world.node, world.now).items}
    with world.node.database.reading() as session:
        letters = session.scalars(select(Letter).where(Letter.kind == "limit-asked")).all()
    assert [one.mailbox for one in letters] == ["abuse@green.example"] * (ending != "accepted")
    assert all("2 events of the last 24 hours" in one.body and "TLP:AMBER" in one.body for one in letters)
    assert "2 events withheld" in before
    assert "Wants Green Only" in text_of(listed)
    assert "The team wants nothing marked as high as this." in text_of(listed)
    assert "events withheld" not in after
    assert later.get(ItemKind.WITHHELD) == (2 if ending == "accepted" else None)


def test_comments_stand_on_the_pages_of_what_they_are_about_and_an_operator_sees_none(world: World) -> None:
    world.hear("192.0.2.1")
    world.at(0.01).tell()
    team = read_team(world.node.database, "operator")[0]
    with world.node.database.reading() as session:
        digest = session.scalars(select(Delivery.reference).where(Delivery.team_id == team.id)).one()
    application = make_application(world.node, clock=lambda: world.now)
    with browser_of(application, world.node, AccountRole.ANALYST, now=world.now) as analyst:
        (problem,) = set(re.findall(r'href="(/problems/[0-9a-f]{16})"', analyst.get("/problems").text))
        for path in (problem, f"/deliveries/{digest}", "/teams/operator"):
            (subject,) = re.findall(r'action="/comments">.*?name="subject" value="([^"]+)"', analyst.get(path).text)
            analyst.send("/comments", subject=subject, text=f"Spoken with them of {path}")
            assert f"Spoken with them of {path}" in text_of(analyst.get(path))
    with browser_of(application, world.node, AccountRole.OPERATOR, now=world.now, teams=(team.id,)) as operator:
        for path in (f"/deliveries/{digest}", "/teams/operator"):
            assert operator.get(path).status_code == 200
            assert "Spoken with them" not in operator.get(path).text


def test_a_mail_that_waits_is_read_where_it_is_said_what_it_is(world: World) -> None:
    raw = (
        b"From: who@elsewhere.example\r\nTo: csirt@localhost\r\nSubject: Ports\r\n\r\n"
        b"Which source ports did you see?\r\n"
    )
    file_mail(open_context(world.node, world.node.store), raw, now=world.now)
    application = make_application(world.node, clock=lambda: world.now)
    with browser_of(application, world.node, AccountRole.ANALYST, now=world.now) as analyst:
        listed = analyst.get("/today/mails").text
        (link,) = re.findall(r'href="(/today/mails\?show=\d+)#[^"]+"><bdi>Ports</bdi>', listed)
        shown = analyst.get(link)
    assert "Which source ports" not in listed
    assert "Which source ports did you see?" in text_of(shown)
    assert 'name="kind"' in shown.text
