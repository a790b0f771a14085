"""`tocsin machines`: servers over one PostgreSQL."""

from dataclasses import asdict

from tocsin.cli.acts import act_group
from tocsin.cli.invocation import NodeInvocation
from tocsin.interface import Commands, print_table

app = Commands(cls=act_group("machines"), help="Servers over one PostgreSQL.", no_args_is_help=True)


@app.command("list")
def list_(call: NodeInvocation) -> None:
    """List the machines, when each was last seen, and which work each does."""
    from tocsin.operations.machines import list_machines

    found = list_machines(call.database)
    columns = ("machine", "state", "version", "seen", "clock", "work")
    rows = [
        [one.name, "gone" if one.gone else "at work", one.version, f"{one.seen_at:%Y-%m-%d %H:%M:%S}",
         f"{one.ahead:+.1f} s", ", ".join(one.chores)]
        for one in found
    ]  # fmt: skip
    call.emit([asdict(one) for one in found], lambda: print_table("", columns, rows))
