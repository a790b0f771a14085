"""Stored events without a contact are routed again after the directory changed, and teams notified once."""

import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
from sqlalchemy import select

from support.console_users import browser_of
from support.processes import KILLED, command
from support.world import World, make_world, text_of
from tocsin.events import Ingest
from tocsin.node.accounts import AccountRole
from tocsin.node.records import AuditAction, AuditEntry
from tocsin.pipeline.not_told import unrouted
from tocsin.pipeline.notify_now import notify_now, preview_notification
from tocsin.server.server import make_application

NOBODYS = ("198.51.100.7", "198.51.100.8", "198.51.100.9")
RANGE = ("directory", "assert", "outsider", "prefix", "198.51.100.0/24", "--reason", "a call", "--said-by", "A")


@pytest.fixture
def world(database_url: str, tmp_path: Path) -> Iterator[World]:
    """A node that heard of three machines of nobody's, and of one of the operator's."""
    world = make_world(tmp_path, f'[storage]\ndatabase = "{database_url}"\n')
    world.hear("192.0.2.1", *NOBODYS)
    world.at(0.1).tell()
    with world.open:
        yield world


def _notify(world: World) -> tuple[int, int]:
    done = notify_now(world.node, days=7, actor="test", now=world.now)
    return done.events, done.notified


def _counts(world: World) -> tuple[int, int]:
    with world.node.database.reading() as session:
        record = session.scalars(select(Ingest)).one()
        return record.routed, record.unrouted


def test_a_new_contact_is_notified_once_of_what_is_stored(world: World) -> None:
    world.tocsin.run(*RANGE)
    seen = preview_notification(world.node, days=7, now=world.at(0.2).now)
    assert [(team.key, team.events) for team in seen.teams] == [("outsider", 3)]
    assert _counts(world) == (1, 3)
    assert _notify(world) == (3, 3)
    assert _counts(world) == (4, 0)
    assert not unrouted(world.node, world.at(-1).now)
    mails = world.at(0.2).tell()
    assert set(mails) == {"nobody@outsider.example"}
    assert all(address in mails["nobody@outsider.example"].body for address in NOBODYS)
    assert _notify(world) == (0, 0)
    assert world.at(0.3).tell() == {}


def test_only_the_chosen_as_and_what_has_a_contact_moves(world: World) -> None:
    assert _notify(world) == (0, 0)
    world.tocsin.run(*RANGE)
    other = notify_now(world.node, days=7, asns=[64501], actor="test", now=world.now)
    assert (other.events, other.number) == (0, None)
    assert notify_now(world.node, days=7, asns=[64500], actor="test", now=world.now).events == 3


def test_what_is_seen_again_after_that_is_no_second_notification(world: World) -> None:
    world.tocsin.run(*RANGE)
    world.at(0.2).hear(*NOBODYS[:1])  # its contact hears of this one by its ingest
    assert _notify(world) == (3, 2)
    assert "nobody@outsider.example" in world.tell()
    world.at(0.3).hear(*NOBODYS)
    assert world.tell() == {}


def test_what_is_gone_gets_its_contact_and_nobody_hears_of_it(world: World) -> None:
    world.tocsin.run(*RANGE)
    for day in range(1, 8):
        world.at(day).hear("192.0.2.1")
    done = notify_now(world.node, days=30, actor="test", now=world.now)
    assert (done.events, done.notified, done.teams) == (3, 0, [])
    assert not [to for to in world.tell() if "outsider" in to]


def test_what_the_gate_keeps_back_is_counted_as_withheld_and_not_sent(world: World) -> None:
    low = ("directory", "set", "outsider", "ceiling", "GREEN", "--said-by", "A")
    world.tocsin.run(*low)
    world.tocsin.run(*RANGE)
    done = notify_now(world.node, days=7, actor="test", now=world.now)
    assert (done.events, done.notified, done.withheld) == (3, 0, 3)
    with world.node.database.reading() as session:
        assert session.scalars(select(Ingest)).one().withheld == 3
    assert world.tell() == {}


def test_other_events_and_their_identities_stay_and_the_log_names_the_run(world: World) -> None:
    names = [*("ingest", "row", "source.ip.hi", "source.ip.lo", "problem", "time.source")]
    before = world.node.store.scan().select(names).sort("row").collect()
    world.tocsin.run(*RANGE)
    _notify(world)
    after = world.node.store.scan().sort("row").collect()
    assert after.select(names).equals(before)
    assert after["notified_in"].to_list() == [None, 2, 2, 2]
    assert after.filter(pl.col("told") > 0).height == 4
    with world.node.database.reading() as session:
        entry = session.scalars(select(AuditEntry).where(AuditEntry.word == AuditAction.EVENTS_NOTIFIED)).one()
    assert (entry.actor, entry.subject) == ("test", "run:2")
    world.at(1).hear("192.0.2.9")
    world.node.store.clean()
    assert world.node.store.scan().collect().height == 5


PLACES = [f"run.{name}" for name in ("noted", "synced", "preparing", "prepared", "shown", "committing", "committed")]


@pytest.mark.parametrize("place", PLACES)
def test_a_kill_at_any_point_loses_and_doubles_nothing(tmp_path: Path, place: str) -> None:
    world = make_world(tmp_path)
    world.now = datetime.now(UTC) - timedelta(hours=2)  # commands take the clock of the machine
    world.hear("192.0.2.1", *NOBODYS)
    world.tell()
    world.tocsin.run(*RANGE)
    words = ("deliveries", "notify-now", "--days", "30")
    assert command(world.node.home, *words, environment={**os.environ, "TOCSIN_CUT": place}).wait() == KILLED
    assert command(world.node.home, *words, environment=dict(os.environ)).wait() == 0
    assert _counts(world) == (4, 0)
    world.now = datetime.now(UTC)
    mails = world.tell()
    assert all(mails["nobody@outsider.example"].body.count(f"{address}:") <= 1 for address in NOBODYS)
    assert all(address in mails["nobody@outsider.example"].body for address in NOBODYS)
    assert list(mails) == ["nobody@outsider.example"]
    assert world.node.store.scan().collect().height == 4


def test_the_page_shows_who_would_be_notified_before_it_does_it(world: World) -> None:
    application = make_application(world.node, clock=lambda: world.now)
    with browser_of(application, world.node, AccountRole.ANALYST, now=world.now) as browser:
        assert "3 events have no contact" in text_of(browser.get("/today"))
        assert "None of these events has a contact now" in text_of(browser.get("/today/unrouted/notify?days=7"))
        world.tocsin.run(*RANGE)
        seen = text_of(browser.get("/today/unrouted/notify?days=7&asn=64500"))
        assert "This cannot be undone: the contacts are written into the stored events." in seen
        assert "3 events have a contact now; the oldest was seen" in seen
        assert "1 team would be notified" in seen
        done = browser.send("/today/unrouted/notify", days="7", asn="64500")
        assert "teams are notified of 3" in text_of(browser.get(done.headers["location"]))
        assert "no contact" not in text_of(browser.get("/today"))
