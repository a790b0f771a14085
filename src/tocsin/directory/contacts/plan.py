"""Whom to ask whether a mailbox is theirs, and whom to remind: decided from what is known, before anybody is mailed."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Final

from tocsin.directory.contacts.queries import Contact
from tocsin.directory.contacts.record import one_form
from tocsin.directory.contacts.state import ContactState, Terms

REMIND_AFTER: Final = (timedelta(days=14), timedelta(days=28))
"""When the holder is reminded, from the first letter on."""

ANSWER_WITHIN: Final = timedelta(days=42)
"""How long a link works; and how long before a contact becomes stale its holder is asked again."""

AHEAD: Final = 14
"""Days for which letters are written ahead; what they name is then still so when they leave."""

_NO_ROOM: Final = f"no room within {AHEAD} days"
_LASTING = {ContactState.VERIFIED, ContactState.ANSWERING}


@dataclass(frozen=True, slots=True)
class Round:
    """A question that was asked. ``used``: it is answered."""

    number: int
    mailbox: str
    asked_at: datetime
    expires_at: datetime
    reminders: int
    used: bool


@dataclass(frozen=True, slots=True)
class Pace:
    """How many are asked on one day, in all and in one domain."""

    a_day: int = 200
    a_domain: int = 5


@dataclass(frozen=True, slots=True)
class Ask:
    """A mailbox to ask, at ``at``, about these teams (numbers)."""

    mailbox: str
    teams: tuple[int, ...]
    at: datetime


@dataclass(frozen=True, slots=True)
class QuestionReminder:
    """A question to repeat; ``step`` counts from 1."""

    number: int
    step: int


@dataclass(frozen=True)
class Plan:
    """What to do; ``left``: how many mailboxes are not asked, by reason."""

    asks: tuple[Ask, ...] = ()
    reminders: tuple[QuestionReminder, ...] = ()
    left: Mapping[str, int] = field(default_factory=dict)


def plan_asks(
    contacts: Iterable[Contact],
    rounds: Sequence[Round],
    *,
    now: datetime,
    terms: Terms,
    pace: Pace,
    begin: bool,
) -> Plan:
    """Whom to ask. ``begin``: also those that nobody asked yet; else only those that confirmed once.

    A mailbox of several teams is asked once, about all of them; one that was asked and did not answer, not before
    ``terms.verify_days`` went by. What one day has no room for is asked on later days, up to `AHEAD`.
    """
    asked = {one_form(one.mailbox): one for one in sorted(rounds, key=lambda one: one.asked_at)}
    together: dict[str, list[Contact]] = defaultdict(list)
    for contact in contacts:
        if contact.mailbox:
            together[one_form(contact.mailbox)].append(contact)
    left: Counter[str] = Counter()
    chosen: list[list[Contact]] = []
    for name, same in together.items():
        why = _left_alone(same, asked.get(name), now, terms, begin=begin)
        left.update([why] if why else [])
        chosen += [] if why else [same]
    days, asks = _days(rounds, now, pace), []
    for same in chosen:
        wait = days(same[0].mailbox)
        if wait is None:
            left[_NO_ROOM] += 1
        else:
            teams = tuple(sorted({one.team_id for one in same}))
            asks.append(Ask(same[0].mailbox, teams, now + timedelta(days=wait)))
    return Plan(tuple(asks), (), dict(left))


def plan_reminders(
    contacts: Iterable[Contact], rounds: Iterable[Round], *, now: datetime
) -> tuple[QuestionReminder, ...]:
    """Which questions to repeat: those without an answer, whose mailbox did not answer anything since either."""
    standing: dict[str, list[Contact]] = defaultdict(list)
    for contact in contacts:
        standing[one_form(contact.mailbox)].append(contact)
    return tuple(_reminders(standing, rounds, now))


def _reminders(
    standing: Mapping[str, Sequence[Contact]], rounds: Iterable[Round], now: datetime
) -> Iterator[QuestionReminder]:
    for one in rounds:
        due = sum(now >= one.asked_at + after for after in REMIND_AFTER)
        same = standing.get(one_form(one.mailbox), ())
        if one.used or now >= one.expires_at or due <= one.reminders or not same:
            continue
        confirmed = all(contact.stand.state in _LASTING and not _ends_soon(contact, now) for contact in same)
        if not confirmed and not _is_bouncing(same):
            yield QuestionReminder(one.number, due)


def _left_alone(same: Sequence[Contact], last: Round | None, now: datetime, terms: Terms, *, begin: bool) -> str:
    """Why a mailbox is not asked now, or an empty text."""
    if _is_bouncing(same):
        return "mails come back"
    if last is not None and not last.used and now < last.expires_at:
        return "asked already"
    if all(one.stand.state in _LASTING and not _ends_soon(one, now) for one in same):
        return "confirmed"
    if not begin and all(one.stand.state is ContactState.REGISTERED for one in same):
        return "never asked"
    if last is not None and not last.used and now < last.asked_at + timedelta(days=terms.verify_days):
        return "asked within the year, without an answer"
    return ""


def _is_bouncing(same: Sequence[Contact]) -> bool:
    return any(one.stand.state is ContactState.BOUNCING for one in same)


def _ends_soon(contact: Contact, now: datetime) -> bool:
    until = contact.stand.until
    return until is not None and until - now <= ANSWER_WITHIN


class _Days:
    """On which day, counted from today, the next mailbox of a domain may be asked."""

    def __init__(self, taken: "Counter[date]", in_domain: "Counter[tuple[date, str]]", today: date, pace: Pace) -> None:
        self.taken, self.in_domain, self.today, self.pace = taken, in_domain, today, pace
        self.domain_full: Counter[str] = Counter()  # days before it have no room

    def __call__(self, mailbox: str) -> int | None:
        """The day, now taken; None where there is room on none."""
        domain = one_form(mailbox).rpartition("@")[2]
        first = self.domain_full[domain]
        day = next((day for day in range(first, AHEAD) if self._has_room(day, domain)), None)
        self.domain_full[domain] = AHEAD if day is None else day
        if day is None:
            return None
        self.taken[self._day(day)] += 1
        self.in_domain[self._day(day), domain] += 1
        return day

    def _has_room(self, day: int, domain: str) -> bool:
        at = self._day(day)
        return self.taken[at] < self.pace.a_day and self.in_domain[at, domain] < self.pace.a_domain

    def _day(self, day: int) -> date:
        return self.today + timedelta(days=day)


def _days(rounds: Iterable[Round], now: datetime, pace: Pace) -> _Days:
    coming = [(one.asked_at.date(), one.mailbox) for one in rounds if one.asked_at.date() >= now.date()]
    taken = Counter(day for day, _ in coming)
    in_domain = Counter((day, one_form(mailbox).rpartition("@")[2]) for day, mailbox in coming)
    return _Days(taken, in_domain, now.date(), pace)
