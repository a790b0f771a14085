"""What stands between news and the teams at present, in words: for the terminal, the doctor and the first page."""

from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from tocsin.delivery import halt
from tocsin.delivery.models import Delivery, DeliveryItem, DeliveryState, Halt, ItemState
from tocsin.node.letters import Letter, LetterState
from tocsin.node.settings import Settings


@dataclass(frozen=True, slots=True)
class DeliveryNotice:
    """One thing that keeps mails from their teams. ``asks``: whether it waits for a person; ``mend``: what to do."""

    words: str
    mend: str
    asks: bool


def notices(session: Session, settings: Settings) -> list[DeliveryNotice]:
    """All of them, the most urgent first; none where mails simply leave."""
    return [*_halts(session), *_mode(settings), *_held(session), *_stuck(session), *_expired(session)]


def asking(session: Session) -> list[DeliveryNotice]:
    """Those of them that wait for a person."""
    return [*_halts(session), *_held(session), *_stuck(session)]


def _halts(session: Session) -> list[DeliveryNotice]:
    return [_halt(one) for kind in (halt.STOP, halt.BRAKE) if (one := halt.halted(session, kind)) is not None]


def _halt(one: Halt) -> DeliveryNotice:
    undo = "tocsin resume" if one.kind == halt.STOP else "tocsin deliveries release --brake"
    return DeliveryNotice(halt.words(one), f"'{undo}' lets mails leave again.", asks=True)


def _mode(settings: Settings) -> list[DeliveryNotice]:
    mend = "Set [tell] mode to 'live' in tocsin.toml when you are ready; docs/first-day.md leads there."
    if settings.tell.mode == "shadow":
        return [DeliveryNotice("Shadow mode: everything is decided and written, nothing is sent.", mend, asks=False)]
    if settings.tell.mode == "redirect":
        words = f"Redirect mode: every mail goes to {settings.tell.redirect_to} only, no team is told."
        return [DeliveryNotice(words, mend, asks=False)]
    return []


def _held(session: Session) -> list[DeliveryNotice]:
    digests = session.scalar(select(func.count()).where(Delivery.state == DeliveryState.HELD.value)) or 0
    letters = session.scalar(select(func.count()).where(Letter.state == LetterState.HELD.value)) or 0
    if not digests + letters:
        return []
    kinds = [_counted(digests, "digest")] * bool(digests) + [_counted(letters, "letter")] * bool(letters)
    verb = "waits" if digests + letters == 1 else "wait"
    words = f"{' and '.join(kinds)} {verb} for a person's look, as the first mail to a team."
    return [
        DeliveryNotice(
            words, "'tocsin deliveries held' lists them, 'tocsin deliveries release' lets them go.", asks=True
        )
    ]


def _stuck(session: Session) -> list[DeliveryNotice]:
    stuck = session.scalar(select(func.count()).where(Delivery.state == DeliveryState.STUCK.value)) or 0
    if not stuck:
        return []
    words = f"{_counted(stuck, 'digest')} must be encrypted and cannot be."
    mend = "'tocsin deliveries list --state stuck' says why; 'tocsin keys import TEAM FILE' brings a key in."
    return [DeliveryNotice(words, mend, asks=True)]


def _expired(session: Session) -> list[DeliveryNotice]:
    expired = select(func.count(), func.sum(DeliveryItem.events)).where(DeliveryItem.state == ItemState.EXPIRED.value)
    news, events = session.execute(expired).one()
    digests, more = session.execute(
        select(func.count(), func.sum(Delivery.events)).where(Delivery.state == DeliveryState.EXPIRED.value)
    ).one()
    if not news + digests:
        return []
    words = (
        f"{int(events or 0) + int(more or 0):,} events were not told: they became too old before a mail could leave."
    )
    return [
        DeliveryNotice(
            words, "'tocsin deliveries list --state expired' and 'tocsin deliveries due --expired'.", asks=False
        )
    ]


def _counted(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
