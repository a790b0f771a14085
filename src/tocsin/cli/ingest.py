"""`tocsin ingest`: take in reports."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tocsin.cli import remote
from tocsin.cli.invocation import NodeInvocation
from tocsin.interface import note, note_error, print_table, say
from tocsin.node.garbage import kept

if TYPE_CHECKING:
    from tocsin.pipeline.groups import Counts, IngestSummary

ROWS = (
    ("reports", "reports taken in"),
    ("already", "reports that were here already"),
    ("rows", "rows received"),
    ("stored", "  stored as events"),
    ("duplicates", "  duplicates, counted only"),
    ("quarantined", "  unreadable, in quarantine"),
    ("problems_new", "problems, new"),
    ("problems_continuing", "problems, continuing"),
    ("routed", "events with a contact"),
    ("unrouted", "events without a contact"),
    ("withheld", "withheld by the gate (event and team)"),
    ("deliveries", "notifications queued"),
)


def ingest(
    call: NodeInvocation,
    paths: Annotated[list[Path], typer.Argument(help="Files or folders; '-' reads standard input.", allow_dash=True)],
    source: Annotated[str | None, typer.Option(help="The feed family, when the file does not tell.")] = None,
    feed: Annotated[str | None, typer.Option(help="The feed's code, when the file does not tell.")] = None,
) -> None:
    """Take in reports: files, folders, .gz, .zip or standard input."""
    if not call.server and call.settings.work.on == "processes":
        from tocsin.node import fork_server

        fork_server.begin_loading("tocsin.pipeline.processes")
    with kept():  # a tenth of the command
        from tocsin.pipeline.ingest import ingest as take_in

    if call.server:
        with remote.client_of(call) as client:
            outcome = remote.ingest(client, paths, source=source, feed=feed)
    else:
        outcome = take_in(call.node, paths, source=source, feed=feed, progress=_progress, clock=call.clock)
    call.emit(document(outcome), lambda: show(outcome))
    for feed_name, words in outcome.alarms:
        note(f"{feed_name}: {words}")
    for path, error in outcome.failed:
        note_error(f"{path} was not taken in", error)
    if outcome.failed:
        raise typer.Exit(1)


def document(outcome: "IngestSummary") -> dict[str, object]:
    """The outcome as one JSON document; ``listed``, ``empty``, ``alarms``, ``failed`` are there when there are some."""
    counts = {name: count for name, count in vars(outcome.counts).items() if count or name not in {"listed", "empty"}}
    alarms = [{"feed": feed, "words": words} for feed, words in outcome.alarms]
    failed = [{"path": path, "reason": str(error)} for path, error in outcome.failed]
    beside = {name: listed for name, listed in (("alarms", alarms), ("failed", failed)) if listed}
    return {**counts, "seconds": round(outcome.seconds, 3), **beside}


def show(outcome: "IngestSummary") -> None:
    """The outcome as a table."""
    counts = outcome.counts
    print_table("", ("what", "count"), [(words, getattr(counts, name)) for name, words in ROWS], numbers=[1])
    say(f"{counts.rows:,} rows in {outcome.seconds:.1f} s.")
    if counts.empty:
        say(f"{counts.empty:,} of the reports had no rows.")
    if counts.listed:
        say(f"{counts.listed:,} entries of lists: context beside events and problems, of which nobody is notified.")


def _progress(name: str, counts: "Counts") -> None:
    note(f"{name}: {counts.rows:,} rows so far")
