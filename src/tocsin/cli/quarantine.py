"""`tocsin quarantine`: rows that were set aside, and their replay after a fix."""

import sys
from itertools import islice
from typing import TYPE_CHECKING, Annotated

import typer

from tocsin.cli import remote
from tocsin.cli.acts import act_group, act_of, perform
from tocsin.interface import Invocation, emit, print_table, say

if TYPE_CHECKING:
    from tocsin.pipeline.ingest import Counts
    from tocsin.pipeline.replay import ReplayPreview

Ingest = Annotated[int, typer.Argument(help="Number of the ingest, from 'quarantine list'.")]

app = typer.Typer(cls=act_group("quarantine"), help="Rows that were set aside with a reason.", no_args_is_help=True)


@app.command("list")
def list_(ctx: typer.Context) -> None:
    """The ingests that set rows aside."""
    from tocsin.pipeline.replay import quarantined
    from tocsin.pipeline.stores import open_node

    invocation: Invocation = ctx.obj
    if invocation.server:
        with remote.client_of(invocation) as client:
            found = [dict(entry) for entry in client.quarantine()]
    else:
        found = [vars(entry) for entry in quarantined(open_node(invocation.home))]
    emit(
        invocation,
        found,
        lambda: print_table(
            f"{sum(entry['rows'] for entry in found):,} rows set aside",
            ("ingest", "report", "feed", "rows", "replayed by"),
            [
                (entry["ingest"], entry["report"], entry["feed"], entry["rows"], entry["replayed_by"] or "")
                for entry in found
            ],
            numbers=[3],
        ),
    )


@app.command()
def show(
    ctx: typer.Context,
    ingest: Ingest,
    limit: Annotated[int, typer.Option(min=1, help="At most so many rows.")] = 50,
) -> None:
    """The rows that one ingest set aside: place, line, reason and raw text, unless its marking keeps that back."""
    from tocsin.events import set_aside
    from tocsin.pipeline.replay import require_ingest
    from tocsin.pipeline.stores import open_node
    from tocsin.sharing.visibility import aside_that_leaves

    invocation: Invocation = ctx.obj
    if invocation.server:
        with remote.client_of(invocation) as client:
            rows = [dict(row) for row in islice(client.set_aside(ingest), limit)]
    else:
        node = open_node(invocation.home)
        require_ingest(node, ingest)
        rows = [vars(row) for row in aside_that_leaves(node, islice(set_aside(node.quarantine, ingest), limit))]
    emit(
        invocation,
        rows,
        lambda: print_table(
            "",
            ("place", "line", "reason", "raw"),
            [(r["place"], r["line"], r["reason"], r["withheld"] or r["raw"][:200]) for r in rows],
            numbers=[0],
        ),
    )


@app.command()
def mend(
    ctx: typer.Context,
    ingest: Ingest,
    place: Annotated[int, typer.Argument(min=0, help="Place of the row, from 'quarantine show'.")],
    text: Annotated[str, typer.Option(help="What the row is to say. Without it: standard input.")] = "",
    try_: Annotated[bool, typer.Option("--try", help="Only show what would become of it.")] = False,
) -> None:
    """Give a set-aside row another text and read it again. The row as it came stays on record."""
    from tocsin.pipeline.replay import try_row
    from tocsin.pipeline.stores import open_node

    invocation: Invocation = ctx.obj
    wanted = text or sys.stdin.read()
    if try_:
        tried = try_row(open_node(invocation.home), ingest, wanted)
        emit(invocation, vars(tried), lambda: _say_tried(tried))
        return
    act = act_of("quarantine", "mend")
    counts = perform(invocation, act, {"number": ingest, "place": place, "text": wanted})
    emit(invocation, vars(counts), lambda: _say_counts(counts))


def _say_counts(counts: "Counts") -> None:
    say(f"{counts.stored:,} of {counts.rows:,} rows are now stored; {counts.quarantined:,} stay set aside.")


def _say_tried(tried: "ReplayPreview") -> None:
    for reason, raw in tried.wrong:
        say(f"It can still not be read: {reason} {raw[:200]}")
    for event in tried.events:
        print_table("It can be read:", ("field", "value"), [(name, str(value)) for name, value in event.items()])
