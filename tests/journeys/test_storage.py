"""Storage by address: a folder or a bucket that two machines share, and what happens when it does not answer."""

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from support.bucket_server import BucketServer, section
from support.cast import Tocsin
from support.commits import commit_each
from support.databases import Cluster
from support.homes import settle
from support.processes import KILLED, command, start
from tocsin.events import EventStore
from tocsin.node.errors import StorageError
from tocsin.node.paths import HomeFile, HomeFolder
from tocsin.node.storage import place_of
from tocsin.operations.purge import finish_purges
from tocsin.pipeline.stores import open_node

Report = Callable[..., Path]
SHARED = ("events", "problems", "rows", "quarantine")


def answers(node: Tocsin) -> dict[str, object]:
    """What a node says of its events, of problems, and of rows that were set aside."""
    listed, events = node.json("problems", "list"), node.run("events", "--limit", "0", "--format", "json")
    return {
        "events": sorted(re.sub('"time.observation":"[^"]+",', "", one) for one in events.splitlines()),
        "problems": sorted((one["problem"], one["state"], one["sightings"], *one["teams"]) for one in listed),
        "rows": node.json("quarantine", "show", "2"),
        "deliveries": sorted(json.dumps(one, sort_keys=True) for one in node.json("deliveries", "list")),
    }


@pytest.fixture(params=["folder", "bucket"])
def address(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The settings of storage elsewhere."""
    if request.param == "bucket":
        server: BucketServer = request.getfixturevalue("bucket_server")
        return section(server.settings())
    (tmp_path / "shared").mkdir()
    (tmp_path / "shared").chmod(0o755)  # whatever the umask is
    return f"[storage]\naddress = 'file://{tmp_path / 'shared'}'\n"


def test_two_machines_over_one_database_share_what_is_kept(
    tmp_path: Path, report: Report, postgresql: Cluster, address: str, tocsin: Tocsin
) -> None:
    database = f"database = '{postgresql.fresh()}'\n"
    one = Tocsin(settle(tmp_path / "one", address + database), tocsin.environment)
    other = Tocsin(tmp_path / "other", tocsin.environment)
    other.home.mkdir()
    (other.home / "tocsin.toml").write_text(address + database)
    feed = [
        (one, "2026-11-23", ["192.0.2.1", "192.0.2.200", "198.51.100.7"]),
        (other, "2026-11-24", ["192.0.2.2", "192.0.2.1", "no address"]),
        (other, "2026-11-24", ["192.0.2.2", "192.0.2.9"]),
        (one, "2026-11-24", ["192.0.2.2", "192.0.2.1", "192.0.2.1"]),  # rows that the other took in
    ]

    for node, day, addresses in feed:
        path = report(*addresses, day=day)
        counts, alone = (one.json("ingest", path) for one in (node, tocsin))
        assert {**counts, "seconds": 0} == {**alone, "seconds": 0}

    assert answers(one) == answers(other) == answers(tocsin)
    for node in (one, other):
        assert not [name for name in SHARED if (node.home / name).exists()]
        assert node.json("retention", "apply") == tocsin.json("retention", "apply")
    assert answers(one) == answers(other) == answers(tocsin)
    found = {finding["what"]: finding for finding in json.loads(one.call("--json", "doctor")[1])}
    assert (f"chmod -R go= {tmp_path / 'shared'}" in found["other users of this machine"]["mend"]) == (
        "file:" in address
    )
    assert "answers in" in found["storage"]["found"]
    assert found["event table"]["ok"], found["event table"]
    a_purge_that_was_cut_off_is_finished_elsewhere(one, other)


def a_purge_that_was_cut_off_is_finished_elsewhere(one: Tocsin, other: Tocsin) -> None:
    """By another machine, once it is the one that writes; not what somebody else who may write there notes."""
    cut_off = {**one.environment, "TOCSIN_CUT": "purge.noted"}
    assert command(one.home, "purge", "event:1-1", "--reason", "Case 7", environment=cut_off).wait() == KILLED
    shutil.copy(one.home / HomeFile.TOKENS, other.home)
    node = open_node(other.home)
    place, events = node.place(HomeFolder.PURGES), node.store.scan().collect().height
    [name] = [file.name for file in place.list()]
    with place.open(name) as noted:
        content = noted.read()
    for written, left in ((content.replace(b"event:1-1", b"event:2-1"), events), (content, events - 1)):
        with place.unfinished() as out:
            out.write(written)
            place.keep(out, name)
        finish_purges(node)
        assert node.store.scan().collect().height == left
    assert "event:1-1 is purged" in one.run("purge", "event:1-1", "--reason", "Case 7")


def test_a_backup_has_what_is_in_the_bucket_and_is_restored_anywhere(
    tocsin: Tocsin, report: Report, tmp_path: Path, bucket_server: BucketServer
) -> None:
    (tocsin.home / "tocsin.toml").write_text(section(bucket_server.settings()))
    tocsin.run("ingest", report("192.0.2.1", "192.0.2.200", "198.51.100.7"))
    tocsin.run("ingest", report("192.0.2.1", "192.0.2.2", day="2026-11-24"))
    before = answers(tocsin)

    tocsin.run("backup", tmp_path / "backup")

    for name, settings in (("here", ""), ("bucket", section(bucket_server.settings()))):
        home = tmp_path / name
        home.mkdir()
        (home / "tocsin.toml").write_text(settings)
        other = Tocsin(home, tocsin.environment)
        other.run("restore", tmp_path / "backup")
        assert answers(other) == before
        assert (home / "events").exists() == (not settings)
        assert other.json("ingest", report("192.0.2.1", "192.0.2.3", day="2026-11-24"))["duplicates"] == 1
    again = Tocsin(tmp_path / "again", tocsin.environment)
    again.home.mkdir()
    (again.home / "tocsin.toml").write_text(settings)
    assert "already" in again.call("restore", tmp_path / "backup")[2]


def test_what_is_wrong_with_a_bucket_is_said_and_work_goes_on_when_it_answers_again(
    tocsin: Tocsin, report: Report, bucket_server: BucketServer
) -> None:
    settings, path = tocsin.home / "tocsin.toml", report("192.0.2.1", "192.0.2.200")
    for wrong, words in (
        (bucket_server.settings("not-there"), "no bucket"),
        (bucket_server.settings(secret="another"), "does not take our key"),
    ):
        settings.write_text(section(wrong))
        code, _, said = tocsin.call("ingest", path)
        assert (code, words in said) == (1, True), said
        found = {finding["what"]: finding for finding in tocsin.json("doctor", code=1)}
        assert not found["storage"]["ok"]
        assert words in found["storage"]["found"]

    settings.write_text(section(bucket_server.settings()))
    node = open_node(tocsin.home)
    assert node.store.files() == []
    bucket_server.stop()
    with pytest.raises(StorageError, match="does not answer") as away:
        node.store.files()
    assert isinstance(away.value.__cause__, OSError)  # so that a server tries again within seconds
    assert "does not answer" in tocsin.call("ingest", path)[2]
    bucket_server.start()
    assert node.store.files() == []
    tocsin.run("ingest", path)
    assert len(node.store.files()) == 1


def test_of_two_who_commit_at_once_one_wins(tocsin: Tocsin, bucket_server: BucketServer, tmp_path: Path) -> None:
    settings, rounds = bucket_server.settings(), 12
    store = EventStore(place_of(settings, tmp_path, HomeFolder.EVENTS))

    both = [start(commit_each, settings, tmp_path, name, rounds, environment=tocsin.environment) for name in "ab"]

    assert [one.wait() for one in both] == [0, 0], [one.said for one in both]
    found = [json.loads((tmp_path / f"{name}.json").read_text()) for name in "ab"]
    won = [path for one in found for path in one["won"]]
    assert (len(won), sum(one["lost"] for one in found)) == (rounds, rounds)
    assert sorted(won) == sorted(store.files())
    assert store.scan().collect()["ingest"].sort().to_list() == list(range(1, rounds + 1))
