"""Events that notification runs told teams again.

They lie in the event table as they were told first; the run keeps which they are, and whom it told.
"""

import zlib
from base64 import b85decode, b85encode
from collections.abc import Collection
from typing import Final

import numpy as np
import polars as pl
from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from tocsin.events.models import NotificationRun

REPEATS: Final = pl.Schema({"ingest": pl.Int64, "row": pl.Int64, "told": pl.Int32, "notified_in": pl.Int64})
"""Which event, the set of teams that were told of it again, and the number of the run."""

_KEPT: Final = ("ingest", "row", "told")


def pack_repeats(frame: pl.DataFrame) -> str:
    """The events of one run as one text: ten thousand of them are some 50 kB."""
    return b85encode(zlib.compress(frame.select(_KEPT).cast(pl.Int64).to_numpy().astype("<i8").tobytes())).decode()


def repeats_of(session: Session, runs: Collection[int]) -> pl.DataFrame:
    """What these runs told again; columns: `REPEATS`."""
    return _repeats(session, NotificationRun.number.in_(runs))


def repeats_since(session: Session, ingest: int) -> pl.DataFrame:
    """What the runs after an ingest told again: no other can have told its events, nor those of later ones."""
    return _repeats(session, NotificationRun.number > ingest)


def _repeats(session: Session, of: ColumnElement[bool]) -> pl.DataFrame:
    run = NotificationRun
    rows = session.execute(select(run.number, run.repeats).where(run.repeats != "", of))
    return pl.concat([pl.DataFrame(schema=REPEATS), *(_unpack(number, packed) for number, packed in rows)])


def _unpack(number: int, packed: str) -> pl.DataFrame:
    values = np.frombuffer(zlib.decompress(b85decode(packed)), dtype="<i8").reshape(-1, len(_KEPT)).astype(np.int64)
    frame = pl.DataFrame(values, schema=dict.fromkeys(_KEPT, pl.Int64()), orient="row")
    return frame.with_columns(notified_in=pl.lit(number, pl.Int64)).cast(REPEATS)
