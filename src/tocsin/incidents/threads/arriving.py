"""Mails that come in for a thread: kept, placed, and noted; nothing here answers one.

`take_mail` is given to the reader of the mailbox, which asks it of each mail first. What belongs to no thread goes its
usual way.
"""

import re
from collections.abc import Iterable, Iterator
from datetime import timedelta
from typing import Final

from sqlalchemy.orm import Session

from tocsin.delivery.mailbox import MailClassification, MailKind, original_ids, sort_mail
from tocsin.incidents.models import Party
from tocsin.incidents.reference import references_in_text
from tocsin.incidents.threads import read, write
from tocsin.incidents.threads.models import IncidentThread
from tocsin.incidents.threads.placing import Placement, ThreadCandidate, place
from tocsin.incidents.threads.states import MatchedBy, ThreadMailState
from tocsin.node.records import AuditAction, audit, cut
from tocsin.node.reply_addresses import references_in
from tocsin.node.sentences import say
from tocsin.problems.replies import MailArrival, MailContext, TakenMail, same_team

MOST_A_DAY: Final = 100
"""So many mails to one address in 24 hours are read as what they are; the others wait there for a person."""

_BRACKETS = re.compile(r"\[([^\[\]]{1,60})\]")
_OWN: Final = MailClassification(MailKind.AUTOMATIC, say("Our own mail, come back."))
_WHY: Final = {
    ThreadMailState.PLACED: say("It is of a party of an incident."),
    ThreadMailState.AUTOMATIC: say("A program answered a mail of an incident."),
    ThreadMailState.UNCERTAIN: say("It came for a party of an incident; a person says whether it is of it."),
    ThreadMailState.REFUSED: say("A person said that it is not of the party of the incident for whom it came."),
    ThreadMailState.OVER_LIMIT: say("More mails came for a party of an incident than one day may bring."),
}


def take_mail(context: MailContext, arrival: MailArrival) -> TakenMail | None:
    """Keep a mail that belongs to a thread, and note it there; None where it belongs to none.

    Raises:
        StorageError: the disk or the database fails; the mail can be taken again.

    """
    node = context.node
    with node.database.reading() as session:
        if (known := read.mail_of_hash(session, arrival.sha256)) is not None:
            return TakenMail(MailKind(known.kind), _WHY[ThreadMailState(known.state)], again=True)
        if (found := _placement(session, context, arrival)) is None:
            return None
    sorted_as, placement = found
    taken = TakenMail(sorted_as.kind, _WHY[placement.state])
    if arrival.dry_run:
        return taken
    sha256 = node.mailroom.put(arrival.raw)
    cut("threads.kept")
    with node.database.begin() as session:
        if read.mail_of_hash(session, sha256) is None:
            _note(session, arrival, sorted_as, placement, sha256)
        cut("threads.placing")
    cut("threads.placed")
    return taken


def _placement(
    session: Session, context: MailContext, arrival: MailArrival
) -> tuple[MailClassification, Placement] | None:
    """Where it belongs; a party of the incident in its subject gets its thread only once the mail is noted."""
    mail = arrival.mail
    sorted_as = _OWN if read.is_ours(session, mail.message_id) else sort_mail(mail, ours=context.ours)
    candidates = {
        MatchedBy.TOKEN: _candidates(session, context, arrival, _of_tokens(session, context, arrival)),
        MatchedBy.ANSWER: _candidates(session, context, arrival, _answered(session, arrival)),
        MatchedBy.REFERENCES: _candidates(
            session, context, arrival, read.of_message_ids(session, _named(arrival), ours=False)
        ),
        MatchedBy.SUBJECT: _candidates(session, context, arrival, _of_subject(session, arrival)),
    }
    found = place(sorted_as.kind, candidates)
    return None if found is None else (sorted_as, found)


def _of_tokens(session: Session, context: MailContext, arrival: MailArrival) -> Iterator[IncidentThread]:
    for one in references_in(arrival.mail.recipients, context.address, context.tokens):
        if one.startswith("THR-") and (thread := read.of_reference(session, one)) is not None:
            yield thread


def _answered(session: Session, arrival: MailArrival) -> list[IncidentThread]:
    """The threads of the mail of ours that it answers: the first of its Message-IDs, from the nearest, that is one."""
    for one in (*arrival.mail.in_reply_to, *reversed(arrival.mail.references)):
        if found := read.of_message_ids(session, [one], ours=True):
            return found
    return []


def _named(arrival: MailArrival) -> tuple[str, ...]:
    return (*arrival.mail.in_reply_to, *arrival.mail.references)


def _of_subject(session: Session, arrival: MailArrival) -> list[IncidentThread | Party]:
    subject = arrival.mail.subject
    brackets = [one.strip() for one in _BRACKETS.findall(subject)]
    numbers = [f"#{one.rpartition('#')[2].strip()}" for one in brackets if "#" in one]
    names = {*references_in_text(subject), *brackets, *(f"[{one}]" for one in brackets), *numbers}
    return read.of_incidents_called(session, [*names, *(one[1:] for one in numbers)]) if names else []


def _candidates(
    session: Session, context: MailContext, arrival: MailArrival, found: Iterable[IncidentThread | Party]
) -> list[ThreadCandidate]:
    """Each thread once; a party without one counts by its number, made negative."""
    day = arrival.now - timedelta(days=1)
    made: dict[int, ThreadCandidate] = {}
    for one in found:
        party = one if isinstance(one, Party) else read.party_of(session, one)
        senders = [] if isinstance(one, Party) else one.senders
        number = -one.id if isinstance(one, Party) else one.id
        full = not isinstance(one, Party) and read.count_since(session, one, day) >= MOST_A_DAY
        made[number] = ThreadCandidate(number, _knows(context, party, senders, arrival.mail.sender), full)
    return list(made.values())


def _knows(context: MailContext, party: Party, senders: Iterable[str], sender: str) -> bool:
    """Whether an address is the party's: its own, one that a person took for its, or one of its team."""
    if not sender:
        return False
    team = context.teams.get(party.team_id) if party.team_id is not None else None
    known = {party.mailbox.lower(), *senders}
    return sender.lower() in known or (team is not None and same_team(sender, team))


def _note(
    session: Session, arrival: MailArrival, sorted_as: MailClassification, placement: Placement, sha256: str
) -> None:
    if placement.thread > 0:
        thread = session.get_one(IncidentThread, placement.thread, with_for_update=True)
    else:
        party = session.get_one(Party, -placement.thread)
        thread = write.open_thread(session, party, now=arrival.now)
    incident = read.incident_of(session, thread)
    row = write.add_received(
        session, incident, thread, arrival.mail, placement,
        kind=sorted_as.kind, sha256=sha256, at=arrival.arrived, now=arrival.now,
    )  # fmt: skip
    if any(one.failed for one in sorted_as.bounces):
        ids = original_ids(arrival.mail)
        write.note_not_delivered(session, thread, ids[0] if ids else "", now=arrival.now)
    detail: dict[str, object] = {"kind": row.kind, "state": row.state}
    subject = f"incident:{incident.reference}"
    audit(session, AuditAction.MAIL_READ, at=arrival.now, actor="mail", subject=subject, detail=detail)
