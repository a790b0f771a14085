"""What happened on this node, in the figures that the terminal and the first page both show."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from sqlalchemy import func, select

from tocsin.delivery import DeliveryNotice, notices
from tocsin.delivery.models import Delivery, DeliveryItem, DeliveryState, ItemState
from tocsin.directory import Team, teams_by_id
from tocsin.events.alarms import feed_states
from tocsin.events.models import FeedRecord, Ingest, IngestState
from tocsin.pipeline.stores import NodeWithStores
from tocsin.sharing.rules import rule_words

COUNTS = (
    "rows",
    "stored",
    "duplicates",
    "quarantined",
    "problems_new",
    "problems_continuing",
    "routed",
    "unrouted",
    "withheld",
    "deliveries",
)


@dataclass(frozen=True)
class FeedFigures:
    """What came from one feed."""

    feed: str
    provider: str
    reports: int
    rows: int
    stored: int
    duplicates: int
    quarantined: int
    last: datetime


@dataclass(frozen=True)
class TeamTold:
    """What one team was told."""

    team: str
    key: str
    digests: int
    events: int
    problems: int
    last_subject: str
    last_path: str


@dataclass(frozen=True)
class FeedTrouble:
    """A feed that is not as usual; ``note`` is what a person said who looked at it, or empty."""

    feed: str
    words: str
    since: datetime
    note: str


@dataclass(frozen=True)
class NotTold:
    """Events that somebody should know of and was not told, and why. ``state`` says whose turn it is."""

    who: str
    events: int
    reason: str
    state: Literal["unknown", "withheld", "stuck", "waiting"]


@dataclass(frozen=True)
class Overview:
    """Everything at a glance; ``rows == stored + duplicates + quarantined`` and ``stored == routed + unrouted``."""

    reports: int
    counts: dict[str, int]
    feeds: list[FeedFigures]
    told: list[TeamTold]
    not_told: list[NotTold]
    notices: list[DeliveryNotice]
    troubles: list[FeedTrouble]

    @property
    def sentence(self) -> str:
        """The state in one sentence."""
        if not self.reports:
            return "Nothing was heard yet"
        states = Counter(entry.state for entry in self.not_told)
        parts = [_counted(len(self.told), "team") + " told"]
        parts += [f"{states['stuck']} could not be told"] if states["stuck"] else []
        parts += [f"{states['waiting']} told at their hour"] if states["waiting"] else []
        quiet = len({trouble.feed for trouble in self.troubles if not trouble.note})
        parts += [f"{_counted(quiet, 'feed')} not as usual"] if quiet else []
        return ", ".join(parts)


def overview(node: NodeWithStores) -> Overview:
    """The figures of all committed ingests and of all deliveries."""
    teams = teams_by_id(node.database)
    with node.database.begin() as session:
        ingests = list(
            session.execute(
                select(Ingest, FeedRecord)
                .join(FeedRecord, FeedRecord.id == Ingest.feed_id)
                .where(Ingest.state == IngestState.COMMITTED)
            )
        )
        deliveries = list(session.scalars(select(Delivery).order_by(Delivery.id)))
        waiting = session.execute(
            select(DeliveryItem.team_id, func.sum(DeliveryItem.events), func.min(DeliveryItem.due_at))
            .where(DeliveryItem.state == ItemState.QUEUED)
            .group_by(DeliveryItem.team_id)
        ).all()
        old = select(func.sum(DeliveryItem.events)).where(DeliveryItem.state == ItemState.EXPIRED)
        expired = int(session.scalar(old) or 0)
        standing = notices(session, node.settings)
    counts = {name: sum(getattr(record, name) for record, _ in ingests) for name in COUNTS}
    withheld: Counter[str] = Counter()
    for record, _ in ingests:
        withheld.update(record.withheld_by_rule)
    with node.database.reading() as session:
        words = rule_words(session, list(withheld))
    not_told = [
        *_unknown(counts["unrouted"]),
        *_stopped(withheld, words),
        *_failed(deliveries, teams),
        *_expired(expired),
    ]
    not_told += [_waiting(teams.get(team), team, int(events), due) for team, events, due in waiting]
    return Overview(
        len(ingests), counts, _feeds(ingests), _told(deliveries, teams), not_told, standing, _troubles(node)
    )


def _feeds(ingests: Sequence[tuple[Ingest, FeedRecord]]) -> list[FeedFigures]:
    by_feed: dict[int, list[tuple[Ingest, FeedRecord]]] = {}
    for record, feed in ingests:
        by_feed.setdefault(feed.id, []).append((record, feed))
    figures = [
        FeedFigures(
            feed=records[0][1].name,
            provider=records[0][1].provider,
            reports=len(records),
            last=max(record.started_at for record, _ in records),
            **{
                name: sum(getattr(record, name) for record, _ in records)
                for name in ("rows", "stored", "duplicates", "quarantined")
            },
        )
        for records in by_feed.values()
    ]
    return sorted(figures, key=lambda feed: (-feed.rows, feed.feed))


def _troubles(node: NodeWithStores) -> list[FeedTrouble]:
    return [
        FeedTrouble(state.name, alarm.words, alarm.opened_at, alarm.note)
        for state in feed_states(node.database)
        for alarm in state.alarms
    ]


def _told(deliveries: list[Delivery], teams: dict[int, Team]) -> list[TeamTold]:
    sent: dict[int, list[Delivery]] = {}
    for delivery in deliveries:
        if delivery.state == DeliveryState.SENT:
            sent.setdefault(delivery.team_id, []).append(delivery)
    told = [
        TeamTold(
            team=teams[team].name if team in teams else f"team {team}",
            key=teams[team].key if team in teams else "",
            digests=len(of),
            events=sum(delivery.events for delivery in of),
            problems=sum(delivery.counts.get("problems", 0) for delivery in of),
            last_subject=of[-1].subject,
            last_path=of[-1].path,
        )
        for team, of in sent.items()
    ]
    return sorted(told, key=lambda team: (-team.events, team.team))


def _unknown(events: int) -> list[NotTold]:
    return (
        [NotTold("nobody known", events, "No team in the directory answers for these networks.", "unknown")]
        if events
        else []
    )


def _stopped(withheld: Counter[str], words: Mapping[str, str]) -> list[NotTold]:
    return [
        NotTold("the gate", events, f"{words[rule]} (rule {rule})", "withheld") for rule, events in withheld.items()
    ]


_KEPT = {
    DeliveryState.SHADOW.value: ("shadow mode", "Written, not sent; it counts as told."),
    DeliveryState.REDIRECTED.value: ("redirect mode", "Sent to the redirect mailbox only; it counts as told."),
}
_HELD = "The first mail to this team waits for a person's look."
_STUCK = {
    DeliveryState.FAILED.value,
    DeliveryState.BOUNCED.value,
    DeliveryState.WITHHELD.value,
    DeliveryState.RETRY.value,
    DeliveryState.HELD.value,
    DeliveryState.STUCK.value,
    DeliveryState.DROPPED.value,
    DeliveryState.EXPIRED.value,
}


def _failed(deliveries: list[Delivery], teams: dict[int, Team]) -> list[NotTold]:
    kept = Counter(dict.fromkeys(_KEPT, 0))
    for delivery in deliveries:
        kept[delivery.state] += delivery.events
    return [
        *(NotTold(who, kept[state], why, "withheld") for state, (who, why) in _KEPT.items() if kept[state]),
        *(
            NotTold(
                teams[delivery.team_id].name if delivery.team_id in teams else "?",
                delivery.events,
                delivery.error or _HELD,
                "stuck",
            )
            for delivery in deliveries
            if delivery.state in _STUCK
        ),
    ]


def _expired(events: int) -> list[NotTold]:
    return [NotTold("too old", events, "It became too old before a mail could leave.", "stuck")] if events else []


def _waiting(team: Team | None, number: int, events: int, due: datetime) -> NotTold:
    if team is None:
        return NotTold(f"team {number}", events, "The team is no longer in the directory.", "stuck")
    if not team.mailboxes:
        return NotTold(team.name, events, "The team has no mailbox in the directory.", "stuck")
    return NotTold(
        team.name, events, f"Not due before {due:%Y-%m-%d %H:%M} UTC ({team.interval.replace('_', ' ')}).", "waiting"
    )


def _counted(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
