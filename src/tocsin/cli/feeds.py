"""`tocsin feeds`: which feeds come, and whether they come as they always did."""

import getpass
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from tocsin.interface.output import Invocation, emit, note, print_table, say

if TYPE_CHECKING:
    from tocsin.events.alarms import FeedState
    from tocsin.events.models import FeedAlarm
    from tocsin.pipeline.stores import NodeWithStores

By = Annotated[str | None, typer.Option("--by", help="Who says so; without it, the user of this machine.")]

app = typer.Typer(help="Feeds: when each came last, and alarms of those that are not as usual.", no_args_is_help=True)


@app.command("list")
def list_(ctx: typer.Context) -> None:
    """List all feeds: how often each should come, when it came last, how much, and its state."""
    from tocsin.events.alarms import feed_states

    invocation: Invocation = ctx.obj
    found = feed_states(_watched(invocation).database)
    emit(invocation, [_document(one) for one in found], lambda: _show(found))


@app.command()
def health(ctx: typer.Context) -> None:
    """Look at all feeds and list the alarms that are open. Exit 1 when one is not acknowledged."""
    from tocsin.events.alarms import feed_states

    invocation: Invocation = ctx.obj
    found = [one for one in feed_states(_watched(invocation).database) if one.alarms]
    emit(invocation, [_alarm(one, alarm) for one in found for alarm in one.alarms], lambda: _show_alarms(found))
    loud = sum(alarm.acknowledged_at is None for one in found for alarm in one.alarms)
    if loud:
        note(f"{loud} not acknowledged.")
        raise typer.Exit(1)


@app.command()
def acknowledge(
    ctx: typer.Context,
    alarm: Annotated[int, typer.Argument(help="The alarm's number.")],
    text: Annotated[str, typer.Option("--note", help="What you found or did.")],
    by: By = None,
) -> None:
    """Say that you looked at an alarm. It is quiet until it is over; changed columns are the usual ones from now on."""
    from tocsin.events.alarms import acknowledge as acknowledge_alarm
    from tocsin.pipeline.stores import open_node

    invocation: Invocation = ctx.obj
    node = open_node(invocation.home)
    found = acknowledge_alarm(node.database, alarm, note=text, by=by or getpass.getuser(), now=datetime.now(UTC))
    state = "closed" if found.closed_at else "acknowledged"
    emit(invocation, {"alarm": alarm, "state": state}, lambda: say(f"Alarm {alarm} is {state}."))


@app.command()
def cadence(
    ctx: typer.Context,
    feed: Annotated[str, typer.Argument(help="The feed, as 'tocsin feeds list' names it.")],
    hours: Annotated[int, typer.Argument(min=0, help="It should come every so many hours; 0: when it likes.")],
    by: By = None,
) -> None:
    """Say how often a feed should come. One that comes only on working days has a cadence of 72 hours."""
    from tocsin.events.alarms import set_cadence
    from tocsin.pipeline.stores import open_node

    invocation: Invocation = ctx.obj
    node = open_node(invocation.home)
    set_cadence(node.database, feed, hours, by=by or getpass.getuser(), now=datetime.now(UTC))
    words = f"every {hours} h" if hours else "when it likes, it is never late"
    emit(invocation, {"feed": feed, "cadence_hours": hours}, lambda: say(f"{feed} comes {words}."))


def _watched(invocation: Invocation) -> "NodeWithStores":
    """The node, after a look at all its feeds."""
    from tocsin.events.alarms import watch_feeds
    from tocsin.pipeline.stores import open_node

    node = open_node(invocation.home)
    watch_feeds(node.database, now=datetime.now(UTC))
    return node


def _document(one: "FeedState") -> dict[str, object]:
    return {
        "feed": one.name,
        "name": one.record.name,
        "provider": one.record.provider,
        "cadence_hours": one.record.cadence_hours,
        "reports": one.reports,
        "rows": one.rows,
        "last_at": one.last,
        "late_at": one.due,
        "state": one.state,
    }


def _alarm(one: "FeedState", alarm: "FeedAlarm") -> dict[str, object]:
    return {
        "alarm": alarm.id,
        "feed": one.name,
        "kind": alarm.kind,
        "words": alarm.words,
        "ingest": alarm.ingest,
        "opened_at": alarm.opened_at,
        "acknowledged_at": alarm.acknowledged_at,
        "acknowledged_by": alarm.acknowledged_by,
        "note": alarm.note,
    }


def _show(found: "Sequence[FeedState]") -> None:
    if not found:
        say("No feed came yet. 'tocsin ingest FILE' or 'tocsin collect run' takes reports in.")
        return
    rows = [
        (
            one.name,
            f"{one.record.cadence_hours} h" if one.record.cadence_hours else "any time",
            f"{one.last:%Y-%m-%d %H:%M}",
            one.reports,
            one.rows,
            one.state,
        )
        for one in found
    ]
    print_table("", ("feed", "every", "last (UTC)", "reports", "rows", "state"), rows, numbers=[3, 4])


def _show_alarms(found: "Sequence[FeedState]") -> None:
    if not found:
        say("All feeds come as usual.")
        return
    rows = [
        (
            alarm.id,
            one.name,
            alarm.kind,
            f"{alarm.opened_at:%Y-%m-%d %H:%M}",
            alarm.words + (f" Acknowledged by {alarm.acknowledged_by}: {alarm.note}" if alarm.acknowledged_at else ""),
        )
        for one in found
        for alarm in one.alarms
    ]
    print_table("", ("alarm", "feed", "kind", "since (UTC)", "what"), rows, numbers=[0])
