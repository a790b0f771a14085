"""Incidents on pages: opened, led, noted, restricted, merged; what somebody may not read is as if it were not there."""

import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import select

from support.api_client import caller
from support.console_users import Browser, browser_of
from support.world import World, copy_world, text_of
from tocsin.incidents import IncidentReader, entries_of, find_incident, tasks_of
from tocsin.node.accounts import AccountRole, Person
from tocsin.node.letters import Letter
from tocsin.server.server import make_application

_MADE = re.compile(r'name="made"[^>]* value="([^"]+)"')
_SEEN = re.compile(r'name="seen" value="([^"]+)"')
PATH = "/incidents"

Sit = Callable[[AccountRole], Browser]


@pytest.fixture
def world(fresh: Path, tmp_path: Path) -> Iterator[World]:
    made = copy_world(fresh, tmp_path)
    with made.open:
        yield made


@pytest.fixture
def application(world: World) -> FastAPI:
    return make_application(world.node, clock=lambda: world.now)


@pytest.fixture
def sit(world: World, application: FastAPI) -> Iterator[Sit]:
    """Browsers of people; a role is one person."""
    with ExitStack() as stack:
        yield lambda role: stack.enter_context(browser_of(application, world.node, role, now=world.now))


def form_of(browser: Browser, path: str) -> dict[str, str]:
    """What the form of a page carries unseen."""
    text = browser.get(path).text
    return {name: found[1] for name, shape in (("made", _MADE), ("seen", _SEEN)) if (found := shape.search(text))}


def opened(browser: Browser, title: str = "Ransomware, Lagoon Hospital", **values: str | list[str]) -> str:
    """The address of an incident that somebody opens."""
    done = browser.send(f"{PATH}/new", title=title, **form_of(browser, f"{PATH}/new"), **values)
    assert done.status_code == 303, text_of(done)
    return done.headers["location"].partition("?")[0]


def do(browser: Browser, at: str, end: str, **values: str | list[str]) -> httpx.Response:
    """Send the form of an act, as its page has it."""
    return browser.send(f"{at}/{end}", **{**form_of(browser, f"{at}/act?act={end}"), **values})


def number_of(world: World, role: AccountRole) -> str:
    with world.node.database.reading() as session:
        return str(session.scalars(select(Person.id).where(Person.role == role.value)).first())


def test_an_incident_is_worked_from_its_page(sit: Sit) -> None:
    analyst = sit(AccountRole.ANALYST)
    at = opened(analyst, lead="true", rsit_type="infected-system")
    assert "Assigned to you." in text_of(analyst.get(at))
    do(analyst, at, "rate", severity="high", reason="A hospital")
    do(analyst, at, "tasks", text="Ask for the logs", due_at="2026-11-15T09:00")
    do(analyst, at, "milestone", milestone="contained", happened_at="2026-11-15T20:00", known_from="the hospital")
    do(analyst, at, "wait", waiting_for="the hospital", until="2026-11-20T12:00")
    page = text_of(analyst.get(at))
    said = (
        "Waiting High TLP:AMBER Assigned to you. Waiting for the hospital until Friday 12:00. 1 task open.",
        "Contained: 2026-11-15 20:00 · the hospital",
        "malicious-code/infected-system",
        "Severity: High",
    )
    assert [one for one in said if one not in page] == []
    row = text_of(analyst.get(f"{PATH}?severity=high&lead=me&q=lagoon"))
    assert "1 match" in row
    assert "the hospital · 2026-11-20 12:00" in row
    assert "No matches" in text_of(analyst.get(f"{PATH}?severity=low"))
    assert "1 task of an incident is due" in text_of(analyst.get("/today"))


def test_a_form_that_is_sent_twice_is_one_incident_and_one_note(sit: Sit, world: World) -> None:
    analyst = sit(AccountRole.ANALYST)
    form = form_of(analyst, f"{PATH}/new")
    first, again = (analyst.send(f"{PATH}/new", title="Leak", **form).headers["location"] for _ in range(2))
    at = first.partition("?")[0]
    assert again == at
    made = form_of(analyst, at)
    for _ in range(2):
        assert analyst.send(f"{at}/note", text="Rang them", **made).status_code == 303
    with world.node.database.reading() as session:
        reader = IncidentReader(None, world.now)
        assert len(entries_of(session, reader, [find_incident(session, reader, at.rpartition("/")[2])])) == 2


def test_the_second_who_changes_the_same_is_told_and_keeps_the_words(sit: Sit) -> None:
    analyst, manager = sit(AccountRole.ANALYST), sit(AccountRole.MANAGER)
    at = opened(analyst)
    form = form_of(manager, f"{at}/act?act=close")
    do(analyst, at, "wait", waiting_for="the hospital", until="2026-11-20T12:00")
    refused = manager.send(f"{at}/close", reason="All is well again", **form)
    assert refused.status_code == 409
    assert "changed meanwhile" in text_of(refused)
    assert 'value="All is well again"' in refused.text
    assert (
        manager.send(f"{at}/close", reason="All is well", **form_of(manager, f"{at}/act?act=close")).status_code == 303
    )
    assert "Closed" in text_of(manager.get(at))
    wrong = do(analyst, at, "wait", waiting_for="", until="tomorrow")
    assert (wrong.status_code, "Say for whom." in text_of(wrong), 'value="tomorrow"' in wrong.text) == (422, True, True)


def test_a_restricted_incident_is_not_there_for_others(sit: Sit, world: World) -> None:
    analyst, manager = sit(AccountRole.ANALYST), sit(AccountRole.MANAGER)
    team, at = opened(analyst, "Phishing"), opened(analyst, "Leak at the ministry")
    do(analyst, at, "tasks", text="Ask for the logs", due_at="2026-11-15T09:00")
    manager_before = text_of(manager.get("/today"))
    assert "2 incidents are not assigned" in manager_before
    do(analyst, at, "restrict", persons=[number_of(world, AccountRole.ANALYST)])
    reference = at.rpartition("/")[2]
    assert "Restricted" in text_of(analyst.get(at))
    for path in (at, f"{at}/act?act=close"):
        assert manager.get(path).status_code == 404
    for end in ("close", "note", "take"):
        form = form_of(manager, f"{team}/act?act={end}")
        assert manager.send(f"{at}/{end}", reason="x", text="x", **form).status_code == 404
    seen = text_of(manager.get(PATH))
    assert ("Leak" in seen, "1 match" in seen, "1 open incident is not assigned" in seen) == (False, True, True)
    today = text_of(manager.get("/today"))
    assert "1 incident is not assigned" in today
    assert "task of an incident" not in today
    assert "2 incidents are not assigned" in text_of(analyst.get("/today"))
    with caller(world, AccountRole.MANAGER) as client:
        assert client.get(f"/incidents/{reference}").status_code == 404
        assert [one["title"] for one in client.get("/incidents").json()["items"]] == ["Phishing"]
        assert client.post(f"/incidents/{reference}/note", json={"text": "x"}).status_code == 404
    assert world.tocsin.call("incidents", "show", reference)[0] == 1
    assert [one["title"] for one in world.tocsin.json("incidents", "list")] == ["Phishing"]
    refused = do(manager, team, "merge", into=reference)
    assert (refused.status_code, f"There is no incident {reference}." in text_of(refused)) == (409, True)


def test_who_lets_himself_in_is_reviewed_by_another(sit: Sit, world: World) -> None:
    analyst, manager, boss = (
        sit(role) for role in (AccountRole.ANALYST, AccountRole.MANAGER, AccountRole.ADMINISTRATOR)
    )
    at = opened(analyst, "Leak at the ministry", lead="true", only=[number_of(world, AccountRole.ANALYST)])
    reference = at.rpartition("/")[2]
    assert analyst.get(f"{PATH}/access").status_code == 404
    wrong = manager.send(f"{PATH}/access", reference="INC-0000-0001", reason="Nobody can be reached")
    assert wrong.status_code == 409
    short = manager.send(f"{PATH}/access", reference=reference, reason="because")
    assert short.status_code == 422
    done = manager.send(f"{PATH}/access", reference=reference, reason="Nobody can be reached, and it burns")
    assert (done.status_code, done.headers["location"]) == (303, at)
    assert "Leak at the ministry" in text_of(manager.get(at))
    with world.node.database.reading() as session:
        letters = {one.mailbox: one.body for one in session.scalars(select(Letter))}
    assert {name.partition("@")[0] for name in letters} == {"analyst", "administrator"}
    assert all("Nobody can be reached, and it burns" in body and "Leak" not in body for body in letters.values())
    assert "1 access to a restricted incident to review" in text_of(analyst.get("/today"))
    for other in (manager, boss):
        assert "to review" not in text_of(other.get("/today"))
    mine = number_of(world, AccountRole.MANAGER)
    assert do(manager, at, f"access/{mine}/review").status_code == 409
    assert do(analyst, at, f"access/{mine}/review").status_code == 303
    assert "to review" not in text_of(analyst.get("/today"))
    world.now += timedelta(hours=24)
    assert sit(AccountRole.MANAGER).get(at).status_code == 404


def test_a_merged_incident_leads_to_the_other_until_it_is_taken_out(sit: Sit) -> None:
    analyst = sit(AccountRole.ANALYST)
    whole, part = opened(analyst, "Campaign"), opened(analyst, "Phishing of a bank")
    do(analyst, part, "note", text="Rang the bank")
    do(analyst, part, "merge", into=whole.rpartition("/")[2])
    assert analyst.get(part).headers["location"] == whole
    page = text_of(analyst.get(whole))
    assert [one for one in ("Rang the bank", "Merged into this Phishing of a bank") if one not in page] == []
    refused = do(analyst, part, "close", reason="Over")
    assert (refused.status_code, "was merged" in text_of(refused)) == (409, True)
    assert "Unmerge" in text_of(analyst.get(f"{part}?alone=1"))
    do(analyst, part, "unmerge")
    assert (analyst.get(part).status_code, "Rang the bank" in text_of(analyst.get(whole))) == (200, False)


def test_a_merge_says_so_and_is_undone_where_it_is_said(sit: Sit) -> None:
    analyst = sit(AccountRole.ANALYST)
    first, second = opened(analyst), opened(analyst, "Phishing")
    reference = second.rpartition("/")[2]
    assert f'value="{first.rpartition("/")[2]}"' in analyst.get(f"{second}/act?act=merge").text  # offered
    done = do(analyst, second, "merge", into=first.rpartition("/")[2]).headers["location"]
    notice = analyst.get(analyst.get(done).headers["location"])
    assert f"{reference} merged into this." in text_of(notice)
    assert f'action="{second}/unmerge"' in notice.text
    analyst.send(f"{second}/unmerge")
    assert f"{reference} unmerged" in text_of(analyst.get(first))
    assert analyst.get(second).status_code == 200


def test_a_party_and_observables_are_filled_in_from_a_report(sit: Sit) -> None:
    analyst = sit(AccountRole.ANALYST)
    what = "Our files are locked. The program came from hxxp://evil[.]example/a"
    note = {"what": what, "door": "phone", "sender": "Lagoon Hospital", "phone": "+230 555 0101"}
    report = analyst.send("/inbox/phone", **note, **form_of(analyst, "/inbox/phone")).headers["location"]
    reference = report.partition("?")[0].rpartition("/")[2]
    analyst.send("/reports/public/act", act="open-incident", report=reference)
    (at,) = set(re.findall(r'href="(/incidents/INC-[^"?#]+)"', analyst.get(PATH).text))
    page = analyst.get(at)
    assert "Ransomware, Lagoon Hospital" in text_of(page)
    assert f"Report {reference} added" in text_of(page)
    party = analyst.get(f"{at}/act?act=parties&report={reference}").text
    assert 'value="Lagoon Hospital"' in party
    assert 'value="+230 555 0101"' in party
    assert what in analyst.get(f"{at}/act?act=observables&report={reference}").text
    assert analyst.get(f"{at}/act?act=parties&report=0000-0000").status_code == 404


def test_a_correction_supersedes_and_the_former_stays_readable(sit: Sit) -> None:
    analyst = sit(AccountRole.ANALYST)
    at = opened(analyst)
    do(analyst, at, "note", text="Rang at nine")
    entry = re.findall(r'id="entry-(\d+)"', analyst.get(at).text)[0]
    do(analyst, at, "correct", entry=entry, text="Rang at ten")
    page = analyst.get(at).text
    assert "<s>Rang at nine</s>" in page
    assert "Rang at ten" in page
    again = do(analyst, at, "correct", entry=entry, text="Rang at eleven")
    assert (again.status_code, "corrected already" in text_of(again), "Rang at eleven" in again.text) == (
        409,
        True,
        True,
    )


def test_what_is_pasted_is_read_and_nothing_of_it_lost(sit: Sit) -> None:
    analyst = sit(AccountRole.ANALYST)
    at = opened(analyst)
    text = "see hxxp://evil[.]example/x and 198[.]51[.]100[.]7\nas we said on the phone"
    do(analyst, at, "observables", text=text)
    page = text_of(analyst.get(at))
    assert "2 observables added, 1 line without an observable" in page
    assert "hxxp://evil[.]example/x" in page
    assert "as we said on the phone" in page
    assert 'href="/search?q=198.51.100.7"' in analyst.get(at).text
    none = do(analyst, at, "observables", text="as we said on the phone")
    assert (none.status_code, "as we said on the phone" in none.text) == (409, True)


def test_parts_belong_to_their_incident(sit: Sit, world: World) -> None:
    analyst = sit(AccountRole.ANALYST)
    one, other = opened(analyst, "One"), opened(analyst, "Other")
    do(analyst, one, "tasks", text="Ask")
    with world.node.database.reading() as session:
        reader = IncidentReader(None, world.now)
        (task,) = tasks_of(session, reader, [find_incident(session, reader, one.rpartition("/")[2])])
    assert analyst.send(f"{other}/tasks/{task.id}/done").status_code == 404
    assert analyst.send(f"{one}/tasks/{task.id}/done", result="They came").status_code == 303
    assert "They came" in text_of(analyst.get(one))


@pytest.mark.parametrize("after", ["2026-11-27T00:00Z/99999999999999999999", "0001-01-01T00:00%2B14:00/1", "yesterday"])
def test_a_place_in_the_list_that_is_none_is_its_beginning(sit: Sit, after: str) -> None:
    assert sit(AccountRole.ANALYST).get(f"{PATH}?after={after}").status_code == 200


@pytest.mark.parametrize("end", ["tasks/x/done", "parties/x/left", "observables/x/withdraw", "access/x/review"])
def test_a_part_that_is_no_number_is_not_there(sit: Sit, end: str) -> None:
    analyst = sit(AccountRole.ANALYST)
    assert analyst.send(f"{opened(analyst)}/{end}", reason="x").status_code == 404


def test_what_others_added_since_one_looked_is_marked_new(sit: Sit) -> None:
    analyst, manager = sit(AccountRole.ANALYST), sit(AccountRole.MANAGER)
    at = opened(analyst)
    assert "new entr" not in text_of(manager.get(PATH))  # he has not opened it
    manager.get(at)
    do(manager, at, "note", text="The hospital rang", **form_of(manager, at))
    assert "new entr" not in text_of(manager.get(PATH))  # his own
    do(analyst, at, "note", text="Their mail server is down", **form_of(analyst, at))
    assert "1 new entry" in text_of(manager.get(PATH))
    steps = _steps(manager, at)
    assert "New Analyst Their mail server is down" in steps
    assert "New Manager" not in steps
    assert "New Analyst" not in _steps(manager, at)  # he has seen it
    assert "new entr" not in text_of(manager.get(PATH))


def test_several_incidents_are_closed_at_once_and_those_that_refuse_are_named(sit: Sit) -> None:
    analyst = sit(AccountRole.ANALYST)
    first, second, third = (opened(analyst, name).rpartition("/")[2] for name in ("Leak", "Phishing", "Flood"))
    do(analyst, f"{PATH}/{third}", "close", reason="No attack")
    form = analyst.get(f"{PATH}/act?act=close&query=state%3Dall&incident={first}&incident={second}&incident={third}")
    assert "3 incidents are selected" in text_of(form)
    chosen: dict[str, str | list[str]] = {"act": "close", "incident": [first, second, third], "query": "state=all"}
    assert analyst.send(f"{PATH}/act", **chosen, reason="").status_code == 422
    refused = analyst.send(f"{PATH}/act", **chosen, reason="A drill")
    assert f"2 of 3 were changed. Not changed: {third}: {third} is closed." in text_of(refused)
    assert 'value="A drill"' in refused.text
    assert "3 matches" in text_of(analyst.get(f"{PATH}?state=closed"))
    opened(analyst, "Leak again")
    done = analyst.send(f"{PATH}/act", act="take", every="found", query="q=leak+again")
    assert done.headers.get("location") == f"{PATH}?q=leak+again", text_of(done)
    assert "1 match" in text_of(analyst.get(f"{PATH}?lead=me"))


def test_a_restricted_incident_is_in_no_selection_of_others(sit: Sit, world: World) -> None:
    manager, analyst = sit(AccountRole.MANAGER), sit(AccountRole.ANALYST)
    hidden = opened(manager, only=[number_of(world, AccountRole.MANAGER)]).rpartition("/")[2]
    for path in (f"{PATH}/act?act=close&incident={hidden}", f"{PATH}/act?act=none&incident={hidden}"):
        assert analyst.get(path).status_code == 404
    assert "0 incidents are selected" in text_of(analyst.get(f"{PATH}/act?act=close&every=found"))


@pytest.mark.parametrize("place", [PATH, "/reports/public"])
def test_a_view_of_a_list_is_kept_and_found_there(sit: Sit, place: str) -> None:
    analyst = sit(AccountRole.ANALYST)
    kept = analyst.send("/events/views", name="Not mine", query="q=lagoon", at=place)
    assert kept.headers["location"] == f"{place}?q=lagoon&done=view"
    assert "View saved." in text_of(analyst.get(kept.headers["location"]))
    assert f'<a href="{place}?q=lagoon"><bdi>Not mine</bdi></a>' in analyst.get(place).text
    assert "Not mine" not in text_of(analyst.get("/events"))


def _steps(browser: Browser, at: str) -> str:
    """The words of the timeline."""
    return " ".join(re.sub(r"<[^>]+>", " ", browser.get(at).text.partition('class="timeline"')[2]).split())
