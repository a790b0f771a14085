"""A roster with a change, a note, a rule and a call-out, and links that reach them."""

from typing import Any

from sqlalchemy import select

from support.console_users import person
from support.world import World
from tocsin.cli.acts import every_act
from tocsin.incidents.duty.models import CallOutCall
from tocsin.interface import ActContext, read_request
from tocsin.node.accounts import AccountRole
from tocsin.node.letters import Letter

_ACTS = {act.operation: act for act in every_act()}


def do_duty(world: World, operation: str, number: int | None = None, **values: Any) -> Any:
    """Do an act of duty as the person of a number, or at the command line."""
    act = _ACTS[operation]
    actor = "test" if number is None else f"person:{number}"
    context = ActContext(world.node, world.now, actor, "", number, act=act)
    return act.function(context, read_request(act, values))


def add_roster(world: World, mailbox: str) -> None:
    """A roster on which one person is always on duty."""
    do_duty(world, "addRosterDuty", name="CSIRT", text=f'[[rule]]\nperson = "{mailbox}"\n', always="true")


def add_rule(world: World, **values: Any) -> None:
    """A rule: critical incidents, by mail."""
    given = {"name": "Nights", "roster": "1", "severity": "critical", "channels": ("mail",), "minutes": "10"}
    do_duty(world, "ruleCallOut", **{**given, **values})


def make_duty(world: World) -> dict[str, tuple[str, str, str]]:
    """What the addresses of duty lead to, by kind; nothing of it belongs to a team."""
    from tocsin.pipeline.call_outs import look_for_call_outs

    mailbox = "on-duty@csirt.example"
    me, other = (
        person(world.node, role, now=world.now, mailbox=one)
        for role, one in ((AccountRole.ANALYST, mailbox), (AccountRole.MANAGER, "second@csirt.example"))
    )
    add_roster(world, mailbox)
    do_duty(world, "overrideDuty", roster="1", start="2030-01-01 08:00", end="2030-01-02 08:00", add=str(other))
    do_duty(world, "handOverDuty", me, roster="1", text="All is quiet.")
    calendar = do_duty(world, "calendarDuty", me).calendar.rpartition("/")[2].removesuffix(".ics")
    add_rule(world)
    do_duty(world, "testCallOut", rule="1")
    look_for_call_outs(world.node, world.now)
    with world.node.database.reading() as session:
        number = session.scalars(select(CallOutCall.id)).one()
        body = session.scalars(select(Letter.body).where(Letter.key == f"duty:call:{number}:{me}")).one()
    token = body.partition("/call/")[2].split()[0]
    same = {
        "roster": "1",
        "duty change": "1",
        "duty note": "1",
        "call-out rule": "1",
        "call-out": "1",
    }
    found = {kind: (own, own, "999") for kind, own in same.items()}
    return {
        **found,
        "call link": (token, token, "nothing"),
        "duty calendar": (calendar, calendar, "nothing"),
    }
