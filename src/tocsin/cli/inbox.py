"""`tocsin inbox`: all that came in."""

from functools import partial
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from tocsin.cli.acts import act_group
from tocsin.cli.invocation import NodeInvocation
from tocsin.interface import Commands, fields, print_table

if TYPE_CHECKING:
    from tocsin.incidents.arrivals import PublicReport

State = Literal["new", "open", "waiting", "incident", "closed", "closed-without", "handed-over", "rejected"]

app = Commands(
    cls=act_group("inbox"),
    help="All that came in: read, taken, answered, put into incidents, closed, deleted on request.",
    no_args_is_help=True,
)


@app.command("list")
def list_(
    call: NodeInvocation,
    state: Annotated[State | None, typer.Option(help="Only these; without it, new, open and waiting ones.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="At most so many, newest first.")] = 100,
) -> None:
    """List reports, newest first; none of restricted incidents."""
    from tocsin.incidents import IncidentReader
    from tocsin.incidents.arrivals import ReportFilter, ReportState, list_reports

    undone = (ReportState.NEW, ReportState.OPEN, ReportState.WAITING)
    wanted = ReportFilter(states=(ReportState(state),) if state else undone)
    with call.database.reading() as session:
        found = list_reports(session, IncidentReader(None, call.now), wanted, limit=limit).lines
    names = "reference state door kind who owner start"
    rows = [["" if value is None else value for value in fields(one, names).values()] for one in found]
    show_rows = partial(print_table, "", names.split(), rows)
    call.emit([vars(one) for one in found], show_rows if rows else "Nothing here.")


@app.command()
def show(call: NodeInvocation, reference: Annotated[str, typer.Argument(help="The reference of a report.")]) -> None:
    """Show one report and all that happened to it."""
    from tocsin.incidents import IncidentReader
    from tocsin.incidents.arrivals import find_report, read_report, releases_of

    with call.database.reading() as session:
        reader = IncidentReader(None, call.now)
        report = find_report(session, reader, reference)
        read = read_report(session, report, reader)
        given = [
            {"number": one.id, **fields(one, "ground scope given_by means given_at withdrawn_at")}
            for one in releases_of(session, [report])
        ]
    entries = [fields(one, "at kind person text") for one in read.entries]
    document = {**_document(report), "files": [file.name for file in read.files], "releases": given}
    document["entries"] = entries

    def human() -> None:
        print_table("", ("", ""), [(name, value) for name, value in _document(report).items() if value is not None])
        if given:
            print_table("consents and orders", [*given[0]], [[*map(str, one.values())] for one in given])
        rows = [(f"{one.at:%Y-%m-%d %H:%M}", one.kind, one.person or "reporter", one.text) for one in read.entries]
        if rows:
            print_table("what was said and done", ("at (UTC)", "what", "person", "text"), rows)

    call.emit(document, human)


def _document(report: "PublicReport") -> dict[str, object]:
    names = "reference door kind state owner basis basis_act subject what place happened sender mailbox phone"
    return fields(report, f"{names} ring_back_at language received_at")
