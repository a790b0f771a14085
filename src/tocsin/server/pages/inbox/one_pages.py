"""One report from the public: read, taken, answered, closed, deleted."""

from collections.abc import Callable
from typing import Annotated, Any, Final
from urllib.parse import quote

from fastapi import APIRouter, Request
from fastapi.responses import Response
from sqlalchemy.orm import Session

from tocsin.incidents.arrivals import (
    PublicReport,
    ReporterLetter,
    ReportKind,
    ReportState,
    answer_report,
    erase_report,
    file_bytes,
    find_report,
    form_word,
    give_back,
    note_on_report,
    read_report,
    rsit_of,
    set_state,
    take_report,
    ticket_of,
)
from tocsin.node.accounts import Permission, Principal, names_of, note_read
from tocsin.node.errors import NotFoundError, UsageError
from tocsin.node.sentences import say
from tocsin.server.pages.desk import PageContext
from tocsin.server.pages.inbox.list_pages import PLACE
from tocsin.server.pages.inbox.words import KINDS, SHAPES, STATES
from tocsin.server.pages.words import N_, choose, words_for
from tocsin.server.security import Form, Number, needs, text_of
from tocsin.sharing.lookup import read_subject

_MOST: Final = 10_000
_SUBJECT: Final = N_("Answer to your report %(reference)s")
_CLOSE: Final = N_("To add something, open your report with its secret: %(page)s")
_WRONG: Final = N_("Write something, in at most 10,000 letters.")
_Reader = Annotated[Principal, needs(Permission.INBOX_READ)]
_Worker = Annotated[Principal, needs(Permission.INBOX_WRITE)]


def one_pages(desk: PageContext) -> APIRouter:
    """The page of one report, and what its buttons do."""
    router = APIRouter()

    @router.get(PLACE + "/{reference}")
    def show(request: Request, visitor: _Reader, reference: str) -> Response:
        """All that is known of a report."""
        return _page(desk, request, visitor, reference)

    @router.get(PLACE + "/{reference}/files/{number}")
    def download(_visitor: _Reader, reference: str, number: Number) -> Response:
        """A file as it came: to be kept, never shown here."""
        return _download(desk, reference, number)

    @router.post(PLACE + "/{reference}/take")
    def take(visitor: _Worker, reference: str) -> Response:
        """Become its owner."""
        return _change(
            desk,
            reference,
            lambda session, report: take_report(session, report, _number(visitor), **_by(desk, visitor)),
        )

    @router.post(PLACE + "/{reference}/leave")
    def leave(visitor: _Worker, reference: str) -> Response:
        """Leave it to others."""
        return _change(
            desk,
            reference,
            lambda session, report: give_back(session, report, person=_number(visitor), **_by(desk, visitor)),
        )

    @router.post(PLACE + "/{reference}/state")
    def move(visitor: _Worker, reference: str, form: Form) -> Response:
        """Say whose turn it is."""
        wanted = text_of(form, "state")
        if wanted not in set(ReportState):
            raise UsageError(say("'%(wanted)s' is no state of a report.", wanted=wanted[:20]))
        by = {"person": _number(visitor), **_by(desk, visitor)}
        return _change(desk, reference, lambda session, report: set_state(session, report, ReportState(wanted), **by))

    @router.post(PLACE + "/{reference}/say")
    def say_more(request: Request, visitor: _Worker, reference: str, form: Form) -> Response:
        """Answer the reporter, or keep a note."""
        return _say(desk, request, visitor, reference, form)

    @router.post(PLACE + "/{reference}/erase")
    def erase(visitor: _Worker, reference: str) -> Response:
        """Delete it with all that was said of it."""
        with desk.node.database.reading() as session:
            number = find_report(session, reference).id
        erase_report(desk.node.database, desk.node.home / "inbox", number, **_by(desk, visitor))
        return desk.go(PLACE)

    return router


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
        "typed": {"what": what, "text": text, "wrong": wrong},
    }
    return desk.page(request, "inbox/one.html", status=422 if wrong else 200, **context, **more)


def _say(desk: PageContext, request: Request, visitor: Principal, reference: str, form: Form) -> Response:
    what, text = text_of(form, "what"), text_of(form, "text").replace("\r\n", "\n").strip()
    ticket = ticket_of(text_of(form, "made"), desk.tokens, desk.now)
    if not 0 < len(text) <= _MOST or ticket is None or what not in {"answer", "note"}:
        return _page(desk, request, visitor, reference, wrong=_WRONG, text=text, what=what)

    def record(session: Session, report: PublicReport) -> None:
        by = {"person": _number(visitor), "act": ticket.act, **_by(desk, visitor)}
        if what == "note":
            note_on_report(session, report, text, **by)
        else:
            asks = bool(text_of(form, "asks"))
            answer_report(session, report, text, **by, asks=asks, letter=_letter(desk, report, text))

    return _change(desk, reference, record)


def _letter(desk: PageContext, report: PublicReport, text: str) -> ReporterLetter:
    """The mail to a reporter, in the language of the page that he used."""
    node, url = desk.node.settings.node, desk.node.settings.server.url
    terms = {str(name): term for name, term in node.terms.items()}
    words = words_for(choose([report.language], desk.languages), desk.node.home / "locale", terms)
    subject = words.say(_SUBJECT, reference=report.reference)
    close = words.say(_CLOSE, page=f"{url}/report/answer")
    return ReporterLetter(subject, f"{text}\n\n-- \n{node.name}\n{close if url else ''}".rstrip() + "\n")


def _download(desk: PageContext, reference: str, number: Number) -> Response:
    with desk.node.database.reading() as session:
        files = read_report(session, find_report(session, reference), all_entries=True).files
    file = next((file for file in files if file.id == number), None)
    if file is None:
        raise NotFoundError("There is no such file.")
    content = file_bytes(desk.node.home / "inbox", file.sha256)
    headers = {
        "Content-Disposition": f"attachment; filename*=utf-8''{quote(file.name, safe='')}",  # RFC 6266, RFC 8187
        "Content-Security-Policy": "sandbox; default-src 'none'",
    }
    return Response(content, media_type="application/octet-stream", headers=headers)


def _change(desk: PageContext, reference: str, change: Callable[[Session, PublicReport], None]) -> Response:
    with desk.node.database.begin() as session:
        report = find_report(session, reference)
        change(session, report)
    return desk.go(f"{PLACE}/{report.reference}")


def _by(desk: PageContext, visitor: Principal) -> Any:
    return {"actor": visitor.actor, "now": desk.now}


def _number(visitor: Principal) -> int:
    return visitor.person or 0


def _lookup(place: str) -> str:
    """Where one sees who must know of the place that a reporter named; empty where it is none."""
    try:
        read_subject(place)
    except UsageError:
        return ""
    return f"/lookup?q={quote(place, safe='')}"
