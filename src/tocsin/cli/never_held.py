"""`tocsin never-held`: references to what must never be held, for the protection officer."""

from typing import TYPE_CHECKING, Annotated

import typer

from tocsin.cli.acts import act_group
from tocsin.interface import Invocation, emit, print_table, say

if TYPE_CHECKING:
    from datetime import datetime

    from tocsin.delivery.never_held import ReferenceLine

app = typer.Typer(
    cls=act_group("never-held"),
    help="References to what must never be held, and the hotline that takes it over.",
    no_args_is_help=True,
)


@app.command("list")
def list_(ctx: typer.Context) -> None:
    """List the references, newest first."""
    from tocsin.delivery.never_held import list_references
    from tocsin.pipeline.stores import open_node

    invocation: Invocation = ctx.obj
    with open_node(invocation.home).database.reading() as session:
        lines = list_references(session)
    names = ("reference", "class", "report_id", "at", "place", "state")
    documents = [{name: value for name, value in one.document.items() if name in names} for one in lines]
    rows = [tuple(str(value) for value in one.values()) for one in documents]
    emit(invocation, documents, lambda: print_table("", names, rows) if rows else say("Nothing here."))


@app.command()
def show(ctx: typer.Context, reference: Annotated[str, typer.Argument(help="A reference.")]) -> None:
    """Show one reference, and what became of its message."""
    from tocsin.delivery.never_held import reference_line
    from tocsin.pipeline.stores import open_node

    invocation: Invocation = ctx.obj
    node = open_node(invocation.home)
    with node.database.reading() as session:
        line = reference_line(session, reference)
    document = line.document | _hotline(line, node.settings.never_held.phone, invocation.now)
    emit(invocation, document, lambda: print_table("", ("", ""), [(name, str(of)) for name, of in document.items()]))


def _hotline(line: "ReferenceLine", phone: str, now: "datetime") -> "dict[str, str | datetime | bool | None]":
    rings = line.rings(now)
    return {"ring": rings, "phone": phone if rings else ""}
