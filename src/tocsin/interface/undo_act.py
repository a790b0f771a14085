"""The act that takes another back, while that can be done: docs/design/undo.md."""

from datetime import datetime
from typing import Final

from pydantic import BaseModel, Field

from tocsin.interface.acts import Act, ActContext, NoUndo, OwnSurface
from tocsin.interface.capabilities import N_
from tocsin.node.accounts import Permission
from tocsin.node.errors import NotFoundError
from tocsin.node.records import AuditAction, open_undo, undo
from tocsin.node.sentences import say


class UndoRequest(BaseModel):
    """Which act, by the number of its undo."""

    number: int | None = Field(
        None, ge=1, le=2**31 - 1, title=N_("Number"),
        description="The number that was said; without it, the newest of yours.", examples=[7],
    )  # fmt: skip


class UndoResult(BaseModel):
    """What was undone: the act, what was said of it, when it was done, and what it was done to."""

    number: int
    act: str
    said: str
    at: datetime
    subjects: list[str]


def undo_act(context: ActContext, request: UndoRequest) -> UndoResult:
    """Only your own, for a minute ([tell] undo_seconds), and not where something changed since: a mail that left.

    Raises:
        NotFoundError: there is none of whoever asks, or the right to the act is gone.
        ConflictError: it is too late, or something changed since; nothing is done then.

    """
    with context.database.begin() as session:
        found = open_undo(session, context.actor, request.number, context.now)
        if found is None or not context.may(Permission(found.permission)):
            raise NotFoundError(say("You have nothing to undo here."))
        undo(session, found, now=context.now)
        return UndoResult(number=found.id, act=found.act, said=found.said, at=found.at, subjects=found.subjects)


ACTS: Final = (
    Act(
        "undo", "Undo what you did a moment ago", undo_act, noun="act", permission=Permission.ACTS_UNDO,
        audit=(AuditAction.ACT_UNDONE,), command=OwnSurface("undo"), route="/undo/{number}",
        page=OwnSurface("/undo/{number}"), arguments=("number",), routing=True,
        undo=NoUndo("It takes back an act, and that can be done again."), title=N_("Undo"),
    ),
)  # fmt: skip
"""What can be done about any act."""
