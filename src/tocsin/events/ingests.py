"""Reports that were taken in, for to look through; and how many of their rows wait in quarantine."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session, aliased

from tocsin.events.models import FeedRecord, Ingest, IngestState, LeftAside
from tocsin.node.records import count_up_to, ingests_with_purged_rows, newest_first, purged_rows


@dataclass(frozen=True, slots=True)
class IngestFilter:
    """Which reports; every given condition must hold. ``feed``: source and code, as ``shadowserver/scan_rdp``.

    ``since`` is included, ``until`` is not; ``text``: a part of the report's name. ``set_aside``: only those with such
    rows.
    """

    feed: str = ""
    state: str = ""
    text: str = ""
    since: datetime | None = None
    until: datetime | None = None
    set_aside: bool = False


@dataclass(frozen=True, slots=True)
class WaitingRows:
    """The rows of one ingest that wait in quarantine: ``open`` of all ``rows``, the rest was read again."""

    ingest: Ingest
    feed: FeedRecord
    rows: int
    open: int


def find_ingests(
    session: Session, wanted: IngestFilter, *, before: int | None = None, limit: int = 50
) -> Sequence[tuple[Ingest, FeedRecord]]:
    """The newest that match, with their feeds; ``before``: only those after the one of this number, a stable cursor."""
    query = select(Ingest, FeedRecord).join(FeedRecord, FeedRecord.id == Ingest.feed_id)
    after, order = newest_first(Ingest.number, Ingest.started_at, until=wanted.until, before=before or 0)
    query = _filtered(query, wanted).where(*after).order_by(*order).limit(limit)
    return [(ingest, feed) for ingest, feed in session.execute(query)]


def count_ingests(session: Session, wanted: IngestFilter) -> int:
    """How many match, by `count_up_to`."""
    query = select(Ingest, FeedRecord).join(FeedRecord, FeedRecord.id == Ingest.feed_id)
    return count_up_to(session, _filtered(query, wanted).with_only_columns(Ingest.number))


def waiting_rows(session: Session, since: datetime) -> list[WaitingRows]:
    """The ingests since then of whose set-aside rows some wait for a person, newest first."""
    query = (
        select(Ingest, FeedRecord)
        .join(FeedRecord, FeedRecord.id == Ingest.feed_id)
        .where(Ingest.quarantined > 0, Ingest.state == IngestState.COMMITTED, Ingest.started_at >= since)
        .where(Ingest.number.not_in(select(LeftAside.ingest)))
    )
    taken = _taken(session)
    found = [
        WaitingRows(ingest, feed, ingest.quarantined, _left(ingest.quarantined, taken.get(ingest.number, 0)))
        for ingest, feed in session.execute(query)
    ]
    # Put in order here: a database that is asked for the newest first goes through all reports in that order.
    return sorted((one for one in found if one.open), key=lambda one: -one.ingest.number)


def open_rows(session: Session, since: datetime) -> tuple[int, datetime | None]:
    """How many set-aside rows of ingests since then wait for a person, and since when the oldest."""
    waits = (
        Ingest.quarantined > 0,
        Ingest.state == IngestState.COMMITTED,
        Ingest.started_at >= since,
        Ingest.number.not_in(select(LeftAside.ingest)),
    )
    taken, replay = _taken(session), aliased(Ingest)
    # Of most ingests all rows wait, and the database counts them; only the others are looked at one by one, and found
    # by their numbers: one condition for both kinds would have it look at all for each.
    replayed = Ingest.number.in_(select(replay.replay_of).where(replay.replay_of > 0))
    purged = Ingest.number.in_(ingests_with_purged_rows(session))
    count, oldest = session.execute(
        select(func.coalesce(func.sum(Ingest.quarantined), 0), func.min(Ingest.started_at)).where(
            *waits, ~replayed, ~purged
        )
    ).one()
    columns = select(Ingest.number, Ingest.quarantined, Ingest.started_at)
    others = {row for touched in (replayed, purged) for row in session.execute(columns.where(*waits, touched))}
    left = [(_left(rows, taken.get(number, 0)), at) for number, rows, at in others]
    times = [oldest, *(at for rows, at in left if rows)]
    return int(count) + sum(rows for rows, _ in left), min(filter(None, times), default=None)


def open_rows_of(session: Session, ingest: Ingest) -> int:
    """How many of the rows that one ingest set aside wait for a person."""
    if session.get(LeftAside, ingest.number) is not None:
        return 0
    return _left(ingest.quarantined, _taken(session, ingest.number).get(ingest.number, 0))


def taken_places(session: Session, number: int) -> frozenset[int] | None:
    """The places of an ingest's set-aside rows that were read again or purged; None: all that there are."""
    found = session.scalars(select(Ingest.replay_places).where(Ingest.replay_of == number)).all()
    purged = purged_rows(session, number)
    if None in found or purged is None:
        return None
    return purged.union(place for places in found for place in places or ())


def _taken(session: Session, number: int | None = None) -> dict[int, int | None]:
    """How many set-aside rows of each ingest were read again or purged; None: all."""
    query = select(Ingest.replay_of, Ingest.replay_places).where(Ingest.replay_of > 0)  # as the index has it
    found: dict[int, int | None] = {}
    for of, places in session.execute(query if number is None else query.where(Ingest.replay_of == number)):
        if of is None:
            continue
        before = found.get(of, 0)
        found[of] = None if places is None or before is None else before + len(places)
    for of in ingests_with_purged_rows(session) if number is None else [number]:
        exact = taken_places(session, of)
        found[of] = None if exact is None else len(exact)
    return found


def _left(quarantined: int, taken: int | None) -> int:
    return 0 if taken is None else max(quarantined - taken, 0)


def _filtered(query: Select[Ingest, FeedRecord], wanted: IngestFilter) -> Select[Ingest, FeedRecord]:
    source, _, code = wanted.feed.partition("/")
    conditions = {
        wanted.feed: (FeedRecord.source == source) & (FeedRecord.code == code),
        wanted.state: Ingest.state == wanted.state,
        wanted.text: func.lower(Ingest.report).contains(wanted.text.lower(), autoescape=True),
    }
    for given, condition in conditions.items():
        if given:
            query = query.where(condition)
    if wanted.since is not None:
        query = query.where(Ingest.started_at >= wanted.since)
    if wanted.until is not None:
        query = query.where(Ingest.started_at < wanted.until)
    return query.where(Ingest.quarantined > 0) if wanted.set_aside else query
