"""Who takes reports in over PostgreSQL, and was stopped until another took over, is refused: nothing comes twice."""

import os
import signal
import time
from pathlib import Path

import pytest
from sqlalchemy import select

from support.cast import HEADER
from support.databases import Cluster
from support.homes import settle
from support.processes import Running, command
from tocsin.delivery.models import DeliveryItem
from tocsin.events.models import Ingest
from tocsin.pipeline.stores import open_node

ENVIRONMENT = {**os.environ, "NO_COLOR": "1"}


def is_stopped(running: Running) -> bool:
    assert running.poll() is None, running.said
    return Path(f"/proc/{running.pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"


@pytest.mark.parametrize("place", ["ingest.noted", "ingest.preparing", "ingest.prepared"])
def test_a_writer_that_was_stopped_past_its_term_is_fenced_off(postgresql: Cluster, tmp_path: Path, place: str) -> None:
    settings = f"[storage]\ndatabase = '{postgresql.fresh()}'\n[work]\nterm_seconds = 2\n"
    home = settle(tmp_path / "home", settings)
    reports = []
    for number in (1, 2):
        rows = [
            f'"2026-11-23 01:02:{at:02d}","medium","192.0.2.{at}","tcp",{number},,"rdp",64500,"MU",,'
            for at in range(50)
        ]
        reports.append(tmp_path / f"2026-11-23-scan_rdp-test{number}-geo.csv")
        reports[-1].write_text("\n".join([HEADER, *rows, ""]))
    stopped = command(home, "ingest", reports[0], environment={**ENVIRONMENT, "TOCSIN_PAUSE": place})
    end = time.monotonic() + 60
    while not is_stopped(stopped):
        assert time.monotonic() < end
        time.sleep(0.02)

    assert command(home, "ingest", reports[1], environment=ENVIRONMENT).wait() == 0  # it waits until the term is over
    os.kill(stopped.pid, signal.SIGCONT)
    assert stopped.wait() == 1
    assert "took over" in stopped.said or "PostgreSQL" in stopped.said or "database" in stopped.said, stopped.said

    assert command(home, "ingest", *reports, environment=ENVIRONMENT).wait() == 0
    node = open_node(home)
    events = node.store.scan().select("source.ip.lo", "source.port").collect()
    assert events.height == events.unique().height == 100
    keys, _ = node.tracker.files.everything(up_to=10)
    assert len(keys) == 100
    with node.database.reading() as session:
        assert sorted(session.scalars(select(Ingest.stored))) == [50, 50]
        owed = session.execute(select(DeliveryItem.ingest, DeliveryItem.team_id)).all()
    assert len(owed) == len(set(owed)) > 0
    assert not node.store.unlisted()
