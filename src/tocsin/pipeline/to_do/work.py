"""Who has which item, and until when it sleeps."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from tocsin.node.accounts import Permission, PersonSummary, Principal, list_people, names_of
from tocsin.pipeline.tables import ItemKind, ItemWork
from tocsin.pipeline.to_do.item import Item


def with_work(session: Session, items: Iterable[Item]) -> list[Item]:
    """The items with their owners and until when they sleep."""
    rows = {(row.kind, row.subject): row for row in session.scalars(select(ItemWork))}
    names = names_of(session, (row.owner for row in rows.values()))
    return [_with(one, rows.get((one.kind.value, one.subject)), names) for one in items]


def _with(item: Item, row: ItemWork | None, names: dict[int, str]) -> Item:
    if row is None:
        return item
    owner = (row.owner, names[row.owner]) if row.owner in names and row.owner is not None else None
    return replace(item, owner=owner, snoozed_until=row.snoozed_until)


def my_items(session: Session, person: int, now: datetime) -> int:
    """How many items a person has that are not snoozed: one query by an index, for the head of each page."""
    awake = or_(ItemWork.snoozed_until.is_(None), ItemWork.snoozed_until <= now)
    return session.scalar(select(func.count()).where(ItemWork.owner == person, awake)) or 0


def assignable(session: Session, permission: Permission) -> list[PersonSummary]:
    """The people who may work items that need this permission, by name; nobody who is blocked."""
    return [
        one
        for one in list_people(session)
        if one.blocked_at is None and Principal(one.role, one.number).reach(permission).everything
    ]


def row_of(session: Session, kind: ItemKind, subject: str, now: datetime) -> ItemWork:
    """The row of an item, made where there is none; for whoever changes it."""
    named = select(ItemWork).where(ItemWork.kind == kind.value, ItemWork.subject == subject)
    row = session.scalar(named)
    if row is None:
        row = ItemWork(kind=kind.value, subject=subject, owner=None, snoozed_until=None, at=now)
        session.add(row)
    row.at = now
    return row
