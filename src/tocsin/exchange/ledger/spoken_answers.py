"""What a person at a partner says became of what we recalled, and which recalls still wait for such a word."""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Annotated

from pydantic import BaseModel, Field
from sqlalchemy import and_, or_, select
from sqlalchemy.orm import Session

from tocsin.exchange.ledger.answer_models import SpokenAnswer
from tocsin.exchange.ledger.models import OutgoingRow, PassedItem, RecallItemRow
from tocsin.exchange.ledger.states import ANSWER_WAYS, RECALL_DAYS, AnswerWay
from tocsin.exchange.partners import Partner
from tocsin.exchange.statements import RECALL_ANSWERS, RecallState
from tocsin.incidents.act_parts import LINE, kept
from tocsin.interface import N_, ActContext, Wording
from tocsin.node.errors import NotFoundError
from tocsin.node.records import AuditAction, audit
from tocsin.node.sentences import say

ChosenAnswer = Annotated[
    RecallState,
    Field(title=N_("Answer")),
    Wording(lacking=N_("Choose an answer."), choices=RECALL_ANSWERS, nothing=N_("Choose")),
]
"""What became of what is recalled: nothing is assumed."""

HowSaid = Annotated[
    AnswerWay,
    Field(title=N_("How they answered"), description="telephone, mail or in-person."),
    Wording(lacking=N_("Say how they answered."), choices=ANSWER_WAYS, nothing=N_("Choose")),
]
"""How a person of a partner said something."""

WhoSaid = Annotated[
    str,
    Field(
        min_length=1, max_length=200, pattern=LINE, title=N_("Who said it"),
        description="Who at the partner said it.",
    ),
    Wording(lacking=N_("Say who at the partner said it.")),
]  # fmt: skip
"""Who of a partner a person here spoke with."""


class RecallAnswer(BaseModel):
    """What a person at a partner says became of what a dispatch brought and we recalled."""

    dispatch: int = Field(ge=1, le=2**31, title=N_("Dispatch"), description="The number of the dispatch, in the list.")
    state: ChosenAnswer = Field(description="done, kept or not-held.")
    way: HowSaid
    who: WhoSaid = Field(title=N_("Who answered"))
    said: str = Field(
        "", max_length=500, pattern=LINE, title=N_("What else they said"), description="What else they said."
    )


class RecallAnswerResult(BaseModel):
    """A dispatch of which a recall was answered; ``items``: of how many items."""

    dispatch: int
    partner: int
    name: str
    items: int
    state: RecallState


def record_answer(context: ActContext, request: RecallAnswer) -> RecallAnswerResult:
    """For a partner that has mail only, whose key ended, or who is silent: its word, with who said it and how.

    Raises:
        NotFoundError: nothing of this dispatch is recalled without an answer.

    """
    who, said = kept(context, request.who), kept(context, request.said)
    with context.undoable() as session:
        rows = [one for one in recalled_items(session, [request.dispatch]) if not one.answer]
        if not rows:
            raise NotFoundError(say("Nothing that this dispatch brought is recalled without an answer."))
        for row in rows:
            row.answer, row.answer_code, row.answered_at = request.state.value, "", context.now
            spoken = SpokenAnswer(passing_id=row.id, way=request.way.value, who=who, said=said, at=context.now)
            spoken.noted_by = context.actor
            session.add(spoken)
        partner = session.get_one(Partner, rows[0].partner_id)
        audit(
            session, AuditAction.RECALL_CONFIRMED, at=context.now, actor=context.actor, subject=f"partner:{partner.id}",
            detail={"dispatch": request.dispatch, "state": request.state.value, "way": request.way.value},
        )  # fmt: skip
        return RecallAnswerResult(
            dispatch=request.dispatch, partner=partner.id, name=partner.name, items=len(rows), state=request.state
        )


def recalled_items(session: Session, dispatches: Collection[int]) -> Sequence[PassedItem]:
    """What these dispatches brought and is recalled, the oldest first."""
    row, asked = PassedItem, RecallItemRow
    recalled = select(asked.recall_id).where(
        asked.node == row.node, asked.item == row.item, asked.version >= row.version
    )  # fmt: skip
    query = select(row).where(row.outgoing_id.in_(dispatches), recalled.exists())
    return session.scalars(query.order_by(row.id)).all()


def unanswered_recalls(session: Session, now: datetime) -> Sequence[PassedItem]:
    """What is recalled and needs a person to ask: no dispatch could say so, or there is no answer for a week."""
    row, asked = PassedItem, RecallItemRow
    late = select(OutgoingRow.id).where(
        OutgoingRow.id == row.recall_dispatch, OutgoingRow.sealed_at <= now - timedelta(days=RECALL_DAYS)
    )
    same = asked.node == row.node, asked.item == row.item, asked.version >= row.version
    query = select(row).join(asked, and_(*same)).where(row.answer == "")
    query = query.where(or_(row.recall_dispatch.is_(None), late.exists()))
    return session.scalars(query.distinct().order_by(row.id)).all()
