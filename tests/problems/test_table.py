"""What the table says of each problem is what its stored events say, however they came to be read."""

import random
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tocsin.delivery import SEVERITIES
from tocsin.events import EventStore
from tocsin.events.schema import COLUMNS
from tocsin.problems.table import ProblemFacts, ProblemFactsReader

DAY = date(2026, 11, 16)
_EVENT = st.fixed_dictionaries(
    {
        "problem": st.sampled_from([-(2**63), -1, 0, 1, 7]),
        "source.port": st.sampled_from([None, 22, 3389]),
        "severity": st.sampled_from([None, *SEVERITIES]),
        "routed": st.integers(0, 2),
        "tlp": st.sampled_from([None, "GREEN", "RED"]),
        "classification.type": st.sampled_from([None, "scanner", "vulnerable-system"]),
    }
)


@dataclass
class _Expected:
    """One problem as plain Python counts it."""

    port: int | None = None
    kind: str | None = None
    severity: int = 0
    routed: int = 0
    before: int = 0
    labels: set[str | None] = field(default_factory=set)


@settings(max_examples=20)
@given(st.lists(st.lists(_EVENT, min_size=1, max_size=8), min_size=1, max_size=4))
def test_read_at_once_bit_by_bit_or_from_the_file_it_is_what_events_say(batches: list[list[dict[str, object]]]) -> None:
    with TemporaryDirectory() as folder:
        store = EventStore(Path(folder) / "events")
        step_by_step = ProblemFactsReader(store, Path(folder) / "none")
        for number, batch in enumerate(batches, 1):
            store.commit(number, [store.write_part(_frame(batch, number), ingest=number, part=0, day=DAY)])
            step_by_step.read()
        at_once = ProblemFactsReader(store, Path(folder) / "kept.parquet")
        at_once.keep()
        again = ProblemFactsReader(store, Path(folder) / "kept.parquet")
        expected = _expected(batches)
        for reader in (step_by_step, at_once, again):
            assert _rows(reader.read()) == expected
        store.compact(today=date(2026, 11, 18))
        assert _rows(step_by_step.read()) == expected


@settings(max_examples=30)
@given(
    st.lists(
        st.tuples(st.lists(_EVENT, min_size=1, max_size=8), st.sampled_from(["", "move", "purge"]), st.booleans()),
        min_size=2,
        max_size=8,
    )
)
def test_whenever_it_is_read_between_moves_and_purges_it_is_what_events_say(
    steps: list[tuple[list[dict[str, object]], str, bool]],
) -> None:
    with TemporaryDirectory() as folder:
        store, kept = EventStore(Path(folder) / "events"), Path(folder) / "kept.parquet"
        reader, stored = ProblemFactsReader(store, kept), dict[int, list[dict[str, object]]]()
        for number, (batch, then, is_read) in enumerate(steps, 1):
            store.commit(number, [store.write_part(_frame(batch, number), ingest=number, part=0, day=DAY)])
            stored[number] = batch
            if then == "move":
                store.compact(min_files=2)
            elif then == "purge":
                store.purge(min(stored), None)
                del stored[min(stored)]
            if is_read:
                assert _rows(reader.read()) == _expected([*stored.values()])
            if number == len(steps) // 2:
                ProblemFactsReader(store, kept).keep()
        for one in (reader, ProblemFactsReader(store, kept)):
            assert _rows(one.read()) == _expected([*stored.values()])


def test_files_that_were_only_put_together_are_not_read_again(tmp_path: Path) -> None:
    store, kept = EventStore(tmp_path / "events"), tmp_path / "kept.parquet"
    for number in (1, 2, 3):
        event = {"problem": number, "severity": None, "routed": 1, "tlp": None, "classification.type": "scanner"}
        frame = _frame([{"source.port": 22, **event}], number)
        store.commit(number, [store.write_part(frame, ingest=number, part=0, day=DAY)])
    reader = ProblemFactsReader(store, kept)
    reader.keep()
    before = _rows(reader.read())
    store.compact(min_files=2)
    for path in store.files():
        (tmp_path / "events" / path).unlink()  # so that who reads it fails
    for one in (reader, ProblemFactsReader(store, kept)):
        assert _rows(one.read()) == before


@pytest.mark.parametrize("name", ["kept.parquet", "kept-told.parquet"])
def test_a_file_that_a_power_cut_tore_is_made_of_the_events_again(tmp_path: Path, name: str) -> None:
    store, torn = EventStore(tmp_path / "events"), tmp_path / name
    for number in (1, 2):
        event = {"problem": number, "severity": None, "routed": 1, "tlp": None, "classification.type": "scanner"}
        frame = _frame([{"source.port": 22, **event}], number)
        store.commit(number, [store.write_part(frame, ingest=number, part=0, day=DAY)])
        ProblemFactsReader(store, tmp_path / "kept.parquet").keep()
        if number == 1:
            content = torn.read_bytes()
            torn.write_bytes(content[:4] + bytes(96) + content[100:])
    at_once = ProblemFactsReader(store, tmp_path / "none")
    assert _rows(ProblemFactsReader(store, tmp_path / "kept.parquet").read()) == _rows(at_once.read())


def test_what_is_kept_by_ranges_is_what_is_read_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store, rng = EventStore(tmp_path / "events"), random.Random(1)
    for number in range(1, 6):
        batch: list[dict[str, object]] = [
            {
                "problem": rng.choice([-(2**63), 2**63 - 1, rng.randrange(-(2**63), 2**63), number]),
                "source.port": 22,
                "severity": "high",
                "routed": number % 2,
                "told": number,
                "tlp": None,
                "classification.type": "scanner",
            }
            for _ in range(60)
        ]
        store.commit(number, [store.write_part(_frame(batch, number), ingest=number, part=0, day=DAY)])
        with monkeypatch.context() as small:
            small.setattr("tocsin.problems.table._MANY", 16)
            ProblemFactsReader(store, tmp_path / "kept.parquet").keep()
        kept = ProblemFactsReader(store, tmp_path / "kept.parquet").read()
        at_once = ProblemFactsReader(store, tmp_path / "none").read()
        assert kept.frame.height > 16  # so that there are ranges
        assert _rows(kept) == _rows(at_once)
        assert kept.frame.equals(at_once.frame)
        assert kept.tellings.equals(at_once.tellings)
        assert kept.files == frozenset(store.files())
        assert not list(tmp_path.glob("*.part"))


def _frame(batch: list[dict[str, object]], ingest: int) -> pl.DataFrame:
    rows = [{**event, "ingest": ingest, "row": place} for place, event in enumerate(batch, 1)]
    return pl.DataFrame(rows, schema={name: COLUMNS[name] for name in rows[0]})


def _expected(batches: list[list[dict[str, object]]]) -> dict[int, _Expected]:
    found: dict[int, _Expected] = {}
    for event in (event for batch in batches for event in batch):
        one = found.setdefault(int(str(event["problem"])) % 2**64, _Expected())
        one.port, one.kind, one.routed = event["source.port"], event["classification.type"], event["routed"]  # type: ignore[assignment]
        severity = event["severity"]
        one.severity = max(one.severity, SEVERITIES.index(str(severity)) if severity else 0)
        one.before = one.routed or one.before
        one.labels.add(event["tlp"])  # type: ignore[arg-type]
    return found


def _rows(facts: ProblemFacts) -> dict[int, _Expected]:
    columns = ("key", "source.port", "classification.type", "severity", "routed", "before", "labels")
    frame = facts.frame.select(columns).with_columns(pl.col("classification.type").cast(pl.String))
    assert frame["key"].is_sorted()
    return {
        key: _Expected(port, kind, severity, routed, before, {
            label[0] for place, label in enumerate(facts.labels) if labels & 1 << place
        })
        for key, port, kind, severity, routed, before, labels in frame.iter_rows()
    }  # fmt: skip
