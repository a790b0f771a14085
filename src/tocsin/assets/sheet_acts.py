"""Call sheets: paper with whom to call, for when the server is what is down.

Two persons make one: one asks, another approves within minutes, and the first prints. Each has a number, a holder, and
an end.
"""

from datetime import timedelta
from typing import Annotated, Final

from pydantic import BaseModel, Field
from sqlalchemy import select
from sqlalchemy.orm import Session

from tocsin.assets.acts import AssetsNamed, Once, asset_act, check_enabled
from tocsin.assets.register import CallSheet, find_asset
from tocsin.delivery.never_held import IntakeFilter
from tocsin.interface import N_, ActContext, NoUndo, Wording
from tocsin.node.accounts import Permission
from tocsin.node.errors import ConflictError, NotFoundError
from tocsin.node.records import AuditAction, audit
from tocsin.node.sentences import say

MINUTES: Final = 15
"""So long after it was asked for a sheet can be approved and printed."""

_ON_PAPER: Final = NoUndo("Its page names the sheet. Paper cannot be called back.")


class SheetRequest(AssetsNamed):
    """Which assets a sheet is to have, and who keeps it."""

    holder: Annotated[
        str, Wording(lacking=N_("Write who keeps the sheet."), hint=N_("Who keeps the paper, and where."))
    ] = Field(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]*$", title=N_("Kept by"))
    once: Once = ""


class SheetNamed(BaseModel):
    """Which sheet."""

    sheet: int = Field(ge=1, le=2**31 - 1, title=N_("Call sheet"))


class SheetResult(BaseModel):
    """The number of the sheet, and its assets."""

    sheet: int
    assets: list[int]


def ask(context: ActContext, request: SheetRequest) -> SheetResult:
    """Another person approves it."""
    check_enabled(context.node)
    holder, once = IntakeFilter(context.node, "assets").kept_text(request.holder), context.key_of(request)
    with context.database.begin() as session:
        if once and (known := session.scalar(select(CallSheet).where(CallSheet.once == once))) is not None:
            return SheetResult(sheet=known.id, assets=known.assets)
        for number in request.asset:
            find_asset(session, context.reach, number)
        sheet = CallSheet(
            assets=list(request.asset), holder=holder, asked_at=context.now, asked_by=context.person or 0,
            approved_at=None, approved_by=None, printed_at=None, destroyed_at=None, destroyed_by="", once=once,
        )  # fmt: skip
        session.add(sheet)
        session.flush()
        return _done(session, context, AuditAction.SHEET_ASKED, sheet)


def approve(context: ActContext, request: SheetNamed) -> SheetResult:
    """By another person than who asked.

    Raises:
        ConflictError: it is the same person, or the time is over.

    """
    check_enabled(context.node)
    with context.database.begin() as session:
        sheet = _find(session, request.sheet)
        if sheet.approved_at is not None:
            return SheetResult(sheet=sheet.id, assets=sheet.assets)
        if sheet.asked_by == context.person:
            raise ConflictError(say("You asked for this sheet: another person approves it."))
        _check_time(context, sheet)
        sheet.approved_at, sheet.approved_by = context.now, context.person
        return _done(session, context, AuditAction.SHEET_APPROVED, sheet)


def print_sheet(context: ActContext, request: SheetNamed) -> SheetResult:
    """By whoever asked, once another person approved it. Each time is recorded.

    Raises:
        ConflictError: nobody approved it, somebody else asked for it, or the time is over.

    """
    check_enabled(context.node)
    with context.database.begin() as session:
        sheet = _find(session, request.sheet)
        if sheet.approved_at is None:
            raise ConflictError(say("Another person approves this sheet first."))
        if sheet.asked_by != context.person:
            raise ConflictError(say("Who asked for this sheet prints it."))
        _check_time(context, sheet)
        sheet.printed_at = sheet.printed_at or context.now
        return _done(session, context, AuditAction.SHEET_PRINTED, sheet)


def destroy(context: ActContext, request: SheetNamed) -> SheetResult:
    """Note that the paper is no longer there."""
    check_enabled(context.node)
    with context.database.begin() as session:
        sheet = _find(session, request.sheet)
        if sheet.destroyed_at is not None:
            return SheetResult(sheet=sheet.id, assets=sheet.assets)
        sheet.destroyed_at, sheet.destroyed_by = context.now, context.actor
        return _done(session, context, AuditAction.SHEET_DESTROYED, sheet)


def _find(session: Session, number: int) -> CallSheet:
    if (found := session.get(CallSheet, number, with_for_update=True)) is None:
        raise NotFoundError(say("There is no such call sheet."))
    return found


def _check_time(context: ActContext, sheet: CallSheet) -> None:
    if sheet.destroyed_at is not None or context.now - sheet.asked_at > timedelta(minutes=MINUTES):
        raise ConflictError(
            say("The time for this sheet is over (%(n)s minutes).", n=MINUTES), hint=say("Ask for a new one.")
        )


def _done(session: Session, context: ActContext, word: AuditAction, sheet: CallSheet) -> SheetResult:
    audit(session, word, at=context.now, actor=context.actor, subject=f"call-sheet:{sheet.id}")
    return SheetResult(sheet=sheet.id, assets=sheet.assets)


_MORE: Final = {"noun": "call sheet", "permission": Permission.ASSETS_READ, "undo": _ON_PAPER}
ACTS: Final = (
    asset_act("ask", "Request a call sheet", ask, "sheets", [AuditAction.SHEET_ASKED], makes=True, **_MORE),
    asset_act(
        "approve", "Approve a call sheet", approve, "sheets/{sheet}/approve", [AuditAction.SHEET_APPROVED], **_MORE
    ),
    asset_act("print", "Print a call sheet", print_sheet, "sheets/{sheet}/print", [AuditAction.SHEET_PRINTED], **_MORE),
    asset_act(
        "destroy", "Record a call sheet as destroyed", destroy, "sheets/{sheet}/destroy",
        [AuditAction.SHEET_DESTROYED], **_MORE,
    ),
)  # fmt: skip
"""What can be done with call sheets."""
