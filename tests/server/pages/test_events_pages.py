"""Events on pages: found, opened, kept as views, exported; an operator sees the own ones only, however asked for."""

import csv
import io
import json
import re
from collections.abc import Iterator
from dataclasses import replace
from html import unescape
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import polars as pl
import pytest
from sqlalchemy import select

from support.console_users import Browser, browser_of
from support.world import START, World, copy_world, text_of
from tocsin.directory import teams_by_id
from tocsin.events.models import FeedRecord
from tocsin.events.views import SavedView
from tocsin.node.accounts import AccountRole
from tocsin.node.records.audit import AuditEntry
from tocsin.server.server import make_application

OWN, OWN_TOO, SECTOR, GREEN, NOBODYS = "192.0.2.1", "192.0.2.2", "192.0.2.200", "203.0.113.5", "198.51.100.9"
RED = "192.0.2.66"
_ADDRESS = re.compile(r'<code dir="ltr">([0-9a-f.:]+)</code>')
_OPEN = re.compile(r'href="([^"]*open=[^"]*)"')


@pytest.fixture(scope="module")
def heard(fresh: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A node that heard of five machines, and of one more in the operator's network when the feed was marked RED."""
    world = copy_world(fresh, tmp_path_factory.mktemp("events"))
    world.hear(OWN, OWN_TOO, SECTOR, GREEN, NOBODYS)
    with world.node.database.begin() as session:
        for feed in session.scalars(select(FeedRecord)):
            feed.tlp = "RED"
    world.at(1).hear(RED)
    return world.folder


@pytest.fixture(scope="module")
def world(heard: Path, tmp_path_factory: pytest.TempPathFactory) -> World:
    return copy_world(heard, tmp_path_factory.mktemp("world")).at(1)


def sit(world: World, role: AccountRole, *keys: str) -> Iterator[Browser]:
    numbers = {team.key: number for number, team in teams_by_id(world.node.database).items()}
    application = make_application(world.node, clock=lambda: world.now)
    with browser_of(application, world.node, role, now=world.now, teams=tuple(numbers[key] for key in keys)) as browser:
        yield browser


@pytest.fixture(scope="module")
def analyst(world: World) -> Iterator[Browser]:
    yield from sit(world, AccountRole.ANALYST)


@pytest.fixture(scope="module")
def operator(world: World) -> Iterator[Browser]:
    """Somebody of the operator of 192.0.2.0/24."""
    yield from sit(world, AccountRole.OPERATOR, "operator")


@pytest.fixture(scope="module")
def green(world: World) -> Iterator[Browser]:
    """Somebody of a team that wants nothing above GREEN."""
    yield from sit(world, AccountRole.OPERATOR, "green")


def addresses(browser: Browser, path: str) -> set[str]:
    return set(_ADDRESS.findall(browser.get(path).text))


def opened(browser: Browser, path: str) -> str:
    """The address that opens the first row."""
    found = _OPEN.search(browser.get(path).text)
    assert found
    return unescape(found[1]).partition("#")[0]


def test_the_page_says_how_many_and_shows_each(analyst: Browser) -> None:
    page = analyst.get("/events")
    assert re.search(r"<h1[^>]*>Events</h1>", page.text)
    assert "6 events are stored" in page.text
    assert addresses(analyst, "/events") == {OWN, OWN_TOO, SECTOR, GREEN, NOBODYS, RED}
    assert "Most events were" in page.text


def test_conditions_narrow(analyst: Browser) -> None:
    cases: list[tuple[str, set[str]]] = [
        ("address=192.0.2.0/25", {OWN, OWN_TOO, RED}),
        ("address=203.0.113.5", {GREEN}),
        ("team=green", {GREEN}),
        ("team=sector", {SECTOR}),
        ("asn=64501", set()),
        ("last=24h", {RED}),
        ("feed=scan_rdp&address=192.0.2.200", {SECTOR}),
        ("until=2026-11-16T12:00&since=2026-11-16", {OWN, OWN_TOO, SECTOR, GREEN, NOBODYS}),
        ("type=no-such-type", set()),
        ("text=%25", set()),
    ]
    assert [(query, addresses(analyst, f"/events?{query}")) for query, _ in cases] == cases


def test_links_of_values_lead_to_just_these(analyst: Browser) -> None:
    text = analyst.get("/events").text
    for path, events in re.findall(r'<th scope="row"><a href="([^"]+)">.*?</a></th>\s*<td class="n">(\d+)</td>', text):
        assert re.findall(r"(\d+) events? match", analyst.get(unescape(path)).text) == [events], path


def test_what_cannot_be_read_is_said_and_kept(analyst: Browser) -> None:
    page = analyst.get("/events?address=nowhere&asn=x&feed=scan_rdp")
    assert page.status_code == 422
    assert 'value="nowhere"' in page.text
    assert "Write an address or a prefix" in page.text
    assert "Write an AS number" in page.text
    assert "6 events match" in page.text


def test_where_nothing_fits_each_condition_can_be_dropped(analyst: Browser) -> None:
    text = analyst.get("/events?asn=65551&feed=scan_rdp").text
    assert "No matches" in text
    assert 'href="/events?feed=scan_rdp"' in text
    assert 'href="/events?asn=65551"' in text


def test_text_is_looked_for_further_back_from_the_page(world: World) -> None:
    """Where there is more than is searched at once, the page says so and leads on; links that narrow begin anew."""
    node = replace(world.node)
    vars(node)["events"] = replace(world.node.events, text_rows=1)
    for browser in sit(replace(world, node=node), AccountRole.ANALYST):
        first = browser.get("/events?text=rdp&type=vulnerable-system").text
        (further,) = re.findall(r'href="([^"]*back=1)">Look further back', first)
        answer = browser.get(unescape(further))
        older = answer.text
        assert "Look further back" not in older
        assert "part 2 of the events" in text_of(answer)
        both = [set(_ADDRESS.findall(page)) for page in (first, older)]
        assert both == [{RED}, {OWN, OWN_TOO, SECTOR, GREEN, NOBODYS}]
        assert all("back=" not in link for link in re.findall(r'href="([^"]*country=[^"]*)"', older))
        file = browser.get(unescape(further).replace("/events?", "/events/export?") + "&format=csv").text
        assert len(list(csv.DictReader(io.StringIO(file)))) == 5


def test_a_row_opens_in_place_with_all_that_is_known(analyst: Browser) -> None:
    path = opened(analyst, "/events?address=192.0.2.1&column=source.ip")
    text = text_of(analyst.get(path))
    assert "source.port 3389" in text
    assert "tlp AMBER" in text
    (problem,) = re.findall(r'<a href="(/problems/[0-9a-f]{16})">Problem of this event</a>', analyst.get(path).text)
    (sightings,) = re.findall(r'href="(/events[^"]*problem=[^"]*)"', analyst.get(problem).text)
    assert addresses(analyst, unescape(sightings)) == {OWN}


def test_columns_are_those_that_were_asked_for(analyst: Browser) -> None:
    text = analyst.get("/events?column=tlp&column=source.port&column=no.such.column").text
    head = re.search(r"<thead><tr>(<th.*?)</tr>", text[text.index('id="rows"') :])
    assert head
    assert re.findall(r">([^<>]+)</th>", head[1]) == ["Marking", "Port"]


def test_an_empty_node_says_how_events_come(fresh: Path, tmp_path: Path) -> None:
    world = copy_world(fresh, tmp_path)
    for browser in sit(world, AccountRole.ANALYST):
        text = browser.get("/events").text
        assert "No events yet" in text
        assert "upload one" in text
        assert "No event can be exported" in browser.get("/events/export").text
        assert browser.get("/events/export?format=json").json() == []


def test_an_operator_sees_own_events_only_however_they_are_asked_for(analyst: Browser, operator: Browser) -> None:
    assert "2 events are stored" in operator.get("/events").text
    assert addresses(operator, "/events") == {OWN, OWN_TOO}
    for query in (
        "address=0.0.0.0/0",
        "last=30d",
        "feed=scan_rdp",
        "country=MU",
        "asn=64500",
        "text=rdp",
        "team=operator",
    ):
        assert addresses(operator, f"/events?{query}") <= {OWN, OWN_TOO}
    foreign = opened(analyst, f"/events?address={GREEN}")
    assert 'class="opened"' in analyst.get(foreign).text
    there = parse_qs(urlsplit(foreign).query)["open"][0]
    closed, missing = (operator.get(f"/events?open={event}") for event in (there, "77-77"))
    assert closed.text.replace(there, "77-77") == missing.text  # but for the address that was asked for
    assert 'class="opened"' not in closed.text
    problem = re.findall(r'"/problems/([0-9a-f]{16})"', analyst.get(foreign).text)[0]
    assert addresses(operator, f"/events?problem={problem}") == set()


def test_whether_another_team_knows_of_an_own_event_is_not_told(operator: Browser) -> None:
    other, nobody = (operator.get(f"/events?team={key}").text for key in ("sector", "no-such"))
    assert other.replace("sector", "no-such") == nobody
    assert "No matches" in other


def test_what_the_gate_keeps_back_is_not_shown(world: World, green: Browser, operator: Browser) -> None:
    assert "No events yet" in green.get("/events").text
    assert addresses(green, "/events?address=203.0.113.0/24") == set()
    assert addresses(operator, f"/events?address={RED}") == set()
    assert world.node.store.scan().collect().height == 6


def test_an_export_says_its_marking_and_leaves_out_what_may_not_leave(world: World, analyst: Browser) -> None:
    offer = text_of(analyst.get("/events/export"))
    assert "5 events can be exported" in offer
    assert "1 event withheld" in offer
    assert "TLP:AMBER" in offer
    made = analyst.get("/events/export?format=jsonl")
    assert made.headers["x-marking"] == "TLP:AMBER"
    assert re.fullmatch(
        r'attachment; filename="events-\d{8}T\d{6}Z-TLP-AMBER\.jsonl"', made.headers["content-disposition"]
    )
    lines = [json.loads(line) for line in made.text.splitlines()]
    assert {line["source.ip"] for line in lines} == {OWN, OWN_TOO, SECTOR, GREEN, NOBODYS}
    assert all(re.fullmatch(r"[0-9a-f-]{36}", line["event"]) for line in lines)
    with world.node.database.begin() as session:
        entry = session.scalars(
            select(AuditEntry).where(AuditEntry.word == "events.exported").order_by(AuditEntry.id)
        ).all()[-1]
    assert entry.actor.startswith("person:")
    assert entry.detail["events"] == 5
    assert entry.detail["marking"] == "TLP:AMBER"


def test_the_audit_log_does_not_repeat_an_address(world: World, analyst: Browser) -> None:
    analyst.get(f"/events/export?format=csv&address={OWN}&feed=scan_rdp")
    with world.node.database.begin() as session:
        entry = session.scalars(
            select(AuditEntry).where(AuditEntry.word == "events.exported").order_by(AuditEntry.id)
        ).all()[-1]
    assert entry.detail["conditions"] == {"address": "given", "feed": "scan_rdp"}


def test_every_form_holds_the_same_events(operator: Browser) -> None:
    answers = {
        form: operator.get(f"/events/export?format={form}").content
        for form in ("csv", "jsonl", "json", "arrow", "parquet")
    }
    lines = [json.loads(line) for line in answers["jsonl"].splitlines()]
    right = {(line["event"], line["source.ip"]) for line in lines}
    assert {address for _, address in right} == {OWN, OWN_TOO}
    rows = list(csv.DictReader(io.StringIO(answers["csv"].decode(), newline="")))
    assert {(row["event"], row["source.ip"]) for row in rows} == right
    assert {(one["event"], one["source.ip"]) for one in json.loads(answers["json"])} == right
    for frame in (pl.read_ipc(io.BytesIO(answers["arrow"])), pl.read_parquet(io.BytesIO(answers["parquet"]))):
        assert set(frame.select("event", "source.ip").rows()) == right


def test_who_may_not_export_finds_no_such_page(world: World) -> None:
    for browser in sit(world, AccountRole.AUDITOR):
        assert browser.get("/events").status_code == 200
        assert browser.get("/events/export?format=csv").status_code == 404
        assert "/events/export" not in browser.get("/events").text


def test_views_are_kept_shared_renamed_and_deleted(world: World, analyst: Browser) -> None:
    query = "type=vulnerable-system&last=7d&column=source.ip&column=tlp&after=1-1"
    saved = analyst.send("/events/views", name=" Our  week ", query=query)
    assert saved.headers["location"] == "/events?last=7d&type=vulnerable-system&column=source.ip&column=tlp&done=view"
    assert "View saved." in analyst.get(saved.headers["location"]).text
    assert "Our week" in analyst.get("/events").text
    for manager in sit(world, AccountRole.MANAGER):
        assert "Our week" not in manager.get("/events").text
        assert manager.send("/events/views/1", name="Mine").status_code == 404
        assert manager.send("/events/views/1/delete").status_code == 404
        analyst.send("/events/views/1", name="The week", shared="1")
        assert "The week" in manager.get("/events").text
        assert manager.send("/events/views/1/delete").status_code == 404
    for auditor in sit(world, AccountRole.AUDITOR):
        assert "The week" in auditor.get("/events").text
    analyst.send("/events/views/1/delete")
    assert "The week" not in analyst.get("/events").text
    with world.node.database.begin() as session:
        acts = [
            one.detail["act"] for one in session.scalars(select(AuditEntry).where(AuditEntry.word == "view.changed"))
        ]
        assert session.get(SavedView, 1) is None
    assert acts[:3] == ["saved", "renamed", "deleted"]


def test_a_view_is_replaced_only_when_that_is_meant(world: World, analyst: Browser) -> None:
    for name in ("Week", "Month"):
        assert analyst.send("/events/views", name=name, query="last=7d").status_code == 303
    asked = analyst.send("/events/views", name="Week", query="last=24h")
    assert asked.status_code == 409
    assert "You have a view with the name “Week”" in asked.text
    with world.node.database.reading() as session:
        week = session.scalar(select(SavedView.id).where(SavedView.name == "Week"))
    assert analyst.send(f"/events/views/{week}", name="Month").status_code == 422

    def kept() -> list[str]:
        with world.node.database.reading() as session:
            return list(session.scalars(select(SavedView.query).order_by(SavedView.id)))

    assert kept() == ["last=7d", "last=7d"]
    analyst.send("/events/views", name="Week", query="last=24h", replace="yes")
    assert kept() == ["last=24h", "last=7d"]


def test_an_operator_learns_of_no_view(analyst: Browser, operator: Browser) -> None:
    analyst.send("/events/views", name="Secret case", query="", shared="1")
    assert "Secret case" not in operator.get("/events").text
    assert operator.get("/events/views").status_code == 404
    assert operator.send("/events/views", name="x").status_code == 404


@pytest.mark.parametrize("name", ["", "  ", "x" * 81])
def test_a_view_needs_a_name(analyst: Browser, name: str) -> None:
    answer = analyst.send("/events/views", name=name, query="last=7d")
    assert answer.status_code == 422
    assert "needs a name" in answer.text


def test_the_map_says_in_a_table_what_it_draws(analyst: Browser, operator: Browser) -> None:
    page = analyst.get("/events/map")
    events = [int(n) for n in re.findall(r'data-events="(\d+)"', page.text)]
    known = re.search(r"not known</th><td class=\"n\">(\d+)", page.text)
    assert sum(events) + int(known[1] if known else 0) == 6
    (figure,) = re.findall(r"<tfoot>.*?<td class=\"n\">(\d+)", operator.get("/events/map").text)
    assert figure == "2"


def test_text_of_a_report_stays_text(fresh: Path, tmp_path: Path) -> None:
    world = copy_world(fresh, tmp_path)
    path = world.folder / "2026-11-16-scan_rdp-odd-geo.csv"
    evil = "<script>alert(1)</script>"
    path.write_text(
        '"timestamp","severity","ip","protocol","port","hostname","tag","asn","geo","region","city"\n'
        f'"2026-11-16 04:00:00","medium","{OWN}","tcp",3389,,"{evil}",64500,"MU","=1+1","@SUM(1)"\n'
    )
    from tocsin.pipeline.ingest import ingest

    assert not ingest(world.node, [path], clock=lambda: START).failed
    for browser in sit(world, AccountRole.ANALYST):
        shown = browser.get(opened(browser, "/events")).text
        assert "=1+1" in shown
        assert evil not in shown
        assert evil not in browser.get(f"/events?text={evil}").text
        (row,) = csv.DictReader(io.StringIO(browser.get("/events/export?format=csv").text, newline=""))
        assert row["source.geolocation.region"] == "'=1+1"
        assert row["source.geolocation.city"] == "'@SUM(1)"
        exact = json.loads(browser.get("/events/export?format=jsonl").text)
        assert exact["source.geolocation.region"] == "=1+1"


def test_further_pages_are_numbered_lead_back_and_begin_with_their_rows(fresh: Path, tmp_path: Path) -> None:
    world = copy_world(fresh, tmp_path)
    world.hear(*(f"192.0.2.{n}" for n in range(1, 121)))
    for browser in sit(world, AccountRole.ANALYST):
        seen, path = [], "/events?feed=scan_rdp"
        while path:
            page = browser.get(path).text
            seen.append(page)
            later = re.search(r'rel="next" href="([^"]+)"', page)
            path = unescape(later[1]) if later else ""
        assert len(set().union(*(set(_ADDRESS.findall(page)) for page in seen))) == 120
        assert ["Page 2 of 3" in page for page in seen] == [False, True, False]
        assert ["Page 3 of 3" in page for page in seen] == [False, False, True]
        assert ["data-brush" in page for page in seen] == [True, False, False]
        (back,) = re.findall(r'rel="prev" href="([^"]+)"', seen[2])
        assert _ADDRESS.findall(browser.get(unescape(back)).text) == _ADDRESS.findall(seen[1])


def test_port_marking_and_name_of_the_team_narrow(analyst: Browser) -> None:
    cases: list[tuple[str, set[str]]] = [
        ("port=3389&address=203.0.113.5", {GREEN}),
        ("port=23", set()),
        ("tlp=RED", {RED}),
        ("team=wants+green+only", {GREEN}),
        ("team=Nobody", set()),
        ("country=-", set()),
        ("severity=-", set()),
    ]
    assert [(query, addresses(analyst, f"/events?{query}")) for query, _ in cases] == cases


@pytest.mark.parametrize("path", ["/events", "/events/map", "/events/export"])
def test_what_is_no_filter_is_refused(analyst: Browser, path: str) -> None:
    page = analyst.get(f"{path}?prot=23")
    assert page.status_code == 422
    assert "This list has no filter “prot”" in page.text
    assert not _ADDRESS.search(page.text)


def test_events_come_by_their_time_each_once(fresh: Path, tmp_path: Path) -> None:
    """What was received last may have happened first."""
    world = copy_world(fresh, tmp_path)
    for day, third in ((3, "1"), (1, "2"), (2, "3")):
        world.at(day).hear(*(f"192.0.{third}.{n}" for n in range(1, 31)))
    world.at(4)
    for analyst in sit(world, AccountRole.ANALYST):
        received = [analyst.get("/events").text]
        pages = [analyst.get("/events?order=time").text]
        for found in (received, pages):
            (later,) = re.findall(r'rel="next" href="([^"]+)"', found[0])
            found.append(analyst.get(unescape(later)).text)
        order = [address.split(".")[2] for page in pages for address in _ADDRESS.findall(page)]
        assert order == ["1"] * 30 + ["3"] * 30 + ["2"] * 30
        assert len({address for page in pages for address in _ADDRESS.findall(page)}) == 90
        assert _ADDRESS.findall(received[0])[0].split(".")[2] == "3"
        assert len(_ADDRESS.findall(analyst.get("/events?rows=200").text)) == 90
        assert "Most events were" not in pages[1]
