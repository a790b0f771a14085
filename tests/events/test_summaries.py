"""Digests are never the truth: lost, broken or stale ones are made anew, and none outlives its file."""

import shutil
from datetime import timedelta
from pathlib import Path

import numpy as np
import polars as pl

from support.event_examples import NOW, EventWorld, make_world
from tocsin.events.browse import Events
from tocsin.events.filters import EventFilter
from tocsin.events.summaries import Summaries


def again(world: EventWorld) -> Events:
    """The same events in a process that remembers nothing."""
    return Events(world.events.store, world.events.database, world.events.folder, world.events.numbers_of)


def test_a_lost_or_broken_digest_is_made_again(tmp_path: Path) -> None:
    world = make_world(tmp_path)
    right = world.events.figures(EventFilter(), now=NOW)
    digests = sorted(world.events.folder.iterdir())
    assert len(digests) == len(world.events.store.files())
    whole = [digest.read_bytes() for digest in digests]
    broken = [b"", b"nothing", whole[2][:-100], whole[3][:90], b"\xff" * 900]
    for digest in digests:
        digest.unlink()  # not changed: who looks at one has it mapped
    for digest, content in zip(digests, broken, strict=False):
        digest.write_bytes(content)
    found = again(world).figures(EventFilter(), now=NOW)
    assert (found.total, found.by) == (right.total, right.by)
    assert np.array_equal(found.hours, right.hours)
    assert [digest.stat().st_size for digest in digests] == [len(content) for content in whole]


def test_many_files_are_looked_at_again_without_opening_them(tmp_path: Path) -> None:
    world = make_world(tmp_path)
    store, few = world.events.store, len(world.rows)
    rows = [store.scan().limit(1).collect().with_columns(pl.lit(0).cast(pl.Int32).alias("told"))] * 400
    store.commit(9, [store.write_part(frame, ingest=9, part=part, day=NOW.date()) for part, frame in enumerate(rows)])
    assert world.events.figures(EventFilter(), now=NOW).total == few + len(rows)
    shutil.rmtree(world.events.folder)

    assert world.events.figures(EventFilter(last="30d"), now=NOW).stored == few + len(rows)

    assert not world.events.folder.exists(), "a digest was made again"


def open_handles() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def test_digests_hold_no_file_open(tmp_path: Path) -> None:
    world = make_world(tmp_path)
    before = open_handles()
    world.events.figures(EventFilter(), now=NOW)
    world.events.glance(EventFilter(address="::/0"), now=NOW)
    assert open_handles() == before


def test_a_digest_goes_with_its_file(tmp_path: Path) -> None:
    world = make_world(tmp_path)
    world.events.figures(EventFilter(), now=NOW)
    before = {file.name for file in world.events.folder.iterdir()}
    (world.events.folder / "day=2026-11-21_0000000001-000000").mkdir()  # as earlier versions kept one
    store = world.events.store
    assert store.compact(min_files=2)
    store.clean(reading=timedelta(0))
    world.events.summaries.keep_only(store.files())
    after = {file.name for file in world.events.folder.iterdir()}
    assert len(after) == len(store.files())
    assert before - after
    assert again(world).figures(EventFilter(), now=NOW).total == len(world.rows)


def test_without_room_for_digests_the_answers_are_the_same(tmp_path: Path) -> None:
    world = make_world(tmp_path)
    blocked = tmp_path / "blocked"
    blocked.write_text("no folder")
    events = Events(world.events.store, world.events.database, blocked / "digests", world.events.numbers_of)
    assert events.figures(EventFilter(), now=NOW).total == len(world.rows)


def test_a_digest_says_of_each_row_what_the_row_says(tmp_path: Path) -> None:
    world = make_world(tmp_path)
    store = world.events.store
    summaries = Summaries(tmp_path / "other", store)
    rows = {(row["ingest"], row["row"]): row for row in world.rows}
    for path in store.files():
        summary = summaries.of(path)
        for place, event in enumerate(summary.events().tolist()):
            row = rows[event >> 32, event & 0xFFFFFFFF]
            kind = summary.kinds.row(int(summary.kind[place]), named=True)
            assert kind["feed.code"] == row["feed.code"]
            assert kind["tlp"] == row["tlp"]
            assert tuple(summary.sets[summary.set[place]]) == (row["routed"], row["told"])
