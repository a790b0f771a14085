"""What is owed counts once, when its ingest is true, and comes due when the team wants it."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import select

from support.delivery_examples import NODE, NOW, Told, events, node, owe, team
from tocsin.delivery import Delivery, DeliveryItem, deliver, due_at, queue, release_items
from tocsin.delivery.channels.file import FileChannel
from tocsin.directory import DigestInterval, Team
from tocsin.node.records import Database


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("interval", "zone", "now", "due"),
    [
        (DigestInterval.AT_ONCE, "UTC", "2026-11-24 06:00", "2026-11-24 06:00"),
        (DigestInterval.HOURLY, "UTC", "2026-11-24 06:00", "2026-11-24 07:00"),
        (DigestInterval.HOURLY, "UTC", "2026-11-24 23:59", "2026-11-25 00:00"),
        (DigestInterval.DAILY, "UTC", "2026-11-24 05:59", "2026-11-24 06:00"),
        (DigestInterval.DAILY, "UTC", "2026-11-24 06:00", "2026-11-25 06:00"),
        (DigestInterval.DAILY, "Indian/Mauritius", "2026-11-24 01:00", "2026-11-24 02:00"),
        (DigestInterval.DAILY, "Nowhere/Atall", "2026-11-24 05:00", "2026-11-24 06:00"),
        (DigestInterval.WEEKLY, "UTC", "2026-11-24 05:00", "2026-11-30 06:00"),
        (DigestInterval.WEEKLY, "UTC", "2026-11-30 05:00", "2026-11-30 06:00"),
        (DigestInterval.WEEKLY, "UTC", "2026-11-30 07:00", "2026-12-07 06:00"),
        (DigestInterval.WEEKLY, "Pacific/Auckland", "2026-11-29 16:30", "2026-11-29 17:00"),
    ],
)
def test_news_is_due_in_the_morning_of_the_team(interval: DigestInterval, zone: str, now: str, due: str) -> None:
    one = Team(id=1, uuid=NODE, key="t", name="T", interval=interval, timezone=zone)

    assert due_at(one, at(now)) == at(due)


def test_nothing_leaves_before_its_ingest_is_committed(database: Database, tmp_path: Path) -> None:
    teams = {1: team(1)}
    told = Told({1: events({"source.ip": "192.0.2.1"})})
    with database.begin() as session:
        assert queue(session, ingest=1, counts={1: 1}, teams=teams, now=NOW) == 1
        assert queue(session, ingest=1, counts={1: 1}, teams=teams, now=NOW) == 0

    channel = FileChannel(tmp_path / "mails")
    before = deliver(database, teams=teams, events_of=told, channel=channel, node=node(), now=NOW)
    with database.begin() as session:
        release_items(session, [1])
    after = deliver(database, teams=teams, events_of=told, channel=channel, node=node(), now=NOW)

    assert (before.digests, after.digests) == (0, 1)


def test_many_reports_are_one_digest_and_what_comes_later_is_the_next(database: Database, tmp_path: Path) -> None:
    teams = {1: team(1), 2: team(2)}
    first = {
        1: events({"source.ip": "192.0.2.1"}, ingest=1).vstack(events({"source.ip": "192.0.2.2"}, ingest=2)),
        2: events({"source.ip": "192.0.2.3"}, ingest=2),
    }
    channel = FileChannel(tmp_path / "mails")
    owe(database, teams, first)
    told = Told(first)
    one = deliver(database, teams=teams, events_of=told, channel=channel, node=node(), now=NOW)
    later = {1: first[1].vstack(events({"source.ip": "192.0.2.9"}, ingest=3))}
    owe(database, teams, {1: later[1].filter(later[1]["ingest"] == 3)})
    two = deliver(database, teams=teams, events_of=Told(later), channel=channel, node=node(), now=NOW)

    assert (one.digests, one.events, two.digests, two.events) == (2, 3, 1, 1)
    assert told.calls == 1
    with database.begin() as session:
        states = session.scalars(select(DeliveryItem.state)).all()
        subjects = session.scalars(select(Delivery.subject).order_by(Delivery.id)).all()
    assert set(states) == {"claimed"}
    assert [subject.count("TLP:AMBER") for subject in subjects] == [1, 1, 1]


def test_what_is_not_due_waits(database: Database, tmp_path: Path) -> None:
    teams = {1: team(1, interval=DigestInterval.DAILY)}
    frames = {1: events({"source.ip": "192.0.2.1"})}
    owe(database, teams, frames, now=at("2026-11-24 07:00"))
    channel = FileChannel(tmp_path / "mails")

    early = deliver(
        database, teams=teams, events_of=Told(frames), channel=channel, node=node(), now=at("2026-11-25 05:59")
    )
    due = deliver(
        database, teams=teams, events_of=Told(frames), channel=channel, node=node(), now=at("2026-11-25 06:00")
    )

    assert (early.digests, due.digests) == (0, 1)


def test_a_team_without_a_usable_mailbox_is_named_and_told_once_it_has_one(database: Database, tmp_path: Path) -> None:
    frames = {1: events({"source.ip": "192.0.2.1"}, {"source.ip": "192.0.2.2"})}
    without = {1: team(1, mailboxes=("not a mailbox",))}
    owe(database, without, frames)
    channel = FileChannel(tmp_path / "mails")

    nobody = deliver(database, teams=without, events_of=Told(frames), channel=channel, node=node(), now=NOW)
    told = deliver(database, teams={1: team(1)}, events_of=Told(frames), channel=channel, node=node(), now=NOW)

    assert (nobody.digests, nobody.unreachable) == (0, {1: 2})
    assert (told.digests, told.unreachable) == (1, {})
