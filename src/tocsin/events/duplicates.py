"""Which rows were seen before: a row repeated within its feed's window is a duplicate and counted, not stored."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import polars as pl
import polars_hash  # its hashes are the same in every version

from tocsin.events.schema import FIELDS
from tocsin.records.keys import KeyFiles

# What this node adds to a row, or says of a feed; the same row later must still be the same.
_OURS = {"time.observation", "feed.name", "feed.provider", "tlp", "pap", "flags", "rsit.taxonomy", "rsit.type"}
_CONTENT = [
    column
    for field in FIELDS
    if field.name not in _OURS and not field.name.startswith("network.")
    for column in field.columns
]
_SEPARATOR = "\x1f"


def row_keys(frame: pl.DataFrame) -> npt.NDArray[np.uint64]:
    """A key of all that each row says, uint64[n]; equal rows of one feed have equal keys.

    Taken before enrichment, so that a new table of networks does not make old rows new.
    """
    # Every column has its place in the text, also an empty one; runs of empty columns cost one literal.
    texts: list[pl.Expr] = []
    gap = ""
    for name in _CONTENT:
        gap += _SEPARATOR
        column = frame[name]
        if column.null_count() < frame.height:
            texts += [pl.lit(gap), pl.col(name).cast(pl.String).fill_null("")]
            gap = ""
    hashed = frame.select(polars_hash.concat_str(texts or [pl.lit("")]).nchash.xxh3_64())
    return hashed.to_series().cast(pl.UInt64).to_numpy()


def first_of_each(
    keys: npt.NDArray[np.uint64], days: Sequence[KeyFiles], *, ingest: int, part: int
) -> npt.NDArray[np.bool_]:
    """Which rows are the first with their key; the new keys are noted under (ingest, part) in ``days[0]``.

    ``days``: the key files of today and of the days before it that belong to the window.
    """
    unique, first = np.unique(keys, return_index=True)
    known = np.zeros(len(unique), dtype=bool)
    for files in days:
        known |= files.lookup(unique, up_to=ingest)[0]
    days[0].write((ingest, part), unique[~known])
    days[0].merge(up_to=ingest, since=ingest)
    kept = np.zeros(len(keys), dtype=bool)
    kept[first[~known]] = True
    return kept
