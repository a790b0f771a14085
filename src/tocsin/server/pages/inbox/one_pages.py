"""One report from the public: read, taken, answered, closed, deleted."""

from typing import Annotated, Any, Final
from urllib.parse import quote

from fastapi import APIRouter, Request
from fastapi.responses import Response
from starlette.datastructures import FormData

from tocsin.incidents.arrivals import (
    ReportDetails,
    ReportKind,
    acts,
    find_report,
    form_word,
    read_report,
    rsit_of,
    ticket_of,
)
from tocsin.interface import Number, PageRouter, RequestError, needs, visitor_of
from tocsin.node.accounts import Permission, Principal, names_of, note_read
from tocsin.node.errors import NotFoundError, UsageError
from tocsin.server.pages.acts import perform
from tocsin.server.pages.context import PageContext
from tocsin.server.pages.form_version import CHANGED, is_stale
from tocsin.server.pages.inbox.list_pages import PLACE
from tocsin.server.pages.inbox.words import KINDS, SHAPES, STATES
from tocsin.server.pages.words import N_
from tocsin.server.security import Form, text_of
from tocsin.sharing.lookup import read_subject

_ACTS: Final = {act.name: act for act in acts.ACTS}
_WRONG: Final = N_("Write something, in at most 10,000 letters.")
_Reader = Annotated[Principal, needs(Permission.INBOX_READ)]
_Worker = Annotated[Principal, needs(Permission.INBOX_WRITE)]


def one_pages(desk: PageContext) -> APIRouter:
    """The page of one report, and what its buttons do."""
    router = PageRouter()

    @router.get(PLACE + "/{reference}")
    def show(request: Request, visitor: _Reader, reference: str) -> Response:
        """All that is known of a report."""
        return _page(desk, request, visitor, reference)

    @router.get(PLACE + "/{reference}/files/{number}")
    def download(_visitor: _Reader, reference: str, number: Number) -> Response:
        """A file as it came: to be kept, never shown here."""
        return _download(desk, reference, number)

    @router.post(PLACE + "/{reference}/take")
    def take(request: Request, _visitor: _Worker, reference: str, form: Form) -> Response:
        """Become its owner."""
        return _move(desk, request, "take", reference, form)

    @router.post(PLACE + "/{reference}/leave")
    def leave(request: Request, _visitor: _Worker, reference: str, form: Form) -> Response:
        """Leave it to others."""
        return _move(desk, request, "leave", reference, form)

    @router.post(PLACE + "/{reference}/state")
    def move(request: Request, _visitor: _Worker, reference: str, form: Form) -> Response:
        """Say whose turn it is."""
        return _move(desk, request, "move", reference, form)

    @router.post(PLACE + "/{reference}/say")
    def say_more(request: Request, visitor: _Worker, reference: str, form: Form) -> Response:
        """Answer the reporter, or keep a note."""
        return _say(desk, request, visitor, reference, form)

    @router.post(PLACE + "/{reference}/erase")
    def erase(request: Request, visitor: _Worker, reference: str, form: Form) -> Response:
        """Delete it with all that was said of it."""
        if is_stale(text_of(form, "seen"), _last_entry(_read(desk, reference))):
            return _page(desk, request, visitor, reference, wrong=CHANGED)
        _do(desk, visitor, "erase", reference)
        return desk.go(PLACE)

    return router


def _move(desk: PageContext, request: Request, act: str, reference: str, form: FormData) -> Response:
    """Do what is as it is wanted afterwards, however often; unless somebody else did something else meanwhile."""
    visitor, read, wanted = visitor_of(request), _read(desk, reference), text_of(form, "state")
    done = {
        "take": read.report.owner == visitor.person,
        "leave": read.report.owner is None,
        "move": read.report.state == wanted,
    }
    if not done[act] and is_stale(text_of(form, "seen"), _last_entry(read)):
        return _page(desk, request, visitor, reference, wrong=CHANGED)
    return _do(desk, visitor, act, reference, form)


def _read(desk: PageContext, reference: str) -> ReportDetails:
    with desk.node.database.reading() as session:
        return read_report(session, find_report(session, reference), all_entries=True)


def _last_entry(read: ReportDetails, but: str = "") -> int:
    """The number of the last thing that happened; 0 where it was by the act ``but``, which is then sent again."""
    if but and any(entry.act == but for entry in read.entries):
        return 0
    return max((entry.id for entry in read.entries), default=0)


def _do(
    desk: PageContext, visitor: Principal, act: str, reference: str, form: FormData | None = None, **given: str
) -> Response:
    done = perform(desk, visitor, _ACTS[act], form or FormData(), reference=reference, **given)
    return desk.go(f"{PLACE}/{done.reference}")


def _page(
    desk: PageContext,
    request: Request,
    visitor: Principal,
    reference: str,
    *,
    wrong: str = "",
    text: str = "",
    what: str = "",
) -> Response:
    with desk.node.database.reading() as session:
        report = find_report(session, reference)
        read = read_report(session, report, all_entries=True)
        names = names_of(session, (report.owner, *(entry.person for entry in read.entries)))
    if report.mailbox:
        note_read(desk.node.database, visitor, f"inbox:{report.reference}", now=desk.now)
    context: dict[str, Any] = {"read": read, "names": names, "kinds": KINDS, "states": STATES, "shapes": SHAPES}
    more: dict[str, Any] = {
        "rsit": rsit_of(ReportKind(report.kind)),
        "lookup": _lookup(report.place),
        "path": f"{PLACE}/{report.reference}",
        "made": form_word(desk.tokens, desk.now),
        "seen": _last_entry(read),
        "typed": {"what": what, "text": text, "wrong": wrong},
    }
    return desk.page(request, "inbox/one.html", status=422 if wrong else 200, **context, **more)


def _say(desk: PageContext, request: Request, visitor: Principal, reference: str, form: Form) -> Response:
    what, text = text_of(form, "what"), text_of(form, "text").replace("\r\n", "\n").strip()
    ticket = ticket_of(text_of(form, "made"), desk.tokens, desk.now)
    if ticket is None or what not in {"answer", "note"}:
        return _page(desk, request, visitor, reference, wrong=_WRONG, text=text, what=what)
    if is_stale(text_of(form, "seen"), _last_entry(_read(desk, reference), but=f"{visitor.actor}/{ticket.act}")):
        return _page(desk, request, visitor, reference, wrong=CHANGED, text=text, what=what)
    try:
        return _do(desk, visitor, what, reference, form, text=text, once=ticket.act)
    except RequestError:
        return _page(desk, request, visitor, reference, wrong=_WRONG, text=text, what=what)


def _download(desk: PageContext, reference: str, number: Number) -> Response:
    with desk.node.database.reading() as session:
        files = read_report(session, find_report(session, reference), all_entries=True).files
    file = next((file for file in files if file.id == number), None)
    if file is None:
        raise NotFoundError("There is no such file.")
    content = desk.node.inbox.read(file.sha256)
    headers = {
        "Content-Disposition": f"attachment; filename*=utf-8''{quote(file.name, safe='')}",  # RFC 6266, RFC 8187
        "Content-Security-Policy": "sandbox; default-src 'none'",
    }
    return Response(content, media_type="application/octet-stream", headers=headers)


def _lookup(place: str) -> str:
    """Where one sees who must know of the place that a reporter named; empty where it is none."""
    try:
        read_subject(place)
    except UsageError:
        return ""
    return f"/lookup?q={quote(place, safe='')}"
