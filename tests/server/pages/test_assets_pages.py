"""The register on pages: kept, read, printed by two persons; for operators their own, with a second factor."""

import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from support.assets import FIELDS, Keeper, make_register
from support.console_users import Browser, browser_of, person
from support.world import World, copy_world, text_of
from tocsin.assets import match_observables
from tocsin.directory import read_team
from tocsin.incidents import ObservableKind, add_incident, add_observable
from tocsin.node.accounts import AccountRole
from tocsin.node.accounts.models import Totp
from tocsin.server.server import make_application

Sit = Callable[..., Browser]
MANAGER, ANALYST, OPERATOR = AccountRole.MANAGER, AccountRole.ANALYST, AccountRole.OPERATOR


@pytest.fixture(scope="module")
def register_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    world = make_register(tmp_path_factory.mktemp("register"))
    world.node.database.close()
    return world.folder


@pytest.fixture
def world(register_home: Path, tmp_path: Path) -> Iterator[World]:
    made = copy_world(register_home, tmp_path)
    with made.open:
        yield made


@pytest.fixture
def sit(world: World) -> Iterator[Sit]:
    application = make_application(world.node, clock=lambda: world.now)
    with ExitStack() as stack:
        yield lambda role, teams=(): stack.enter_context(
            browser_of(application, world.node, role, now=world.now, teams=teams)
        )


def with_codes(world: World, role: AccountRole, teams: tuple[int, ...]) -> None:
    """Give a person a second factor."""
    with world.node.database.begin() as session:
        session.add(
            Totp(person_id=person(world.node, role, now=world.now, teams=teams), secret="x", step=0, made_at=world.now)
        )


def test_added_found_edited_confirmed(sit: Sit) -> None:
    manager = sit(MANAGER)
    done = manager.send("/assets/new", once="1", **FIELDS)
    assert done.status_code == 303, text_of(done)
    again = manager.send("/assets/new", once="1", **FIELDS)
    path = done.headers["location"].partition("?")[0]
    assert again.headers["location"].partition("?")[0] == path
    page = text_of(manager.get(path))
    for shown in ("Harbour power", "Ada Night", "+230 5550 100", "192.0.2.0/28", "AS64500", "two days", "Quay 4"):
        assert shown in page
    form = manager.get(f"{path}/change").text
    assert "Ada Night; +230 5550 100; ada@power.example; always; en\nDesk" in form
    assert 'value="operator" selected' in form
    wrong = manager.send(f"{path}/change", **{**FIELDS, "identifiers": "AS64500\nno such host", "site": "Quay 5"})
    assert (wrong.status_code, "Line 2 was not understood" in wrong.text, "Quay 5" in wrong.text) == (409, True, True)
    assert manager.send(f"{path}/change", **{**FIELDS, "name": ""}).status_code == 422
    manager.send("/assets/new", once="2", name="Cranes", needs="Harbour power; electricity; 2019")
    assert "Cranes" in text_of(manager.get(path))
    listed = text_of(manager.get("/assets?sector=energy"))
    assert ("Harbour power" in listed, "Cranes" in listed) == (True, False)
    assert manager.send("/assets/confirm", asset=path.rpartition("/")[2]).status_code == 303


def test_pasted_rows_are_shown_before_they_are_stored(sit: Sit) -> None:
    manager, rows = sit(MANAGER), "name,sector\nWater,water\n"
    shown = manager.send("/assets/import", text=rows, dry_run="true")
    assert "1 new, 0 changed, 0 unchanged" in text_of(shown)
    assert "Water" not in text_of(manager.get("/assets"))
    assert "Line 2" in text_of(manager.send("/assets/import", text="name,kind\nx,y\n"))
    assert manager.send("/assets/import", text=rows).status_code == 303
    assert "Water" in text_of(manager.get("/assets"))


def test_an_operator_reads_its_own_with_a_second_factor(world: World, sit: Sit) -> None:
    own, other = Keeper(world).add(**FIELDS), Keeper(world).add("Cranes", needs="Harbour power", team="sector")
    teams = (read_team(world.node.database, "operator")[0].id,)
    operator = sit(OPERATOR, teams)
    for path in ("/assets", f"/assets/{own}", "/assets/new"):
        page = operator.get(path)
        assert "Harbour" not in page.text
        assert "second-factor" in page.text + page.headers.get("location", "")
    assert operator.send("/assets/new", name="x").headers["location"] == "/account/second-factor"
    with_codes(world, OPERATOR, teams)
    listed = text_of(operator.get("/assets"))
    assert ("Harbour power" in listed, "Cranes" in listed) == (True, False)
    assert "Cranes" not in text_of(operator.get(f"/assets/{own}"))
    for path in (f"/assets/{other}", f"/assets/{other}/change", "/assets/sheets", "/assets/import"):
        assert operator.get(path).status_code == 404
    sent = operator.send(f"/assets/{own}/change", once="1", **{**FIELDS, "site": "Quay 9"})
    assert sent.headers["location"].startswith("/assets?undo=")
    assert "Quay 9" in text_of(operator.get("/assets/changes"))
    manager = sit(MANAGER)
    assert "Quay 9" in text_of(manager.get("/assets/changes"))
    number = re.search(r'action="/assets/changes/(\d+)"', manager.get("/assets/changes").text)
    assert number
    assert "Say why" in text_of(manager.send(f"/assets/changes/{number[1]}"))
    assert manager.send(f"/assets/changes/{number[1]}", approve="true").status_code == 303
    assert "Quay 9" in text_of(operator.get(f"/assets/{own}"))


def test_a_call_sheet_is_printed_by_two(world: World, sit: Sit) -> None:
    number = Keeper(world).add(**FIELDS)
    manager, analyst = sit(MANAGER), sit(ANALYST)
    assert "Write who keeps" in text_of(manager.send("/assets/sheets", asset=str(number)))
    manager.send("/assets/sheets", asset=str(number), holder="Safe", once="1")
    assert "/assets/sheets/1/print" not in manager.get("/assets/sheets").text
    assert "Ada Night" not in text_of(manager.send("/assets/sheets/1/print"))
    assert "Approve sheet 1" in text_of(analyst.get("/assets/sheets"))
    analyst.send("/assets/sheets/1/approve")
    sheet = manager.send("/assets/sheets/1/print")
    assert sheet.headers["cache-control"] == "no-store"
    for shown in ("Call sheet 1", "Safe", "Ada Night", "+230 5550 100", "Harbour power"):
        assert shown in text_of(sheet)
    assert analyst.send("/assets/sheets/1/destroy").status_code == 303
    assert "Destroyed" in text_of(manager.get("/assets/sheets"))


def test_the_page_of_an_incident_says_what_depends_and_whom_to_call(world: World, sit: Sit) -> None:
    Keeper(world).add(**FIELDS)
    Keeper(world).add("Cranes", needs="Harbour power")
    with world.node.database.begin() as session:
        incident = add_incident(session, title="Kit", actor="x", now=world.now)
        add_observable(session, incident, ObservableKind.IP, "192.0.2.1", role="victim", tlp="AMBER", now=world.now)
        path = f"/incidents/{incident.reference}"
    match_observables(world.node, world.now)
    analyst = sit(ANALYST)
    assert f'href="{path}/assets"' in analyst.get(path).text
    page = text_of(analyst.get(f"{path}/assets"))
    for shown in ("Harbour power", "Cranes", "+230 5550 100", "Touched", "Critical", "Set severity"):
        assert shown in page
    assert "1 critical asset touched" in text_of(analyst.get("/today"))
    assert "/assets" not in sit(AccountRole.ADMINISTRATOR).get(path).text


def test_who_has_no_right_finds_nothing(world: World, sit: Sit) -> None:
    number = Keeper(world).add(**FIELDS)
    for role in (AccountRole.ADMINISTRATOR, AccountRole.AUDITOR, AccountRole.ASSESSOR):
        browser = sit(role)
        for path in ("/assets", f"/assets/{number}", "/assets/changes", "/assets/sheets", "/assets/new"):
            assert browser.get(path).status_code == 404
    analyst = sit(ANALYST)
    assert "/assets/new" not in analyst.get("/assets").text
    assert analyst.send("/assets/new", name="x").status_code == 404


def test_where_it_is_off_it_is_not_there(fresh: Path, tmp_path: Path) -> None:
    world = copy_world(fresh, tmp_path)
    with world.open:
        application = make_application(world.node, clock=lambda: world.now)
        with browser_of(application, world.node, MANAGER, now=world.now) as manager:
            assert "/assets" not in manager.get("/today").text
            for path in ("/assets", "/assets/1", "/assets/new", "/assets/sheets", "/assets/changes", "/assets/import"):
                assert manager.get(path).status_code == 404
            assert manager.send("/assets/new", name="x").status_code == 404
