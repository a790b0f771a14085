"""What is done with reports of the inbox on the way to where they belong, with several at once.

They become an incident, are added to one, closed, rejected, handed over; one that came by telephone is written down.
"""

import secrets
from collections.abc import Callable, Collection
from functools import partial
from typing import Annotated, Any, Final

from pydantic import AfterValidator, AwareDatetime, BaseModel, Field, StringConstraints
from sqlalchemy.orm import Session

from tocsin.delivery.never_held import IntakeFilter
from tocsin.delivery.texts import check_filled
from tocsin.directory import canonical, read_team
from tocsin.incidents.arrivals.acts import ONCE_TITLE, InboxReport, InboxState, person_of, reader_of
from tocsin.incidents.arrivals.files import ReportAttachment
from tocsin.incidents.arrivals.handling import (
    ReporterLetter,
    close_report,
    hand_over_report,
    plan_ring_back,
    reject_report,
)
from tocsin.incidents.arrivals.kinds import TEAM_KINDS, ReportKind, guess_kind, rsit_of
from tocsin.incidents.arrivals.models import REASONS, CloseReason, PublicFile, PublicReport, ReportDoor, ReportState
from tocsin.incidents.arrivals.queries import find_report
from tocsin.incidents.arrivals.submission import ReportForm, add_report, report_of_act
from tocsin.incidents.arrivals.tickets import ticket_named
from tocsin.incidents.arrivals.write import put_into, take_out
from tocsin.incidents.evidence import check_hold
from tocsin.incidents.read import find_incident
from tocsin.incidents.write import add_incident
from tocsin.interface import N_, Act, ActContext, OwnSurface, Wording
from tocsin.node.accounts import Permission
from tocsin.node.records import AuditAction
from tocsin.node.sentences import say, say_count
from tocsin.node.tokens import open_tokens

MOST: Final = 500
"""Reports that one act changes."""

_LINE: Final = r"^[^\x00-\x1f\x7f]*$"
_STRIPPED: Final = StringConstraints(strip_whitespace=True)
_SUBJECT: Final = N_("A report for you: %(reference)s")
_SHORT, _LONG = 80, 200  # letters of a name
_BY_HAND: Final = {ReportDoor.PHONE, ReportDoor.CHAT, ReportDoor.PAPER, ReportDoor.PARTNER, ReportDoor.API}
_TITLES: Final = {
    ReportKind.RANSOMWARE: "Ransomware", ReportKind.MONEY: "Fraud", ReportKind.BREAK_IN: "Intrusion",
    ReportKind.DECEIT: "Phishing", ReportKind.HURT: "Blackmail or harassment", ReportKind.FLOOD: "Denial of service",
    ReportKind.PROGRAM: "Malware", ReportKind.LEAK: "Data leak", ReportKind.FLAW: "Vulnerability",
    ReportKind.SPAM: "Spam",
}  # fmt: skip


def _mailbox(text: str) -> str:
    return canonical.mailbox(text) if text else ""


def _by_hand(door: ReportDoor) -> ReportDoor:
    if door not in _BY_HAND:
        raise ValueError(N_("By this door, reports come in by themselves."))
    return door


class NewInboxReport(BaseModel):
    """What somebody reported who used no form."""

    what: Annotated[
        str,
        _STRIPPED,
        Wording(
            lacking=N_("Say what happened, in at most 10,000 characters."),
            lines=True,
            hint=N_(
                "In the words of the caller, or the chat as it was pasted. Addresses, names and hashes in it are found"
                " by themselves."
            ),
        ),
    ] = Field(min_length=1, max_length=10_000, title=N_("What happened"), description="What was said or written.")
    door: Annotated[ReportDoor, AfterValidator(_by_hand), Wording(choices="doors")] = Field(
        ReportDoor.API, title=N_("Came by"), description="How it came in; not by itself, as forms and mails do."
    )
    kind: Annotated[ReportKind | None, Wording(choices=TEAM_KINDS, nothing=N_("Guess from the words"))] = Field(
        None, title=N_("Kind"), description="What it is; guessed from the words where it is not given."
    )
    subject: str = Field(
        "", max_length=300, pattern=_LINE, title=N_("Subject"), description="What it is about, in a line."
    )
    place: str = Field(
        "", max_length=500, pattern=_LINE, title=N_("Where"), description="Where: an address, a name, a URL."
    )
    happened: str = Field("", max_length=500, pattern=_LINE, title=N_("When"), description="When, as it was said.")
    sender: str = Field("", max_length=200, pattern=_LINE, title=N_("Who"), description="Who reports it.")
    mailbox: Annotated[str, AfterValidator(_mailbox)] = Field(
        "", max_length=320, title=N_("Email address"), description="The email address for an answer.",
        examples=["reporter@example.org"],
    )  # fmt: skip
    phone: str = Field(
        "", max_length=60, pattern=r"^[0-9+() ./-]*$", title=N_("Telephone number"),
        description="The number to ring back.",
    )  # fmt: skip
    language: Annotated[str, Wording(choices="languages", nothing=N_("Not known"))] = Field(
        "", max_length=20, pattern=r"^[A-Za-z-]*$", title=N_("Language"), description="The language of the reporter."
    )
    ring_back_at: AwareDatetime | None = Field(None, title=N_("Ring back at (UTC)"), description="When to ring back.")
    once: str = Field(
        "", max_length=100, title=ONCE_TITLE, description="A name for this report: the same twice is kept once."
    )


class InboxReports(BaseModel):
    """Which reports."""

    reference: Annotated[
        tuple[Annotated[str, StringConstraints(min_length=1, max_length=40)], ...], Wording(hidden=True)
    ] = Field(
        min_length=1, max_length=MOST, title=N_("Selected reports"), description="The reference of a report.",
        examples=["0000-0000"],
    )  # fmt: skip


class InboxNewIncident(InboxReports):
    """What the incident is called."""

    title: Annotated[str, Wording(hint=N_("You lead it. The reports are worked on there from then on."))] = Field(
        "", max_length=200, pattern=_LINE, title=N_("Name"), description="Its name; made of kind and place if empty."
    )


class InboxInIncident(InboxReports):
    """Which incident."""

    incident: Annotated[
        str,
        Wording(
            lacking=N_("Name an incident by its reference."),
            hint=N_("Such as INC-4KX7-9M2P. In a restricted incident only its members see the reports."),
        ),
    ] = Field(
        min_length=1, max_length=60, title=N_("Reference of the incident"),
        description="The reference of an incident.", examples=["INC-0000-0000"],
    )  # fmt: skip


class InboxClosing(InboxReports):
    """Why they are closed."""

    reason: Annotated[CloseReason, Wording(choices=REASONS, hint=N_("Who reported by the form sees it."))] = Field(
        title=N_("Reason"), description="Why; information, newsletter, test and spam need no answer."
    )


class InboxRejection(InboxReports):
    """Why they are rejected."""

    reason: Annotated[
        str,
        _STRIPPED,
        Wording(lacking=N_("Say why."), hint=N_("For the team only. Nothing is sent to the reporter."), lines=True),
    ] = Field(min_length=1, max_length=500, title=N_("Reason"), description="Why; kept as a note for the team.")


class InboxHandOver(InboxReports):
    """To which team, and what is written to it."""

    team: Annotated[
        str,
        Wording(
            lacking=N_("Name a team of the directory."),
            choices="teams",
            hint=N_("A check mark: one of its networks is named in a report."),
        ),
    ] = Field(
        min_length=1, max_length=200, title=N_("Team"), description="The key of the team.", examples=["bank-cert"]
    )
    text: Annotated[
        str,
        _STRIPPED,
        Wording(
            lacking=N_("Write what the team needs to know."), lines=True,
            hint=N_("This is mailed to the team, with the reference. Nothing else of the report is sent."),
        ),
    ] = Field(
        min_length=1, max_length=10_000, title=N_("Text"),
        description="The mail to the team; nothing else of the report is in it.",
    )  # fmt: skip


class InboxRingBack(InboxReport):
    """When to ring back."""

    at: AwareDatetime | None = Field(None, title=N_("Ring back at (UTC)"), description="When; without it, it was done.")


class InboxPlace(BaseModel):
    """How a report is now; ``incident``: into which it was put, or out of which it was taken."""

    reference: str
    state: ReportState
    incident: str


def add(context: ActContext, request: NewInboxReport) -> InboxState:
    """A telephone call, a pasted chat, paper mail, or what another program knows."""
    return add_with_files(context, request, ())


def add_with_files(context: ActContext, request: NewInboxReport, files: Collection[ReportAttachment]) -> InboxState:
    """As `add`, with files that passed the filter of what must never be held."""
    node = context.node
    intake = IntakeFilter(node, f"inbox {request.door}", lambda: context.now)
    what, subject, place, happened, sender = (
        intake.kept_text(text.strip())
        for text in (request.what, request.subject, request.place, request.happened, request.sender)
    )
    filed = ReportForm(
        request.kind or guess_kind(f"{subject}\n{what}"), what, place, happened, request.mailbox,
        request.language or node.settings.node.language, request.door, sender, request.phone, subject,
        request.ring_back_at,
    )  # fmt: skip
    once = f"{context.actor}/{request.once}" if request.once else secrets.token_hex(16)
    ticket = ticket_named(f"inbox/{once}", open_tokens(node.home))
    digests = [node.inbox.put(file.content) for file in files]
    with context.undoable() as session:
        report = report_of_act(session, ticket)
        if report is None:
            report = add_report(session, ticket, filed, now=context.now, actor=context.actor, files=len(files))
            for file, digest in zip(files, digests, strict=True):
                row = {"name": file.name, "bytes": len(file.content), "sha256": digest}
                session.add(PublicFile(report_id=report.id, **row))
        return InboxState.of(report)


def open_incident(context: ActContext, request: InboxNewIncident) -> list[InboxPlace]:
    """All of the reports are put into it; who opens it leads it."""
    with context.undoable() as session:
        reports, person = _reports(session, context, request), person_of(session, context)
        first = reports[0]
        incident = add_incident(
            session, title=request.title.strip() or title_of(first), rsit_type=_type_of(first), lead=person,
            author=f"person:{person}", **context.by,
        )  # fmt: skip
        for report in reports:
            put_into(session, report, incident, person=person, **context.by)
        return [_placed(report, incident.reference) for report in reports]


def put(context: ActContext, request: InboxInIncident) -> list[InboxPlace]:
    """A report may be in several incidents. In a restricted one only those read it who read that."""
    with context.undoable() as session:
        reports, person = _reports(session, context, request), person_of(session, context)
        incident = find_incident(session, reader_of(context), request.incident, lock=True)
        for report in reports:
            put_into(session, report, incident, person=person, **context.by)
        return [_placed(report, incident.reference) for report in reports]


def take_from(context: ActContext, request: InboxInIncident) -> list[InboxPlace]:
    """Out of the last one, it is in the inbox of the whole team again.

    Raises:
        ConflictError: one of them is not in it, or it is under a legal hold, which keeps its reports.

    """
    with context.undoable() as session:
        reports, person = _reports(session, context, request), person_of(session, context)
        incident = find_incident(session, reader_of(context), request.incident, lock=True)
        check_hold(session, [incident.id], context.now)
        for report in reports:
            take_out(session, report, incident, person=person, **context.by)
        return [_placed(report, incident.reference) for report in reports]


def close(context: ActContext, request: InboxClosing) -> list[InboxState]:
    """Who reported by the form reads why. A report in an incident is not closed here."""
    return _each(context, request, partial(close_report, reason=request.reason))


def reject(context: ActContext, request: InboxRejection) -> list[InboxState]:
    """Why stays as a note for the team. A report in an incident is not rejected."""
    return _each(context, request, partial(reject_report, why=request.reason))


def hand_over(context: ActContext, request: InboxHandOver) -> list[InboxState]:
    """The team gets the text by mail, and no more of the report than what the text says."""
    check_filled(context.node.home, text=request.text)
    node = context.node.settings.node
    team, _ = read_team(context.database, request.team)
    with context.undoable() as session:
        person = person_of(session, context)
        reports = _reports(session, context, request)
        for report in reports:
            subject = context.say(team.language, _SUBJECT, reference=report.reference)
            letter = ReporterLetter(subject, f"{request.text.strip()}\n\n-- \n{node.name}\n{report.reference}\n")
            by: dict[str, Any] = {"person": person, "due_at": context.not_before, **context.by}
            hand_over_report(session, report, team, letter, **by)
        return [InboxState.of(report) for report in reports]


def ring_back(context: ActContext, request: InboxRingBack) -> InboxState:
    """It is a to-do item until it is done."""
    with context.undoable() as session:
        report = find_report(session, reader_of(context), request.reference)
        plan_ring_back(session, report, request.at, person=person_of(session, context), **context.by)
        return InboxState.of(report)


def title_of(report: PublicReport) -> str:
    """What an incident would be called: what and where, or who; of no known kind its first words. Pure."""
    if report.kind == ReportKind.OTHER:
        return (report.subject or report.what.strip().partition("\n")[0] or report.place or report.reference)[:_SHORT]
    what, where = _TITLES[ReportKind(report.kind)], report.place or report.sender or report.subject
    if report.door == ReportDoor.PHONE:  # who rings says who it is about, and the place is a town
        where = report.sender or where
    return f"{what}, {where}"[:_LONG] if where else what


def _type_of(report: PublicReport) -> str:
    kind = ReportKind(report.kind)
    return "" if kind is ReportKind.OTHER else rsit_of(kind)[1]


def _each(context: ActContext, request: InboxReports, change: Callable[..., None]) -> list[InboxState]:
    with context.undoable() as session:
        reports, person = _reports(session, context, request), person_of(session, context)
        for report in reports:
            change(session, report, person=person, **context.by)
        return [InboxState.of(report) for report in reports]


def _reports(session: Session, context: ActContext, request: InboxReports) -> list[PublicReport]:
    return [find_report(session, reader_of(context), one) for one in dict.fromkeys(request.reference)]


def _placed(report: PublicReport, incident: str) -> InboxPlace:
    return InboxPlace(reference=report.reference, state=ReportState(report.state), incident=incident)


_act = partial(
    Act,
    noun="inbox report",
    permission=Permission.INBOX_WRITE,
    page=OwnSurface("/reports/public/act"),
    arguments=("reference",),
    signed=("--as", "Whose account it is, by email address or number; needed."),
)
_MOVED: Final = (AuditAction.INBOX_MOVED,)
_INCIDENT: Final = (AuditAction.INCIDENT_ENTRY, AuditAction.INBOX_MOVED)

ACTS: Final = (
    _act(
        "add", "Add a report to the inbox", add, audit=(AuditAction.INBOX_RECEIVED,), command="inbox add",
        route="/inbox", page=OwnSurface("/inbox/phone"), arguments=("what",), signed=("", ""), makes=True,
        told="{reference} is in the inbox.", title=N_("Phone note"), button=N_("Save to the inbox"),
        undo=lambda n: say_count("%(n)s report added", "%(n)s reports added", n),
    ),
    _act(
        "open-incident", "Open an incident of reports", open_incident, audit=_INCIDENT,
        command="inbox open-incident", route="/inbox/{reference}/new-incident",
        told="{reference} is in the new incident {incident}.", permission=Permission.INCIDENTS_WRITE,
        undo=lambda _: say("Incident opened"), title=N_("New incident"), button=N_("Open incident"),
    ),
    _act(
        "put", "Add reports to an incident", put, audit=_INCIDENT, command="inbox put",
        route="/inbox/{reference}/incident", permission=Permission.INCIDENTS_WRITE,
        told="{reference} is in {incident}.", title=N_("Add to an incident"), button=N_("Add"),
        undo=lambda _: say("Added to the incident"),
    ),
    _act(
        "take-out", "Take reports out of an incident", take_from, audit=_INCIDENT, command="inbox take-out",
        route="/inbox/{reference}/take-out", permission=Permission.INCIDENTS_WRITE,
        told="{reference} is no longer in {incident}; it is {state}.", title=N_("Take out of the incident"),
        button=N_("Take out"),
        undo=lambda _: say("Taken out of the incident"),
    ),
    _act(
        "close", "Close reports", close, audit=_MOVED, command="inbox close", route="/inbox/{reference}/close",
        told="{reference} is {state}.", undo=lambda n: say_count("%(n)s report closed", "%(n)s reports closed", n),
        title=N_("Close reports"), button=N_("Close"),
    ),
    _act(
        "reject", "Reject reports", reject, audit=(*_MOVED, AuditAction.INBOX_NOTED), command="inbox reject",
        route="/inbox/{reference}/reject", told="{reference} is {state}.",
        undo=lambda n: say_count("%(n)s report rejected", "%(n)s reports rejected", n),
        title=N_("Reject reports"), button=N_("Reject"),
    ),
    _act(
        "hand-over", "Hand reports over to a team of the directory", hand_over,
        audit=(*_MOVED, AuditAction.INBOX_SENT_ON), command="inbox hand-over", route="/inbox/{reference}/hand-over",
        told="{reference} is {state}.",
        undo=lambda n: say_count("%(n)s report handed over", "%(n)s reports handed over", n),
        title=N_("Hand over to a team"), button=N_("Hand over and send"),
    ),
    _act(
        "ring-back", "Say when to ring a reporter back, or that it was done", ring_back,
        audit=(AuditAction.INBOX_NOTED,), command="inbox ring-back", route="/inbox/{reference}/ring-back",
        page=OwnSurface("/reports/public/{reference}/ring-back"), told="Noted on {reference}.",
        undo=lambda _: say("Ring-back changed"), title=N_("Ring back"), button=N_("Done"),
    ),
)  # fmt: skip
"""What is done with reports on the way to where they belong."""
