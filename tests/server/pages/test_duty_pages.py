"""The pages of duty: who is on duty, forms, call-outs, and what links reach."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from sqlalchemy import select

from support.console_users import Browser, browser_of, person
from support.world import World, copy_world, make_world, text_of
from tocsin.incidents import SeverityLevel, add_incident
from tocsin.node.accounts import AccountRole
from tocsin.node.letters import Letter
from tocsin.pipeline.call_outs import look_for_call_outs
from tocsin.server.server import make_application

ROSTER = 'time_zone = "Indian/Mauritius"\n[[rule]]\nperson = "{}"\n'


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_world(tmp_path_factory.mktemp("fresh")).folder


class Duty:
    """A node, and browsers of its people."""

    def __init__(self, world: World, works: ExitStack) -> None:
        self.world, self._works = world, works
        self.made = make_application(world.node, clock=lambda: world.now)

    def browser(self, role: AccountRole) -> Browser:
        """A browser of somebody in a role."""
        return self._works.enter_context(browser_of(self.made, self.world.node, role, now=self.world.now))

    def letters(self, part: str) -> list[Letter]:
        """The mails whose key has a part in it."""
        with self.world.node.database.reading() as session:
            return [one for one in session.scalars(select(Letter)) if part in one.key]


@pytest.fixture
def duty(fresh: Path, tmp_path: Path) -> Iterator[Duty]:
    world = copy_world(fresh, tmp_path)
    with world.open, ExitStack() as works:
        yield Duty(world, works)


def planned(duty: Duty) -> tuple[Browser, Browser]:
    """A roster with the analyst on duty; a manager's and the analyst's browser."""
    manager, analyst = (duty.browser(one) for one in (AccountRole.MANAGER, AccountRole.ANALYST))
    mailbox = person(AccountRole.ANALYST).mailbox
    done = manager.send("/duty/rosters/new", name="CSIRT", text=ROSTER.format(mailbox), always="true")
    assert (done.status_code, done.headers["location"].partition("?")[0]) == (303, "/duty")
    return manager, analyst


def test_a_roster_is_shown_and_the_head_of_every_page_says_who_is_on_duty(duty: Duty) -> None:
    manager, analyst = planned(duty)
    page = text_of(analyst.get("/duty"))
    assert [one for one in ("CSIRT", "Indian/Mauritius", "Shifts of the next 14 days", "You") if one not in page] == []
    assert "On duty:" in text_of(manager.get("/today"))
    wrong = manager.send("/duty/rosters/1/edit", text='[[rule]]\nperson = "x"\nfrom = "8"', name="x")
    assert (wrong.status_code, 'href="#field-text"' in wrong.text) == (422, True)


def test_a_gap_is_a_to_do_item_that_an_override_ends(duty: Duty) -> None:
    manager, analyst = planned(duty)
    me, other = (duty_number(duty, one) for one in (AccountRole.ANALYST, AccountRole.MANAGER))
    span = {"start": "2026-11-20T08:00", "end": "2026-11-20T18:00"}
    manager.send("/duty/rosters/1/override", **span, remove=str(me))
    assert "Put somebody on duty" in text_of(manager.get("/duty"))
    assert "1 gap in the next 14 days" in text_of(analyst.get("/duty"))
    went = manager.send("/duty/rosters/1/override", **span, add=str(other)).headers["location"]
    assert "Duty changed" in text_of(manager.get(went))
    assert "gap in the next" not in text_of(manager.get("/duty"))


def duty_number(duty: Duty, role: AccountRole) -> int:
    from tocsin.node.accounts import find_person

    with duty.world.node.database.reading() as session:
        return find_person(session, person(role).mailbox).id


def called(duty: Duty, manager: Browser) -> str:
    """The path of the link in the mail of a call."""
    done = manager.send("/duty/rules/new", name="Nights", roster="1", severity="high", minutes="10", channels=["mail"])
    assert done.status_code == 303, done.text
    with duty.world.node.database.begin() as session:
        made = add_incident(session, title="Lagoon Hospital", actor="test", now=duty.world.now)
        made.severity = SeverityLevel.HIGH.value
    look_for_call_outs(duty.world.node, duty.world.now)
    (letter,) = duty.letters(":call:")
    (link,) = [line.strip() for line in letter.body.splitlines() if "/call/" in line]
    return link.removeprefix("https://csirt.example")


def test_opening_a_link_acknowledges_nothing_and_its_form_does_once(duty: Duty) -> None:
    manager, _ = planned(duty)
    path, stranger = called(duty, manager), duty.browser(AccountRole.NOBODY)
    for _ in range(3):
        page = stranger.get(path)
        assert (page.status_code, "Not acknowledged yet" in text_of(page)) == (200, True)
        assert "Lagoon" not in page.text
    assert "Calling" in text_of(manager.get("/duty/call-outs"))
    done = stranger.post(path, data={})
    assert "Acknowledged" in text_of(done)
    assert (stranger.get(path).status_code, stranger.post(path, data={}).status_code) == (404, 404)
    page = text_of(manager.get("/duty/call-outs"))
    assert "Acknowledged" in page


def test_a_link_ends_after_a_day(duty: Duty) -> None:
    manager, _ = planned(duty)
    path, stranger = called(duty, manager), duty.browser(AccountRole.NOBODY)
    duty.world.at(1.01)
    assert stranger.get(path).status_code == 404


def test_a_person_acknowledges_with_a_note(duty: Duty) -> None:
    manager, analyst = planned(duty)
    called(duty, manager)
    assert "CALL-0000001" in text_of(analyst.get("/duty/call-outs/1/acknowledge"))
    went = analyst.send("/duty/call-outs/1/acknowledge", remark="Rang the duty phone").headers["location"]
    assert "Rang the duty phone" in text_of(analyst.get(went))


def test_a_calendar_has_an_address_that_is_revoked_and_drawn_anew(duty: Duty) -> None:
    _, analyst = planned(duty)
    stranger = duty.browser(AccountRole.NOBODY)

    def address() -> str:
        (part,) = [one for one in analyst.get("/duty").text.split("<") if "/duty/calendar/" in one and ".ics" in one]
        return part.partition("https://csirt.example")[2]

    analyst.send("/duty/calendar")
    first = address()
    file = stranger.get(first)
    assert (file.status_code, file.headers["content-type"].partition(";")[0]) == (200, "text/calendar")
    assert ("BEGIN:VEVENT" in file.text, "SUMMARY:CSIRT" in file.text) == (True, True)
    analyst.send("/duty/calendar")
    assert (stranger.get(first).status_code, stranger.get(address()).status_code) == (404, 200)
    second = address()
    analyst.send("/duty/calendar", revoke="true")
    assert stranger.get(second).status_code == 404


def test_a_hand_over_note_begins_with_what_is_open_and_the_next_one_reads_it(duty: Duty) -> None:
    manager, analyst = planned(duty)
    with duty.world.node.database.begin() as session:
        add_incident(session, title="Lagoon Hospital", actor="test", now=duty.world.now)
        me = duty_number(duty, AccountRole.MANAGER)
        add_incident(session, title="Secret affair", actor="test", now=duty.world.now, members=[me])
    form = text_of(analyst.get("/duty/rosters/1/hand-over"))
    assert ("Lagoon Hospital" in form, "Secret affair" in form) == (True, False)
    analyst.send("/duty/rosters/1/hand-over", text="The hospital rings at noon.")
    assert "Not read yet" in text_of(manager.get("/duty"))
    manager.send("/duty/notes/1/read")
    assert "Read by" in text_of(analyst.get("/duty"))


def test_only_managers_set_rules_and_analysts_do_not_edit_rosters_of_others(duty: Duty) -> None:
    _, analyst = planned(duty)
    refused = analyst.send("/duty/rules/new", name="Mine", roster="1", severity="high", channels=["mail"])
    assert (refused.status_code, "Only managers" in text_of(refused)) == (409, True)
    assert analyst.send("/duty/rosters/1/edit", text="title = 'x'").status_code == 409
    assert duty.browser(AccountRole.OPERATOR).get("/duty").status_code == 404
