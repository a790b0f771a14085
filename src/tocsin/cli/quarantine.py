"""`tocsin quarantine`: unreadable rows, and their replay after a fix."""

import sys
from itertools import islice
from typing import TYPE_CHECKING, Annotated

import typer

from tocsin.cli import remote
from tocsin.cli.acts import act_group, act_of, perform
from tocsin.cli.invocation import NodeInvocation
from tocsin.interface import Commands, print_table, say

if TYPE_CHECKING:
    from tocsin.pipeline.replay_preview import ReplayPreview

Ingest = Annotated[int, typer.Argument(help="Number of the ingest, from 'quarantine list'.")]

app = Commands(cls=act_group("quarantine"), help="Unreadable rows, each with its reason.", no_args_is_help=True)


@app.command("list")
def list_(call: NodeInvocation) -> None:
    """The ingests with unreadable rows."""
    from tocsin.pipeline.replay import quarantined

    if call.server:
        with remote.client_of(call) as client:
            found = [dict(entry) for entry in client.quarantine()]
    else:
        found = [vars(entry) for entry in quarantined(call.node, call.now)]
    title = f"{sum(entry['rows'] for entry in found):,} unreadable rows"
    names = ("ingest", "report", "feed", "rows", "replayed_by")
    cells = [["" if entry[name] is None else entry[name] for name in names] for entry in found]
    columns = [name.replace("_", " ") for name in names]
    call.emit(found, lambda: print_table(title, columns, cells, numbers=[3]))


@app.command()
def show(
    call: NodeInvocation,
    ingest: Ingest,
    limit: Annotated[int, typer.Option(min=1, help="At most so many rows.")] = 50,
) -> None:
    """The unreadable rows of one ingest: place, line, reason and raw text, unless its marking withholds that."""
    from tocsin.events import set_aside
    from tocsin.pipeline.replay import require_ingest
    from tocsin.sharing.visibility import aside_that_leaves

    if call.server:
        with remote.client_of(call) as client:
            rows = [dict(row) for row in islice(client.set_aside(ingest), limit)]
    else:
        node = call.node
        require_ingest(node, ingest)
        rows = [vars(row) for row in aside_that_leaves(node, islice(set_aside(node.quarantine, ingest), limit))]
    cells = [(r["place"], r["line"], r["reason"], r["withheld"] or r["raw"][:200]) for r in rows]
    call.emit(rows, lambda: print_table("", ("place", "line", "reason", "raw"), cells, numbers=[0]))


@app.command()
def edit(
    call: NodeInvocation,
    ingest: Ingest,
    place: Annotated[int, typer.Argument(min=0, help="Place of the row, from 'quarantine show'.")],
    text: Annotated[str, typer.Option(help="What the row is to say. Without it: standard input.")] = "",
    try_: Annotated[bool, typer.Option("--try", help="Only show what would become of it.")] = False,
) -> None:
    """Edit an unreadable row and reprocess it. The row as it came stays on record."""
    from tocsin.pipeline.replay_preview import try_row

    wanted = text or sys.stdin.read()
    if try_:
        tried = try_row(call.node, ingest, wanted, now=call.now)
        plan = [
            {"team": one.team.key, "due_at": one.due_at, "events": one.events, "withheld": one.withheld}
            for one in tried.notifications
        ]
        call.emit(vars(tried) | {"notifications": plan}, lambda: _say_tried(tried))
        return
    act = act_of("quarantine", "mend")
    counts = perform(call, act, {"number": ingest, "place": place, "text": wanted})
    words = f"{counts.stored:,} of {counts.rows:,} rows are now stored; still unreadable: {counts.quarantined:,}."
    call.emit(vars(counts), words)


def _say_tried(tried: "ReplayPreview") -> None:
    for reason, raw in tried.wrong:
        say(f"Still unreadable: {reason} {raw[:200]}")
    for event in tried.events:
        print_table("Readable:", ("field", "value"), [(name, str(value)) for name, value in event.items()])
    plan = [(one.team.key, f"{one.due_at:%Y-%m-%d %H:%M}", one.events, one.withheld) for one in tried.notifications]
    if tried.events:
        print_table("Notifications:", ("team", "due (UTC)", "events", "withheld"), plan, numbers=[2, 3])
