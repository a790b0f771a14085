"""Forms for acts: what a form says becomes the request; acts without a page of their own have one form for all."""

from collections.abc import Callable
from typing import Annotated, Any

from fastapi import APIRouter, Request
from fastapi.responses import Response
from starlette.datastructures import FormData

from tocsin.interface import (
    Absence,
    Act,
    Form,
    OwnSurface,
    PageRouter,
    RequestError,
    is_several,
    names_in,
    needs,
    perform_form,
)
from tocsin.node.accounts import Principal
from tocsin.node.errors import ConflictError, InputError, UsageError
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


def form_pages(desk: PageContext, acts: tuple[Act, ...]) -> APIRouter:
    """A form for each act that has no page of its own."""
    router = PageRouter()
    for act in acts:
        if not isinstance(act.page, Absence | OwnSurface):
            _add_form(router, desk, act)
    return router


def _add_form(router: APIRouter, desk: PageContext, act: Act) -> None:
    guarded = Annotated[Principal, needs(act.permission, everything=act.everything)]
    back = act.page.partition("/{")[0].rpartition("/")[0] if not names_in(act.page) else act.page.partition("/{")[0]

    def show(request: Request, typed: dict[str, Any], wrongs: Any = (), error: str = "") -> Response:
        shown: dict[str, Any] = {"act": act, "typed": typed, "wrongs": dict(wrongs), "error": error, "back": back}
        shown["fields"] = {name: of for name, of in act.request.model_fields.items() if name not in request.path_params}
        status = 409 if error else 422 if wrongs else 200
        return desk.page(request, "act.html", status=status, **shown)

    @router.get(act.page)
    def ask(request: Request, _visitor: guarded) -> Response:
        """The form."""
        return show(request, {**request.query_params})

    @router.post(act.page)
    def do(request: Request, visitor: guarded, form: Form) -> Response:
        """Do it, or say what is wrong."""
        given = {name: (of,) if is_several(act, name) else of for name, of in request.path_params.items()}
        try:
            return perform_and_go(desk, visitor, act, form, back, **given)
        except RequestError as error:
            return show(request, {**form}, error.wrongs)
        except (ConflictError, InputError, UsageError) as error:
            return show(request, {**form}, error=str(error))
