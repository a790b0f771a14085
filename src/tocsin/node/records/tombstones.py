"""Tombstones: what was purged, when and by whom, and nothing of what it said."""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import TypeAlias

from sqlalchemy import ColumnElement, Text, func, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from tocsin.node.records.engine import Base, UTCDateTime

ReferenceCondition: TypeAlias = Callable[[ColumnElement[str]], ColumnElement[bool]]


class Tombstone(Base):
    """One thing that was purged.

    ``reference``: its kind and its name in lists, such as ``event:12-3``. ``ingest`` and ``place``: the report that it
    came with, and its row or its place in quarantine there; ``events`` and ``rows``: how many events and set-aside rows
    went with it, so that sums balance. ``by``: as the audit log names who did it.
    """

    __tablename__ = "tombstone"

    id: Mapped[int] = mapped_column(primary_key=True)
    reference: Mapped[str] = mapped_column(Text, unique=True)
    kind: Mapped[str] = mapped_column(Text)
    ingest: Mapped[int | None] = mapped_column(index=True)
    place: Mapped[int | None]
    events: Mapped[int]
    rows: Mapped[int]
    came_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    at: Mapped[datetime] = mapped_column(UTCDateTime)
    by: Mapped[str] = mapped_column(Text)
    reason: Mapped[str] = mapped_column(Text)


def find_tombstone(session: Session, reference: str, may: ReferenceCondition | None = None) -> Tombstone | None:
    """The tombstone of a thing, if it was purged. ``may``: the condition on references that the reader may learn of."""
    query = select(Tombstone).where(Tombstone.reference == reference)
    return session.scalar(query if may is None else query.where(may(Tombstone.__table__.c.reference)))


def newest_tombstones(session: Session, limit: int, may: ReferenceCondition) -> Sequence[Tombstone]:
    """What was purged last, the newest first; ``may``: as of `find_tombstone`."""
    query = select(Tombstone).where(may(Tombstone.__table__.c.reference))
    return session.scalars(query.order_by(Tombstone.id.desc()).limit(limit)).all()


def purged_counts(session: Session, ingest: int | None = None) -> tuple[int, int]:
    """How many events and how many set-aside rows were purged, of one ingest or of all."""
    query = select(func.sum(Tombstone.events), func.sum(Tombstone.rows))
    events, rows = session.execute(query if ingest is None else query.where(Tombstone.ingest == ingest)).one()
    return events or 0, rows or 0


def purged_of(session: Session, kind: str) -> int:
    """How many things of a kind were purged."""
    return session.scalar(select(func.count()).select_from(Tombstone).where(Tombstone.kind == kind)) or 0


def purged_rows(session: Session, ingest: int) -> frozenset[int] | None:
    """The places of set-aside rows of an ingest that were purged; None: all of them."""
    found = session.execute(
        select(Tombstone.kind, Tombstone.place).where(Tombstone.ingest == ingest, Tombstone.rows > 0)
    ).all()
    if any(place is None for _, place in found):
        return None
    return frozenset(place for _, place in found if place is not None)


def ingests_with_purged_rows(session: Session) -> Iterable[int]:
    """The ingests of whose set-aside rows some were purged."""
    query = select(Tombstone.ingest).where(Tombstone.rows > 0, Tombstone.ingest.is_not(None)).distinct()
    return [ingest for ingest in session.scalars(query) if ingest is not None]
