"""What a person looks at first: to-do items, what was received, who was notified, and what changed; in figures.

Each figure is one aggregate query that an index serves, in one reading transaction: the page stays quick with 100,000
deliveries. What takes longer, since it compares all problems or the whole directory, is in `slow_items`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby, islice
from operator import attrgetter
from typing import Final

from sqlalchemy import ColumnElement, distinct, func, select
from sqlalchemy.orm import Session

from tocsin.delivery import WAS_SENT, Delivery, DeliveryItem, ItemState
from tocsin.directory import TeamRow
from tocsin.events import FeedRecord, Ingest, IngestState
from tocsin.incidents import IncidentReader, named_openly
from tocsin.node.records import AuditAction, AuditEntry
from tocsin.pipeline.accept_item import LATELY
from tocsin.pipeline.stores import NodeWithStores
from tocsin.pipeline.team_items import unreachable_teams
from tocsin.pipeline.to_do import Item, in_order, quick_items, with_work

DAY: Final = LATELY
"""How far back the page looks."""

_REPEATED = 20  # entries that one line of changes may stand for on the whole
_TEAMS, _CHANGES, _LATEST = 20, 15, 5_000  # rows that are shown; entries that are looked through for changes

ROUTINE: Final = (
    AuditAction.REPORT_SENT, AuditAction.REPORT_INGESTED, AuditAction.DELIVERY_SENT, AuditAction.LETTER_SENT,
    AuditAction.LOOKUP_MADE, AuditAction.COLLECTOR_TOOK, AuditAction.MAIL_READ, AuditAction.CONTACT_ASKED,
    AuditAction.SESSION_STARTED, AuditAction.SESSION_REFUSED, AuditAction.SESSION_ENDED, AuditAction.RESET_ASKED,
    AuditAction.PERSONAL_READ, AuditAction.PAGE_READ, AuditAction.VIEW_CHANGED, AuditAction.CONTENT_PURGED,
    AuditAction.NEVER_HELD_NOTED, AuditAction.NEVER_HELD_WAITING, AuditAction.NEVER_HELD_SENT,
    AuditAction.NEVER_HELD_FAILED, AuditAction.NEVER_HELD_RECEIVED, AuditAction.NEVER_HELD_FORGOTTEN,
    AuditAction.ITEM_ASSIGNED, AuditAction.ITEM_SNOOZED, AuditAction.COMMENT_ADDED,
)  # fmt: skip
"""What is not shown as a change: it happens all the time, only says that somebody looked, or is for one role."""


_READINGS = (
    AuditAction.LOOKUP_MADE, AuditAction.PERSONAL_READ, AuditAction.PAGE_READ, AuditAction.SESSION_STARTED,
    AuditAction.SESSION_REFUSED, AuditAction.SESSION_ENDED,
)  # fmt: skip  # these change nothing that is shown


@dataclass(frozen=True, slots=True)
class FeedToday:
    """What came from one feed; ``rows == stored + duplicates + set_aside``."""

    source: str
    code: str
    name: str
    provider: str
    reports: int
    rows: int
    stored: int
    duplicates: int
    set_aside: int
    routed: int
    last: datetime


@dataclass(frozen=True, slots=True)
class TeamToday:
    """What one team was notified of, and when last."""

    key: str
    name: str
    digests: int
    events: int
    last: datetime


@dataclass(frozen=True, slots=True)
class NotifiedToday:
    """In figures, and the teams with the most events. ``scheduled``: teams that are notified later, at their hour."""

    teams: int
    digests: int
    events: int
    scheduled: int
    most: Sequence[TeamToday]


@dataclass(frozen=True, slots=True)
class RecentChange:
    """One entry of the audit log, which stands for so many ``times`` of the same before it."""

    at: datetime
    word: str
    actor: str
    subject: str
    detail: Mapping[str, object]
    times: int = 1


@dataclass(frozen=True, slots=True)
class Today:
    """The page's figures, of the time since ``since`` where they are of a time. ``started``: a report ever came in."""

    since: datetime
    started: bool
    mode: str
    items: Sequence[Item]
    feeds: Sequence[FeedToday]
    notified: NotifiedToday
    changes: Sequence[RecentChange]


def today(node: NodeWithStores, now: datetime, slow: Sequence[Item] = ()) -> Today:
    """The figures of now; ``slow``: what `slow_items` found lately."""
    since = now - DAY
    with node.database.reading() as session:
        return Today(
            since=since,
            started=session.scalar(select(Ingest.number).limit(1)) is not None,
            mode=node.settings.tell.mode,
            items=in_order(with_work(session, [*quick_items(node, session, now), *slow]), now),
            feeds=_feeds(session, since),
            notified=_notified(session, since),
            changes=_changes(session),
        )


def state_token(node: NodeWithStores) -> tuple[int, int, int]:
    """What differs when something changed: cheap enough to be asked every second. That somebody looked is no change."""
    with node.database.reading() as session:
        latest = AuditEntry.id > (session.scalar(select(func.max(AuditEntry.id))) or 0) - _LATEST
        shown = AuditEntry.word.not_in([word.value for word in _READINGS]), _for_all(session)
        changes = select(AuditEntry.id).where(latest, *shown)
        newest = session.scalar(changes.order_by(AuditEntry.id.desc()).limit(1)) or 0
        pending = session.scalar(select(func.max(Ingest.number))) or 0
        digest = session.scalar(select(func.max(Delivery.id))) or 0  # one that is held leaves no entry in the log
    return newest, pending, digest


def _feeds(session: Session, since: datetime) -> list[FeedToday]:
    """What came, by feed; the most rows first. What is read again from quarantine counts where it first came."""
    names = ("rows", "stored", "duplicates", "quarantined", "routed")
    feed_id = (Ingest.feed_id + 0).label("feed")  # by the time, not by the index of feeds, which leads to all
    sums = (
        select(
            feed_id,
            func.count(),
            *(func.sum(getattr(Ingest, name)) for name in names),
            func.max(Ingest.started_at),
        )
        .where(Ingest.state == IngestState.COMMITTED, Ingest.started_at >= since, Ingest.replay_of.is_(None))
        .group_by("feed")
    )
    rows = session.execute(sums).all()
    feeds = {row.id: row for row in session.scalars(select(FeedRecord).where(FeedRecord.id.in_([r[0] for r in rows])))}
    found = [_feed_today(feeds[feed], counts, last) for feed, *counts, last in rows]
    return sorted(found, key=lambda feed: (-feed.rows, feed.name))


def _feed_today(feed: FeedRecord, counts: Sequence[int], last: datetime) -> FeedToday:
    reports, rows, stored, duplicates, aside, routed = (int(count) for count in counts)
    named = (feed.source, feed.code, feed.name, feed.provider)
    return FeedToday(*named, reports, rows, stored, duplicates, aside, routed, last)


def _notified(session: Session, since: datetime) -> NotifiedToday:
    team_id = (Delivery.team_id + 0).label("team")  # by the time, not by the index of teams
    amount = func.sum(Delivery.events)
    by_team = (
        select(team_id, func.count(), amount, func.max(Delivery.sent_at))
        .where(WAS_SENT, Delivery.sent_at >= since)
        .group_by("team")
        .order_by(amount.desc(), "team")
    )
    rows = session.execute(by_team).all()
    most = rows[:_TEAMS]
    named = {row.id: row for row in session.scalars(select(TeamRow).where(TeamRow.id.in_([row[0] for row in most])))}
    without = [one.team_id for one in unreachable_teams(session)]
    queued = (DeliveryItem.state == ItemState.QUEUED.value, DeliveryItem.team_id.not_in(without))
    scheduled = select(func.count(distinct(DeliveryItem.team_id))).where(*queued)
    return NotifiedToday(
        len(rows),
        sum(count for _, count, *_ in rows),
        sum(int(total) for *_, total, _ in rows),
        session.scalar(scheduled) or 0,
        [
            TeamToday(named[team].key, named[team].name, count, int(total), last)
            for team, count, total, last in most
            if team in named and last is not None
        ],
    )


def _for_all(session: Session) -> ColumnElement[bool]:
    """The condition that entries are about nothing that is restricted: what is shown here is shown to all."""
    nobody = IncidentReader(None, datetime.min.replace(tzinfo=UTC))
    return named_openly(session, nobody, AuditEntry.subject)  # type: ignore[arg-type]  # a column, of a model


def _changes(session: Session) -> list[RecentChange]:
    """The latest acts that are not the routine of each hour; the same of one thing, one after another, is one line."""
    newest = session.scalar(select(func.max(AuditEntry.id))) or 0
    wanted = (
        select(AuditEntry)
        .where(AuditEntry.id > newest - _LATEST, AuditEntry.word.not_in([word.value for word in ROUTINE]))
        .where(_for_all(session))
        .order_by(AuditEntry.id.desc())
        .limit(_CHANGES * _REPEATED)
    )
    same = groupby(session.scalars(wanted), key=attrgetter("word", "actor", "subject"))
    lines = ([*entries] for _, entries in same)
    return [
        RecentChange(of[0].at, of[0].word, of[0].actor, of[0].subject, of[0].detail, len(of))
        for of in islice(lines, _CHANGES)
    ]
