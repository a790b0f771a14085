"""What happened? Each answer leads to what to do now, whom to call, and the report form with its kind chosen."""

from typing import Annotated, Any

from fastapi import APIRouter, Request
from fastapi.responses import Response

from tocsin.delivery.texts import FaultError
from tocsin.incidents.arrivals import KINDS, HelpText, ReportKind, help_text, text_folders
from tocsin.interface import PageRouter, needs
from tocsin.node.accounts import Permission, Principal
from tocsin.node.errors import NotFoundError
from tocsin.pipeline.notify import is_live
from tocsin.server.pages.context import PageContext
from tocsin.server.pages.inbox import HINTS
from tocsin.server.pages.public.help_cards import PERSONAL, cards_for
from tocsin.server.pages.public.public_page import show, show_personal
from tocsin.sharing.public_lookup import PublicLookup


def help_pages(desk: PageContext, helps: PublicLookup) -> APIRouter:
    """The first page of the public, and one for each kind of incident."""
    router = PageRouter()

    @router.get("/help")
    def first(request: Request, _visitor: Annotated[Principal, needs(Permission.PUBLIC_READ)]) -> Response:
        """What happened: the kinds of incidents."""
        return show(desk, request, "public/help.html", report_kinds=KINDS, hints=HINTS, personal=PERSONAL)

    @router.get("/help/{kind}")
    def one(request: Request, _visitor: Annotated[Principal, needs(Permission.PUBLIC_READ)], kind: str) -> Response:
        """What to do now, whom to call, and how to report it."""
        if kind not in set(ReportKind):
            raise NotFoundError("There is no such kind of incident.")
        of = ReportKind(kind)
        context: dict[str, Any] = {"kind": of, "report_kinds": KINDS, "hints": HINTS, "text": _text(desk, request, of)}
        shown = show_personal if of in PERSONAL else show
        template = "public/help_other.html" if of is ReportKind.OTHER else "public/help_kind.html"
        return shown(desk, request, template, **context, **cards_for(desk, helps, request, of))

    return router


def _text(desk: PageContext, request: Request, kind: ReportKind) -> HelpText | None:
    """What to do now: as adopted, or as an example where nothing leaves here yet; None where neither can be shown."""
    language, examples = desk.words(request).language.replace("_", "-"), not is_live(desk.node.settings)
    with desk.node.database.reading() as session:
        try:
            return help_text(session, text_folders(desk.node), kind, language, examples=examples)
        except FaultError:  # the doctor names it
            return None
