"""The records of a report of which something is purged."""

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from tocsin.events.models import ColumnSet, FeedAlarm, Ingest, LeftAside
from tocsin.node.sentences import say

_PURGED = say("It was purged.")


def purge_ingest(session: Session, ingest: Ingest, *, whole: bool) -> None:
    """Forget lowest and highest values of its files; where it goes as a whole its names and words, too.

    In the caller's transaction. Its sums and its hash stay, so that the same report is not taken in again.
    """
    ingest.parts = []
    if not whole:
        return
    ingest.report = ""
    session.execute(update(LeftAside).where(LeftAside.ingest == ingest.number).values(reason=""))
    session.execute(update(FeedAlarm).where(FeedAlarm.ingest == ingest.number).values(words=_PURGED, note=""))
    columns = session.get(ColumnSet, ingest.column_set) if ingest.column_set else None
    users = select(func.count()).select_from(Ingest).where(Ingest.column_set == ingest.column_set)
    if columns is not None and session.scalar(users) == 1:
        ingest.column_set = None
        session.delete(columns)
