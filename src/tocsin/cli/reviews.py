"""`tocsin reviews`: root causes, lessons and figures of incidents."""

from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tocsin.cli.acts import act_group
from tocsin.cli.invocation import NodeInvocation
from tocsin.interface import Commands, fields, print_table

if TYPE_CHECKING:
    from tocsin.incidents.closing import CourseFigures

app = Commands(
    cls=act_group("reviews"),
    help="How incidents ended: root causes, lessons, and how long incidents take.",
    no_args_is_help=True,
)


@app.command()
def causes(call: NodeInvocation) -> None:
    """List the root causes that this node tells apart."""
    from tocsin.incidents.closing import read_causes

    found = list(read_causes(call.home).values())
    rows = [(one.id, one.title, ", ".join(one.rsit)) for one in found]
    call.emit([one.model_dump() for one in found], lambda: print_table("", ("cause", "title", "for (RSIT)"), rows))


@app.command()
def lessons(
    call: NodeInvocation, every: Annotated[bool, typer.Option("--all", help="Also those that are finished.")] = False
) -> None:
    """List the lessons of incidents that the whole team may read."""
    from tocsin.incidents import IncidentReader
    from tocsin.incidents.closing import list_lessons
    from tocsin.node.accounts import names_of

    with call.database.reading() as session:
        found = list_lessons(session, IncidentReader(None, call.now), unfinished=not every)
        people = names_of(session, {one.task.owner for one in found})
        documents = [
            {
                "incident": one.incident.reference,
                "root_cause": one.incident.root_cause,
                **fields(one.task, "id text state owner due_at"),
            }
            for one in found
        ]
        rows = [
            (one.incident.reference, one.task.id, one.task.state, people.get(one.task.owner or 0, ""), one.task.text)
            for one in found
        ]
    columns = ("incident", "task", "state", "assigned to", "lesson")
    call.emit(documents, lambda: print_table("", columns, rows))


@app.command()
def figures(
    call: NodeInvocation,
    days: Annotated[int, typer.Option(min=1, max=36_500, help="Of incidents opened within so many days.")] = 365,
) -> None:
    """Say how long incidents take, computed from their entries; restricted ones only where their lead released them."""
    from tocsin.incidents.closing import course_figures, figures_by, read_courses

    with call.database.reading() as session:
        courses = read_courses(session, since=call.now - timedelta(days=days), at=call.now)
    whole = course_figures(courses, call.now)
    document = {"all": _document(whole)} | {
        by: [_document(one) for one in figures_by(courses, by, call.now)] for by in ("month", "type", "severity")
    }
    rows = [(span.value, of.n, of.censored, _hours(of.median), _hours(of.p90)) for span, of in whole.spans.items()]
    columns = ("from opening to", "reached", "not yet", "median, hours", "90 %, hours")
    call.emit(document, lambda: print_table(f"{whole.incidents:,} incidents", columns, rows))


def _document(one: "CourseFigures") -> dict[str, Any]:
    spans = {span.value: fields(of, "n censored median p90") for span, of in one.spans.items()}
    return {"key": one.key, "incidents": one.incidents, **spans}


def _hours(hours: float | None) -> str:
    return "" if hours is None else f"{hours:,.1f}"
