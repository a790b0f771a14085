"""What the public reads to do now: each text, and whether this node adopted it."""

from typing import Annotated, Any, Final

from fastapi import APIRouter, Request
from fastapi.responses import Response

from tocsin.delivery.texts import FaultError
from tocsin.incidents.arrivals import KINDS, help_text_acts, help_text_states, help_texts_in_files, text_folders
from tocsin.interface import PageRouter, needs
from tocsin.node.accounts import Permission, Principal, names_of_actors
from tocsin.pipeline.notify import is_live
from tocsin.server.pages.acts import perform
from tocsin.server.pages.context import PageContext
from tocsin.server.security import Form

PLACE: Final = "/reports/help-texts"
_ACTS: Final = {act.name: act for act in help_text_acts.ACTS}


def help_text_pages(desk: PageContext) -> APIRouter:
    """The list of them, and the act that adopts one or all."""
    router = PageRouter()

    @router.get(PLACE)
    def listed(
        request: Request, _visitor: Annotated[Principal, needs(Permission.INBOX_READ)], done: str = ""
    ) -> Response:
        """Each text in the language of the page."""
        return _page(desk, request, done)

    @router.post(PLACE)
    def adopt(_request: Request, visitor: Annotated[Principal, needs(Permission.RULES_WRITE)], form: Form) -> Response:
        """Adopt one of them, or all."""
        perform(desk, visitor, _ACTS["adopt"], form)
        return desk.go(f"{PLACE}?done=adopt")

    return router


def _page(desk: PageContext, request: Request, done: str) -> Response:
    shelf, language = text_folders(desk.node), desk.words(request).language.replace("_", "-")
    context: dict[str, Any] = {"kinds": KINDS, "done": done == "adopt", "live": is_live(desk.node.settings)}
    with desk.node.database.reading() as session:
        try:
            states = help_text_states(session, shelf)
            texts = help_texts_in_files(shelf, language)
        except FaultError as fault:
            return desk.page(
                request, "inbox/help_texts.html", states=[], texts={}, names={}, fault=str(fault), **context
            )
        names = names_of_actors(session, {state.adopted_by for state in states})
    return desk.page(request, "inbox/help_texts.html", states=states, texts=texts, names=names, fault="", **context)
