"""A day in the order of addresses within a budget of memory: nothing is lost, and it goes on where it was stopped."""

from collections import Counter
from collections.abc import Callable
from datetime import date, timedelta
from itertools import pairwise
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from tocsin.events.compaction import ADDRESS, kept_for_later
from tocsin.events.schema import COLUMNS
from tocsin.events.store import EventStore
from tocsin.node.errors import ConflictError

DAY = date(2026, 11, 20)
LATER = DAY + timedelta(days=1)
FILES, ROWS = 24, 2_000
BUDGET = 1 << 20  # the day has some seven times as many bytes


def filled(folder: Path) -> EventStore:
    """A day of unsorted files of all kinds of addresses; two of five rows are of one address, one of ten has none."""
    store, rng = EventStore(folder), np.random.default_rng(1)
    for ingest in range(1, FILES + 1):
        kind = rng.integers(0, 10, ROWS)
        hi = np.select([kind == 4, kind == 5], [rng.integers(-(2**63), 0, ROWS), rng.integers(1, 2**62, ROWS)], 0)
        lo = np.where(kind < 4, 0xFFFF << 32 | 77, 0xFFFF << 32 | rng.integers(0, 2**32, ROWS))
        given = {
            "source.ip.hi": [None if none else int(half) for half, none in zip(hi, kind == 9, strict=True)],
            "source.ip.lo": [None if none else int(half) for half, none in zip(lo, kind == 9, strict=True)],
            "source.url": [f"http://host.example/{'x' * int(length)}" for length in rng.integers(0, 200, ROWS)],
            "ingest": [ingest] * ROWS,
            "row": range(1, ROWS + 1),
        }
        extra = {f"extra.of_{ingest % 3}": pl.Series(["said"] * ROWS)}
        frame = pl.DataFrame({name: given.get(name, [None] * ROWS) for name in COLUMNS}, schema=COLUMNS, strict=False)
        frame = frame.with_columns(**extra)
        store.commit(ingest, [store.write_part(frame, ingest=ingest, part=0, day=DAY)])
    return store


def whole(store: EventStore) -> pl.DataFrame:
    """All that is stored, in one order."""
    return store.scan().sort("ingest", "row").collect()


def test_a_day_is_read_once_in_pieces_that_fit_and_keeps_every_row(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = filled(tmp_path)
    before, files = whole(store), store.table.listing().select("path", "num_records").rows()
    read: list[int] = []
    sort = pl.DataFrame.sort

    def counted(frame: pl.DataFrame, *columns: str, **options: bool) -> pl.DataFrame:
        read.append(int(frame.estimated_size()))
        return sort(frame, *columns, **options)

    asked: Counter[str] = Counter()
    scan = EventStore.scan_file

    def seen(self: EventStore, path: str) -> pl.LazyFrame:
        asked[path] += 1
        return scan(self, path)

    monkeypatch.setattr(pl.DataFrame, "sort", counted)
    monkeypatch.setattr(EventStore, "scan_file", seen)
    assert store.compact(today=LATER, budget=BUDGET)
    monkeypatch.undo()

    assert max(read) < 2 * BUDGET
    assert sum(read) > 12 * BUDGET  # once as runs, once as pieces
    assert sum(asked.values()) < 6 * FILES  # the columns of each, and its rows by thousands
    assert whole(store).equals(before.select(whole(store).columns))
    spans = []
    for path in store.files():
        rows = store.scan_file(path).collect()
        assert rows.sort(ADDRESS, maintain_order=True).equals(rows)
        spans.append(tuple(rows.select(ADDRESS).fill_null(-(2**63)).rows()[at] for at in (0, -1)))
    assert len(files) == FILES
    of_v4 = sorted(span for span in spans if span[0][0] == span[1][0] == 0)
    assert len(of_v4) > 1
    assert all(after[0] >= before[1] for before, after in pairwise(of_v4))
    assert len(spans) - len(of_v4) >= 2  # without an address, all others
    listed = store.table.listing()
    for row in listed.iter_rows(named=True):
        rows = store.scan_file(row["path"]).collect()
        assert row["num_records"] == rows.height
        assert (row["min.ingest"], row["max.ingest"]) == (rows["ingest"].min(), rows["ingest"].max())
        assert row.get("min.source.ip.lo") == rows["source.ip.lo"].min()
    assert not (tmp_path / "compacting.part").exists()


def until(store: EventStore, runs: int, files: int) -> Callable[[], bool]:
    """Goes on until so many runs, or so many files, are finished."""
    folder = Path(store.place.path()) / "compacting.part"
    return lambda: len(list(folder.glob("*/run-*.json"))) < runs and len(kept_for_later(store.place)) < files


@pytest.mark.parametrize(("runs", "files"), [(3, 9), (99, 1), (99, 2)])
def test_what_was_interrupted_goes_on_where_it_was(tmp_path: Path, runs: int, files: int) -> None:
    store = filled(tmp_path)
    before, listed = whole(store), store.files()

    with pytest.raises(ConflictError, match="interrupted"):
        store.compact(today=LATER, going_on=until(store, runs, files), budget=BUDGET)
    assert store.files() == listed
    store.clean()
    finished = {file.stat().st_ino for file in tmp_path.glob("day=*/compact-*")}
    assert len(finished) == (files if runs == 99 else 0)
    assert store.compact(today=LATER, budget=BUDGET)

    assert finished <= {file.stat().st_ino for file in tmp_path.glob("day=*/compact-*")}
    assert whole(store).equals(before.select(whole(store).columns))


def test_of_an_interrupted_compaction_a_purge_leaves_nothing(tmp_path: Path) -> None:
    store = filled(tmp_path)
    with pytest.raises(ConflictError):
        store.compact(today=LATER, going_on=until(store, 99, 1), budget=BUDGET)

    store.purge(3, None)

    assert store.unlisted() == []
    assert not (tmp_path / "compacting.part").exists()
    assert store.compact(today=LATER, budget=BUDGET)
    assert whole(store)["ingest"].unique().sort().to_list() == [one for one in range(1, FILES + 1) if one != 3]
