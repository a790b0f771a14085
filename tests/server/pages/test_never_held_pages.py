"""References to what must never be held are worked on by one role; that no other sees one is in `test_no_way_out`."""

import json
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from support.abuse_reports import REFERENCE, canaries, noted, xarf
from support.api_client import caller
from support.console_users import browser_of
from support.furnished_node import furnish
from support.world import START, World, copy_world, link_of, send
from tocsin.delivery.never_held import IntakeFilter, list_references
from tocsin.directory import read_team
from tocsin.node.accounts import AccountRole
from tocsin.pipeline.ingest import ingest
from tocsin.server.server import make_application


@pytest.fixture(scope="module")
def stage(fresh: Path, tmp_path_factory: pytest.TempPathFactory) -> World:
    """A node with something of every kind to which such a report came."""
    world = copy_world(fresh, tmp_path_factory.mktemp("never-held"))
    furnish(world)
    path = world.folder / "abuse.json"
    path.write_text(json.dumps(xarf(), indent=2))
    assert ingest(world.node, [path], clock=lambda: world.now).counts.quarantined == 1
    return world


@pytest.fixture
def officer(stage: World) -> Iterator[httpx.Client]:
    application = make_application(stage.node, clock=lambda: stage.now)
    with browser_of(application, stage.node, AccountRole.PROTECTION_OFFICER, now=START) as browser:
        yield browser.client


def test_the_officer_finds_whom_to_ring_on_the_page_of_today_and_in_the_list(officer: httpx.Client) -> None:
    today, listed = officer.get("/today").text, officer.get("/never-held").text
    assert "Call the hotline about 2 reports" in today
    assert "Call the hotline about 2 reports" in listed
    assert REFERENCE in listed
    assert 'href="/never-held"' in today


def test_the_officer_sees_nothing_of_the_work_of_others(officer: httpx.Client) -> None:
    for path in (
        "/events", "/reports", "/deliveries", "/teams", "/admin", "/audit", "/api/v1/events", "/search?q=x",
        "/today/items?kind=no-contact", "/today/unrouted", "/today/withheld", "/today/given-up", "/today/unanswered",
        "/today/mails", "/today/keys",
    ):  # fmt: skip
        assert officer.get(path, follow_redirects=False).status_code in {403, 404}, path


def test_a_receipt_is_noted_on_its_page(fresh: Path, tmp_path: Path) -> None:
    world = copy_world(fresh, tmp_path)
    IntakeFilter(world.node, "upload", lambda: world.now).kept(json.dumps(xarf()).encode())
    with world.node.database.reading() as session:
        [line] = list_references(session)
    application = make_application(world.node, clock=lambda: world.now)
    with browser_of(application, world.node, AccountRole.PROTECTION_OFFICER, now=START) as browser:
        place = f"/never-held/{line.row.reference}"
        assert "192.0.2.1" in browser.get(place).text
        assert browser.get(f"{place}/receipt").status_code == 200
        assert browser.send(f"{place}/receipt").status_code == 303
        assert "Received by the hotline" in browser.get(place).text
        assert browser.get("/api/v1/never-held").json()[0]["state"] == "received"
        assert browser.send(f"{place}/send-again").status_code == 409
    assert noted(world.node.home) == [("csam", REFERENCE, "upload")]
    assert canaries(world.node.home) == []


def test_what_operators_write_passes_the_filter(fresh: Path, tmp_path: Path) -> None:
    world = copy_world(fresh, tmp_path)
    world.hear("192.0.2.1")
    link = link_of(world.tell()["abuse@operator.example"])
    report = json.dumps({**xarf(), "evidence": [], "screenshot": ""})
    with world.open:
        sent = send(world.client(public=True), link, "fixed", note=f"We found: {report}")
        assert sent.status_code == 303
    team = read_team(world.node.database, "operator")[0].id
    with caller(world, AccountRole.OPERATOR, teams=(team,)) as client:
        [problem] = client.get("/problems").json()["items"]
        other = report.replace(REFERENCE, "aaaabbbb-0000-4456-8abc-def012345678")
        said = {"verdict": "acknowledged", "problems": [problem["problem"]], "note": other}
        assert client.post("/problems/answers", json=said).status_code == 200
    assert [(number, place) for _, number, place in noted(world.node.home)] == [
        (REFERENCE, "answer link"),
        ("aaaabbbb-0000-4456-8abc-def012345678", "portal"),
    ]
    assert canaries(world.node.home) == []
