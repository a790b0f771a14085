"""What the node's own records say about itself: heard, told, answered, gone, bounced; and whom it could tell."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from support.cast import Tocsin
from support.world import START, World, copy_world, link_of, make_world, send
from tocsin.delivery import Delivery, DeliveryItem, DeliveryState, ItemState
from tocsin.directory import note_answer, read_directory
from tocsin.events.models import FeedRecord, Ingest, IngestState
from tocsin.incidents import add_incident
from tocsin.node.errors import InputError, NotFoundError
from tocsin.node.paths import HomeFile
from tocsin.operations.indicator_facts import node_facts
from tocsin.pipeline.stores import NodeWithStores, open_node
from tocsin.readiness.assessment import QUERIES
from tocsin.readiness.assessment.measures import measure

HEARD = datetime(2026, 6, 1, 6, tzinfo=UTC)
LATER = HEARD + timedelta(days=30)
DELEGATED = """2|afrinic|20260101|4|19900101|20260101|+0000
afrinic|MU|asn|64500|3|20100101|allocated|a
afrinic|KE|asn|64510|1|20100101|allocated|b
"""
ROUTES = "192.0.2.0/24\t64500\n198.51.100.0/25\t64501\n"
PLACES = "192.0.2.0,192.0.2.255,MU\n198.51.100.0,198.51.100.127,MU\n"


@pytest.fixture
def node(tmp_path: Path) -> Iterator[NodeWithStores]:
    """A node with an empty directory."""
    opened = open_node(tmp_path / "home")
    yield opened
    opened.database.close()


def facts(node: NodeWithStores, query: str, *, unit: str = "", at: datetime = LATER) -> list[dict[str, str]]:
    return node_facts(node, query, unit=unit, at=at, now=max(at, LATER))


def ingest() -> Ingest:
    names = "rows stored duplicates quarantined problems_new problems_continuing routed unrouted withheld deliveries"
    counts = dict.fromkeys(names.split(), 0)
    return Ingest(
        number=1,
        feed_id=1,
        content_hash="a",
        report="r.csv",
        state=IngestState.COMMITTED.value,
        started_at=HEARD,
        day=date(2026, 6, 1),
        directory_version="",
        withheld_by_rule={},
        parts=[],
        **counts,
    )


def delivery(number: int, state: DeliveryState, hours: int | None) -> Delivery:
    return Delivery(
        id=number,
        uuid=uuid4(),
        reference=f"R-{number}",
        message_id="",
        team_id=number,
        events=1,
        state=state.value,
        created_at=HEARD,
        attempts=1,
        sent_at=None if hours is None else HEARD + timedelta(hours=hours),
        channel="mail",
        subject="",
        mails_sent=0,
        waiting=[],
        path="",
        size=0,
        counts={},
        error="",
    )


def add_deliveries(session: Session, *states: tuple[DeliveryState, int | None]) -> None:
    session.add_all(delivery(number, *state) for number, state in enumerate(states, start=1))
    session.flush()


def test_hearing_to_telling_comes_from_the_deliveries(node: NodeWithStores) -> None:
    with node.database.begin() as session:
        words = dict.fromkeys(("provider", "tlp", "pap", "terms"), "")
        feed = FeedRecord(id=1, source="s", code="c", name="n", cadence_hours=24, duplicate_days=0, **words)
        session.add_all([feed, ingest()])
        session.flush()
        sent, failed, withheld = DeliveryState.SENT, DeliveryState.FAILED, DeliveryState.WITHHELD
        add_deliveries(session, (sent, 2), (sent, 30), (failed, None), (withheld, 1))
        claimed = [(number, ItemState.CLAIMED, number) for number in range(1, 5)]
        for team, state, number in [*claimed, (5, ItemState.QUEUED, None), (6, ItemState.PREPARED, None)]:
            item = DeliveryItem(ingest=1, team_id=team, events=1, due_at=HEARD, state=state.value, delivery_id=number)
            session.add(item)
    rows = facts(node, "time_to_tell")

    hours = [None if not row["told"] else (datetime.fromisoformat(row["told"]) - HEARD) for row in rows]
    assert hours == [timedelta(hours=2), timedelta(hours=30), None, None]
    found = measure("time_to_tell", rows, HEARD + timedelta(days=3))
    assert (found.value, found.observed, found.total) == (0.25, 4, 4)
    early = facts(node, "time_to_tell", at=HEARD + timedelta(hours=3))
    assert [bool(row["told"]) for row in early] == [True, False, False, False]
    assert facts(node, "time_to_tell", at=HEARD - timedelta(hours=1)) == []


def test_a_digest_counts_as_arrived_only_when_no_failure_can_come_any_more(node: NodeWithStores) -> None:
    sent, bounced = DeliveryState.SENT, DeliveryState.BOUNCED
    with node.database.begin() as session:
        add_deliveries(session, (sent, 0), (bounced, 0), (sent, 24 * 28), (sent, 0), (DeliveryState.SHADOW, 0))
        session.execute(update(Delivery).where(Delivery.id == 4).values(channel="file"))
    rows = facts(node, "bounced")
    assert rows == [
        {"delivery": "R-1", "bounced": "no"},
        {"delivery": "R-2", "bounced": "yes"},
        {"delivery": "R-3", "bounced": ""},
    ]
    found = measure("bounced", rows, LATER)
    assert (found.value, found.observed, found.total) == (0.5, 2, 3)


def test_what_was_never_there_is_unknown_and_not_zero(node: NodeWithStores) -> None:
    with pytest.raises(InputError, match="was given no facts"):
        measure("bounced", facts(node, "bounced"), LATER)
    with pytest.raises(NotFoundError, match="No query is called 'nothing'"):
        facts(node, "nothing")
    with pytest.raises(NotFoundError, match="No delegation file"):
        facts(node, "contact_coverage_as")


def test_every_query_has_its_facts_here_with_the_columns_it_takes(world: World) -> None:
    for query in QUERIES:
        rows = node_facts(world.node, query.name, at=START + timedelta(days=40), now=START + timedelta(days=40))
        if query.name not in {"bounced", "cross_border_links", "exchanges_under_agreement"}:  # nothing left by mail
            assert {column for column, _ in query.columns} <= set(rows[0]), query.name
            assert 0 <= measure(query.name, rows, START + timedelta(days=40)).low <= 1


@pytest.fixture(scope="module")
def course(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a node that told two problems; one was answered, and both are gone in the end."""
    made = make_world(tmp_path_factory.mktemp("course"))
    (made.folder / "delegated-afrinic-extended").write_text(DELEGATED)
    made.tocsin.run("directory", "import-delegations", made.folder / "delegated-afrinic-extended")
    for name, text in (("routes.dat", ROUTES), ("places.csv", PLACES)):
        (made.folder / name).write_text(text)
        made.tocsin.run("networks", "load", made.folder / name)
    with made.open:
        made.hear("192.0.2.1", "192.0.2.2")
        link = link_of(made.tell()["abuse@operator.example"])
        send(made.at(1).client(), link, "acknowledged", "192.0.2.1")
        for day in range(2, 9):
            made.at(day).hear("192.0.2.2" if day < 4 else "198.51.100.1")
            made.tell()
        with made.node.database.begin() as session:
            add_incident(session, title="Phishing", actor="person:1", now=START)
    made.node.database.close()
    return made.folder


@pytest.fixture
def world(course: Path, tmp_path: Path) -> Iterator[World]:
    """A copy of that node."""
    made = copy_world(course, tmp_path)
    yield made
    made.node.database.close()


def test_answers_and_ends_are_those_that_this_node_saw(world: World) -> None:
    at = START + timedelta(days=40)
    told = START.isoformat()
    rows = [row for row in facts(world.node, "time_to_acknowledge", at=at) if row["told"] == told]
    assert {"told": told, "acknowledged": (START + timedelta(days=1)).isoformat()} in rows
    assert {"told": told, "acknowledged": ""} in rows

    fixes = [row for row in facts(world.node, "time_to_fix", at=at) if row["told"] == told]
    hour, last = timedelta(hours=1), START + timedelta(days=3)
    seen = {datetime.fromisoformat(row["last_seen"]) for row in fixes}
    assert seen == {START - hour, last - hour}
    for row in fixes:
        seen_at, gone = (datetime.fromisoformat(row[name]) for name in ("last_seen", "first_gone"))
        assert timedelta(0) < gone - seen_at <= timedelta(days=3)
    found = measure("time_to_fix", fixes, at)
    assert found.value == 1.0
    assert found.low < 1.0
    assert facts(world.node, "time_to_fix", at=START - hour) == []


def number_of(world: World, key: str) -> int:
    return next(team.id for team in read_directory(world.node.database).teams if team.key == key)


def contacts(world: World, query: str, at: datetime, unit: str = "") -> dict[str, str]:
    return {row["asn"]: row["contact"] for row in node_facts(world.node, query, unit=unit, at=at, now=at)}


def test_a_contact_answers_does_not_or_nobody_tried(world: World) -> None:
    """64500 has a team that answers, 64501 one that nobody tried; 64502 and 64510 have none."""
    (world.folder / "more.csv").write_text(
        "key,name,mailboxes,asns\nbusy,Busy,noc@busy.example,64500\nquiet,Quiet,noc@quiet.example,64501\n"
    )
    world.tocsin.run("directory", "import", world.folder / "more.csv")
    at = datetime.now(UTC) + timedelta(days=1)
    busy, answered = number_of(world, "busy"), at - timedelta(days=1)
    with world.node.database.begin() as session:
        told = at - timedelta(days=3)
        note_answer(session, team_id=busy, mailbox="noc@busy.example", at=answered, told_at=told)
    assert contacts(world, "contact_coverage_as", at) == {"64500": "yes", "64501": "", "64502": "no", "64510": "no"}
    assert contacts(world, "contact_coverage_as", at, "MUS") == {"64500": "yes", "64501": "", "64502": "no"}
    assert contacts(world, "contact_coverage_as", at, "ken") == {"64510": "no"}
    found = measure("contact_coverage_as", facts(world.node, "contact_coverage_as", at=at), at)
    assert (found.value, found.observed, found.total) == (1 / 3, 3, 4)

    quiet = number_of(world, "quiet")
    with world.node.database.begin() as session:  # told by mail two weeks ago, and no answer since
        one = session.scalars(select(Delivery).order_by(Delivery.id).limit(1)).one()
        one.team_id, one.channel, one.sent_at = quiet, "smtp", at - timedelta(days=15)
    assert contacts(world, "contact_coverage_as", at)["64501"] == "no"
    assert contacts(world, "contact_coverage_as", at - timedelta(days=2))["64501"] == ""


def test_users_are_those_of_the_file_else_addresses_and_it_says_so(world: World) -> None:
    at = datetime.now(UTC)
    rows = node_facts(world.node, "contact_coverage_users", at=at, now=at)
    assert {row["asn"]: row["users"] for row in rows} == {"64500": "256", "64501": "128", "64502": "0", "64510": "0"}
    assert {row["basis"] for row in rows} == {"IPv4 addresses that it announces, since users are not known here"}
    (world.node.home / HomeFile.USERS).write_text("asn,users\n64500,900\n64510,100\n")
    rows = node_facts(world.node, "contact_coverage_users", at=at, now=at)
    assert {row["asn"]: row["users"] for row in rows} == {
        "64500": "900.0",
        "64501": "0",
        "64502": "0",
        "64510": "100.0",
    }
    assert measure("contact_coverage_users", rows, at).detail["basis"] == HomeFile.USERS
    (world.node.home / HomeFile.USERS).write_text("asn,users\n64500,many\n")
    with pytest.raises(InputError, match=HomeFile.USERS):
        node_facts(world.node, "contact_coverage_users", at=at, now=at)


def test_cirts_of_the_unit_or_of_all_states(world: World) -> None:
    at = datetime.now(UTC)
    rows = node_facts(world.node, "cirt_coverage", at=at, now=at)
    assert len(rows) == 193
    assert [row for row in rows if row["registered"]] == [{"country": "MU", "registered": "yes", "responsive": ""}]
    assert len(node_facts(world.node, "cirt_coverage", unit="MUS", at=at, now=at)) == 1


def test_an_assessment_is_measured_without_files(world: World) -> None:
    tocsin = Tocsin(world.node.home, {})
    by = ("--by", "Ana")
    tocsin.run("assessment", "import-framework", "c5", *by)
    tocsin.run("assessment", "assign", "c5", "1.0", "all", "--to", "Office", *by)
    tocsin.run("assessment", "publish", "c5", "1.0", *by)
    tocsin.run("assessment", "start", "MUS", "c5", "1.0", "--as-of", "2026-11-01", "--name", "Mauritius", *by)
    for query in ("contact_coverage_as", "contact_coverage_users", "cirt_coverage", "time_to_tell", "time_to_fix"):
        found = tocsin.json("assessment", "measure", "1", query, *by)
        assert found["query"] == query
        assert found["method_version"] == "1"
        assert found["low"] <= found["high"]
    assert tocsin.json("assessment", "measure", "1", "contact_coverage_as", *by)["total"] == 3
    assert "was given no facts" in tocsin.call("assessment", "measure", "1", "bounced", *by)[2]
