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
from tocsin.incidents.reference import references_in_text
from tocsin.incidents.threads import read, write
from tocsin.incidents.threads.models import IncidentMail
from tocsin.incidents.threads.placing import Placement, ThreadCandidate, place
from tocsin.incidents.threads.read import ThreadOwner
from tocsin.incidents.threads.states import MatchedBy, ThreadMailState
from tocsin.node.records import AuditAction, audit, cut
from tocsin.node.reply_addresses import references_in
from tocsin.node.sentences import say
from tocsin.problems.replies import MailArrival, MailContext, TakenMail, same_team, signer_of

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
    signer = signer_of(context, arrival)
    with node.database.begin() as session:
        if read.mail_of_hash(session, sha256) is None:
            row = _note(session, arrival, sorted_as, placement, sha256)
            row.encrypted, row.signed_by = arrival.encrypted, signer
        cut("threads.placing")
    cut("threads.placed")
    return taken


def _placement(
    session: Session, context: MailContext, arrival: MailArrival
) -> tuple[MailClassification, Placement] | None:
    """Where it belongs; a party of the incident in its subject gets its thread only once the mail is noted."""
    mail = arrival.mail
    sorted_as = _OWN if read.is_ours(session, mail.message_id) else sort_mail(mail, ours=context.ours)
    named = (*mail.in_reply_to, *mail.references)
    signs: dict[MatchedBy, Iterable[ThreadOwner]] = {
        MatchedBy.TOKEN: _of_tokens(session, context, arrival),
        MatchedBy.ANSWER: _answered(session, arrival),
        MatchedBy.REFERENCES: read.of_message_ids(session, named, ours=False),
        MatchedBy.SUBJECT: _of_subject(session, arrival),
    }
    candidates = {by: _candidates(session, context, arrival, found) for by, found in signs.items()}
    found = place(sorted_as.kind, candidates)
    return None if found is None else (sorted_as, found)


def _of_tokens(session: Session, context: MailContext, arrival: MailArrival) -> Iterator[ThreadOwner]:
    for one in references_in(arrival.mail.recipients, context.address, context.tokens):
        if one.startswith("THR-"):
            yield from read.of_reference(session, one)


def _answered(session: Session, arrival: MailArrival) -> list[ThreadOwner]:
    """The threads of the mail of ours that it answers: the first of its Message-IDs, from the nearest, that is one."""
    for one in (*arrival.mail.in_reply_to, *reversed(arrival.mail.references)):
        if found := read.of_message_ids(session, [one], ours=True):
            return found
    return []


def _of_subject(session: Session, arrival: MailArrival) -> list[ThreadOwner]:
    """The parties of the incidents that its subject names: by reference, or as another tool called them."""
    subject = arrival.mail.subject
    brackets = [one.strip() for one in _BRACKETS.findall(subject)]
    numbers = [one.rpartition("#")[2].strip() for one in brackets if "#" in one]
    names = {*references_in_text(subject), *brackets, *(f"[{one}]" for one in brackets), *numbers}
    names |= {f"#{one}" for one in numbers}
    return read.of_incidents_called(session, sorted(names)) if names else []


def _candidates(
    session: Session, context: MailContext, arrival: MailArrival, found: Iterable[ThreadOwner]
) -> list[ThreadCandidate]:
    day = arrival.now - timedelta(days=1)
    return [
        ThreadCandidate(
            one.number,
            _knows(context, one, arrival.mail.sender.lower()),
            one.number > 0 and read.count_since(session, one.number, day) >= MOST_A_DAY,
        )
        for one in found
    ]


def _knows(context: MailContext, owner: ThreadOwner, sender: str) -> bool:
    """Whether an address is the party's: its own, one that a person took for its, or one of its team."""
    team = context.teams.get(owner.team) if owner.team is not None else None
    return bool(sender) and (sender in owner.senders or (team is not None and same_team(sender, team)))


def _note(
    session: Session, arrival: MailArrival, sorted_as: MailClassification, placement: Placement, sha256: str
) -> IncidentMail:
    incident, thread = write.thread_to_change(session, placement.thread, now=arrival.now)
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
    return row
