"""Reports that go: closed ones after their time, any on request. Its number and its steps in the audit log stay."""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from hashlib import sha256
from typing import Final

from sqlalchemy import column, delete, select, table, update
from sqlalchemy.orm import Session

from tocsin.delivery import purge_letter
from tocsin.delivery.mailbox import ReceivedMail, purge_received
from tocsin.incidents.arrivals.models import (
    ENDED,
    Notice,
    PublicFile,
    PublicReport,
    ReportEntry,
    ReportMail,
    ReportObservable,
    ReportRelease,
)
from tocsin.incidents.arrivals.queries import mails_of
from tocsin.incidents.evidence import check_hold, incidents_of_reports
from tocsin.incidents.models import IncidentReport
from tocsin.incidents.read import IncidentReader, readable
from tocsin.node.blobs import Blobs
from tocsin.node.letters import Letter
from tocsin.node.records import AuditAction, Database, audit

_COMMENTS: Final = table("comment", column("subject"))  # of the staff on anything, which a room above writes


def erase_report(
    database: Database, blobs: Blobs, number: int, *, mails: Blobs | None = None, actor: str, now: datetime
) -> None:
    """Delete a report with all that was said and sent of it, as its reporter may ask (GDPR, article 17).

    ``mails``: where the mails that it came by are kept.

    Raises:
        ConflictError: it is in an incident under a legal hold.

    """
    with database.begin() as session:
        report = session.get_one(PublicReport, number)
        check_hold(session, incidents_of_reports(session, [number]), now)
        subject = f"inbox:{report.reference}"
        kept = [mail.sha256 for mail in mails_of(session, report)]
        files = _delete(session, report)
        audit(session, AuditAction.INBOX_ERASED, at=now, actor=actor, subject=subject, detail={})
    _delete_files(database, blobs, files)
    if mails is not None:
        for digest in kept:
            mails.delete(digest)


def purge_report(session: Session, report: PublicReport) -> None:
    """Delete the rows of a report with all that was said and sent of it, in the caller's transaction."""
    for letter in letters_of(session, report):
        purge_letter(session, letter)
    _delete(session, report)


def forget_mail(session: Session, mail: ReceivedMail) -> None:
    """Empty what the inbox holds of a mail that is purged, in the caller's transaction."""
    for entry in session.scalars(select(ReportEntry).where(ReportEntry.act == f"mail:{mail.sha256}")):
        entry.text = ""
    of = select(ReportMail.report_id).where(ReportMail.mail_id == mail.id)
    session.execute(delete(ReportObservable).where(ReportObservable.report_id.in_(of)))
    act = sha256(f"mail/{mail.sha256}".encode()).hexdigest()
    for report in session.scalars(select(PublicReport).where(PublicReport.act == act)):
        report.what = report.subject = report.sender = ""


def letters_of(session: Session, report: PublicReport) -> Sequence[Letter]:
    """The letters to the reporter."""
    return session.scalars(select(Letter).where(Letter.key.startswith(f"inbox:{report.reference}:"))).all()


def files_of(session: Session, report: PublicReport) -> list[str]:
    """The SHA-256 of its files."""
    return list(session.scalars(select(PublicFile.sha256).where(PublicFile.report_id == report.id)))


def others_with_files_of(session: Session, reader: IncidentReader, report: PublicReport) -> Sequence[str]:
    """The references of other reports with which one of its files came, too."""
    same = select(PublicFile.report_id).where(
        PublicFile.sha256.in_(files_of(session, report)), PublicFile.report_id != report.id
    )
    return session.scalars(
        select(PublicReport.reference)
        .where(PublicReport.id.in_(same), readable(session, reader, PublicReport))
        .order_by(PublicReport.id)
    ).all()


def delete_files(database: Database, blobs: Blobs, digests: Iterable[str]) -> set[str]:
    """Delete those of the files that no report refers to any more; returns those that another still has."""
    return set(digests) & _delete_files(database, blobs, set(digests))


def delete_closed(database: Database, blobs: Blobs, before: datetime, *, but: Collection[int] = ()) -> int:
    """Delete the closed reports to which nothing happened since a time; returns how many. ``but``: these stay.

    Files as old to which no report refers go with them, as of one that was killed before it was filed.
    """
    with database.begin() as session:
        old = session.scalars(
            select(PublicReport).where(
                PublicReport.state.in_([state.value for state in ENDED]), PublicReport.changed_at < before
            )
        ).all()
        old = [report for report in old if report.id not in but]
        files = {name for report in old for name in _delete(session, report)}
    blobs.delete_before(before.date(), but=_delete_files(database, blobs, files))
    return len(old)


def _delete(session: Session, report: PublicReport) -> set[str]:
    """Delete the rows of a report; the names of its files."""
    files = set(session.scalars(select(PublicFile.sha256).where(PublicFile.report_id == report.id)))
    ours = Letter.key.startswith(f"inbox:{report.reference}:")
    session.execute(update(Letter).where(ours).values(body="", mailbox=""))
    for mail in mails_of(session, report):
        purge_received(session, mail)
    for rows in (PublicFile, ReportEntry, ReportObservable, ReportMail, ReportRelease, Notice, IncidentReport):
        session.execute(delete(rows).where(rows.report_id == report.id))
    session.execute(delete(_COMMENTS).where(_COMMENTS.c.subject == f"inbox:{report.reference}"))
    session.delete(report)
    session.flush()
    return files


def _delete_files(database: Database, blobs: Blobs, digests: set[str]) -> set[str]:
    """Delete those of the files that no report refers to any more; returns all to which one does."""
    with database.reading() as session:
        used = set(session.scalars(select(PublicFile.sha256)))
    for digest in digests - used:
        blobs.delete(digest)
    return used
