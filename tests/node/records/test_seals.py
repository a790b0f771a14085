"""Whatever is done to the audit log behind its back is found, and named exactly; what Tocsin does itself is fine."""

import json
import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, insert, select, text, update
from sqlalchemy.orm import Session

from tocsin.node.errors import StorageError
from tocsin.node.records import AuditAction, AuditEntry, AuditSeal, Database, audit, open_database, sqlite_url
from tocsin.node.records.seal_check import SealCheckResult, SealFinding, check_seals
from tocsin.node.records.seal_keys import open_seal_key, public_pem, read_public_keys
from tocsin.node.records.seals import LATE, Head, leaf, numbers_of, read_head, runs_of, seal
from tocsin.operations.backup import copy_records

KEY = Ed25519PrivateKey.generate()
NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def _note(database: Database, count: int, at: datetime = NOW, detail: dict[str, object] | None = None) -> None:
    with database.begin() as session:
        for number in range(count):
            said = detail or {"rows": number, "share": number / 7, "name": "Zürich"}
            audit(session, AuditAction.REPORT_INGESTED, at=at, actor="ingest", subject=f"ingest:{number}", detail=said)
            session.flush()


def _check(database: Database, *, now: datetime = NOW, heads: tuple[Head, ...] = ()) -> SealCheckResult:
    return check_seals(database, [KEY.public_key()], now=now, heads=heads)


def _sealed(database: Database) -> None:
    """Three seals over 5, 1 and 7 entries."""
    for step, count in enumerate((5, 1, 7)):
        _note(database, count, NOW + step * MINUTE)
        assert seal(database, KEY, now=NOW + step * MINUTE) == count


def test_what_was_sealed_is_found_whole(database: Database) -> None:
    _sealed(database)
    _note(database, 2)
    verdict = _check(database)
    assert verdict.good
    assert (verdict.entries, verdict.seals, verdict.waiting) == (15, 3, 2)
    assert seal(database, KEY, now=NOW) == 2
    assert seal(database, KEY, now=NOW) == 0
    assert _check(database).waiting == 0


def test_an_empty_log_is_fine(database: Database) -> None:
    assert seal(database, KEY, now=NOW) == 0
    assert _check(database) == SealCheckResult()


CHANGES: list[tuple[str, Any]] = [
    ("actor", "somebody"), ("word", "feed.changed"), ("subject", "ingest:99"), ("detail", {"rows": 1}),
    ("at", NOW - MINUTE),
]  # fmt: skip


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change[0])
def test_a_changed_entry_is_named(database: Database, change: tuple[str, Any]) -> None:
    _sealed(database)
    with database.begin() as session:
        session.execute(update(AuditEntry).where(AuditEntry.id == 6).values({change[0]: change[1]}))
    assert _check(database, now=NOW).findings == [SealFinding("changed", 6, 2)]


def test_a_removed_entry_is_named(database: Database) -> None:
    _sealed(database)
    with database.begin() as session:
        session.execute(delete(AuditEntry).where(AuditEntry.id.in_([1, 13])))
    assert _check(database).findings == [SealFinding("missing", 1, 1), SealFinding("missing", 13, 3)]


def test_two_entries_that_changed_places_are_named(database: Database) -> None:
    _sealed(database)
    with database.begin() as session:
        for old, new in ((2, 999), (3, 2), (999, 3)):
            session.execute(update(AuditEntry).where(AuditEntry.id == old).values(id=new))
    assert _check(database).findings == [SealFinding("changed", 2, 1), SealFinding("changed", 3, 1)]


@pytest.mark.parametrize("number", [0, -7])
def test_an_entry_before_all_others_is_named(database: Database, number: int) -> None:
    _sealed(database)
    _insert(database, number)
    assert _check(database).findings == [SealFinding("inserted", number)]
    seal(database, KEY, now=NOW)
    assert _check(database).findings == [SealFinding("inserted", number)]


def test_an_entry_that_comes_among_sealed_ones_after_a_day_is_named_and_never_sealed(database: Database) -> None:
    _sealed(database)
    with database.begin() as session:
        session.execute(delete(AuditEntry).where(AuditEntry.id == 4))
    later = NOW + LATE + timedelta(hours=1)
    _note(database, 1, later)
    seal(database, KEY, now=later)
    _insert(database, 4)
    assert _check(database, now=later).findings == [SealFinding("changed", 4, 1)]


@pytest.mark.parametrize("number", [1, 2])
def test_a_removed_seal_is_named(database: Database, number: int) -> None:
    _sealed(database)
    with database.begin() as session:
        session.execute(delete(AuditSeal).where(AuditSeal.number == number))
    assert SealFinding("seal missing", seal=number) in _check(database).findings


def test_the_newest_seal_is_missed_by_whoever_noted_it(database: Database, tmp_path: Path) -> None:
    _note(database, 3)
    seal(database, KEY, now=NOW, home=tmp_path)
    noted = read_head(tmp_path)
    assert noted == _check(database).head
    assert noted is not None
    with database.begin() as session:
        session.execute(delete(AuditSeal))
    assert _check(database).good
    assert _check(database, heads=(noted,)).findings == [SealFinding("seal missing", seal=1)]
    seal(database, KEY, now=NOW + MINUTE)
    assert _check(database, heads=(noted,)).findings == [SealFinding("seal changed", seal=1)]


def test_a_seal_of_another_key_is_named(database: Database) -> None:
    _sealed(database)
    _note(database, 1)
    seal(database, Ed25519PrivateKey.generate(), now=NOW)
    assert _check(database).findings == [SealFinding("seal key", seal=4)]


def test_a_log_that_was_made_anew_with_the_right_key_does_not_hide_the_first(database: Database) -> None:
    _sealed(database)
    head = _check(database).head
    assert head is not None
    with database.begin() as session:
        session.execute(delete(AuditSeal))
        session.execute(delete(AuditEntry).where(AuditEntry.id == 3))
    seal(database, KEY, now=NOW)
    assert _check(database).good
    assert not _check(database, heads=(head,)).good


SEAL_COLUMNS = ["number", "at", "count", "ids", "top", "leaves", "previous", "digest", "key", "signature"]


@pytest.mark.parametrize("column", SEAL_COLUMNS)
def test_a_seal_with_one_thing_changed_is_named(database: Database, column: str) -> None:
    _sealed(database)
    with database.begin() as session:
        row = session.get_one(AuditSeal, 2)
        other: dict[str, Any] = {
            "number": 9, "at": row.at + MINUTE, "count": 2, "ids": [[6, 7]], "top": 7, "leaves": bytes(32),
        }  # fmt: skip
        value = other.get(column, "0" * len(str(getattr(row, column))))
        session.execute(update(AuditSeal).where(AuditSeal.number == 2).values({column: value}))
    findings = _check(database).findings
    assert findings
    assert {finding.seal for finding in findings if finding.kind.startswith("seal")} & {2, 9}


def _insert(database: Database, number: int) -> None:
    with database.begin() as session:
        session.execute(insert(AuditEntry).values(_values(number)))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("abcé", max_size=3), inner, max_size=3),
    max_leaves=6,
)  # fmt: skip


@contextmanager
def _undone(database: Database) -> Iterator[Session]:
    """What is done inside is seen by nobody afterwards."""
    with database.begin() as session:
        yield session
        session.rollback()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40)
@given(detail=st.dictionaries(st.text("abc", max_size=3), JSON, max_size=4))
def test_an_entry_reads_the_same_on_every_database(database: Database, detail: dict[str, object]) -> None:
    with _undone(database) as session:
        audit(session, AuditAction.FEED_CHANGED, at=NOW, actor="é", subject="feed:x", detail=detail)
        session.flush()
        session.expire_all()
        kept = session.scalars(select(AuditEntry)).one()
        fresh = AuditEntry(
            id=kept.id, at=NOW, actor="é", word="feed.changed", subject="feed:x", detail=json.loads(json.dumps(detail))
        )
        assert leaf(kept) == leaf(fresh)


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Records with 16 entries in four seals."""
    path = tmp_path_factory.mktemp("log") / "records.sqlite"
    database = open_database(sqlite_url(path))
    database.migrate()
    for step, size in enumerate((5, 1, 7, 3)):
        _note(database, size, NOW + step * MINUTE)
        seal(database, KEY, now=NOW + step * MINUTE)
    database.close()
    return path


@given(
    entry=st.integers(1, 16),
    number=st.integers(1, 4),
    what=st.sampled_from(["actor", "subject", "delete", "insert", "swap", "seal"]),
    at=st.sampled_from([NOW, NOW + 3 * MINUTE, NOW + 2 * LATE]),
)
def test_any_single_act_on_the_log_is_found(log: Path, entry: int, number: int, what: str, at: datetime) -> None:
    with TemporaryDirectory() as folder:
        shutil.copy(log, path := Path(folder) / "records.sqlite")
        database = open_database(sqlite_url(path))
        head = _check(database).head
        assert head is not None
        _tamper(database, what, entry, number)
        before = _check(database, now=at, heads=(head,)).findings
        assert before
        seal(database, KEY, now=at)
        after = _check(database, now=at, heads=(head,))
        # Who takes the newest seal away and lets the sealer write it again in the same minute has changed nothing.
        assert after.findings or (what == "seal" and after.head == head)
        database.close()


def _tamper(database: Database, what: str, entry: int, number: int) -> None:
    with database.begin() as session:
        entries = update(AuditEntry).where(AuditEntry.id == entry)
        match what:
            case "delete":
                session.execute(delete(AuditEntry).where(AuditEntry.id == entry))
            case "insert":
                session.execute(insert(AuditEntry).values(_values(-entry)))
            case "seal":
                session.execute(delete(AuditSeal).where(AuditSeal.number == number))
            case "swap":
                for old, new in ((entry, 999), (1 if entry != 1 else 2, entry), (999, 1 if entry != 1 else 2)):
                    session.execute(update(AuditEntry).where(AuditEntry.id == old).values(id=new))
            case column:
                session.execute(entries.values({column: "another"}))


def _values(number: int) -> dict[str, Any]:
    return {"id": number, "at": NOW, "actor": "x", "word": "feed.changed", "subject": "feed:x", "detail": {}}


def test_entries_that_become_visible_late_are_sealed_by_the_next_seal(postgresql: Any) -> None:
    database = open_database(postgresql.fresh())
    with database.begin() as slow:
        audit(slow, AuditAction.FEED_CHANGED, at=NOW, actor="slow", subject="feed:x")
        slow.flush()
        _note(database, 3)
        assert seal(database, KEY, now=NOW) == 3
    assert _check(database).waiting == 1
    assert seal(database, KEY, now=NOW + MINUTE) == 1
    with database.begin() as undone:
        audit(undone, AuditAction.FEED_CHANGED, at=NOW, actor="undone", subject="feed:x")
        undone.flush()
        undone.rollback()
    _note(database, 1)
    assert seal(database, KEY, now=NOW + 2 * MINUTE) == 1
    with database.reading() as session:
        assert list(session.scalars(select(AuditSeal.ids).order_by(AuditSeal.number))) == [[[2, 4]], [[1, 1]], [[6, 6]]]
    verdict = _check(database)
    assert verdict.good
    assert verdict.waiting == 0
    database.close()


def test_two_sealers_and_many_writers_at_once(database: Database) -> None:
    stop = threading.Event()
    failed: list[BaseException] = []

    def guarded(work: Callable[[], object]) -> None:
        try:
            work()
        except BaseException as error:  # noqa: BLE001 (a thread that fails must fail the test)
            failed.append(error)

    def keep_sealing() -> None:
        while not stop.is_set():
            seal(database, KEY, now=NOW)

    def keep_writing() -> None:
        for _ in range(5):
            _note(database, 3)

    writers = [threading.Thread(target=guarded, args=(keep_writing,)) for _ in "abc"]
    sealers = [threading.Thread(target=guarded, args=(keep_sealing,)) for _ in "ab"]
    for thread in (*writers, *sealers):
        thread.start()
    for thread in writers:
        thread.join()
    stop.set()
    for thread in sealers:
        thread.join()
    seal(database, KEY, now=NOW)
    verdict = _check(database)
    assert not failed
    assert verdict.good
    assert (verdict.entries, verdict.waiting) == (45, 0)


def test_a_copy_in_another_database_still_verifies(database: Database, tmp_path: Path) -> None:
    _sealed(database)
    _note(database, 1, detail={"share": 0.1, "none": None, "many": [1.0, 1e20, {"a": "\u202e"}]})
    seal(database, KEY, now=NOW)
    copy = open_database(sqlite_url(tmp_path / "copy.sqlite"))
    copy_records(database, copy)
    verdict = _check(copy)
    assert verdict.good
    assert verdict.entries == 14
    copy.close()


def test_the_key_is_drawn_once_and_for_this_user_only(tmp_path: Path) -> None:
    key = open_seal_key(tmp_path)
    assert (tmp_path / "audit.key").stat().st_mode & 0o777 == 0o600
    (tmp_path / "public.pem").write_text(public_pem(open_seal_key(tmp_path)))
    assert read_public_keys([tmp_path / "public.pem"]) == [key.public_key()]
    (tmp_path / "audit.key").write_text("no key")
    with pytest.raises(StorageError):
        open_seal_key(tmp_path)


@given(st.frozensets(st.integers(-50, 50)))
def test_runs_say_exactly_their_numbers(numbers: frozenset[int]) -> None:
    runs = runs_of(sorted(numbers))
    assert list(numbers_of(runs)) == sorted(numbers)
    assert all(later[0] > run[1] + 1 for run, later in pairwise(runs))


def test_a_damaged_seal_stops_no_check(database: Database) -> None:
    _sealed(database)
    with database.begin() as session:
        session.execute(update(AuditSeal).where(AuditSeal.number == 1).values(ids=["x"], signature="no hex"))
        session.execute(text("UPDATE audit_seal SET key = '' WHERE number = 3"))
    kinds = {(finding.kind, finding.seal) for finding in _check(database).findings}
    assert {("seal changed", 1), ("seal unbound", 2), ("seal key", 3)} <= kinds
