"""Forms for acts: what a form says becomes the request; those of acts without a page of their own are made."""

from collections.abc import Callable, Sequence
from typing import Any

from fastapi import APIRouter
from fastapi.responses import Response
from starlette.datastructures import FormData

from tocsin.interface import Act, FormHooks, PageRouter, add_forms, perform_form
from tocsin.node.accounts import Principal
from tocsin.server.pages.context import PageContext


def perform(desk: PageContext, visitor: Principal, act: Act, form: FormData, **given: Any) -> Any:
    """Do an act with what a form says, and what its page knows besides; what it gives back.

    Raises:
        RequestError: something in the form is missing or not as it must be.

    """
    return perform_with_undo(desk, visitor, act, form, **given)[0]


def perform_and_go(
    desk: PageContext, visitor: Principal, act: Act, form: FormData, path: str | Callable[[Any], str], **given: Any
) -> Response:
    """As `perform`, and on to a page that offers to undo it; ``path``: its address, or what makes one of the result."""
    done, undo = perform_with_undo(desk, visitor, act, form, **given)
    return desk.go(path if isinstance(path, str) else path(done), undo=undo)


def perform_with_undo(
    desk: PageContext, visitor: Principal, act: Act, form: FormData, **given: Any
) -> tuple[Any, int | None]:
    """As `perform`; also the number by which it can be undone, None where it cannot."""
    done, undo = perform_form(desk, visitor, act, form, **given)
    if act.routing:
        desk.guide.renew()
    return done, undo


def form_pages(desk: PageContext, acts: Sequence[Act], hooks: FormHooks) -> APIRouter:
    """A form for each act that has no page of its own; ``hooks``: what its room adds to it."""
    router = PageRouter()
    add_forms(router, desk, acts, hooks, perform_with_undo)
    return router
