"""`tocsin feeds`: which feeds come, and whether they come as they always did."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tocsin.cli.acts import act_group
from tocsin.cli.invocation import NodeInvocation
from tocsin.interface import Commands, fields, note, print_table, say

if TYPE_CHECKING:
    from tocsin.events import FeedAlarm, FeedCadence, FeedState
    from tocsin.events.sources import KnownFeed
    from tocsin.pipeline.feed_trial import FeedTrial


def _show_cadence(done: "FeedCadence") -> None:
    words = f"every {done.cadence_hours} h" if done.cadence_hours else "when it likes, it is never late"
    say(f"{done.feed} comes {words}.")


app = Commands(
    cls=act_group("feeds", {"cadence": _show_cadence}),
    help="Feeds: when each came last, and alarms of those that are not as usual.",
    no_args_is_help=True,
)


@app.command("list")
def list_(
    call: NodeInvocation,
    known: Annotated[
        bool, typer.Option("--known", help="Those of the catalogue instead: who has them, and how.")
    ] = False,
) -> None:
    """List all feeds: how often each should come, when it came last, how much, and its state."""
    if known:
        from tocsin.pipeline.feed_trial import known_feeds

        catalogue = known_feeds()
        call.emit([_known_document(one) for one in catalogue], lambda: _show_known(catalogue))
        return
    found = _watched(call)
    call.emit([_document(one) for one in found], lambda: _show(found))


@app.command()
def health(call: NodeInvocation) -> None:
    """Look at all feeds and list the alarms that are open. Exit 1 when one is not acknowledged."""
    found = [one for one in _watched(call) if one.alarms]
    call.emit([_alarm(one, alarm) for one in found for alarm in one.alarms], lambda: _show_alarms(found))
    loud = sum(alarm.acknowledged_at is None for one in found for alarm in one.alarms)
    if loud:
        note(f"{loud} not acknowledged.")
        raise typer.Exit(1)


@app.command("try")
def try_(
    call: NodeInvocation,
    file: Annotated[Path, typer.Argument(help="A report, or some lines of one; '-' is standard input.")],
    mapping: Annotated[Path | None, typer.Option(help="The mapping file that describes it.")] = None,
    feed: Annotated[str | None, typer.Option(help="The name of a feed, of yours or of the catalogue.")] = None,
    suggest: Annotated[bool, typer.Option("--suggest", help="Print a first mapping file for it instead.")] = False,
) -> None:
    """Show the events of a report; store nothing. Exit 1: a record would go into quarantine; 2: it cannot be read."""
    from tocsin.pipeline.feed_trial import suggested_mapping, try_feed

    if suggest:
        text = suggested_mapping(call.node, file)
        call.emit({"mapping": text}, lambda: say(text))
        return
    found = try_feed(call.node, file, mapping, feed, call.now)
    call.emit(_trial(found), lambda: _show_trial(found))
    if found.mistakes or found.set_aside:
        raise typer.Exit(2 if found.mistakes else 1)


def _trial(found: "FeedTrial") -> dict[str, object]:
    return {
        **fields(found, "feed rows events"),
        "set_aside": [{"line": line, "reason": reason, "raw": raw} for line, reason, raw in found.set_aside],
        "unmapped": found.unmapped,
        "problems": [
            {"file": str(one.path), "line": one.row, "column": one.place, "reason": one.reason}
            for one in found.mistakes
        ],
    }


def _show_trial(found: "FeedTrial") -> None:
    for one in found.mistakes:
        say(f"{one.path}:{one.row}:{one.place}: {one.reason}")
    for event in found.events:
        say(json.dumps(event, ensure_ascii=False))
    for line, reason, raw in found.set_aside:
        say(f"For quarantine, line {line}: {reason} {raw[:200]}")
    if found.unmapped:
        say(f"Kept in extra, as no column names them: {', '.join(found.unmapped)}.")
    if not found.mistakes:
        note(
            f"{found.feed}: {len(found.events)} events of {found.rows} records, {len(found.set_aside)} for quarantine."
        )


def _known_document(one: "KnownFeed") -> dict[str, object]:
    return {
        "feed": one.feed.code,
        **fields(one.feed, "name provider tlp pap terms cadence_hours"),
        **fields(one, "url access accuracy"),
        "notify": one.feed.notify,
    }


def _show_known(catalogue: "Sequence[KnownFeed]") -> None:
    rows = [
        (one.feed.code, one.feed.name, one.feed.provider, one.access, "yes" if one.feed.notify else "context only")
        for one in catalogue
    ]
    print_table("", ("feed", "name", "provider", "access", "for notifications"), rows)


def _watched(call: NodeInvocation) -> "Sequence[FeedState]":
    """All feeds, after a look at each."""
    from tocsin.events import feed_states, watch_feeds

    watch_feeds(call.database, now=call.now)
    return feed_states(call.database)


def _document(one: "FeedState") -> dict[str, object]:
    known = {"feed": one.name, **fields(one.record, "name provider cadence_hours"), **fields(one, "reports rows")}
    return {**known, "last_at": one.last, "late_at": one.due, "state": one.state}


def _alarm(one: "FeedState", alarm: "FeedAlarm") -> dict[str, object]:
    more = fields(alarm, "kind words ingest opened_at acknowledged_at acknowledged_by note")
    return {"alarm": alarm.id, "feed": one.name, **more}


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
