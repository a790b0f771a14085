"""Mails that wait for a person's look: the first to each team. A person lets them go or drops them."""

from collections.abc import Collection, Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, exists, or_, select
from sqlalchemy.orm import Session

from tocsin.delivery.halt import give_pass
from tocsin.delivery.models import FINAL, Delivery, DeliveryState
from tocsin.delivery.sending_policy import FILE
from tocsin.directory import TeamRow
from tocsin.node.errors import ConflictError, NotFoundError
from tocsin.node.letters import Letter, LetterState
from tocsin.node.records import AuditAction, audit
from tocsin.node.sentences import say

_DIGEST, _LETTER = "delivery", "letter"


def known_teams(session: Session) -> set[int]:
    """The teams that a digest went to for real, or one of whose digests a person let go."""
    sent = select(1).where(Delivery.team_id == TeamRow.id, Delivery.state == DeliveryState.SENT.value)
    for_real = (exists(sent.where(way)) for way in (Delivery.channel < FILE, Delivery.channel > FILE))  # by the index
    told = select(TeamRow.id).where(or_(*for_real))
    released = select(Delivery.team_id).where(Delivery.released_at.is_not(None)).distinct()
    return {*session.scalars(told), *session.scalars(released)}


def waiting_teams(session: Session) -> set[int]:
    """The teams for whose first digest a person's look is still owed; their further news joins the next one."""
    return set(session.scalars(select(Delivery.team_id).where(Delivery.state == DeliveryState.HELD.value)))


def held_digests(session: Session, team_id: int | None = None) -> Sequence[Delivery]:
    """The digests that wait for a person, oldest first."""
    query = select(Delivery).where(Delivery.state == DeliveryState.HELD.value).order_by(Delivery.id)
    return session.scalars(query if team_id is None else query.where(Delivery.team_id == team_id)).all()


def held_letters(session: Session) -> Sequence[Letter]:
    """The letters that wait for a person, oldest first."""
    return session.scalars(select(Letter).where(Letter.state == LetterState.HELD.value).order_by(Letter.id)).all()


def release(
    session: Session,
    found: Sequence[Delivery | Letter],
    *,
    actor: str,
    now: datetime,
    not_before: datetime | None = None,
) -> None:
    """Let these leave with the next run, or with the first after ``not_before``, in the caller's transaction.

    Raises:
        ConflictError: one of them is not held.

    """
    for one in found:
        _check_held(one)
        one.state, one.error, one.released_at = DeliveryState.QUEUED.value, "", now
        if isinstance(one, Delivery):
            one.next_try_at = not_before
        elif not_before is not None:
            one.due_at = max(one.due_at, not_before)
        audit(session, AuditAction.DELIVERY_RELEASED, at=now, actor=actor, subject=_subject(one))
    if found:
        give_pass(session, len(found), now)


def approve(session: Session, found: Sequence[Delivery | Letter], *, actor: str, now: datetime) -> None:
    """Note the first of two persons who release these, in the caller's transaction; they stay held.

    Raises:
        ConflictError: one of them is not held.

    """
    for one in found:
        _check_held(one)
        one.approved_by = actor
        one.error = say("Approved by %(actor)s; a second person must release it.", actor=actor)
        audit(session, AuditAction.DELIVERY_APPROVED, at=now, actor=actor, subject=_subject(one))


def needs_approval(found: Sequence[Delivery | Letter], actor: str) -> list[Delivery | Letter]:
    """Those of these that nobody approved yet, where a release takes two persons.

    Raises:
        ConflictError: the same person approved one of them.

    """
    for one in found:
        if one.approved_by == actor:
            raise ConflictError(
                say("You approved %(reference)s: another person must release it.", reference=one.reference)
            )
    return [one for one in found if one.approved_by is None]


def drop(session: Session, one: Delivery | Letter, *, reason: str, actor: str, now: datetime) -> None:
    """Never send this one, in the caller's transaction: it stays dropped, and what it told is owed no more.

    The next mail to its team is held again, where none has left for it yet.

    Raises:
        ConflictError: it is not held.

    """
    _check_held(one)
    one.state = DeliveryState.DROPPED.value
    one.error = say("Dropped by %(actor)s: %(reason)s", actor=actor, reason=reason)
    detail: dict[str, object] = {"reason": reason}
    audit(session, AuditAction.DELIVERY_DROPPED, at=now, actor=actor, subject=_subject(one), detail=detail)


def find_mail(session: Session, reference: str) -> Delivery | Letter:
    """A digest (``TOC-…``) or a letter (``LTR-…``) by its reference, in any case.

    Raises:
        NotFoundError: there is none.

    """
    wanted = reference.strip().upper()
    if wanted.startswith("LTR-"):
        number = wanted.rpartition("-")[2]
        letter = session.get(Letter, int(number)) if number.isdecimal() and len(number) < 10 else None
        if letter is not None and letter.reference == wanted and not letter.about:
            return letter
    elif (digest := session.scalar(select(Delivery).where(Delivery.reference == wanted))) is not None:
        return digest
    raise NotFoundError(
        f"There is no digest or verification request '{reference}'.",
        hint="'tocsin deliveries list' and 'tocsin deliveries requests' show the references of all.",
    )


def may_leave(table: type[Delivery] | type[Letter], now: datetime) -> ColumnElement[bool]:
    """Whether a mail is on its way, and its time has come: a first one, that of a next try, or the end of its undo."""
    open_ = table.state.in_((DeliveryState.QUEUED.value, DeliveryState.RETRY.value))
    if table is Letter:
        return open_ & (Letter.due_at <= now)
    return open_ & or_(Delivery.next_try_at.is_(None), Delivery.next_try_at <= now)


def still_leaving(
    session: Session, table: type[Delivery] | type[Letter], numbers: Collection[int], now: datetime
) -> set[int]:
    """Those of these that nobody held back, dropped or undid since a run chose them."""
    return set(session.scalars(select(table.id).where(table.id.in_(numbers), may_leave(table, now))))


def check_not_final(one: Delivery | Letter) -> None:
    """Nothing leaves an end state.

    Raises:
        ConflictError: it is in one.

    """
    if one.state in FINAL:
        raise ConflictError(
            say("%(reference)s is %(state)s; this is final.", reference=one.reference, state=one.state),
            hint=say("What is still seen is in the next digest of its team."),
        )


def _check_held(one: Delivery | Letter) -> None:
    if one.state != DeliveryState.HELD:
        raise ConflictError(
            say("%(reference)s is not held: it is %(state)s.", reference=one.reference, state=one.state),
            hint="'tocsin deliveries held' lists those that are.",
        )


def _subject(one: Delivery | Letter) -> str:
    return f"{_DIGEST if isinstance(one, Delivery) else _LETTER}:{one.reference}"
