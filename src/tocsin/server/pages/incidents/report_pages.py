"""The form by which somebody makes a report of an incident for an audience."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Any, Final
from urllib.parse import quote

from fastapi import APIRouter, Request
from fastapi.responses import Response
from starlette.datastructures import FormData

from tocsin.incidents import PARTS, IncidentReader, ReportAudience, ReportRequest, acts, parties_of
from tocsin.interface import PageRouter, context_for, needs, number_in, texts_of
from tocsin.node.accounts import Permission, Principal
from tocsin.node.errors import TocsinError, UsageError, WithheldError
from tocsin.node.paths import HomeFolder
from tocsin.server.pages.context import PageContext
from tocsin.server.pages.incidents.list_pages import PLACE
from tocsin.server.pages.incidents.report import FORMATS, report_file
from tocsin.server.pages.incidents.tabs import part_frame
from tocsin.server.pages.incidents.words import AUDIENCES, REPORT_PARTS
from tocsin.server.pages.words import N_, OURS, languages, words_for
from tocsin.server.security import Form, text_of

_NOTE: Final = next(act for act in acts.ACTS if act.operation == "noteIncident")
_WRONG: Final = N_("Choose an audience and a format.")
_FORMATS: Final[Mapping[str, str]] = {
    "pdf": "PDF",
    "docx": N_("Word"),
    "csv": N_("CSV of the timeline"),
    "veris": "VERIS (JSON)",
}

_Worker = Annotated[Principal, needs(Permission.INCIDENTS_WRITE)]


def report_pages(desk: PageContext) -> APIRouter:
    """The form, and the file."""
    router = PageRouter()

    @router.get(PLACE + "/{reference}/report")
    def ask(request: Request, visitor: _Worker, reference: str) -> Response:
        """For whom, which parts, in which language and format."""
        return _form(desk, request, visitor, reference)

    @router.post(PLACE + "/{reference}/report")
    def make(request: Request, visitor: _Worker, reference: str, form: Form) -> Response:
        """The report; what its audience may not have is not in it."""
        return _make(desk, request, visitor, reference, form)

    return router


def _make(desk: PageContext, request: Request, visitor: Principal, reference: str, form: FormData) -> Response:
    names = ("audience", "form", "party")
    typed: dict[str, Any] = {name: text for name in names if (text := text_of(form, name))}
    may = PARTS.get(typed.get("audience", ""), ())
    chosen = tuple(one for one in texts_of(form, "parts") if one in may)
    language = text_of(form, "language")
    try:
        wanted = ReportRequest(reference=reference, parts=chosen, **typed)
    except ValueError:
        return _form(desk, request, visitor, reference, form, error=UsageError(_WRONG))
    node = desk.node
    terms = {str(name): term for name, term in node.settings.node.terms.items()}
    known = languages(OURS)
    words = words_for(language, node.home / HomeFolder.LOCALE, terms) if language in known else desk.words(request)
    context = replace(context_for(node, visitor, _NOTE, desk.now, desk.say), act=None)
    try:
        content, made = report_file(context, wanted, words)
    except (UsageError, WithheldError) as error:
        return _form(desk, request, visitor, reference, form, error=error)
    name = f"{content.incident.reference}-{wanted.audience}.{'json' if wanted.form == 'veris' else wanted.form}"
    headers = {
        "Content-Disposition": f"attachment; filename*=utf-8''{quote(name, safe='')}",
        "Content-Security-Policy": "sandbox; default-src 'none'",
        "X-Marking": " ".join(content.marking.labels),
        "Cache-Control": "no-store",
    }
    return Response(made, media_type=FORMATS[wanted.form], headers=headers)


def _form(
    desk: PageContext,
    request: Request,
    visitor: Principal,
    reference: str,
    form: FormData | None = None,
    *,
    error: TocsinError | None = None,
) -> Response:
    words, reader = desk.words(request), IncidentReader(visitor.person, desk.now)
    with desk.node.database.reading() as session:
        frame = part_frame(words, session, reader, reference, "report")
        parties = parties_of(session, reader, frame.family)
    audience = text_of(form, "audience") if form else ""
    typed = {
        "audience": audience or ReportAudience.INTERNAL.value,
        "party": number_in(text_of(form, "party")) if form else None,
        "parts": texts_of(form, "parts") if form else list(REPORT_PARTS),
        "language": text_of(form, "language") if form else words.language,
        "form": text_of(form, "form") if form else "pdf",
    }
    return desk.page(
        request, "incidents/report.html", status=409 if error else 200, error=error, parties=parties, typed=typed,
        audiences=AUDIENCES, report_parts=REPORT_PARTS, formats=_FORMATS, allowed=PARTS, tongues=languages(OURS),
        **frame.shown,
    )  # fmt: skip
