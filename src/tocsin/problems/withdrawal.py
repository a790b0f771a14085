"""The notes of problems without what one ingest had seen of them: its report is read again.

They are reckoned from what they say now and from the stored events of other ingests. Where retention has taken those,
the notes stay as they are: a problem then counts as first or last seen, and as first told, when it did before, which
may be by the reading that was withdrawn.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from tocsin.problems.track import NOTES, NotesArray

Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class StoredSightings:
    """What stored events say of some problems; every array has a place for each of them, zeros where there is nothing.

    ``first`` and ``last``: seconds; ``met_by`` and ``seen_by``: the lowest and highest ingest; ``told_first`` and
    ``told_last``: the lowest and highest ingest or run by which teams were told of one.
    """

    count: npt.NDArray[np.uint32]
    first: npt.NDArray[np.uint32]
    last: npt.NDArray[np.uint32]
    met_by: npt.NDArray[np.uint32]
    seen_by: npt.NDArray[np.uint32]
    told_first: npt.NDArray[np.uint32]
    told_last: npt.NDArray[np.uint32]

    @classmethod
    def of(cls, keys: npt.NDArray[np.uint64], events: pl.DataFrame) -> "StoredSightings":
        """Of the problems ``keys``, sorted.

        ``events``: ``problem``, ``ingest``, ``told``, ``told_in``, and of each such ``count``, ``first`` and ``last``.
        """
        told = pl.col("told_in").filter(pl.col("told") > 0)
        found = events.group_by("problem").agg(
            pl.col("count").sum(),
            pl.col("first").min(),
            pl.col("last").max(),
            pl.col("ingest").min().alias("met_by"),
            pl.col("ingest").max().alias("seen_by"),
            told.min().alias("told_first"),
            told.max().alias("told_last"),
        )
        asked = pl.DataFrame({"problem": keys.view(np.int64)})
        lined = asked.join(found, on="problem", how="left", maintain_order="left").fill_null(0)
        return cls(*(lined[name].cast(pl.UInt32).to_numpy() for name in cls.__dataclass_fields__))


@dataclass(frozen=True)
class Tellings:
    """Which tellings of each problem are taken back, as nobody heard them: its last (``last``) and first one.

    ``again_at``, ``first_at``: when what is then the last and first telling was, seconds; ``told_set``: who was told.
    """

    last: Bools
    first: Bools
    again_at: npt.NDArray[np.uint32]
    first_at: npt.NDArray[np.uint32]
    told_set: npt.NDArray[np.int32]


def without(
    notes: NotesArray, mine: StoredSightings, others: StoredSightings, told: Tellings, feed: npt.NDArray[np.uint32]
) -> NotesArray:
    """The notes without what one ingest saw. ``mine``: its sightings; ``feed``: of the ingest that is now the newest.

    A problem of which nothing is left has no sightings any more; it keeps when teams heard of it, for the second
    reading may see it again.
    """
    at = {name: NOTES.index(name) for name in NOTES}
    after = notes.copy()

    def put(name: str, where: Bools, values: npt.NDArray[np.uint32]) -> None:
        after[:, at[name]] = np.where(where, values, after[:, at[name]])

    here = others.count > 0
    left = np.maximum(np.maximum(notes[:, at["sightings"]], mine.count) - mine.count, others.count)
    put("sightings", np.ones(len(notes), dtype=bool), left)
    put("first_seen", here & (mine.first <= notes[:, at["first_seen"]]), others.first)
    put("last_seen", here & (mine.last >= notes[:, at["last_seen"]]), others.last)
    put("met_by", here & (notes[:, at["met_by"]] == mine.met_by), others.met_by)
    newest = here & (notes[:, at["seen_by"]] == mine.seen_by)
    put("seen_by", newest, others.seen_by)
    put("feed", newest & (feed > 0), feed)

    # Where events of an earlier telling are gone, the first one that is noted stands for it.
    noted = np.where(told.first, others.told_first, notes[:, at["first_told_by"]])
    before = np.where(others.told_last > 0, others.told_last, noted)
    put("first_told_by", told.first, others.told_first)
    put("first_told_at", told.first, told.first_at)
    put("told_by", told.last, before)
    put("told_at", told.last, np.where(others.told_last > 0, told.again_at, after[:, at["first_told_at"]]))
    put("escalated_by", told.last & (notes[:, at["escalated_by"]] == mine.seen_by), np.zeros_like(left))
    tellings = notes[:, at["tellings"]]
    put("tellings", told.last, np.maximum(tellings, 1) - 1)
    after[:, at["told_set"]] = told.told_set
    nobody = after[:, at["told_by"]] == 0
    for name in ("told_at", "first_told_at", "first_told_by", "tellings", "told_set"):
        after[nobody, at[name]] = 0
    gone = left == 0
    for name in ("first_seen", "last_seen", "feed", "met_by", "seen_by"):
        after[gone, at[name]] = 0
    return after
