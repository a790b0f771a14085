"""`tocsin stop` and `tocsin resume`: the switch that keeps every mail from leaving."""

from typing import Annotated

import typer

from tocsin.interface.output import Invocation, emit, say


def stop(
    ctx: typer.Context,
    reason: Annotated[str, typer.Option(help="Why; shown wherever mails are missed.", prompt="Why")],
) -> None:
    """Stop all sending at once, in running processes too; what is due waits."""
    import getpass
    from datetime import UTC, datetime

    from tocsin.delivery import stop as stop_sending
    from tocsin.pipeline.stores import open_node

    invocation: Invocation = ctx.obj
    with open_node(invocation.home).database.begin() as session:
        stop_sending(
            session, reason=reason.strip() or "no reason given", actor=getpass.getuser(), now=datetime.now(UTC)
        )
    emit(invocation, {"stopped": True, "reason": reason}, lambda: say("Nothing is sent until 'tocsin resume'."))


def resume(ctx: typer.Context) -> None:
    """Let mails leave again after 'tocsin stop'."""
    import getpass
    from datetime import UTC, datetime

    from tocsin.delivery import resume as let_go_on
    from tocsin.pipeline.stores import open_node

    invocation: Invocation = ctx.obj
    with open_node(invocation.home).database.begin() as session:
        let_go_on(session, actor=getpass.getuser(), now=datetime.now(UTC))
    emit(invocation, {"stopped": False}, lambda: say("What is due leaves with the next 'tocsin deliver'."))
