"""Digests are never the truth: lost, broken or stale ones are made anew, and none outlives its file."""

from datetime import timedelta
from pathlib import Path

import numpy as np

from event_world import NOW, EventWorld, make_world
from tocsin.events.browse import Events
from tocsin.events.filters import EventFilter
from tocsin.events.summaries import Summaries


def again(world: EventWorld) -> Events:
    """The same events in a process that remembers nothing."""
    return Events(world.events.store, world.events.database, world.events.folder, world.events.numbers_of)


def test_a_lost_or_broken_digest_is_made_again(tmp_path: Path) -> None:
    world = make_world(tmp_path)
    right = world.events.figures(EventFilter(), now=NOW)
    folders = sorted(world.events.folder.iterdir())
    assert len(folders) == len(world.events.store.files())
    (folders[0] / "numbers.npy").unlink()
    (folders[1] / "kinds.parquet").write_bytes(b"nothing")
    (folders[2] / "cells.npy").write_bytes(b"")
    (folders[3] / "numbers.npy").write_bytes((folders[3] / "numbers.npy").read_bytes()[:-7])
    found = again(world).figures(EventFilter(), now=NOW)
    assert (found.total, found.by) == (right.total, right.by)
    assert np.array_equal(found.hours, right.hours)
    assert (folders[0] / "numbers.npy").is_file()


def test_a_digest_goes_with_its_file(tmp_path: Path) -> None:
    world = make_world(tmp_path)
    world.events.figures(EventFilter(), now=NOW)
    before = {folder.name for folder in world.events.folder.iterdir()}
    store = world.events.store
    assert store.compact(min_files=2)
    store.clean(reading=timedelta(0))
    world.events.summaries.keep_only(store.files())
    after = {folder.name for folder in world.events.folder.iterdir()}
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
    summaries = Summaries(tmp_path / "other", store.folder)
    rows = {(row["ingest"], row["row"]): row for row in world.rows}
    for path in store.files():
        summary = summaries.of(path)
        for place, event in enumerate(summary.events().tolist()):
            row = rows[event >> 32, event & 0xFFFFFFFF]
            kind = summary.kinds.row(int(summary.kind[place]), named=True)
            assert kind["feed.code"] == row["feed.code"]
            assert kind["tlp"] == row["tlp"]
            assert tuple(summary.sets[summary.set[place]]) == (row["routed"], row["told"])
