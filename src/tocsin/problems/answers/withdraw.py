"""An answer is withdrawn: an entry of its own restores what stood before, and nothing is deleted."""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID, uuid4

from sqlalchemy import select
from sqlalchemy.orm import Session

from tocsin.delivery import Delivery
from tocsin.node.errors import ConflictError, NotFoundError
from tocsin.node.records import AuditAction, audit
from tocsin.node.sentences import say
from tocsin.problems.answers.entries import answer_entries, without_withdrawn
from tocsin.problems.answers.models import WITHDRAWN, Answer, Via

UNDO_TIME: Final = timedelta(seconds=60)
"""How long after it was recorded an answer can be undone."""


def answers_of_act(session: Session, uuid: UUID) -> list[Answer]:
    """The answers that one form recorded, of which this is one; none where there is no such answer.

    Their keys are those of `answer_problems`: the act, the digest, and what was chosen.
    """
    by_page = select(Answer).where(Answer.via == Via.PAGE.value, Answer.withdraws.is_(None))
    one = session.scalar(by_page.where(Answer.uuid == uuid))
    if one is None:
        return []
    act, _, choice = one.key.rsplit(":", 2)
    together = by_page.where(Answer.key.startswith(f"{act}:", autoescape=True)).order_by(Answer.id)
    return [answer for answer in session.scalars(together) if answer.key.endswith(f":{choice}")]


def are_withdrawn(session: Session, answers: Sequence[Answer]) -> bool:
    """Whether one of these was withdrawn."""
    return bool(session.scalar(select(Answer.id).where(Answer.withdraws.in_([of.id for of in answers])).limit(1)))


def can_withdraw(answers: Sequence[Answer], now: datetime) -> bool:
    """Whether it is still time to undo them."""
    return bool(answers) and now < answers[0].at + UNDO_TIME


def withdraw_answers(session: Session, uuids: Collection[UUID], *, actor: str, at: datetime) -> list[Answer]:
    """Withdraw answers of one team in the caller's transaction: all, or none; gives the entries that do it.

    What stood before each counts again, for its state, for reminders and for digests. ``actor``: as the audit log
    names whoever withdraws. Whether it is still time is the caller's question (`can_withdraw`).

    Raises:
        NotFoundError: there is no such answer.
        ConflictError: one was withdrawn before, or the team has set another status of one of its problems since.

    """
    answers = list(session.scalars(select(Answer).where(Answer.uuid.in_(list(uuids))).order_by(Answer.delivery_id)))
    if len(answers) != len(set(uuids)) or not answers:
        raise NotFoundError(say("There is no such answer."))
    for answer in answers:  # whoever answers or withdraws at the same time comes before or after, see `record_answer`
        session.get(Delivery, answer.delivery_id, with_for_update=True)
    if any(answer.withdraws is not None for answer in answers) or are_withdrawn(session, answers):
        raise ConflictError(say("This was undone before."))
    _refuse_replaced(session, answers)
    return [_withdraw(session, answer, actor=actor, at=at) for answer in answers]


def _refuse_replaced(session: Session, answers: Sequence[Answer]) -> None:
    chosen = {answer.id for answer in answers}
    newest: dict[int, int] = {}
    about: set[int] = set()
    for answer, keys in without_withdrawn(answer_entries(session, answers[0].team_id)):
        newest.update(dict.fromkeys(keys, answer.id))
        about.update(keys if answer.id in chosen else ())
    if any(newest[key] not in chosen for key in about):
        raise ConflictError(
            say("Another status was set since."), hint=say("Choose the status that is right, and send it.")
        )


def _withdraw(session: Session, answer: Answer, *, actor: str, at: datetime) -> Answer:
    entry = Answer(
        uuid=uuid4(),
        delivery_id=answer.delivery_id,
        team_id=answer.team_id,
        verdict=WITHDRAWN,
        problems=answer.problems,
        note="",
        at=at,
        until=None,
        via=answer.via,
        said_by=answer.said_by,
        key=f"withdraw:{answer.uuid}",
        withdraws=answer.id,
    )
    session.add(entry)
    detail: dict[str, object] = {"verdict": answer.verdict}
    audit(session, AuditAction.ANSWER_WITHDRAWN, at=at, actor=actor, subject=f"answer:{answer.uuid}", detail=detail)
    session.flush()
    return entry
