"""Digests that must be encrypted and cannot be: shown as stuck, their teams asked for a key, sent once there is one."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from tocsin.delivery.mime import usable_mailboxes
from tocsin.delivery.models import Delivery, DeliveryState
from tocsin.delivery.sealing.decide import Obstacle, SealingRefusal
from tocsin.delivery.sealing.key_letters import cannot_encrypt
from tocsin.delivery.sealing.seals import Seals
from tocsin.directory import Team
from tocsin.node.letters import Letter, LetterState, queue_letter
from tocsin.node.node_settings import NodeSettings
from tocsin.node.records import AuditAction, audit

_KIND = "cannot-encrypt"
_OPEN = (DeliveryState.QUEUED.value, DeliveryState.RETRY.value, DeliveryState.HELD.value, DeliveryState.STUCK.value)
_ASK_AGAIN = timedelta(days=7)


@dataclass(frozen=True)
class KeyRequests:
    """One run's surroundings. ``known``: the teams whose digests need not wait for a person."""

    seals: Seals
    teams: Mapping[int, Team]
    known: Collection[int]
    sender: NodeSettings
    now: datetime


def settle(session: Session, desk: KeyRequests) -> int:
    """Set aside, in the caller's transaction, what cannot be encrypted, and let go what now can be.

    Mailboxes without a good key are asked for one, once a week at most, by a letter that says nothing of what waits.
    Returns how many digests are stuck.
    """
    rows = session.scalars(select(Delivery).where(Delivery.state.in_(_OPEN)).order_by(Delivery.id)).all()
    for row in rows:
        team = desk.teams.get(row.team_id)
        if team is None:
            continue
        found = desk.seals.of(team)
        if isinstance(found, SealingRefusal):
            _set_aside(session, row, team, found, desk.now)
        elif row.state == DeliveryState.STUCK:
            _let_go(row, desk)
    _ask(session, desk, {row.team_id for row in rows})
    return sum(row.state == DeliveryState.STUCK for row in rows)


def stuck_teams(session: Session) -> set[int]:
    """The teams that a digest is stuck for; their further news joins the next one."""
    return set(session.scalars(select(Delivery.team_id).where(Delivery.state == DeliveryState.STUCK.value).distinct()))


def _set_aside(session: Session, row: Delivery, team: Team, why: SealingRefusal, now: datetime) -> None:
    row.error = why.words
    if row.state == DeliveryState.STUCK:
        return
    row.state, row.next_try_at = DeliveryState.STUCK.value, None
    detail: dict[str, object] = {"team": str(team.uuid), "why": why.why.value}
    audit(
        session, AuditAction.DELIVERY_STUCK, at=now, actor="deliver", subject=f"delivery:{row.reference}", detail=detail
    )


def _let_go(row: Delivery, desk: KeyRequests) -> None:
    """To the state that it would have without this: the first to its team still waits for a person."""
    free = row.team_id in desk.known or row.released_at is not None
    row.state, row.error = (DeliveryState.QUEUED if free else DeliveryState.HELD).value, ""


def _ask(session: Session, desk: KeyRequests, numbers: Iterable[int]) -> None:
    """Letters to those mailboxes of these teams that no good key serves."""
    asked: set[str] | None = None
    for number in sorted(numbers):
        team = desk.teams.get(number)
        if team is None:
            continue
        found = desk.seals.of(team)
        if isinstance(found, SealingRefusal):
            mailboxes, why = usable_mailboxes(team.mailboxes), found
        else:
            mailboxes, why = found.left_out, SealingRefusal(Obstacle.NO_KEY, "")
        if not mailboxes or not why.team_can_mend:
            continue
        asked = _asked(session, desk.now) if asked is None else asked
        for mailbox in mailboxes:
            if mailbox not in asked:
                _write(session, desk, team, mailbox, why)


def _write(session: Session, desk: KeyRequests, team: Team, mailbox: str, why: SealingRefusal) -> None:
    letter = cannot_encrypt(team, mailbox, why.why.value, why.about, desk.sender)
    queue_letter(
        session,
        key=f"{_KIND}:{team.uuid}:{why.why.value}:{mailbox}:{desk.now:%Y-%m-%d}",
        kind=_KIND,
        mailbox=mailbox,
        subject=letter.subject,
        body=letter.body,
        now=desk.now,
    )


def _asked(session: Session, now: datetime) -> set[str]:
    """The mailboxes that were asked within the last week; a letter of shadow or redirect mode asked nobody."""
    asked = Letter.state.not_in((LetterState.SHADOW.value, LetterState.REDIRECTED.value))
    recent = select(Letter.mailbox).where(Letter.kind == _KIND, Letter.created_at > now - _ASK_AGAIN, asked)
    return set(session.scalars(recent))
