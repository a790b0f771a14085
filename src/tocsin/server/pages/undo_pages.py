"""Undo on pages: the button of the notice that says what was just done."""

from typing import Annotated, Final

from fastapi import APIRouter, Request
from fastapi.responses import Response

from tocsin.interface import Number, PageRouter, needs, undo_act
from tocsin.node.accounts import Permission, Principal
from tocsin.node.errors import ConflictError, NotFoundError
from tocsin.server.pages.acts import perform
from tocsin.server.pages.context import PageContext, own_path
from tocsin.server.security import Form, text_of

(_UNDO,) = undo_act.ACTS
_STATUS: Final = {ConflictError: 409, NotFoundError: 404}


def undo_pages(desk: PageContext) -> APIRouter:
    """The one form."""
    router = PageRouter()

    @router.post("/undo/{number}")
    def undo(
        request: Request, number: Number, visitor: Annotated[Principal, needs(Permission.ACTS_UNDO)], form: Form
    ) -> Response:
        """Back to the page where the notice was, or why it cannot be undone."""
        try:
            perform(desk, visitor, _UNDO, form, number=number)
        except (ConflictError, NotFoundError) as error:
            return desk.page(request, "undo.html", status=_STATUS[type(error)], error=error)
        return desk.go(own_path(text_of(form, "back_to")), undo=number)

    return router
