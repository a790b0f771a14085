"""Reports found and read: by the team, and by the reporter with his secret."""

import hmac
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from sqlalchemy import ColumnElement, func, or_, select
from sqlalchemy.orm import Session

from tocsin.incidents.arrivals.models import EntryKind, PublicFile, PublicReport, ReportEntry, ReportState
from tocsin.incidents.arrivals.tickets import grouped, hashed, plain
from tocsin.node.errors import NotFoundError

NO_OWNER: Final = 0
"""Asks for the reports that nobody owns."""

_FOR_REPORTER = (EntryKind.MESSAGE.value, EntryKind.ANSWER.value, EntryKind.STATE.value)


@dataclass(frozen=True)
class ReportSummary:
    """One report in a list; ``start``: the first words of what it says."""

    number: int
    reference: str
    kind: str
    start: str
    place: str
    state: ReportState
    owner: int | None
    received_at: datetime
    changed_at: datetime


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
    *,
    states: Collection[ReportState] = (),
    owner: int | None = None,
    kind: str = "",
    words: str = "",
    before: int = 0,
    limit: int = 50,
) -> ReportPage:
    """The reports in one of ``states`` (none given: in any), of an owner and a kind, that have all ``words``.

    The newest first. ``owner``: `NO_OWNER` for those that have none. ``before``: the number that `Page.further` gave.
    """
    row = PublicReport
    query = select(row).where(*_matching(states, owner, kind, words)).order_by(row.id.desc()).limit(limit + 1)
    if before:
        query = query.where(row.id < before)
    found = list(session.scalars(query))
    lines = [_line(report) for report in found[:limit]]
    return ReportPage(lines, lines[-1].number if len(found) > limit else 0)


def count_reports(
    session: Session,
    *,
    states: Collection[ReportState] = (),
    owner: int | None = None,
    kind: str = "",
    words: str = "",
) -> int:
    """How many `list_reports` finds on all its pages."""
    query = select(func.count()).select_from(PublicReport).where(*_matching(states, owner, kind, words))
    return session.scalar(query) or 0


def _matching(
    states: Collection[ReportState], owner: int | None, kind: str, words: str
) -> Iterator[ColumnElement[bool]]:
    row = PublicReport
    if states:
        yield row.state.in_([state.value for state in states])
    if owner is not None:
        yield row.owner.is_(None) if owner == NO_OWNER else row.owner == owner
    if kind:
        yield row.kind == kind
    for word in words.split()[:8]:
        yield or_(*(one.icontains(word, autoescape=True) for one in (row.what, row.place, row.reference)))


def counts_by_state(session: Session) -> dict[ReportState, int]:
    """How many reports are in each state."""
    counts = dict.fromkeys(ReportState, 0)
    for state, count in session.execute(select(PublicReport.state, func.count()).group_by(PublicReport.state)):
        counts[ReportState(state)] = count
    return counts


def oldest_new(session: Session) -> datetime | None:
    """When the oldest report came that nobody has taken."""
    return session.scalar(select(func.min(PublicReport.received_at)).where(PublicReport.state == ReportState.NEW.value))


def find_report(session: Session, reference: str) -> PublicReport:
    """The report of a reference.

    Raises:
        NotFoundError: there is none.

    """
    found = session.scalar(select(PublicReport).where(PublicReport.reference == grouped(plain(reference)[:8])))
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


def read_report(session: Session, report: PublicReport, *, all_entries: bool) -> ReportDetails:
    """A report with its history; without ``all_entries`` only what its reporter may see."""
    entries = select(ReportEntry).where(ReportEntry.report_id == report.id).order_by(ReportEntry.id)
    if not all_entries:
        entries = entries.where(ReportEntry.kind.in_(_FOR_REPORTER))
    files = select(PublicFile).where(PublicFile.report_id == report.id).order_by(PublicFile.id)
    return ReportDetails(report, list(session.scalars(entries)), list(session.scalars(files)))


def _line(report: PublicReport) -> ReportSummary:
    start = " ".join(report.what[:300].split())
    return ReportSummary(
        report.id, report.reference, report.kind, start[:120], report.place[:80], ReportState(report.state),
        report.owner, report.received_at, report.changed_at,
    )  # fmt: skip


def event_upload(session: Session, report: PublicReport) -> str:
    """The upload with the event that was made of a report, or empty."""
    made = select(ReportEntry.text).where(ReportEntry.report_id == report.id, ReportEntry.kind == EntryKind.EVENT.value)
    return session.scalar(made) or ""
