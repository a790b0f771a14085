"""One checked frame in the event schema from what any source read: values that do not fit are kept, not lost.

A value that is not what its field takes goes to ``extra`` under the field's name, and the row is flagged ``invalid``.
A network in place of an address becomes ``source.network``. Addresses of special use are flagged by it (``private``,
``documentation`` …: `tocsin.networks.SPECIAL_USE`), times to come with ``future``, and with ``clock`` those without a
zone in an hour that a clock change of the feed's zone doubles or leaves out. A row is unusable only when it names
no address, network, AS, domain or URL. An AS counts only where nothing more exact was to be said: not beside an address
that cannot be read, nor where the feed names an address, network, domain or URL and the row has none.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import numpy as np
import numpy.typing as npt
import polars as pl

from tocsin.events.classify import classify
from tocsin.events.extra import extra_columns
from tocsin.events.fields import BY_NAME, Field, FieldKind
from tocsin.events.schema import COLUMNS, INTERNAL
from tocsin.events.sources import Batch, Feed
from tocsin.events.times import unsure
from tocsin.events.values import read_values
from tocsin.networks import SPECIAL_USE, format_networks, parse_addresses, parse_networks, special_use
from tocsin.node.sentences import say

CLOCK_TOLERANCE: Final = timedelta(minutes=10)
"""How far a time may lie ahead of ours before it counts as future: clocks differ."""

_CVES: Final = "product.vulnerabilities"
UNUSABLE: Final = say("No usable address, network, AS, domain or URL in it.")

ONLY_AS: Final = say("Only an AS in it, where the feed names what of it: the whole AS is not meant.")

_ASSETS: Final = ("ip.hi", "network", "asn", "fqdn", "reverse_dns", "url")
_SIDES: Final = ("source", "destination")

Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class NormalisedBatch:
    """``frame`` in the schema, and which of its rows can be used.

    It has all columns but the internal ones, in order, and behind them ``extra.<name>`` (see `tocsin.events.extra`).

    ``usable``: a Boolean for each row. ``only_as``: where the row names an AS that does not count.
    """

    frame: pl.DataFrame
    usable: pl.Series
    only_as: pl.Series | None = None

    def set_aside(self, batch: Batch) -> list[tuple[int, str, str]]:
        """What of the batch cannot be used, each record once: its line, the reason, and its raw text."""
        rows = (~self.usable).arg_true().to_list()
        found: dict[tuple[int, str], str] = {}
        for row, record in zip(rows, batch.locate(rows) if rows else (), strict=True):
            found.setdefault(record, ONLY_AS if self.only_as is not None and self.only_as[row] else UNUSABLE)
        unreadable = [(one.line, one.reason, one.raw) for one in batch.unreadable]
        return unreadable + [(line, reason, raw) for (line, raw), reason in found.items()]


@dataclass
class _BatchWork:
    """What has been made of a batch so far: columns of the schema, and the texts that fit no field."""

    raw: pl.DataFrame
    ready: dict[str, pl.Series]
    rejected: dict[str, pl.Series]
    unsure: pl.Series | None = None  # whether the time stands in an hour that a clock change doubles or leaves out

    def reject(self, name: str, texts: pl.Series) -> None:
        """Keep the texts of a field that it cannot take (null elsewhere)."""
        if texts.null_count() < len(texts):
            self.rejected[name] = texts


def normalise(batch: Batch, feed: Feed, observed: datetime) -> NormalisedBatch:
    """The rows of a batch in the event schema, checked and classified.

    ``observed``: when this node heard of them (UTC).
    """
    read = {name: text for name, text in batch.constants.items() if _is_read(BY_NAME.get(name))}
    same = {name: text for name, text in batch.constants.items() if name not in read}
    told = batch.frame.with_columns(_filled(batch.frame, name, text) for name, text in read.items())
    plain = batch.plain and not read
    work = _BatchWork(told if plain else _trimmed(told), {}, {})
    for name in work.raw.columns:
        field = BY_NAME.get(name)
        if field and field.kind not in {FieldKind.IP, FieldKind.JSON} and name != "flags":
            _read_field(work, field, feed)
    for side in _SIDES:
        _read_addresses(work, side)
    if "time.observation" in work.ready:  # the sender's; ours is when we heard of it
        work.reject("time.observation", work.raw["time.observation"].cast(pl.String))
        del work.ready["time.observation"]
    only_as = _lone_as(work, batch.addressed)
    *extras, work.ready["extra"] = extra_columns(work.raw, work.rejected, batch.kinds, plain=plain)
    if (flags := _flags(work, observed)) is not None:
        work.ready["flags"] = flags
    frame = classify(_complete(work, feed, observed, same)).hstack(extras)
    usable = pl.DataFrame(_assets(work, frame, feed)).select(usable=pl.any_horizontal(pl.all()))
    return NormalisedBatch(frame, usable.to_series(), only_as)


def _is_read(field: Field | None) -> bool:
    """Whether a constant of the field is a value to check, as those in rows are: all but plain texts of the schema."""
    return field is None or field.kind not in {FieldKind.TEXT, FieldKind.LOWER}


def _filled(frame: pl.DataFrame, name: str, text: str) -> pl.Series:
    """The column with the constant where a row says nothing."""
    constant = pl.Series(name, [text], pl.String).new_from_index(0, frame.height)
    return constant if name not in frame.columns else frame[name].cast(pl.String).fill_null(constant)


def _assets(work: _BatchWork, frame: pl.DataFrame, feed: Feed) -> list[pl.Series]:
    """For each column that says where it was: in which rows it does."""
    names = [f"{side}.{asset}" for side in _SIDES for asset in _ASSETS]
    found = {name: frame[name].is_not_null() for name in names if name in work.ready}
    if not feed.notify:  # a list that is context: of vulnerabilities, too
        found |= {_CVES: frame[_CVES].is_not_null()}
    return [mark.alias(name) for name, mark in found.items()] or [frame["source.ip.hi"].is_not_null()]


def _lone_as(work: _BatchWork, addressed: frozenset[str]) -> pl.Series | None:
    """The rows with an AS that does not count, which goes to ``extra``: it would be the whole AS.

    That is an AS where nothing else of its side can be read, but was there or was to be.
    """
    marks = []
    for side in _SIDES:
        name = f"{side}.asn"
        numbers = work.ready.get(name)
        if numbers is None or not (side in addressed or f"{side}.ip" in work.rejected):
            continue
        others = [work.ready[one] for asset in _ASSETS if (one := f"{side}.{asset}") in work.ready and one != name]
        alone = numbers.is_not_null()
        for other in others:
            alone &= other.is_null()
        if side not in addressed:
            alone &= work.rejected[f"{side}.ip"].is_not_null()
        if alone.any():
            marks.append(alone)
            texts = work.raw[name].cast(pl.String).set(~alone, None)
            work.reject(name, work.rejected[name].fill_null(texts) if name in work.rejected else texts)
            work.ready[name] = numbers.set(alone, None)
    return pl.select(pl.any_horizontal(marks)).to_series() if marks else None


def _trimmed(frame: pl.DataFrame) -> pl.DataFrame:
    """The frame without blanks at the ends of texts; what is empty then is null."""
    texts = [name for name, dtype in frame.schema.items() if dtype == pl.String]
    blanks = frame.select(pl.col(texts).str.contains(r"^\s|\s$").any() | (pl.col(texts).str.len_bytes() == 0).any())
    dirty = [name for name in texts if blanks[name].item()]
    return frame.with_columns(pl.col(dirty).str.strip_chars().replace("", None)) if dirty else frame


def _read_field(work: _BatchWork, field: Field, feed: Feed) -> None:
    """One field's column, checked; texts it cannot take are rejected."""
    given = work.raw[field.name]
    if given.null_count() == len(given):
        return
    values, wrong = read_values(given, field, feed.time_format, feed.zone)
    work.ready[field.name] = values
    if field.name == "time.source" and given.dtype == pl.String:
        work.unsure = unsure(given, values, feed.time_format, feed.zone)
    if wrong is not None:
        work.reject(field.name, wrong)


def _read_addresses(work: _BatchWork, side: str) -> None:
    """The two columns of an address; a network that stands in its place goes to the network's column."""
    name = f"{side}.ip"
    if name not in work.raw.columns:
        return
    texts = work.raw[name].cast(pl.String)
    if texts.null_count() == len(texts):
        return
    hi, lo, ok = parse_addresses(texts)
    odd = np.flatnonzero(~ok & texts.is_not_null().to_numpy())
    if len(odd):
        _read_odd_addresses(work, side, texts, odd, (hi, lo, ok))
    missing = pl.Series(ok)
    for half, values in (("hi", hi), ("lo", lo)):
        column = pl.Series(f"{name}.{half}", values.view(np.int64))
        work.ready[column.name] = column if ok.all() else column.set(~missing, None)


def _read_odd_addresses(
    work: _BatchWork,
    side: str,
    texts: pl.Series,
    odd: npt.NDArray[np.intp],
    parsed: tuple[npt.NDArray[np.uint64], npt.NDArray[np.uint64], Bools],
) -> None:
    """Networks among the texts that are no address: a single address is one, a larger one goes to its own column."""
    hi, lo, ok = parsed
    odd_texts = texts.gather(odd)
    net_hi, net_lo, length, is_network = parse_networks(odd_texts)
    single = is_network & (length == 128)
    hi[odd[single]], lo[odd[single]], ok[odd[single]] = net_hi[single], net_lo[single], True
    wide = is_network & ~single
    name = f"{side}.network"
    given = work.ready.get(name, pl.Series(name, [None], pl.String).new_from_index(0, len(texts)))
    found = _scattered(format_networks(net_hi[wide], net_lo[wide], length[wide]), odd[wide], len(texts))
    fits = (given.is_null() | (given == found)) & found.is_not_null()
    work.ready[name] = given.zip_with(~fits, found).alias(name)
    rest = _scattered(odd_texts.filter(pl.Series(~single)), odd[~single], len(texts))
    work.reject(f"{side}.ip", rest.zip_with(~fits, pl.Series([None], dtype=pl.String).new_from_index(0, len(texts))))


def _scattered(values: pl.Series, places: npt.NDArray[np.intp], size: int) -> pl.Series:
    """A column of the size with the values at their places, null elsewhere."""
    index = np.full(size, -1, np.int64)
    index[places] = np.arange(len(places))
    return values.gather(pl.Series(index).replace(-1, None))


def _flags(work: _BatchWork, observed: datetime) -> pl.Series | None:
    """The warnings of each row, separated by blanks; None when no row has one."""
    marks: dict[str, pl.Series] = {}
    if work.rejected:
        any_rejected = pl.DataFrame(list(work.rejected.values())).select(
            pl.any_horizontal(pl.all().is_not_null()).alias("invalid")
        )
        marks["invalid"] = any_rejected.to_series()
    if "source.ip.hi" in work.ready:
        marks |= _special_uses(work.ready["source.ip.hi"], work.ready["source.ip.lo"])
    if "time.source" in work.ready:
        ahead = (work.ready["time.source"] > observed + CLOCK_TOLERANCE).fill_null(value=False)
        marks |= {"future": ahead} if ahead.any() else {}
    if work.unsure is not None and work.unsure.any():
        marks["clock"] = work.unsure
    columns = [pl.when(mark).then(pl.lit(word)).alias(word) for word, mark in marks.items()]
    if "flags" in work.raw.columns:
        columns.insert(0, pl.lit(work.raw["flags"]).alias("said"))
    if not columns:
        return None
    words = pl.select(columns).select(flags=pl.concat_str(pl.all(), separator=" ", ignore_nulls=True))
    return words.select(pl.when(pl.col("flags") != "").then("flags")).to_series()


def _special_uses(hi: pl.Series, lo: pl.Series) -> dict[str, pl.Series]:
    """For each special use that occurs, which addresses have it."""
    uses = special_use(
        hi.fill_null(0).to_numpy().view(np.uint64),
        lo.fill_null(_ORDINARY).to_numpy().view(np.uint64),
    )
    return {SPECIAL_USE[use]: pl.Series(uses == use) for use in np.unique(uses) if use}


_ORDINARY: Final = 0xFFFF_0000_0000 + (8 << 24)  # 8.0.0.0 stands in where there is no address


def _complete(work: _BatchWork, feed: Feed, observed: datetime, constants: Mapping[str, str]) -> pl.DataFrame:
    """All columns in order: what was read, what the feed says of every row, null for the rest."""
    said: dict[str, object] = {
        **constants,
        "time.observation": observed,
        "feed.provider": feed.provider or None,
        "feed.name": feed.name or None,
        "feed.code": feed.code,
        "tlp": feed.tlp,
        "pap": feed.pap or None,
    }
    columns = []
    for name, dtype in COLUMNS.items():
        if name in INTERNAL:
            continue
        constant = pl.lit(said.get(name), dtype)
        if name in work.ready:
            columns.append(pl.col(name).fill_null(constant) if said.get(name) else pl.col(name))
        else:
            columns.append(constant.alias(name))
    return pl.DataFrame([column.alias(name) for name, column in work.ready.items()]).select(columns)
