"""A report of the inbox is put into an incident, or taken out; its reporter writes again. Both histories name it.

While it is in one or more incidents, that is its state. In a restricted incident only those read it who read that.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from tocsin.incidents.arrivals.handling import add_observables, audit_report, enter, is_known, put_state, set_state
from tocsin.incidents.arrivals.models import ENDED, EntryKind, Notice, PublicReport, ReportState
from tocsin.incidents.clocks import OUR_ANSWER, end_clock, notice_submitted, running_of, writer_for
from tocsin.incidents.models import Incident, IncidentReport, Party
from tocsin.incidents.read import TEAM
from tocsin.incidents.states import IncidentEntryKind, PartyRole
from tocsin.incidents.write import add_entry, add_party, settle_report
from tocsin.node.errors import ConflictError
from tocsin.node.records import AuditAction
from tocsin.node.sentences import say


def put_into(
    session: Session,
    report: PublicReport,
    incident: Incident,
    *,
    person: int | None,
    actor: str,
    now: datetime,
    once: str | None = None,
) -> None:
    """Put a report into an incident; where it is in it, nothing follows. ``once``: as of an entry.

    Its reporter takes part in the incident from then on, where he can be reached; nothing is sent to him.

    Raises:
        ConflictError: it is in a restricted incident, and others would learn of it.

    """
    links = _links(session, report)
    if any(link.incident_id == incident.id for link in links):
        return
    if report.compartment_id not in {TEAM, incident.compartment_id}:
        raise ConflictError(
            say("%(reference)s is in a restricted incident.", reference=report.reference),
            hint=say("Take it out of that one first, or merge the two incidents."),
        )
    session.add(IncidentReport(incident_id=incident.id, report_id=report.id, compartment_id=incident.compartment_id))
    settle_report(session, report)
    enter(session, report, EntryKind.INCIDENT, incident.reference, person=person, now=now)
    put_state(session, report, ReportState.INCIDENT, person=person, actor=actor, now=now)
    data = {"report": report.reference, "door": report.door}
    add_entry(
        session, incident, IncidentEntryKind.ARRIVAL, author=_author(person), actor=actor, now=now, data=data, once=once
    )
    notice = notice_of(session, report)
    party = _add_reporter(session, report, incident, notice, actor=actor, now=now, author=_author(person))
    if notice is not None and notice.version == 1:  # a correction submits nothing anew
        notice_submitted(
            session, incident, notice.kind, notice.received_at, act=notice.law, party=party, actor=actor, now=now
        )
    if notice is not None and (notice.answered_at or notice.waived_at):  # before anybody opened an incident for it
        end_our_answer(session, incident, notice, notice.answered_at, actor=actor, now=now)


def notice_of(session: Session, report: PublicReport) -> Notice | None:
    """The notice that came as this report; None: it is none."""
    return session.scalar(select(Notice).where(Notice.report_id == report.id))


def end_our_answer(
    session: Session, incident: Incident, notice: Notice, at: datetime | None, *, actor: str, now: datetime,
    reason: str = "", author: str = "",
) -> None:  # fmt: skip
    """End the clocks of our answer to the entity of a notice: met at a time, or without one not applicable."""
    party = party_of(session, incident, notice)
    if at is not None:
        notice_submitted(session, incident, OUR_ANSWER, at, act=notice.law, party=party, actor=actor, now=now)
        return
    writer = writer_for(session, actor=actor, now=now, author=author)
    for clock in running_of(session, incident, notice.law, OUR_ANSWER, party):
        end_clock(writer, clock, None, reason)


def party_of(session: Session, incident: Incident, notice: Notice) -> int | None:
    """The number of the party of an incident that the entity of a notice is; None: it is none."""
    of = Party.incident_id == incident.id, Party.team_id == notice.team_id
    return session.scalar(select(Party.id).where(*of).order_by(Party.id).limit(1))


def _add_reporter(
    session: Session,
    report: PublicReport,
    incident: Incident,
    notice: Notice | None,
    *,
    actor: str,
    now: datetime,
    author: str,
) -> int | None:
    """The number of the party that the reporter is, of an entity that filed a notice with its team; None: of nobody."""
    team = notice.team_id if notice else None
    ways = [Party.team_id == team] if team is not None else []
    ways += [column == said for column, said in ((Party.mailbox, report.mailbox), (Party.phone, report.phone)) if said]
    if not ways:
        return None
    if (
        known := session.scalar(select(Party.id).where(Party.incident_id == incident.id, or_(*ways)).limit(1))
    ) is not None:
        return known
    role, name = PartyRole.REPORTER.value, report.sender or report.mailbox or report.phone
    party = add_party(
        session, incident, role=role, team=team, name=name, mailbox=report.mailbox, phone=report.phone,
        language=report.language, ceiling="AMBER", now=now,
    )  # fmt: skip
    data = {"act": "joined", "role": role, "name": name}
    add_entry(session, incident, IncidentEntryKind.PARTY, actor=actor, now=now, author=author, data=data, party=party)
    return party.id


def take_out(
    session: Session, report: PublicReport, incident: Incident, *, person: int | None, actor: str, now: datetime
) -> None:
    """Take a report out of an incident. Out of the last, it is the team's again, and its owner's turn.

    Raises:
        ConflictError: it is not in it.

    """
    links = {link.incident_id: link for link in _links(session, report)}
    if incident.id not in links:
        raise ConflictError(
            say("%(report)s is not in %(incident)s.", report=report.reference, incident=incident.reference)
        )
    session.delete(links.pop(incident.id))
    settle_report(session, report)
    enter(session, report, EntryKind.TAKEN_OUT, incident.reference, person=person, now=now)
    if not links:
        state = ReportState.NEW if report.owner is None else ReportState.OPEN
        put_state(session, report, state, person=person, actor=actor, now=now)
    data = {"report": report.reference, "out": True}
    add_entry(session, incident, IncidentEntryKind.ARRIVAL, author=_author(person), actor=actor, now=now, data=data)


def add_message(
    session: Session,
    report: PublicReport,
    text: str,
    *,
    now: datetime,
    act: str,
    kind: EntryKind = EntryKind.MESSAGE,
) -> bool:
    """Take in what the reporter adds; the team has the next turn. False where it is here already.

    ``kind``: `EntryKind.MAIL` where it is of the team that the report was handed over to.
    """
    if is_known(session, act):
        return False
    enter(session, report, kind, text, person=None, now=now, act=act)
    add_observables(session, report, text)
    audit_report(session, AuditAction.INBOX_ADDED, report, actor="public", now=now)
    if report.state == ReportState.INCIDENT:
        note_in_incidents(session, report, IncidentEntryKind.ARRIVAL, {"message": True}, actor="public", now=now)
    elif report.state in {ReportState.WAITING, *ENDED}:
        state = ReportState.OPEN if report.owner is not None else ReportState.NEW
        set_state(session, report, state, person=None, actor="public", now=now)
    return True


def note_in_incidents(
    session: Session, report: PublicReport, kind: IncidentEntryKind, data: dict[str, Any], *, actor: str, now: datetime,
    author: str = "",
) -> None:  # fmt: skip
    """An entry in each incident of a report whose readers know of it."""
    for incident in incidents_of(session, report):
        add_entry(
            session, incident, kind, author=author, actor=actor, now=now, data={"report": report.reference} | data
        )


def incidents_of(session: Session, report: PublicReport) -> Sequence[Incident]:
    """The incidents that a report is in, whose readers know of it."""
    mine = select(Incident).join(IncidentReport, IncidentReport.incident_id == Incident.id)
    known = IncidentReport.report_id == report.id, Incident.compartment_id == report.compartment_id
    return session.scalars(mine.where(*known).order_by(Incident.id)).all()


def _author(person: int | None) -> str:
    return "" if person is None else f"person:{person}"


def _links(session: Session, report: PublicReport) -> list[IncidentReport]:
    return list(session.scalars(select(IncidentReport).where(IncidentReport.report_id == report.id)))
