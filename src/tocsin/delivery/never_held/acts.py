"""What the protection officer does with a reference: note the hotline's receipt, or let its message leave again."""

from functools import partial
from typing import Final

from pydantic import BaseModel, Field

from tocsin.delivery.never_held.hotline import receive, send_again
from tocsin.delivery.never_held.references import find_reference
from tocsin.interface import N_, Act, ActContext
from tocsin.node.accounts import Permission
from tocsin.node.records import AuditAction


class ReferenceRequest(BaseModel):
    """A reference."""

    reference: str = Field(
        max_length=40,
        pattern=r"^[A-Za-z0-9-]+$",
        title=N_("Reference"),
        description="A reference, from 'never-held list'.",
        examples=["NHR-2026-0000001"],
    )


class ReferenceResult(BaseModel):
    """How far the hotline knows of it now."""

    reference: str
    state: str


def note_receipt(context: ActContext, request: ReferenceRequest) -> ReferenceResult:
    """By mail it is noted by itself; so is one by telephone. The sealed message is destroyed."""
    with context.database.begin() as session:
        row = find_reference(session, request.reference)
        receive(session, row, mails=context.node.mails, **context.by)
        return ReferenceResult(reference=row.reference, state=row.state)


def send_message_again(context: ActContext, request: ReferenceRequest) -> ReferenceResult:
    """Where no receipt came, or the mail came back: it waits for its turn once more."""
    with context.database.begin() as session:
        row = find_reference(session, request.reference)
        send_again(session, row, **context.by)
        return ReferenceResult(reference=row.reference, state=row.state)


_act = partial(
    Act,
    noun="never-held",
    permission=Permission.NEVER_HELD_WORK,
    arguments=("reference",),
    told="{reference} is {state}.",
)

ACTS: Final = (
    _act(
        "receipt", N_("Record receipt by the hotline"), note_receipt, audit=(AuditAction.NEVER_HELD_RECEIVED,),
        command="never-held receipt", route="/never-held/{reference}/receipt", page="/never-held/{reference}/receipt",
    ),
    _act(
        "send-again", N_("Send a sealed message to the hotline again"), send_message_again,
        audit=(AuditAction.NEVER_HELD_WAITING,), command="never-held send-again",
        route="/never-held/{reference}/send-again", page="/never-held/{reference}/send-again",
    ),
)  # fmt: skip
"""What can be done with references to what must never be held."""
