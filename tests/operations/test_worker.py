"""The work that a server does by itself: when it is due, that one piece does not hold up another, and how it ends."""

import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.cast import HEADER
from support.databases import Cluster
from support.delivery_examples import read_folder
from support.homes import copy_home, migrated_home
from support.mail_server import post_office
from support.world import START, World, make_world
from tocsin.delivery.lock import sole_deliverer
from tocsin.node.paths import HomeFile
from tocsin.node.settings import Settings
from tocsin.node.tell_settings import TellSettings
from tocsin.operations.doctor import examine
from tocsin.operations.machines import fingerprints
from tocsin.operations.models import ChoreRow
from tocsin.operations.worker import EVERY, Chore, LastRun, Worker, is_due, read_past, wanted
from tocsin.pipeline.notify import tell
from tocsin.pipeline.stores import open_node
from tocsin.pipeline.uploads import UploadIntake

AT_ONCE = TellSettings(hold_first_mail=False)
TIMES = st.integers(0, 2_000_000_000).map(lambda seconds: datetime.fromtimestamp(seconds, UTC))


@given(chore=st.sampled_from(Chore), now=TIMES, seconds=st.integers(0, 200_000), error=st.sampled_from(["", "down"]))
def test_a_chore_is_due_after_its_time_and_sooner_after_a_failure(
    chore: Chore, now: datetime, seconds: int, error: str
) -> None:
    past = LastRun(now - timedelta(seconds=seconds), error)
    if timedelta(seconds=seconds) >= max(EVERY[chore], timedelta(minutes=5)):
        assert is_due(chore, past, now)
    if seconds < 2:
        assert not is_due(chore, past, now)
    if error and seconds >= 300:
        assert is_due(chore, past, now)
    assert is_due(chore, LastRun(), now)
    assert is_due(chore, LastRun(now + timedelta(days=3)), now)  # the clock was set back


def test_settings_say_which_chores_make_sense() -> None:
    always = {
        Chore.COLLECT,
        Chore.TELL,
        Chore.FEEDS,
        Chore.KEYS,
        Chore.RETENTION,
        Chore.PURGE,
        Chore.CALL_OUTS,
        Chore.EXCHANGE,
        Chore.CASES,
        Chore.TODO,
    }
    assert wanted(Settings()) == always
    more = {
        "mailbox": {"host": "imap.example"},
        "server": {"url": "https://csirt.example"},
        "assets": {"enabled": True},
        "standby": {"folder": "/srv/standby", "to": ["standby@csirt.example"]},
    }
    assert wanted(Settings.model_validate(more)) == set(Chore)


@pytest.fixture
def world(tmp_path: Path) -> World:
    """A node that fetches from a folder; its server has an address that leads nowhere for replies."""
    (tmp_path / "in").mkdir()
    settings = (
        f'[collect.inbox]\nkind = "folder"\npath = "{tmp_path}/in"\nevery = "1s"\n'
        '[mailbox]\nhost = "127.0.0.1"\nport = 9\nsecurity = "none"\nuser = "csirt"\naddress = "csirt@csirt.example"\n'
    )
    return make_world(tmp_path, settings)


def drop(world: World) -> None:
    """Put one report where the collector looks."""
    row = '"2026-11-16 05:02:03","medium","192.0.2.1","tcp",3389,,"rdp",64500,"MU",,'
    (world.folder / "in" / "2026-11-16-scan_rdp-test-geo.csv").write_text(f"{HEADER}\n{row}\n")


def clock() -> Callable[[], datetime]:
    """Time that goes on from the start of the world."""
    begun = time.monotonic()
    return lambda: START + timedelta(seconds=time.monotonic() - begun + 60)


def until(true: Callable[[], object]) -> None:
    """Wait for what must happen, and not for ever."""
    for _ in range(6_000):
        if true():
            return
        time.sleep(0.05)
    pytest.fail("it did not happen")


def test_what_waits_is_fetched_and_told_while_another_piece_fails(world: World, database_url: str) -> None:
    with (world.node.home / "tocsin.toml").open("a") as settings:
        settings.write(f'[storage]\ndatabase = "{database_url}"\n')
    world = replace(world, node=open_node(world.node.home))
    for file in ("cast.toml", "rules.csv"):
        world.tocsin.run("directory", "import", world.folder / file)
    drop(world)
    with Worker(world.node, clock()).working():
        until(lambda: read_folder(world.node.mails) and Chore.REPLIES in read_past(world.node.database))
    assert sorted(read.to for read in read_folder(world.node.mails).values())
    noted = read_past(world.node.database)
    assert "127.0.0.1" in noted[Chore.REPLIES].error
    [finding] = [one for one in examine(world.node.home, datetime.now(UTC)) if one.what == "work of the server"]
    assert not finding.ok
    assert "replies" in finding.found


def test_what_was_away_is_asked_again_within_seconds_and_not_all_the_time() -> None:
    waits = [
        next(
            n
            for n in range(400)
            if is_due(Chore.TELL, LastRun(START, "down", "", outages), START + timedelta(seconds=n))
        )
        for outages in range(1, 9)
    ]
    assert waits == [1, 2, 4, 4, 4, 4, 4, 4]
    assert is_due(Chore.REPLIES, LastRun(START, "down", "", 1), START + timedelta(seconds=1))
    assert not is_due(Chore.REPLIES, LastRun(START, "the password is wrong"), START + timedelta(seconds=119))


def test_work_goes_on_by_itself_once_the_database_is_back(
    world: World, postgresql: Cluster, caplog: pytest.LogCaptureFixture
) -> None:
    url = postgresql.fresh()
    name = url.partition("@/")[2].partition("?")[0]
    with (world.node.home / "tocsin.toml").open("a") as settings:
        settings.write(f'[storage]\ndatabase = "{url}"\n')
    world = replace(world, node=open_node(world.node.home))
    intake = UploadIntake(world.node, clock())
    with sole_deliverer(world.node.database), Worker(world.node, clock()).working(), intake.working():
        until(lambda: Chore.RETENTION in read_past(world.node.database))
        with postgresql.connect() as other:
            other.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
            other.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [name])
            until(lambda: "Reports that were sent in wait" in caplog.text and "The work 'tell' waits" in caplog.text)
            other.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")
        until(lambda: "Reports that were sent in are taken in again." in caplog.text)
        until(lambda: "The work 'tell' goes on again." in caplog.text)
    assert "Traceback" not in caplog.text
    with sole_deliverer(world.node.database):
        pass


def test_what_is_done_daily_is_not_done_again_by_the_next_server(world: World) -> None:
    now = clock()
    for _ in range(2):
        with Worker(world.node, now).working():
            until(lambda: Chore.RETENTION in read_past(world.node.database))
    applied = [entry for entry in world.tocsin.json("audit", "list") if entry["word"] == "retention.applied"]
    assert len(applied) == 1


def test_machines_with_homes_in_different_places_are_alike_by_what_is_in_them(tmp_path: Path) -> None:
    found = []
    for place, contact in (("a", "csirt@a.example"), ("b", "csirt@a.example"), ("c", "csirt@c.example")):
        home = copy_home(migrated_home(), tmp_path / place)
        (home / HomeFile.TOKENS).write_bytes(bytes(32))
        (home / HomeFile.TOKENS).chmod(0o600)
        (home / HomeFile.SETTINGS).write_text(
            f'[node]\ncontact = "{contact}"\n[storage]\naccount = "a"\nsecret_file = "s3.secret"\n', encoding="utf-8"
        )
        found.append(fingerprints(open_node(home)))
    assert found[0] == found[1]
    assert [name for name in found[0] if found[0][name] != found[2][name]] == [HomeFile.SETTINGS]


def test_what_was_mended_before_a_restart_is_well_at_once(world: World) -> None:
    with world.node.database.begin() as session:
        at = datetime(2026, 11, 16, 6, 0, 59, tzinfo=UTC)
        session.add(ChoreRow(name=Chore.KEYS.value, machine="", at=at, error="down", hint=""))
    with Worker(world.node, clock()).working():
        until(lambda: not read_past(world.node.database)[Chore.KEYS].error)


def test_another_process_that_delivers_is_left_to_it(world: World) -> None:
    world.hear("192.0.2.1")
    with sole_deliverer(world.node.database), Worker(world.node, clock()).working():
        until(lambda: Chore.RETENTION in read_past(world.node.database))
    assert not read_folder(world.node.mails)
    assert not read_past(world.node.database).get(Chore.TELL, LastRun()).error
    with Worker(world.node, clock()).working():
        until(lambda: read_folder(world.node.mails))


def test_who_is_told_to_end_sends_no_further_mail_and_the_next_one_goes_on(world: World) -> None:
    with post_office() as office:
        mail = office.settings()
        node = replace(world.node, settings=world.node.settings.model_copy(update={"mail": mail, "tell": AT_ONCE}))
        world.hear("192.0.2.1", "198.51.100.7", "203.0.113.9")
        first = tell(node, now=world.now, stop=lambda: True)
        assert not first.problem
        assert len(office.arrived) == 1
        whole = tell(node, now=world.now)
    assert whole.digests >= 1
    mailboxes = [boxes for boxes, _ in office.arrived]
    assert len(mailboxes) == len({tuple(boxes) for boxes in mailboxes}) == first.digests + whole.digests
