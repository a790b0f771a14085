"""A list of what a node has kept for years: counted up to a limit, and looked at from where it begins."""

from datetime import UTC, datetime, timedelta
from typing import Any, Final

from sqlalchemy import ColumnElement, Select, func, select
from sqlalchemy.orm import InstrumentedAttribute, Session

COUNTED: Final = 10_000
"""Rows are counted up to so many. Whoever looks for something narrows long before."""

_TURNED: Final = timedelta(days=1)
_MIN, _MAX = datetime.min.replace(tzinfo=UTC) + _TURNED, datetime.max.replace(tzinfo=UTC) - _TURNED
_LAST: Final = 2**63 - 1


class AtLeast(int):
    """A count that ended early: there are more than so many."""


def count_up_to(session: Session, rows: Select[Any]) -> int:
    """How many rows there are; ``AtLeast(COUNTED)`` where there are more."""
    found = session.scalar(select(func.count()).select_from(rows.limit(COUNTED + 1).subquery())) or 0
    return found if found <= COUNTED else AtLeast(COUNTED)


def made_between(
    number: InstrumentedAttribute[int],
    at: InstrumentedAttribute[datetime],
    since: datetime | None,
    until: datetime | None,
) -> list[ColumnElement[bool]]:
    """The conditions that a row was made from one time on and before another, in a table of numbers that ascend.

    ``at`` has an index. The newest of them are found without a look at all that came after: numbers lead to them, and
    of times too a database would put all in order first. A clock may have been turned back by a day.
    """
    if until is None:
        return [] if since is None else [at >= since]
    when, by_time = func.coalesce(at, at), select(number).correlate(None).limit(1)
    after = by_time.where(at >= min(until, _MAX) + _TURNED).order_by(at).scalar_subquery()
    met = [when < until, number < func.coalesce(after, _LAST)]
    if since is not None:
        before = by_time.where(at < max(since, _MIN) - _TURNED).order_by(at.desc()).scalar_subquery()
        met += [when >= since, number > func.coalesce(before, -1)]
    return met
