"""One report of the inbox: read, assigned, answered, sent on to the responsible team, closed, deleted."""

import hashlib
from collections.abc import Callable
from typing import Annotated, Any, Final
from urllib.parse import quote, urlencode

from fastapi import APIRouter, Request
from fastapi.responses import Response
from starlette.datastructures import FormData

from tocsin.delivery.mailbox import ReceivedMail, read_mail
from tocsin.delivery.texts import answer_templates
from tocsin.directory import Team, team_names
from tocsin.incidents import IncidentReader, defang
from tocsin.incidents.arrivals import (
    BASES,
    DOORS,
    REASONS,
    STATES,
    TEAM_KINDS,
    EntryKind,
    ReportDetails,
    ReportKind,
    acts,
    attachments_of,
    find_report,
    form_word,
    hints_of,
    incidents_with,
    mails_of,
    read_report,
    rsit_of,
    text_folders,
    ticket_of,
    triage_acts,
)
from tocsin.interface import Number, PageRouter, RequestError, needs, visitor_of
from tocsin.networks import format_address
from tocsin.node.accounts import Permission, Principal, names_of, note_read
from tocsin.node.errors import ConflictError, NotFoundError, UsageError
from tocsin.pipeline import inbox_event
from tocsin.server.pages.acts import perform
from tocsin.server.pages.context import PageContext
from tocsin.server.pages.form_version import CHANGED, is_stale
from tocsin.server.pages.inbox.list_pages import PLACE, teams_named
from tocsin.server.pages.inbox.owners import owners
from tocsin.server.pages.inbox.words import SHAPES
from tocsin.server.pages.words import N_
from tocsin.server.security import Form, text_of

_ACTS: Final = {act.name: act for act in (*acts.ACTS, *triage_acts.ACTS, *inbox_event.ACTS)}
_WRONG: Final = N_("Write something, in at most 10,000 characters.")
_DONE: Final = {
    "take": N_("Assigned to you."),
    "assign": N_("Assigned."),
    "leave": N_("Unassigned."),
    "move": N_("State changed."),
    "answer": N_("Answer sent."),
    "note": N_("Note saved."),
    "ring-back": N_("Ring-back noted."),
    "notify": N_("Event created. The responsible team is notified by the usual rules."),
}
_MOVES: Final = {
    "take": "take",
    "assign": "assign",
    "leave": "leave",
    "move": "state",
    "ring-back": "ring-back",
    "notify": "notify",
}
"""By act, the end of the address of its button."""

_Reader = Annotated[Principal, needs(Permission.INBOX_READ)]
_Worker = Annotated[Principal, needs(Permission.INBOX_WRITE)]


def one_pages(desk: PageContext) -> APIRouter:
    """The page of one report, and what its buttons do."""
    router = PageRouter()

    @router.get(PLACE + "/{reference}")
    def show(request: Request, visitor: _Reader, reference: str, template: str = "", done: str = "") -> Response:
        """All that is known of a report; ``template``: with the text of an answer to begin with."""
        text = _template_text(desk, visitor, reference, template) if template else ""
        return _page(desk, request, visitor, reference, text=text, done=_DONE.get(done, ""))

    @router.get(PLACE + "/{reference}/files/{number}")
    def download(visitor: _Reader, reference: str, number: Number) -> Response:
        """A file as it came: to be kept, never shown here."""
        return _download(desk, visitor, reference, number)

    @router.get(PLACE + "/{reference}/mails/{number}")
    def download_mail(visitor: _Reader, reference: str, number: Number) -> Response:
        """A mail as it came, with what is attached to it: to be kept, never shown here."""
        return _download_mail(desk, visitor, reference, number)

    for act, address in _MOVES.items():
        router.post(f"{PLACE}/{{reference}}/{address}")(_mover(desk, act))

    @router.post(PLACE + "/{reference}/say")
    def say_more(request: Request, visitor: _Worker, reference: str, form: Form) -> Response:
        """Answer the reporter, or keep a note."""
        return _say(desk, request, visitor, reference, form)

    @router.post(PLACE + "/{reference}/erase")
    def erase(request: Request, visitor: _Worker, reference: str, form: Form) -> Response:
        """Delete it with all that was said of it."""
        if is_stale(text_of(form, "seen"), _last_entry(_read(desk, visitor, reference))):
            return _page(desk, request, visitor, reference, wrong=CHANGED)
        _do(desk, visitor, "erase", reference)
        return desk.go(PLACE)

    return router


def _mover(desk: PageContext, act: str) -> Callable[..., Response]:
    """What a button does that needs no text."""

    def move(request: Request, _visitor: _Worker, reference: str, form: Form) -> Response:
        return _move(desk, request, act, reference, form)

    return move


def _move(desk: PageContext, request: Request, act: str, reference: str, form: FormData) -> Response:
    """Do what is as it is wanted afterwards, however often; unless somebody else did something else meanwhile."""
    visitor, wanted = visitor_of(request), text_of(form, "state")
    read = _read(desk, visitor, reference)
    done = {
        "take": read.report.owner == visitor.person,
        "leave": read.report.owner is None,
        "move": read.report.state == wanted,
        "ring-back": read.report.ring_back_at is None,
        "assign": str(read.report.owner) == text_of(form, "owner"),
        "notify": any(entry.kind == EntryKind.EVENT for entry in read.entries),
    }
    if not done[act] and is_stale(text_of(form, "seen"), _last_entry(read)):
        return _page(desk, request, visitor, reference, wrong=CHANGED)
    try:
        return _do(desk, visitor, act, reference, form)
    except (ConflictError, RequestError, UsageError) as error:
        return _page(desk, request, visitor, reference, wrong=desk.words(request).translate_error(error))


def _read(desk: PageContext, visitor: Principal, reference: str) -> ReportDetails:
    with desk.node.database.reading() as session:
        reader = reader_for(desk, visitor)
        return read_report(session, find_report(session, reader, reference), reader)


def reader_for(desk: PageContext, visitor: Principal) -> IncidentReader:
    """The visitor, as far as he may read now."""
    return IncidentReader(visitor.person, desk.now)


def _last_entry(read: ReportDetails, but: str = "") -> int:
    """The number of the last thing that happened; 0 where it was by the act ``but``, which is then sent again."""
    if but and any(entry.act == but for entry in read.entries):
        return 0
    return max((entry.id for entry in read.entries), default=0)


def _do(
    desk: PageContext, visitor: Principal, act: str, reference: str, form: FormData | None = None, **given: str
) -> Response:
    done = perform(desk, visitor, _ACTS[act], form or FormData(), reference=reference, **given)
    return desk.go(f"{PLACE}/{done.reference}?done={act}")


def _page(
    desk: PageContext,
    request: Request,
    visitor: Principal,
    reference: str,
    *,
    wrong: str = "",
    text: str = "",
    what: str = "",
    done: str = "",
) -> Response:
    with desk.node.database.reading() as session:
        reader = reader_for(desk, visitor)
        report = find_report(session, reader, reference)
        read = read_report(session, report, reader)
        hints = hints_of(session, reader, [report.id])
        incidents, mails = incidents_with(session, reader, report), mails_of(session, report)
        team = team_names(session, [report.team_id]).get(report.team_id) if report.team_id is not None else None
        assigned = (int(entry.text) for entry in read.entries if entry.kind == EntryKind.OWNER and entry.text)
        names = names_of(session, (report.owner, *assigned, *(entry.person for entry in read.entries)))
        people = owners(session)
    if report.mailbox:
        note_read(desk.node.database, visitor, f"inbox:{report.reference}", now=desk.now)
    context: dict[str, Any] = {"read": read, "names": names, "owners": people, "done": done, "reasons": REASONS}
    context |= {
        "kinds": TEAM_KINDS,
        "states": STATES,
        "shapes": SHAPES,
        "doors": DOORS,
        "bases": BASES,
        "defang": defang,
    }
    context |= {"hint": hints[report.id], "incidents": incidents, "team": team}
    context |= {"mails": [(mail, _attached(desk, mail)) for mail in mails]}
    context["teams"] = teams_named(desk, visitor, hints.values())
    more: dict[str, Any] = {
        "rsit": rsit_of(ReportKind(report.kind)),
        "responsible": _responsible(desk, visitor, report.place),
        "related": _related(visitor, report.place),
        "templates": answer_templates(text_folders(desk.node), report.language),
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
    once = hashlib.sha256(f"{ticket.act}\n{what}\n{text}".encode()).hexdigest()  # another text by Back is another
    if is_stale(text_of(form, "seen"), _last_entry(_read(desk, visitor, reference), but=f"{visitor.actor}/{once}")):
        return _page(desk, request, visitor, reference, wrong=CHANGED, text=text, what=what)
    try:
        return _do(desk, visitor, what, reference, form, text=text, once=once)
    except RequestError as error:
        wrong = desk.words(request).translate_error(error) if text else _WRONG
        return _page(desk, request, visitor, reference, wrong=wrong, text=text, what=what)


def _attached(desk: PageContext, mail: ReceivedMail) -> list[tuple[str, int]]:
    """Name and size of what is attached to a kept mail; nothing opens it."""
    try:
        return attachments_of(read_mail(desk.node.mailroom.read(mail.sha256)))
    except NotFoundError:
        return []


def _download(desk: PageContext, visitor: Principal, reference: str, number: Number) -> Response:
    file = next((file for file in _read(desk, visitor, reference).files if file.id == number), None)
    if file is None:
        raise NotFoundError("There is no such file.")
    return _handed_out(file.name, desk.node.inbox.read(file.sha256))


def _download_mail(desk: PageContext, visitor: Principal, reference: str, number: Number) -> Response:
    with desk.node.database.reading() as session:
        mails = mails_of(session, find_report(session, reader_for(desk, visitor), reference))
    mail = next((one for one in mails if one.id == number), None)
    if mail is None:
        raise NotFoundError("There is no such mail.")
    note_read(desk.node.database, visitor, f"mail:{mail.id}", now=desk.now)
    return _handed_out(f"mail-{mail.id}.eml", desk.node.mailroom.read(mail.sha256))


def _handed_out(name: str, content: bytes) -> Response:
    headers = {
        "Content-Disposition": f"attachment; filename*=utf-8''{quote(name, safe='')}",  # RFC 6266, RFC 8187
        "Content-Security-Policy": "sandbox; default-src 'none'",
    }
    return Response(content, media_type="application/octet-stream", headers=headers)


def _template_text(desk: PageContext, visitor: Principal, reference: str, template: str) -> str:
    """The text of an answer template, in the language of the reporter; empty where there is none of this name."""
    with desk.node.database.reading() as session:
        language = find_report(session, reader_for(desk, visitor), reference).language
    return answer_templates(text_folders(desk.node), language).get(template, ("", ""))[1]


def _responsible(desk: PageContext, visitor: Principal, place: str) -> list[Team] | None:
    """The teams that would be notified of the place that a reporter named; None where it is none, or not to be seen."""
    subject = inbox_event.subject_of(place)
    if subject is None or not visitor.may(Permission.LOOKUP):
        return None
    teams = desk.teams()
    return [teams[match.team_id] for match in desk.guide.ask(subject).decision.matches if match.team_id in teams]


def _related(visitor: Principal, place: str) -> list[tuple[str, str]]:
    """What else there is of the place that a reporter named: address of a page, and its name."""
    subject = inbox_event.subject_of(place)
    if subject is None:
        return []
    address = format_address(*subject.address) if subject.address else subject.network
    asked = {"address": address, "asn": subject.asn, "text": subject.domain}
    query = urlencode({name: value for name, value in asked.items() if value})
    pages = [
        (Permission.EVENTS_READ, f"/events?{query}", N_("Events there")),
        (Permission.LOOKUP, f"/lookup?q={quote(place, safe='')}", N_("Contact lookup")),
    ]
    return [(path, name) for permission, path, name in pages if visitor.may(permission)]
