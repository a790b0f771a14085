"""Reports that go: closed ones after their time, any on request. Its number and its steps in the audit log stay."""

from datetime import datetime
from pathlib import Path

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from tocsin.incidents.arrivals.files import file_path
from tocsin.incidents.arrivals.models import PublicFile, PublicReport, ReportEntry, ReportState
from tocsin.node.files import disk_failures
from tocsin.node.letters import Letter
from tocsin.node.records import AuditAction, Database, audit


def erase_report(database: Database, folder: Path, number: int, *, actor: str, now: datetime) -> None:
    """Delete a report with all that was said and sent of it, as its reporter may ask (GDPR, article 17)."""
    with database.begin() as session:
        report = session.get_one(PublicReport, number)
        subject = f"inbox:{report.reference}"
        files = _delete(session, report)
        audit(session, AuditAction.INBOX_ERASED, at=now, actor=actor, subject=subject, detail={})
    _delete_files(database, folder, files)


def delete_closed(database: Database, folder: Path, before: datetime) -> int:
    """Delete the closed reports to which nothing happened since a time; returns how many."""
    with database.begin() as session:
        old = session.scalars(
            select(PublicReport).where(PublicReport.state == ReportState.CLOSED.value, PublicReport.changed_at < before)
        ).all()
        files = {name for report in old for name in _delete(session, report)}
    _delete_files(database, folder, files)
    return len(old)


def _delete(session: Session, report: PublicReport) -> set[str]:
    """Delete the rows of a report; the names of its files."""
    files = set(session.scalars(select(PublicFile.sha256).where(PublicFile.report_id == report.id)))
    ours = Letter.key.startswith(f"inbox:{report.reference}:")
    session.execute(update(Letter).where(ours).values(body="", mailbox=""))
    session.execute(delete(PublicFile).where(PublicFile.report_id == report.id))
    session.execute(delete(ReportEntry).where(ReportEntry.report_id == report.id))
    session.delete(report)
    session.flush()
    return files


def _delete_files(database: Database, folder: Path, names: set[str]) -> None:
    """Delete bytes that no report refers to any more."""
    with database.reading() as session:
        used = set(session.scalars(select(PublicFile.sha256).where(PublicFile.sha256.in_(names))))
    with disk_failures("The files of old reports cannot be deleted"):
        for name in names - used:
            file_path(folder, name).unlink(missing_ok=True)
