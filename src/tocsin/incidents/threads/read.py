"""Threads read: by people, inside their compartments; and by the post, which must find whose a mail is."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import ColumnElement, func, or_, select
from sqlalchemy.orm import Session

from tocsin.incidents.models import Incident, IncidentAlias, IncidentEntry, Party
from tocsin.incidents.read import IncidentReader, find_incident, merged_family, parties_of, readable
from tocsin.incidents.states import IncidentEntryKind, IncidentState
from tocsin.incidents.threads.models import IncidentDraft, IncidentMail, IncidentThread
from tocsin.incidents.threads.states import ThreadMailState, ThreadTurn
from tocsin.node.errors import NotFoundError
from tocsin.node.letters import Letter
from tocsin.node.sentences import say

WRITING: Final = timedelta(minutes=5)
"""Who saved a draft so lately is writing still."""

_OF_MAILS: Final = (IncidentEntryKind.MAIL_IN.value, IncidentEntryKind.MAIL_OUT.value)
_FROM_THEM: Final = (ThreadMailState.PLACED.value, ThreadMailState.SENT.value)


@dataclass(frozen=True)
class PartyThread:
    """A party of an incident with its thread, which is None until the first mail."""

    incident: Incident
    party: Party
    thread: IncidentThread | None


@dataclass(frozen=True)
class AwaitedAnswer:
    """A thread that waits for us: to be answered, or with a mail of which it is not certain whose it is.

    ``lead``: number of a person. ``closed``: its incident is over.
    """

    reference: str
    title: str
    party: int
    name: str
    since: datetime
    lead: int | None
    closed: bool


def find_party_thread(
    session: Session, reader: IncidentReader, reference: str, party: int, *, lock: bool = False
) -> PartyThread:
    """A party of an incident, or of one that was merged into it, by its number. ``lock``: it is going to be changed.

    Raises:
        NotFoundError: the reader knows no such incident, or it has no such party.

    """
    incident = find_incident(session, reader, reference, lock=lock)
    family = merged_family(session, reader, incident)
    found = next((one for one in parties_of(session, reader, family) if one.id == party), None)
    if found is None:
        raise NotFoundError(say("%(reference)s has no party %(number)s.", reference=reference, number=party))
    own = next(one for one in family if one.id == found.incident_id)
    return PartyThread(own, found, thread_of(session, reader, found, lock=lock))


def whole_family(session: Session, reader: IncidentReader, incident: Incident) -> list[Incident]:
    """All incidents that are merged with one, above and below it; without what the reader may not read."""
    top: Incident | None = incident
    while top is not None and top.merged_into is not None:
        query = select(Incident).where(Incident.id == top.merged_into, readable(session, reader, Incident))
        incident, top = top, session.scalar(query)
    return merged_family(session, reader, top or incident)


def thread_of(session: Session, reader: IncidentReader, party: Party, *, lock: bool = False) -> IncidentThread | None:
    """The thread of a party, where there is one."""
    query = select(IncidentThread).where(IncidentThread.party_id == party.id, readable(session, reader, IncidentThread))
    return session.scalar(query.with_for_update() if lock else query)


def threads_of(session: Session, reader: IncidentReader, parties: Iterable[Party]) -> dict[int, IncidentThread]:
    """The threads of parties, by the number of the party."""
    of = IncidentThread.party_id.in_([one.id for one in parties])
    rows = session.scalars(select(IncidentThread).where(of, readable(session, reader, IncidentThread)))
    return {one.party_id: one for one in rows}


def mails_of(
    session: Session, reader: IncidentReader, threads: Iterable[IncidentThread], *, limit: int = 0
) -> list[IncidentMail]:
    """The mails of threads, in the order that they came; ``limit``: only so many, the newest."""
    of = IncidentMail.thread_id.in_([one.id for one in threads])
    query = select(IncidentMail).where(of, readable(session, reader, IncidentMail)).order_by(IncidentMail.id.desc())
    return list(reversed(session.scalars(query.limit(limit) if limit else query).all()))


def find_thread_mail(
    session: Session, reader: IncidentReader, thread: IncidentThread | None, number: int
) -> IncidentMail:
    """A mail of a thread by its number.

    Raises:
        NotFoundError: the thread has none.

    """
    of = IncidentMail.thread_id == (thread.id if thread else None)
    one = session.scalar(
        select(IncidentMail).where(IncidentMail.id == number, of, readable(session, reader, IncidentMail))
    )
    if one is None:
        raise NotFoundError(say("There is no such mail."))
    return one


def sent_once(session: Session, reader: IncidentReader, once: str) -> bool:
    """Whether a mail came by this form before."""
    conditions = (IncidentMail.once == once, readable(session, reader, IncidentMail))
    return session.scalar(select(IncidentMail.id).where(*conditions)) is not None


def letters_of_mails(session: Session, mails: Iterable[IncidentMail]) -> dict[str, Letter]:
    """The letters by which mails of ours leave, by key."""
    keys = [one.letter for one in mails if one.letter]
    return {one.key: one for one in session.scalars(select(Letter).where(Letter.key.in_(keys)))}


def drafts_of(session: Session, reader: IncidentReader, party: Party) -> Sequence[IncidentDraft]:
    """What people are writing to a party."""
    row = IncidentDraft
    return session.scalars(
        select(row).where(row.party_id == party.id, readable(session, reader, row)).order_by(row.id)
    ).all()


def writing_now(drafts: Iterable[IncidentDraft], person: int | None, now: datetime) -> list[IncidentDraft]:
    """The drafts of others that were saved just now."""
    return [one for one in drafts if one.person != person and now - one.changed_at < WRITING]


def awaited_answers(session: Session, reader: IncidentReader) -> list[AwaitedAnswer]:
    """The threads that wait for us, the longest first; none whose party left."""
    uncertain = select(IncidentMail.thread_id).where(IncidentMail.state == ThreadMailState.UNCERTAIN.value)
    waits = or_(IncidentThread.turn == ThreadTurn.OURS.value, IncidentThread.id.in_(uncertain))
    query = (
        select(IncidentThread, Party, Incident)
        .join(Party, Party.id == IncidentThread.party_id)
        .join(Incident, Incident.id == IncidentThread.incident_id)
        .where(waits, Party.left_at.is_(None), *(readable(session, reader, one) for one in (Incident, IncidentThread)))
        .order_by(IncidentThread.turn_since)
    )
    over = (IncidentState.CLOSED.value, IncidentState.REJECTED.value)
    return [
        AwaitedAnswer(of.reference, of.title, party.id, party.name, one.turn_since, of.lead, of.state in over)
        for one, party, of in session.execute(query)
    ]


# What follows finds whose a mail is, whatever its compartment: nothing of it is shown to anybody.


@dataclass(frozen=True, slots=True)
class ThreadOwner:
    """Whose mails a thread takes. ``number``: of the thread; of the party, made negative, where it has none yet.

    ``senders``: addresses that are the party's; ``team``: the number of its team, whose addresses are the party's too.
    """

    number: int
    senders: frozenset[str]
    team: int | None


def of_reference(session: Session, reference: str) -> list[ThreadOwner]:
    """The thread whose address is so now."""
    number = reference.rpartition("-")[2]
    found = session.scalar(select(IncidentThread).where(IncidentThread.number == number))
    return _owners(session, [found]) if found is not None and found.reference == reference else []


def of_message_ids(session: Session, ids: Collection[str], *, ours: bool) -> list[ThreadOwner]:
    """The threads with a mail that has one of these Message-IDs. ``ours``: which we sent."""
    named = select(IncidentMail.thread_id).where(
        IncidentMail.message_id.in_(ids), IncidentMail.ours.is_(ours), IncidentMail.state.in_(_FROM_THEM)
    )
    return _owners(session, _threads(session, IncidentThread.id.in_(named))) if ids else []


def of_incidents_called(session: Session, names: Collection[str]) -> list[ThreadOwner]:
    """The parties of the incidents that have one of these references or aliases."""
    alias = select(IncidentAlias.incident_id).where(IncidentAlias.name.in_(names))
    called = select(Incident.id).where(or_(Incident.reference.in_(names), Incident.id.in_(alias)))
    threads = _threads(session, IncidentThread.incident_id.in_(called))
    known = {one.party_id for one in threads}
    parties = session.scalars(select(Party).where(Party.incident_id.in_(called)).order_by(Party.id))
    new = [
        ThreadOwner(-one.id, frozenset({one.mailbox.lower()}), one.team_id) for one in parties if one.id not in known
    ]
    return [*_owners(session, threads), *new]


def mail_of_hash(session: Session, sha256: str) -> IncidentMail | None:
    """The mail with these bytes."""
    return session.scalar(select(IncidentMail).where(IncidentMail.sha256 == sha256))


def is_ours(session: Session, message_id: str) -> bool:
    """Whether we sent the mail with this Message-ID."""
    of = (IncidentMail.message_id == message_id, IncidentMail.ours.is_(True))
    return bool(message_id) and session.scalar(select(IncidentMail.id).where(*of)) is not None


def count_since(session: Session, thread: int, since: datetime) -> int:
    """How many mails came into a thread since a time."""
    row = IncidentMail
    came = (row.thread_id == thread, row.ours.is_(False), row.at >= since)
    return session.scalar(select(func.count()).select_from(row).where(*came)) or 0


def kept_mails(session: Session) -> set[str]:
    """The bytes in the mailroom that are of threads."""
    return {one for one in session.scalars(select(IncidentMail.sha256)) if one}


def parts_of_mail(session: Session, mail: IncidentMail) -> list[str]:
    """What a purge calls a mail, and the entries that it came or left by."""
    reference = session.get_one(Incident, mail.incident_id).reference
    of = IncidentEntry.incident_id == mail.incident_id, IncidentEntry.kind.in_(_OF_MAILS)
    entries = session.scalars(select(IncidentEntry).where(*of).order_by(IncidentEntry.id))
    named = [f"mail-{mail.id}", *(f"entry-{one.id}" for one in entries if one.data.get("mail") == mail.id)]
    return [f"incident:{reference}:{one}" for one in named]


def _threads(session: Session, *conditions: ColumnElement[bool]) -> list[IncidentThread]:
    return list(session.scalars(select(IncidentThread).where(*conditions).order_by(IncidentThread.id)))


def _owners(session: Session, threads: Collection[IncidentThread]) -> list[ThreadOwner]:
    of = Party.id.in_([one.party_id for one in threads])
    parties = {one.id: one for one in session.scalars(select(Party).where(of))}
    pairs = ((one, parties[one.party_id]) for one in threads)
    return [
        ThreadOwner(one.id, frozenset({party.mailbox.lower(), *one.senders}), party.team_id) for one, party in pairs
    ]
