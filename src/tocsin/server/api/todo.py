"""``/todo``: what asks a person to act; ``/comments``: what the staff writes on things."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel

from tocsin.interface import needs
from tocsin.node.accounts import Permission, Principal
from tocsin.pipeline import comments
from tocsin.pipeline.subjects import sees_work
from tocsin.pipeline.to_do import KINDS, acts, every_item
from tocsin.server.api.acts import add_acts
from tocsin.server.api.context import ApiContext

TAG = "todo"


class ToDoOut(BaseModel):
    """A to-do item; ``owner``: the number of a person, or null; ``endings``: commands that end it."""

    kind: str
    subject: str
    title: str
    count: int
    since: datetime | None
    due: datetime | None
    owner: int | None
    snoozed_until: datetime | None
    path: str
    endings: list[str]


class CommentOut(BaseModel):
    """A comment; ``by``: who wrote it."""

    number: int
    at: datetime
    by: str
    text: str


def add_routes(router: APIRouter, counter: ApiContext) -> None:
    """Add the routes."""

    @router.get("/todo", operation_id="listToDo", summary="To-do items")
    def list_to_do(visitor: Annotated[Principal, needs(Permission.TODAY_READ)]) -> list[ToDoOut]:
        """By when they are due; with those that are snoozed. Protection officers have none of them."""
        return [
            ToDoOut(
                kind=one.kind, subject=one.subject, title=KINDS[one.kind].title(one), count=one.count, since=one.since,
                due=one.due, owner=one.owner[0] if one.owner else None, snoozed_until=one.snoozed_until,
                path=KINDS[one.kind].path_of(one), endings=[of.act for of in KINDS[one.kind].endings if of.act],
            )
            for one in (every_item(counter.node, counter.now, visitor.person) if sees_work(visitor) else ())
        ]  # fmt: skip

    @router.get("/comments", operation_id="listComments", summary="The comments on a thing")
    def list_comments(
        visitor: Annotated[Principal, needs(Permission.TODAY_READ)],
        subject: Annotated[str, Query(min_length=1, max_length=400, examples=["delivery:TOC-2026-0000012"])],
    ) -> list[CommentOut]:
        """The oldest first; none on what one may not see."""
        with counter.node.database.reading() as session:
            found = comments.read_comments(session, subject, visitor)
        return [CommentOut(number=one.number, at=one.at, by=one.by, text=one.text) for one in found]

    add_acts(router, counter, (*acts.ACTS, *comments.ACTS))
