"""References to what must never be held are seen by one role, and by no other on any page, route or figure."""

import json
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from support.abuse_reports import REFERENCE, canaries, noted, xarf
from support.api_client import caller
from support.console_users import browser_of
from support.furnished_node import furnish
from support.page_examples import Example
from support.routes import doors
from support.world import START, World, copy_world, link_of, send
from tocsin.delivery.never_held import IntakeFilter, list_references
from tocsin.directory import read_team
from tocsin.node.accounts import AccountRole, Permission
from tocsin.node.accounts.permissions import extent
from tocsin.pipeline.ingest import ingest
from tocsin.server.server import make_application

OTHERS = [role for role in AccountRole if not extent(role, Permission.NEVER_HELD_WORK)]
LEFT_OUT = {"/today/live", "/api/v1/openapi.json"}  # a stream; and examples of what a reference looks like


@pytest.fixture(scope="module")
def stage(fresh: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[World, dict[str, Example]]:
    """A node with something of every kind to which such a report came."""
    world = copy_world(fresh, tmp_path_factory.mktemp("never-held"))
    examples = furnish(world)
    path = world.folder / "abuse.json"
    path.write_text(json.dumps(xarf(), indent=2))
    assert ingest(world.node, [path], clock=lambda: world.now).counts.quarantined == 1
    return world, examples


@pytest.fixture
def officer(stage: tuple[World, dict[str, Example]]) -> Iterator[httpx.Client]:
    world, _ = stage
    application = make_application(world.node, clock=lambda: world.now)
    with browser_of(application, world.node, AccountRole.PROTECTION_OFFICER, now=START) as browser:
        yield browser.client


@pytest.mark.parametrize("role", OTHERS)
def test_no_other_role_sees_a_reference_anywhere(stage: tuple[World, dict[str, Example]], role: AccountRole) -> None:
    world, examples = stage
    application = make_application(world.node, clock=lambda: world.now)
    with browser_of(application, world.node, role, now=START, teams=(4,)) as browser:
        answers = {
            door.path: browser.get(examples[door.path].at if door.path in examples else door.path)
            for door in doors(application)
            if door.method == "GET" and door.path not in LEFT_OUT and ("{" not in door.path or door.path in examples)
        }
        answers |= {"aside": browser.get("/reports/quarantine?ingest=3"), "row": browser.get("/reports/quarantine/3/0")}
    held = {path for path in answers if "/never-held" in path}
    assert len(held) >= 4
    assert {answers[path].status_code for path in held} <= {303, 401, 403, 404}
    words = (REFERENCE, "an-example", "NHR-", "secret-place")
    asked = {path for path, answer in answers.items() if path not in held and any(one in answer.text for one in words)}
    assert asked == set()


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
