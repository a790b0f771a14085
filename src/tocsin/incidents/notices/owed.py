"""What this CSIRT owes an entity for what it filed, and until when: by the rules of adopted clock texts.

NIS2, article 23(5), gives 24 hours for the answer to an early warning. Before a notice is in an incident there is no
clock to keep; the deadline is then reckoned from the rule. In an incident its clock says it.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session, aliased

from tocsin.incidents.arrivals import Notice, PublicReport, ReportState
from tocsin.incidents.clocks import OUR_ANSWER, Calendars, ClockState, IncidentClock, reckon, rules_for
from tocsin.incidents.models import IncidentReport
from tocsin.incidents.notices.read import FiledNotice
from tocsin.incidents.read import IncidentReader, readable


@dataclass(frozen=True)
class OpenNotice:
    """A notice that needs a person. ``due``: when our answer is; None: none is owed, or its act gives no number.

    ``owed``: an answer is; else nobody has taken it.
    """

    filed: FiledNotice
    owed: bool
    due: datetime | None = None


def open_notices(session: Session, reader: IncidentReader) -> list[OpenNotice]:
    """The notices to which an answer is owed, and those that nobody has taken; what is due first comes first."""
    settled = aliased(Notice)  # an answer to one version answers its corrections, too
    same = settled.chain == Notice.chain, settled.kind == Notice.kind, settled.team_id == Notice.team_id
    done = (settled.answered_at.is_not(None)) | (settled.waived_at.is_not(None))
    waiting = ~select(settled.id).where(*same, done).exists(), Notice.superseded.is_(False)
    query = select(Notice, PublicReport).join(PublicReport, PublicReport.id == Notice.report_id)
    rows = session.execute(query.where(*waiting, readable(session, reader, PublicReport)).order_by(Notice.id))
    found = [*_open(session, [FiledNotice(notice, report) for notice, report in rows])]
    return sorted(found, key=lambda one: (one.due is None, one.due or one.filed.notice.received_at))


def answer_due(session: Session, reader: IncidentReader, filed: FiledNotice) -> OpenNotice | None:
    """The same for one notice; None: nothing is to be done with it."""
    return next((one for one in open_notices(session, reader) if one.filed.notice.id == filed.notice.id), None)


def _open(session: Session, filed: Sequence[FiledNotice]) -> Iterator[OpenNotice]:
    calendars = Calendars(session)
    for one in filed:
        found = [*_deadlines(session, one, calendars)]
        if found or one.report.state == ReportState.NEW:
            yield OpenNotice(one, owed=bool(found), due=min((due for due in found if due), default=None))


def _deadlines(session: Session, filed: FiledNotice, calendars: Calendars) -> Iterator[datetime | None]:
    """When what we owe for a notice is due; None for each that has no number."""
    notice, row = filed.notice, IncidentClock
    if filed.report.state == ReportState.INCIDENT:
        held = select(IncidentReport.incident_id).where(IncidentReport.report_id == filed.report.id)
        runs = row.state == ClockState.RUNNING.value, row.act == notice.law, row.due_notice == OUR_ANSWER
        yield from session.scalars(select(row.due_at).where(row.incident_id.in_(held), *runs))
        return
    first = Notice.chain == notice.chain, Notice.kind == notice.kind, Notice.team_id == notice.team_id
    since = session.scalar(select(func.min(Notice.received_at)).where(*first)) or notice.received_at
    rules = [(text, rule) for text, rule in rules_for(session, since) if text.law == notice.law]
    submitted = {rule.id for _, rule in rules if rule.notice == notice.kind}
    for text, rule in rules:
        if rule.ours and rule.notice == OUR_ANSWER and rule.starts_with_submission_of in submitted:
            yield reckon(rule, since, calendars.of(text), {}).due
