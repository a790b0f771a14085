"""Two processes that commit to one event table at the same moments."""

import json
import time
from pathlib import Path

import polars as pl

from tocsin.events import EventStore
from tocsin.events.schema import COLUMNS
from tocsin.node.errors import StorageError
from tocsin.node.paths import HomeFolder
from tocsin.node.storage import place_of
from tocsin.node.storage_settings import StorageSettings


def commit_each(settings: StorageSettings, folder: Path, name: str, rounds: int) -> None:
    """Commit ingest after ingest at the moment at which another process does so; note which of them were ours."""
    store = EventStore(place_of(settings, folder, HomeFolder.EVENTS))
    won, lost = [], 0
    for number in range(1, rounds + 1):
        rows = pl.DataFrame({column: [number if column == "ingest" else None] for column in COLUMNS}, schema=COLUMNS)
        part = store.write_again(rows, f"day=2026-11-24/{name}.parquet", run=number, part=ord(name))
        store.last_committed()
        (folder / f"{name}{number}").touch()
        while not ((folder / f"a{number}").exists() and (folder / f"b{number}").exists()):
            time.sleep(0.001)
        try:
            store.commit(number, [part])
            won.append(part.path)
        except StorageError:
            lost += 1
        (folder / f"{name}{number}.done").touch()
        while not ((folder / f"a{number}.done").exists() and (folder / f"b{number}.done").exists()):
            time.sleep(0.001)
    (folder / f"{name}.json").write_text(json.dumps({"won": won, "lost": lost}))
