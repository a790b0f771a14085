"""What people do with to-do items beside ending them: take, assign, leave and snooze them."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from functools import partial
from typing import Annotated, Final, cast

from pydantic import BaseModel, Field
from sqlalchemy.orm import Session

from tocsin.interface import N_, Act, ActContext, OwnSurface, Wording
from tocsin.node.accounts import Permission, find_person
from tocsin.node.errors import UsageError
from tocsin.node.records import AuditAction, audit
from tocsin.node.sentences import say
from tocsin.pipeline.stores import NodeWithStores
from tocsin.pipeline.tables import ItemKind, ItemWork
from tocsin.pipeline.to_do.item import item_reference
from tocsin.pipeline.to_do.kinds import KINDS
from tocsin.pipeline.to_do.open_items import item_of
from tocsin.pipeline.to_do.until import read_until
from tocsin.pipeline.to_do.work import assignable, row_of


class ItemNamed(BaseModel):
    """Which to-do item."""

    kind: Annotated[ItemKind, Wording(hidden=True)] = Field(title=N_("Kind"), description="What kind of item.")
    subject: Annotated[str, Wording(hidden=True)] = Field(
        "", max_length=300, title=N_("Item"), description="What it is about, where its kind has several.",
        examples=["harbour-telecom"],
    )  # fmt: skip


class ItemAssigned(ItemNamed):
    """Who gets it."""

    to: Annotated[str, Wording(lacking=N_("Choose a person."), choices="people")] = Field(
        min_length=1, max_length=200, title=N_("Assign to"), description="Email address or number of an account."
    )


class ItemSnoozed(ItemNamed):
    """Until when it sleeps."""

    until: Annotated[str, Wording(lacking=N_("Say until when."), hint=N_("A date, at 8:00 UTC."))] = Field(
        min_length=1, max_length=40, title=N_("Snooze until"),
        description="tomorrow, next week, or a date; with a time or at 8:00 (UTC).", examples=["2026-12-04 8:00"],
    )  # fmt: skip


class ItemWorkState(BaseModel):
    """Who has an item (the number of a person, or null), and until when it sleeps."""

    kind: ItemKind
    subject: str
    owner: int | None
    snoozed_until: datetime | None


def take(context: ActContext, request: ItemNamed) -> ItemWorkState:
    """It is assigned to you, whoever had it before."""
    with context.database.reading() as session:
        person = _person(session, context)
    return _give(context, request, person)


def assign(context: ActContext, request: ItemAssigned) -> ItemWorkState:
    """The person must be one who may work on it.

    Raises:
        UsageError: that person may not.

    """
    with context.database.reading() as session:
        person = find_person(session, request.to)
        allowed = {one.number for one in assignable(session, KINDS[request.kind].permission)}
    if person.id not in allowed:
        raise UsageError(say("%(name)s may not work on this.", name=person.name))
    return _give(context, request, person.id)


def leave(context: ActContext, request: ItemNamed) -> ItemWorkState:
    """It is assigned to nobody then."""
    return _give(context, request, None)


def snooze(context: ActContext, request: ItemSnoozed) -> ItemWorkState:
    """Nobody sees it in the list until then; it comes back by itself."""
    until = read_until(request.until, context.now)
    with _open(context, request) as (session, row):
        row.snoozed_until = until
        _note(session, context, row, AuditAction.ITEM_SNOOZED, until=until.isoformat())
        return _state(row)


def wake(context: ActContext, request: ItemNamed) -> ItemWorkState:
    """Its snooze ends now, for everybody."""
    with _open(context, request) as (session, row):
        row.snoozed_until = None
        _note(session, context, row, AuditAction.ITEM_SNOOZED, until=None)
        return _state(row)


def _give(context: ActContext, request: ItemNamed, person: int | None) -> ItemWorkState:
    with _open(context, request) as (session, row):
        row.owner, row.snoozed_until = person, None
        owner = None if person is None else f"person:{person}"
        _note(session, context, row, AuditAction.ITEM_ASSIGNED, owner=owner)
        return _state(row)


@contextmanager
def _open(context: ActContext, request: ItemNamed) -> Iterator[tuple[Session, ItemWork]]:
    """The row of an item that is there; another's transaction never finds it half changed."""
    node = cast("NodeWithStores", context.node)
    item_of(node, request.kind, request.subject, context.now, person=context.person)
    with context.database.begin() as session:
        yield session, row_of(session, request.kind, request.subject, context.now)


def _note(session: Session, context: ActContext, row: ItemWork, word: AuditAction, **detail: object) -> None:
    subject = item_reference(ItemKind(row.kind), row.subject)
    audit(session, word, at=context.now, actor=context.actor, subject=subject, detail=detail)


def _state(row: ItemWork) -> ItemWorkState:
    return ItemWorkState(kind=ItemKind(row.kind), subject=row.subject, owner=row.owner, snoozed_until=row.snoozed_until)


def _person(session: Session, context: ActContext) -> int:
    """The number of who acts; a command says whose account it is."""
    if context.person is not None:
        return context.person
    if not context.name:
        raise UsageError("Who takes it?", hint="Add --as with the email address or number of an account.")
    return find_person(session, context.name).id


_act = partial(
    Act, noun="to-do item", permission=Permission.TODAY_WORK, page=OwnSurface("/today/items"),
    arguments=("kind", "subject"),
)  # fmt: skip

ACTS: Final = (
    _act(
        "take", "Take a to-do item", take, audit=(AuditAction.ITEM_ASSIGNED,), command="todo take",
        route="/todo/take", told="{kind} is yours.", signed=("--as", "Whose account it is; needed."), title=N_("Take"),
    ),
    _act(
        "assign", "Assign a to-do item", assign, audit=(AuditAction.ITEM_ASSIGNED,), command="todo assign",
        route="/todo/assign", told="{kind} is assigned.", title=N_("Assign"),
    ),
    _act(
        "leave", "Give a to-do item back", leave, audit=(AuditAction.ITEM_ASSIGNED,), command="todo leave",
        route="/todo/leave", told="{kind} has no owner.", title=N_("Remove the owner"),
    ),
    _act(
        "snooze", "Snooze a to-do item", snooze, audit=(AuditAction.ITEM_SNOOZED,), command="todo snooze",
        route="/todo/snooze", told="{kind} is snoozed until {snoozed_until:%Y-%m-%d %H:%M} UTC.", title=N_("Snooze"),
    ),
    _act(
        "wake", "Show a snoozed to-do item again", wake, audit=(AuditAction.ITEM_SNOOZED,), command="todo wake",
        route="/todo/wake", told="{kind} is shown again.", title=N_("End snooze"),
    ),
)  # fmt: skip
"""What can be done with to-do items."""
