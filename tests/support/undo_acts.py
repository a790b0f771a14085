"""Acts done and undone on a node, and what its tables hold before and after."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

from sqlalchemy import select

from support.console_users import person
from support.duty_example import make_duty
from support.world import World
from tocsin.cli.acts import every_act
from tocsin.delivery import Delivery
from tocsin.directory import read_team
from tocsin.interface import ActContext, read_request
from tocsin.node.accounts import AccountRole
from tocsin.node.records import AuditEntry
from tocsin.operations.backup import known_tables

ACTS = {act.operation: act for act in every_act()}
OPERATOR = "abuse@operator.example"
TIME = timedelta(seconds=60)
BESIDES = {"audit_entry", "audit_aside", "audit_seal", "undo", "directory_state", "session", "used_once"}


def context(world: World, operation: str, actor: str = "person:1", *, holds: bool = True) -> ActContext:
    return ActContext(world.node, world.now, actor, "One", 1, act=ACTS[operation], holds=holds)


def do(world: World, operation: str, actor: str = "person:1", *, holds: bool = True, **values: Any) -> int:
    """Do an act; the number of its undo."""
    made = context(world, operation, actor, holds=holds)
    ACTS[operation].function(made, read_request(ACTS[operation], values))
    (number,) = made.undos
    return number


def take_back(world: World, number: int | None, actor: str = "person:1", **more: Any) -> Any:
    made = replace(context(world, "undoAct", actor), **more)
    return ACTS["undoAct"].function(made, read_request(ACTS["undoAct"], {"number": number}))


def newest(world: World, team: str = "operator") -> Delivery:
    number = read_team(world.node.database, team)[0].id
    with world.node.database.reading() as session:
        wanted = select(Delivery).where(Delivery.team_id == number).order_by(Delivery.id.desc())
        found = session.scalars(wanted).first()
    assert found is not None
    return found


def put(world: World, **values: Any) -> str:
    """The newest digest to the operator, changed; its reference."""
    with world.node.database.begin() as session:
        found = session.get_one(Delivery, newest(world).id)
        for name, value in ({"mails_sent": 0, "sent_at": None} | values).items():
            setattr(found, name, value)
        return found.reference


def state(world: World) -> dict[str, list[tuple[Any, ...]]]:
    """All rows of the records but for the entries of the log."""
    with world.node.database.reading() as session:
        return {
            table.name: sorted(map(tuple, session.execute(select(table))), key=repr)
            for table in known_tables()
            if table.name not in BESIDES
        }


def words_for(world: World, subject: str) -> list[str]:
    with world.node.database.reading() as session:
        entries = select(AuditEntry.word).where(AuditEntry.subject == subject).order_by(AuditEntry.id)
        return list(session.scalars(entries))


def worker(world: World, role: AccountRole = AccountRole.ANALYST) -> str:
    return str(person(world.node, role, now=world.now))


def roster_of_two(world: World, **values: Any) -> dict[str, Any]:
    worker(world)
    make_duty(world)
    return values
