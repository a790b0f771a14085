"""Memory is given out: whoever does not fit waits for a turn or is told, and no scan of events goes another way."""

import ast
import gc
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path

import polars as pl
import pytest

import tocsin
from tocsin.events.schema import COLUMNS
from tocsin.events.store import EventQuery, EventStore
from tocsin.node.admission import Admission, TooLargeError, memory_of_machine
from tocsin.node.errors import BusyError
from tocsin.problems.table import ProblemFactsReader

DAY = date(2026, 11, 20)
SCANS = {"scan", "scan_told", "scan_parts", "scan_file", "scan_run", "told_events", "_read"}
READS = {"collect", "collect_all", "collect_batches", "collect_async", "sink_parquet", "sink_ipc", "sink_csv", "fetch"}
STORES = {"store", "_store"}
BOUNDED = {
    "events/store.py": {"collect", "merge", "purge", "take_back"},  # the one way; small files; a file at a time
    "events/compaction.py": {"_next_rows", "_heavy", "_part", "_read", "_offsets"},  # `BUDGET`
    "events/summaries.py": {"_read_source"},  # eighteen columns of a file, one thread at a time
    "events/browse.py": {"_rows_of"},  # the rows of a page, or of a batch of an export
    "problems/table.py": {"_keep", "_kept_rows", "ranges"},  # by ranges of keys; a number
}


def test_what_is_free_is_given_and_what_never_fits_is_said_at_once() -> None:
    admission = Admission(100, wait=60)
    with admission.account() as account:
        account.need(70)
        with pytest.raises(TooLargeError, match="more than the 0 MB") as error:
            account.need(31)
        assert "Narrow it" in error.value.hint
        assert admission.held == 70
    assert admission.held == 0


def test_who_waits_gets_a_turn_or_is_told_when_to_come_again() -> None:
    admission, inside, go_on = Admission(100, wait=60), threading.Event(), threading.Event()

    def hold() -> None:
        with admission.account() as account:
            account.need(90)
            inside.set()
            go_on.wait(60)

    with ThreadPoolExecutor(2) as threads:
        holding = threads.submit(hold)
        assert inside.wait(60)
        impatient = Admission.take
        admission._wait = 0
        with pytest.raises(BusyError, match="at this moment") as error, admission.account() as account:
            account.need(20)
        assert (error.value.status, error.value.seconds) == (503, 10)
        admission._wait = 60
        waiting = threads.submit(impatient, admission, 20, 0, "")
        go_on.set()
        waiting.result(60)
        holding.result(60)
    assert admission.held == 20


def test_what_an_answer_holds_is_free_once_nobody_has_it(tmp_path: Path) -> None:
    store = filled(tmp_path, Admission(64 << 20))
    found = store.collect(store.scan())
    assert found.height == 4_000
    assert store.admission.held >= found.estimated_size()
    del found
    gc.collect()
    assert store.admission.held == 0


def test_of_many_questions_at_once_each_is_answered_or_told_and_all_stay_within(tmp_path: Path) -> None:
    store = filled(tmp_path, Admission(64 << 20))
    alone = store.collect(store.scan())
    size = store.admission.held
    del alone
    small = EventStore(tmp_path, Admission(size * 5 // 2, wait=0.05))
    most = []

    def ask(_: int) -> int:
        try:
            found = small.collect(small.scan())
        except BusyError:
            return 0
        most.append(small.admission.held)
        return found.height

    with ThreadPoolExecutor(12) as threads:
        answers = list(threads.map(ask, range(36)))
    gc.collect()
    assert set(answers) <= {0, 4_000}
    assert 4_000 in answers
    assert max(most) <= small.admission.total
    assert small.admission.held == 0
    with pytest.raises(TooLargeError):
        EventStore(tmp_path, Admission(size // 2)).find(EventQuery())


def test_a_digest_that_does_not_fit_with_others_is_read_alone(tmp_path: Path) -> None:
    store = filled(tmp_path, Admission(64 << 20))
    members = {number: [number] for number in range(1, 5)}
    whole = {team: rows.height for team, rows in store.told([1, 2, 3, 4], members, list(members))}
    gc.collect()
    one = store.collect(store.scan_told([1], None))
    narrow = EventStore(tmp_path, Admission(store.admission.held * 2))
    assert {team: rows.height for team, rows in narrow.told([1, 2, 3, 4], members, list(members))} == whole
    assert len(one) == whole[1] == 1_000


def test_problems_that_do_not_fit_are_a_sentence_and_not_read(tmp_path: Path) -> None:
    store = filled(tmp_path / "events", Admission(100_000))
    with pytest.raises(TooLargeError) as error:
        ProblemFactsReader(store, tmp_path / "kept").read()
    assert "memory_mb" in error.value.hint
    gc.collect()
    assert store.admission.held == 0


def test_every_question_to_the_table_passes_the_gate() -> None:
    """A scan is read by `EventStore.collect`, or at one of the places that say by what they are bounded."""
    root = Path(tocsin.__file__).parent
    found, seen = [], set()
    for path in sorted(root.rglob("*.py")):
        tree, name = ast.parse(path.read_text()), path.relative_to(root).as_posix()
        if not _names(tree) & SCANS or not _uses_events(tree):
            continue
        for function, call in _reads(tree):
            seen.add((name, function))
            if function not in BOUNDED.get(name, ()):
                found.append(f"{name}:{call.lineno} in {function}")
    assert found == []
    assert {(name, function) for name, of in BOUNDED.items() for function in of} <= seen


def test_the_memory_of_the_machine_is_known() -> None:
    assert memory_of_machine() > 256 << 20


def _names(tree: ast.AST) -> set[str]:
    calls = (node.func for node in ast.walk(tree) if isinstance(node, ast.Call))
    return {getattr(call, "attr", getattr(call, "id", "")) for call in calls}


def _uses_events(tree: ast.AST) -> bool:
    return any(isinstance(node, ast.Name) and node.id == "pl" for node in ast.walk(tree))


def _reads(tree: ast.Module) -> list[tuple[str, ast.Call]]:
    """The calls that read a lazy frame, but for those of a store, each with the function that it is in."""
    found = []

    def visit(node: ast.AST, function: str) -> None:
        if isinstance(node, ast.FunctionDef):
            function = node.name
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in READS:
            of = node.func.value
            if getattr(of, "attr", getattr(of, "id", "")) not in STORES and ast.unparse(node.func) != "self.collect":
                found.append((function, node))
        for child in ast.iter_child_nodes(node):
            visit(child, function)

    visit(tree, "")
    return found


def filled(folder: Path, admission: Admission) -> EventStore:
    """Four reports of a thousand events, each told to a team of its own."""
    store = EventStore(folder, admission)
    for number in range(1, 5):
        rows = 1_000
        given = {
            "source.url": [f"http://host.example/{number}/{row}" for row in range(rows)],
            "ingest": [number] * rows, "row": range(1, rows + 1), "told": [number] * rows,
            "problem": range(number * rows, number * rows + rows),
        }  # fmt: skip
        frame = pl.DataFrame({name: given.get(name, [None] * rows) for name in COLUMNS}, schema=COLUMNS)
        store.commit(number, [store.write_part(frame, ingest=number, part=0, day=DAY)])
    return store
