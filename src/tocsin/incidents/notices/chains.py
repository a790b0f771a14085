"""The notices of one incident of an entity, one after the other: what the clocks are told of them."""

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from tocsin.incidents.arrivals.models import PublicReport
from tocsin.incidents.clocks.write import notice_submitted
from tocsin.incidents.models import Incident
from tocsin.incidents.notices.models import Notice


def notice_of(session: Session, report: PublicReport) -> Notice | None:
    """The notice that a report is; None: it is none."""
    return session.scalar(select(Notice).where(Notice.report_id == report.id))


def tell_clocks(session: Session, report: PublicReport, incident: Incident, *, actor: str, now: datetime) -> None:
    """Let the clocks of an incident know of a notice that was put into it."""
    if (notice := notice_of(session, report)) is not None:
        notice_submitted(session, incident, notice.kind, notice.received_at, act=notice.law, actor=actor, now=now)
