"""What the demonstration shows at its end: what was heard, who was told, and who was not and why."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal

from sqlalchemy import func, select

from tocsin.delivery import Delivery, DeliveryItem, DeliveryState, ItemState
from tocsin.directory import Team, teams_by_id
from tocsin.events import Ingest, IngestState
from tocsin.pipeline.stores import NodeWithStores
from tocsin.sharing.rules import rule_words

COUNTS: Final = (
    "rows", "stored", "duplicates", "quarantined", "problems_new", "problems_continuing", "routed", "unrouted",
    "withheld", "deliveries",
)  # fmt: skip


@dataclass(frozen=True)
class TeamTold:
    """What one team was told."""

    team: str
    key: str
    digests: int
    events: int
    problems: int
    last_subject: str


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
    told: list[TeamTold]
    not_told: list[NotTold]


def overview(node: NodeWithStores) -> Overview:
    """The figures of all committed ingests and of all deliveries."""
    teams = teams_by_id(node.database)
    sums = (func.coalesce(func.sum(getattr(Ingest, name)), 0) for name in COUNTS)
    owed = select(DeliveryItem.team_id, func.sum(DeliveryItem.events), func.min(DeliveryItem.due_at))
    old = select(func.sum(DeliveryItem.events)).where(DeliveryItem.state == ItemState.EXPIRED)
    with node.database.reading() as session:
        committed = select(func.count(), *sums).where(Ingest.state == IngestState.COMMITTED)
        reports, *totals = session.execute(committed).one()
        deliveries = session.scalars(select(Delivery).order_by(Delivery.id)).all()
        queued = owed.where(DeliveryItem.state == ItemState.QUEUED).group_by(DeliveryItem.team_id)
        waiting = session.execute(queued).all()
        expired = int(session.scalar(old) or 0)
        kept = Counter[str]()
        for by_rule in session.scalars(select(Ingest.withheld_by_rule).where(Ingest.state == IngestState.COMMITTED)):
            kept.update(by_rule)
        words = rule_words(session, list(kept))
    counts = {name: int(total) for name, total in zip(COUNTS, totals, strict=True)}
    found = [
        NotTold("no contact", counts["unrouted"], "No team in the directory answers for these networks.", "unknown"),
        *(
            NotTold("withheld", events, f"{words[rule]} (rule {rule})", "withheld")
            for rule, events in kept.most_common()
        ),
        *_kept(deliveries),
        *_failed(deliveries, teams),
        NotTold("too old", expired, "It became too old before a mail could leave.", "stuck"),
        *(_waiting(teams.get(team), team, int(events), due) for team, events, due in waiting),
    ]
    return Overview(reports, counts, _told(deliveries, teams), [one for one in found if one.events])


def _told(deliveries: Sequence[Delivery], teams: Mapping[int, Team]) -> list[TeamTold]:
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
        )
        for team, of in sent.items()
    ]
    return sorted(told, key=lambda team: (-team.events, team.team))


_KEPT = {
    DeliveryState.SHADOW.value: ("shadow mode", "Written, not sent; it counts as notified."),
    DeliveryState.REDIRECTED.value: ("redirect mode", "Sent to the redirect address only; it counts as notified."),
}
_HELD = "The first mail to this team waits for a person's look."
_ON_ITS_WAY = {DeliveryState.QUEUED.value, DeliveryState.SENT.value, *_KEPT}


def _kept(deliveries: Sequence[Delivery]) -> list[NotTold]:
    kept = Counter[str]()
    for delivery in deliveries:
        kept[delivery.state] += delivery.events
    return [NotTold(who, kept[state], why, "withheld") for state, (who, why) in _KEPT.items()]


def _failed(deliveries: Sequence[Delivery], teams: Mapping[int, Team]) -> list[NotTold]:
    return [
        NotTold(teams[one.team_id].name if one.team_id in teams else "?", one.events, one.error or _HELD, "stuck")
        for one in deliveries
        if one.state not in _ON_ITS_WAY
    ]


def _waiting(team: Team | None, number: int, events: int, due: datetime) -> NotTold:
    if team is None:
        return NotTold(f"team {number}", events, "The team is no longer in the directory.", "stuck")
    if not team.mailboxes:
        return NotTold(team.name, events, "The team has no email address in the directory.", "stuck")
    return NotTold(
        team.name, events, f"Not due before {due:%Y-%m-%d %H:%M} UTC ({team.interval.replace('_', ' ')}).", "waiting"
    )
