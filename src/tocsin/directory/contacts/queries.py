"""Every contact with its state."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import and_, func, or_, select, tuple_
from sqlalchemy.orm import Session

from tocsin.directory.contacts.record import one_form
from tocsin.directory.contacts.state import (
    ContactFact,
    ContactStanding,
    ContactState,
    Sign,
    Terms,
    is_in_time,
    state_of,
)
from tocsin.directory.contacts.tables import ContactFactRow
from tocsin.directory.effective import DirectoryPart, EffectiveAssertions, read_effective
from tocsin.directory.facts import ContactPurpose
from tocsin.directory.model import TeamKind
from tocsin.directory.precedence import MAILBOX, MailboxClaim
from tocsin.directory.purposes import purpose_of
from tocsin.directory.tables import MailboxRow, TeamRow

_SIGNS = {sign.value: sign for sign in Sign}
_MANY = 500  # mailboxes that are asked for at once; of more, the facts of all are read
_NEWEST = 50  # of each sign of a contact so many are read: the one that counts is among them, after years of answers
_COLUMNS = (
    ContactFactRow.mailbox,
    ContactFactRow.team_id,
    ContactFactRow.kind,
    ContactFactRow.at,
    ContactFactRow.via,
    ContactFactRow.permanent,
    ContactFactRow.told_at,
)


@dataclass(frozen=True, slots=True)
class Contact:
    """A team's mailbox and how it stands; ``mailbox`` and ``purpose`` are empty for a team that has none."""

    team_id: int
    team: str
    country: str
    mailbox: str
    purpose: ContactPurpose | None
    stand: ContactStanding


@dataclass(frozen=True, slots=True)
class _RegisteredContact:
    team_id: int
    mailbox: str
    purpose: str
    as_of: date | None


def contact_states(
    session: Session,
    now: datetime,
    terms: Terms,
    *,
    teams: Collection[int] | None = None,
    at: datetime | None = None,
) -> list[Contact]:
    """The contacts of these teams (numbers; None: of all), by team and mailbox; overruled mailboxes are none.

    ``at``: the mailboxes that were registered at that time, as it was known then; None: those of now.
    """
    wanted = None if teams is None else frozenset(teams)
    found = read_effective(session, DirectoryPart(teams=wanted, kind=MAILBOX), at)
    boxes = list(_registered(found.mailboxes))
    facts = _Facts.read(session, found, boxes if wanted is not None else None, now, terms)
    contacts = []
    by_team: dict[int, list[_RegisteredContact]] = defaultdict(list)
    for box in boxes:
        by_team[box.team_id].append(box)
    row = TeamRow
    query = select(row.id, row.key, row.country, row.kind).order_by(row.key)
    for number, key, country, kind in session.execute(query if wanted is None else query.where(row.id.in_(wanted))):
        if number in found.merged:
            continue
        for box in by_team.get(number, ()):
            stand = state_of(facts.of(box), registered=True, now=now, terms=terms, as_of=box.as_of)
            purpose = purpose_of(box.purpose, box.mailbox, TeamKind(kind))
            contacts.append(Contact(number, key, country, box.mailbox, purpose, stand))
        if number not in by_team:
            contacts.append(
                Contact(number, key, country, "", None, state_of((), registered=False, now=now, terms=terms))
            )
    return contacts


def confirmed_values(session: Session, team: int, now: datetime, terms: Terms) -> frozenset[str]:
    """The mailboxes, numbers and pages of a team that a person confirmed, not too long ago; each in its `one_form`."""
    fact = ContactFactRow
    query = select(fact.mailbox, fact.at).where(fact.team_id == team, fact.kind == Sign.VERIFIED.value)
    return frozenset(
        value
        for value, at in session.execute(query)
        if state_of([ContactFact(Sign.VERIFIED, at)], registered=True, now=now, terms=terms).state
        is ContactState.VERIFIED
    )


def last_fact(session: Session) -> int:
    """The number of what was seen last of any contact; it changes whenever something is."""
    return session.scalar(select(func.max(ContactFactRow.id))) or 0


def _registered(claims: Iterable[MailboxClaim]) -> Iterator[_RegisteredContact]:
    """Each mailbox of each team once, though several sources say it: the first stated purpose, the first day."""
    together: dict[tuple[int, str], list[MailboxClaim]] = defaultdict(list)
    for claim in claims:
        together[claim.team_id, one_form(claim.address)].append(claim)
    for (team, _), said in together.items():
        purpose = next((one.purpose for one in said if one.purpose), "")
        days = [one.as_of for one in said if one.as_of]
        yield _RegisteredContact(team, said[0].address, purpose, min(days) if days else None)


@dataclass(frozen=True)
class _Facts:
    """Facts by mailbox and team; team 0: of any that has the mailbox; mailbox empty: of the team as a whole.

    ``added``: when a mailbox was first said to be that team's, for teams of which there are facts as a whole.
    """

    by_contact: Mapping[tuple[str, int], list[ContactFact]]
    added: Mapping[tuple[str, int], datetime]

    @classmethod
    def read(
        cls,
        session: Session,
        found: EffectiveAssertions,
        boxes: Collection[_RegisteredContact] | None,
        now: datetime,
        terms: Terms,
    ) -> "_Facts":
        """What was seen by ``now`` of these contacts and their teams; None: of all."""
        fact = ContactFactRow
        met = [fact.at <= now]
        if boxes is not None and len(boxes) <= _MANY:
            teams = _with_merged(found, {box.team_id for box in boxes})
            as_a_whole = and_(fact.mailbox == "", fact.team_id.in_(teams))
            met.append(or_(fact.mailbox.in_({one_form(box.mailbox) for box in boxes}), as_a_whole))
        together = (fact.mailbox, fact.team_id, fact.kind)
        age = func.row_number().over(partition_by=together, order_by=(fact.at.desc(), fact.id.desc()))
        seen = select(*_COLUMNS, age.label("age")).where(*met).subquery().c
        # Mails that came back in a row are counted, from the first of them.
        newest = or_(seen.age <= _NEWEST, seen.kind == Sign.BOUNCED.value)
        rows: list[Any] = [*session.execute(select(*(seen[column.key] for column in _COLUMNS)).where(newest))]
        late = _only_late(rows, terms)  # an answer in time may be older
        for start in range(0, len(late), _MANY):
            of = tuple_(fact.mailbox, fact.team_id).in_(late[start : start + _MANY])
            rows += session.execute(select(*_COLUMNS).where(fact.kind == Sign.ANSWERED.value, of, *met))
        by_contact: dict[tuple[str, int], list[ContactFact]] = defaultdict(list)
        for mailbox, team, kind, at, via, permanent, told_at in rows:
            number = 0 if team is None else found.merged.get(team, team)
            one = ContactFact(_SIGNS[kind], at, via, permanent, told_at, own=bool(mailbox))
            by_contact[mailbox, number].append(one)
        answering = {team for mailbox, team in by_contact if not mailbox}
        return cls(by_contact, _added(session, found, answering) if answering else {})

    def of(self, box: _RegisteredContact) -> list[ContactFact]:
        mailbox, get = one_form(box.mailbox), self.by_contact.get
        added = self.added.get((mailbox, box.team_id))
        # What was told before a mailbox was there did not go to it, so its answer says nothing of who reads it.
        whole = [fact for fact in get(("", box.team_id), ()) if added and fact.told_at and fact.told_at >= added]
        return [*get((mailbox, 0), ()), *get((mailbox, box.team_id), ()), *whole]


def _added(session: Session, found: EffectiveAssertions, teams: Collection[int]) -> dict[tuple[str, int], datetime]:
    """When each mailbox of these teams was first recorded as theirs, whatever was imported or withdrawn since."""
    row = MailboxRow
    all_of_them = _with_merged(found, teams)
    query = select(row.address, row.team_id, func.min(row.recorded)).group_by(row.address, row.team_id)
    if len(all_of_them) <= _MANY:
        query = query.where(row.team_id.in_(all_of_them))
    added: dict[tuple[str, int], datetime] = {}
    for address, team, at in session.execute(query):
        key = (one_form(address), found.merged.get(team, team))
        added[key] = min(at, added.get(key, at))
    return added


def _only_late(rows: Iterable[Any], terms: Terms) -> list[tuple[str, int]]:
    """The contacts of which there are as many answers as were asked for, and none was in time."""
    in_time: dict[tuple[str, int], list[bool]] = defaultdict(list)
    for mailbox, team, kind, at, via, permanent, told_at in rows:
        if kind == Sign.ANSWERED.value:
            fact = ContactFact(Sign.ANSWERED, at, via, permanent, told_at)
            in_time[mailbox, team].append(is_in_time(fact, terms))
    return [contact for contact, answers in in_time.items() if len(answers) == _NEWEST and not any(answers)]


def _with_merged(found: EffectiveAssertions, teams: Collection[int]) -> set[int]:
    """These teams with those that were merged into them."""
    return {*teams, *(team for team, into in found.merged.items() if into in teams)}
