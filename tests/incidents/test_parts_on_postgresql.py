"""The parts of incidents and the register of critical assets on PostgreSQL: acts, pages, chores, locks."""

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, suppress
from datetime import timedelta
from pathlib import Path
from threading import Barrier, BrokenBarrierError
from time import sleep
from typing import Any, Final

import pytest
from fastapi import FastAPI
from sqlalchemy import func, select

from support.assets import Keeper
from support.console_users import browser_of
from support.databases import Cluster, name_of
from support.furnished_node import furnish
from support.homes import copy_home
from support.page_examples import QUERIES, Example
from support.routes import doors
from support.undo_acts import ACTS, context, do, state, take_back
from support.undo_examples import EXAMPLES
from support.world import World, make_world
from tocsin.assets.register import AssetTouch
from tocsin.incidents.duty.models import CallOut
from tocsin.incidents.evidence import EvidenceKind
from tocsin.incidents.evidence.write import add_item, check_quota
from tocsin.incidents.models import Incident, ObservableSighting
from tocsin.incidents.write import add_incident
from tocsin.interface import read_request
from tocsin.node.accounts import AccountRole
from tocsin.node.errors import ConflictError, UsageError
from tocsin.node.evidence_settings import EvidenceSettings
from tocsin.operations.worker import Chore, _deeds, wanted
from tocsin.pipeline.stores import open_node
from tocsin.server.server import make_application

_PARTS: Final = (
    "clocks", "closing", "duty", "evidence", "notices", "playbooks", "populations", "severity", "sightings",
    "takedowns", "arrivals.basis",
)  # fmt: skip
_MODULES: Final = ("tocsin.assets.", "tocsin.pipeline.call_outs", *(f"tocsin.incidents.{part}" for part in _PARTS))
_PLACES: Final = (
    "assets", "call-outs", "clocks", "duty", "evidence", "incidents", "notices", "playbooks", "reports/public",
    "takedowns", "today",
)  # fmt: skip
_PAGES: Final = tuple(f"{before}/{place}" for before in ("", "/api/v1") for place in _PLACES)
_STREAM: Final = "/today/live"  # never ends by itself


@pytest.fixture(scope="module")
def origin(postgresql: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, str]]:
    """The folder and the database of a node that told two teams of one problem each; nobody is connected to it."""
    url = postgresql.fresh()
    world = make_world(tmp_path_factory.mktemp("origin"), f"[storage]\ndatabase = '{url}'\n")
    world.hear("192.0.2.1", "192.0.2.130")
    world.tell()
    world.node.database.close()
    yield world.folder, url
    postgresql.drop(url)


@pytest.fixture
def world(origin: tuple[Path, str], postgresql: Cluster, tmp_path: Path) -> Iterator[World]:
    """A copy of that node, with a database of its own."""
    folder, url = origin
    copied = postgresql.copy(name_of(url))
    settings = copy_home(folder, tmp_path) / "home" / "tocsin.toml"
    settings.write_text(settings.read_text().replace(url, copied))
    made = World(tmp_path, open_node(tmp_path / "home"), reports=1)
    with made.open:
        yield made
    made.node.database.close()
    postgresql.drop(copied)


@pytest.mark.parametrize(
    "operation", sorted(name for name in EXAMPLES if ACTS[name].function.__module__.startswith(_MODULES))
)
def test_each_act_is_done_and_undone(world: World, operation: str) -> None:
    values = EXAMPLES[operation](world)
    before = state(world)
    take_back(world, do(world, operation, **values))
    assert state(world) == before


def test_all_that_parts_have_is_shown_and_kept(world: World) -> None:
    examples = furnish(world)
    for mailbox, act in (("second@csirt.example", "approve"), ("", "print"), ("", "destroy")):
        Keeper(world, mailbox=mailbox).do(act, sheet=1)
    found = counted(world)
    mine = examples["/incidents/{reference}"].own
    do(world, "addObservablesOfIncident", reference=mine, text="192.0.2.5 AS64500")
    do(world, "rateIncident", reference=mine, severity="critical", reason="A hospital")
    world.now += timedelta(minutes=5)
    world.hear("192.0.2.1", "192.0.2.5")
    do_chores(world)
    assert [after > before for before, after in zip(found, counted(world), strict=True)] == [True, True, True]
    application = make_application(world.node, clock=lambda: world.now)
    assert [*unanswered(world, application, examples)] == []
    for days in (2, 40, 400, 4_000):
        do_chores(world.at(days))
    assert [*unanswered(world, application, {})] == []


@pytest.mark.parametrize(
    ("operation", "table", "count"),
    [
        ("addAsset", "asset", 1),
        ("addEvidenceOfIncident", "incident_evidence", 1),
        ("addLegalHoldOfIncident", "legal_hold", 1),
        ("addNotice", "incident_notice", 1),
        ("addPlaybook", "playbook", 1),
        ("addRosterDuty", "duty_roster", 1),
        ("adoptClockText", "clock_text", 1),
        ("answerNotice", "letter", 1),
        ("attachAffectedSystems", "incident_population", 1),
        ("importAssets", "asset", 2),
        ("overrideDuty", "duty_change", 1),
        ("phoneDuty", "duty_contact", 1),
        ("ruleCallOut", "call_out_rule", 1),
    ],
)
def test_what_comes_twice_at_once_is_there_once(world: World, operation: str, table: str, count: int) -> None:
    values, act = EXAMPLES[operation](world), ACTS[operation]
    values |= {"once": "a form"} if "once" in act.request.model_fields else {}
    before, both = len(state(world)[table]), Barrier(2)

    def perform(_: int) -> object:
        made, request = context(world, operation), read_request(act, values)
        both.wait()
        try:
            return act.perform(made, request)
        except (ConflictError, UsageError) as error:
            return error

    with ThreadPoolExecutor() as threads:
        outcomes = [*threads.map(perform, range(2))]
    assert not all(isinstance(one, Exception) for one in outcomes)
    assert len(state(world)[table]) == before + count


def test_an_ingest_and_who_looks_up_the_past_wait_for_each_other_in_one_order(
    world: World, postgresql: Cluster
) -> None:
    values = EXAMPLES["lookUpObservablesOfIncident"](world)
    name = name_of(world.node.database.engine.url.render_as_string())

    def until_waiting(*work: Future[Any]) -> None:
        waits = "SELECT FROM pg_stat_activity WHERE datname = %s AND wait_event_type = 'Lock'"
        with postgresql.connect() as connection:
            while connection.execute(waits, [name]).rowcount < len(work):
                assert not any(one.done() for one in work), "it did not wait"
                sleep(0.02)

    with ThreadPoolExecutor() as threads:
        with world.node.database.begin() as session:
            session.scalars(select(Incident).with_for_update()).one()
            looks = threads.submit(do, world, "lookUpObservablesOfIncident", **values)
            until_waiting(looks)
            hears = threads.submit(world.hear, "192.0.2.1", port=443)
            until_waiting(looks, hears)
        assert looks.result() > 0
        assert hears.result().stored == 1
    with world.node.database.reading() as session:
        assert session.scalars(select(ObservableSighting.events)).all() == [2]


def test_two_files_at_once_keep_the_limit_of_evidence(world: World) -> None:
    limit = EvidenceSettings(max_total_bytes=10)
    with world.node.database.begin() as session:
        numbers = [add_incident(session, title="One", actor="x", now=world.now).id for _ in range(2)]
    checked, both = Barrier(2), Barrier(2)

    def keep(number: int) -> bool:
        both.wait()
        try:
            with world.node.database.begin() as session:
                incident = session.get_one(Incident, number)
                check_quota(session, incident, 8, limit)
                with suppress(BrokenBarrierError):
                    checked.wait(1)  # both are here only where neither waits for the other
                add_item(
                    session, incident, name="a", kind=EvidenceKind.FILE, sha256="0", size=8, kept=True, now=world.now
                )
        except ConflictError:
            return False
        return True

    with ThreadPoolExecutor() as threads:
        assert sorted(threads.map(keep, numbers)) == [False, True]


def do_chores(world: World) -> None:
    """All that a server does by itself, once."""
    deeds, due = _deeds(world.node, lambda: world.now, lambda: False), wanted(world.node.settings)
    assert due >= {Chore.CALL_OUTS, Chore.ASSETS, Chore.RETENTION, Chore.TODO}
    assert {chore: deeds[chore]() for chore in sorted(due)} == dict.fromkeys(due, "")


def counted(world: World) -> list[int]:
    """How many sightings, call-outs and touches of assets there are."""
    with world.node.database.reading() as session:
        tables = (ObservableSighting, CallOut, AssetTouch)
        return [session.scalar(select(func.count()).select_from(of)) or 0 for of in tables]


def unanswered(world: World, application: FastAPI, examples: dict[str, Example]) -> Iterator[tuple[str, str, int]]:
    """The pages and routes of the parts that do not say what they have to whoever may read it."""
    asked = [door for door in doors(application) if door.method == "GET" and door.path.startswith(_PAGES)]
    with ExitStack() as stack:
        for role in (AccountRole.ANALYST, AccountRole.MANAGER):
            browser = stack.enter_context(browser_of(application, world.node, role, now=world.now))
            for door in asked:
                if door.path == _STREAM or door.lets_in(role) is None or ("{" in door.path and not examples):
                    continue
                path = examples[door.path].at if door.path in examples else door.path
                answer = browser.get(path + QUERIES.get(door.path, ""))
                if answer.status_code != 200:
                    yield role, path, answer.status_code
