"""What stands between news and the teams at present, in words: for the terminal, the doctor and the first page."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from tocsin.delivery import halt
from tocsin.delivery.models import Delivery, DeliveryItem, DeliveryState, Halt, ItemState
from tocsin.delivery.outbox import unclaimed_teams
from tocsin.delivery.queries import StateGroup
from tocsin.delivery.sending_policy import MailAllowance, way_of
from tocsin.delivery.sent_log import DAY, posted_to
from tocsin.directory import Team
from tocsin.node.letters import Letter, LetterState
from tocsin.node.sentences import join_sentences, say, say_count
from tocsin.node.settings import Settings


@dataclass(frozen=True, slots=True)
class DeliveryNotice:
    """One thing that keeps mails from their teams. ``asks``: whether it waits for a person; ``mend``: what to do.

    ``group``: of such mails, as lists of them name it; empty where it is about all. ``fails``: nothing leaves, and no
    person wanted that.
    """

    words: str
    mend: str
    asks: bool
    group: str = ""
    fails: bool = False


def notices(session: Session, settings: Settings) -> list[DeliveryNotice]:
    """All of them, the most urgent first; none where mails simply leave."""
    return [*_halts(session), *_mode(settings), *waiting_notices(session)]


def waiting_notices(session: Session) -> list[DeliveryNotice]:
    """Those of them that are about single mails."""
    return [*_held(session), *_stuck(session), *_expired(session)]


def full_mailboxes(
    session: Session, settings: Settings, teams: Mapping[int, Team], now: datetime
) -> list[DeliveryNotice]:
    """That news waits since the mailboxes of teams had their mails for a day; none where there is room."""
    way = way_of(settings.tell, settings.mail.channel)
    room = MailAllowance(settings.tell.mails_a_day, posted_to(session, way=way, since=now - DAY))
    waiting = {
        teams[number].key: events
        for number, events in unclaimed_teams(session, now).items()
        if number in teams and room.is_full(teams[number].mailboxes)
    }
    if not waiting:
        return []
    words = say_count(
        "%(n)s event waits: the email addresses of %(teams)s have reached their mails per day.",
        "%(n)s events wait: the email addresses of %(teams)s have reached their mails per day.",
        sum(waiting.values()),
        teams=", ".join(sorted(waiting)[:5]),
    )
    mend = say("It leaves as one digest. Notify them hourly or daily, or raise [tell] mails_a_day.")
    return [DeliveryNotice(words, mend, asks=True)]


def _halts(session: Session) -> list[DeliveryNotice]:
    return [_halt(one) for kind in (halt.STOP, halt.BRAKE) if (one := halt.halted(session, kind)) is not None]


def _halt(one: Halt) -> DeliveryNotice:
    stop, brake = (
        say("'tocsin resume' resumes sending."),
        say("'tocsin deliveries release --over-limit' sends them."),
    )
    stopped = one.kind == halt.STOP
    return DeliveryNotice(halt.words(one), stop if stopped else brake, asks=True, fails=not stopped)


def _mode(settings: Settings) -> list[DeliveryNotice]:
    mend = say("Set [tell] mode to 'live' in tocsin.toml when you are ready; docs/first-day.md leads there.")
    if settings.tell.mode == "shadow":
        return [DeliveryNotice(say("Shadow mode: mails are written, not sent."), mend, asks=False)]
    if settings.tell.mode == "redirect":
        words = say(
            "Redirect mode: every mail goes to %(redirect_to)s only, no team is notified.",
            redirect_to=settings.tell.redirect_to,
        )
        return [DeliveryNotice(words, mend, asks=False)]
    return []


def _held(session: Session) -> list[DeliveryNotice]:
    digests = session.scalar(select(func.count()).where(Delivery.state == DeliveryState.HELD.value)) or 0
    letters = session.scalar(select(func.count()).where(Letter.state == LetterState.HELD.value)) or 0
    if not digests + letters:
        return []
    kinds = [_digests(digests)] * bool(digests) + [say_count("%(n)s other mail", "%(n)s other mails", letters)] * bool(
        letters
    )
    words = say_count(
        "%(kinds)s is held for review.",
        "%(kinds)s are held for review.",
        digests + letters,
        kinds=join_sentences(" and ", kinds),
    )
    return [
        DeliveryNotice(
            words,
            say("'tocsin deliveries held' lists them, 'tocsin deliveries release' sends them."),
            asks=True,
            group=StateGroup.HELD if digests else "",
        )
    ]


def _stuck(session: Session) -> list[DeliveryNotice]:
    stuck = session.scalar(select(func.count()).where(Delivery.state == DeliveryState.STUCK.value)) or 0
    if not stuck:
        return []
    words = say("%(counted)s must be encrypted and cannot be.", counted=_digests(stuck))
    mend = say("'tocsin deliveries list --state stuck' says why; 'tocsin keys import TEAM FILE' brings a key in.")
    return [DeliveryNotice(words, mend, asks=True, group=StateGroup.TROUBLE)]


def _expired(session: Session) -> list[DeliveryNotice]:
    expired = select(func.count(), func.sum(DeliveryItem.events)).where(DeliveryItem.state == ItemState.EXPIRED.value)
    news, events = session.execute(expired).one()
    digests, more = session.execute(
        select(func.count(), func.sum(Delivery.events)).where(Delivery.state == DeliveryState.EXPIRED.value)
    ).one()
    if not news + digests:
        return []
    words = say_count(
        "%(n)s event expired: too old before a mail could be sent.",
        "%(n)s events expired: too old before a mail could be sent.",
        int(events or 0) + int(more or 0),
    )
    return [
        DeliveryNotice(
            words,
            say("'tocsin deliveries list --state expired' and 'tocsin deliveries due --expired'."),
            asks=False,
            group=StateGroup.ENDED,
        )
    ]


def _digests(number: int) -> str:
    return say_count("%(n)s digest", "%(n)s digests", number)
