"""A copy of the shared mailbox: each thread of mails is an incident, each mail in the thread of who wrote or got it."""

import hashlib
import re
from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final

from sqlalchemy.orm import Session

from tocsin.delivery.mailbox import ReadMail, read_mail, sort_mail
from tocsin.delivery.never_held import redacted_mail
from tocsin.incidents.mail_files import mails_in
from tocsin.incidents.moving.importing import ImportCounts, Importer, transactions
from tocsin.incidents.moving.tickets import BrokenRow
from tocsin.incidents.states import IncidentEntryKind, IncidentState, PartyRole
from tocsin.incidents.threading import HEADER_BYTES, MailLinks, base_subject, read_links, thread_mails
from tocsin.incidents.threads import BY_PROGRAMS, add_past_mail, incident_of_mails, past_turn
from tocsin.incidents.write import add_alias, add_entry, incident_of_alias, incident_of_number, parties_by_mailbox
from tocsin.node.records import cut

if TYPE_CHECKING:
    from tocsin.incidents.models import Incident, Party

OPEN_DAYS: Final = 30
"""A thread with a mail of so many last days is an open incident."""

_BATCH: Final = 100  # mails of a transaction
_BATCH_BYTES: Final = 20_000_000
_IDS: Final = 500  # of one thread that are looked up
_NUMBER: Final = re.compile(r"\[([^\[\]#]{1,40}?)\s*#\s*([\w.-]{1,40})\]")


@dataclass(slots=True)
class _PastThread:
    """A thread of the file. ``numbers``: of the other tool, in its subjects; ``incident``: once it has one."""

    first: datetime | None = None
    last: datetime | None = None
    numbers: dict[str, None] = field(default_factory=dict)
    ids: list[str] = field(default_factory=list)
    incident: int | None = None

    def add(self, mail: MailLinks, tag: str) -> None:
        """Note what a mail of it says."""
        if mail.date is not None:
            self.first = mail.date if self.first is None else min(self.first, mail.date)
            self.last = mail.date if self.last is None else max(self.last, mail.date)
        self.numbers.update(dict.fromkeys(numbers_in_subject(mail.subject, tag)))
        self.ids += [one for one in (mail.message_id, *mail.ancestors[-1:]) if one][: _IDS - len(self.ids)]


@dataclass(frozen=True, slots=True)
class _PastMail:
    """A mail of the file as it may be kept; ``thread``: its number there."""

    thread: int
    position: int
    raw: bytes = field(repr=False)
    mail: ReadMail = field(repr=False)


def numbers_in_subject(subject: str, tag: str) -> list[str]:
    """The numbers that another tool wrote into a subject: ``4711`` of ``[CERT #4711]`` for the tag ``CERT``."""
    return [number for name, number in _NUMBER.findall(subject) if tag and name.casefold() == tag.casefold()]


def import_mails(importer: Importer, path: Path, *, ours: Collection[str]) -> ImportCounts:
    """Take over the mails of an mbox, a maildir or a folder. ``ours``: addresses that the team wrote from.

    A thread that only programs wrote is left out. One is joined to the incident that its subjects number, or that has
    one of its mails.

    Raises:
        InputError, UsageError: there is no mail, or it cannot be read.

    """
    left_out: list[Path] = []
    links = [read_links(one.raw, subjects=True) for one in mails_in(path, size=HEADER_BYTES, left_out=left_out)]
    numbers = [place.thread for place in thread_mails(links)]
    threads: dict[int, _PastThread] = defaultdict(_PastThread)
    for number, mail in zip(numbers, links, strict=True):
        threads[number].add(mail, importer.options.tag)
    del links
    importer.counts.broken += [BrokenRow(0, f"{file} is not a mail.") for file in left_out]
    own = frozenset(one.lower() for one in ours)
    with transactions(importer.node.database, dry_run=importer.options.dry_run) as begin:
        for batch in _batches(importer, path, numbers):
            with begin() as session:
                for one in batch:
                    _take(session, importer, one, threads[one.thread], own)
                cut("import.batch")
    return importer.counts


def _batches(importer: Importer, path: Path, threads: Sequence[int]) -> Iterator[list[_PastMail]]:
    batch: list[_PastMail] = []
    size = 0
    for position, (thread, one) in enumerate(zip(threads, mails_in(path), strict=True)):
        batch.append(_kept(importer, thread, position, one.raw))
        size += len(one.raw)
        if len(batch) >= _BATCH or size >= _BATCH_BYTES:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def _kept(importer: Importer, thread: int, position: int, raw: bytes) -> _PastMail:
    """A mail without what must never be held."""
    if not importer.options.dry_run:
        intake = importer.intake
        raw, seen = redacted_mail(raw, intake.redaction)
        intake.note(*seen)
    return _PastMail(thread, position, raw, read_mail(raw))


def _take(session: Session, importer: Importer, past: _PastMail, thread: _PastThread, own: frozenset[str]) -> None:
    mail, counts = past.mail, importer.counts
    sha256 = hashlib.sha256(past.raw).hexdigest()
    kind = sort_mail(mail, ours=own).kind
    ours = mail.sender in own
    if incident_of_mails(session, sha256, [mail.message_id] if mail.message_id else []) is not None:
        counts.known += 1
        return
    if (incident := _known_incident(session, importer, thread)) is None:
        if kind in BY_PROGRAMS and not ours:
            counts.left_out += 1
            return
        incident = _new_incident(session, importer, thread, mail, f"import/mail:{sha256}")
    thread.incident = incident.id
    changed, at = incident.changed_at, mail.date or thread.first or importer.now
    once = f"mail:{sha256}"
    counts.entries += 1
    if (party := _party(session, importer, incident, mail, own)) is None:
        text = f"{mail.subject}\n{mail.text}"
        add_entry(session, incident, IncidentEntryKind.NOTE, text=text, happened_at=at, once=once, **importer.by)
    else:
        counts.mails += 1
        if not importer.options.dry_run:
            importer.node.mailroom.put(past.raw)  # safe before a record names it
        add_past_mail(
            session, incident, party, mail, ours=ours, kind=kind.value, sha256=sha256, at=at, once=once, **importer.by
        )
    past_turn(session, incident, live=incident.closed_at is None, now=importer.now)
    incident.changed_at = max(changed, at)


def _known_incident(session: Session, importer: Importer, thread: _PastThread) -> "Incident | None":
    """The incident of a thread, where it has one."""
    if thread.incident is not None:
        return incident_of_number(session, thread.incident)
    for number in thread.numbers:
        if (found := incident_of_alias(session, importer.options.alias(number))) is not None:
            return found
    return incident_of_mails(session, "", thread.ids)


def _new_incident(session: Session, importer: Importer, thread: _PastThread, mail: ReadMail, once: str) -> "Incident":
    """An incident for a thread: closed with its last mail, unless that is new."""
    title = base_subject(mail.subject)[0][:500] or mail.sender or mail.message_id or "-"
    incident = importer.new_incident(session, title, thread.first or importer.now, once=once)
    for number in thread.numbers:
        add_alias(session, incident, importer.options.alias(number))
    last = thread.last or thread.first
    if last is not None and last < importer.now - timedelta(days=OPEN_DAYS):
        importer.settle(session, incident, IncidentState.CLOSED, last, f"{once}/closed")
        importer.counts.entries += 1
    incident.changed_at = thread.first or importer.now
    return incident


def _party(
    session: Session, importer: Importer, incident: "Incident", mail: ReadMail, own: frozenset[str]
) -> "Party | None":
    """Who wrote a mail, or got ours; None: nobody but us."""
    ours = mail.sender in own
    others = [one for one in (mail.recipients if ours else (mail.sender,)) if one and one.lower() not in own]
    if not others:
        return None
    mailbox = others[0].lower()
    known = parties_by_mailbox(session, incident)
    if mailbox in known:
        return known[mailbox]
    role = PartyRole.OTHER if known or ours else PartyRole.REPORTER
    return importer.new_party(session, incident, mailbox, role, "" if ours else mail.sender_name[:200])
