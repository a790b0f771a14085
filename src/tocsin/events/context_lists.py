"""Lists without time or evidence, such as blocklists: context beside an event or a problem, and never one themselves.

One Parquet file for each list: its entries, since when each has been on it without a gap, and in the file's metadata
what is known of the list. A new list replaces the one before, whole or not at all.
"""

import ipaddress
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import polars as pl

from tocsin.events.cves import is_cve, named_cves
from tocsin.events.extra import PREFIX, fold
from tocsin.events.idf_out import addresses
from tocsin.events.sources import Feed
from tocsin.node.files import sync_open, unfinished
from tocsin.node.paths import HomeFolder

_ENTRY, _SINCE, _SAID = "entry", "since", "said"
_KEY: Final = "tocsin"
_Network = ipaddress.IPv4Network | ipaddress.IPv6Network
_CVES: Final = "product.vulnerabilities"
_SHOWN: Final = 20  # records that could not be read


@dataclass(frozen=True)
class ContextList:
    """A list as it is here. ``taken_at``: when its newest version came; ``seen_at``: when it was last known to hold.

    ``unreadable``: how many records name nothing; ``examples``: line, reason and text of the first of them.
    """

    code: str
    name: str
    provider: str
    cadence_hours: int
    taken_at: datetime
    entries: int
    unreadable: int = 0
    examples: Sequence[tuple[int, str, str]] = ()
    seen_at: datetime | None = None

    @property
    def seen(self) -> datetime:
        """When it was last known to hold."""
        return max(self.taken_at, self.seen_at or self.taken_at)

    def is_stale(self, now: datetime) -> bool:
        """Whether it is older than its cadence allows: by half of it and an hour, as a feed is late."""
        return bool(self.cadence_hours) and now > self.seen + timedelta(hours=1.5 * self.cadence_hours + 1)


@dataclass(frozen=True)
class ContextListing:
    """That something is on a list: by which entry, and since when without a gap.

    ``said``: what a list of vulnerabilities says of this one, as a score or a date, by its own names.
    """

    on: ContextList
    entry: str
    since: datetime
    said: Mapping[str, object] = field(default_factory=dict)


def list_path(home: Path, code: str) -> Path:
    """Where a list is kept."""
    return home / HomeFolder.LISTS / f"{code}.parquet"


def entries_of(frame: pl.DataFrame) -> pl.DataFrame:
    """What each event names, as an entry: its address, else its network, URL, domain or AS, else its vulnerabilities.

    Columns ``entry`` and ``said``, the JSON of what is beyond the schema in rows of vulnerabilities.
    """
    address = addresses(frame, "source.ip")
    asn = pl.concat_str(pl.lit("AS"), pl.col("source.asn").cast(pl.String))
    others = ("source.network", "source.url", "source.fqdn")
    named = frame.select(pl.coalesce(address, *others, asn).alias(_ENTRY), pl.lit(None, pl.String).alias(_SAID))
    cves = frame.filter(named[_ENTRY].is_null() & frame[_CVES].is_not_null())
    if cves.is_empty():
        return named
    more = fold(cves.select("extra", *(name for name in cves.columns if name.startswith(PREFIX))))
    ids = pl.Series(_ENTRY, [named_cves([text]) for text in cves[_CVES]], pl.List(pl.String))
    return pl.concat([named, pl.DataFrame([ids, more["extra"].alias(_SAID)]).explode(_ENTRY, empty_as_null=True)])


def replace_list(
    home: Path, feed: Feed, entries: pl.DataFrame, unreadable: Sequence[tuple[int, str, str]], now: datetime
) -> ContextList:
    """Put a new list in place of the one before; entries that stay keep since when they are there.

    ``entries``: as `entries_of` has them.
    """
    path = list_path(home, feed.code)
    fresh = entries.drop_nulls(_ENTRY).unique(_ENTRY, keep="first", maintain_order=True)
    known = pl.lit(now, pl.Datetime("us", "UTC"))
    if path.is_file():
        fresh = fresh.join(
            pl.read_parquet(path, columns=[_ENTRY, _SINCE]), on=_ENTRY, how="left", maintain_order="left"
        )
        fresh = fresh.with_columns(pl.col(_SINCE).fill_null(known))
    else:
        fresh = fresh.with_columns(known.alias(_SINCE))
    found = ContextList(
        feed.code, feed.name, feed.provider, feed.cadence_hours, now, fresh.height, len(unreadable),
        [(line, reason, raw[:200]) for line, reason, raw in unreadable[:_SHOWN]],
    )  # fmt: skip
    said = json.dumps({**asdict(found), "taken_at": now.isoformat(), "seen_at": None})
    path.parent.mkdir(exist_ok=True)
    with unfinished(path.parent) as out:
        fresh.write_parquet(out, metadata={_KEY: said})
        sync_open(out)
        Path(out.name).replace(path)
    return found


def context_lists(home: Path, seen: Mapping[str, datetime] | None = None) -> list[ContextList]:
    """All lists by code. ``seen``: of some, when they were last known to hold, as where a server had nothing newer."""
    return [
        _described(path, (seen or {}).get(path.stem)) for path in sorted((home / HomeFolder.LISTS).glob("*.parquet"))
    ]


def find_listings(
    home: Path, values: Iterable[str], seen: Mapping[str, datetime] | None = None, *, code: str = "*"
) -> dict[str, list[ContextListing]]:
    """For each value that is on a list: where. Values are addresses, networks, ``AS64500``, domains, URLs and CVEs.

    An address is also on the networks around it, a domain on those above it, a URL by its host. ``code``: only this
    list.
    """
    asked, found = _ListQuery(dict.fromkeys(filter(None, values))), dict[str, list[ContextListing]]()
    for path in sorted((home / HomeFolder.LISTS).glob("*.parquet")) if code == "*" else _list_there(home, code):
        table, lengths = _table(path, path.stat().st_mtime_ns)
        rows = asked.candidates(lengths).join(table, on=_ENTRY, maintain_order="left")
        rows = rows.unique("value", keep="first", maintain_order=True)
        if rows.height:
            described = _described(path, (seen or {}).get(path.stem))
            for value, entry, since, said in rows.iter_rows():
                found.setdefault(value, []).append(ContextListing(described, entry, since, json.loads(said or "{}")))
    return found


def list_changed(home: Path, code: str) -> int:
    """By what a list is told from the one before it; 0 where there is none."""
    return next((path.stat().st_mtime_ns for path in _list_there(home, code)), 0)


def vulnerability_lists(home: Path) -> dict[str, str]:
    """The names of the lists of vulnerabilities, by code."""
    return {one.code: one.name for one in context_lists(home) if _lists_cves(list_path(home, one.code))}


def _lists_cves(path: Path) -> bool:
    table, _ = _table(path, path.stat().st_mtime_ns)
    return bool(table.height) and is_cve(table[_ENTRY][0])


def _list_there(home: Path, code: str) -> list[Path]:
    path = list_path(home, code)
    return [path] if code and path.parent == home / HomeFolder.LISTS and path.is_file() else []


def codes_of(found: Mapping[str, Sequence[ContextListing]], value: str) -> list[str]:
    """The codes of the lists that a value was found on."""
    return [one.on.code for one in found.get(value, ())]


class _ListQuery:
    """Values that are looked for, with the entries that would hold each; read once for all lists."""

    def __init__(self, values: Iterable[str]) -> None:
        self._nearest: list[tuple[str, str]] = []
        self._networks: list[tuple[str, _Network]] = []
        self._around: dict[tuple[int, int], list[tuple[str, str]]] = {}
        for value in values:
            if is_cve(value):
                self._nearest.append((value, value.upper()))
                continue
            self._nearest.append((value, value))
            host = _host(value)
            try:
                network = ipaddress.ip_network(host, strict=False)
            except ValueError:
                labels = host.split(".")
                self._nearest += [(value, ".".join(labels[place:])) for place in range(len(labels) - 1)]
                continue
            self._networks.append((value, network))
            if network.prefixlen == network.max_prefixlen:
                self._nearest.append((value, str(network.network_address)))

    def candidates(self, lengths: Sequence[tuple[int, int]]) -> pl.DataFrame:
        """Pairs of a value and an entry, the nearest first; ``lengths``: which networks there are."""
        pairs = [*self._nearest, *(pair for one in lengths for pair in self._of_length(*one))]
        return pl.DataFrame(pairs, {"value": pl.String, _ENTRY: pl.String}, orient="row")

    def _of_length(self, version: int, length: int) -> list[tuple[str, str]]:
        if (version, length) not in self._around:
            self._around[version, length] = [
                (value, str(network.supernet(new_prefix=length)))
                for value, network in self._networks
                if network.version == version and length <= network.prefixlen
            ]
        return self._around[version, length]


def _host(value: str) -> str:
    """The host of a URL or of an address with a port; anything else as it is."""
    host = value.partition("://")[2].partition("/")[0].rpartition("@")[2] if "://" in value else value
    bare = host if host.count(":") > 1 else host.partition(":")[0]
    return bare.lower().strip("[]")


def _described(path: Path, seen_at: datetime | None) -> ContextList:
    said: dict[str, Any] = json.loads(pl.read_parquet_metadata(path)[_KEY])
    said["taken_at"] = datetime.fromisoformat(said["taken_at"])
    return ContextList(**{**said, "seen_at": seen_at, "examples": [tuple(one) for one in said["examples"]]})


@lru_cache(maxsize=64)
def _table(path: Path, _changed: int) -> tuple[pl.DataFrame, tuple[tuple[int, int], ...]]:
    """The entries of a list, and which lengths of networks there are, by version of IP, the longest first."""
    table = pl.read_parquet(path)
    if _SAID not in table.columns:  # of before lists of vulnerabilities
        table = table.with_columns(pl.lit(None, pl.String).alias(_SAID))
    table = table.select(_ENTRY, _SINCE, _SAID)
    ends = table.select(
        length=pl.col(_ENTRY).str.extract(r"^[0-9a-f.:]+/(\d+)$").cast(pl.Int64),
        version=pl.when(pl.col(_ENTRY).str.contains(":", literal=True)).then(6).otherwise(4),
    )
    lengths = ends.drop_nulls().unique().sort("length", descending=True).select("version", "length").rows()
    return table, tuple(lengths)
