"""`tocsin stop` and `tocsin resume`: the switch that keeps every mail from leaving."""

from typing import Annotated

import typer

from tocsin.cli.acts import act_of, perform
from tocsin.cli.invocation import NodeInvocation


def stop(
    call: NodeInvocation,
    reason: Annotated[str, typer.Option(help="Why; shown wherever mails are missed.", prompt="Why")],
) -> None:
    """Stop all sending at once, in running processes too; what is due is kept."""
    perform(call, act_of("deliveries", "stop"), {"reason": reason.strip() or "no reason given"})
    call.emit({"stopped": True, "reason": reason}, "Nothing is sent until 'tocsin resume'.")


def resume(call: NodeInvocation) -> None:
    """Resume sending after 'tocsin stop'."""
    perform(call, act_of("deliveries", "resume"), {})
    call.emit({"stopped": False}, "What is due is sent with the next 'tocsin deliver'.")
