"""An answer is noted, once."""

import re
from collections.abc import Collection
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Final
from uuid import uuid4

from sqlalchemy import select
from sqlalchemy.orm import Session

from tocsin.delivery import Delivery
from tocsin.directory.contacts import note_answer
from tocsin.events import EventStore
from tocsin.node.errors import InputError
from tocsin.node.records import AuditAction, audit, cut
from tocsin.problems.answers.digest_problems import packed, told_problems, unpacked
from tocsin.problems.answers.models import Answer, AnsweredDigest, AnswerVerdict, Via
from tocsin.problems.problem_names import problem_text

NOTE_LENGTH: Final = 2_000
"""Characters that a note may have."""

HOLDS: Final = MappingProxyType(
    {
        AnswerVerdict.FIXED: timedelta(days=90),  # it ends at the first sighting after it anyway
        AnswerVerdict.ACCEPTED: timedelta(days=180),
        AnswerVerdict.FALSE: timedelta(days=365),
        AnswerVerdict.NOT_OURS: timedelta(days=365),
    }
)
"""How long an answer keeps its team from being reminded; one that is not here does not."""

_SMTP: Final = "smtp"  # a channel by which mails leave
_CONTROL = re.compile(r"[^\S\n]|[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]")


def record_answer(
    session: Session,
    *,
    delivery: Delivery,
    told: Collection[int],
    verdict: AnswerVerdict,
    problems: Collection[int] | None,
    note: str,
    via: Via,
    said_by: str,
    at: datetime,
    key: str,
    until: datetime | None = None,
    actor: str = "",
) -> Answer:
    """Note an answer in the caller's transaction; where one was noted under this key before, that one.

    ``told``: the problems that the digest told (`told_problems`, asked before, in a transaction of its own: it reads
    the event table). ``problems``: those it is about, or None for all of them. ``note``: at most `NOTE_LENGTH`
    characters. ``said_by``: the mailbox, or empty. ``key``: the act, for example ``mail:MESSAGE-ID``. ``until``: when
    it ends to keep the team from being reminded, where that is not the default of `HOLDS`. ``actor``: who acts, as the
    audit log names them, where that is known otherwise than by ``said_by``.

    Raises:
        InputError: the note is too long, no problem is named, or one that the digest did not tell.

    """
    session.get(Delivery, delivery.id, with_for_update=True)  # two that answer at once come one after the other
    if (before := session.scalar(select(Answer).where(Answer.key == key))) is not None:
        return before
    _check(told, problems, note)
    hold = HOLDS.get(verdict)
    answer = Answer(
        uuid=uuid4(),
        delivery_id=delivery.id,
        team_id=delivery.team_id,
        verdict=verdict.value,
        problems=None if problems is None else [problem_text(problem) for problem in sorted(set(problems))],
        note=_clean(note),
        at=at,
        until=None if hold is None else until or at + hold,
        via=via.value,
        said_by=said_by,
        key=key,
    )
    session.add(answer)
    if session.get(AnsweredDigest, delivery.id) is None:
        session.add(AnsweredDigest(delivery_id=delivery.id, problems=packed(frozenset(told))))
    if via is not Via.MAIL:  # of a mail it is known which mailbox it came from; who reads mails notes that
        told_at = delivery.sent_at if delivery.channel == _SMTP else None  # else it did not really leave
        note_answer(session, team_id=delivery.team_id, mailbox="", at=at, told_at=told_at, via=via.value)
    detail: dict[str, object] = {
        "delivery": delivery.reference,
        "verdict": verdict.value,
        "problems": len(told if problems is None else set(problems)),
    }
    # Whoever is signed in is named; of others the log keeps the way alone, never a mailbox.
    actor = actor or (said_by if via is Via.PAGE and said_by else via.value)
    audit(session, AuditAction.ANSWER_RECORDED, at=at, actor=actor, subject=f"answer:{answer.uuid}", detail=detail)
    session.flush()
    cut("answers.recording")
    return answer


def answered_problems(session: Session, store: EventStore, delivery: Delivery) -> frozenset[int]:
    """The problems that a digest told: as they were kept with its first answer, else from the event table."""
    kept = session.get(AnsweredDigest, delivery.id)
    return told_problems(session, store, delivery) if kept is None else frozenset(unpacked(kept.problems).tolist())


def _check(told: Collection[int], problems: Collection[int] | None, note: str) -> None:
    if len(note) > NOTE_LENGTH:
        raise InputError(f"The note has more than {NOTE_LENGTH} characters.", hint="Shorten it, or write a mail.")
    if problems is not None and not problems:
        raise InputError("No problem is chosen.", hint="Choose the problems that it is about.")
    if unknown := set(problems or ()) - set(told):
        raise InputError(
            f"The digest does not have {problem_text(min(unknown))}.", hint="Answer the digest that has it."
        )


def _clean(note: str) -> str:
    """The note without control characters and such as turn the direction of writing around."""
    lines = note.replace("\r\n", "\n").replace("\r", "\n")
    return _CONTROL.sub(" ", lines).strip()
