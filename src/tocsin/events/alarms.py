"""Alarms of feeds: opened when something is wrong, closed when it is over, acknowledged by a person."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from tocsin.events.health import FeedReport, Trouble, late_after, troubles
from tocsin.events.models import AlarmKind, ColumnSet, FeedAlarm, FeedRecord, Ingest, IngestState
from tocsin.node.errors import ConflictError, NotFoundError, UsageError
from tocsin.node.records import AuditAction, Database, audit, name_by_reference
from tocsin.node.sentences import say

_PAST = timedelta(days=56)  # eight of each day of the week
_MOST = 400  # reports that are looked at; a feed that comes more often than hourly has a shorter past
_AT_ONCE = 10_000  # parameters of one statement


@dataclass(frozen=True)
class FeedState:
    """A feed and how it is: its alarms that are open, oldest first. ``due``: when it will count as late."""

    record: FeedRecord
    reports: int
    rows: int
    last: datetime
    due: datetime | None
    alarms: tuple[FeedAlarm, ...]

    @property
    def name(self) -> str:
        """How commands call it: source and code."""
        return feed_name(self.record)

    @property
    def state(self) -> str:
        """The alarms that nobody has acknowledged, in a word each; ``well`` where there is none."""
        loud = [alarm.kind for alarm in self.alarms if alarm.acknowledged_at is None]
        return ", ".join(loud) or ("acknowledged" if self.alarms else "well")


@dataclass(frozen=True)
class AlarmChanges:
    """What a look at the feeds changed."""

    opened: Sequence[FeedAlarm]
    closed: Sequence[FeedAlarm]


def alarms_of(database: Database, *several: Collection[int]) -> list[list[tuple[str, str]]]:
    """What the newest reports of the feeds of these ingests showed and nobody acknowledged: the feed, and in words.

    For each collection of ingests a list, in a statement for the alarms and one for the ingests (10,000 at once).
    """
    wanted = select(FeedAlarm, FeedRecord).join(FeedRecord, FeedRecord.id == FeedAlarm.feed_id)
    wanted = wanted.where(FeedAlarm.ingest.is_not(None), FeedAlarm.closed_at.is_(None))
    wanted = wanted.where(FeedAlarm.acknowledged_at.is_(None)).order_by(FeedAlarm.id)
    numbers = sorted({number for ingests in several for number in ingests})
    with database.reading() as session:
        alarms = [(feed.id, feed_name(feed), one.words) for one, feed in session.execute(wanted)]
        ours = select(Ingest.number, Ingest.feed_id).where(Ingest.feed_id.in_({feed for feed, *_ in alarms}))
        steps = range(0, len(numbers) if alarms else 0, _AT_ONCE)
        parts = (ours.where(Ingest.number.in_(numbers[start : start + _AT_ONCE])) for start in steps)
        feed_of = {number: feed for part in parts for number, feed in session.execute(part)}
    feeds = [{feed_of.get(number) for number in ingests} for ingests in several]
    return [[(name, words) for feed, name, words in alarms if feed in mine] for mine in feeds]


def feed_name(record: FeedRecord) -> str:
    """How commands call a feed: source and code."""
    return f"{record.source}/{record.code}"


def watch_feeds(database: Database, *, now: datetime, feeds: Collection[int] | None = None) -> AlarmChanges:
    """Look at the feeds (all, or those with these ids), and open and close their alarms."""
    opened: list[FeedAlarm] = []
    closed: list[FeedAlarm] = []
    if feeds is not None and not feeds:
        return AlarmChanges(opened, closed)
    with database.begin() as session:
        # The lock keeps two watchers from opening an alarm twice; SQLite has one writer anyway.
        wanted = select(FeedRecord).order_by(FeedRecord.id).with_for_update()
        records = list(session.scalars(wanted if feeds is None else wanted.where(FeedRecord.id.in_(feeds))))
        last = _last_heard(session, [record.id for record in records])
        standing = _open_alarms(session)
        for record in records:
            if record.id in last:
                mine = standing.get(record.id, {})
                found = _look(session, record, last[record.id], mine, now)
                opened += _open(session, record, found, mine, now)
                closed += _close(session, found, mine, now)
    return AlarmChanges(opened, closed)


def feed_states(database: Database) -> list[FeedState]:
    """All feeds that ever came, in order of name, with their open alarms; nothing is looked at anew."""
    sums = (
        select(Ingest.feed_id, func.count(), func.sum(Ingest.rows), func.max(Ingest.started_at))
        .where(Ingest.state == IngestState.COMMITTED, Ingest.replay_of.is_(None))
        .group_by(Ingest.feed_id)
    )
    with database.reading() as session:
        records = {record.id: record for record in session.scalars(select(FeedRecord))}
        standing = _open_alarms(session)
        found = [
            FeedState(
                records[feed],
                reports,
                int(rows),
                last,
                late_after(last, records[feed].cadence_hours),
                tuple(sorted(standing.get(feed, {}).values(), key=lambda alarm: alarm.id)),
            )
            for feed, reports, rows, last in session.execute(sums)
        ]
    return sorted(found, key=lambda state: state.name)


def acknowledge(database: Database, alarm: int, *, note: str, by: str, now: datetime) -> FeedAlarm:
    """Note that a person looked at an alarm; it is quiet from now on, and changed columns are the usual ones.

    Raises:
        NotFoundError: there is no such alarm.
        ConflictError: it is closed.
        UsageError: the note is empty.

    """
    if not note.strip():
        raise UsageError(say("The note is empty."), hint="Say in --note what you found or did.")
    with database.begin() as session:
        found = session.get(FeedAlarm, alarm, with_for_update=True)
        if found is None:
            raise NotFoundError(f"There is no alarm {alarm}.", hint="'tocsin feeds health' lists them.")
        if found.closed_at is not None:
            raise ConflictError(
                say(
                    "Alarm %(alarm)s was over at %(closed_at)s UTC.",
                    alarm=alarm,
                    closed_at=f"{found.closed_at:%Y-%m-%d %H:%M}",
                )
            )
        found.acknowledged_at, found.acknowledged_by, found.note = now, by, note.strip()
        who = name_by_reference(session, by)
        audit(session, AuditAction.ALARM_ACKNOWLEDGED, at=now, actor=who, subject=f"alarm:{alarm}")
        if found.kind == AlarmKind.COLUMNS:
            _shut(session, found, now, actor=who)
        return found


def set_cadence(database: Database, feed: str, hours: int, *, by: str, now: datetime) -> FeedRecord:
    """Say how often a feed comes, in hours; 0: when it likes, it is never late.

    Raises:
        NotFoundError: there is no feed of that name.

    """
    source, _, code = feed.partition("/")
    with database.begin() as session:
        found = session.scalar(select(FeedRecord).where(FeedRecord.source == source, FeedRecord.code == code))
        if found is None:
            raise NotFoundError(f"There is no feed '{feed}'.", hint="'tocsin feeds list' names them.")
        before, found.cadence_hours = found.cadence_hours, hours
        detail: dict[str, object] = {"cadence_hours": hours, "before": before}
        who = name_by_reference(session, by)
        audit(session, AuditAction.FEED_CHANGED, at=now, actor=who, subject=f"feed:{feed}", detail=detail)
        return found


def _look(
    session: Session, record: FeedRecord, last: datetime, standing: dict[str, FeedAlarm], now: datetime
) -> dict[str, Trouble]:
    columns = standing.get(AlarmKind.COLUMNS)
    found = troubles(
        _heard(session, record.id, now),
        last=last,
        cadence_hours=record.cadence_hours,
        now=now,
        columns_since=columns.ingest if columns else None,
        looked_at=_columns_looked_at(session, record.id),
    )
    return {trouble.kind.value: trouble for trouble in found}


def _columns_looked_at(session: Session, feed: int) -> datetime | None:
    """When a person last said that changed columns of this feed are as they should be."""
    wanted = select(func.max(FeedAlarm.acknowledged_at))
    return session.scalar(wanted.where(FeedAlarm.feed_id == feed, FeedAlarm.kind == AlarmKind.COLUMNS))


def _heard(session: Session, feed: int, now: datetime) -> list[FeedReport]:
    wanted = (
        select(Ingest.number, Ingest.started_at, Ingest.report, Ingest.rows, Ingest.quarantined, ColumnSet.id)
        .outerjoin(ColumnSet, ColumnSet.id == Ingest.column_set)
        .where(
            Ingest.feed_id == feed,
            Ingest.state == IngestState.COMMITTED,
            Ingest.replay_of.is_(None),
            Ingest.started_at >= now - _PAST,
        )
        .order_by(Ingest.number.desc())
        .limit(_MOST)
    )
    rows = session.execute(wanted).all()[::-1]
    sets = {row[-1] for row in rows if row[-1] is not None}
    named = {one.id: frozenset(one.names) for one in session.scalars(select(ColumnSet).where(ColumnSet.id.in_(sets)))}
    return [
        FeedReport(number, at, report, count, named.get(columns), aside)
        for number, at, report, count, aside, columns in rows
    ]


def _last_heard(session: Session, feeds: Collection[int]) -> dict[int, datetime]:
    heard = select(Ingest.started_at).where(
        Ingest.feed_id == FeedRecord.id, Ingest.state == IngestState.COMMITTED, Ingest.replay_of.is_(None)
    )
    last = heard.order_by(Ingest.started_at.desc()).limit(1).scalar_subquery()
    found = session.execute(select(FeedRecord.id, last).where(FeedRecord.id.in_(feeds)))
    return {feed: at for feed, at in found if at is not None}


def _open_alarms(session: Session) -> dict[int, dict[str, FeedAlarm]]:
    found: dict[int, dict[str, FeedAlarm]] = {}
    for alarm in session.scalars(select(FeedAlarm).where(FeedAlarm.closed_at.is_(None))):
        found.setdefault(alarm.feed_id, {})[alarm.kind] = alarm
    return found


def _open(
    session: Session, record: FeedRecord, found: dict[str, Trouble], standing: dict[str, FeedAlarm], now: datetime
) -> Iterator[FeedAlarm]:
    for kind, trouble in found.items():
        if kind in standing:
            standing[kind].words = trouble.words
            continue
        alarm = FeedAlarm(
            feed_id=record.id,
            kind=kind,
            alarm_key=f"{record.id}/{kind}",
            words=trouble.words,
            ingest=trouble.ingest,
            opened_at=now,
            acknowledged_by="",
            note="",
        )
        session.add(alarm)
        session.flush()
        detail: dict[str, object] = {"feed": feed_name(record), "kind": kind, "ingest": trouble.ingest}
        subject = f"alarm:{alarm.id}"
        audit(session, AuditAction.ALARM_OPENED, at=now, actor="feed health", subject=subject, detail=detail)
        yield alarm


def _close(
    session: Session, found: dict[str, Trouble], standing: dict[str, FeedAlarm], now: datetime
) -> Iterator[FeedAlarm]:
    for kind, alarm in standing.items():
        if kind not in found:
            _shut(session, alarm, now, actor="feed health")
            yield alarm


def _shut(session: Session, alarm: FeedAlarm, now: datetime, *, actor: str) -> None:
    alarm.closed_at, alarm.alarm_key = now, None
    audit(session, AuditAction.ALARM_CLOSED, at=now, actor=actor, subject=f"alarm:{alarm.id}")
