"""Problems on pages: found, opened, and many at once answered, reminded and muted, never more than were selected."""

import csv
import io
import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from support.console_users import Browser, browser_of
from support.world import World, copy_world
from tocsin.directory import read_team, teams_by_id
from tocsin.events.models import FeedRecord
from tocsin.node.accounts import AccountRole, Person
from tocsin.node.records.audit import AuditEntry
from tocsin.problems import ProblemSearch, problem_text
from tocsin.problems.answers import Answer
from tocsin.server.server import make_application

OWN, OWN_TOO, SECTOR, GREEN, NOBODYS = "192.0.2.1", "192.0.2.2", "192.0.2.200", "203.0.113.5", "198.51.100.9"
RED = "192.0.2.66"
_ROW = re.compile(r'id="p([0-9a-f]{16})"><code dir="ltr">([0-9a-f.:]+) ')
_HIDDEN = re.compile(r'<input type="hidden" name="([a-z_]+)" value="([^"]*)"')


@pytest.fixture(scope="module")
def heard(fresh: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A node that notified teams of five machines."""
    world = copy_world(fresh, tmp_path_factory.mktemp("problems"))
    world.hear(OWN, OWN_TOO, SECTOR, GREEN, NOBODYS)
    world.tell()
    return world.folder


@pytest.fixture
def world(heard: Path, tmp_path: Path) -> World:
    return copy_world(heard, tmp_path / "world").at(1)


def sit(world: World, role: AccountRole, *keys: str) -> Iterator[Browser]:
    numbers = {team.key: number for number, team in teams_by_id(world.node.database).items()}
    application = make_application(world.node, clock=lambda: world.now)
    with browser_of(application, world.node, role, now=world.now, teams=tuple(numbers[key] for key in keys)) as browser:
        yield browser


@pytest.fixture
def analyst(world: World) -> Iterator[Browser]:
    yield from sit(world, AccountRole.ANALYST)


def rows(browser: Browser, path: str = "/problems") -> dict[str, str]:
    """The keys of the problems of a page by their addresses."""
    return {address: key for key, address in _ROW.findall(browser.get(path).text)}


def act(browser: Browser, asked: str, **more: str) -> str:
    """Open the page of an act and do what its form says; the text of the page that follows."""
    page = browser.get(asked).text
    name = re.search(r'action="/problems/([a-z]+)"', page)
    assert name, page
    form = page[page.index(f'action="/problems/{name[1]}"') :]
    fields: dict[str, list[str]] = {}
    for field, value in _HIDDEN.findall(form.partition("</form>")[0]):
        if field not in {"csrf", "back_to"}:
            fields.setdefault(field, []).append(value.replace("&amp;", "&"))
    team = re.search(r'<option value="([a-z-]+)"', form)
    chosen = {"team": team[1]} if team and name[1] == "record" and "team" not in fields else {}
    answer = browser.send(f"/problems/{name[1]}", **{**fields, **chosen, **more})
    assert answer.status_code == 303, answer.text
    return browser.get(answer.headers["location"]).text


def test_the_list_has_what_is_open_and_narrows(analyst: Browser) -> None:
    assert set(rows(analyst)) == {OWN, OWN_TOO, SECTOR, GREEN, NOBODYS}
    assert set(rows(analyst, "/problems?team=Example+Operator")) == {OWN, OWN_TOO}
    assert set(rows(analyst, "/problems?address=192.0.2.128/25&severity=medium")) == {SECTOR}
    assert rows(analyst, "/problems?state=gone") == {}
    page = analyst.get("/problems?team=-").text
    assert set(rows(analyst, "/problems?team=-")) == {NOBODYS}
    assert "Remove the filter Team" in page


def test_feeds_go_by_their_names(world: World, analyst: Browser) -> None:
    with world.node.database.reading() as session:
        name = session.scalars(select(FeedRecord.name).where(FeedRecord.code == "scan_rdp")).one()
    assert name != "scan_rdp"
    option = f'<option value="scan_rdp" selected>{name}</option>'
    assert option in analyst.get("/problems?feed=scan_rdp").text
    page = analyst.get("/events?feed=scan_rdp").text
    assert option in page
    assert f"<td><bdi>{name}</bdi></td>" in page


def test_views_of_problems_are_kept_apart_from_those_of_events(analyst: Browser) -> None:
    kept = {"at": "/problems", "query": "team=Example+Operator&sort=due"}
    saved = analyst.send("/events/views", name="Theirs", **kept).headers["location"]
    assert saved == "/problems?team=Example+Operator&sort=due&done=view"
    page = analyst.get(saved).text
    assert "View saved." in page
    assert '<a href="/problems?team=Example+Operator&amp;sort=due"><bdi>Theirs</bdi></a>' in page
    assert "Theirs" not in analyst.get("/events").text
    assert "Theirs" in analyst.get("/events/views").text
    again = analyst.send("/events/views", name="Theirs", at="/problems", query="state=gone")
    assert again.status_code == 409
    assert 'href="/problems?state=gone"' in again.text
    assert 'name="at" value="/problems"' in again.text


def test_what_is_not_a_filter_is_refused_and_nothing_is_shown(analyst: Browser) -> None:
    for query, said in [("prot=1", "This list has no filter “prot”."), ("address=x", "Write an address or a network")]:
        page = analyst.get(f"/problems?{query}")
        assert page.status_code == 422
        assert said in page.text
    assert not _ROW.search(analyst.get("/problems?prot=1").text)


def test_pages_of_the_list_have_each_once(world: World, analyst: Browser) -> None:
    world.hear(*(f"192.0.2.{n}" for n in range(10, 120)))
    whole = set(rows(analyst, "/problems?rows=200"))
    assert len(whole) == 115
    assert "50 of 115" in analyst.get("/problems").text
    parts = [set(rows(analyst, f"/problems?first={first}")) for first in (0, 50, 100)]
    assert [len(part) for part in parts] == [50, 50, 15]
    assert set.union(*parts) == whole


def test_an_answer_by_phone_is_recorded_under_the_analysts_name(world: World, analyst: Browser) -> None:
    keys = rows(analyst)
    page = act(
        analyst,
        f"/problems/act?act=record&problem={keys[OWN]}&problem={keys[OWN_TOO]}&problem={keys[SECTOR]}",
        team="operator",
        verdict="fixed",
        spoken_with="Jane of the NOC",
        note="patched",
    )
    assert "Answer recorded for 2 problems." in page
    assert set(rows(analyst)) == {SECTOR, GREEN, NOBODYS}
    assert set(rows(analyst, "/problems?state=fixed")) == {OWN, OWN_TOO}
    course = analyst.get(f"/problems/{keys[OWN]}").text
    assert "Answer: Fixed · Jane of the NOC: patched" in course
    assert "Example Operator, by phone, recorded by Analyst" in course
    with world.node.database.reading() as session:
        (answer,) = session.scalars(select(Answer))
        (entry,) = session.scalars(select(AuditEntry).where(AuditEntry.word == "answer.recorded"))
        name = session.get_one(Person, int(entry.actor.removeprefix("person:"))).name
    assert (answer.said_by, name) == (entry.actor, "Analyst")
    assert sorted(answer.problems or []) == sorted([keys[OWN], keys[OWN_TOO]])


def test_all_that_match_are_those_of_the_page_and_nothing_newer(world: World, analyst: Browser) -> None:
    page = analyst.get("/problems?team=operator").text
    fields = dict(_HIDDEN.findall(page[page.index("/problems/act") :]))
    world.hear("192.0.2.77")
    query = fields["query"].replace("&", "%26").replace("=", "%3D")
    text = act(
        analyst,
        f"/problems/act?act=record&every=found&query={query}&up_to={fields['up_to']}",
        team="operator",
        verdict="acknowledged",
    )
    assert "Answer recorded for 2 problems." in text
    assert set(rows(analyst, "/problems?state=in-progress")) == {OWN, OWN_TOO}
    assert "192.0.2.77" in rows(analyst, "/problems?state=not-notified") | rows(analyst, "/problems?state=notified")


def test_a_selection_that_is_another_now_is_shown_again_and_nothing_is_done(world: World, analyst: Browser) -> None:
    up_to = world.node.problems.find(ProblemSearch(), now=world.now).up_to
    chosen = {"every": "found", "query": "team=operator", "up_to": str(up_to), "count": "7"}
    answer = analyst.send("/problems/record", **chosen, team="operator", verdict="fixed")
    assert answer.status_code == 409
    assert "The selection has changed" in answer.text
    with world.node.database.reading() as session:
        assert session.scalar(select(Answer)) is None


def test_a_reminder_comes_with_the_next_sighting_and_once(world: World, analyst: Browser) -> None:
    world.at(0.3).hear(OWN, OWN_TOO)
    assert world.tell() == {}  # no reminder is due so soon
    keys = rows(analyst)
    page = act(analyst, f"/problems/act?act=remind&problem={keys[OWN]}&problem={keys[NOBODYS]}")
    assert "1 problem: its teams are reminded with the next sighting." in page
    assert "Reminder requested" in analyst.get(f"/problems/{keys[OWN]}").text
    world.at(0.5).hear(OWN, OWN_TOO)
    mails = world.tell()
    assert set(mails) == {"abuse@operator.example", "csirt@nat-a.example"}
    assert OWN in mails["abuse@operator.example"].body
    assert OWN_TOO not in mails["abuse@operator.example"].body
    world.at(0.6).hear(OWN, OWN_TOO)
    assert world.tell() == {}


def test_a_mute_is_of_the_kind_or_of_the_address(world: World, analyst: Browser) -> None:
    keys = rows(analyst)
    page = analyst.get(f"/problems/act?act=mute&problem={keys[SECTOR]}").text
    assert "Bank Sector Team open-rdp" in page
    assert "Bank Sector Team 192.0.2.200/32" in page
    act(analyst, f"/problems/act?act=mute&problem={keys[SECTOR]}", by="address", days="30", reason="moving")
    assert set(rows(analyst, "/problems?state=muted")) == {SECTOR}
    assert "Muted by" in analyst.get(f"/problems/{keys[SECTOR]}").text
    sector, _ = read_team(world.node.database, "sector")
    assert [(one.kind.value, one.value, one.reason) for one in sector.mutes] == [("prefix", "192.0.2.200/32", "moving")]


def test_the_page_of_a_problem_tells_its_course(analyst: Browser) -> None:
    key = rows(analyst)[OWN]
    page = analyst.get(f"/problems/{key}").text
    assert re.search(r"<h1[^>]*>192.0.2.1 3389/tcp · open-rdp</h1>", page)
    assert "Notified, no response" in page
    told = re.findall(r'<a href="/deliveries/(TOC-[0-9-]+)">Notification sent: (TOC-[0-9-]+)</a>', page)
    assert len(told) == 2
    assert all(one == other for one, other in told)
    assert '<a href="/teams/operator">' in page
    assert "First report of it" in page
    assert re.search(r'<svg class="sparkline"[^>]* aria-label="[0-9]+ events? in the last 14 days">', page)
    assert analyst.get("/problems/0000000000000000").status_code == 404


def test_files_of_the_list_hold_back_what_may_not_leave(world: World, analyst: Browser) -> None:
    with world.node.database.begin() as session:
        for feed in session.scalars(select(FeedRecord)):
            feed.tlp = "RED"
    world.at(1).hear(RED)
    assert RED in rows(analyst)
    file = analyst.get("/problems?format=csv")
    found = list(csv.DictReader(io.StringIO(file.text)))
    assert {row["where"] for row in found} == {OWN, OWN_TOO, SECTOR, GREEN, NOBODYS}
    assert {row["teams"] for row in found if row["where"] == OWN} == {"nat-a operator"}
    assert len(analyst.get("/problems?format=json&address=192.0.2.1").json()) == 1
    one, whole = world.tocsin.json("audit", "list", "--word", "events.exported")
    assert (whole["subject"], whole["detail"]["problems"]) == ("problems", 5)
    assert one["detail"] == {"form": "json", "problems": 1, "conditions": {"address": "given", "state": "open"}}


@pytest.mark.parametrize("role", [AccountRole.OPERATOR, AccountRole.AUDITOR])
def test_who_may_not_does_not(world: World, role: AccountRole) -> None:
    key = problem_text(int(world.node.problems.find(ProblemSearch(), now=world.now).keys[0]))
    keys = ("operator",) if role is AccountRole.OPERATOR else ()
    for browser in sit(world, role, *keys):
        inside = role is AccountRole.AUDITOR
        assert browser.get("/problems").status_code == (200 if inside else 404)
        assert browser.get(f"/problems/{key}").status_code == (200 if inside else 404)
        assert browser.get(f"/problems/act?act=record&problem={key}").status_code == 404
        for name in ("record", "remind", "mute"):
            assert browser.send(f"/problems/{name}", problem=key, verdict="fixed").status_code == 404


def test_a_list_that_is_shown_while_another_is_made_says_of_when_it_is(
    world: World, analyst: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tocsin.problems.standing._MANY", 0)
    assert "As of (UTC)" not in analyst.get("/problems").text
    world.hear("192.0.2.77")
    first = analyst.get("/problems").text  # made when all that it hangs on was loaded: from now on it takes its time
    assert "192.0.2.77" in first
    made = world.now
    world.now += timedelta(seconds=30)
    assert "As of (UTC)" not in analyst.get("/problems").text  # nothing came: it is of now
    world.hear("192.0.2.78")
    page = analyst.get("/problems").text
    assert "192.0.2.78" not in page
    assert f'As of (UTC) <time datetime="{made.isoformat()}" dir="ltr">{made:%H:%M:%S}</time>' in page
