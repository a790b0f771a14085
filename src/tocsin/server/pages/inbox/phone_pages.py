"""The phone note: what came by telephone, messenger, on paper or from another CSIRT, written down from any page."""

from collections import defaultdict
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Final

from fastapi import APIRouter, Request
from fastapi.responses import Response
from starlette.datastructures import FormData, UploadFile

from tocsin.delivery.never_held import IntakeFilter
from tocsin.incidents.arrivals import (
    DOORS,
    MOST_BYTES,
    MOST_FILES,
    TEAM_KINDS,
    TYPES,
    ReportAttachment,
    ReportDoor,
    attached,
    form_word,
    kept_file,
    ticket_of,
    triage_acts,
)
from tocsin.interface import PageRouter, RequestError, context_for, needs, read_request
from tocsin.node.accounts import Permission, Principal
from tocsin.server.pages.context import PageContext
from tocsin.server.pages.inbox.list_pages import PLACE
from tocsin.server.pages.words import N_
from tocsin.server.security import Form, text_of

PHONE: Final = "/inbox/phone"
_ADD: Final = next(act for act in triage_acts.ACTS if act.name == "add")
_BY_HAND: Final = (ReportDoor.PHONE, ReportDoor.CHAT, ReportDoor.PAPER, ReportDoor.PARTNER)
_FIELDS: Final = ("what", "door", "kind", "subject", "place", "happened", "sender", "mailbox", "phone", "language")
_SOON: Final = (1, 2, 4, 24)  # hours in which one often rings back
_STALE: Final = N_("The form was open for more than a day. What you wrote is still there: send it again.")
FILES_WRONG: Final = N_("Add at most three files of the types that are named, of at most 5 MB each.")
_WHEN: Final = N_("Write a time such as 2026-11-27 14:30.")

_Worker = Annotated[Principal, needs(Permission.INBOX_WRITE)]


def phone_pages(desk: PageContext) -> APIRouter:
    """The form, and what it adds."""
    router = PageRouter()

    @router.get(PHONE)
    def ask(request: Request, _visitor: _Worker) -> Response:
        """The form."""
        return _form(desk, request, {})

    @router.post(PHONE)
    def add(request: Request, visitor: _Worker, form: Form) -> Response:
        """A new report of the inbox."""
        return _add(desk, request, visitor, form)

    return router


def _add(desk: PageContext, request: Request, visitor: Principal, form: FormData) -> Response:
    typed = {name: text_of(form, name) for name in (*_FIELDS, "ring_back_at", "made")}
    ticket = ticket_of(typed["made"], desk.tokens, desk.now)
    at = _moment(typed["ring_back_at"])
    files = files_of(desk, form, "phone note")
    wrongs = [
        ("made", _STALE) if ticket is None else None,
        ("ring_back_at", _WHEN) if typed["ring_back_at"] and at is None else None,
        ("files", FILES_WRONG) if files is None else None,
    ]
    values: dict[str, Any] = {name: text for name in _FIELDS if (text := typed[name].replace("\r\n", "\n").strip())}
    values |= {"ring_back_at": at, "once": ticket.act if ticket else ""}
    try:
        wanted = read_request(_ADD, values)
    except RequestError as error:
        wrongs += error.wrongs
    if found := [one for one in wrongs if one is not None]:
        return _form(desk, request, typed, found)
    context = replace(context_for(desk.node, visitor, _ADD, desk.now, desk.say), waits=False, holds=True)
    done = triage_acts.add_with_files(context, wanted, files or ())
    return desk.go(f"{PLACE}/{done.reference}", undo=next(iter(context.undos), None))


def files_of(desk: PageContext, form: FormData, place: str) -> list[ReportAttachment] | None:
    """The files of a form after the filter of what must never be held; None where one is not taken."""
    intake = IntakeFilter(desk.node, place, desk.clock)
    sent = [one for one in form.getlist("files") if isinstance(one, UploadFile) and one.filename]
    files = [
        attached(one.filename or "", kept_file(one.filename or "", one.file.read(MOST_BYTES + 1), intake))
        for one in sent[: MOST_FILES + 1]
    ]
    found = [one for one in files if one is not None]
    return found if len(found) == len(sent) <= MOST_FILES else None


def _moment(text: str) -> datetime | None:
    """A time as the field gives it, in UTC."""
    with suppress(OverflowError, ValueError):
        at = datetime.fromisoformat(text.strip())
        return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    return None


def _form(
    desk: PageContext, request: Request, typed: dict[str, str], wrongs: Sequence[tuple[str, str]] = ()
) -> Response:
    made = typed.get("made", "")
    context: dict[str, Any] = {
        "typed": defaultdict(str, typed),
        "wrongs": wrongs,
        "made": made if ticket_of(made, desk.tokens, desk.now) else form_word(desk.tokens, desk.now),
        "doors": {door: DOORS[door] for door in _BY_HAND},
        "kinds": TEAM_KINDS,
        "accept": ",".join(f".{ending}" for ending in TYPES),
        "soon": [(hours, desk.now + timedelta(hours=hours)) for hours in _SOON],
    }
    return desk.page(request, "inbox/phone.html", status=422 if wrongs else 200, **context)
