"""Administration: who is here, how the node is, and what is kept."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import select

from support.console_users import Browser, browser_of, person
from support.world import World, copy_world
from tocsin.node.accounts import AccountRole, Person
from tocsin.node.letters import Letter
from tocsin.node.records.audit import AuditEntry
from tocsin.operations.backup_reading import backups_in
from tocsin.server.server import make_application


@pytest.fixture
def world(fresh: Path, tmp_path: Path) -> World:
    made = copy_world(fresh, tmp_path)
    settings = made.node.home / "tocsin.toml"
    folder = tmp_path / "copies"
    settings.write_text(f'{settings.read_text()}\n[storage]\nbackups = "{folder}"\n', encoding="utf-8")
    return copy_world(made.folder, tmp_path / "again")


@pytest.fixture
def admin(world: World) -> Iterator[Browser]:
    application = make_application(world.node, clock=lambda: world.now)
    with browser_of(application, world.node, AccountRole.ADMINISTRATOR, now=world.now) as browser:
        yield browser


def words(world: World) -> list[str]:
    with world.node.database.begin() as session:
        return list(session.scalars(select(AuditEntry.word).order_by(AuditEntry.id)))


def test_somebody_is_invited_given_a_role_blocked_and_removed(world: World, admin: Browser) -> None:
    invited = admin.send("/admin/people/invite", mailbox="New@people.example", role="operator", teams="operator")
    assert invited.status_code == 200
    assert "/welcome/" in invited.text
    with world.node.database.begin() as session:
        letters = list(session.scalars(select(Letter.mailbox)))
    assert "new@people.example" in letters
    number = person(world.node, AccountRole.ANALYST, now=world.now)
    at = f"/admin/people/{number}"
    assert admin.send(f"{at}/role", role="operator", teams="sector").status_code == 303
    asked = admin.send(f"{at}/block")  # a page that was open before the question came
    assert asked.status_code == 200
    assert "It can be unblocked." in asked.text
    assert "Blocked" not in admin.get("/admin/people").text
    assert admin.send(f"{at}/block", sure="yes").status_code == 303
    assert "Blocked" in admin.get("/admin/people").text
    assert "Blocked" in admin.get(at).text
    assert admin.send(f"{at}/unblock").status_code == 303
    assert admin.send(f"{at}/reset").status_code == 303
    name = re.findall(r"Remove the account of (.+)\?</h1>", admin.get(f"{at}/remove").text)[0]
    for wrong in ({}, {"sure": "yes"}, {"sure": "yes", "name": "somebody else"}):
        assert admin.send(f"{at}/remove", **wrong).status_code in {200, 422}
    with world.node.database.begin() as session:
        assert "@people.example" in session.get_one(Person, number).mailbox
    assert admin.send(f"{at}/remove", sure="yes", name=name).status_code == 303
    with world.node.database.begin() as session:
        assert "@people.example" not in session.get_one(Person, number).mailbox
    assert {"person.invited", "person.changed", "person.blocked"} <= set(words(world))


def test_an_invitation_is_seen_with_its_teams_and_withdrawn_once(world: World, admin: Browser) -> None:
    admin.send("/admin/people/invite", mailbox="new@people.example", role="operator", teams="operator, sector")
    invited = admin.get("/admin/people").text.partition('id="invited"')[2]
    assert "new@people.example" in invited
    assert re.findall(r'href="/teams/([^"]+)"', invited) == ["operator", "sector"]
    (number,) = re.findall(r'name="invitation" value="(\d+)"', invited)
    application = make_application(world.node, clock=lambda: world.now)
    with browser_of(application, world.node, AccountRole.MANAGER, now=world.now) as manager:
        assert "Withdraw the invitation" not in manager.get("/admin/people").text
        assert manager.send("/admin/people/withdraw", invitation=number).status_code == 404
    assert admin.client.post("/admin/people/withdraw", data={"invitation": number}).status_code == 403
    gone = admin.send("/admin/people/withdraw", invitation=number)
    assert gone.headers["location"] == "/admin/people?done=withdraw"
    assert "new@people.example" not in admin.get("/admin/people?done=withdraw").text
    assert words(world)[-1] == "invitation.withdrawn"
    again = admin.send("/admin/people/withdraw", invitation=number)
    assert again.status_code == 422
    assert "This invitation is not open any more" in again.text
    assert admin.send("/admin/people/withdraw", invitation="x").status_code == 404


def test_what_cannot_be_is_said_and_the_last_administrator_stays(world: World, admin: Browser) -> None:
    wrong = admin.send("/admin/people/invite", mailbox="new@people.example", role="operator", teams="no-such")
    assert wrong.status_code == 422
    assert "No team &#39;no-such&#39;" in wrong.text
    assert 'value="new@people.example"' in wrong.text
    number = person(world.node, AccountRole.ADMINISTRATOR, now=world.now)
    assert admin.send(f"/admin/people/{number}/block", sure="yes").status_code == 422
    assert admin.send(f"/admin/people/{number}/role", role="analyst").status_code == 422
    assert admin.send("/admin/people/9999/block").status_code == 404
    assert admin.send(f"/admin/people/{number}/elevate").status_code == 404


def test_health_feeds_settings_and_backups(world: World, admin: Browser, tmp_path: Path) -> None:
    world.hear("192.0.2.1")
    assert re.search(r"<h1[^>]*>System health</h1>", admin.get("/admin").text)
    feed = "kinds/scan_rdp"
    page = admin.get("/admin/feeds").text
    feed = page.partition('name="feed" value="')[2].partition('"')[0]
    assert admin.send("/admin/feeds/cadence", feed=feed, hours="12").status_code == 303
    assert 'name="hours" value="12"' in admin.get("/admin/feeds").text
    assert admin.send("/admin/feeds/cadence", feed=feed, hours="often").status_code == 422
    settings = admin.get("/admin/settings").text
    assert "retention.events_days" in settings
    assert admin.send("/admin/keeping/backup").status_code == 303
    assert len(backups_in(tmp_path / "copies")) == 1
    assert admin.send("/admin/keeping/retention").status_code == 303
    assert {"backup.made", "retention.applied", "feed.changed"} <= set(words(world))


def test_no_page_shows_a_secret(world: World) -> None:
    settings = world.node.home / "tocsin.toml"
    settings.write_text(
        f'{settings.read_text()}\n[mail]\npassword_file = "the-secret-place"\n'.replace(
            "[storage]", '[storage]\ndatabase = ""'
        ),
        encoding="utf-8",
    )
    again = copy_world(world.folder, world.folder / "copy")
    application = make_application(again.node, clock=lambda: again.now)
    with browser_of(application, again.node, AccountRole.ADMINISTRATOR, now=again.now) as browser:
        assert "the-secret-place" not in browser.get("/admin/settings").text


def test_a_manager_reads_and_changes_nothing(world: World) -> None:
    application = make_application(world.node, clock=lambda: world.now)
    with browser_of(application, world.node, AccountRole.MANAGER, now=world.now) as browser:
        page = browser.get("/admin/people")
        assert page.status_code == 200
        assert "/admin/people/invite" not in page.text
        assert browser.send("/admin/people/invite", mailbox="x@people.example", role="analyst").status_code == 404


def test_the_language_is_changed_on_a_page_that_says_what_is_wrong(admin: Browser) -> None:
    wrong = admin.send("/admin/people/invite", mailbox="no mailbox", role="analyst", teams="")
    assert wrong.status_code == 422
    (back,) = re.findall(r'name="next" value="([^"]*)"', wrong.text)
    changed = admin.send("/settings", next=back, language="fr")
    assert admin.get(changed.headers["location"]).status_code == 200


def test_a_team_without_an_address_is_led_to(world: World, admin: Browser) -> None:
    (world.folder / "silent.toml").write_text('[[team]]\nkey = "lagoon"\nname = "Lagoon Fibre"\n')
    world.tocsin.run("directory", "import", world.folder / "silent.toml")
    page = admin.get("/admin").text
    assert 'href="/teams/lagoon/change"' in page or 'href="/teams/lagoon"' in page
    assert "Import teams" not in page


def test_people_are_not_sorted_by_what_can_be_done(world: World, admin: Browser) -> None:
    person(world.node, AccountRole.ANALYST, now=world.now)
    page = admin.get("/admin/people").text
    assert re.findall(r'<th scope="row"><a href="/admin/people/\d+"><bdi>(\w+)</bdi>', page) == [
        "Administrator",
        "Analyst",
    ]
    assert '<th scope="col">Change</th>' not in page


def test_the_page_of_a_person_says_what_holds_and_is_changed_by_administrators_only(
    world: World, admin: Browser
) -> None:
    number = person(world.node, AccountRole.OPERATOR, now=world.now, teams=(1,))
    page = admin.get(f"/admin/people/{number}").text
    assert re.search(r"<h1[^>]*>Operator</h1>", page)
    assert 'href="/teams/' in page
    assert f'href="/audit?actor=person:{number}"' in page
    changed = admin.send(f"/admin/people/{number}/role", role="operator", teams="sector")
    assert changed.headers["location"] == f"/admin/people/{number}?done=role"
    assert 'value="sector"' in admin.get(changed.headers["location"]).text
    wrong = admin.send(f"/admin/people/{number}/role", role="operator", teams="no-such")
    assert wrong.status_code == 422
    assert "No team &#39;no-such&#39;" in wrong.text
    assert admin.get("/admin/people/9999").status_code == 404
    application = make_application(world.node, clock=lambda: world.now)
    with browser_of(application, world.node, AccountRole.MANAGER, now=world.now) as manager:
        seen = manager.get(f"/admin/people/{number}").text
        assert f'action="/admin/people/{number}' not in seen
        assert f'href="/admin/people/{number}/' not in seen
