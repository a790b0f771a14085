"""`tocsin takedowns`: content that is asked to be taken down, of whom, and what was seen of it since."""

from datetime import timedelta
from functools import partial
from typing import Annotated, Any

import typer

from tocsin.cli.acts import act_group
from tocsin.cli.invocation import NodeInvocation
from tocsin.interface import Commands, fields, print_table

app = Commands(
    cls=act_group("takedowns"),
    help="Take-downs: propose, ask for, look again, withdraw. Those of restricted incidents are not shown.",
    no_args_is_help=True,
)


@app.command("list")
def list_takedowns(
    call: NodeInvocation,
    incident: Annotated[str, typer.Option(help="Only those of the incident with this reference.")] = "",
    host: Annotated[str, typer.Option(help="Only those of this host, by its name.")] = "",
    due: Annotated[bool, typer.Option("--due", help="Only those that wait for something to be done.")] = False,
    limit: Annotated[int, typer.Option(min=1, help="At most so many, the newest first.")] = 100,
) -> None:
    """List take-downs, with who can take each down and what was last seen."""
    from tocsin.incidents import IncidentReader, defang
    from tocsin.incidents.takedowns import TakedownSearch, recipients_of, sightings_of
    from tocsin.incidents.takedowns import list_takedowns as found_in

    reader = IncidentReader(None, call.now)
    search = TakedownSearch(incident=incident, host=host, need=due)
    with call.database.reading() as session:
        found = found_in(session, reader, search, limit=limit)
        there, seen = recipients_of(session, reader, found), sightings_of(session, reader, found)
    documents: list[dict[str, Any]] = [
        {
            **fields(one.takedown, "id state host address ground pap proposed_at asked_at gone_at due_at objected_at"),
            "value": one.observable.value, "incident": one.incident.reference,
            "recipients": [fields(of, "role name mailbox reason asked_at") for of in there.get(one.takedown.id, ())],
            "sightings": [fields(of, "at seen how place") for of in seen.get(one.takedown.id, ())],
        }
        for one in found
    ]  # fmt: skip
    rows = [
        (one["id"], one["incident"], one["state"], one["host"], one["sightings"][0]["seen"], defang(one["value"]))
        for one in documents
    ]
    names = ("id", "incident", "state", "host", "last seen", "what")
    call.emit(documents, partial(print_table, "", names, rows) if rows else "No take-down matches.")


@app.command("hosts")
def hosts(call: NodeInvocation) -> None:
    """Say how long each host took, from asked to gone, in the last year. What is still there counts as longer."""
    from tocsin.incidents import IncidentReader
    from tocsin.incidents.takedowns import host_figures

    with call.database.reading() as session:
        found = host_figures(session, IncidentReader(None, call.now))
    documents = [{**fields(one, "host asked gone still"), "median_hours": _hours(one.median)} for one in found]
    rows = [
        (*(one[name] for name in ("host", "asked", "gone", "still")), one["median_hours"] or "") for one in documents
    ]
    names = ("host", "asked", "gone", "still there", "median hours")
    call.emit(documents, partial(print_table, "", names, rows) if rows else "No host was asked in the last year.")


def _hours(span: timedelta | None) -> float | None:
    return None if span is None else round(span.total_seconds() / 3600, 1)
