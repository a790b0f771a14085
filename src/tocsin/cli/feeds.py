"""`tocsin feeds`: which feeds come, and whether they come as they always did."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import typer

from tocsin.cli.acts import act_group
from tocsin.interface import Invocation, emit, note, print_table, say

if TYPE_CHECKING:
    from tocsin.events import FeedAlarm, FeedCadence, FeedState
    from tocsin.pipeline.stores import NodeWithStores


def _show_cadence(invocation: Invocation, done: "FeedCadence") -> None:
    words = f"every {done.cadence_hours} h" if done.cadence_hours else "when it likes, it is never late"
    emit(invocation, done.model_dump(), lambda: say(f"{done.feed} comes {words}."))


app = typer.Typer(
    cls=act_group("feeds", {"cadence": _show_cadence}),
    help="Feeds: when each came last, and alarms of those that are not as usual.",
    no_args_is_help=True,
)


@app.command("list")
def list_(ctx: typer.Context) -> None:
    """List all feeds: how often each should come, when it came last, how much, and its state."""
    from tocsin.events import feed_states

    invocation: Invocation = ctx.obj
    found = feed_states(_watched(invocation).database)
    emit(invocation, [_document(one) for one in found], lambda: _show(found))


@app.command()
def health(ctx: typer.Context) -> None:
    """Look at all feeds and list the alarms that are open. Exit 1 when one is not acknowledged."""
    from tocsin.events import feed_states

    invocation: Invocation = ctx.obj
    found = [one for one in feed_states(_watched(invocation).database) if one.alarms]
    emit(invocation, [_alarm(one, alarm) for one in found for alarm in one.alarms], lambda: _show_alarms(found))
    loud = sum(alarm.acknowledged_at is None for one in found for alarm in one.alarms)
    if loud:
        note(f"{loud} not acknowledged.")
        raise typer.Exit(1)


def _watched(invocation: Invocation) -> "NodeWithStores":
    """The node, after a look at all its feeds."""
    from tocsin.events import watch_feeds
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
