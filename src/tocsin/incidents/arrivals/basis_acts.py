"""On what basis a report came, and by what one that came voluntarily may go to a supervisor or the police."""

from functools import partial
from typing import Annotated, Final

from pydantic import Field, StringConstraints
from sqlalchemy.orm import Session

from tocsin.delivery.never_held import IntakeFilter
from tocsin.incidents.act_parts import LINE
from tocsin.incidents.arrivals.acts import InboxReport, InboxState, person_of, reader_of
from tocsin.incidents.arrivals.basis import add_release, settle_events
from tocsin.incidents.arrivals.handling import audit_report, enter
from tocsin.incidents.arrivals.models import (
    BASES,
    SCOPES,
    EntryKind,
    PublicReport,
    ReleaseGround,
    ReleaseScope,
    ReportBasis,
    ReportRelease,
)
from tocsin.incidents.arrivals.queries import find_report
from tocsin.incidents.arrivals.write import note_in_incidents
from tocsin.incidents.states import IncidentEntryKind
from tocsin.interface import N_, Act, ActContext, Moment, OwnSurface, Wording
from tocsin.node.accounts import Permission
from tocsin.node.errors import NotFoundError, UsageError
from tocsin.node.records import AuditAction
from tocsin.node.sentences import say

_Line = StringConstraints(strip_whitespace=True, min_length=1, max_length=500, pattern=LINE)
_Scope = Annotated[ReleaseScope, Wording(choices=SCOPES)]


class InboxBasis(InboxReport):
    """On what basis it came."""

    basis: Annotated[ReportBasis, Wording(choices=BASES)] = Field(
        title=N_("Basis"), description="mandatory (an act demands it), voluntary or request (of an authority)."
    )
    basis_act: Annotated[str, Wording(option="--act")] = Field(
        "", max_length=200, pattern=LINE, title=N_("Act or instrument"),
        description="The act that demands it, or the instrument of the request.",
    )  # fmt: skip
    reason: Annotated[str, _Line, Wording(lacking=N_("Say why."))] = Field(title=N_("Reason"), description="Why.")


class InboxConsent(InboxReport):
    """Who consented, when, how, and to what."""

    scope: _Scope = Field(title=N_("For"), description="To whom it may go: authority, police or both.")
    given_by: Annotated[str, _Line, Wording(lacking=N_("Write who consented."))] = Field(
        title=N_("Given by"), description="Who consented.", examples=["The head of IT"]
    )
    means: Annotated[
        str,
        _Line,
        Wording(lacking=N_("Write how it was given."), option="--how", hint=N_("Such as: by email to the lead")),
    ] = Field(title=N_("How"), description="How it was given.", examples=["By email"])
    given_at: Annotated[Moment, Wording(lacking=N_("Write when it was given."), option="--at")] = Field(
        title=N_("When (UTC)"), description="When.", examples=["2026-12-04 16:30"]
    )


class InboxOrder(InboxReport):
    """Which order demands it."""

    scope: _Scope = Field(title=N_("For"), description="To whom it must go: authority, police or both.")
    given_by: Annotated[str, _Line, Wording(lacking=N_("Write who ordered it."))] = Field(
        title=N_("Ordered by"), description="Who ordered it.", examples=["District court"]
    )
    means: Annotated[str, _Line, Wording(lacking=N_("Cite it: the instrument and its number."), option="--cite")] = (
        Field(
            title=N_("Instrument and number"), description="The instrument and its number.",
            examples=["Order 12/2026"],
        )
    )  # fmt: skip
    given_at: Annotated[Moment, Wording(lacking=N_("Write the date of the order."), option="--at")] = Field(
        title=N_("Date (UTC)"), description="Its date.", examples=["2026-12-04"]
    )


class InboxRelease(InboxReport):
    """Which consent, and why it holds no more."""

    release: Annotated[int, Wording(choices="consents")] = Field(
        ge=1, le=2**31 - 1, title=N_("Consent"), description="The number of the consent."
    )
    reason: Annotated[
        str,
        _Line,
        Wording(
            lacking=N_("Say why."),
            hint=N_(
                "Who withdrew it, and how. What waits to be sent by it is withheld; what was sent is not called back."
            ),
        ),
    ] = Field(title=N_("Reason"), description="Who withdrew it, and how.", examples=["The head of IT, by phone"])


def set_basis(context: ActContext, request: InboxBasis) -> InboxState:
    """What came voluntarily goes to no supervisor and no police without consent or an order.

    Raises:
        UsageError: it is mandatory or was requested, and nothing is cited.

    """
    if request.basis is not ReportBasis.VOLUNTARY and not request.basis_act.strip():
        raise UsageError(say("Name the act that demands it, or the instrument of the request."))
    with context.undoable() as session:
        report = find_report(session, reader_of(context), request.reference)
        cited = "" if request.basis is ReportBasis.VOLUNTARY else _kept(context, request.basis_act.strip())
        if (report.basis, report.basis_act) != (request.basis.value, cited):
            report.basis, report.basis_act = request.basis.value, cited
            text = f"{request.basis}{f' ({cited})' if cited else ''}: {_kept(context, request.reason)}"
            detail = {"basis": request.basis.value, "cited": cited}
            _note(session, context, report=report, kind=EntryKind.BASIS, text=text, detail=detail)
        return InboxState.of(report)


def record_consent(context: ActContext, request: InboxConsent) -> InboxState:
    """It releases what is kept back of this report, for this scope."""
    return _release(context, request, ReleaseGround.CONSENT)


def record_order(context: ActContext, request: InboxOrder) -> InboxState:
    """It releases what is kept back of this report, for this scope."""
    return _release(context, request, ReleaseGround.ORDER)


def withdraw_consent(context: ActContext, request: InboxRelease) -> InboxState:
    """What waits to be sent by it is withheld; what was sent is not called back. An order is not withdrawn so.

    Raises:
        NotFoundError: the report has no such consent.

    """
    with context.undoable() as session:
        report = find_report(session, reader_of(context), request.reference)
        found = session.get(ReportRelease, request.release, with_for_update=True)
        if found is None or found.report_id != report.id or found.ground != ReleaseGround.CONSENT:
            raise NotFoundError(say("There is no such consent."))
        if found.withdrawn_at is None:
            found.withdrawn_at = context.now
            text = f"withdrawn ({found.scope}): {_kept(context, request.reason)}"
            detail = {"ground": "withdrawn", "scope": found.scope}
            _note(session, context, report=report, kind=EntryKind.RELEASE, text=text, detail=detail)
        return InboxState.of(report)


def _release(context: ActContext, request: InboxConsent | InboxOrder, ground: ReleaseGround) -> InboxState:
    if request.given_at > context.now:
        raise UsageError(say("That is in the future."))
    with context.undoable() as session:
        report = find_report(session, reader_of(context), request.reference)
        given_by, means = _kept(context, request.given_by), _kept(context, request.means)
        made = add_release(
            session, report, ground, scope=request.scope, given_by=given_by, means=means, given_at=request.given_at,
            person=person_of(session, context), now=context.now,
        )  # fmt: skip
        if made:
            text = f"{ground} ({request.scope}): {given_by}, {means}, {request.given_at:%Y-%m-%d %H:%M} UTC"
            detail = {"ground": ground.value, "scope": request.scope.value}
            _note(session, context, report=report, kind=EntryKind.RELEASE, text=text, detail=detail)
        return InboxState.of(report)


def _note(
    session: Session,
    context: ActContext,
    *,
    report: PublicReport,
    kind: EntryKind,
    text: str,
    detail: dict[str, str],
) -> None:
    """Enter it in the history of the report, in the audit log, and in its incidents; the gate knows of it."""
    person = person_of(session, context)
    session.flush()
    settle_events(session, report)
    enter(session, report, kind, text, person=person, now=context.now)
    word = AuditAction.INBOX_BASIS if kind is EntryKind.BASIS else AuditAction.INBOX_RELEASED
    audit_report(session, word, report, actor=context.actor, now=context.now, **detail)
    note_in_incidents(
        session, report, IncidentEntryKind.NOTICE, {"act": kind.value, **detail}, author=f"person:{person}",
        **context.by,
    )  # fmt: skip


def _kept(context: ActContext, text: str) -> str:
    return IntakeFilter(context.node, "inbox").kept_text(text)


_act = partial(
    Act,
    noun="inbox report",
    permission=Permission.INBOX_WRITE,
    arguments=("reference",),
    signed=("--as", "Whose account it is, by email address or number; needed."),
    told="Noted on {reference}.",
)

ACTS: Final = (
    _act(
        "set-basis", "Set the basis on which a report came", set_basis,
        audit=(AuditAction.INBOX_BASIS,), command="inbox set-basis", route="/inbox/{reference}/basis",
        page=OwnSurface("/reports/public/{reference}/basis"), undo=lambda _: say("Basis changed"),
        title=N_("Change the basis"),
    ),
    _act(
        "record-consent", "Record consent to give a report to a supervisor or the police", record_consent,
        audit=(AuditAction.INBOX_RELEASED,), command="inbox record-consent", route="/inbox/{reference}/consent",
        page=OwnSurface("/reports/public/{reference}/consent"), undo=lambda _: say("Consent recorded"),
        title=N_("Record consent"),
    ),
    _act(
        "withdraw-consent", "Withdraw consent to give a report to a supervisor or the police", withdraw_consent,
        audit=(AuditAction.INBOX_RELEASED,), command="inbox withdraw-consent",
        route="/inbox/{reference}/consent/withdraw", arguments=("reference", "release"),
        page=OwnSurface("/reports/public/{reference}/withdraw-consent"), undo=lambda _: say("Consent withdrawn"),
        title=N_("Withdraw consent"),
    ),
    _act(
        "record-order", "Record an order to give a report to a supervisor or the police", record_order,
        audit=(AuditAction.INBOX_RELEASED,), command="inbox record-order", route="/inbox/{reference}/order",
        page=OwnSurface("/reports/public/{reference}/order"), undo=lambda _: say("Order recorded"),
        title=N_("Record order"),
    ),
)  # fmt: skip
"""What is said of the basis of reports."""
