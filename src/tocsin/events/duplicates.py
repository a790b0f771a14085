"""Which rows were seen before: a row repeated within its feed's window is a duplicate and counted, not stored."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import polars as pl
import polars_hash  # its hashes are the same in every version

from tocsin.node.records import AskedKeys, KeyFiles


def row_keys(texts: pl.Series, origin: str) -> npt.NDArray[np.uint64]:
    """A key of what each row says, uint64[n]; equal rows of one origin have equal keys.

    ``texts``: the rows as the report has them, or their hashes (XXH3, 64 bits). ``origin``: what tells reports apart
    whose rows may look alike, such as the feed and the header that the rows stand under.
    """
    salt: np.uint64 = _hashes(pl.Series([origin]))[0]
    hashes = texts.to_numpy() if texts.dtype == pl.UInt64 else _hashes(texts)
    return np.bitwise_xor(hashes, salt)


def _hashes(texts: pl.Series) -> npt.NDArray[np.uint64]:
    hashed = texts.to_frame("text").select(polars_hash.col("text").nchash.xxh3_64())
    return hashed.to_series().cast(pl.UInt64).to_numpy()


def first_of_each(
    keys: npt.NDArray[np.uint64],
    days: Sequence[KeyFiles],
    *,
    ingest: int,
    part: int,
    again: npt.NDArray[np.bool_] | None = None,
) -> npt.NDArray[np.bool_]:
    """Which rows are the first with their key; the new keys are noted under (ingest, part) in ``days[0]``.

    ``days``: the key files of today and of the days before it that belong to the window. Safe to repeat until a later
    part is asked for. ``again``: rows whose keys are known since an earlier reading of the same report stored them, so
    that only this ingest itself can have had them before.
    """
    days[0].merge_now(up_to=ingest, since=ingest, before=(ingest, part))
    # As `np.unique` with the first place of each, at a third of its cost: that sorts stably.
    order = np.argsort(keys)
    ordered = keys[order]
    starts = np.flatnonzero(np.append(True, ordered[1:] != ordered[:-1])[: len(keys)])
    unique, first = ordered[starts], np.minimum.reduceat(order, starts)
    asked = AskedKeys(unique)
    known = np.zeros(len(unique), dtype=bool)
    for files in days:
        known |= files.lookup(asked, up_to=ingest, before=(ingest, part))[0]
    if again is not None and (anew := again[first] & known).any():
        known[anew] = days[0].lookup(unique[anew], up_to=ingest, before=(ingest, part), since=ingest)[0]
    days[0].write((ingest, part), unique[~known])
    kept = np.zeros(len(keys), dtype=bool)
    kept[first[~known]] = True
    return kept
