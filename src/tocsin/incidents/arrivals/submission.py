"""Taking a report in: its files first, then all of it in one transaction with its audit entry."""

import hashlib
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from tocsin.incidents.arrivals.files import ReportAttachment
from tocsin.incidents.arrivals.handling import add_observables
from tocsin.incidents.arrivals.kinds import ReportKind
from tocsin.incidents.arrivals.models import PublicFile, PublicReport, ReportBasis, ReportDoor, ReportState
from tocsin.incidents.arrivals.tickets import Ticket
from tocsin.node.blobs import Blobs
from tocsin.node.records import AuditAction, Database, audit, cut


@dataclass(frozen=True)
class ReportForm:
    """What was reported, and by which door; see `PublicReport`."""

    kind: ReportKind
    what: str
    place: str = ""
    happened: str = ""
    mailbox: str = ""
    language: str = "en"
    door: ReportDoor = ReportDoor.FORM
    sender: str = ""
    phone: str = ""
    subject: str = ""
    ring_back_at: datetime | None = None
    basis: ReportBasis = ReportBasis.VOLUNTARY
    basis_act: str = ""


def same_report(
    session: Session, filed: ReportForm, files: Collection[ReportAttachment], ticket: Ticket, *, since: datetime
) -> PublicReport | None:
    """The report that came since then by another form and says just the same, with the same files."""
    row = PublicReport
    said = (row.kind == filed.kind.value, row.what == filed.what, row.place == filed.place)
    asked = select(row).where(*said, row.happened == filed.happened, row.mailbox == filed.mailbox)
    digests = sorted(hashlib.sha256(file.content).hexdigest() for file in files)
    for found in session.scalars(asked.where(row.received_at >= since, row.act != ticket.act).order_by(row.id)):
        if digests == sorted(session.scalars(select(PublicFile.sha256).where(PublicFile.report_id == found.id))):
            return found
    return None


def file_report(
    database: Database,
    blobs: Blobs,
    ticket: Ticket,
    filed: ReportForm,
    files: Collection[ReportAttachment] = (),
    *,
    now: datetime,
    actor: str = "public",
) -> bool:
    """Take a report in under its ticket; False where it is here already. ``blobs`` keeps the bytes of files.

    Only who used the public form can open it by the secret of the ticket.

    Raises:
        StorageError: disk or database failed; nothing was taken in.

    """
    digests = [blobs.put(file.content) for file in files]
    cut("inbox.kept")
    try:
        with database.begin() as session:
            if report_of_act(session, ticket) is not None:
                return False
            report = add_report(session, ticket, filed, now=now, actor=actor, files=len(files))
            for file, digest in zip(files, digests, strict=True):
                row = {"name": file.name, "bytes": len(file.content), "sha256": digest}
                session.add(PublicFile(report_id=report.id, **row))
    except IntegrityError:  # the same form, sent twice at the same moment
        return False
    cut("inbox.filed")
    return True


def add_report(
    session: Session, ticket: Ticket, filed: ReportForm, *, now: datetime, actor: str, files: int = 0
) -> PublicReport:
    """A new report with what it names, in the caller's transaction; ``files``: how many come with it."""
    report = PublicReport(
        reference=ticket.reference, secret=ticket.hashed if filed.door is ReportDoor.FORM else "", act=ticket.act,
        kind=filed.kind.value, what=filed.what, place=filed.place, happened=filed.happened, mailbox=filed.mailbox,
        language=filed.language, state=ReportState.NEW.value, owner=None, received_at=now, changed_at=now,
        door=filed.door.value, sender=filed.sender, phone=filed.phone, subject=filed.subject,
        ring_back_at=filed.ring_back_at, team_id=None, basis=filed.basis.value, basis_act=filed.basis_act,
    )  # fmt: skip
    session.add(report)
    session.flush()
    add_observables(session, report, filed.subject, filed.place, filed.what)
    detail: dict[str, object] = {"kind": filed.kind.value, "files": files, "door": filed.door.value}
    subject = f"inbox:{ticket.reference}"
    audit(session, AuditAction.INBOX_RECEIVED, at=now, actor=actor, subject=subject, detail=detail)
    return report


def report_of_act(session: Session, ticket: Ticket) -> PublicReport | None:
    """The report that came by the same form before."""
    return session.scalar(select(PublicReport).where(PublicReport.act == ticket.act))
