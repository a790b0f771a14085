"""What a tired operator reads, and what a machine reads from the same mail."""

import itertools
import json
import random
import unicodedata
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import polars as pl
import pytest
import xarf
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from support.delivery_examples import NODE, NOW, Read, Told, events, node, owe, read_folder, team, unpacked
from tocsin.delivery import Delivery, DeliveryState, GoneProblem, Sender, deliver
from tocsin.delivery.channels.file import FileChannel
from tocsin.delivery.columns import width
from tocsin.delivery.digest_summary import topics
from tocsin.delivery.texts import texts_for
from tocsin.delivery.xarf_report import XarfSender, xarf_reports
from tocsin.directory import AttachmentFormat, Team
from tocsin.events.schema import COLUMNS, FIELDS, FieldKind
from tocsin.node.records import Database

RDP = {
    "classification.type": "vulnerable-system",
    "classification.identifier": "open-rdp",
    "rsit.type": "vulnerable-system",
    "source.asn": 64500,
    "source.port": 3389,
    "protocol.transport": "tcp",
    "severity": "medium",
    "feed.accuracy": 90.0,
}


@pytest.fixture
def engine_name() -> str:
    """How a digest looks does not depend on the database."""
    return "sqlite"


def digests(
    database: Database,
    folder: Path,
    frames: Mapping[int, pl.DataFrame],
    *teams: Team,
    sender: Sender | None = None,
    gone: Mapping[int, list[GoneProblem]] | None = None,
) -> list[Read]:
    known = {one.id: one for one in teams}
    owe(database, known, frames)
    deliver(
        database,
        teams=known,
        events_of=Told(frames),
        channel=FileChannel(folder / "mails"),
        node=sender or node(),
        now=NOW,
        gone_of=lambda _: gone or {},
    )
    return list(read_folder(folder / "mails").values())


def test_the_first_screen_answers_what_where_how_sure_since_when_by_when_and_whom_to_ask(
    database: Database, tmp_path: Path
) -> None:
    since = NOW - timedelta(days=4)
    frame = events(
        {**RDP, "source.ip": "192.0.2.7", "problem.new": True, "problem.first_seen": NOW - timedelta(hours=8)},
        {**RDP, "source.ip": "192.0.2.8", "problem.new": False, "problem.first_seen": since},
    )
    (read,) = digests(database, tmp_path, {1: frame}, team(1), gone={1: [GoneProblem("192.0.2.9", "open-rdp")]})

    assert read.subject == (
        "[TLP:AMBER] Remote control open to the Internet: 1 new, 1 going on in AS64500 (Example ISP) [TOC-2026-0000001]"
    )
    screen = "\n".join(read.body.splitlines()[:24])
    assert screen.startswith("TLP:AMBER  PAP:GREEN  TOC-2026-0000001")
    assert "1 new problem in AS64500 (Example ISP); 1 older one goes on. 1 is gone" in screen
    assert "Since:      2026-11-20 06:00, last seen 2026-11-23 22:00 UTC" in screen
    assert "Example Feeds, Sinkhole (states an accuracy of 90 %)" in screen
    assert "Please, by 2026-12-01:" in screen
    assert "csirt@csirt.example" in screen
    assert "TOC-2026-0000001.csv (events: 2)" in screen
    assert "  192.0.2.7  3389/tcp  2026-11-23 22:00  new" in read.body.splitlines()
    assert "  192.0.2.9  open-rdp" in read.body.splitlines()
    assert max(map(len, read.body.splitlines())) <= 76


def test_a_repeat_is_recognised_by_its_message_id_and_no_robot_answers_it(database: Database, tmp_path: Path) -> None:
    (read,) = digests(database, tmp_path, {1: events({"source.ip": "192.0.2.1"})}, team(1))

    with database.begin() as session:
        (row,) = session.scalars(select(Delivery)).all()
    assert read.message_id == row.message_id
    assert row.message_id.startswith("<TOC-2026-0000001.")
    assert row.message_id.endswith("@csirt.example>")
    assert read.headers["Auto-Submitted"] == "auto-generated"
    assert (row.state, row.path) == (DeliveryState.SENT, "2026-11-24/TOC-2026-0000001.eml")
    assert row.counts == {"owed": 1, "withheld": 0, "mails": 1, "events": 1, "problems": 1, "gone": 0}


def test_every_digest_parses_back_to_the_events_it_owes(database: Database, tmp_path: Path) -> None:
    forms = (AttachmentFormat.CSV, AttachmentFormat.JSONL, AttachmentFormat.XARF)
    teams = [team(number, formats=forms[:number], mailboxes=(f"noc@t{number}.example",)) for number in (1, 2, 3)]
    frames = {
        number: events(
            *(
                {
                    "source.ip": f"2001:db8::{number}:{row:x}" if row % 3 else f"192.0.2.{row}",
                    "source.port": row or None,
                    "destination.ip": "203.0.113.5",
                    "event_description.text": 'quotes " and, commas\r\nand lines; =1+1',
                    "extra": '{"banner":"é\\n\\u0001","n":1}',
                }
                for row in range(40)
            )
        )
        for number in (1, 2, 3)
    }
    reads = {read.to: read for read in digests(database, tmp_path, frames, *teams)}

    for number, frame in frames.items():
        rows = reads[f"noc@t{number}.example"].rows()
        assert len({row["event"] for row in rows}) == len(rows) == frame.height
        for row, event in zip(rows, frame.iter_rows(named=True), strict=True):
            assert row["source.port"] == str(event["source.port"] or "")
            assert row["event_description.text"] == event["event_description.text"]
            assert row["extra"] == event["extra"]
            assert row["time.source"] == "2026-11-23T22:00:00+00:00"
            assert row["problem"] == f"{event['problem']:016x}"
        assert [row["source.ip"] for row in rows] == [
            f"2001:db8::{number}:{row:x}" if row % 3 else f"192.0.2.{row}" for row in range(40)
        ]
    for number in (2, 3):
        read = reads[f"noc@t{number}.example"]
        for row, said in zip(read.rows(), read.objects(), strict=True):
            assert {name: said[name] for name in ("event", "problem", "source.ip", "destination.ip")} == {
                name: row[name] for name in ("event", "problem", "source.ip", "destination.ip")
            }
            assert said["extra.banner"] == "é\n\x01"
    reports = [
        json.loads(content) for name, content in unpacked(reads["noc@t3.example"].files).items() if "xarf" in name
    ]
    assert {report["report_id"] for report in reports} == {row["event"] for row in reads["noc@t3.example"].rows()}
    assert not [xarf.parse(report).errors for report in reports if xarf.parse(report).errors]


def test_every_kind_of_event_is_valid_x_arf_and_has_advice(database: Database, tmp_path: Path) -> None:
    sources: list[dict[str, object]] = [
        {"source.ip": "192.0.2.1", "source.port": 22, "protocol.transport": "tcp", "source.url": "http://a.example/x"},
        {"source.ip": "2001:db8::1"},
        {"source.network": "192.0.2.0/24"},
        {"source.fqdn": "a.example", "time.source": None},
        {"source.url": "http://b.example/"},
        {"source.asn": 64500},
    ]
    kinds = [*sorted({kind for topic in topics().values() for kind in topic.types}), "unheard-of"]
    frame = events(
        *(
            {**row, "classification.type": kind, "rsit.type": kind, "classification.identifier": None}
            for kind in kinds
            for row in sources
        )
    )
    (read,) = digests(database, tmp_path, {1: frame}, team(1, formats=(AttachmentFormat.XARF,)))

    reports = [json.loads(content) for content in unpacked(read.files).values()]
    named = {report["source_identifier"] for report in reports}
    assert named == {"192.0.2.1", "2001:db8::1", "192.0.2.0/24", "a.example", "b.example", "AS64500"}
    assert len(reports) == len(kinds) * len(sources)
    assert [error for report in reports for error in xarf.parse(report).errors] == []
    titles = {advice.title for advice in texts_for("en").advice.values()}
    assert sum(f"{title}: " in read.body for title in titles) >= len({t.name for t in topics().values() if t.types})


@given(
    st.lists(
        st.fixed_dictionaries(
            {
                "classification.type": st.sampled_from(
                    ["infected-system", "phishing", "scanner", "vulnerable-system", "ddos"]
                )
            },
            optional={
                "tlp": st.sampled_from([None, "", "TLP:WHITE", "AMBER+STRICT"]),
                "source.ip": st.sampled_from(["192.0.2.1", "2001:db8::1"]),
                "source.port": st.integers(0, 65535),
                "destination.ip": st.sampled_from(["192.0.2.9", "2001:db8::9"]),
                "destination.port": st.integers(0, 65535),
                "source.url": st.sampled_from(["http://a.example/", "not a url", "http://[", "x:y z"]),
                "source.fqdn": st.text(min_size=1, max_size=30),
                "source.asn": st.integers(1, 4_294_967_295),
                "protocol.transport": st.sampled_from(["tcp", "udp", "icmp", "ipv6"]),
                "malware.name": st.text(max_size=300),
                "classification.identifier": st.text(max_size=1200),
                "feed.accuracy": st.floats(-1, 200),
            },
        ),
        min_size=1,
        max_size=8,
    )
)
def test_any_event_is_valid_x_arf(rows: list[dict[str, object]]) -> None:
    told: list[dict[str, object]] = [
        {"event": str(UUID(int=number)), "time.source": "2026-11-24T06:00:00+00:00", **row}
        for number, row in enumerate(rows)
    ]

    for report in xarf_reports(told, XarfSender("CSIRT", "csirt@csirt.example")):
        assert xarf.parse(report.decode()).errors == []


def test_a_few_x_arf_reports_are_attached_one_by_one(database: Database, tmp_path: Path) -> None:
    frame = events({"source.ip": "192.0.2.1"}, {"source.ip": "192.0.2.2"})
    (read,) = digests(database, tmp_path, {1: frame}, team(1, formats=(AttachmentFormat.XARF,)))

    assert sorted(read.files) == ["TOC-2026-0000001-1.xarf.json", "TOC-2026-0000001-2.xarf.json"]


def test_large_data_is_zipped_and_larger_data_comes_in_several_mails(database: Database, tmp_path: Path) -> None:
    chance = random.Random(1)
    plain_rows = [{"source.ip": f"192.0.2.{row % 250}", "comment": "x" * 900} for row in range(100)]
    noisy = [{"source.ip": "192.0.2.1", "comment": chance.randbytes(600).hex()} for _ in range(400)]
    teams = [team(1, mailboxes=("a@isp.example",)), team(2, mailboxes=("b@isp.example",))]
    reads = digests(
        database, tmp_path, {1: events(*plain_rows), 2: events(*noisy)}, *teams, sender=node(max_bytes=50_000)
    )

    small = [read for read in reads if read.to == "a@isp.example"]
    large = [read for read in reads if read.to == "b@isp.example"]
    assert [list(read.files) for read in small] == [["TOC-2026-0000001.zip"]]
    assert len(small[0].rows()) == 100
    assert len(large) > 3
    assert len({row["event"] for read in large for row in read.rows()}) == 400
    assert sum(len(read.rows()) for read in large) == 400
    parts = sorted(large, key=lambda read: int(read.subject.partition(", part ")[2].partition(" ")[0]))
    assert f"part 1 of {len(parts)}" in parts[0].subject
    assert len({read.message_id for read in parts}) == len(parts)
    assert all(read.headers["References"] == parts[0].message_id for read in parts[1:])
    assert all("[TLP:AMBER]" in read.subject and "TLP:AMBER" in read.body for read in parts)
    assert all(sum(map(len, read.files.values())) < 50_000 for read in parts)


def test_the_whole_is_marked_as_its_strictest_part(database: Database, tmp_path: Path) -> None:
    frame = events(
        {"source.ip": "192.0.2.1", "tlp": "CLEAR", "pap": "CLEAR"},
        {"source.ip": "192.0.2.2", "tlp": "GREEN", "pap": "RED"},
    )
    (read,) = digests(database, tmp_path, {1: frame}, team(1))

    assert read.subject.startswith("[TLP:GREEN] ")
    assert read.body.startswith("TLP:GREEN  PAP:RED")
    assert "Before any step that others can notice, ask us." in read.body


def test_what_no_source_limited_is_mailed_without_a_pap(database: Database, tmp_path: Path) -> None:
    everything = (AttachmentFormat.CSV, AttachmentFormat.JSONL, AttachmentFormat.XARF)
    frame = events({"source.ip": "192.0.2.1", "pap": None})
    (read,) = digests(database, tmp_path, {1: frame}, team(1, formats=everything))

    assert read.body.startswith("TLP:AMBER  TOC-2026-0000001")
    assert (
        "pap:"
        not in " ".join([read.body, *map(str, read.headers.values()), *map(bytes.decode, read.files.values())]).lower()
    )
    assert [row["pap"] for row in read.rows()] == [""]
    (report,) = [json.loads(content) for name, content in read.files.items() if name.endswith(".xarf.json")]
    assert report["tags"] == ["tlp:amber"]


def test_a_limit_of_one_part_holds_for_the_whole(database: Database, tmp_path: Path) -> None:
    frame = events({"source.ip": "192.0.2.1", "pap": None}, {"source.ip": "192.0.2.2", "pap": "GREEN"})
    (read,) = digests(database, tmp_path, {1: frame}, team(1))

    assert read.body.startswith("TLP:AMBER  PAP:GREEN")


def test_the_gate_is_asked_again_when_a_digest_is_written(database: Database, tmp_path: Path) -> None:
    frame = events(
        {"source.ip": "192.0.2.1"},
        {"source.ip": "192.0.2.2", "tlp": "RED"},
        {"source.ip": "192.0.2.3", "tlp": "AMBER+STRICT"},
        {"source.ip": "192.0.2.4", "tlp": None},
        {"source.ip": "192.0.2.5", "tlp": "EX:CHR"},
        {
            "source.ip": "192.0.2.6",
            "source.account": "customer-17",
            "destination.ip": "203.0.113.1",
            "destination.account": "victim@elsewhere.example",
            "destination.local_ip": "10.1.1.1",
        },
    )
    (read,) = digests(database, tmp_path, {1: frame}, team(1))

    assert [row["source.ip"] for row in read.rows()] == ["192.0.2.1", "192.0.2.6"]
    assert [row["source.account"] for row in read.rows()] == ["", "customer-17"]
    whole = read.body + "".join(content.decode() for content in read.files.values())
    for secret in ("192.0.2.2", "192.0.2.3", "192.0.2.4", "192.0.2.5", "victim@elsewhere.example", "10.1.1.1"):
        assert secret not in whole
    with database.begin() as session:
        (row,) = session.scalars(select(Delivery)).all()
    assert (row.counts["withheld"], row.counts["events"]) == (4, 2)


def test_a_digest_of_which_nothing_may_go_is_kept_with_the_rule(database: Database, tmp_path: Path) -> None:
    reads = digests(database, tmp_path, {1: events({"source.ip": "192.0.2.1"})}, team(1, ceiling="GREEN"))

    with database.begin() as session:
        (row,) = session.scalars(select(Delivery)).all()
    assert reads == []
    assert row.state == DeliveryState.WITHHELD
    assert "[recipient-ceiling]" in row.error


def test_events_that_are_no_longer_stored_are_said_to_be_missing(database: Database, tmp_path: Path) -> None:
    frame, known = events({"source.ip": "192.0.2.1"}, {"source.ip": "192.0.2.2"}), {1: team(1), 2: team(2)}
    owe(database, known, {1: frame, 2: frame})
    told = Told({1: frame.head(1)})
    deliver(database, teams=known, events_of=told, channel=FileChannel(tmp_path / "m"), node=node(), now=NOW)

    with database.begin() as session:
        rows = session.scalars(select(Delivery).order_by(Delivery.team_id)).all()
    assert [row.state for row in rows] == [DeliveryState.SENT, DeliveryState.FAILED]
    assert rows[0].error == "1 of 2 events are no longer in the event table."
    assert "[no-events]" in rows[1].error


def test_own_teams_get_what_stays_in_the_organisation(database: Database, tmp_path: Path) -> None:
    frame = events({"source.ip": "192.0.2.1", "tlp": "AMBER+STRICT"})
    ours = team(1, key="us", ceiling="AMBER+STRICT")
    (read,) = digests(database, tmp_path, {1: frame}, ours, sender=node(own={"us"}))

    assert read.subject.startswith("[TLP:AMBER+STRICT] ")


TEXT_FIELDS = [
    field.name for field in FIELDS if field.kind in {FieldKind.TEXT, FieldKind.LOWER, FieldKind.URL, FieldKind.DOMAIN}
]


NUMBERS = itertools.count(1)
HIDDEN = {"Cc", "Cf", "Co", "Cs"}


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.fixed_dictionaries({}, optional={name: st.text(max_size=40) for name in TEXT_FIELDS}), max_size=4))
def test_no_value_of_a_feed_breaks_out_of_its_place(
    database: Database, tmp_path: Path, rows: list[dict[str, str]]
) -> None:
    number = next(NUMBERS)
    given_rows = [{**row, "source.ip": "192.0.2.1", "tlp": "AMBER", "pap": "GREEN"} for row in rows]
    frame = events({"source.ip": "192.0.2.1"}, *given_rows, ingest=number)
    evil = team(1, name="Evil\r\nBcc: x@example.net\u202e")
    read = digests(database, tmp_path / str(number), {1: frame}, evil)[-1]

    assert "Bcc" not in read.headers
    lines = read.body.replace("\r\n", "\n").split("\n")
    assert max(map(width, lines)) <= 76
    assert not [sign for line in lines for sign in line if unicodedata.category(sign) in HIDDEN]
    back = read.rows()
    assert len(back) == frame.height
    for row, event in zip(back, frame.iter_rows(named=True), strict=True):
        for name in TEXT_FIELDS:
            if name in row:
                assert row[name] == (event[name] or "")


LABELS = st.sampled_from(["CLEAR", "GREEN", "AMBER", "AMBER+STRICT", "RED", "TLP:WHITE", "EX:CHR", "", None])


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(LABELS, min_size=1, max_size=6), st.sampled_from(["CLEAR", "GREEN", "AMBER", "AMBER+STRICT"]))
def test_no_digest_carries_what_is_above_its_audience(
    database: Database, tmp_path: Path, labels: list[str | None], ceiling: str
) -> None:
    number = next(NUMBERS)
    frame = events(*({"source.ip": f"192.0.2.{row}", "tlp": label} for row, label in enumerate(labels)), ingest=number)
    reads = digests(database, tmp_path / str(number), {1: frame}, team(1, ceiling=ceiling))

    # For a client, written down again and not taken from the gate's table.
    allowed = {"CLEAR": 0, "TLP:WHITE": 0, "GREEN": 1, "AMBER": 2}
    limit = allowed.get(ceiling, 2)
    owed = [f"192.0.2.{row}" for row, label in enumerate(labels) if label in allowed and allowed[label] <= limit]
    assert [row["source.ip"] for read in reads for row in read.rows()] == owed
    whole = "".join(read.body + "".join(content.decode() for content in read.files.values()) for read in reads)
    assert not [row for row in range(len(labels)) if f"192.0.2.{row}" not in owed and f"192.0.2.{row}" in whole]


def test_columns_of_the_data_are_fields_of_the_schema(database: Database, tmp_path: Path) -> None:
    (read,) = digests(database, tmp_path, {1: events({"source.ip": "192.0.2.1"})}, team(1))

    known = {field.name for field in FIELDS} | {"event", "problem"}
    assert set(read.rows()[0]) <= known
    assert NODE.version == 4
    assert "told" in COLUMNS
    assert not {"told", "routed", "ingest", "row"} & set(read.rows()[0])


def test_the_first_screen_says_where_it_is_answered_only_where_pages_are_served(
    database: Database, tmp_path: Path
) -> None:
    link = "https://csirt.example/a/TOC-2026-0000001.0123456789abcdefghijklmnopqrstuvwxyz_-01234"
    sender = replace(node(), link=lambda reference: link if reference == "TOC-2026-0000001" else "")
    frames = {number: events({**RDP, "source.ip": f"192.0.2.{number}"}) for number in (1, 2)}

    first, second = digests(
        database,
        tmp_path,
        frames,
        *(team(number, mailboxes=(f"noc@t{number}.example",)) for number in (1, 2)),
        sender=sender,
    )

    screen = first.body.splitlines()[:24]
    assert link in screen  # alone on its line: no mail reader takes a bracket or a full stop for a part of it
    assert "Answer:     say what you did, no account needed:" in screen
    assert max(len(line) for line in first.body.splitlines() if line != link) <= 76
    assert "Answer:" not in second.body


def test_a_team_that_only_wants_to_know_is_asked_for_nothing(database: Database, tmp_path: Path) -> None:
    others = "Example Operator\nA Bank of a Long Name, Department for Information Security"
    frame = events(
        {**RDP, "source.ip": "192.0.2.1", "problem.others": None, "problem.new": True},
        {**RDP, "source.ip": "192.0.2.2", "problem.others": others, "problem.new": True},
        {**RDP, "source.ip": "192.0.2.3", "problem.others": "Example Operator", "problem.new": True},
    )
    mixed, informed = digests(
        database, tmp_path, {1: frame, 2: frame[1:]}, team(1), team(2, mailboxes=("soc@t2.example",))
    )

    told, aside = mixed.body.split("Remote control open to the Internet: 2 new")
    assert "Please, by 2026-12-01:" in told
    assert "192.0.2.1" in told
    assert "Please, by" not in aside
    assert "192.0.2.1 " not in aside
    assert "For your information. Who answers for these: Example Operator, A Bank of" in " ".join(aside.split())
    assert "We ask nothing of you." in aside
    assert "For your information only." not in mixed.body
    assert "For your information only." in informed.body
    assert "Please, by" not in informed.body
    for read in (mixed, informed):
        assert max(map(len, read.body.splitlines())) <= 76


def test_what_a_team_had_said_stands_under_what_was_seen_again_first_of_its_list(
    database: Database, tmp_path: Path
) -> None:
    said = NOW - timedelta(days=2)
    rows = [
        {**RDP, "source.ip": f"192.0.2.{host}", "problem.new": host > 11, "problem.said": None, "problem.said_at": None}
        for host in range(1, 13)
    ]
    rows[10] |= {"problem.said": "fixed", "problem.said_at": said}
    rows[4] |= {"problem.said": "false", "problem.said_at": NOW}  # this sighting is older than the answer
    (read,) = digests(database, tmp_path, {1: events(*rows)}, team(1))

    lines = read.body.splitlines()
    at = lines.index("    You said fixed on 2026-11-22; seen again on 2026-11-23.")
    assert lines[at - 1].startswith("  192.0.2.11 ")
    assert lines[at - 2].startswith("  Where")
    assert read.body.count("You said") == 1
    assert "1 was seen again after your answer." in " ".join(read.body.split())
