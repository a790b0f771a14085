"""Who must know: one box, and the answer with its chain of reasons."""

from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Request
from fastapi.responses import Response

from tocsin.interface import PageRouter, needs
from tocsin.node.accounts import Permission, Principal, note_read
from tocsin.node.errors import UsageError
from tocsin.node.faces import lazy_face

if TYPE_CHECKING:
    from tocsin.server.pages.lookup.result import LATELY, open_problems
else:
    lazy_face(__name__)

from tocsin.server.pages.context import PageContext
from tocsin.server.pages.lookup.references import path_of
from tocsin.server.pages.lookup.result import look_up
from tocsin.sharing.lookup import FoundReference, read_subject, resolve

_LONGEST = 300
_PAGE = "lookup/lookup.html"


def lookup_pages(desk: PageContext) -> APIRouter:
    """The page that answers who must know of something."""
    router = PageRouter()

    @router.get("/lookup")
    def lookup(request: Request, visitor: Annotated[Principal, needs(Permission.LOOKUP)], q: str = "") -> Response:
        """The box, and the answer where something is asked."""
        shown: dict[str, Any] = {
            "asked": q.strip()[:_LONGEST],
            "found": None,
            "brief": False,
            "wrong": False,
            "outside": False,
        }
        if not shown["asked"]:
            return desk.page(request, _PAGE, **shown)
        try:
            subject = resolve(shown["asked"])
            if isinstance(subject, FoundReference):
                if path := path_of(desk, visitor, subject):
                    return desk.go(path)
                subject = read_subject(shown["asked"])
        except UsageError:
            return desk.page(request, _PAGE, status=422, **shown | {"wrong": True})
        found = look_up(desk, visitor, subject)
        if found is None:  # whether others answer for it, operators do not learn
            return desk.page(request, _PAGE, status=404, **shown | {"outside": True})
        if found.contacts:
            note_read(desk.node.database, visitor, "lookup", now=desk.now)
        return desk.page(request, _PAGE, **shown | {"found": found, "node_tell": desk.node.settings.tell})

    return router
