"""What a team and a reporter do with a report; each step with its entry in the history and in the audit log."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from tocsin.incidents.arrivals.models import CloseReason, EntryKind, PublicReport, ReportEntry, ReportState
from tocsin.node.letters import queue_letter
from tocsin.node.records import AuditAction, audit


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
    _enter(session, report, EntryKind.OWNER, str(person), person=by or person, now=now)
    _audit(session, AuditAction.INBOX_TAKEN, report, actor=actor, now=now, owner=person)
    if report.state == ReportState.NEW:
        set_state(session, report, ReportState.OPEN, person=person, actor=actor, now=now)


def give_back(session: Session, report: PublicReport, *, person: int, actor: str, now: datetime) -> None:
    """Leave a report without an owner, as it came."""
    if report.owner is None:
        return
    report.owner = None
    _enter(session, report, EntryKind.OWNER, "", person=person, now=now)
    _audit(session, AuditAction.INBOX_TAKEN, report, actor=actor, now=now)
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
    """Say whose turn it is; ``reason``: why it is closed."""
    if report.state == state:
        return
    report.state = state.value
    text = f"{state}:{reason}" if reason else state.value
    _enter(session, report, EntryKind.STATE, text, person=person, now=now)
    detail = {"state": state.value, **({"why": reason.value} if reason else {})}
    _audit(session, AuditAction.INBOX_MOVED, report, actor=actor, now=now, **detail)


def note_event(session: Session, report: PublicReport, upload: str, *, person: int, actor: str, now: datetime) -> None:
    """Note that an event was made of a report, by the upload that holds it; the same upload once."""
    act = f"event/{upload}"
    if _known(session, act):
        return
    _enter(session, report, EntryKind.EVENT, upload, person=person, now=now, act=act)
    _audit(session, AuditAction.INBOX_SENT_ON, report, actor=actor, now=now, upload=upload)


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
) -> None:
    """Say something to the reporter. ``asks``: it is then his turn. ``letter`` goes to his mailbox, if he gave one.

    ``act`` names the form that it came by: the same twice is once.
    """
    if _known(session, act):
        return
    entry = _enter(session, report, EntryKind.ANSWER, text, person=person, now=now, act=act)
    _audit(session, AuditAction.INBOX_ANSWERED, report, actor=actor, now=now, mailed=bool(letter and report.mailbox))
    if letter and report.mailbox:
        queue_letter(
            session,
            key=f"inbox:{report.reference}:{entry.id}",
            kind="inbox-answer",
            mailbox=report.mailbox,
            subject=letter.subject,
            body=letter.body,
            now=now,
        )
    if report.owner is None:
        take_report(session, report, person, actor=actor, now=now)
    wanted = ReportState.WAITING if asks else report.state
    set_state(session, report, ReportState(wanted), person=person, actor=actor, now=now)


def note_on_report(
    session: Session, report: PublicReport, text: str, *, person: int, actor: str, now: datetime, act: str | None = None
) -> None:
    """Keep a note that only the team sees."""
    if _known(session, act):
        return
    _enter(session, report, EntryKind.NOTE, text, person=person, now=now, act=act)
    _audit(session, AuditAction.INBOX_NOTED, report, actor=actor, now=now)


def add_message(session: Session, report: PublicReport, text: str, *, now: datetime, act: str) -> bool:
    """Take in what the reporter adds; the team has the next turn. False where it is here already."""
    if _known(session, act):
        return False
    _enter(session, report, EntryKind.MESSAGE, text, person=None, now=now, act=act)
    _audit(session, AuditAction.INBOX_ADDED, report, actor="public", now=now)
    if report.state in {ReportState.WAITING, ReportState.CLOSED}:
        state = ReportState.OPEN if report.owner is not None else ReportState.NEW
        set_state(session, report, state, person=None, actor="public", now=now)
    return True


def _known(session: Session, act: str | None) -> bool:
    return act is not None and session.scalar(select(ReportEntry.id).where(ReportEntry.act == act)) is not None


def _enter(
    session: Session,
    report: PublicReport,
    kind: EntryKind,
    text: str,
    *,
    person: int | None,
    now: datetime,
    act: str | None = None,
) -> ReportEntry:
    entry = ReportEntry(report_id=report.id, at=now, kind=kind.value, person=person, text=text, act=act)
    session.add(entry)
    session.flush()
    report.changed_at = now
    return entry


def _audit(
    session: Session, word: AuditAction, report: PublicReport, *, actor: str, now: datetime, **detail: object
) -> None:
    audit(session, word, at=now, actor=actor, subject=f"inbox:{report.reference}", detail=detail)
