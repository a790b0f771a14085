"""A large report that processes beside work on gives what one process gives, whichever of them is killed."""

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest
from sqlalchemy import select

from support.cast import HEADER
from support.homes import settle
from support.processes import KILLED, Running, children, command
from tocsin.delivery.models import DeliveryItem
from tocsin.events import set_aside
from tocsin.events.models import Ingest
from tocsin.pipeline.stores import open_node
from tocsin.problems import NOTES

ROWS = 60_000  # more than 4 MB, so that workers get it
TIMES = [NOTES.index(name) for name in ("told_at", "first_told_at")]
COUNTS = ("rows", "stored", "duplicates", "quarantined", "problems_new", "problems_continuing", "routed", "withheld")
ENVIRONMENT = {**os.environ, "NO_COLOR": "1"}
Rows = list[tuple[object, ...]]
Outcome = tuple[pl.DataFrame, Rows, Rows, Rows]
BATCHES = "[ingest]\nbatch_bytes = 500000\n"
WORKERS = f"{BATCHES}[work]\non = 'processes'\nworkers = 2\n"


@pytest.fixture(scope="module")
def inbox(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A large report with repeated and broken rows, and one of the next day that repeats most of it."""
    folder = tmp_path_factory.mktemp("inbox")
    rows = [
        f'"2026-11-23 01:{number // 60 % 60:02d}:{number % 60:02d}","medium","{address(number)}","tcp",'
        f'{3389 + number // 9000},"host{number}.example.org","rdp",64500,"MU","{"r" * 20}",'
        for number in range(ROWS)
    ]
    rows[5000:5000] = [*rows[10:500], '"broken","","no address"', *rows[2000:2100]]
    for name, some in (("2026-11-23", rows), ("2026-11-24", rows[3000:])):
        (folder / f"{name}-scan_rdp-test-geo.csv").write_text("\n".join([HEADER, *some, ""]))
    return folder


def address(number: int) -> str:
    return f"2001:db8::{number:x}" if number % 7 == 0 else f"192.0.2.{number % 250}"


def outcome(home: Path) -> Outcome:
    """The events, the notes of problems but for when teams were told, what was counted, set aside, and owed to whom."""
    node = open_node(home)
    events = node.store.scan().drop("time.observation").collect()
    keys, notes = node.tracker.files.everything(up_to=10)
    notes[:, TIMES] = 0
    with node.database.reading() as session:
        ingests = session.scalars(select(Ingest).order_by(Ingest.number))
        counts: Rows = [tuple(getattr(one, name) for name in COUNTS) for one in ingests]
        item = DeliveryItem
        owed = session.execute(select(item.ingest, item.team_id, item.events).order_by(item.ingest, item.team_id)).all()
    aside: Rows = [
        (row.line, str(row.reason), row.raw) for number in (1, 2) for row in set_aside(node.quarantine, number)
    ]
    noted = pl.DataFrame(notes).insert_column(0, pl.Series("key", keys)).sort("key").rows()
    return events.sort("ingest", "row"), noted, counts, [*aside, *(tuple(one) for one in owed)]


@pytest.fixture(scope="module")
def expected(inbox: Path, tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    """What one process gives."""
    home = settle(tmp_path_factory.mktemp("one") / "home", BATCHES)
    assert command(home, "ingest", inbox, environment=ENVIRONMENT).wait() == 0
    return outcome(home)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A node that works in processes."""
    return settle(tmp_path / "home", WORKERS)


def check(home: Path, expected: Outcome) -> None:
    found = outcome(home)
    assert found[0].equals(expected[0])
    assert found[1:] == expected[1:]


def workers(running: Running) -> Iterator[int]:
    """The workers of a process: children of its child that forks them."""
    return (worker for child in children(running.pid) for worker in children(child))


def wait_for_workers(running: Running) -> list[int]:
    end = time.monotonic() + 60
    while len(found := list(workers(running))) < 2:
        assert time.monotonic() < end, running.said
        assert running.poll() is None, running.said
        time.sleep(0.005)
    return found


def test_processes_give_what_one_process_gives_though_a_worker_is_killed(
    home: Path, inbox: Path, expected: Outcome
) -> None:
    running = command(home, "ingest", inbox, environment=ENVIRONMENT)
    os.kill(wait_for_workers(running)[0], signal.SIGKILL)

    assert running.wait() == 0, running.said
    check(home, expected)


@pytest.mark.parametrize("place", ["work.understood", "store.part", "work.finished"])
def test_a_report_whose_workers_die_again_and_again_fails_and_can_be_given_again(
    home: Path, inbox: Path, expected: Outcome, place: str
) -> None:
    large = inbox / "2026-11-23-scan_rdp-test-geo.csv"
    dying = command(home, "ingest", large, environment={**ENVIRONMENT, "TOCSIN_CUT": place})
    assert dying.wait() == 1
    assert "A worker process ended while it was at work" in dying.said

    assert command(home, "ingest", inbox, environment=ENVIRONMENT).wait() == 0
    check(home, expected)


def test_what_waited_to_become_true_does_before_a_report_is_begun_again(
    tmp_path: Path, inbox: Path, expected: Outcome
) -> None:
    home = settle(tmp_path / "home", WORKERS.replace("workers = 2", "workers = 1"))
    cut = {"TOCSIN_CUT": "work.finished:20"}  # each of the two reports has 15 batches, and counting begins anew
    running = command(home, "ingest", inbox, environment={**ENVIRONMENT, **cut})
    assert running.wait() == 0, running.said
    check(home, expected)


def test_workers_end_with_the_process_that_started_them(home: Path, inbox: Path, expected: Outcome) -> None:
    running = command(home, "ingest", inbox, environment={**ENVIRONMENT, "TOCSIN_CUT": "ingest.batch:3"})
    found = wait_for_workers(running)
    assert running.wait() == KILLED
    end = time.monotonic() + 60
    while any(Path(f"/proc/{number}").exists() for number in found):
        assert time.monotonic() < end
        time.sleep(0.02)

    assert command(home, "ingest", inbox, environment=ENVIRONMENT).wait() == 0
    check(home, expected)
