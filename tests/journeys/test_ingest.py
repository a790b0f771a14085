"""From a report to what each team is told, through the command line."""

import csv
import email
import email.policy
import gzip
import io
import time
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import pytest

from support.cast import HEADER, Tocsin
from support.processes import command
from tocsin.pipeline.ingest import ingest
from tocsin.pipeline.stores import open_node

KEYS = [
    "reports",
    "already",
    "rows",
    "stored",
    "duplicates",
    "quarantined",
    "problems_new",
    "problems_continuing",
    "routed",
    "unrouted",
    "withheld",
    "deliveries",
    "seconds",
]
Report = Callable[..., Path]


@pytest.fixture(params=["sqlite", "postgresql"])
def engine_name(request: pytest.FixtureRequest) -> str:
    """The whole journey, on both databases."""
    return str(request.param)


def mails(tocsin: Tocsin) -> dict[str, list[str]]:
    """The addresses in the CSV data of each mailbox's mails."""
    told: dict[str, list[str]] = {}
    for path in sorted((tocsin.home / "mails").rglob("*.eml")):
        message = email.message_from_bytes(path.read_bytes(), policy=email.policy.default)
        for part in message.iter_attachments():
            if part.get_content_type() == "text/csv":
                rows = csv.DictReader(io.StringIO(part.get_content()))
                told.setdefault(str(message["To"]), []).extend(row["source.ip"] for row in rows)
    return told


def test_sums_balance_and_keys_are_the_contract(tocsin: Tocsin, report: Report) -> None:
    path = report("192.0.2.1", "192.0.2.1", "192.0.2.200", "198.51.100.7")
    row = '"2026-11-23 01:02:03","medium","no address","tcp",1,,,,,,'
    path.write_text(path.read_text().replace("01:02:01", "01:02:00") + row + "\n")

    taken = tocsin.json("ingest", path)

    assert list(taken) == KEYS
    assert taken["rows"] == taken["stored"] + taken["duplicates"] + taken["quarantined"] == 5
    assert taken["stored"] == taken["routed"] + taken["unrouted"]
    assert (taken["unrouted"], taken["quarantined"]) == (1, 1)


def test_the_right_teams_are_told_and_the_outsider_never(tocsin: Tocsin, report: Report) -> None:
    tocsin.run("ingest", report("192.0.2.1", "192.0.2.200", "2001:db8::5", "203.0.113.9", "198.51.100.7"))
    tocsin.run("deliver")

    assert mails(tocsin) == {
        "abuse@operator.example": ["192.0.2.1"],
        "cert@banks.example": ["192.0.2.200"],
        "csirt@nat-a.example": ["192.0.2.1", "192.0.2.200"],
        "csirt@nat-b.example": ["2001:db8::5"],
    }


def test_what_the_gate_stops_is_counted_and_names_its_rule(tocsin: Tocsin, report: Report) -> None:
    taken = tocsin.json("ingest", report("203.0.113.9", "203.0.113.10"))

    assert (taken["routed"], taken["withheld"], taken["deliveries"]) == (2, 2, 0)
    explained = tocsin.json("explain", "203.0.113.9")
    assert [team["gate"]["allowed"] for team in explained["teams"]] == [False]


def test_the_same_content_again_adds_nothing_even_packed(tocsin: Tocsin, report: Report, tmp_path: Path) -> None:
    path = report("192.0.2.1")
    tocsin.run("ingest", path)
    packed = tmp_path / f"{path.name}.gz"
    packed.write_bytes(gzip.compress(path.read_bytes()))

    for again in (path, packed):
        taken = tocsin.json("ingest", again)
        assert (taken["already"], taken["rows"], taken["deliveries"]) == (1, 0, 0)


def test_a_repeated_row_is_a_duplicate_and_a_later_day_is_the_same_problem(tocsin: Tocsin, report: Report) -> None:
    first = tocsin.json("ingest", report("192.0.2.1", "192.0.2.2"))
    path = report("192.0.2.1", "192.0.2.2", "192.0.2.3")
    second = tocsin.json("ingest", path)
    later = tocsin.json("ingest", report("192.0.2.1", day="2026-11-24"))
    tocsin.run("deliver")

    assert (first["problems_new"], first["stored"]) == (2, 2)
    assert (second["duplicates"], second["stored"], second["problems_new"]) == (2, 1, 1)
    assert (later["stored"], later["problems_new"], later["problems_continuing"]) == (1, 0, 1)
    assert Counter(mails(tocsin)["abuse@operator.example"]) == Counter(["192.0.2.1", "192.0.2.2", "192.0.2.3"])


def test_a_team_that_joins_later_is_told_of_what_goes_on(tocsin: Tocsin, report: Report, tmp_path: Path) -> None:
    tocsin.run("ingest", report("198.51.100.7"))
    (tmp_path / "late.csv").write_text("team,kind,value\noutsider,prefix,198.51.100.0/24\n")
    tocsin.run("directory", "import", tmp_path / "late.csv")
    tocsin.run("ingest", report("198.51.100.7", day="2026-11-24"))
    tocsin.run("deliver")

    assert mails(tocsin) == {"nobody@outsider.example": ["198.51.100.7"]}


def test_delivering_twice_tells_once(tocsin: Tocsin, report: Report) -> None:
    tocsin.run("ingest", report("192.0.2.1"))
    tocsin.run("deliver")
    before = mails(tocsin)
    tocsin.run("deliver")

    assert mails(tocsin) == before


def test_events_come_out_under_their_idf_names(tocsin: Tocsin, report: Report) -> None:
    tocsin.run("ingest", report("192.0.2.1", "192.0.2.200", "2001:db8::5"))

    found = tocsin.lines("events", "--cidr", "192.0.2.0/25", "--format", "json")

    assert [(event["source.ip"], event["source.port"], event["source.asn"]) for event in found] == [
        ("192.0.2.1", 3389, 64500)
    ]
    assert found[0]["time.source"].startswith("2026-11-23T01:02:00")
    assert {event["source.ip"] for event in tocsin.lines("events", "--asn", "64500", "--format", "json")} == {
        "192.0.2.1",
        "192.0.2.200",
        "2001:db8::5",
    }
    rows = list(csv.DictReader(io.StringIO(tocsin.run("events", "--format", "csv"))))
    assert {row["source.ip"] for row in rows} == {"192.0.2.1", "192.0.2.200", "2001:db8::5"}


def test_set_aside_rows_are_shown_and_read_again_after_a_fix(tocsin: Tocsin, tmp_path: Path) -> None:
    feeds = tocsin.home / "feeds"
    feeds.mkdir()
    mapping = feeds / "blocklist.toml"
    wrong = 'name = "Block list"\n[constants]\n"classification.type" = "blacklist"\n'
    mapping.write_text(wrong + '[columns]\naddr = "comment"\n')
    report = tmp_path / "list.csv"
    report.write_text("addr\n192.0.2.1\n192.0.2.2\n")
    taken = tocsin.json("ingest", report, "--source", "mapped", "--feed", "blocklist")
    assert taken["quarantined"] == 2
    [entry] = tocsin.json("quarantine", "list")
    shown = tocsin.json("quarantine", "show", str(entry["ingest"]))
    assert [row["raw"] for row in shown] == ["192.0.2.1", "192.0.2.2"]
    assert all(row["reason"] for row in shown)

    mapping.write_text(wrong + '[columns]\naddr = "source.ip"\n')
    again = tocsin.json("quarantine", "replay", str(entry["ingest"]))

    assert (again["stored"], again["quarantined"]) == (2, 0)
    code, _, words = tocsin.call("quarantine", "replay", str(entry["ingest"]))
    assert code == 1
    assert "again by ingest" in words


def test_one_bad_file_does_not_stop_the_others(tocsin: Tocsin, report: Report, tmp_path: Path) -> None:
    junk = tmp_path / "junk.bin"
    junk.write_bytes(bytes(range(256)) * 20)

    taken = tocsin.json("ingest", tmp_path / "missing.csv", junk, report("192.0.2.1"), code=1)

    assert taken["stored"] == 1
    assert [Path(entry["path"]).name for entry in taken["failed"]] == ["missing.csv", "junk.bin"]
    assert all(entry["reason"] for entry in taken["failed"])


def test_two_ingests_at_once_take_turns(tocsin: Tocsin, report: Report) -> None:
    paths = [report(f"192.0.2.{n}", day=f"2026-11-{n:02d}") for n in range(1, 5)]
    running = [command(tocsin.home, "ingest", path, environment=tocsin.environment) for path in paths]

    assert [process.wait() for process in running] == [0] * 4
    assert len(tocsin.lines("events", "--format", "json")) == 4


def test_standard_input_and_a_watched_folder(tocsin: Tocsin, report: Report, tmp_path: Path) -> None:
    path = report("192.0.2.1")
    taken = tocsin.run(
        "--json", "ingest", "-", "--source", "shadowserver", "--feed", "scan_rdp", stdin=path.read_bytes()
    )
    assert '"stored": 1' in taken
    inbox = tmp_path / "inbox"
    inbox.mkdir()
    report("192.0.2.9", day="2026-11-22").rename(inbox / "2026-11-22-scan_rdp-x.csv")
    (inbox / "odd.bin").write_bytes(b"\0\1\2")
    (inbox / ".half").write_text(HEADER)

    time.sleep(0.6)  # a file counts as complete when it has not changed for half a second

    tocsin.run("watch", inbox, "--once")

    assert [path.name for path in (inbox / "done").iterdir()] == ["2026-11-22-scan_rdp-x.csv"]
    assert sorted(path.name for path in (inbox / "failed").iterdir()) == ["odd.bin", "odd.bin.reason.txt"]
    assert (inbox / ".half").exists()


@pytest.mark.parametrize("command", [["ingest"], ["events", "--since", "yesterday"], ["quarantine", "show", "x"]])
def test_wrong_usage_ends_with_2(tocsin: Tocsin, command: list[str]) -> None:
    tocsin.run(*command, code=2)


@pytest.mark.parametrize(("setting", "of_feed", "duplicates"), [(1, 0, 0), (5, 0, 1), (1, 5, 1)])
def test_the_window_of_duplicates_is_the_feeds_own_or_the_setting(
    tocsin: Tocsin, tmp_path: Path, setting: int, of_feed: int, duplicates: int
) -> None:
    (tocsin.home / "tocsin.toml").write_text(f"[ingest]\nduplicate_days = {setting}\n")
    (tocsin.home / "feeds").mkdir()
    own = f"duplicate_days = {of_feed}\n" if of_feed else ""
    (tocsin.home / "feeds" / "list.toml").write_text(own + '[columns]\naddr = "source.ip"\nn = "extra.n"\n')
    counted = []
    for number, day in enumerate([10, 12]):
        path = tmp_path / f"{number}.csv"
        path.write_text("addr,n\n192.0.2.1,same\n" + f"192.0.2.2,{number}\n")
        heard = partial(datetime, 2026, 11, day, tzinfo=UTC)
        counted.append(ingest(open_node(tocsin.home), [path], source="mapped", feed="list", clock=heard))

    assert [outcome.counts.duplicates for outcome in counted] == [0, duplicates]
