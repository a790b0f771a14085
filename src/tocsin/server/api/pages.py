"""Lists a page at a time: where the next one begins is told by a cursor that only this node can make.

A cursor names the last thing that was shown, never a count, so that what is added meanwhile moves nothing.
"""

import base64
import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, Generic, TypeVar

from fastapi import Depends, Query, Request, Response
from pydantic import BaseModel, Field

from tocsin.node.errors import UsageError
from tocsin.node.tokens import Tokens
from tocsin.server.list_files import MEDIA, ListForm

F = TypeVar("F")
T = TypeVar("T")

Limit = Annotated[int, Query(ge=1, le=1_000, description="At most so many.")]
Cursor = Annotated[
    str | None, Query(max_length=300, description="Where to go on: the `next` of the page before.", examples=[None])
]


Whole = Annotated[
    ListForm | None, Query(alias="format", description="All of them as a file (`json`: an array), in place of a page.")
]
WHOLE: dict[int | str, dict[str, Any]] = {
    200: {"description": "A page, or all of them as a file.", "content": {MEDIA[ListForm.CSV]: {}}}
}


class ListPage(BaseModel, Generic[T]):
    """A part of a list."""

    items: list[T]
    next: str | None = Field(description="The cursor of the next page; null: this is the last.")


class Paging:
    """The part of a list that is asked for: so many from a place on; says of its answer where the next one begins."""

    def __init__(self, request: Request, response: Response, limit: Limit = 100, cursor: Cursor = None) -> None:
        self.request, self.limit = request, limit
        self._response, self._cursor = response, cursor

    def place(self, noun: str) -> list[Any] | None:
        """Where it begins, as the page before said; None: at the beginning.

        Raises:
            UsageError: this node never made the cursor for this list.

        """
        return place_of(self.request.app.state.tokens, noun, self._cursor)

    def page(self, noun: str, found: Sequence[F], place: Callable[[F], object], show: Callable[[F], T]) -> ListPage[T]:
        """What was found, of which one more than the limit says that there is another page; ``place`` is a cursor's."""
        shown = found[: self.limit]
        last = place(shown[-1]) if len(found) > self.limit else None
        return ListPage(items=[show(one) for one in shown], next=self.next(noun, last))

    def next(self, noun: str, last: object) -> str | None:
        """The cursor of what follows this place, also in the head of the answer; None: nothing does."""
        if last is None:
            return None
        place = last if isinstance(last, tuple) else (last,)
        cursor = cursor_for(self.request.app.state.tokens, noun, place)
        link_next(self.request, self._response, cursor)
        return cursor


ListPaging = Annotated[Paging, Depends()]


def asked_form(request: Request, form: ListForm | None) -> ListForm | None:
    """The form of file that is asked for, in the address or by ``Accept: text/csv``; None: a page."""
    first = request.headers.get("accept", "").lower().partition(",")[0].partition(";")[0].strip()
    return form or (ListForm.CSV if first == "text/csv" else None)


def place_of(tokens: Tokens, noun: str, cursor: str | None) -> list[Any] | None:
    """The place that a cursor names; None: the beginning.

    Raises:
        UsageError: this node never made it for this list.

    """
    if cursor is None:
        return None
    name = tokens.read(f"cursor.{noun}", cursor)
    if name is None:
        raise UsageError("The cursor is none of this list.", hint="Take the `next` of a page, or leave it out.")
    found = json.loads(base64.urlsafe_b64decode(name))
    return list(found)


def cursor_for(tokens: Tokens, noun: str, place: Sequence[Any]) -> str:
    """The cursor of what follows this place."""
    name = base64.urlsafe_b64encode(json.dumps(list(place), separators=(",", ":")).encode()).decode()
    return tokens.make(f"cursor.{noun}", name)


def link_next(request: Request, response: Response, cursor: str | None) -> None:
    """Say where the next page is also as a link (RFC 8288)."""
    if cursor is not None:
        response.headers["Link"] = f'<{request.url.include_query_params(cursor=cursor)}>; rel="next"'


def aware(at: datetime | None) -> datetime | None:
    """The time in UTC; without a zone it is."""
    if at is None:
        return None
    try:
        return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    except OverflowError:
        raise UsageError("That time is beyond the calendar.") from None
