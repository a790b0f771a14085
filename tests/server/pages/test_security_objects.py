"""An object that a query or a form names and that is another team's answers as one that does not exist."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote_plus

import httpx
import pytest
from sqlalchemy import func, select

from support.console_users import Browser, browser_of, person
from support.furnished_node import furnish
from support.page_examples import FOREIGN, NOBODYS, OPERATOR, SECTOR
from support.world import World, copy_world
from tocsin.delivery import Delivery
from tocsin.directory import read_team
from tocsin.node.accounts import AccountRole
from tocsin.problems.answers import Answer
from tocsin.server.server import make_application

_RANDOM = re.compile(r'"instance": ?"[^"]*"|name="(?:made|csrf)" value="[^"]*"|\?[0-9a-f]{12}"')


@dataclass
class Stage:
    """A furnished node, the browser of its operator, and the references of a foreign digest and a foreign problem."""

    world: World
    operator: Browser
    digest: str
    problem: str


@pytest.fixture(scope="module")
def stage(fresh: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    world = copy_world(fresh, tmp_path_factory.mktemp("objects"))
    furnish(world)
    own, sector = (read_team(world.node.database, key)[0] for key in (OPERATOR, SECTOR))
    application = make_application(world.node, clock=lambda: world.now)
    with world.node.database.reading() as session:
        digest = session.scalars(select(Delivery.reference).where(Delivery.team_id == sector.id)).one()
    with (
        browser_of(application, world.node, AccountRole.OPERATOR, now=world.now, teams=(sector.id,)) as other,
        browser_of(application, world.node, AccountRole.OPERATOR, now=world.now, teams=(own.id,)) as operator,
    ):
        problem = re.search(r'name="problem" value="([0-9a-f]{16})"', other.get("/portal?state=all").text)
        assert problem
        yield Stage(world, operator, digest, problem[1])


def plain(answer: httpx.Response, *names: str) -> tuple[int, str, str]:
    """What an answer says, without what was asked for and what differs each time."""
    text = _RANDOM.sub("", answer.text)
    where = answer.headers.get("location", "")
    for name in sorted((name for name in names if len(name) > 3), key=len, reverse=True):
        text, where = (re.sub(rf"\b{re.escape(name)}\b", "NAME", of) for of in (text, where))
    asked = {f"={name}" for name in names}
    for name in asked:  # the page knows its own address
        text = text.replace(f'{name}"', '=NAME"')
    return answer.status_code, where, text


QUERIES = (
    ("/deliveries", "team", SECTOR, "nobody"),
    ("/deliveries", "reference", "DIGEST", "TOC-2026-9999999"),
    ("/events", "team", SECTOR, "nobody"),
    ("/events", "address", FOREIGN, NOBODYS),
    ("/events", "problem", "PROBLEM", "00f1c2d3e4a5b6c7"),
    ("/events", "open", "1-2", "1-999"),
    ("/events/map", "team", SECTOR, "nobody"),
    ("/events/export", "address", FOREIGN, NOBODYS),
    ("/lookup", "query", FOREIGN, NOBODYS),
    ("/portal", "team", SECTOR, "nobody"),
    ("/portal/contacts", "team", SECTOR, "nobody"),
    ("/teams", "q", SECTOR, "nobody"),
    ("/api/v1/events", "address", FOREIGN, NOBODYS),
    ("/api/v1/events/figures", "address", FOREIGN, NOBODYS),
    ("/api/v1/deliveries", "team", SECTOR, "nobody"),
    ("/api/v1/problems", "team", SECTOR, "nobody"),
    ("/api/v1/lookup", "query", FOREIGN, NOBODYS),
)


@pytest.mark.parametrize(("path", "name", "foreign", "missing"), QUERIES)
def test_a_query_for_a_foreign_thing_finds_what_one_for_no_thing_finds(
    stage: Stage, path: str, name: str, foreign: str, missing: str
) -> None:
    foreign = {"DIGEST": stage.digest, "PROBLEM": stage.problem}.get(foreign, foreign)
    one, other = (
        plain(stage.operator.client.get(path, params={name: value}), value, value.replace("/", "%2F"))
        for value in (foreign, missing)
    )
    assert one == other


FORMS = (
    ("/portal/contacts/mailbox?team=", {"mailbox": "eve@evil.example"}),
    ("/portal/contacts/deny?team=", {"kind": "prefix", "value": "192.0.2.0/24"}),
    ("/portal/contacts/claim?team=", {"value": "203.0.113.0/24", "at": "abuse@operator.example"}),
    ("/portal/contacts/mute?team=", {"kind": "type", "what": "scanner", "for_days": "30"}),
    ("/portal/contacts/unmute?team=", {"kind": "type", "value": "scanner"}),
    ("/portal/contacts/how?team=", {"interval": "weekly", "format": "csv", "mail_language": "en"}),
    ("/portal/contacts/undo?team=", {"kind": "prefix", "value": "192.0.2.0/24"}),
    ("/portal/contacts/code?team=", {"claim": "1", "code": "000000"}),
)


@pytest.mark.parametrize(("path", "fields"), FORMS)
def test_a_form_for_a_foreign_team_is_as_one_for_no_team(stage: Stage, path: str, fields: dict[str, str]) -> None:
    before = _rows(stage.world)
    one, other = (plain(stage.operator.send(path + key, **fields), key) for key in (SECTOR, "nobody"))
    assert one == other
    assert one[0] == 404
    assert _rows(stage.world) == before


def quoted(about: dict[str, str]) -> str:
    """The one value, as an address has it."""
    (value,) = about.values()
    return quote_plus(value)


ABOUT = (
    ("code", {"claim": "2"}, {"claim": "999"}, {"code": "000000"}),
    ("deny", {"value": "198.51.100.0/24"}, {"value": "203.0.113.0/24"}, {"kind": "prefix"}),
    ("deny", {"value": "soc@sector.example"}, {"value": "no@sector.example"}, {"kind": "mailbox"}),
    ("undo", {"value": "198.51.100.0/24"}, {"value": "203.0.113.0/24"}, {"kind": "prefix"}),
    ("claim", {"at": "cert@sector.example"}, {"at": "none@sector.example"}, {"value": "8.8.4.0/24"}),
    ("claim", {"value": "9.9.9.0/24"}, {"value": "9.9.8.0/24"}, {"at": "abuse@operator.example"}),
)


@pytest.mark.parametrize(("path", "foreign", "missing", "shared"), ABOUT)
def test_a_form_about_a_foreign_thing_is_as_one_about_no_thing(
    stage: Stage, path: str, foreign: dict[str, str], missing: dict[str, str], shared: dict[str, str]
) -> None:
    answers = [
        plain(stage.operator.send(f"/portal/contacts/{path}", **about, **shared), *about.values(), quoted(about))
        for about in (foreign, missing)
    ]
    for one, other in zip(*(text.splitlines() for *_, text in answers), strict=False):
        assert one == other
    assert answers[0] == answers[1]


def test_a_foreign_problem_cannot_be_answered(stage: Stage) -> None:
    made = re.search(r'name="made" value="([^"]+)"', stage.operator.get("/portal").text)
    assert made
    before = _rows(stage.world)
    answers = []
    for problem in (stage.problem, "00f1c2d3e4a5b6c7"):
        sent = stage.operator.send("/portal", made=made[1], verdict="fixed", problem=problem)
        answers.append(plain(sent, problem))
        asked = {"team": OPERATOR, "verdict": "fixed", "problems": [problem]}
        headers = {"x-csrf-token": stage.operator.csrf}
        sent = stage.operator.client.post("/api/v1/problems/answers", json=asked, headers=headers)
        answers.append(plain(sent, problem))
    assert answers[:2] == answers[2:]
    assert _rows(stage.world) == before


def test_the_api_takes_no_word_for_a_foreign_team(stage: Stage) -> None:
    headers = {"x-csrf-token": stage.operator.csrf}
    for path, body in (
        ("/api/v1/problems/answers", {"verdict": "fixed", "problems": [stage.problem]}),
        ("/api/v1/claims", {"value": "203.0.113.0/24", "mailbox": "abuse@operator.example"}),
    ):
        one, other = (
            plain(stage.operator.client.post(path, json={**body, "team": team}, headers=headers), team)
            for team in (SECTOR, "nobody")
        )
        assert one == other
        assert one[0] == 404


def test_a_name_that_an_account_does_not_have_is_not_taken_from_a_form(stage: Stage) -> None:
    """No field of a form sets what its page does not offer: role, teams, number, state."""
    number = person(stage.world.node, AccountRole.ANALYST, now=stage.world.now)
    application = make_application(stage.world.node, clock=lambda: stage.world.now)
    with browser_of(application, stage.world.node, AccountRole.ANALYST, now=stage.world.now) as analyst:
        more = {
            "role": "administrator",
            "teams": "1",
            "id": "1",
            "person": "1",
            "blocked_at": "",
            "mailbox": "e@e.example",
        }
        assert analyst.send("/account/profile", name="Ana", **more).status_code == 303
        assert analyst.get("/admin/people").status_code == 404
        headers = {"x-csrf-token": analyst.csrf}
        sent = analyst.client.post("/api/v1/lookup", json={"queries": ["192.0.2.1"], "role": "x"}, headers=headers)
        assert sent.status_code in {200, 422}
    with stage.world.node.database.reading() as session:
        from tocsin.node.accounts import Person

        one = session.get_one(Person, number)
        assert (one.role, one.teams, one.name) == ("analyst", [], "Ana")
        assert one.mailbox == "analyst@people.example"


def _rows(world: World) -> dict[str, int]:
    """How many rows each table has that a form could add to, and the word of the directory."""
    from tocsin.directory import directory_version
    from tocsin.node.letters import Letter

    with world.node.database.reading() as session:
        counts = {
            table.__name__: session.scalar(select(func.count()).select_from(table)) or 0 for table in (Answer, Letter)
        }
    return {**counts, "directory": hash(directory_version(world.node.database))}
