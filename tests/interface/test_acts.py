"""An act is written in one place, and is then on every door, in the docs and in the permission matrix."""

import importlib.util
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Annotated, Any

import pytest
import typer.main
from pydantic import BaseModel, Field
from sqlalchemy import select

from support.api_client import caller
from support.cast import Tocsin
from support.console_users import browser_of
from support.routes import Door, doors
from support.world import World, copy_world, make_world
from tocsin.cli import COMMANDS, application
from tocsin.cli.acts import every_act
from tocsin.delivery import acts
from tocsin.interface.acts import Absence, Act, ActContext, OwnSurface, Wording
from tocsin.node.accounts import AccountRole, Permission
from tocsin.node.records import AuditAction, AuditEntry, audit
from tocsin.server.server import make_application


class Remark(BaseModel):
    """A remark on a feed."""

    feed: str = Field(title="Feed", description="Which feed.")
    text: Annotated[str, Wording(hint="In a few words.")] = Field(
        min_length=1, max_length=20, title="Remark", description="What to remark."
    )
    loud: bool = Field(default=False, title="Loud", description="Say it loudly.")


class Remarked(BaseModel):
    """What was remarked."""

    feed: str
    text: str


def remark(context: ActContext, request: Remark) -> Remarked:
    """It is kept."""
    text = request.text.upper() if request.loud else request.text
    with context.node.database.begin() as session:
        subject, detail = f"feed:{request.feed}", {"text": text}
        audit(
            session, AuditAction.FEED_CHANGED, at=context.now, actor=context.actor, subject=subject, detail={**detail}
        )
    return Remarked(feed=request.feed, text=text)


REMARK = Act(
    "remark",
    "Remark on a feed",
    remark,
    noun="feed",
    permission=Permission.REPORTS_WRITE,
    audit=(AuditAction.FEED_CHANGED,),
    command="deliveries remark",
    route="/deliveries/remarks/{feed}",
    page="/deliveries/remarks/{feed}",
    arguments=("feed",),
    told="{feed}: {text}",
)


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_world(tmp_path_factory.mktemp("fresh")).folder


@pytest.fixture
def world(fresh: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """A node whose code has one act more."""
    monkeypatch.setattr(acts, "ACTS", (*acts.ACTS, REMARK))
    made = copy_world(fresh, tmp_path)
    with made.open:
        yield made


def remarks(world: World) -> list[str]:
    with world.node.database.reading() as session:
        entries = session.scalars(select(AuditEntry).where(AuditEntry.word == "feed.changed"))
        return [str(entry.detail["text"]) for entry in entries if entry.subject == "feed:rdp"]


def test_it_is_a_command(world: World) -> None:
    tocsin = Tocsin(world.node.home, {})
    assert tocsin.run("deliveries", "remark", "rdp", "--text", "odd") == "rdp: odd\n"
    assert tocsin.json("deliveries", "remark", "rdp", "--text", "odd", "--loud") == {"feed": "rdp", "text": "ODD"}
    assert remarks(world) == ["odd", "ODD"]
    code, said, wrong = tocsin.call("deliveries", "remark", "rdp")
    assert (code, said, "--text" in wrong) == (2, "", True)
    assert tocsin.call("deliveries", "remark", "rdp", "--text", "x" * 21)[0] == 2
    assert remarks(world) == ["odd", "ODD"]


def test_it_is_a_route_of_the_api(world: World) -> None:
    with caller(world, AccountRole.ANALYST) as client:
        done = client.post("/deliveries/remarks/rdp", json={"text": "odd"}, headers={"Idempotency-Key": "a"})
        again = client.post("/deliveries/remarks/rdp", json={"text": "odd"}, headers={"Idempotency-Key": "a"})
        assert (done.status_code, done.json()) == (200, {"feed": "rdp", "text": "odd"})
        assert again.json() == done.json()
        wrong = client.post("/deliveries/remarks/rdp", json={"text": ""})
        assert (wrong.status_code, wrong.json()["errors"][0]["pointer"]) == (422, "/text")
        described = client.get("/openapi.json").json()["paths"]["/deliveries/remarks/{feed}"]["post"]
    assert (described["operationId"], described["x-scope"]) == ("remarkFeed", "reports.write")
    assert remarks(world) == ["odd"]
    with caller(world, AccountRole.AUDITOR) as client:
        assert client.post("/deliveries/remarks/rdp", json={"text": "odd"}).status_code == 404


def test_it_is_a_form(world: World) -> None:
    node = world.node
    made = make_application(node, clock=lambda: world.now)
    with browser_of(made, node, AccountRole.ANALYST, now=world.now) as browser:
        form = browser.get("/deliveries/remarks/rdp").text
        assert [part for part in ("Remark on a feed", "In a few words.", 'name="loud"') if part not in form] == []
        assert 'name="feed"' not in form
        wrong = browser.send("/deliveries/remarks/rdp", text=" ")
        assert (wrong.status_code, 'href="#field-text"' in wrong.text) == (422, True)
        done = browser.send("/deliveries/remarks/rdp", text=" quite  odd ", loud="true")
        assert (done.status_code, done.headers["location"]) == (303, "/deliveries")
    assert remarks(world) == ["QUITE ODD"]


def test_it_is_in_the_docs_and_in_the_permission_matrix(world: World) -> None:
    page = _build_docs().pages()["acts.md"]
    (row,) = [line for line in page.splitlines() if "Remark on a feed" in line]
    assert "| `deliveries remark` | `/deliveries/remarks/{feed}` |" in row
    assert "administrator, manager, analyst |" in row
    found = {(door.method, door.path): door for door in doors(make_application(world.node, clock=lambda: world.now))}
    for door in (("POST", "/api/v1/deliveries/remarks/{feed}"), ("POST", "/deliveries/remarks/{feed}")):
        assert (found[door].act, found[door].everything) == (Permission.REPORTS_WRITE, True)


def test_every_act_is_where_it_says(world: World) -> None:
    made = make_application(world.node, clock=lambda: world.now)
    found = {(door.method, door.path): door for door in doors(made)}
    commands = set(_commands(typer.main.get_command(application(COMMANDS))))
    wrong = [(act.operation, fault) for act in every_act() for fault in _faults(act, found, commands)]
    assert wrong == []
    assert len({act.operation for act in every_act()}) == len(list(every_act()))


def test_an_act_is_absent_for_a_reason() -> None:
    absent = [
        place for act in every_act() for place in (act.command, act.route, act.page) if isinstance(place, Absence)
    ]
    assert [reason for reason in absent if not reason.endswith(".") or len(reason.split()) < 4] == []


def _faults(act: Act, found: dict[tuple[str, str], Door], commands: set[str]) -> Iterator[str]:
    if not isinstance(act.command, Absence) and act.command not in commands:
        yield f"no command {act.command}"
    for place in (f"/api/v1{act.route}" if not isinstance(act.route, Absence) else act.route, act.page):
        if isinstance(place, Absence):
            continue
        door = found.get(("POST", place))
        if door is None:
            yield f"nothing at {place}"
        elif not isinstance(place, OwnSurface) and place.startswith("/api/") and door.act is not act.permission:
            yield f"{place} asks for {door.act}"


def _commands(command: Any, name: str = "") -> Iterator[str]:
    if not isinstance(command, typer.core.TyperGroup):
        yield name
        return
    context = typer.Context(command)
    for word in command.list_commands(context):
        yield from _commands(command.get_command(context, word), f"{name} {word}".strip())


def _build_docs() -> ModuleType:
    path = Path(__file__).resolve().parents[2] / "scripts" / "build_docs.py"
    spec = importlib.util.spec_from_file_location("build_docs", path)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
