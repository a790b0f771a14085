"""Saved views of lists: conditions and columns under a name, for their person or for all who work on the node."""

from datetime import datetime

from sqlalchemy import ForeignKey, Text, or_, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from tocsin.node.accounts import Person
from tocsin.node.errors import ConflictError, NotFoundError, UsageError
from tocsin.node.records import AuditAction, Base, UTCDateTime, audit, counted

_LONGEST = 80
_MOST = 100


class SavedView(Base):
    """A saved view of a list. ``shared``: others use it.

    ``query``: conditions and columns as an address has them; of another list than that of events, the whole address.
    """

    __tablename__ = "event_view"
    __table_args__ = counted("view")

    id: Mapped[int] = mapped_column(primary_key=True)
    person_id: Mapped[int] = mapped_column(ForeignKey(Person.id), index=True)
    name: Mapped[str] = mapped_column(Text)
    query: Mapped[str] = mapped_column(Text)
    shared: Mapped[bool]
    made_at: Mapped[datetime] = mapped_column(UTCDateTime)

    @property
    def path(self) -> str:
        """The address of what it shows."""
        return self.query if self.query.startswith("/") else f"/events?{self.query}" if self.query else "/events"


def read_views(session: Session, person: int | None) -> list[SavedView]:
    """The views that a person may use: the own ones and those that others share, by name."""
    usable = or_(SavedView.person_id == person, SavedView.shared)
    return list(session.scalars(select(SavedView).where(usable).order_by(SavedView.name, SavedView.id)))


def save_view(
    session: Session, *, person: int, name: str, query: str, shared: bool, now: datetime, replace: bool = False
) -> SavedView:
    """Keep a view; with ``replace`` in the place of one with that name. ``query``: as an address has it.

    Raises:
        UsageError: it has no usable name, or the person has too many.
        ConflictError: the person has one with that name, which is not to be replaced.

    """
    name = _named(name)
    own = list(session.scalars(select(SavedView).where(SavedView.person_id == person)))
    view = next((view for view in own if view.name == name), None)
    if view is None:
        if len(own) >= _MOST:
            raise UsageError(f"{_MOST} views are kept for a person.", hint="Delete one that nobody uses.")
        view = SavedView(person_id=person, name=name, query=query, shared=shared, made_at=now)
        session.add(view)
    elif not replace and (view.query, view.shared) != (query, shared):
        raise ConflictError(f"There is a view with the name '{name}'.", hint="Take another name, or replace it.")
    view.query, view.shared = query, shared
    session.flush()
    _note(session, view, "saved", now)
    return view


def rename_view(session: Session, number: int, *, person: int, name: str, shared: bool, now: datetime) -> None:
    """Call a view of this person otherwise, or share it.

    Raises:
        NotFoundError: the person has no such view.
        UsageError: it is no usable name.
        ConflictError: another view of the person has it.

    """
    view, name = own_view(session, number, person), _named(name)
    same = select(SavedView.id).where(SavedView.person_id == person, SavedView.name == name, SavedView.id != view.id)
    if session.scalar(same) is not None:
        raise ConflictError(f"There is a view with the name '{name}'.", hint="Take another name.")
    view.name, view.shared = name, shared
    _note(session, view, "renamed", now)


def delete_view(session: Session, number: int, *, person: int, now: datetime) -> None:
    """Forget a view of this person.

    Raises:
        NotFoundError: the person has no such view.

    """
    view = own_view(session, number, person)
    _note(session, view, "deleted", now)
    session.delete(view)


def own_view(session: Session, number: int, person: int) -> SavedView:
    """A view of this person.

    Raises:
        NotFoundError: the person has no such view.

    """
    view = session.get(SavedView, number)
    if view is None or view.person_id != person:
        raise NotFoundError("There is no such view.", hint="Look in the list of views.")
    return view


def _named(name: str) -> str:
    name = " ".join(name.split())
    if not name or len(name) > _LONGEST or not name.isprintable():
        raise UsageError(f"A view needs a name of at most {_LONGEST} letters.", hint="Write a shorter one.")
    return name


def _note(session: Session, view: SavedView, act: str, now: datetime) -> None:
    audit(
        session, AuditAction.VIEW_CHANGED, at=now, actor=f"person:{view.person_id}", subject=f"view:{view.id}",
        detail={"act": act, "shared": view.shared},
    )  # fmt: skip
