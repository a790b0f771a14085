"""Records restored to an earlier moment: events and keys follow, later reports are given again, and all is equal."""

import os
import shutil
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from support.cast import Tocsin
from support.databases import Cluster, name_of
from support.homes import settle
from support.processes import KILLED, command
from tocsin.node.records import AuditAction, audit
from tocsin.operations.take_back import forget_taken_back
from tocsin.pipeline.stores import open_node

Report = Callable[..., Path]
_COMPARED = ("classification.type", "source.ip.hi", "source.ip.lo", "time.source", "ingest", "row", "problem")


def _state(tocsin: Tocsin) -> dict[str, object]:
    """What a node knows, but for the times at which it came to know it."""
    node = open_node(tocsin.home)
    events = node.store.scan().collect()
    shown = [*_COMPARED, "routed", "told", "notified_in", "fresh"]
    keys, notes = node.tracker.files.everything(up_to=10**6)
    rows = {day: node.rows_of(day).everything(up_to=10**6)[0].tolist() for day in node.row_days()}
    node.database.close()
    ingests = [{k: v for k, v in one.items() if "at" not in k} for one in tocsin.json("quarantine", "list")]
    return {
        "events": events.select(shown).sort("ingest", "row").rows(),
        "problems": dict(zip(keys.tolist(), notes[:, :6].tolist(), strict=True)),
        "rows": sorted(rows.values()),
        "quarantine": ingests,
    }


def _forgets(node: Tocsin) -> None:
    """What was put aside stays until something is purged, on whatever machine, or a month has gone by."""
    opened, aside = open_node(node.home), node.home / "taken-back"
    before, now = {*aside.iterdir()}, datetime.now(UTC)
    for one in before:  # the clock of a test may be ahead, that of the file system is not
        os.utime(one, (now.timestamp(),) * 2)
    forget_taken_back(node.home, opened.database, now)
    assert before
    assert {*aside.iterdir()} == before
    old = aside / "20260101-000000"
    old.mkdir()
    os.utime(old, ((now - timedelta(days=31)).timestamp(),) * 2)
    forget_taken_back(node.home, opened.database, now)
    assert {*aside.iterdir()} == before
    with opened.database.begin() as session:  # as by another machine
        audit(session, AuditAction.CONTENT_PURGED, at=now + timedelta(seconds=1), actor="test", subject="event:1-1")
    forget_taken_back(node.home, opened.database, now)
    assert not [*aside.iterdir()]
    opened.database.close()


def test_events_and_keys_follow_records_that_were_restored_to_a_moment(
    report: Report, postgresql: Cluster, tmp_path: Path
) -> None:
    url = postgresql.fresh()
    node = Tocsin(settle(tmp_path / "home", f"[storage]\ndatabase = '{url}'\n"), {**os.environ, "NO_COLOR": "1"})
    days = [f"2026-11-{day}" for day in range(10, 20)]

    def hear(*chosen: str) -> None:  # each day a new network and those of before, and a row that is broken
        paths = []
        for day in chosen:
            addresses = [f"192.0.2.{one}" for one in range(1, days.index(day) + 3)]
            paths.append(report(*addresses, "203.0.113.7", "198.51.100.7", day=day))
            paths[-1].write_text(paths[-1].read_text() + f'"{day} 01:02:03","medium","no address","tcp",1,,,,,,\n')
        node.run("ingest", *paths)

    hear(*days[:5])
    moment = postgresql.copy(name_of(url))  # what PostgreSQL restores by its write-ahead log
    hear(days[5])
    node.run("purge", "event:2-1", "--reason", "Case 7")
    hear(*days[6:9])  # key files of before and after the moment are merged
    node.run("retention", "apply")
    shutil.copytree(node.home, tmp_path / "other")

    restored = f"[storage]\ndatabase = '{moment}'\n"
    (node.home / "tocsin.toml").write_text(restored)
    code, _, words = node.call("ingest", report("192.0.2.1", day=days[9]))
    assert (code, "doctor --repair" in words) == (1, True)
    for point in ("takeback.returned", "takeback.aside", "takeback.events"):
        environment = {**node.environment, "TOCSIN_CUT": point}
        assert command(node.home, "doctor", "--repair", environment=environment).wait() == KILLED, point
        assert not node.call("people", "list")[2]  # what was purged is no matter of each command
    said = node.call("doctor", "--repair")[2]
    assert "Taken back from ingest 9 to 5" in said
    assert list(node.home.glob("taken-back/*/problems/0000000001.*.keys"))  # keys of both sides had been merged
    assert "nothing was repaired" in node.call("doctor", "--repair")[2]
    checks = {one["what"]: one for one in node.json("doctor")}
    assert checks["events and records agree"]["ok"]
    assert "earlier moment" in node.call("deliver")[2]
    assert not any("2-1" in line for line in node.run("events", "--limit", "0", "--format", "json").splitlines())
    hear(*days[5:9])
    node.run("audit", "verify")
    _forgets(node)

    assert _state(node) == _state(Tocsin(tmp_path / "other", node.environment))
