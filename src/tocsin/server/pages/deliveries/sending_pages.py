"""Whether mails leave at all: the stop, the brake and the mode, each with what a person can do."""

from typing import Annotated

from fastapi import APIRouter, Request
from fastapi.responses import Response

from tocsin.delivery import acts, halts, waiting_notices
from tocsin.interface import NotHereError, PageRouter, RequestError, needs
from tocsin.node.accounts import Permission, Principal, names_of_actors
from tocsin.node.errors import ConflictError
from tocsin.server.pages.acts import perform_and_go
from tocsin.server.pages.context import PageContext
from tocsin.server.pages.deliveries.list_pages import count_scheduled
from tocsin.server.security import Form, text_of

_SWITCHES = {"stop": "stop", "resume": "resume", "brake": "unbrake"}  # as the forms name them
_ACTS = {form: act for form, name in _SWITCHES.items() for act in acts.ACTS if act.name == name}
_Reader = Annotated[Principal, needs(Permission.DELIVERIES_READ, everything=True)]


def sending_pages(desk: PageContext) -> APIRouter:
    """The page of sending, and its switches."""
    router = PageRouter()

    @router.get("/deliveries/sending")
    def sending(request: Request, _visitor: _Reader, ask: str = "") -> Response:
        """How it stands; ``ask`` opens the form of one switch."""
        return _page(desk, request, ask)

    @router.post("/deliveries/sending")
    def switch(
        request: Request, visitor: Annotated[Principal, needs(Permission.DELIVERIES_STEER, everything=True)], form: Form
    ) -> Response:
        """Stop, let go on, or release the brake."""
        act = _ACTS.get(text_of(form, "act"))
        if act is None:
            raise NotHereError
        try:
            return perform_and_go(desk, visitor, act, form, "/deliveries/sending")
        except RequestError:
            return _page(desk, request, "stop", wrong="reason")
        except ConflictError as error:
            return _page(desk, request, "", error=str(error))

    return router


def _page(desk: PageContext, request: Request, ask: str, *, wrong: str = "", error: str = "") -> Response:
    with desk.node.database.reading() as session:
        stopped, braked = halts(session)
        standing = waiting_notices(session)
        waiting = count_scheduled(session)
        names = names_of_actors(session, [stopped.actor] if stopped else [])
    return desk.page(
        request,
        "deliveries/sending.html",
        status=409 if error else 422 if wrong else 200,
        ask=ask,
        wrong=wrong,
        error=error,
        stopped=stopped,
        names=names,
        braked=braked,
        notices=standing,
        waiting=waiting,
        tell=desk.node.settings.tell,
        inside=True,
    )
