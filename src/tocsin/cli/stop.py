"""`tocsin stop` and `tocsin resume`: the switch that keeps every mail from leaving."""

from typing import Annotated

import typer

from tocsin.cli.acts import act_of, perform
from tocsin.interface import emit, say


def stop(
    ctx: typer.Context,
    reason: Annotated[str, typer.Option(help="Why; shown wherever mails are missed.", prompt="Why")],
) -> None:
    """Stop all sending at once, in running processes too; what is due waits."""
    perform(ctx.obj, act_of("deliveries", "stop"), {"reason": reason.strip() or "no reason given"})
    emit(ctx.obj, {"stopped": True, "reason": reason}, lambda: say("Nothing is sent until 'tocsin resume'."))


def resume(ctx: typer.Context) -> None:
    """Let mails leave again after 'tocsin stop'."""
    perform(ctx.obj, act_of("deliveries", "resume"), {})
    emit(ctx.obj, {"stopped": False}, lambda: say("What is due leaves with the next 'tocsin deliver'."))
