"""The outbox: what is owed to whom, from its release (`tocsin.delivery.owed`) to the digest that carries it."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import uuid4

import polars as pl
from sqlalchemy import ColumnElement, Select, func, select, update
from sqlalchemy.orm import Session

from tocsin.delivery.held_mails import may_leave
from tocsin.delivery.models import Delivery, DeliveryItem, DeliveryState, ItemState
from tocsin.directory import Team
from tocsin.events import COLUMNS

EventsOf = Callable[[Sequence[int], Collection[int]], Iterator[tuple[int, pl.DataFrame]]]
_READ_EVENTS = 300_000  # events that are asked for at once, about
_BUNDLE_EVENTS = 100_000  # events that are rendered at once, about
_BUNDLE_DIGESTS = 400


@dataclass(frozen=True, slots=True)
class OwedDigest:
    """A digest to make: its row's identity, and the ingests that it tells of."""

    id: int
    reference: str
    message_id: str
    team_id: int
    events: int
    created_at: datetime
    attempts: int
    mails_sent: int
    waiting: tuple[str, ...]
    ingests: tuple[int, ...]
    held: bool = False
    repeats: tuple[str, str] = ("", "")  # the reference and Message-ID of the digest that it tells again
    asked_at: datetime | None = None  # from when its days count, where not since it was made: a person let it go then
    asked_days: Mapping[str, int] | None = None  # what an earlier rendering asked, see `MailedRequest.days`
    corrections: Sequence[Mapping[str, object]] = ()  # see `tocsin.delivery.corrections`


def due_teams(session: Session, now: datetime) -> list[int]:
    """The teams that something is due to, those that wait longest first."""
    rows = select(DeliveryItem.team_id).where(DeliveryItem.state == ItemState.QUEUED.value, DeliveryItem.due_at <= now)
    first = func.min(DeliveryItem.due_at)
    return list(session.scalars(rows.group_by(DeliveryItem.team_id).order_by(first, DeliveryItem.team_id)))


def due_ingests(session: Session, teams: Collection[int], now: datetime) -> dict[int, set[int]]:
    """For each of the teams the ingests of what is due to it."""
    rows = select(DeliveryItem.team_id, DeliveryItem.ingest).where(
        DeliveryItem.state == ItemState.QUEUED.value, DeliveryItem.due_at <= now
    )
    found: dict[int, set[int]] = {}
    for team, ingest in session.execute(rows):
        if team in teams:
            found.setdefault(team, set()).add(ingest)
    return found


def claim(
    session: Session, *, teams: Iterable[int], domain: str, channel: str, now: datetime, held: Collection[int] = ()
) -> int:
    """Bind all due rows of these teams into one new digest per team; returns how many digests that made.

    ``held``: the teams of these whose digest waits for a person. From then on the digest is fixed: whoever renders it,
    however often, tells the same events under one reference.
    """
    due = session.execute(
        select(DeliveryItem.id, DeliveryItem.team_id, DeliveryItem.events)
        .where(DeliveryItem.state == ItemState.QUEUED.value, DeliveryItem.due_at <= now)
        .order_by(DeliveryItem.team_id, DeliveryItem.ingest)
        .with_for_update(skip_locked=True)
    ).all()
    wanted = set(teams)
    items: dict[int, list[tuple[int, int]]] = {}
    for item, team, events in due:
        if team in wanted:
            items.setdefault(team, []).append((item, events))
    states = {team: DeliveryState.HELD if team in held else DeliveryState.QUEUED for team in items}
    deliveries = [_new_delivery(team, sum(n for _, n in of), states[team], channel, now) for team, of in items.items()]
    session.add_all(deliveries)
    session.flush()
    for delivery in deliveries:
        _name(delivery, domain, now)
    session.flush()
    bound = [
        {"id": item, "delivery_id": delivery.id, "state": ItemState.CLAIMED.value}
        for delivery, of in zip(deliveries, items.values(), strict=True)
        for item, _ in of
    ]
    if bound:
        session.execute(update(DeliveryItem), bound)
    return len(deliveries)


def open_held(
    session: Session, events: Mapping[int, int], *, domain: str, channel: str, now: datetime
) -> dict[int, Delivery]:
    """A new digest for each team, with so many events, that waits for a person; in the caller's transaction."""
    made = {team: _new_delivery(team, n, DeliveryState.HELD, channel, now) for team, n in events.items()}
    session.add_all(made.values())
    session.flush()
    for delivery in made.values():
        _name(delivery, domain, now)
    session.flush()
    return made


def open_deliveries(session: Session, now: datetime) -> list[OwedDigest]:
    """The digests that are to be sent now, also those that an earlier run left unfinished; oldest first."""
    return owed_by(session, may_leave(Delivery, now))


def fresh_held(session: Session) -> list[OwedDigest]:
    """The digests that wait for a person and were not rendered yet, so that nobody could look at them."""
    return owed_by(session, (Delivery.state == DeliveryState.HELD.value) & (Delivery.subject == ""))


def owed_by(session: Session, wanted: ColumnElement[bool]) -> list[OwedDigest]:
    """The digests whose rows meet a condition, oldest first."""
    rows = session.scalars(select(Delivery).where(wanted).order_by(Delivery.id)).all()
    ingests: dict[int, list[int]] = {row.id: [] for row in rows}
    pairs = session.execute(
        select(Delivery.id, DeliveryItem.ingest)
        .join(Delivery, holds_items())
        .where(wanted)
        .order_by(DeliveryItem.ingest)
    )
    for delivery, ingest in pairs:
        if delivery in ingests:
            ingests[delivery].append(ingest)
    before = [row.repeats for row in rows if row.repeats is not None]
    told = {row.id: (row.reference, row.message_id) for row in session.scalars(_those(before))} if before else {}
    return [
        OwedDigest(
            id=row.id,
            reference=row.reference,
            message_id=row.message_id,
            team_id=row.team_id,
            events=row.events,
            created_at=row.created_at,
            attempts=row.attempts,
            mails_sent=row.mails_sent,
            waiting=tuple(row.waiting),
            ingests=tuple(ingests[row.id]),
            held=row.state == DeliveryState.HELD.value,
            repeats=told.get(row.repeats or 0, ("", "")),
            asked_at=row.released_at,
            asked_days=row.asked_days,
            corrections=tuple(row.corrections or ()),
        )
        for row in rows
    ]


def holds_items() -> ColumnElement[bool]:
    """Whether a digest tells of a piece of news: it is bound to it, or repeats the digest that is."""
    return DeliveryItem.delivery_id == func.coalesce(Delivery.repeats, Delivery.id)


def repeat(session: Session, of: Delivery, *, domain: str, now: datetime, not_before: datetime | None) -> Delivery:
    """A new digest that tells the events of another again with the next run, in the caller's transaction.

    ``not_before``: with the first run after that.
    """
    made = _new_delivery(of.team_id, of.events, DeliveryState.QUEUED, of.channel, now)
    made.repeats, made.released_at, made.next_try_at = of.repeats or of.id, now, not_before
    session.add(made)
    session.flush()
    _name(made, domain, now)
    return made


def unclaimed_teams(session: Session, now: datetime) -> dict[int, int]:
    """The teams that due rows still wait for, with their events: after `claim`, those that cannot be told."""
    rows = session.execute(
        select(DeliveryItem.team_id, DeliveryItem.events).where(
            DeliveryItem.state == ItemState.QUEUED.value, DeliveryItem.due_at <= now
        )
    )
    waiting: dict[int, int] = {}
    for team, events in rows:
        waiting[team] = waiting.get(team, 0) + events
    return waiting


def _those(numbers: Collection[int]) -> Select[Delivery]:
    return select(Delivery).where(Delivery.id.in_(numbers))


def _name(delivery: Delivery, domain: str, now: datetime) -> None:
    """Give a digest its reference and its Message-ID, now that its row has a number."""
    delivery.reference = f"TOC-{now.year}-{delivery.id:07d}"
    delivery.message_id = f"<{delivery.reference}.{delivery.uuid.hex[:12]}@{domain}>"


def _new_delivery(team: int, events: int, state: DeliveryState, channel: str, now: datetime) -> Delivery:
    uuid = uuid4()
    return Delivery(
        uuid=uuid,
        reference=uuid.hex,  # until the row has its number
        message_id="",
        team_id=team,
        events=events,
        state=state.value,
        created_at=now,
        next_try_at=None,
        attempts=0,
        sent_at=None,
        channel=channel,
        subject="",
        mails_sent=0,
        waiting=[],
        path="",
        size=0,
        counts={},
        error="",
        released_at=None,
        repeats=None,
    )


def bundles(
    owed: Sequence[OwedDigest], teams: Mapping[int, Team], events_of: EventsOf
) -> Iterator[list[tuple[OwedDigest, pl.DataFrame]]]:
    """Digests with their events, as many at once as memory allows; also those whose events are not there."""
    for group in _groups(owed, teams):
        ingests = sorted({ingest for one in group for ingest in one.ingests})
        waiting: dict[int, list[OwedDigest]] = {}
        for one in group:
            waiting.setdefault(one.team_id, []).append(one)
        bundle: list[tuple[OwedDigest, pl.DataFrame]] = []
        events = 0
        for team, frame in events_of(ingests, set(waiting)):
            bundle += [(one, frame) for one in waiting.pop(team, [])]
            events += frame.height
            if len(bundle) >= _BUNDLE_DIGESTS or events >= _BUNDLE_EVENTS:
                yield bundle
                bundle, events = [], 0
        empty = pl.DataFrame(schema=COLUMNS)
        bundle += [(one, empty) for left in waiting.values() for one in left]
        if bundle:
            yield bundle


def _groups(owed: Sequence[OwedDigest], teams: Mapping[int, Team]) -> Iterator[list[OwedDigest]]:
    """Digests that are read together: of one interval, since they share ingests, up to a number of events."""
    kinds: dict[tuple[bool, str], list[OwedDigest]] = {}
    for one in owed:
        kinds.setdefault((one.attempts > 0, teams[one.team_id].interval), []).append(one)
    for of in kinds.values():
        group: list[OwedDigest] = []
        events = 0
        for one in of:
            if group and events + one.events > _READ_EVENTS:
                yield group
                group, events = [], 0
            group.append(one)
            events += one.events
        yield group
