"""A report whose mapping was mended is read again: what its first reading made goes, and nothing is mailed by itself."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import func, select

from support.delivery_examples import Read
from support.world import World, make_world
from tocsin.delivery import Delivery, DeliveryItem
from tocsin.events import Ingest, Reread
from tocsin.node.errors import ConflictError, InputError, NotFoundError
from tocsin.node.records import AuditAction, AuditEntry
from tocsin.pipeline.ingest import ingest
from tocsin.pipeline.reread import RereadResult, reread
from tocsin.problems import NOTES, ProblemSearch

WRONG = """
name = "Crawl"
files = ["crawl-*.csv"]

[columns]
seen = "time.source"
asn = "source.asn"

[constants]
"classification.type" = "vulnerable-system"
"classification.identifier" = "open-crawl"
"""
MENDED = WRONG.replace("[columns]", '[columns]\nhost = "source.ip"')
AS_RULES = "team,kind,value,role\noutsider,asn,64500,responsible\noutsider,asn,64501,responsible\n"
HOSTS = [f"192.0.2.{number}" for number in range(200)]


@pytest.fixture
def world(database_url: str, tmp_path: Path) -> Iterator[World]:
    """A node whose mapping names no address: what comes is about whole AS, which the outsider answers for."""
    world = make_world(tmp_path, f'[storage]\ndatabase = "{database_url}"\n')
    rules = tmp_path / "as.csv"
    rules.write_text(AS_RULES)
    world.tocsin.run("directory", "import", rules)
    with world.open:
        save(world, WRONG)
        yield world


def save(world: World, mapping: str) -> None:
    folder = world.node.home / "feeds"
    folder.mkdir(exist_ok=True)
    (folder / "crawl.toml").write_text(mapping)


def crawl(world: World, hosts: list[str], name: str = "crawl-1.csv") -> Path:
    """A report of these hosts, of three AS in turn, seen an hour before its time."""
    path = world.folder / name
    seen = f"{world.now - timedelta(hours=1):%Y-%m-%d %H:%M:%S}"
    rows = [f"{seen},{host},{64500 + place % 3}" for place, host in enumerate(hosts)]
    path.write_text("\n".join(["seen,host,asn", *rows, ""]))
    return path


def hear(world: World, path: Path) -> int:
    outcome = ingest(world.node, [path], clock=lambda: world.now)
    assert not outcome.failed
    return outcome.ingests[0]


def again(world: World, number: int, **given: object) -> RereadResult:
    return reread(world.node, number, actor="test", now=world.now, **given)  # type: ignore[arg-type]


def assets(world: World) -> list[str]:
    """Where the problems are that the list shows, and whether each has been told."""
    found = world.node.problems.find(ProblemSearch(), now=world.now)
    return sorted(str(row) for row in found.standings.frame["where"].to_list())


def events(world: World) -> list[tuple[int, int | None]]:
    found = world.node.store.scan().select("ingest", "source.ip.lo").collect()
    return sorted(found.iter_rows())


def held(world: World) -> dict[str, Read]:
    """Release all digests that wait and send them, by mailbox."""
    with world.node.database.reading() as session:
        waiting = session.scalars(select(Delivery.reference).where(Delivery.state == "held")).all()
    for reference in waiting:
        world.tocsin.run("deliveries", "release", reference)
    return world.tell()


def test_hosts_that_became_three_as_are_hosts_again_and_nothing_is_mailed(world: World) -> None:
    first = hear(world, crawl(world, HOSTS))
    assert len(events(world)) == 200
    sent = world.at(0.1).tell() | held(world)
    assert set(sent) == {"nobody@outsider.example"}
    save(world, MENDED)

    before = events(world)
    seen = again(world.at(1), first, preview=True)
    assert (seen.number, seen.events, seen.problems, seen.vanished) == (None, 200, 3, 3)
    assert (seen.stored, seen.problems_new) == (200, 200)
    teams = {team.key: team for team in seen.teams}
    assert (teams["outsider"].wrong, teams["outsider"].owed, len(teams["outsider"].told)) == (2, 0, 1)
    assert {team.owed for team in seen.teams} == {0, 72, 128, 200}
    assert events(world) == before

    done = again(world, first)
    assert done.number is not None
    assert done.model_copy(update={"number": None}) == seen
    assert {number for number, _ in events(world)} == {done.number}
    assert len(assets(world)) == 200
    assert world.tell() == {}
    assert world.at(1.1).tell() == {}
    mails = held(world)
    assert set(mails) == {
        "nobody@outsider.example", "abuse@operator.example", "cert@banks.example", "csirt@nat-a.example",
    }  # fmt: skip
    correction = mails["nobody@outsider.example"]
    assert "Correction" in correction.subject
    assert "64500" in correction.body
    assert not correction.files
    assert world.at(1.2).tell() == {}
    assert len(mails["abuse@operator.example"].rows()) == 128


def test_the_mended_row_is_no_duplicate_and_the_same_rows_are_later(world: World) -> None:
    first = hear(world, crawl(world, HOSTS[:20] + HOSTS[:2]))
    later = hear(world.at(0.01), crawl(world.at(0), HOSTS[10:30], "crawl-2.csv"))
    save(world, MENDED)
    done = again(world.at(0.1), first)
    assert (done.rows, done.stored, done.duplicates) == (22, 20, 2)
    with world.node.database.reading() as session:
        assert session.get_one(Ingest, later).duplicates == 8 + 0 or session.get_one(Ingest, later).stored > 0
    third = ingest(world.node, [crawl(world.at(0), HOSTS[:20], "crawl-3.csv")], clock=lambda: world.now)
    assert third.counts.duplicates + third.counts.stored == 20
