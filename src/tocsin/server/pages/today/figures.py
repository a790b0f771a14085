"""What a person looks at first: what needs somebody, what came in, who was told, and what changed; in figures.

Each figure is one aggregate query that an index serves, in one reading transaction: the page stays quick with 100,000
deliveries. What takes longer, since it compares all problems or the whole directory, is in `slow_needs`.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from sqlalchemy import ColumnElement, Select, distinct, func, select
from sqlalchemy.orm import Session

from tocsin.delivery import Delivery, DeliveryItem, DeliveryState, Halt, ItemState
from tocsin.delivery.mailbox import MailState, ReceivedMail
from tocsin.directory import ConflictState, TeamRow, read_conflicts, team_names
from tocsin.directory.claims import ClaimState, read_claims
from tocsin.directory.keys import expiring_keys, team_keys
from tocsin.events import FeedAlarm, FeedRecord, Ingest, IngestState, open_rows
from tocsin.incidents.arrivals import ReportState, counts_by_state, oldest_new
from tocsin.node.accounts import names_of_actors
from tocsin.node.letters import Letter, LetterState
from tocsin.node.records import AuditAction, AuditEntry, read_asides
from tocsin.pipeline.accept_item import LATELY
from tocsin.pipeline.collectors import CollectorState
from tocsin.pipeline.not_told import withheld
from tocsin.pipeline.stores import NodeWithStores
from tocsin.pipeline.team_items import given_up_networks, unreachable_teams
from tocsin.problems import count_unanswered

DAY: Final = LATELY
"""How far back the page looks."""

_OVERDUE = timedelta(hours=1)  # news that was due so long ago is sent by nobody
_FAILED = timedelta(days=14)  # what failed longer ago is past
_TEAMS, _CHANGES, _LATEST = 20, 15, 5_000  # rows that are shown; entries that are looked through for changes
KEY_DAYS: Final = 30
"""So long before a key of a team ends, it is shown."""

ROUTINE: Final = (
    AuditAction.REPORT_SENT, AuditAction.REPORT_INGESTED, AuditAction.DELIVERY_SENT, AuditAction.LETTER_SENT,
    AuditAction.LOOKUP_MADE, AuditAction.COLLECTOR_TOOK, AuditAction.MAIL_READ, AuditAction.CONTACT_ASKED,
    AuditAction.SESSION_STARTED, AuditAction.SESSION_REFUSED, AuditAction.SESSION_ENDED, AuditAction.RESET_ASKED,
    AuditAction.PERSONAL_READ, AuditAction.PAGE_READ, AuditAction.VIEW_CHANGED, AuditAction.CONTENT_PURGED,
    AuditAction.NEVER_HELD_NOTED, AuditAction.NEVER_HELD_WAITING, AuditAction.NEVER_HELD_SENT,
    AuditAction.NEVER_HELD_FAILED, AuditAction.NEVER_HELD_RECEIVED, AuditAction.NEVER_HELD_FORGOTTEN,
)  # fmt: skip
"""What is not shown as a change: it happens all the time, only says that somebody looked, or is for one role."""


_READINGS = (
    AuditAction.LOOKUP_MADE, AuditAction.PERSONAL_READ, AuditAction.PAGE_READ, AuditAction.SESSION_STARTED,
    AuditAction.SESSION_REFUSED, AuditAction.SESSION_ENDED,
)  # fmt: skip  # these change nothing that is shown


class Matter(StrEnum):
    """What may need a person; the most urgent first."""

    STOPPED = "stopped"  # a person stopped all sending
    BRAKE = "brake"  # more mails than usual would leave
    FAILED = "failed"  # teams whose last mails failed or came back
    STUCK = "stuck"  # digests that must be encrypted and cannot be
    NO_ADDRESS = "no_address"  # a team that events wait for, and that has no email address
    OVERDUE = "overdue"  # teams whose news was due, and nothing left
    HELD = "held"  # first mails, to be looked at
    SET_ASIDE = "set_aside"  # rows that could not be read
    FEEDS = "feeds"  # not as usual, and nobody has looked
    COLLECTORS = "collectors"  # that fail
    GIVEN_UP = "given_up"  # a network that a team gave up although problems go on there
    UNROUTED = "unrouted"  # events of the last day with nobody known
    WITHHELD = "withheld"  # events of the last day that the gate kept
    UNANSWERED = "unanswered"  # problems that go on in silence
    MAILS = "mails"  # that came in and must be read by a person
    INBOX = "inbox"  # reports of the public that nobody has taken
    CLAIMS = "claims"  # shown, to be decided
    CONFLICTS = "conflicts"  # in the directory
    KEYS = "keys"  # of teams, that end soon


@dataclass(frozen=True, slots=True)
class OpenMatter:
    """One matter: how many of its things there are, and since when the oldest (None: not known).

    ``team``: the key and the name of the team that it is about, where it is about one; ``what``: its network.
    """

    matter: Matter
    count: int
    oldest: datetime | None = None
    team: tuple[str, str] = ("", "")
    what: str = ""


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
    """What one team was told, and when last."""

    key: str
    name: str
    digests: int
    events: int
    last: datetime


@dataclass(frozen=True, slots=True)
class NotifiedToday:
    """Who was told: in figures, and the teams that were told most. ``waiting``: teams told later, at their hour."""

    teams: int
    digests: int
    events: int
    waiting: int
    most: Sequence[TeamToday]


@dataclass(frozen=True, slots=True)
class RecentChange:
    """One entry of the audit log; ``by`` is the name of the person who did it, or empty."""

    at: datetime
    word: str
    actor: str
    by: str
    subject: str


@dataclass(frozen=True, slots=True)
class Today:
    """The page's figures, of the time since ``since`` where they are of a time."""

    since: datetime
    heard: bool
    mode: str
    needs: Sequence[OpenMatter]
    feeds: Sequence[FeedToday]
    told: NotifiedToday
    changes: Sequence[RecentChange]


def today(node: NodeWithStores, now: datetime, slow: Sequence[OpenMatter] = ()) -> Today:
    """The figures of now; ``slow``: what `slow_needs` found lately."""
    since = now - DAY
    with node.database.reading() as session:
        kept = now - timedelta(days=node.settings.retention.quarantine_days)
        needs = [
            *_needs(session, now, kept),
            *(
                OpenMatter(Matter.GIVEN_UP, one.problems, one.at, one.team, one.shown)
                for one in given_up_networks(node, session, now)[:_TEAMS]
            ),
            *_failing_collectors(session, node),
            *slow,
        ]
        return Today(
            since=since,
            heard=session.scalar(select(Ingest.number).limit(1)) is not None,
            mode=node.settings.tell.mode,
            needs=sorted((one for one in needs if one.count), key=lambda one: list(Matter).index(one.matter)),
            feeds=_feeds(session, since),
            told=_told(session, since),
            changes=_changes(session),
        )


def open_conflicts(node: NodeWithStores) -> int:
    """How many conflicts of the directory are open: as many until its version changes."""
    unsettled = (ConflictState.OPEN, ConflictState.REOPENED)
    return sum(one.state in unsettled for one in read_conflicts(node.database))


def slow_needs(node: NodeWithStores, now: datetime, conflicts: int | None = None) -> list[OpenMatter]:
    """What is found only by comparing all problems, all claims of the directory and all keys of teams: seconds.

    ``conflicts``: what `open_conflicts` says, where that is known.
    """
    claims = [one for one in read_claims(node.database, now) if one.state is ClaimState.PROVED]
    keys = expiring_keys(team_keys(node.database), now, KEY_DAYS)
    return [
        OpenMatter(Matter.UNANSWERED, *count_unanswered(node, node.tracker, now=now)),
        OpenMatter(Matter.CONFLICTS, open_conflicts(node) if conflicts is None else conflicts),
        OpenMatter(Matter.CLAIMS, len(claims), min((one.made_at for one in claims), default=None)),
        OpenMatter(Matter.KEYS, len(keys)),
    ]


def state_token(node: NodeWithStores) -> tuple[int, int, int]:
    """What differs when something changed: cheap enough to be asked every second. That somebody looked is no change."""
    with node.database.reading() as session:
        latest = AuditEntry.id > (session.scalar(select(func.max(AuditEntry.id))) or 0) - _LATEST
        changes = select(AuditEntry.id).where(latest, AuditEntry.word.not_in([word.value for word in _READINGS]))
        newest = session.scalar(changes.order_by(AuditEntry.id.desc()).limit(1)) or 0
        pending = session.scalar(select(func.max(Ingest.number))) or 0
        digest = session.scalar(select(func.max(Delivery.id))) or 0  # one that is held leaves no entry in the log
    return newest, pending, digest


def _needs(session: Session, now: datetime, kept: datetime) -> Iterator[OpenMatter]:
    """Those that one query each finds; ``kept``: since when set-aside rows are kept."""
    yield from _halts(session)
    yield from _mails_out(session, now)
    yield OpenMatter(Matter.SET_ASIDE, *open_rows(session, kept))
    loud = (FeedAlarm.closed_at.is_(None), FeedAlarm.acknowledged_at.is_(None))
    yield _counted(
        session, Matter.FEEDS, select(func.count(distinct(FeedAlarm.feed_id)), func.min(FeedAlarm.opened_at)), *loud
    )
    recent = (Ingest.state == IngestState.COMMITTED, Ingest.started_at >= now - DAY)
    lacking = select(func.coalesce(func.sum(Ingest.unrouted), 0), func.min(Ingest.started_at))
    yield _counted(session, Matter.UNROUTED, lacking, *recent, Ingest.unrouted > 0)
    kept_back = withheld(session, now - DAY, now)
    oldest = min((one.since for one in kept_back), default=None)
    yield OpenMatter(Matter.WITHHELD, sum(one.events for one in kept_back), oldest)
    yield OpenMatter(Matter.INBOX, counts_by_state(session)[ReportState.NEW], oldest_new(session))
    yield _counted(
        session,
        Matter.MAILS,
        select(func.count(), func.min(ReceivedMail.arrived_at)),
        ReceivedMail.state == MailState.WAITING.value,
    )


def _halts(session: Session) -> Iterator[OpenMatter]:
    for halt in session.scalars(select(Halt)):
        yield OpenMatter(Matter(halt.kind if halt.kind == Matter.BRAKE else Matter.STOPPED), halt.mails or 1, halt.at)


def _mails_out(session: Session, now: datetime) -> Iterator[OpenMatter]:
    """What is the matter with mails that should have left."""
    teams = select(func.count(distinct(Delivery.team_id)), func.min(Delivery.created_at))
    digests = select(func.count(), func.min(Delivery.created_at))
    failed = Delivery.state.in_([DeliveryState.FAILED.value, DeliveryState.BOUNCED.value])
    yield _counted(session, Matter.FAILED, teams, failed, Delivery.created_at >= now - _FAILED)
    yield _counted(session, Matter.STUCK, digests, Delivery.state == DeliveryState.STUCK.value)
    unreachable = unreachable_teams(session)
    names = team_names(session, [one.team_id for one in unreachable[:_TEAMS]])
    for one in unreachable[:_TEAMS]:
        yield OpenMatter(Matter.NO_ADDRESS, one.events, one.due_at, names.get(one.team_id, ("", "?")))
    news = select(func.count(distinct(DeliveryItem.team_id)), func.min(DeliveryItem.due_at))
    late = (DeliveryItem.state == ItemState.QUEUED.value, DeliveryItem.due_at <= now - _OVERDUE)
    named = [one.team_id for one in unreachable[:_TEAMS]]
    held = select(Delivery.team_id).where(Delivery.state == DeliveryState.HELD.value)  # what else they are owed waits
    yield _counted(
        session, Matter.OVERDUE, news, *late, DeliveryItem.team_id.not_in(held), DeliveryItem.team_id.not_in(named)
    )
    letters = select(func.count(), func.min(Letter.created_at))
    first = _counted(session, Matter.HELD, digests, Delivery.state == DeliveryState.HELD.value)
    other = _counted(session, Matter.HELD, letters, Letter.state == LetterState.HELD.value)
    oldest = min((at for at in (first.oldest, other.oldest) if at is not None), default=None)
    yield OpenMatter(Matter.HELD, first.count + other.count, oldest)


def _counted(
    session: Session, matter: Matter, wanted: Select[int, datetime], *conditions: ColumnElement[bool]
) -> OpenMatter:
    count, oldest = session.execute(wanted.where(*conditions)).one()
    return OpenMatter(matter, int(count), oldest)


def _failing_collectors(session: Session, node: NodeWithStores) -> Iterator[OpenMatter]:
    configured = set(node.settings.collect)
    wanted = select(CollectorState.name, CollectorState.last_success_at).where(CollectorState.failures > 0)
    failing = [at for name, at in session.execute(wanted) if name in configured]
    yield OpenMatter(Matter.COLLECTORS, len(failing), min((at for at in failing if at is not None), default=None))


def _feeds(session: Session, since: datetime) -> list[FeedToday]:
    """What came, by feed; the most rows first. What is read again from quarantine counts where it first came."""
    names = ("rows", "stored", "duplicates", "quarantined", "routed")
    sums = (
        select(
            Ingest.feed_id,
            func.count(),
            *(func.sum(getattr(Ingest, name)) for name in names),
            func.max(Ingest.started_at),
        )
        .where(Ingest.state == IngestState.COMMITTED, Ingest.started_at >= since, Ingest.replay_of.is_(None))
        .group_by(Ingest.feed_id)
    )
    rows = session.execute(sums).all()
    feeds = {row.id: row for row in session.scalars(select(FeedRecord).where(FeedRecord.id.in_([r[0] for r in rows])))}
    found = [_feed_today(feeds[feed], counts, last) for feed, *counts, last in rows]
    return sorted(found, key=lambda feed: (-feed.rows, feed.name))


def _feed_today(feed: FeedRecord, counts: Sequence[int], last: datetime) -> FeedToday:
    reports, rows, stored, duplicates, aside, routed = (int(count) for count in counts)
    named = (feed.source, feed.code, feed.name, feed.provider)
    return FeedToday(*named, reports, rows, stored, duplicates, aside, routed, last)


def _told(session: Session, since: datetime) -> NotifiedToday:
    # Nearly all digests are sent, so that the index of states would lead to all: this finds them by their time.
    sent = (Delivery.state.concat("") == DeliveryState.SENT.value, Delivery.sent_at >= since)
    teams, digests, events = session.execute(
        select(func.count(distinct(Delivery.team_id)), func.count(), func.coalesce(func.sum(Delivery.events), 0)).where(
            *sent
        )
    ).one()
    team_id = (Delivery.team_id + 0).label("team")  # nor by the index of teams
    amount = func.sum(Delivery.events)
    most = (
        select(team_id, func.count(), amount, func.max(Delivery.sent_at))
        .where(*sent)
        .group_by("team")
        .order_by(amount.desc(), "team")
        .limit(_TEAMS)
    )
    rows = session.execute(most).all()
    named = {row.id: row for row in session.scalars(select(TeamRow).where(TeamRow.id.in_([row[0] for row in rows])))}
    waiting = select(func.count(distinct(DeliveryItem.team_id))).where(DeliveryItem.state == ItemState.QUEUED.value)
    return NotifiedToday(
        teams,
        digests,
        int(events),
        session.scalar(waiting) or 0,
        [
            TeamToday(named[team].key, named[team].name, count, int(total), last)
            for team, count, total, last in rows
            if team in named and last is not None
        ],
    )


def _changes(session: Session) -> list[RecentChange]:
    """The latest acts that are not the routine of each hour."""
    newest = session.scalar(select(func.max(AuditEntry.id))) or 0
    wanted = (
        select(AuditEntry)
        .where(AuditEntry.id > newest - _LATEST, AuditEntry.word.not_in([word.value for word in ROUTINE]))
        .order_by(AuditEntry.id.desc())
        .limit(_CHANGES)
    )
    entries = session.scalars(wanted).all()
    actors = [entry.actor for entry in entries]
    names = names_of_actors(session, actors) | read_asides(session, actors)
    return [
        RecentChange(entry.at, entry.word, entry.actor, names.get(entry.actor, ""), entry.subject) for entry in entries
    ]
