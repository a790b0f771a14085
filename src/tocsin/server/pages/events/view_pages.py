"""Saved views of lists, such as events: kept under a name, shared or not, called otherwise, deleted."""

from typing import Annotated, Any, Final
from urllib.parse import parse_qsl, urlencode

from fastapi import APIRouter, Form, Request
from fastapi.responses import Response
from starlette.datastructures import FormData, QueryParams

from tocsin.events import SavedView, delete_view, own_view, read_views, rename_view, save_view
from tocsin.interface import NotHereError, Number, PageRouter, needs
from tocsin.node.accounts import Permission, Principal
from tocsin.node.errors import ConflictError, NotFoundError, UsageError
from tocsin.server.pages.context import PageContext
from tocsin.server.pages.events.query import EventsQuery
from tocsin.server.pages.words import N_
from tocsin.server.security import Form as SentForm
from tocsin.server.security import text_of

_Writer = Annotated[Principal, needs(Permission.VIEWS_WRITE)]
_LONGEST: Final = 4_000
OTHERS: Final = ("/problems", "/incidents", "/reports/public")
"""The other lists that views are kept of; their pages read what they can of any address."""

_WRONG: Final = N_("A view needs a name of at most 80 characters, and a person has at most 100 views.")
_USED: Final = N_("Another view of yours has this name.")


def views_of(desk: PageContext, visitor: Principal, at: str = "") -> list[SavedView]:
    """The views that a visitor may use, all or of a list: none for who sees only some events, since names say much."""
    if not visitor.reach(Permission.EVENTS_READ).everything:
        return []
    with desk.node.database.reading() as session:
        return [view for view in read_views(session, visitor.person) if at in {"", view.path.partition("?")[0]}]


def view_pages(desk: PageContext) -> APIRouter:
    """What is done to saved views."""
    router = PageRouter()

    @router.get("/events/views")
    def views(request: Request, visitor: _Writer) -> Response:
        """The own views and those that others share."""
        return _views(desk, request, visitor)

    @router.post("/events/views")
    def save(request: Request, visitor: _Writer, form: SentForm) -> Response:
        """Keep the conditions and columns of a page under a name; asked is before another view is replaced."""
        return _save(desk, request, visitor, form)

    @router.post("/events/views/{number}")
    def change(
        request: Request,
        visitor: _Writer,
        number: Number,
        name: Annotated[str, Form()] = "",
        shared: Annotated[str, Form()] = "",
    ) -> Response:
        """Call a view otherwise, or share it."""
        try:
            with desk.node.database.begin() as session:
                own_view(session, number, _person(visitor))
                rename_view(session, number, person=_person(visitor), name=name, shared=bool(shared), now=desk.now)
        except NotFoundError:
            raise NotHereError from None
        except UsageError:
            return _views(desk, request, visitor, wrong=_WRONG)
        except ConflictError:
            return _views(desk, request, visitor, wrong=_USED)
        return desk.go("/events/views?done=saved")

    @router.post("/events/views/{number}/delete")
    def delete(visitor: _Writer, number: Number) -> Response:
        """Forget a view."""
        try:
            with desk.node.database.begin() as session:
                delete_view(session, number, person=_person(visitor), now=desk.now)
        except NotFoundError:
            raise NotHereError from None
        return desk.go("/events/views")

    return router


def _save(desk: PageContext, request: Request, visitor: Principal, form: FormData) -> Response:
    fields = ("name", "query", "shared", "replace", "at")
    name, query, shared, replace, at = (text_of(form, field) for field in fields)
    if at in OTHERS:
        pairs = parse_qsl(query[:_LONGEST])
        kept, shows = f"{at}?{urlencode(pairs)}", f"{at}?{urlencode([*pairs, ('done', 'view')])}"
    else:
        asked = EventsQuery.read(QueryParams(query[:_LONGEST]))
        kept, shows = urlencode(asked.pairs(asked.filter)), asked.path(done="view")
    person = _person(visitor)
    given: dict[str, Any] = {"name": name, "query": kept, "shared": bool(shared), "replace": bool(replace)}
    try:
        with desk.node.database.begin() as session:
            save_view(session, person=person, now=desk.now, **given)
    except UsageError:
        return _views(desk, request, visitor, wrong=_WRONG)
    except ConflictError:
        again = {"name": " ".join(name.split()), "query": query[:_LONGEST], "shared": shared, "at": at}
        return desk.page(request, "events/view_exists.html", status=409, lists=OTHERS, **again)
    return desk.go(shows)


def _views(desk: PageContext, request: Request, visitor: Principal, *, wrong: str = "") -> Response:
    status, done = 422 if wrong else 200, request.query_params.get("done") == "saved"
    return desk.page(request, "events/views.html", status=status, views=views_of(desk, visitor), wrong=wrong, done=done)


def _person(visitor: Principal) -> int:
    if visitor.person is None:
        raise NotHereError
    return visitor.person
