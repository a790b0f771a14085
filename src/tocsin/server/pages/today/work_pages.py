"""One to-do item: its owner, what ends it, its comments; taking, assigning, snoozing it; comments on anything."""

from collections.abc import Callable
from typing import Annotated, Any, Final
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response
from pydantic import BaseModel, Field

from tocsin.interface import NotHereError, PageRouter, RequestError, needs, visitor_of
from tocsin.node.accounts import Permission, Principal
from tocsin.node.errors import ConflictError, InputError, NotFoundError, TocsinError, UsageError
from tocsin.pipeline import comments
from tocsin.pipeline.tables import ItemKind
from tocsin.pipeline.to_do import KINDS, Item, acts, assignable, item_of, item_reference
from tocsin.server.pages.acts import perform
from tocsin.server.pages.context import PageContext, own_path
from tocsin.server.pages.words import N_
from tocsin.server.security import Form, text_of

_ACTS: Final = {act.name: act for act in acts.ACTS}
(_COMMENT,) = comments.ACTS
_DONE: Final = {
    "take": N_("The item is yours."),
    "assign": N_("The item is assigned."),
    "leave": N_("The item has no owner."),
    "snooze": N_("The item is snoozed."),
    "wake": N_("The item is shown again."),
}
_Worker = Annotated[Principal, needs(_COMMENT.permission)]


class _ItemAddress(BaseModel):
    """Which item a page is about."""

    kind: ItemKind
    subject: str = Field("", max_length=300)
    done: str = ""


def work_pages(desk: PageContext) -> APIRouter:
    """The page of an item, and what is done with it."""
    router = PageRouter()

    @router.get("/today/items")
    def one(
        request: Request,
        _visitor: Annotated[Principal, needs(Permission.EVENTS_READ, everything=True)],
        asked: Annotated[_ItemAddress, Query()],
    ) -> Response:
        """One item."""
        return _page(desk, request, asked)

    @router.post("/today/items")
    def work(request: Request, visitor: _Worker, form: Form) -> Response:
        """Take, assign, leave, snooze or wake an item."""
        act = _ACTS.get(text_of(form, "act"))
        if act is None or text_of(form, "kind") not in set(ItemKind):
            raise NotHereError
        try:
            done = perform(desk, visitor, act, form)
        except (RequestError, UsageError) as error:
            asked = _ItemAddress(kind=ItemKind(text_of(form, "kind")), subject=text_of(form, "subject"))
            return _page(desk, request, asked, error)
        if text_of(form, "on") == "today":
            return desk.go(f"/today?done={act.name}")
        return desk.go("/today/items?" + urlencode({"kind": done.kind, "subject": done.subject, "done": act.name}))

    @router.post("/comments")
    def comment(visitor: _Worker, form: Form) -> Response:
        """Comment on a thing, and go back to its page."""
        perform(desk, visitor, _COMMENT, form)
        return desk.go(f"{own_path(text_of(form, 'back_to'))}#comments")

    return router


def attempt(act: Callable[[], object]) -> TocsinError | None:
    """Do what a person asked for; what is wrong with it, or None."""
    try:
        act()
    except (UsageError, InputError, ConflictError, NotFoundError) as error:
        return error
    return None


def done_text(done: str) -> str:
    """What was just done with an item, in English; empty where nothing was."""
    return _DONE.get(done, "")


def work_of(
    desk: PageContext, kind: ItemKind, subject: str = "", item: Item | None = None, *, person: int | None = None
) -> dict[str, Any]:
    """What the macros of ``today/work.html`` need: the item (None where it ended), its kind, and who may have it."""
    of = KINDS[kind]
    if item is None:
        try:
            item = item_of(desk.node, kind, subject, desk.now, person=person)
        except NotFoundError:
            item = None
    with desk.node.database.reading() as session:
        people = assignable(session, of.permission) if item else []
    return {"item": item, "of": of, "people": people, "reference": item_reference(kind, subject), "now": desk.now}


def _page(desk: PageContext, request: Request, asked: _ItemAddress, error: TocsinError | None = None) -> Response:
    work = work_of(desk, asked.kind, asked.subject, person=visitor_of(request).person)
    shown = work | {"done": done_text(asked.done), "wrong": error}
    return desk.page(request, "today/item.html", status=422 if error else 200, **shown)
