"""What is written of threads, in the caller's transaction: their mails, whose turn it is, addresses, drafts."""

import hashlib
import secrets
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from tocsin.delivery.mailbox import MailKind, ReadMail
from tocsin.incidents.models import Incident, IncidentEntry, Party
from tocsin.incidents.states import IncidentEntryKind
from tocsin.incidents.threads.models import IncidentDraft, IncidentMail, IncidentThread
from tocsin.incidents.threads.placing import BY_PROGRAMS, Placement
from tocsin.incidents.threads.states import MatchedBy, ThreadMailState, ThreadTurn
from tocsin.incidents.write import add_entry
from tocsin.node.letters import Letter, LetterState

_DIGITS: Final = 9  # so that the address fits with the longest that the settings allow
_MOST_GENERATIONS: Final = 9_999


def open_thread(session: Session, party: Party, *, now: datetime) -> IncidentThread:
    """A new thread of a party that has none."""
    thread = IncidentThread(
        incident_id=party.incident_id, compartment_id=party.compartment_id, party_id=party.id, generation=1,
        number=_drawn(session), turn=ThreadTurn.QUIET.value, turn_since=now, senders=[],
    )  # fmt: skip
    session.add(thread)
    session.flush()
    return thread


def thread_to_change(session: Session, number: int, *, now: datetime) -> tuple[Incident, IncidentThread]:
    """The incident and a thread of it, locked. ``number``: of the thread; negative: of a party whose thread is new."""
    found = session.get_one(IncidentThread, number) if number > 0 else session.get_one(Party, -number)
    incident = session.get_one(Incident, found.incident_id, with_for_update=True)  # first, as acts do
    if isinstance(found, Party):
        return incident, open_thread(session, found, now=now)
    session.refresh(found, with_for_update=True)
    return incident, found


def replace_address(
    session: Session, incident: Incident, thread: IncidentThread, *, actor: str, now: datetime, author: str = ""
) -> None:
    """Give a thread another address: what comes to the former one is of this thread no more."""
    thread.generation = thread.generation % _MOST_GENERATIONS + 1
    thread.number = _drawn(session)
    party = session.get_one(Party, thread.party_id)
    data = {"address": thread.generation}
    add_entry(session, incident, IncidentEntryKind.PARTY, actor=actor, now=now, author=author, data=data, party=party)


def set_turn(thread: IncidentThread, turn: ThreadTurn, now: datetime) -> None:
    """Whose turn it is from now on; since when stays where it is the same."""
    if thread.turn != turn:
        thread.turn, thread.turn_since = turn.value, now


def answer_not_needed(
    session: Session, incident: Incident, thread: IncidentThread, *, actor: str, now: datetime, author: str = ""
) -> None:
    """Nobody writes next."""
    set_turn(thread, ThreadTurn.QUIET, now)
    party, data = session.get_one(Party, thread.party_id), {"turn": ThreadTurn.QUIET.value}
    add_entry(session, incident, IncidentEntryKind.PARTY, actor=actor, now=now, author=author, data=data, party=party)


def add_sent(
    session: Session,
    incident: Incident,
    thread: IncidentThread,
    *,
    message_id: str,
    answers: str,
    mailbox: str,
    subject: str,
    text: str,
    tlp: str,
    actor: str,
    now: datetime,
    once: str | None,
    author: str = "",
) -> IncidentMail:
    """Note a mail that leaves to the party; its letter is called by the mail's ``letter``."""
    mail = IncidentMail(
        incident_id=incident.id, compartment_id=thread.compartment_id, thread_id=thread.id,
        ours=True, state=ThreadMailState.SENT.value,
        kind="", matched_by="", sha256=None, message_id=message_id, answers=answers, address=mailbox, subject=subject,
        text=text, quoted="", files=[], tlp=tlp, by=author or actor, at=now, letter="", why="", once=once,
    )  # fmt: skip
    session.add(mail)
    session.flush()
    mail.letter = f"incident-mail:{mail.id}"
    data: dict[str, Any] = {"mail": mail.id, "sha256": hashlib.sha256(text.encode()).hexdigest()}
    party = session.get_one(Party, thread.party_id)
    add_entry(
        session, incident, IncidentEntryKind.MAIL_OUT, actor=actor, now=now, text=subject, data=data, tlp=tlp,
        party=party, author=author,
    )  # fmt: skip
    return mail


def add_received(
    session: Session,
    incident: Incident,
    thread: IncidentThread,
    mail: ReadMail,
    placement: Placement,
    *,
    kind: MailKind,
    sha256: str,
    at: datetime,
    now: datetime,
) -> IncidentMail:
    """Note a mail that came in; one of the party is an entry, and it is our turn then."""
    why = placement.why or (mail.reasons[0] if mail.reasons else "")
    row = IncidentMail(
        incident_id=incident.id, compartment_id=thread.compartment_id, thread_id=thread.id,
        ours=False, state=placement.state.value,
        kind=kind.value, matched_by=placement.by.value, sha256=sha256, message_id=mail.message_id,
        answers=" ".join((*mail.references, *mail.in_reply_to[:1]))[:4_000], address=mail.sender, subject=mail.subject,
        text=mail.text, quoted=mail.quoted, tlp=incident.tlp, by="", at=at, letter="", why=why, once=None,
        files=[{"name": part.name, "bytes": len(part.content)} for part in mail.all_parts() if part.attached],
    )  # fmt: skip
    session.add(row)
    session.flush()
    if placement.state is ThreadMailState.PLACED:
        _enter_received(session, incident, thread, row, now=now)
    elif placement.state is ThreadMailState.OVER_LIMIT:
        set_turn(thread, ThreadTurn.OURS, now)
    return row


def take_for_party(
    session: Session,
    incident: Incident,
    thread: IncidentThread,
    mail: IncidentMail,
    *,
    actor: str,
    now: datetime,
    author: str = "",
) -> None:
    """A person says that a mail is of the party; so is what its sender writes from now on."""
    mail.state, mail.why = ThreadMailState.PLACED.value, ""
    if mail.address and mail.address.lower() not in thread.senders:
        thread.senders = [*thread.senders, mail.address.lower()]
    _enter_received(session, incident, thread, mail, now=now, actor=actor, author=author)


def refuse_mail(
    session: Session,
    incident: Incident,
    thread: IncidentThread,
    mail: IncidentMail,
    *,
    actor: str,
    now: datetime,
    author: str = "",
) -> None:
    """A person says that a mail is not of the party."""
    mail.state = ThreadMailState.REFUSED.value
    party, data = session.get_one(Party, thread.party_id), {"refused": mail.id, "sha256": mail.sha256}
    add_entry(session, incident, IncidentEntryKind.PARTY, actor=actor, now=now, author=author, data=data, party=party)


def note_not_delivered(session: Session, thread: IncidentThread, message_id: str, *, now: datetime) -> None:
    """A mail of ours did not arrive: the one with this Message-ID, else the last; we write again."""
    ours = select(IncidentMail).where(IncidentMail.thread_id == thread.id, IncidentMail.ours.is_(True))
    newest = ours.order_by(IncidentMail.id.desc()).limit(1)
    mail = session.scalar(ours.where(IncidentMail.message_id == message_id)) or session.scalar(newest)
    letter = session.scalar(select(Letter).where(Letter.key == mail.letter)) if mail else None
    if letter is not None and letter.state == LetterState.SENT:
        letter.state = LetterState.BOUNCED.value
        set_turn(thread, ThreadTurn.OURS, now)


def save_draft(session: Session, party: Party, person: int, *, subject: str, text: str, now: datetime) -> None:
    """Keep what a person writes to a party; nothing written is no draft."""
    row = IncidentDraft
    draft = session.scalar(select(row).where(row.party_id == party.id, row.person == person))
    if not text.strip():
        drop_draft(session, party, person)
    elif draft is None:
        session.add(
            row(
                incident_id=party.incident_id,
                compartment_id=party.compartment_id,
                party_id=party.id,
                person=person,
                subject=subject,
                text=text,
                begun_at=now,
                changed_at=now,
            )
        )
    else:
        draft.subject, draft.text, draft.changed_at = subject, text, now


def drop_draft(session: Session, party: Party, person: int | None) -> None:
    """Forget what a person was writing to a party."""
    row = IncidentDraft
    for one in session.scalars(select(row).where(row.party_id == party.id, row.person == person)):
        session.delete(one)


def forget_party(session: Session, party: Party) -> None:
    """Empty the addresses in the thread of a party that is erased, with drafts to it; what its mails say stays."""
    for draft in session.scalars(select(IncidentDraft).where(IncidentDraft.party_id == party.id)):
        session.delete(draft)
    for thread in session.scalars(select(IncidentThread).where(IncidentThread.party_id == party.id)):
        thread.senders = []
        for mail in session.scalars(select(IncidentMail).where(IncidentMail.thread_id == thread.id)):
            mail.address = ""


def forget_mail(mail: IncidentMail) -> None:
    """Empty what the thread has of a mail that is purged."""
    mail.address = mail.subject = mail.text = mail.quoted = mail.answers = mail.message_id = mail.signed_by = ""
    mail.files = []


def _enter_received(
    session: Session,
    incident: Incident,
    thread: IncidentThread,
    mail: IncidentMail,
    *,
    now: datetime,
    actor: str = "mail",
    author: str = "",
) -> None:
    set_turn(thread, ThreadTurn.OURS, now)
    data: dict[str, Any] = {"mail": mail.id, "sha256": mail.sha256, "by": mail.matched_by}
    party = session.get_one(Party, thread.party_id)
    add_entry(
        session, incident, IncidentEntryKind.MAIL_IN, actor=actor, now=now, author=author, text=mail.subject, data=data,
        happened_at=mail.at, party=party, once=f"mail:{mail.sha256}",
    )  # fmt: skip


def _drawn(session: Session) -> str:
    """Digits that no thread has."""
    while True:
        number = f"{secrets.randbelow(10**_DIGITS):0{_DIGITS}d}"
        if session.scalar(select(IncidentThread.id).where(IncidentThread.number == number)) is None:
            return number


# Mails of the tool or mailbox that was used before.


def thread_of_party(session: Session, party: Party, *, now: datetime) -> IncidentThread:
    """The thread of a party, a new one where it has none."""
    found = session.scalar(select(IncidentThread).where(IncidentThread.party_id == party.id))
    return found or open_thread(session, party, now=now)


def add_past_mail(
    session: Session,
    incident: Incident,
    party: Party,
    mail: ReadMail,
    *,
    ours: bool,
    kind: str,
    sha256: str | None,
    at: datetime,
    actor: str,
    now: datetime,
    once: str,
) -> None:
    """Note a mail that went to a party or came from it before Tocsin did; nothing leaves. ``kind``: a `MailKind`.

    One that a program wrote is no entry, as with those that come in today.
    """
    thread = thread_of_party(session, party, now=now)
    automatic = not ours and kind in BY_PROGRAMS
    state = ThreadMailState.SENT if ours else ThreadMailState.AUTOMATIC if automatic else ThreadMailState.PLACED
    row = IncidentMail(
        compartment_id=thread.compartment_id, incident_id=incident.id, thread_id=thread.id, ours=ours,
        state=state.value,
        kind="" if ours else kind, matched_by="" if ours else MatchedBy.REFERENCES.value, sha256=sha256,
        message_id=mail.message_id, answers=" ".join((*mail.references, *mail.in_reply_to[:1]))[:4_000],
        address=party.mailbox if ours else mail.sender, subject=mail.subject, text=mail.text, quoted=mail.quoted,
        files=[{"name": part.name, "bytes": len(part.content)} for part in mail.all_parts() if part.attached],
        tlp=incident.tlp, by=actor if ours else "", at=at, letter="", why="", once=None,
    )  # fmt: skip
    session.add(row)
    session.flush()
    if automatic:
        return
    way = IncidentEntryKind.MAIL_OUT if ours else IncidentEntryKind.MAIL_IN
    text_hash = hashlib.sha256(mail.text.encode()).hexdigest()
    data: dict[str, Any] = {"mail": row.id, "sha256": sha256 or text_hash, "imported": True}
    add_entry(
        session, incident, way, actor=actor, now=now, text=mail.subject, data=data, happened_at=at, party=party,
        once=once,
    )  # fmt: skip


def past_turn(session: Session, incident: Incident, *, live: bool, now: datetime) -> None:
    """Whose turn it is in the threads of an incident that was moved in: nobody's, where it is over (not ``live``)."""
    for thread in session.scalars(select(IncidentThread).where(IncidentThread.incident_id == incident.id)):
        said = select(IncidentMail.ours).where(
            IncidentMail.thread_id == thread.id, IncidentMail.state != ThreadMailState.AUTOMATIC.value
        )
        ours = session.scalar(said.order_by(IncidentMail.at.desc(), IncidentMail.id.desc()).limit(1))
        turn = ThreadTurn.QUIET if not live or ours is None else ThreadTurn.THEIRS if ours else ThreadTurn.OURS
        set_turn(thread, turn, now)


def incident_of_mails(session: Session, sha256: str, message_ids: Sequence[str]) -> Incident | None:
    """The incident with a mail of these bytes, else with one of these Message-IDs, whoever may read it."""
    row = IncidentMail
    of = select(IncidentThread.incident_id).join(row, row.thread_id == IncidentThread.id)
    noted = select(IncidentEntry.incident_id).where(IncidentEntry.once == f"mail:{sha256}")
    by_id = of.where(row.message_id.in_(message_ids)).order_by(row.id).limit(1)
    for query in (noted, of.where(row.sha256 == sha256), by_id):
        if (found := session.scalar(query)) is not None:
            return session.get_one(Incident, found, with_for_update=True)
    return None
