"""Lists of what a node has kept for years: counted up to a limit, and looked at from where they begin."""

from datetime import datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, Select, func, select
from sqlalchemy.orm import InstrumentedAttribute, Session

COUNTED: Final = 10_000
"""Rows are counted up to so many. Whoever looks for something narrows long before."""


class AtLeast(int):
    """A count that ended early: there are more than so many."""


def count_up_to(session: Session, rows: Select[Any]) -> int:
    """How many rows there are; ``AtLeast(COUNTED)`` where there are more."""
    found = session.scalar(select(func.count()).select_from(rows.limit(COUNTED + 1).subquery())) or 0
    return found if found <= COUNTED else AtLeast(COUNTED)


def newest_first(
    number: InstrumentedAttribute[int], at: InstrumentedAttribute[datetime], *, until: datetime | None, before: int
) -> tuple[list[ColumnElement[bool]], list[ColumnElement[Any]]]:
    """The condition and the order by which the newest rows are asked for, after the one numbered ``before`` (0: all).

    Where only those up to a time are asked for, by an index of ``at``, so that what came later is not looked at, and a
    clock that was wrong for a while misplaces nothing else. Else by number.
    """
    if until is None:
        return ([number < before] if before else []), [number.desc()]
    order: list[ColumnElement[Any]] = [at.desc(), number.desc()]
    if not before:
        return [], order
    its_time = select(at).where(number == before).correlate(None).scalar_subquery()
    return [at <= its_time, (at < its_time) | (number < before)], order
