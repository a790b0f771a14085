"""A report whose mapping was mended is read again: its first reading goes, and nothing is mailed by itself."""

import gzip
import os
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import func, select

from support.console_users import browser_of
from support.delivery_examples import Read
from support.processes import KILLED, command
from support.world import World, copy_world, make_world, text_of
from tocsin.delivery import Delivery, DeliveryItem
from tocsin.events import Ingest, Reread
from tocsin.node.accounts import AccountRole
from tocsin.node.errors import ConflictError, InputError, NotFoundError
from tocsin.node.records import AuditAction, AuditEntry
from tocsin.operations.retention import apply_retention
from tocsin.pipeline import commit as commitment
from tocsin.pipeline.ingest import ingest
from tocsin.pipeline.reread import RereadResult, reread
from tocsin.pipeline.stores import NodeWithStores, open_node
from tocsin.problems import NOTES, ProblemSearch
from tocsin.server.server import make_application

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


def _made(folder: Path, settings: str = "") -> Iterator[World]:
    world = make_world(folder, settings)
    rules = folder / "as.csv"
    rules.write_text(AS_RULES)
    world.tocsin.run("directory", "import", rules)
    with world.open:
        save(world, WRONG)
        yield world


@pytest.fixture
def world(database_url: str, tmp_path: Path) -> Iterator[World]:
    """A node whose mapping names no address: what comes is about whole AS, which the outsider answers for."""
    yield from _made(tmp_path, f'[storage]\ndatabase = "{database_url}"\n')


@pytest.fixture
def alone(tmp_path: Path) -> Iterator[World]:
    """The same on SQLite, where it does not matter which."""
    yield from _made(tmp_path)


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


def problems(world: World) -> Counter[tuple[int, ...]]:
    """What is noted of each problem that the list shows: when it was first and last seen, how often, how often told."""
    keys = world.node.problems.find(ProblemSearch(), now=world.now).standings.frame["key"].to_numpy()
    known, notes = world.node.tracker.files.lookup(keys, up_to=1_000)
    assert known.all()
    columns = [NOTES.index(name) for name in ("first_seen", "last_seen", "sightings", "tellings")]
    return Counter((int(key), *row) for key, row in zip(keys.tolist(), notes[:, columns].tolist(), strict=True))


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
    assert set(world.at(0.1).tell()) == {"nobody@outsider.example"}
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
    assert len(problems(world)) == 200
    assert world.tell() == {}
    assert world.at(1.1).tell() == {}
    mails = held(world)
    assert set(mails) == {
        "nobody@outsider.example", "abuse@operator.example", "cert@banks.example", "csirt@nat-a.example",
    }  # fmt: skip
    correction = mails["nobody@outsider.example"]
    assert "Correction" in correction.subject
    assert "AS64500  open-crawl" in correction.body
    assert not correction.files
    assert world.at(1.2).tell() == {}
    assert len(mails["abuse@operator.example"].rows()) == 128


@pytest.fixture
def twin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Another, where everything is read as it should be from the start."""
    yield from _made(tmp_path_factory.mktemp("twin"))


def history(world: World, first: str, second: str, third: str) -> int:
    """Three reports that share hosts, each read by a mapping of its own; the number of the second."""
    save(world, first)
    hear(world, crawl(world.at(0), HOSTS[:50], "crawl-1.csv"))
    save(world, second)
    number = hear(world, crawl(world.at(1), [*HOSTS[30:120], *HOSTS[30:40]], "crawl-2.csv"))
    save(world, third)
    hear(world, crawl(world.at(2), HOSTS[100:], "crawl-3.csv"))
    return number


def addresses(world: World) -> Counter[tuple[object, ...]]:
    """The stored events by address, AS and time."""
    columns = ("source.ip.lo", "source.asn", "time.source", "time.observation")
    return Counter(world.node.store.scan().select(columns).collect().iter_rows())


@pytest.mark.parametrize(("before", "after"), [(MENDED, MENDED), (WRONG, MENDED), (WRONG, WRONG), (MENDED, WRONG)])
def test_it_is_as_if_it_had_been_read_so_from_the_start(world: World, twin: World, before: str, after: str) -> None:
    number = history(world, before, WRONG, after)
    save(world, MENDED)
    done = again(world.at(3), number)
    history(twin, before, MENDED, after)
    twin.at(3)
    assert addresses(world) == addresses(twin)
    if after == MENDED or before == WRONG:
        assert problems(world) == problems(twin)
    else:  # what the first reading told of and had not sent is told with the next sighting, as nobody heard of it
        assert Counter(row[:-1] for row in problems(world)) == Counter(row[:-1] for row in problems(twin))
        assert sorted(row[-1] for row in problems(world))[:3] == [0, 0, 0]
    assert (done.rows, done.stored, done.duplicates, done.quarantined) == (100, 90, 10, 0)
    with world.node.database.reading() as session, twin.node.database.reading() as other:
        mine, theirs = session.get_one(Ingest, done.number), other.get_one(Ingest, number)
        names = ("rows", "stored", "duplicates", "quarantined", "started_at", "day", "content_hash")
        assert [getattr(mine, name) for name in names] == [getattr(theirs, name) for name in names]


def test_back_to_where_it_was(alone: World) -> None:
    number = history(alone, WRONG, WRONG, WRONG)
    stored, noted = addresses(alone), problems(alone)
    save(alone, MENDED)
    second = again(alone.at(3), number).number
    assert second is not None
    assert addresses(alone) != stored
    save(alone, WRONG)
    third = again(alone.at(4), second)
    assert (addresses(alone), problems(alone)) == (stored, noted)
    assert (third.stored, third.duplicates) == (90, 10)


def test_rows_that_a_later_mapping_passed_over_are_no_duplicates_when_they_count_again(alone: World) -> None:
    number = hear(alone, crawl(alone, HOSTS[:9]))
    save(alone, MENDED + '\n[where]\nasn = "64501"\n')
    second = again(alone, number)
    assert second.stored == 3
    save(alone, MENDED)
    assert again(alone, second.number or 0).stored == 9


def test_rows_of_others_stay_duplicates(alone: World) -> None:
    save(alone, MENDED)
    path = crawl(alone, HOSTS[:9])
    hear(alone, path)
    more = alone.folder / "crawl-2.csv"
    more.write_text(path.read_text() + path.read_text().splitlines()[1].replace("192.0.2.0", "192.0.2.77") + "\n")
    number = hear(alone, more)
    done = again(alone, number)
    assert (done.rows, done.stored, done.duplicates) == (10, 1, 9)
    assert ingest(alone.node, [more], clock=lambda: alone.now).counts.already == 1


def test_what_is_owed_and_was_not_sent_goes(alone: World) -> None:
    number = hear(alone, crawl(alone, HOSTS))
    save(alone, MENDED)
    done = again(alone, number)
    teams = {team.key: team for team in done.teams}
    assert (teams["outsider"].withdrawn, teams["outsider"].told, teams["outsider"].owed) == (134, [], 0)
    assert alone.tell() == {}
    assert "nobody@outsider.example" not in held(alone)
    with alone.node.database.reading() as session:
        assert session.scalar(select(func.count()).select_from(DeliveryItem).where(DeliveryItem.ingest == number)) == 0


def test_what_waits_for_a_look_goes_too(world: World) -> None:
    number = hear(world, crawl(world, HOSTS))
    save(world, MENDED)
    second = again(world, number).number
    assert world.tell() == {}
    save(world, MENDED.replace("open-crawl", "open-spider"))
    again(world, second or 0)
    with world.node.database.reading() as session:
        states = dict(session.execute(select(Delivery.state, func.count()).group_by(Delivery.state)).all())
    assert states == {"dropped": 3, "held": 3}


def test_what_was_heard_and_still_holds_is_not_told_again(alone: World) -> None:
    save(alone, MENDED)
    number = hear(alone, crawl(alone, HOSTS[:20]))
    assert "abuse@operator.example" in alone.tell()
    save(alone, MENDED.replace("open-crawl", 'open-crawl"\n"extra.mended" = "yes'))
    done = again(alone.at(0.5), number)
    assert (done.stored, done.vanished, done.teams) == (20, 0, [])
    assert held(alone.at(0.6)) == {}
    assert sum(row[-1] for row in problems(alone)) == 20


def test_it_is_on_record_and_done_once(world: World) -> None:
    number = hear(world, crawl(world, HOSTS[:9]))
    save(world, MENDED)
    done = again(world, number)
    stored, noted = events(world), problems(world)
    with pytest.raises(ConflictError, match=f"again as {done.number}"):
        again(world, number)
    assert (events(world), problems(world)) == (stored, noted)
    with world.node.database.reading() as session:
        entries = session.scalars(select(AuditEntry).where(AuditEntry.word == AuditAction.REPORT_REREAD)).all()
        assert [(entry.subject, entry.actor, entry.detail["ingest"]) for entry in entries] == [
            (f"ingest:{number}", "test", done.number)
        ]
        assert session.get_one(Reread, done.number).of == number
        assert session.get_one(Ingest, number).state == "withdrawn"


def test_without_the_file_and_not_kept_it_says_what_to_do(alone: World) -> None:
    path = crawl(alone, HOSTS[:9])
    number = hear(alone, path)
    save(alone, MENDED)
    apply_retention(alone.node, now=alone.at(6).now)
    assert again(alone, number, preview=True).stored == 9
    apply_retention(alone.node, now=alone.at(9).now)
    with pytest.raises(NotFoundError, match="is not kept") as wrong:
        again(alone, number)
    assert f"tocsin reports reread {number} FILE" in str(wrong.value.hint)
    other = crawl(alone, HOSTS[:8], "crawl-2.csv")
    with pytest.raises(InputError, match="SHA-256"):
        again(alone, number, file=other)
    assert {of for of, _ in events(alone)} == {number}
    packed = alone.folder / "packed.csv.gz"
    packed.write_bytes(gzip.compress((alone.folder / "crawl-1.csv").read_bytes()))
    assert again(alone, number, file=packed).stored == 9


def test_a_purged_report_is_kept_no_more(alone: World) -> None:
    number = hear(alone, crawl(alone, HOSTS[:9]))
    assert [path for path in (alone.node.home / "kept-reports").rglob("*") if path.is_file()]
    alone.tocsin.run("purge", f"event:{number}-3", "--reason", "test")
    assert not [path for path in (alone.node.home / "kept-reports").rglob("*") if path.is_file()]
    with pytest.raises(ConflictError, match="was purged"):
        again(alone, number, file=alone.folder / "crawl-1.csv")


@pytest.fixture
def beside(world: World) -> Iterator[NodeWithStores]:
    """The same node by other connections."""
    node = open_node(world.node.home)
    yield node
    node.database.close()


def all_files(world: World) -> dict[str, int]:
    """The files of the home by name and number, but for the records and locks, which any reader touches."""
    home = world.node.home
    paths = (path for path in home.rglob("*") if path.is_file() and path.suffix != ".lock" and path.name != "lock")
    return {f"{path.relative_to(home)}": path.stat().st_ino for path in paths if "records.sqlite" not in path.name}


def test_others_write_while_a_preview_runs_and_it_says_what_then_happens(
    world: World, beside: NodeWithStores, tmp_path: Path
) -> None:
    path = crawl(world, HOSTS[:90])
    number = hear(world, path)
    assert world.tell()
    save(world, MENDED)
    more = crawl(world, HOSTS[90:], "crawl-2.csv")
    pipe = tmp_path / "pipe.csv"
    os.mkfifo(pipe)
    with ThreadPoolExecutor(1) as pool:
        preview = pool.submit(again, world, number, file=pipe, preview=True)
        with pipe.open("wb") as out:  # it has begun, and waits for the report
            heard = ingest(beside, [more], clock=lambda: world.now)
            out.write(path.read_bytes())
        seen = preview.result(60)
    assert (heard.ingests, heard.failed) == ([number + 1], [])
    assert (seen.stored, seen.problems_new, seen.vanished) == (90, 90, 3)
    done = again(world, number)
    assert done.model_copy(update={"number": None}) == seen


def test_a_preview_waits_for_no_writer_and_leaves_nothing(alone: World) -> None:
    number = hear(alone, crawl(alone, HOSTS[:9]))
    save(alone, MENDED)
    before = all_files(alone)
    with commitment.alone(alone.node, waits=False):
        assert again(alone, number, preview=True).stored == 9
    assert all_files(alone) == before


@pytest.mark.parametrize("ends", ["reports", "ingest"])
def test_of_a_killed_preview_nobody_sees_anything_and_nothing_stays(alone: World, ends: str) -> None:
    number = hear(alone, crawl(alone, HOSTS[:9]))
    save(alone, MENDED)
    before = all_files(alone)
    words = ("reports", "reread", str(number))
    killed = command(alone.node.home, *words, environment={**os.environ, "TOCSIN_CUT": "ingest.read"})
    assert killed.wait() == KILLED
    left = all_files(alone).keys() - before.keys()
    assert {name.split("/")[:2] == ["compiled", "previews"] for name in left} == {True}
    if ends == "reports":
        alone.tocsin.run(*words)
    else:
        alone.tocsin.run("ingest", crawl(alone, HOSTS[:9]))
    assert all_files(alone) == before


PLACES = [
    "reread.noted", "keys.written", "ingest.set-aside", "store.part", "keys.written:2", "ingest.read", "reread.written",
    "ingest.synced", "reread.withdrawn", "ingest.preparing", "ingest.prepared", "store.committed", "store.synced",
    "reread.shown", "ingest.committing", "reread.committing", "reread.committed",
]  # fmt: skip


@pytest.fixture(scope="module")
def before(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home in which a report told an outsider of three AS; the mapping is mended, and another report came."""
    folder = tmp_path_factory.mktemp("before")
    for world in _made(folder):
        world.now = datetime.now(UTC) - timedelta(hours=2)  # commands take the clock of the machine
        hear(world, crawl(world, HOSTS[:60]))
        assert world.tell()
        hear(world, crawl(world, HOSTS[50:90], "crawl-2.csv"))
        save(world, MENDED)
    return folder


@pytest.fixture(scope="module")
def unharmed(before: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[object, ...]:
    """What a rereading that nobody kills leaves."""
    folder = tmp_path_factory.mktemp("unharmed")
    world = copy_world(before, folder)
    assert reread_by_command(world) == 0
    return left(world)


def reread_by_command(world: World, **environment: str) -> int:
    words = ("reports", "reread", "1", "--yes")
    return command(world.node.home, *words, environment={**os.environ, **environment}).wait()


def left(world: World) -> tuple[object, ...]:
    """All that a reader of this node sees: events, notes, states of reports, and what waits for a look."""
    world.now = datetime.now(UTC)
    assert world.tell() == {}
    with world.node.database.reading() as session:
        states = [tuple(row) for row in session.execute(select(Ingest.state, Ingest.stored).order_by(Ingest.number))]
        said = select(Delivery.team_id, Delivery.state, Delivery.events, Delivery.corrections)
        digests = [tuple(row) for row in session.execute(said.order_by(Delivery.team_id, Delivery.id))]
        entries = session.scalar(
            select(func.count()).select_from(AuditEntry).where(AuditEntry.word == AuditAction.REPORT_REREAD)
        )
    return addresses(world), problems(world), states, digests, entries


@pytest.mark.parametrize("place", PLACES)
def test_killed_at_any_point_it_is_undone_or_finished(
    before: Path, unharmed: tuple[object, ...], tmp_path: Path, place: str
) -> None:
    world = copy_world(before, tmp_path)
    assert reread_by_command(world, TOCSIN_CUT=place) == KILLED, f"'{place}' was never reached"
    reread_by_command(world)  # does it, or says that it is done
    assert left(world) == unharmed


def test_its_page_asks_before_it_does_it(alone: World) -> None:
    number = hear(alone, crawl(alone, HOSTS))
    alone.tell()
    save(alone, MENDED)
    application = make_application(alone.node, clock=lambda: alone.now)
    with browser_of(application, alone.node, AccountRole.ANALYST, now=alone.now) as browser:
        assert "Read again with the current mapping" in text_of(browser.get(f"/reports/{number}"))
        before = events(alone)
        page = text_of(browser.get(f"/reports/{number}/reread"))
        assert "200 events" in page
        assert "Outsider" in page
        assert events(alone) == before
        done = browser.send(f"/reports/{number}/reread")
        second = done.headers["location"]
        assert f"in place of report {number}" in text_of(browser.get(second))
        assert "Withdrawn, read again" in text_of(browser.get(f"/reports/{number}"))
        assert browser.get(f"/reports/{number}/reread").status_code == 409
    assert {f"/reports/{of}" for of, _ in events(alone)} == {second}
