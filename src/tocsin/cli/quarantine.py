"""`tocsin quarantine`: rows that were set aside, and their replay after a fix."""

from dataclasses import asdict
from itertools import islice
from typing import Annotated

import typer

from tocsin.cli import remote
from tocsin.cli.output import Invocation, emit, print_table, say

app = typer.Typer(help="Rows that were set aside with a reason.", no_args_is_help=True)


@app.command("list")
def list_(ctx: typer.Context) -> None:
    """The ingests that set rows aside."""
    from tocsin.app import open_node
    from tocsin.replay import quarantined

    invocation: Invocation = ctx.obj
    if invocation.server:
        with remote.client_of(invocation) as client:
            found = [asdict(entry) for entry in client.quarantine()]
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
    ingest: Annotated[int, typer.Argument(help="Number of the ingest, from 'quarantine list'.")],
    limit: Annotated[int, typer.Option(min=1, help="At most so many rows.")] = 50,
) -> None:
    """The rows that one ingest set aside: line, reason and raw text."""
    from tocsin.app import open_node
    from tocsin.events.quarantine import set_aside
    from tocsin.replay import require_ingest

    invocation: Invocation = ctx.obj
    if invocation.server:
        with remote.client_of(invocation) as client:
            rows = [asdict(row) for row in islice(client.set_aside(ingest), limit)]
    else:
        node = open_node(invocation.home)
        require_ingest(node, ingest)
        rows = [vars(row) for row in islice(set_aside(node.quarantine, ingest), limit)]
    emit(
        invocation,
        rows,
        lambda: print_table("", ("line", "reason", "raw"), [(r["line"], r["reason"], r["raw"][:200]) for r in rows]),
    )


@app.command()
def replay(
    ctx: typer.Context,
    ingest: Annotated[int, typer.Argument(help="Number of the ingest, from 'quarantine list'.")],
) -> None:
    """Read the set-aside rows of an ingest again, after its feed or mapping was mended."""
    from tocsin.app import open_node
    from tocsin.replay import replay as read_again

    invocation: Invocation = ctx.obj
    counts = read_again(open_node(invocation.home), ingest)
    emit(
        invocation,
        vars(counts),
        lambda: say(
            f"{counts.stored:,} of {counts.rows:,} rows are now stored; {counts.quarantined:,} stay set aside."
        ),
    )
