"""What a team and a reporter do with a report; each step with its entry in the history and in the audit log."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from tocsin.delivery.mailbox import ReceivedMail
from tocsin.directory import Team
from tocsin.incidents.arrivals.basis import check_release
from tocsin.incidents.arrivals.models import (
    WITHOUT_ANSWER,
    CloseReason,
    EntryKind,
    PublicReport,
    ReportEntry,
    ReportMail,
    ReportObservable,
    ReportState,
)
from tocsin.incidents.observables import extract_observables
from tocsin.node.errors import ConflictError, UsageError
from tocsin.node.letters import HAND_OVER, queue_letter
from tocsin.node.records import AuditAction, audit
from tocsin.node.sentences import say
from tocsin.sharing.gate import recipient_of


@dataclass(frozen=True)
class ReporterLetter:
    """The mail by which a reporter who gave a mailbox learns of an answer."""

    subject: str
    body: str


def take_report(
    session: Session, report: PublicReport, person: int, *, actor: str, now: datetime, by: int | None = None
) -> None:
    """Make a person the owner; who had it before has it no more. ``by``: who assigns it, where it is another."""
    if report.owner == person:
        return
    report.owner = person
    enter(session, report, EntryKind.OWNER, str(person), person=by or person, now=now)
    audit_report(session, AuditAction.INBOX_TAKEN, report, actor=actor, now=now, owner=person)
    if report.state == ReportState.NEW:
        set_state(session, report, ReportState.OPEN, person=person, actor=actor, now=now)


def give_back(session: Session, report: PublicReport, *, person: int, actor: str, now: datetime) -> None:
    """Leave a report without an owner, as it came."""
    if report.owner is None:
        return
    report.owner = None
    enter(session, report, EntryKind.OWNER, "", person=person, now=now)
    audit_report(session, AuditAction.INBOX_TAKEN, report, actor=actor, now=now)
    if report.state == ReportState.OPEN:
        set_state(session, report, ReportState.NEW, person=person, actor=actor, now=now)


def set_state(
    session: Session,
    report: PublicReport,
    state: ReportState,
    *,
    person: int | None,
    actor: str,
    now: datetime,
    reason: CloseReason | None = None,
) -> None:
    """Say whose turn it is; ``reason``: why it is closed.

    Raises:
        ConflictError: it is in an incident, and worked on there.

    """
    if report.state == ReportState.INCIDENT:
        raise ConflictError(
            say("%(reference)s is in an incident.", reference=report.reference),
            hint=say("It is worked on there. Take it out of the incident first."),
        )
    put_state(session, report, state, person=person, actor=actor, now=now, reason=reason)


def put_state(
    session: Session,
    report: PublicReport,
    state: ReportState,
    *,
    person: int | None,
    actor: str,
    now: datetime,
    reason: CloseReason | None = None,
) -> None:
    """Change the state, also of a report that is in an incident."""
    if report.state == state:
        return
    report.state = state.value
    text = f"{state}:{reason}" if reason else state.value
    enter(session, report, EntryKind.STATE, text, person=person, now=now)
    detail = {"state": state.value, **({"why": reason.value} if reason else {})}
    audit_report(session, AuditAction.INBOX_MOVED, report, actor=actor, now=now, **detail)


def closed_state(reason: CloseReason | None, *, answered: bool) -> ReportState:
    """How a report is closed: with an answer, or as one that needs none or got none. Pure."""
    return ReportState.CLOSED if answered and reason not in WITHOUT_ANSWER else ReportState.CLOSED_WITHOUT


def close_report(
    session: Session, report: PublicReport, reason: CloseReason | None, *, person: int, actor: str, now: datetime
) -> None:
    """Close a report. Who has its secret reads why, which is an answer.

    Raises:
        ConflictError: it is in an incident.

    """
    answers = select(ReportEntry.id).where(
        ReportEntry.report_id == report.id, ReportEntry.kind == EntryKind.ANSWER.value
    )
    answered = bool(report.secret) or session.scalar(answers.limit(1)) is not None
    state = closed_state(reason, answered=answered)
    set_state(session, report, state, person=person, actor=actor, now=now, reason=reason)


def reject_report(session: Session, report: PublicReport, why: str, *, person: int, actor: str, now: datetime) -> None:
    """Reject a report; why stays as a note for the team.

    Raises:
        ConflictError: it is in an incident.

    """
    set_state(session, report, ReportState.REJECTED, person=person, actor=actor, now=now)
    note_on_report(session, report, why, person=person, actor=actor, now=now)


def hand_over_report(
    session: Session,
    report: PublicReport,
    team: Team,
    letter: ReporterLetter,
    *,
    person: int,
    actor: str,
    now: datetime,
    due_at: datetime | None = None,
) -> None:
    """Give a report to a team of the directory, which is written to; it has it from then on.

    Raises:
        ConflictError: it is in an incident, or it came voluntarily and the team is a supervisor or the police.
        UsageError: the team has no email address.

    """
    check_release(session, [report], recipient_of(team))
    if not team.mailboxes:
        raise UsageError(
            say("%(name)s has no email address.", name=team.name), hint=say("Add one to the directory first.")
        )
    set_state(session, report, ReportState.HANDED_OVER, person=person, actor=actor, now=now)
    report.team_id = team.id
    entry = enter(session, report, EntryKind.HAND_OVER, letter.body, person=person, now=now)
    for number, mailbox in enumerate(team.mailboxes):
        queue_letter(
            session, key=f"inbox:{report.reference}:{entry.id}/{number}", kind=HAND_OVER, mailbox=mailbox,
            subject=letter.subject, body=letter.body, now=now, due_at=due_at, about=_about(report),
        )  # fmt: skip
    audit_report(session, AuditAction.INBOX_SENT_ON, report, actor=actor, now=now, team=str(team.uuid))


def plan_ring_back(
    session: Session, report: PublicReport, at: datetime | None, *, person: int | None, actor: str, now: datetime
) -> None:
    """Say when to ring the reporter back; None: it was done, or is not needed."""
    if report.ring_back_at == at:
        return
    report.ring_back_at = at
    enter(session, report, EntryKind.RING_BACK, at.isoformat() if at else "", person=person, now=now)
    audit_report(session, AuditAction.INBOX_NOTED, report, actor=actor, now=now, ring_back=at.isoformat() if at else "")


def note_event(session: Session, report: PublicReport, upload: str, *, person: int, actor: str, now: datetime) -> None:
    """Note that an event was made of a report, by the upload that holds it; the same upload once."""
    act = f"event/{upload}"
    if is_known(session, act):
        return
    enter(session, report, EntryKind.EVENT, upload, person=person, now=now, act=act)
    audit_report(session, AuditAction.INBOX_SENT_ON, report, actor=actor, now=now, upload=upload)


def answer_report(
    session: Session,
    report: PublicReport,
    text: str,
    *,
    person: int,
    actor: str,
    now: datetime,
    asks: bool = False,
    letter: ReporterLetter | None = None,
    act: str | None = None,
    kind: str = "inbox-answer",
    due_at: datetime | None = None,
) -> None:
    """Say something to the reporter. ``asks``: it is then his turn. ``letter`` goes to his mailbox, if he gave one.

    ``act`` names the form that it came by: the same twice is once. ``kind``, ``due_at``: of the letter.
    """
    if is_known(session, act):
        return
    entry = enter(session, report, EntryKind.ANSWER, text, person=person, now=now, act=act)
    audit_report(
        session, AuditAction.INBOX_ANSWERED, report, actor=actor, now=now, mailed=bool(letter and report.mailbox)
    )
    if letter and report.mailbox:
        queue_letter(
            session,
            key=f"inbox:{report.reference}:{entry.id}",
            kind=kind,
            due_at=due_at,
            mailbox=report.mailbox,
            subject=letter.subject,
            body=letter.body,
            now=now,
            answers=_last_mail(session, report),
            about=_about(report),
        )
    if report.owner is None:
        take_report(session, report, person, actor=actor, now=now)
    if asks and report.state != ReportState.INCIDENT:
        set_state(session, report, ReportState.WAITING, person=person, actor=actor, now=now)


def _about(report: PublicReport) -> str:
    """What a letter is shown with: in a restricted incident, the report, to those who read that."""
    return f"inbox:{report.reference}" if report.compartment_id else ""


def _last_mail(session: Session, report: PublicReport) -> str:
    """The Message-ID of the newest mail of a report, so that the answer stands in its thread; or empty."""
    query = select(ReceivedMail.message_id).join(ReportMail, ReportMail.mail_id == ReceivedMail.id)
    newest = query.where(ReportMail.report_id == report.id).order_by(ReportMail.id.desc()).limit(1)
    return session.scalar(newest) or ""


def note_on_report(
    session: Session, report: PublicReport, text: str, *, person: int, actor: str, now: datetime, act: str | None = None
) -> None:
    """Keep a note that only the team sees."""
    if is_known(session, act):
        return
    enter(session, report, EntryKind.NOTE, text, person=person, now=now, act=act)
    audit_report(session, AuditAction.INBOX_NOTED, report, actor=actor, now=now)


def add_observables(session: Session, report: PublicReport, *texts: str) -> None:
    """Note what texts of a report name, each value once."""
    mine = ReportObservable.report_id == report.id
    known = set(session.execute(select(ReportObservable.kind, ReportObservable.value).where(mine)).all())
    for one in extract_observables("\n".join(texts)).found:
        if (one.kind.value, one.value) not in known and one.value != report.mailbox:
            session.add(ReportObservable(report_id=report.id, kind=one.kind.value, value=one.value))


def is_known(session: Session, act: str | None) -> bool:
    """Whether what this form or mail said is here already."""
    return act is not None and session.scalar(select(ReportEntry.id).where(ReportEntry.act == act)) is not None


def enter(
    session: Session,
    report: PublicReport,
    kind: EntryKind,
    text: str,
    *,
    person: int | None,
    now: datetime,
    act: str | None = None,
) -> ReportEntry:
    """An entry in the history of a report."""
    entry = ReportEntry(report_id=report.id, at=now, kind=kind.value, person=person, text=text, act=act)
    session.add(entry)
    session.flush()
    report.changed_at = now
    return entry


def audit_report(
    session: Session, word: AuditAction, report: PublicReport, *, actor: str, now: datetime, **detail: object
) -> None:
    """An entry of the audit log about a report."""
    audit(session, word, at=now, actor=actor, subject=f"inbox:{report.reference}", detail=detail)
