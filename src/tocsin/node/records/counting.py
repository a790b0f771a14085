"""How many rows there are, without a look at all of them: what a node has kept for years is counted up to a limit."""

from typing import Any, Final

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

COUNTED: Final = 10_000
"""Rows are counted up to so many. Whoever looks for something narrows long before."""


class AtLeast(int):
    """A count that ended early: there are more than so many."""


def count_up_to(session: Session, rows: Select[Any]) -> int:
    """How many rows there are; ``AtLeast(COUNTED)`` where there are more."""
    found = session.scalar(select(func.count()).select_from(rows.limit(COUNTED + 1).subquery())) or 0
    return found if found <= COUNTED else AtLeast(COUNTED)
