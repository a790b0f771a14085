"""One chunk of a report understood: what the steps do not yet compare with anything.

chunk ─► read ─► normalise ─► enrich
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import numpy.typing as npt
import polars as pl

from tocsin.events import enrich, normalise, row_keys
from tocsin.events.sources import Chunk, Feed, Reader
from tocsin.networks import Networks
from tocsin.problems import problem_keys


@dataclass(frozen=True)
class ParsedBatch:
    """One batch read, checked and enriched, before anything was compared with what is known."""

    frame: pl.DataFrame
    rows: npt.NDArray[np.int64]
    row_keys: npt.NDArray[np.uint64]
    problem_keys: npt.NDArray[np.uint64]
    unusable: list[tuple[int, str, str]]
    filled: Mapping[str, int]


def understand(reader: Reader, chunk: Chunk, feed: Feed, networks: Networks, now: datetime) -> ParsedBatch:
    """Read, check and enrich one chunk; pure, so that chunks are understood in parallel."""
    batch = reader.parse(chunk)
    normalised = normalise(batch, feed, now)
    usable = normalised.usable.to_numpy()
    unusable = normalised.set_aside(batch)
    rows = batch.rows(chunk)[usable]
    frame, texts = normalised.frame, batch.key_texts()
    if not usable.all():
        frame, texts = frame.filter(normalised.usable), texts.filter(normalised.usable)
    keys = row_keys(texts, f"{feed.source}/{feed.code}\n{reader.header}")
    return ParsedBatch(enrich(frame, networks), rows, keys, problem_keys(frame), unusable, batch.filled)
