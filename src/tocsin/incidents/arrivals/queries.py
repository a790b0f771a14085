"""Reports found and read: by the team, each as far as his compartments reach, and by the reporter with his secret."""

import hmac
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final

from sqlalchemy import ColumnElement, Select, func, or_, select
from sqlalchemy.orm import Session

from tocsin.delivery.mailbox import ReceivedMail
from tocsin.incidents.arrivals.models import (
    EntryKind,
    PublicFile,
    PublicReport,
    ReportDoor,
    ReportEntry,
    ReportMail,
    ReportState,
)
from tocsin.incidents.arrivals.tickets import grouped, hashed, plain
from tocsin.incidents.read import IncidentReader, known_references, readable
from tocsin.node.errors import NotFoundError

NO_OWNER: Final = 0
"""Asks for the reports that nobody owns."""

_FOR_REPORTER = (EntryKind.MESSAGE.value, EntryKind.ANSWER.value, EntryKind.STATE.value)
_OF_INCIDENTS = (EntryKind.INCIDENT.value, EntryKind.TAKEN_OUT.value)


@dataclass(frozen=True)
class ReportSummary:
    """One report in a list; ``start``: its subject, or the first words of what it says; ``who``: as far as known."""

    number: int
    reference: str
    door: ReportDoor
    kind: str
    who: str
    start: str
    place: str
    state: ReportState
    owner: int | None
    received_at: datetime
    changed_at: datetime
    ring_back_at: datetime | None = None


@dataclass(frozen=True)
class ReportFilter:
    """What narrows a list of reports; all that are given must hold.

    ``states``: in one of these; none: in any. ``owner``: number of a person, `NO_OWNER`: those that have none.
    ``words``: all of them are in it. ``ring_back``: only those whose reporter waits for a call. ``up_to``: no report
    that came after the one of this number; ``before``: only those that came before this one.
    """

    states: Collection[ReportState] = ()
    owner: int | None = None
    kind: str = ""
    door: str = ""
    words: str = ""
    ring_back: bool = False
    up_to: int | None = None
    before: int | None = None


EVERYTHING: Final = ReportFilter()


@dataclass(frozen=True)
class ReportPage:
    """Some reports, the newest first; ``further``: what to ask for those before, 0 where there are none."""

    lines: list[ReportSummary]
    further: int


@dataclass(frozen=True)
class ReportDetails:
    """A report with what happened to it, in order, and its files."""

    report: PublicReport
    entries: list[ReportEntry] = field(default_factory=list)
    files: list[PublicFile] = field(default_factory=list)


def list_reports(
    session: Session,
    reader: IncidentReader,
    wanted: ReportFilter = EVERYTHING,
    *,
    before: int = 0,
    limit: int = 50,
) -> ReportPage:
    """The reports that match, the newest first. ``before``: the number that `ReportPage.further` gave."""
    found = matching_reports(session, reader, replace(wanted, before=before or None), limit + 1)
    lines = [_line(report) for report in found[:limit]]
    return ReportPage(lines, lines[-1].number if len(found) > limit else 0)


def count_reports(session: Session, reader: IncidentReader, wanted: ReportFilter = EVERYTHING) -> int:
    """How many `list_reports` finds on all its pages."""
    query = _matching(session, reader, wanted).with_only_columns(func.count(PublicReport.id))
    return session.scalar(query) or 0


def matching_reports(session: Session, reader: IncidentReader, wanted: ReportFilter, limit: int) -> list[PublicReport]:
    """The reports that match, the newest first, to be changed."""
    query = _matching(session, reader, wanted).order_by(PublicReport.id.desc()).limit(limit)
    return list(session.scalars(query))


def _matching(session: Session, reader: IncidentReader, wanted: ReportFilter) -> Select[PublicReport]:
    return select(PublicReport).where(readable(session, reader, PublicReport), *_conditions(wanted))


def _conditions(wanted: ReportFilter) -> Iterator[ColumnElement[bool]]:
    row = PublicReport
    if wanted.states:
        yield row.state.in_([state.value for state in wanted.states])
    if wanted.owner is not None:
        yield row.owner.is_(None) if wanted.owner == NO_OWNER else row.owner == wanted.owner
    if wanted.kind:
        yield row.kind == wanted.kind
    if wanted.door:
        yield row.door == wanted.door
    if wanted.ring_back:
        yield row.ring_back_at.is_not(None)
    if wanted.up_to is not None:
        yield row.id <= wanted.up_to
    if wanted.before is not None:
        yield row.id < wanted.before
    looked_in = (row.what, row.place, row.reference, row.subject, row.sender, row.mailbox, row.phone)
    for word in wanted.words.split()[:8]:
        yield or_(*(one.icontains(word, autoescape=True) for one in looked_in))


def counts_by_state(session: Session, reader: IncidentReader) -> dict[ReportState, int]:
    """How many reports are in each state; together they are all that the reader may read."""
    counts = dict.fromkeys(ReportState, 0)
    may = readable(session, reader, PublicReport)
    query = select(PublicReport.state, func.count()).where(may).group_by(PublicReport.state)
    for state, count in session.execute(query):
        counts[ReportState(state)] = count
    return counts


def new_reports(session: Session, reader: IncidentReader) -> tuple[int, datetime | None]:
    """How many reports nobody has taken, notices apart, and when the oldest came."""
    new = PublicReport.state == ReportState.NEW.value, PublicReport.door != ReportDoor.NOTICE.value
    query = select(func.count(), func.min(PublicReport.received_at))
    count, first = session.execute(query.where(*new, readable(session, reader, PublicReport))).one()
    return int(count), first


def ring_backs(session: Session, reader: IncidentReader) -> tuple[int, datetime | None]:
    """How many reporters wait for a call, and when the first does."""
    waits = select(func.count(), func.min(PublicReport.ring_back_at))
    may = readable(session, reader, PublicReport)
    count, first = session.execute(waits.where(PublicReport.ring_back_at.is_not(None), may)).one()
    return int(count), first


def find_report(session: Session, reader: IncidentReader, reference: str) -> PublicReport:
    """The report of a reference.

    Raises:
        NotFoundError: the reader knows none.

    """
    named = PublicReport.reference == grouped(plain(reference)[:8])
    found = session.scalar(select(PublicReport).where(named, readable(session, reader, PublicReport)))
    if found is None:
        raise NotFoundError(f"There is no report '{reference[:20]}'.")
    return found


def report_for(session: Session, reference: str, secret: str) -> PublicReport | None:
    """The report of a reference for whoever has its secret, else None: nobody learns whether there is one."""
    wanted = select(PublicReport).where(PublicReport.reference == grouped(plain(reference)[:8]))
    found = session.scalar(wanted)
    kept = found.secret if found else hashed("")
    right = hmac.compare_digest(kept, hashed(secret))
    return found if found is not None and right else None


def read_report(session: Session, report: PublicReport, reader: IncidentReader | None) -> ReportDetails:
    """A report with its history, without incidents that the reader may not know; None: what its reporter may see."""
    query = select(ReportEntry).where(ReportEntry.report_id == report.id).order_by(ReportEntry.id)
    entries = list(session.scalars(query if reader is not None else query.where(ReportEntry.kind.in_(_FOR_REPORTER))))
    if reader is not None:
        known = known_references(session, reader, {one.text for one in entries if one.kind in _OF_INCIDENTS})
        entries = [one for one in entries if one.kind not in _OF_INCIDENTS or one.text in known]
    files = select(PublicFile).where(PublicFile.report_id == report.id).order_by(PublicFile.id)
    return ReportDetails(report, entries, list(session.scalars(files)))


def mails_of(session: Session, report: PublicReport) -> Sequence[ReceivedMail]:
    """The kept mails that belong to a report, in order."""
    query = select(ReceivedMail).join(ReportMail, ReportMail.mail_id == ReceivedMail.id)
    return session.scalars(query.where(ReportMail.report_id == report.id).order_by(ReportMail.id)).all()


def hidden_mails(session: Session, reader: IncidentReader) -> Select[int]:
    """The numbers of the kept mails of reports that he may not read."""
    mine = ReportMail.report_id == PublicReport.id
    return select(ReportMail.mail_id).join(PublicReport, mine).where(~readable(session, reader, PublicReport))


def _line(report: PublicReport) -> ReportSummary:
    start = " ".join((report.subject or report.what)[:300].split())
    return ReportSummary(
        report.id, report.reference, ReportDoor(report.door), report.kind,
        report.sender or report.mailbox or report.phone, start[:120], report.place[:80], ReportState(report.state),
        report.owner, report.received_at, report.changed_at, report.ring_back_at,
    )  # fmt: skip


def event_upload(session: Session, report: PublicReport) -> str:
    """The upload with the event that was made of a report, or empty."""
    made = select(ReportEntry.text).where(ReportEntry.report_id == report.id, ReportEntry.kind == EntryKind.EVENT.value)
    return session.scalar(made) or ""
