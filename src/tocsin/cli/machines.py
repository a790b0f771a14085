"""`tocsin machines`: servers over one PostgreSQL."""

from dataclasses import asdict

from tocsin.cli.acts import act_group
from tocsin.cli.invocation import NodeInvocation
from tocsin.interface import Commands, print_table

app = Commands(cls=act_group("machines"), help="Servers over one PostgreSQL.", no_args_is_help=True)


@app.command("list")
def list_(call: NodeInvocation) -> None:
    """List the machines, when each was last seen, which work each does, and whether one takes reports in."""
    from tocsin.operations.machines import list_machines
    from tocsin.operations.worker import CHORE_NAMES
    from tocsin.pipeline.term import writer_state

    found, writer = list_machines(call.database), writer_state(call.database)
    columns = ("machine", "state", "version", "seen", "clock", "work")
    rows = [
        [one.name, "gone" if one.gone else "at work", one.version, f"{one.seen_at:%Y-%m-%d %H:%M:%S}",
         f"{one.ahead:+.1f} s", ", ".join(CHORE_NAMES.get(chore, chore) for chore in one.chores)]
        for one in found
    ]  # fmt: skip

    def show() -> None:
        print_table("", columns, rows)
        if writer is not None:
            at_work = "at work" if writer.at_work else "none at the moment"
            about = "taking reports in", "turns so far", "ingest numbers without a report"
            print_table("", about, [[at_work, writer.term, writer.passed]])

    call.emit({"machines": [asdict(one) for one in found], "writer": writer and asdict(writer)}, show)
