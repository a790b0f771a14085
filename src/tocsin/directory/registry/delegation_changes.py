"""What changed between two states of the registries: countries, registries, holders, given away, given back."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt

from tocsin.directory.registry.delegations import GIVEN, KINDS, UInt64s
from tocsin.networks import format_address

if TYPE_CHECKING:
    import polars as pl

CHANGES: Final = ("registry", "country", "holder", "status", "given", "returned")
"""The words of a change. ``registry``, ``country``, ``holder`` and ``status`` are of numbers that somebody holds before
and after; ``given`` are new in somebody's hands, ``returned`` no longer in anybody's."""

_SAID = ("rir", "country", "status", "holder")
_MAPPED = 0xFFFF << 32
_PIECES = 1 << 22


def compare(before: "pl.DataFrame", after: "pl.DataFrame") -> "pl.DataFrame":
    """Every range of numbers that is told of differently, widest pieces that changed alike.

    Both frames are as ``Read.records``; where records of one state overlap, what is given away is believed before what
    is not, then the narrower. Columns: ``kind``, ``first``, ``last``, ``what`` (``AS64500``, ``192.0.2.0/24``, or two
    ends), ``change`` (a list of ``CHANGES``), and ``rir``, ``country``, ``status``, ``holder``, each with ``_before``
    and ``_after``. A holder's id means something within its registry only, and is compared there only.
    """
    import polars as pl

    pieces = pl.concat(_pieces(kind, _of(before, kind), _of(after, kind)) for kind in KINDS)
    changed = pieces.with_columns(change=_changes()).filter(pl.col("change").list.len() > 0)
    alike = pl.struct(pl.exclude("first", "last")).rle_id()
    breaks = (pl.col("first") != pl.col("last").shift(1) + 1).fill_null(value=True).cum_sum()
    runs = changed.group_by(alike.alias("run"), breaks.alias("gap"), maintain_order=True).agg(
        pl.col("first").min(), pl.col("last").max(), pl.exclude("first", "last").first()
    )
    whats = [what(*row) for row in runs.select("kind", "first", "last").iter_rows()]
    said = [f"{name}_{when}" for name in _SAID for when in ("before", "after")]
    return runs.with_columns(what=pl.Series(whats, dtype=pl.String)).select(
        "kind", "first", "last", "what", "change", *said
    )


def what(kind: str, first: int, last: int) -> str:
    """A range of numbers as a person writes it."""
    if kind == "asn":
        return f"AS{first}" if first == last else f"AS{first}-AS{last}"
    bits = 32 if kind == "ipv4" else 64
    size = last - first + 1
    if size & (size - 1) == 0 and first % size == 0:
        return f"{_address(kind, first)}/{bits - size.bit_length() + 1}"
    end = _address(kind, last) if kind == "ipv4" else format_address(last, (1 << 64) - 1)
    return f"{_address(kind, first)} - {end}"


def _address(kind: str, number: int) -> str:
    return format_address(0, _MAPPED | number) if kind == "ipv4" else format_address(number, 0)


def _of(records: "pl.DataFrame", kind: str) -> "pl.DataFrame":
    """The records of one kind, in the order in which they are believed, the last most."""
    import polars as pl

    rows = records.filter(pl.col("kind") == kind).with_columns(
        given=pl.col("status").is_in(GIVEN).fill_null(value=False)
    )
    return rows.sort("given", pl.col("first").cast(pl.Int64) - pl.col("last").cast(pl.Int64), maintain_order=True)


def _pieces(kind: str, before: "pl.DataFrame", after: "pl.DataFrame") -> "pl.DataFrame":
    """The numbers cut wherever a record of either state begins or ends, with what each state says of the piece."""
    import polars as pl

    ends = [rows[name].to_numpy() + np.uint64(name == "last") for rows in (before, after) for name in ("first", "last")]
    cuts = np.unique(np.concatenate(ends))
    columns = [pl.Series("first", cuts[:-1]), pl.Series("last", cuts[1:] - np.uint64(1))]
    for when, rows in (("before", before), ("after", after)):
        owner = pl.Series(_owners(cuts, rows), dtype=pl.Int64)
        places = owner.zip_with(owner >= 0, pl.Series([None], dtype=pl.Int64).new_from_index(0, len(owner)))
        columns += [rows[name].gather(places).alias(f"{name}_{when}") for name in (*_SAID, "given")]
    return pl.DataFrame(columns).with_columns(kind=pl.lit(kind))


def _owners(cuts: UInt64s, rows: "pl.DataFrame") -> npt.NDArray[np.int64]:
    """For each piece the place of the record that is believed there, -1 for none."""
    owner = np.full(max(len(cuts) - 1, 0), -1, dtype=np.int64)
    first = np.searchsorted(cuts, rows["first"].to_numpy())
    count = np.searchsorted(cuts, rows["last"].to_numpy() + np.uint64(1)) - first
    # Each record owns ``count`` pieces from ``first`` on. All their places at once: 0, 1, 2 … for all records one after
    # the other, moved for each record from where its run begins to ``first``. Later records overwrite earlier ones.
    for part in _parts(count):
        ends = np.cumsum(count[part])
        cells = np.arange(ends[-1]) + np.repeat(first[part] - ends + count[part], count[part])
        owner[cells] = np.repeat(np.arange(part.start, part.stop), count[part])
    return owner


def _parts(count: npt.NDArray[np.int64]) -> Iterator[slice]:
    """The rows in parts whose pieces together stay few."""
    start, total = 0, 0
    for place, pieces in enumerate(count.tolist()):
        total += pieces
        if total > _PIECES:
            yield slice(start, place + 1)
            start, total = place + 1, 0
    if start < len(count):
        yield slice(start, len(count))


def _changes() -> "pl.Expr":
    import polars as pl

    had, has = (pl.col(f"given_{when}").fill_null(value=False) for when in ("before", "after"))
    both = had & has

    def differs(name: str) -> pl.Expr:
        return both & pl.col(f"{name}_before").ne_missing(pl.col(f"{name}_after"))

    same_registry = pl.col("rir_before") == pl.col("rir_after")
    told = pl.col("holder_before").is_not_null() & pl.col("holder_after").is_not_null()
    words = {
        "registry": differs("rir"),
        "country": differs("country"),
        "holder": differs("holder") & same_registry & told,
        "status": differs("status") & same_registry,
        "given": has & ~had,
        "returned": had & ~has,
    }
    return pl.concat_list(pl.when(test).then(pl.lit(word)) for word, test in words.items()).list.drop_nulls()
