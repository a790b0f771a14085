"""`tocsin help-texts`: what the public reads to do now, and whether this node adopted it."""

from tocsin.cli.acts import act_group
from tocsin.cli.invocation import NodeInvocation
from tocsin.interface import Commands, print_table

app = Commands(
    cls=act_group("help-texts"),
    help="What the public reads to do now: shipped texts that this node adopts.",
    no_args_is_help=True,
)


@app.command("list")
def list_(call: NodeInvocation) -> None:
    """List the kinds of incidents, with when and by whom their texts were adopted."""
    from tocsin.incidents.arrivals import help_text_states, text_folders

    with call.database.reading() as session:
        found = help_text_states(session, text_folders(call.node))
    columns = ("kind", "adopted_at", "adopted_by", "changed")
    rows = [
        (one.kind.value, one.adopted_at and f"{one.adopted_at:%Y-%m-%d}", one.adopted_by, ", ".join(one.changed))
        for one in found
    ]
    documents = [{name: getattr(one, name) for name in columns} for one in found]
    call.emit(
        documents, lambda: print_table("", columns, [["" if cell is None else cell for cell in row] for row in rows])
    )
