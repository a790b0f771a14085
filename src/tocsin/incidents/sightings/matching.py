"""Which events of a frame have one of many observables: by columns, never by event. Pure."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import numpy.typing as npt
import polars as pl

from tocsin.events import COLUMNS, cve_columns, cves_of, may_name
from tocsin.incidents.states import ObservableKind
from tocsin.networks import parse_address, parse_network

_HALF: Final = 2**64
_GOLDEN: Final = np.uint64(0x9E3779B97F4A7C15)
_HOST: Final = r"^[a-z][a-z0-9+.-]*://(?:[^/?#@]*@)?\[?([^/?#\]:]+)"  # of a URL (RFC 3986, 3.2)
_URL_ALONE: Final = pl.when(pl.col("source.fqdn").is_null()).then(pl.col("source.url"))  # without the name of its host
_ADDRESSES: Final = ("source.ip", "destination.ip")
_TEXTS: Final[Mapping[str, Sequence[tuple[tuple[str, ...], pl.Expr]]]] = {
    ObservableKind.DOMAIN: (
        (("source.fqdn",), pl.col("source.fqdn")),
        (("source.url", "source.fqdn"), _URL_ALONE.str.extract(_HOST)),
        (("destination.fqdn",), pl.col("destination.fqdn")),
    ),
    ObservableKind.URL: (
        (("source.url",), pl.col("source.url")),
        (("destination.url",), pl.col("destination.url")),
    ),
    ObservableKind.MD5: ((("malware.hash.md5",), pl.col("malware.hash.md5").str.to_lowercase()),),
    ObservableKind.SHA1: ((("malware.hash.sha1",), pl.col("malware.hash.sha1").str.to_lowercase()),),
    ObservableKind.SHA256: ((("malware.hash.sha256",), pl.col("malware.hash.sha256").str.to_lowercase()),),
}
"""By kind, the texts of an event that are a value: the columns that each needs, and the text. CVEs stand in lists."""

_ASNS: Final = ("source.asn", "network.asn", "destination.asn")
MATCHED: Final[Mapping[str, pl.DataType | type[pl.DataType]]] = {
    "observable": pl.Int64, "at": pl.Int64, "routed": pl.Int32, "problem": pl.Int64,
}  # fmt: skip
"""What is known of a match: whose (a number), when (seconds since 1970, or null), and of its event."""

KINDS: Final = frozenset({ObservableKind.IP, ObservableKind.NETWORK, ObservableKind.ASN, ObservableKind.CVE, *_TEXTS})
"""The kinds that events are compared with."""


@dataclass(frozen=True, slots=True)
class WatchedObservable:
    """What is looked for. ``number``: what its matches are called by."""

    number: int
    kind: str
    value: str


@dataclass(frozen=True)
class _Values:
    """Values with their observables: key columns and ``observable``.

    ``bits``: whether a value has its place there, by `_place` of the last key: nearly all rows of a batch end there.
    """

    frame: pl.DataFrame
    bits: npt.NDArray[np.bool_]

    @classmethod
    def of(cls, rows: Sequence[tuple[object, ...]], schema: Mapping[str, type[pl.DataType]]) -> "_Values":
        frame = pl.DataFrame(rows, schema=dict(schema), orient="row")
        bits = np.zeros(1 << min(max((64 * frame.height).bit_length(), 10), 23), dtype=bool)
        bits[_place(frame[frame.columns[-2]], len(bits))] = True
        return cls(frame, bits)

    @property
    def last(self) -> pl.Series:
        """The different values of the last key, as `is_in` takes them."""
        return self.frame[self.frame.columns[-2]].unique().implode()


@dataclass(frozen=True)
class ObservableMatcher:
    """Many observables, compiled. ``numbers``: theirs; of a kind that no event has, it is here and matches nothing."""

    numbers: frozenset[int] = frozenset()
    addresses: "_Values | None" = None
    networks: "Mapping[int, _Values]" = field(default_factory=dict)
    asns: "_Values | None" = None
    texts: "Mapping[str, _Values]" = field(default_factory=dict)
    cves: "_Values | None" = None

    @classmethod
    def of(cls, wanted: Sequence[WatchedObservable]) -> "ObservableMatcher":
        """The matcher of these."""
        by_kind: dict[str, list[WatchedObservable]] = {}
        for one in wanted:
            by_kind.setdefault(one.kind, []).append(one)
        halves = [
            (*_signed(address), one.number)
            for one in by_kind.get(ObservableKind.IP, ())
            if (address := parse_address(one.value)) is not None
        ]
        asns = [(int(one.value), one.number) for one in by_kind.get(ObservableKind.ASN, ())]
        return cls(
            frozenset(one.number for one in wanted),
            _Values.of(halves, _ADDRESS_SCHEMA) if halves else None,
            _networks(by_kind.get(ObservableKind.NETWORK, ())),
            _Values.of(asns, {"_value": pl.Int64, "observable": pl.Int64}) if asns else None,
            {kind: _texts(by_kind[kind]) for kind in _TEXTS if kind in by_kind},
            _texts(by_kind[ObservableKind.CVE]) if ObservableKind.CVE in by_kind else None,
        )

    def columns(self, there: Collection[str]) -> list[str]:
        """What `match` asks for of the columns that there are."""
        lists = cve_columns(there) if self.cves is not None else []
        return list(dict.fromkeys((*NEEDED, *lists)))

    def may_match(self, there: Collection[str]) -> pl.Expr:
        """A condition that holds for all events that match, and few others: to be asked of files of the event table.

        ``there``: the columns that they have.
        """
        conditions: list[pl.Expr] = []
        if self.addresses is not None:
            low = self.addresses.last
            conditions += [pl.col(f"{name}.lo").is_in(low) for name in _ADDRESSES]
        for length, values in self.networks.items():
            conditions += [_masked(length)[1].is_in(values.last)]
        if self.asns is not None:
            conditions += [pl.col(name).is_in(self.asns.last) for name in _ASNS]
        for kind, values in self.texts.items():
            conditions += [text.is_in(values.last) for _, text in _TEXTS[kind]]
        if self.cves is not None:
            conditions += may_name(self.cves.frame["_value"].unique().to_list(), cve_columns(there))
        return (
            pl.any_horizontal([one.fill_null(value=False) for one in conditions]) if conditions else pl.lit(value=False)
        )

    def match(self, events: pl.DataFrame) -> pl.DataFrame:
        """Each match of an event (columns of `schema.COLUMNS`) and an observable, once: columns `MATCHED`."""
        found = [one for one in self._found(events) if one.height]
        if not found:
            return pl.DataFrame(schema=MATCHED)
        pairs = pl.concat(found).unique()
        at = pl.coalesce("time.source", "time.observation").dt.epoch("s").alias("at")
        facts = events.select(at, pl.col("routed").fill_null(0).cast(pl.Int32), "problem")[pairs["_row"]]
        return pl.concat([pairs.select("observable"), facts], how="horizontal").select(
            pl.col(name).cast(of) for name, of in MATCHED.items()
        )

    def _found(self, events: pl.DataFrame) -> Iterator[pl.DataFrame]:
        """Pairs of ``_row`` and ``observable``."""
        if self.addresses is not None:
            for name in _ADDRESSES:
                yield _joined(events, (f"{name}.hi", f"{name}.lo"), self.addresses)
        for length, values in self.networks.items():
            yield _joined(events.select(*_masked(length)), ("_in_hi", "_in_lo"), values)
        if self.asns is not None:
            for name in _ASNS:
                yield _joined(events, (name,), self.asns)
        for kind, values in self.texts.items():
            for columns, text in _TEXTS[kind]:
                known = all(name in events.columns for name in columns)
                if known and events[columns[0]].null_count() < events.height:
                    yield _joined(events.select(text.alias("_text")), ("_text",), values)
        if self.cves is not None:
            named = cves_of(events, self.cves.frame["_value"])
            yield named.join(self.cves.frame, left_on="_text", right_on="_value").select("_row", "observable")


_ADDRESS_SCHEMA: Final[Mapping[str, type[pl.DataType]]] = {"_hi": pl.Int64, "_lo": pl.Int64, "observable": pl.Int64}
NEEDED: Final = tuple(
    name
    for name in dict.fromkeys(
        (
            *(f"{name}.{half}" for name in _ADDRESSES for half in ("hi", "lo")), *_ASNS,
            *(name for of in _TEXTS.values() for columns, _ in of for name in columns),
            "time.source", "time.observation", "routed", "problem",
        )
    )
    if name in COLUMNS
)  # fmt: skip
"""The columns that `ObservableMatcher.match` asks for."""


def _joined(events: pl.DataFrame, columns: tuple[str, ...], values: _Values) -> pl.DataFrame:
    """The rows whose columns are one of the values."""
    empty = pl.DataFrame(schema={"_row": pl.UInt32, "observable": pl.Int64})
    if any(name not in events.columns or events[name].null_count() == events.height for name in columns):
        return empty
    keys = values.frame.columns[:-1]
    rows = np.flatnonzero(values.bits[_place(events[columns[-1]], len(values.bits))])
    if not len(rows):
        return empty
    narrow = events.select(columns)[rows].select(
        pl.Series("_row", rows, dtype=pl.UInt32),
        *(pl.col(name).cast(values.frame.schema[key]).alias(key) for name, key in zip(columns, keys, strict=True)),
    )
    return narrow.join(values.frame, on=keys, how="inner").select("_row", "observable")


def _place(column: pl.Series, size: int) -> npt.NDArray[np.uint64]:
    """For each value its place in a table of ``size`` (a power of two), by a hash."""
    if column.dtype == pl.String:
        hashed = column.hash().to_numpy()
    else:  # multiplicative hashing (Knuth 6.4); a null is as 0
        hashed = column.cast(pl.Int64).fill_null(0).to_numpy().view(np.uint64) * _GOLDEN
    found: npt.NDArray[np.uint64] = hashed >> np.uint64(65 - size.bit_length())
    return found


def _networks(wanted: Sequence[WatchedObservable]) -> dict[int, _Values]:
    """By length of the prefix, the halves of the networks."""
    rows: dict[int, list[tuple[int, int, int]]] = {}
    for one in wanted:
        if (network := parse_network(one.value)) is not None:
            rows.setdefault(network.length, []).append((*_signed((network.hi, network.lo)), one.number))
    return {length: _Values.of(of, _ADDRESS_SCHEMA) for length, of in sorted(rows.items())}


def _masked(length: int) -> tuple[pl.Expr, pl.Expr]:
    """The halves of the first address in the network of this length that the source is in."""
    mask = (1 << 128) - (1 << 128 - length)
    hi, lo = _signed((mask >> 64, mask % _HALF))
    return (pl.col("source.ip.hi") & hi).alias("_in_hi"), (pl.col("source.ip.lo") & lo).alias("_in_lo")


def _texts(wanted: Sequence[WatchedObservable]) -> _Values:
    return _Values.of([(one.value, one.number) for one in wanted], {"_value": pl.String, "observable": pl.Int64})


def _signed(address: tuple[int, int]) -> tuple[int, int]:
    """The halves of an address as the event table has them."""
    hi, lo = (half - _HALF if half >> 63 else half for half in address)
    return hi, lo
