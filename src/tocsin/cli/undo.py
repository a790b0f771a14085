"""`tocsin undo`: what was done a moment ago is taken back."""

from typing import Annotated

import typer

from tocsin.cli.acts import act_of, document_of, perform
from tocsin.cli.invocation import NodeInvocation


def undo(
    call: NodeInvocation,
    number: Annotated[int | None, typer.Argument(help="The number that was said; without it, the newest.")] = None,
) -> None:
    """Undo what you did a moment ago, where nothing of it has changed or left since."""
    done = perform(call, act_of("undo", "undo"), {} if number is None else {"number": number})
    call.emit(document_of(done), f"Undone: {done.said}.")
