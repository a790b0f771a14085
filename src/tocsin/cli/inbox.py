"""`tocsin inbox`: reports from the public."""

from typing import TYPE_CHECKING, Annotated, Literal

import typer

from tocsin.cli.acts import act_group
from tocsin.interface import Invocation, emit, print_table, say

if TYPE_CHECKING:
    from tocsin.incidents.arrivals import PublicReport

State = Literal["new", "open", "waiting", "closed"]

app = typer.Typer(
    cls=act_group("inbox"),
    help="Reports from the public: read, taken, answered, closed, deleted on request.",
    no_args_is_help=True,
)


@app.command("list")
def list_(
    ctx: typer.Context,
    state: Annotated[State | None, typer.Option(help="Only these; without it, all that are not closed.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="At most so many, newest first.")] = 100,
) -> None:
    """List reports from the public, newest first."""
    from tocsin.incidents.arrivals import ReportState, list_reports
    from tocsin.pipeline.stores import open_node

    invocation: Invocation = ctx.obj
    states = [ReportState(state)] if state else [one for one in ReportState if one is not ReportState.CLOSED]
    with open_node(invocation.home).database.reading() as session:
        found = list_reports(session, states=states, limit=limit).lines
    names = ("reference", "state", "kind", "owner", "start")
    rows = [tuple("" if getattr(one, name) is None else getattr(one, name) for name in names) for one in found]
    emit(
        invocation, [vars(one) for one in found], lambda: print_table("", names, rows) if rows else say("Nothing here.")
    )


@app.command()
def show(ctx: typer.Context, reference: Annotated[str, typer.Argument(help="The reference of a report.")]) -> None:
    """Show one report and all that happened to it."""
    from tocsin.incidents.arrivals import find_report, read_report
    from tocsin.pipeline.stores import open_node

    invocation: Invocation = ctx.obj
    with open_node(invocation.home).database.reading() as session:
        report = find_report(session, reference)
        read = read_report(session, report, all_entries=True)
    entries = [{name: getattr(one, name) for name in ("at", "kind", "person", "text")} for one in read.entries]
    document = {**_document(report), "files": [file.name for file in read.files], "entries": entries}

    def human() -> None:
        print_table("", ("", ""), [(name, value) for name, value in _document(report).items() if value is not None])
        rows = [(f"{one.at:%Y-%m-%d %H:%M}", one.kind, one.person or "reporter", one.text) for one in read.entries]
        if rows:
            print_table("what was said and done", ("at (UTC)", "what", "person", "text"), rows)

    emit(invocation, document, human)


def _document(report: "PublicReport") -> dict[str, object]:
    names = ("reference", "kind", "state", "owner", "what", "place", "happened", "mailbox", "language", "received_at")
    return {name: getattr(report, name) for name in names}
