"""The observables that are looked for, as the records have them.

They are read as nobody: what is found is kept in the compartment of its incident, and shown there alone.
"""

from datetime import datetime
from typing import Final

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from tocsin.incidents.models import Incident, IncidentObservable
from tocsin.incidents.sightings.matching import KINDS, WatchedObservable
from tocsin.incidents.states import IncidentState

MOST: Final = 100_000
"""So many observables are looked for, those that were added last."""


def watched_observables(session: Session, now: datetime, *, since: int | None = None) -> list[WatchedObservable]:
    """What is looked for: `MOST` at most, the newest.

    ``since``: only what was checked to this ingest or beyond, all of it; an index finds the few that are asked for.
    """
    row = IncidentObservable
    query = (
        select(row.id, row.kind, row.value)
        .join(Incident, Incident.id == row.incident_id)
        .where(
            row.withdrawn_at.is_(None),
            or_(row.valid_until.is_(None), row.valid_until > now),
            row.kind.in_(sorted(KINDS)),
            Incident.state != IncidentState.REJECTED.value,
        )
    )
    some = query.order_by(row.id.desc()).limit(MOST) if since is None else query.where(row.checked_to >= since)
    return [WatchedObservable(*one) for one in session.execute(some)]
