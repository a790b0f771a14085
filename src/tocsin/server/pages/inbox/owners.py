"""To whom a report can be assigned."""

from sqlalchemy.orm import Session

from tocsin.incidents.arrivals import may_own
from tocsin.node.accounts import list_people


def owners(session: Session) -> list[tuple[str, str]]:
    """Number and name of each person who may work on reports."""
    people = list_people(session)
    return [(str(one.number), one.name) for one in people if may_own(one.role, blocked=one.blocked_at is not None)]
