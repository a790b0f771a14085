"""What is done with one report of the inbox: it is taken, answered, noted on, moved, and deleted on request."""

from functools import partial
from typing import Annotated, Final

from pydantic import BaseModel, Field, StringConstraints
from sqlalchemy.orm import Session

from tocsin.delivery.texts import check_filled
from tocsin.incidents.arrivals.handling import (
    ReporterLetter,
    answer_report,
    close_report,
    give_back,
    note_on_report,
    set_state,
    take_report,
)
from tocsin.incidents.arrivals.models import REASONS, STATES, CloseReason, PublicReport, ReportState
from tocsin.incidents.arrivals.queries import find_report, mails_of
from tocsin.incidents.arrivals.retention import erase_report
from tocsin.incidents.read import IncidentReader, compartments_of
from tocsin.interface import N_, Act, ActContext, OwnSurface, RequestError, Wording
from tocsin.node.accounts import AccountRole, Permission, Principal, find_person
from tocsin.node.errors import UsageError
from tocsin.node.records import AuditAction
from tocsin.node.sentences import say

_SUBJECT: Final = N_("Answer to your report %(reference)s")
_CLOSE: Final = N_("To add something, open your report with its secret: %(page)s")
_MOVES: Final = {ReportState.NEW, ReportState.OPEN, ReportState.WAITING, ReportState.CLOSED}
_TEXT: Final = Wording(lacking=N_("Write something, in at most 10,000 characters."), lines=True)
_READ: Final = Wording(
    hint=N_(
        "The reporter reads an answer with the secret of the report, and gets it by email where there is an address."
        " It assigns the report to you if it is not assigned."
    )
)
ONCE_TITLE: Final = "Idempotency key"
"""The title of the field that makes a request known when it comes twice; no form shows it."""


class InboxReport(BaseModel):
    """Which report."""

    reference: Annotated[str, StringConstraints(min_length=1, max_length=40)] = Field(
        title=N_("Reference"), description="The reference of a report.", examples=["0000-0000"]
    )


class InboxMove(InboxReport):
    """Whose turn it is."""

    state: Annotated[ReportState, Wording(choices=STATES)] = Field(
        title=N_("State"), description="new, open, waiting (for the reporter) or closed."
    )
    reason: Annotated[CloseReason | None, Wording(choices=REASONS)] = Field(
        None, title=N_("Reason"), description="Why it is closed; the reporter sees it."
    )


class InboxAssignment(InboxReport):
    """Who works on it."""

    owner: Annotated[str, Wording(choices="people")] = Field(
        min_length=1, max_length=320, title=N_("Person"), description="An account, by email address or number."
    )


class InboxNote(InboxReport):
    """A text on a report."""

    text: Annotated[str, _TEXT] = Field(min_length=1, max_length=10_000, title=N_("Text"), description="The text.")
    once: str = Field(
        "", max_length=100, title=ONCE_TITLE, description="A name for this text: the same twice is kept once."
    )


class InboxAnswer(InboxNote):
    """A text for the reporter."""

    text: Annotated[str, _TEXT, _READ] = Field(
        min_length=1, max_length=10_000, title=N_("Text"), description="The text."
    )
    asks: bool = Field(
        default=False, title=N_("It asks something: wait for the reporter"),
        description="It asks something: wait for the reporter.",
    )  # fmt: skip
    in_clear: bool = Field(
        default=False, title=N_("This answer may go without encryption"),
        description="It may go without encryption, though it answers a mail that came encrypted.",
    )  # fmt: skip


class InboxState(BaseModel):
    """How a report stands; ``owner``: the number of a person, or null."""

    reference: str
    state: ReportState
    owner: int | None

    @classmethod
    def of(cls, report: PublicReport) -> "InboxState":
        """How it stands now."""
        return cls(reference=report.reference, state=ReportState(report.state), owner=report.owner)


class InboxErased(BaseModel):
    """The reference of a report that is gone."""

    reference: str


def take(context: ActContext, request: InboxReport) -> InboxState:
    """Who had it before has it no more."""
    with context.database.begin() as session:
        report = find_report(session, reader_of(context), request.reference)
        take_report(session, report, person_of(session, context), **context.by)
        return InboxState.of(report)


def leave(context: ActContext, request: InboxReport) -> InboxState:
    """It has no owner then."""
    with context.database.begin() as session:
        report = find_report(session, reader_of(context), request.reference)
        give_back(session, report, person=person_of(session, context), **context.by)
        return InboxState.of(report)


def assign(context: ActContext, request: InboxAssignment) -> InboxState:
    """Who had it before has it no more.

    Raises:
        UsageError: the account may not work on reports.

    """
    with context.database.begin() as session:
        report = find_report(session, reader_of(context), request.reference)
        owner = find_person(session, request.owner)
        reads = report.compartment_id in compartments_of(session, IncidentReader(owner.id, context.now))
        if not (reads and may_own(owner.role, blocked=owner.blocked_at is not None)):
            raise UsageError(
                say("%(name)s may not work on reports.", name=owner.name),
                hint=say("Choose a manager, analyst or administrator."),
            )
        take_report(session, report, owner.id, by=person_of(session, context), **context.by)
        return InboxState.of(report)


def may_own(role: str, *, blocked: bool) -> bool:
    """Whether a report may be assigned to an account of this role."""
    return not blocked and Principal(AccountRole(role)).may(Permission.INBOX_WRITE)


def move(context: ActContext, request: InboxMove) -> InboxState:
    """Closed, opened again, or waiting for the reporter.

    Raises:
        UsageError: another act leads to that state.
        ConflictError: it is in an incident, and worked on there.

    """
    if request.state not in _MOVES:
        raise UsageError(
            say("A report is not simply moved to the state %(state)s.", state=request.state.value),
            hint=say("Add it to an incident, hand it over or reject it."),
        )
    with context.database.begin() as session:
        report = find_report(session, reader_of(context), request.reference)
        person = person_of(session, context)
        if request.state is ReportState.CLOSED:
            close_report(session, report, request.reason, person=person, **context.by)
        else:
            set_state(session, report, request.state, person=person, **context.by)
        return InboxState.of(report)


def answer(context: ActContext, request: InboxAnswer) -> InboxState:
    """It is shown to whoever has the secret of the report, and goes to the email address, if there is one.

    Raises:
        RequestError: the template that it was made of has a gap that nobody filled in; or it would go in clear to who
            wrote encrypted.

    """
    check_filled(context.node.home, text=request.text)
    with context.database.begin() as session:
        report = find_report(session, reader_of(context), request.reference)
        mails = mails_of(session, report) if report.mailbox and not request.in_clear else ()
        if mails and mails[-1].encrypted:
            words = say("What %(name)s wrote came encrypted, and this answer would go in clear.", name=report.mailbox)
            raise RequestError([("in_clear", words)], say("Confirm that it may go in clear, or call."))
        answer_report(
            session,
            report,
            request.text,
            person=person_of(session, context),
            asks=request.asks,
            letter=_letter(context, report, request.text),
            act=_once(context, request),
            **context.by,
        )
        return InboxState.of(report)


def note(context: ActContext, request: InboxNote) -> InboxState:
    """Only the team sees it."""
    with context.database.begin() as session:
        report = find_report(session, reader_of(context), request.reference)
        person, once = person_of(session, context), _once(context, request)
        note_on_report(session, report, request.text, person=person, act=once, **context.by)
        return InboxState.of(report)


def erase(context: ActContext, request: InboxReport) -> InboxErased:
    """With all that was said of it, as its reporter may ask. Its reference and its steps stay in the audit log."""
    node = context.node
    with node.database.reading() as session:
        report = find_report(session, reader_of(context), request.reference)
    erase_report(node.database, node.inbox, report.id, mails=node.mailroom, **context.by)
    return InboxErased(reference=report.reference)


def reader_of(context: ActContext) -> IncidentReader:
    """Who acts, as far as he may read."""
    return IncidentReader(context.person, context.now)


def person_of(session: Session, context: ActContext) -> int:
    """The number of who acts; a command says whose account it is."""
    if context.person is not None:
        return context.person
    if not context.name:
        raise UsageError("Who works on it?", hint="Add --as with the email address or number of an account.")
    return find_person(session, context.name).id


def _once(context: ActContext, request: InboxNote) -> str | None:
    return f"{context.actor}/{request.once}" if request.once else None


def _letter(context: ActContext, report: PublicReport, text: str) -> ReporterLetter:
    """The mail to a reporter, in the language of the page that he used."""
    node, url = context.node.settings.node, context.node.settings.server.url
    subject = context.say(report.language, _SUBJECT, reference=report.reference)
    close = context.say(report.language, _CLOSE, page=f"{url}/report/answer")
    further = close if url and report.secret else ""  # else an answer comes by mail
    return ReporterLetter(subject, f"{text}\n\n-- \n{node.name}\n{further}".rstrip() + "\n")


_act = partial(
    Act,
    noun="inbox report",
    permission=Permission.INBOX_WRITE,
    arguments=("reference",),
    signed=("--as", "Whose account it is, by email address or number; needed."),
)

ACTS: Final = (
    _act(
        "take", "Take a report from the public", take,
        audit=(AuditAction.INBOX_TAKEN, AuditAction.INBOX_MOVED), command="inbox take", route="/inbox/{reference}/take",
        page=OwnSurface("/reports/public/{reference}/take"), told="{reference} is {state}.", title=N_("Assign to me"),
    ),
    _act(
        "leave", "Unassign a report from the public", leave,
        audit=(AuditAction.INBOX_TAKEN, AuditAction.INBOX_MOVED), command="inbox leave",
        route="/inbox/{reference}/leave",
        page=OwnSurface("/reports/public/{reference}/leave"), told="{reference} is {state}.", title=N_("Unassign"),
    ),
    _act(
        "assign", "Assign a report from the public to a person", assign,
        audit=(AuditAction.INBOX_TAKEN, AuditAction.INBOX_MOVED), command="inbox assign",
        route="/inbox/{reference}/assign", page=OwnSurface("/reports/public/{reference}/assign"),
        arguments=("reference", "owner"), told="{reference} is assigned.", title=N_("Assigned to"),
        button=N_("Assign"),
    ),
    _act(
        "move", "Set the state of a report from the public", move, audit=(AuditAction.INBOX_MOVED,),
        command="inbox move", route="/inbox/{reference}/state", page=OwnSurface("/reports/public/{reference}/state"),
        arguments=("reference", "state"), told="{reference} is {state}.",
    ),
    _act(
        "answer", "Answer who reported something", answer,
        audit=(AuditAction.INBOX_ANSWERED, AuditAction.INBOX_TAKEN, AuditAction.INBOX_MOVED), command="inbox answer",
        route="/inbox/{reference}/answer", page=OwnSurface("/reports/public/{reference}/say"),
        told="{reference} is answered, and {state}.", title=N_("Answer"), button=N_("Send answer"),
    ),
    _act(
        "note", "Keep a note on a report from the public", note, audit=(AuditAction.INBOX_NOTED,), command="inbox note",
        route="/inbox/{reference}/note", page=OwnSurface("/reports/public/{reference}/say"),
        told="The note on {reference} is kept.", title=N_("Save as note"),
    ),
    _act(
        "erase", "Delete a report from the public", erase, audit=(AuditAction.INBOX_ERASED,), command="inbox erase",
        route="/inbox/{reference}/erase", page=OwnSurface("/reports/public/{reference}/erase"), signed=("", ""),
        told="{reference} is gone for good.", title=N_("Delete on request of the reporter"),
        notice=N_(
            "The report, its files and all messages are deleted for good. Its reference and each step stay in the"
            " audit log."
        ),
    ),
)  # fmt: skip
"""What can be done with reports from the public."""
