"""Killed at any point, the next start finishes the work: nothing lost, nothing stored or told twice."""

import csv
import email
import email.policy
import io
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

import tocsin as package
from support.bucket_server import BucketServer, section
from support.cast import HEADER, Tocsin
from support.processes import KILLED, command, start
from tocsin.operations.retention import apply_retention
from tocsin.pipeline.stores import open_node

NAMES = sorted(
    {
        name
        for path in Path(package.__file__).parent.rglob("*.py")
        for name in re.findall(r'\bcut\("([\w.-]+)"\)', path.read_text())
    }
)
# Points that only a later visit, or another command, reaches.
LATER = [
    "ingest.batch:3", "keys.notes:4", "keys.written:5", "keys.removing:3", "store.part:3", "deliver.file.named:2",
    "ingest.preparing:2", "ingest.committing:2",  # of a group
]  # fmt: skip
SMTP_ONLY = {"deliver.smtp.accepted"}
COMPACTION = {"store.run", "store.ordered", "store.compacting", "store.cleaning"}
LARGE_ONLY = {"keys.filter"}  # tests/node/records/test_key_files.py
ELSEWHERE_ONLY = {"keys.given"}  # with storage elsewhere
ELSEWHERE = (
    "migrate.",
    "accounts.",
    "restore.",
    "letters.",
    "replies.",
    "collect.",
    "answers.",
    "seals.",
    "inbox.",
    "upload.",
    "chores.",
    "neverheld.",
    "purge.",
    "move.",
    "run.",
    "reread.",
    "takeback.",
    "undo.",
    "threads.",
    "import.",
    "duty.",
    "evidence.",
    "exchange.",
    "standby.",
    "takeover.",
    "work.",
)
PLACES = [
    name
    for name in NAMES
    if name not in SMTP_ONLY | COMPACTION | LARGE_ONLY | ELSEWHERE_ONLY and not name.startswith(ELSEWHERE)
] + LATER
SETTINGS = "[ingest]\nbatch_bytes = 10000\n"
ADDRESSES = [f"192.0.2.{number % 250}" for number in range(900)]


@pytest.fixture
def node(tocsin: Tocsin) -> Tocsin:
    """A node that works in small batches, so that a small report has many."""
    (tocsin.home / "tocsin.toml").write_text(SETTINGS)
    return tocsin


@pytest.fixture
def in_bucket(node: Tocsin, bucket_server: BucketServer) -> Tocsin:
    """The same with its storage in a bucket."""
    (node.home / "tocsin.toml").write_text(SETTINGS + section(bucket_server.settings()))
    return node


@pytest.fixture
def inbox(tmp_path: Path) -> Path:
    """Three reports with repeated and broken rows, of two days."""
    folder = tmp_path / "inbox"
    folder.mkdir()
    for number, day in enumerate(["2026-11-21", "2026-11-22", "2026-11-22"]):
        rows = [
            f'"{day} 00:00:{second % 60:02d}","medium","{address}","tcp",{3389 + number},,"rdp",64500,"MU",,'
            for second, address in enumerate(ADDRESSES)
        ]
        rows[50:50] = [rows[3], '"broken","","no address"', rows[4]]
        path = folder / f"{day}-scan_rdp-test{number}-geo.csv"
        path.write_text("\n".join([HEADER, *rows, ""]))
    return folder


def work(node: Tocsin, inbox: Path, **environment: str) -> Iterator[int]:
    """The exit codes of taking in and delivering."""
    for words in (["ingest", inbox], ["deliver"]):
        yield command(node.home, *words, environment={**node.environment, **environment}).wait()


def truth(node: Tocsin) -> tuple[Counter[tuple[str, int, str]], Counter[tuple[str, str, str]], dict[str, int]]:
    """The events, what each mailbox was told, and the sums."""
    events = Counter(
        (event["source.ip"], event["source.port"], event["time.source"])
        for event in node.lines("events", "--limit", "0", "--format", "json")
    )
    told: Counter[tuple[str, str, str]] = Counter()
    for path in (node.home / "mails").rglob("*.eml"):
        message = email.message_from_bytes(path.read_bytes(), policy=email.policy.default)
        mailbox = str(message["To"])  # parsed anew each time that it is asked for
        for part in message.iter_attachments():
            rows = csv.DictReader(io.StringIO(part.get_content())) if part.get_content_type() == "text/csv" else []
            told.update((mailbox, row["source.ip"], row["time.source"]) for row in rows)
    sums = {"quarantined": sum(entry["rows"] for entry in node.json("quarantine", "list"))}
    return events, told, sums


@pytest.fixture(scope="module")
def expected() -> dict[str, object]:
    """Filled by the first test: what a run without a kill gives."""
    return {}


def check(node: Tocsin, inbox: Path, expected: dict[str, object], twin: Path) -> None:
    """The node holds what one that was never killed holds, whose folders are in its home."""
    if not expected:
        other = Tocsin(twin, node.environment)
        for name in ("cast.toml", "rules.csv"):
            other.run("directory", "import", node.home.parent / name)
        (twin / "tocsin.toml").write_text(SETTINGS)
        assert list(work(other, inbox)) == [0, 0]
        expected["truth"] = truth(other)
    assert truth(node) == expected["truth"]


@pytest.mark.parametrize("place", PLACES)
def test_a_kill_at_a_named_point_loses_and_doubles_nothing(
    node: Tocsin, inbox: Path, tmp_path: Path, expected: dict[str, object], place: str
) -> None:
    if place.startswith("clean."):
        # cleaning is what the start after a kill does
        assert KILLED in work(node, inbox, TOCSIN_CUT="ingest.read")
    killed = list(work(node, inbox, TOCSIN_CUT=place))
    assert KILLED in killed, f"'{place}' was never reached"

    assert list(work(node, inbox)) == [0, 0]

    check(node, inbox, expected, tmp_path / "twin")


@pytest.mark.parametrize(
    "place",
    [
        "store.part",
        "keys.given:5",
        "keys.merged",
        "ingest.prepared",
        "store.committed",
        "ingest.shown",
        "keys.removing",
    ],
)
def test_a_kill_with_the_storage_in_a_bucket_loses_and_doubles_nothing(
    in_bucket: Tocsin, inbox: Path, tmp_path: Path, expected: dict[str, object], place: str
) -> None:
    node = in_bucket
    killed = list(work(node, inbox, TOCSIN_CUT=place))
    assert KILLED in killed, f"'{place}' was never reached"
    # what was copied here is lost with the machine, but for what waits to be finished: the next one has it from there
    shutil.rmtree(node.home / "compiled" / "keys", ignore_errors=True)

    assert list(work(node, inbox)) == [0, 0]

    check(node, inbox, expected, tmp_path / "twin")


def tidy(home: Path) -> None:
    """What retention does on the next day."""
    apply_retention(open_node(home), now=datetime.now(UTC) + timedelta(days=1))


@pytest.mark.parametrize("place", sorted(COMPACTION))
def test_a_kill_while_tidying_up_changes_no_answer(node: Tocsin, inbox: Path, place: str) -> None:
    for report in sorted(inbox.iterdir()):  # each its own commit, so that the day has several files
        assert list(work(node, report)) == [0, 0]
    before = truth(node)

    if place == "store.cleaning":  # what the run of yesterday took out, which by a clock ahead is gone at once
        events = node.home / "events"
        old = {path: path.read_bytes() for path in events.glob("day=*/*.parquet")}
        tidy(node.home)
        for path, content in old.items():
            path.write_bytes(content)
        for path in (events / "_delta_log").glob("*.json"):
            os.utime(path, (time.time() - 86_000,) * 2)
    killed = start(tidy, node.home, environment={**node.environment, "TOCSIN_CUT": place})
    assert killed.wait() == KILLED
    assert truth(node) == before

    tidy(node.home)
    assert truth(node) == before


@pytest.mark.parametrize("seed", range(4))
def test_kills_at_random_moments_lose_and_double_nothing(
    node: Tocsin, inbox: Path, tmp_path: Path, expected: dict[str, object], seed: int
) -> None:
    """Real processes, so that they are killed while they start, too."""
    chance = random.Random(seed)
    for words in (["ingest", inbox], ["ingest", inbox], ["deliver"], ["deliver"]):
        process = subprocess.Popen(
            [Path(sys.executable).parent / "tocsin", "--home", node.home, *words],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=node.environment,
        )
        time.sleep(chance.uniform(0.3, 1.5))
        os.kill(process.pid, signal.SIGKILL)
        process.wait()

    assert list(work(node, inbox)) == [0, 0]

    check(node, inbox, expected, tmp_path / "twin")
