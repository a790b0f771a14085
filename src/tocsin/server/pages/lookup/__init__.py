"""Contact lookup: whom to notify of one thing, and why."""

from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Request
from fastapi.responses import Response

from tocsin.interface import PageRouter, needs
from tocsin.node.accounts import Permission, Principal, note_read
from tocsin.node.errors import UsageError
from tocsin.server.pages.context import PageContext
from tocsin.server.pages.lookup.result import look_up
from tocsin.sharing.lookup import FoundReference, resolve

_LONGEST = 300
_PAGE = "lookup/lookup.html"


def lookup_pages(desk: PageContext) -> APIRouter:
    """The page of the contact lookup."""
    router = PageRouter()

    @router.get("/lookup")
    def lookup(request: Request, visitor: Annotated[Principal, needs(Permission.LOOKUP)], q: str = "") -> Response:
        """The field, and the answer where something is asked; what has no contact is searched for."""
        shown: dict[str, Any] = {"asked": q.strip()[:_LONGEST], "found": None, "brief": False}
        shown |= {"wrong": False, "outside": False}
        if not shown["asked"]:
            return desk.page(request, _PAGE, **shown)
        try:
            subject = resolve(shown["asked"])
        except UsageError:
            return desk.page(request, _PAGE, status=422, **shown | {"wrong": True})
        if isinstance(subject, FoundReference):
            return desk.go(f"/search?{urlencode({'q': shown['asked']})}")
        found = look_up(desk, visitor, subject)
        if found is None:  # whether others answer for it, operators do not learn
            return desk.page(request, _PAGE, status=404, **shown | {"outside": True})
        if found.contacts:
            note_read(desk.node.database, visitor, "lookup", now=desk.now)
        return desk.page(request, _PAGE, **shown | {"found": found, "node_tell": desk.node.settings.tell})

    return router
