"""What is read of duty: rosters as they count, changes, hand-over notes, rules, and call-outs that one may read."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Final

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from tocsin.incidents.duty.live import LiveRoster, compose, names_in, read_text
from tocsin.incidents.duty.models import (
    CallOut,
    CallOutCall,
    CallOutRule,
    DutyContact,
    DutyRoster,
    HandOverNote,
    RosterChange,
    RosterVersion,
)
from tocsin.incidents.duty.roster import Roster
from tocsin.incidents.duty.shifts import NEAR, DutyGap
from tocsin.incidents.duty.states import CallOutState, RosterChangeState
from tocsin.incidents.read import IncidentReader, readable
from tocsin.interface import number_in
from tocsin.node.accounts import Person
from tocsin.node.errors import NotFoundError
from tocsin.node.sentences import say

TEST: Final = "test"
"""The level of a call-out that only tries its chain."""


def live_rosters(session: Session, now: datetime) -> list[LiveRoster]:
    """The rosters that are in use, in the order that they were made."""
    rows = session.scalars(select(DutyRoster).where(DutyRoster.retired_at.is_(None)).order_by(DutyRoster.id)).all()
    left = _left(session)
    return [_live(session, one, now, left) for one in rows]


def live_roster(session: Session, row: DutyRoster, now: datetime) -> LiveRoster:
    """A roster as it counts now, with what the session has changed."""
    session.flush()
    return _live(session, row, now, _left(session))


def duty_gaps(session: Session, now: datetime) -> list[tuple[LiveRoster, DutyGap]]:
    """The gaps of the two weeks to come, the first one first."""
    found = [(live, gap) for live in live_rosters(session, now) for gap in live.gaps(now)]
    return sorted(found, key=lambda pair: (pair[1].start or now, pair[0].row.id))


def find_roster(session: Session, named: str, *, lock: bool = False) -> DutyRoster:
    """The roster of this number or name. ``lock``: it is going to be changed, or what is on it.

    Raises:
        NotFoundError: there is none in use.

    """
    number = number_in(named)
    which = DutyRoster.id == number if number is not None else DutyRoster.name == named.strip()
    query = select(DutyRoster).where(which, DutyRoster.retired_at.is_(None))
    if (found := session.scalar(query.with_for_update() if lock else query)) is None:
        raise NotFoundError(say("There is no roster '%(name)s'.", name=named[:60]))
    return found


def newest_version(session: Session, roster: DutyRoster) -> RosterVersion:
    """The text that counts."""
    version = RosterVersion
    query = select(version).where(version.roster_id == roster.id).order_by(version.id.desc()).limit(1)
    return session.scalars(query).one()


def accounts_by_name(session: Session, roster: Roster, now: datetime) -> dict[str, int]:
    """The accounts of the people whom a roster names: by email address, or by a name that one account alone has."""
    found: dict[str, int] = {}
    called: dict[str, list[int]] = {}
    for person in session.scalars(select(Person).where(Person.removed_at.is_(None))):
        called.setdefault(person.mailbox.lower(), []).append(person.id)
        called.setdefault(person.name.lower(), []).append(person.id)
    titles = {one.id: one.name for one in roster.person}
    for name in names_in(roster, now):
        for text in filter(None, (name, titles.get(name))):
            numbers = called.get(text.lower(), [])
            if len(set(numbers)) == 1 and numbers[0] not in found.values():
                found.setdefault(name, numbers[0])
    return found


def changes_of(session: Session, rosters: Iterable[int], since: datetime) -> Sequence[RosterChange]:
    """The changes of rosters that are not over, those that begin first; also swaps that wait."""
    row = RosterChange
    states = row.state.in_([RosterChangeState.IN_FORCE.value, RosterChangeState.ASKED.value])
    query = select(row).where(row.roster_id.in_(list(rosters)), row.ends_at > since, states)
    return session.scalars(query.order_by(row.starts_at, row.id)).all()


def find_change(session: Session, number: int, *, lock: bool = False) -> RosterChange:
    """A change by its number. ``lock``: it is going to be changed.

    Raises:
        NotFoundError: there is none.

    """
    if (found := session.get(RosterChange, number, with_for_update=lock or None)) is None:
        raise NotFoundError(say("There is no such change of a roster."))
    return found


def last_notes(session: Session, rosters: Iterable[int]) -> Mapping[int, HandOverNote]:
    """The newest hand-over note of each roster, by the roster's number."""
    newest = select(func.max(HandOverNote.id)).group_by(HandOverNote.roster_id)
    rows = session.scalars(
        select(HandOverNote).where(HandOverNote.roster_id.in_(list(rosters)), HandOverNote.id.in_(newest))
    )
    return {one.roster_id: one for one in rows}


def find_note(session: Session, number: int, *, lock: bool = False) -> HandOverNote:
    """A hand-over note by its number. ``lock``: it is going to be changed.

    Raises:
        NotFoundError: there is none.

    """
    if (found := session.get(HandOverNote, number, with_for_update=lock or None)) is None:
        raise NotFoundError(say("There is no such hand-over note."))
    return found


def contact_of(session: Session, person: int) -> DutyContact:
    """How someone is reached; where that was not said, a row that is not in the records yet."""
    return session.get(DutyContact, person) or DutyContact(person_id=person, phone="", calendar="")


def phones_of(session: Session, people: Iterable[int]) -> dict[int, str]:
    """The phone numbers of people, of those who have one."""
    row = DutyContact
    query = select(row.person_id, row.phone).where(row.person_id.in_(list(people)), row.phone != "")
    return dict(session.execute(query).all())


def owner_of_calendar(session: Session, secret: str) -> int | None:
    """Whose calendar a secret address is; None: nobody's, or of someone whose account is closed."""
    query = select(DutyContact.person_id).join(Person, Person.id == DutyContact.person_id)
    wanted = DutyContact.calendar == secret, Person.blocked_at.is_(None), Person.removed_at.is_(None)
    return session.scalar(query.where(*wanted)) if secret else None


def rules_of(session: Session) -> Sequence[CallOutRule]:
    """The call-out rules that count, by name."""
    return session.scalars(select(CallOutRule).where(CallOutRule.ended_at.is_(None)).order_by(CallOutRule.name)).all()


def find_rule(session: Session, named: str) -> CallOutRule:
    """The rule of this number or name.

    Raises:
        NotFoundError: there is none.

    """
    number = number_in(named)
    which = CallOutRule.id == number if number is not None else CallOutRule.name == named.strip()
    found = session.scalar(select(CallOutRule).where(which, CallOutRule.ended_at.is_(None)))
    if found is None:
        raise NotFoundError(say("There is no call-out rule '%(name)s'.", name=named[:60]))
    return found


def call_outs(
    session: Session, reader: IncidentReader, *, states: Sequence[CallOutState] = (), before: int = 0, limit: int = 50
) -> Sequence[CallOut]:
    """The call-outs that one may read, the newest first."""
    query = select(CallOut).where(readable(session, reader, CallOut))
    if states:
        query = query.where(CallOut.state.in_([one.value for one in states]))
    if before:
        query = query.where(CallOut.id < before)
    return session.scalars(query.order_by(CallOut.id.desc()).limit(limit)).all()


def find_call_out(session: Session, reader: IncidentReader, number: int, *, lock: bool = False) -> CallOut:
    """A call-out by its number. ``lock``: it is going to be acknowledged.

    Raises:
        NotFoundError: the reader knows none of this number.

    """
    which = CallOut.id == number, readable(session, reader, CallOut)
    query = select(CallOut).where(*which)
    if (found := session.scalar(query.with_for_update() if lock else query)) is None:
        raise NotFoundError(say("There is no such call-out."))
    return found


def calls_of(session: Session, found: Sequence[CallOut]) -> Mapping[int, list[CallOutCall]]:
    """The calls of call-outs that were found readable, in their order, by the number of the call-out."""
    rows = session.scalars(
        select(CallOutCall).where(CallOutCall.call_out_id.in_([one.id for one in found])).order_by(CallOutCall.id)
    )
    made: dict[int, list[CallOutCall]] = {one.id: [] for one in found}
    for row in rows:
        made[row.call_out_id].append(row)
    return made


def unanswered(session: Session, reader: IncidentReader) -> tuple[int, datetime | None]:
    """How many call-outs nobody acknowledged whose subject goes on, and since when the oldest; no test."""
    row = CallOut
    of = row.state == CallOutState.UNANSWERED.value, row.live_key.is_not(None), readable(session, reader, row)
    count, first = session.execute(select(func.count(), func.min(row.opened_at)).where(*of)).one()
    return int(count), first


def _live(session: Session, row: DutyRoster, now: datetime, left: Mapping[int, date]) -> LiveRoster:
    version = newest_version(session, row)
    text = read_text(version.text)
    people = {**accounts_by_name(session, text, now), **version.people}
    changes = [one for one in changes_of(session, [row.id], now - NEAR) if one.state == RosterChangeState.IN_FORCE]
    return compose(row, text, people, changes, left)


def _left(session: Session) -> dict[int, date]:
    """Since which day each account is closed."""
    query = select(Person.id, func.coalesce(Person.removed_at, Person.blocked_at))
    closed = query.where(Person.blocked_at.is_not(None) | Person.removed_at.is_not(None))
    return {number: (at if at.tzinfo else at.replace(tzinfo=UTC)).date() for number, at in session.execute(closed)}


def forget_contacts(session: Session) -> None:
    """Delete how people are reached whose accounts were removed, in the caller's transaction."""
    gone = select(Person.id).where(Person.removed_at.is_not(None))
    session.execute(delete(DutyContact).where(DutyContact.person_id.in_(gone)))
