"""Public figures: how many events came, by month and class, so coarse that no single network can be picked out.

A month is counted once, when it is over, by when its reports came, and then kept: no figure changes from one day to
the next, so that nothing can be told from the difference. What is not shown goes into no total. What that protects
from, and from what it does not: docs/design/public-statistics.md.
"""

import json
import math
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Final

from sqlalchemy import func, select

from tocsin.events import Ingest, IngestState
from tocsin.node.censoring import Median
from tocsin.node.files import disk_failures, write_whole
from tocsin.node.paths import HomeFolder
from tocsin.pipeline.stores import NodeWithStores
from tocsin.problems import By, problem_times, summarise
from tocsin.sharing.gate import Audience, Recipient, ReleasePurpose, Tlp, decide, fields_for, read_marking, read_tlp

NETWORKS: Final = 10
"""A figure is shown where at least so many networks (AS numbers) are in it,"""

LARGEST: Final = 0.8
"""of which none has more than this share of it,"""

REST: Final = 0.1
"""and those beyond the two largest have together this share of the largest (the p % rule of statistical offices)."""

STEP: Final = 10
"""Figures are rounded to a multiple of this."""

CLASSES: Final = (
    "abusive-content", "malicious-code", "information-gathering", "intrusion-attempts", "intrusions", "availability",
    "information-content-security", "fraud", "vulnerable", "other",
)  # fmt: skip
"""The classes of the Reference Security Incident Taxonomy, version 1003, without tests."""


class MissingReason(StrEnum):
    """Why there is no figure where one could stand."""

    FEW = "few-networks"  # those in it could be picked out: the three rules above
    MARKED = "marked"  # all of it is marked above what may be counted for everybody
    POLICY = "policy"  # the gate lets no figures out
    NOT_MEASURED = "not-measured"  # no report came in that month
    NOT_KNOWN = "not-known"  # counted before the reason was kept: nothing came, or it may not be counted


UNKNOWN: Final = 0
"""Stands for the AS of events of which it is not known."""

_RELEASED = read_marking("CLEAR", "CLEAR")
_CLASS, _COUNTRY = "rsit.taxonomy", "network.country"


@dataclass(frozen=True)
class Month:
    """The figures of one month: for each class a rounded count, 0 where nothing came, None where it is not published.

    ``why``: of each that is not, the reason, see `MissingReason`.
    ``first``: its first day. ``country``: the ISO 3166-1 code that it is of, empty for everywhere. ``up_to``: the
    highest TLP label that was counted. ``hours``: the rounded median of each stretch of its problems, None where more
    than half have no end; empty where too few networks are in it.
    """

    first: date
    country: str
    up_to: str
    counts: Mapping[str, int | None]
    hours: Mapping[str, int | None] = field(default_factory=dict)
    why: Mapping[str, str] = field(default_factory=dict)

    @property
    def shown(self) -> int | None:
        """The sum of what is published; None where nothing is."""
        shown = [count for count in self.counts.values() if count is not None]
        return sum(shown) if shown else None

    @property
    def reasons(self) -> Sequence[MissingReason]:
        """Why something of it is not published, each reason once."""
        return [reason for reason in MissingReason if reason in self.why.values()]


def protect(networks: Mapping[int, int]) -> int | None:
    """What may be shown of one class: its rounded count, or None. ``networks``: events by AS, `UNKNOWN` with them."""
    counts = sorted((count for count in networks.values() if count), reverse=True)
    if not counts:
        return 0
    known = sum(1 for asn, count in networks.items() if asn != UNKNOWN and count)
    if known < NETWORKS or counts[0] > LARGEST * sum(counts) or sum(counts[2:]) < REST * counts[0]:
        return None
    return (sum(counts) + STEP // 2) // STEP * STEP


def read_months(node: NodeWithStores, *, now: datetime) -> list[Month]:
    """The months that are kept, the newest first, after counting those that are over and are not.

    Raises:
        StorageError: the disk failed.

    """
    keep_months(node, now=now)
    with disk_failures("The public figures cannot be read"):
        files = sorted((node.home / HomeFolder.FIGURES).glob("????-??.json"), reverse=True)
        return [_read(path) for path in files]


def keep_months(node: NodeWithStores, *, now: datetime) -> int:
    """Count each month that is over, is not kept, and of which no event was deleted yet; returns how many."""
    oldest = now.date() - timedelta(days=node.settings.retention.events_days)
    over = [first for first in _months(_first_day(node), now.date()) if first > oldest]
    missing = [first for first in over if not _path(node, first).exists()]
    for first in missing:
        _write(_path(node, first), count_month(node, first))
    for first in over:
        if first not in missing and set((kept := _read(_path(node, first))).why.values()) & {MissingReason.NOT_KNOWN}:
            _write(_path(node, first), with_reasons(kept, count_month(node, first)))
    return len(missing)


def count_month(node: NodeWithStores, first: date) -> Month:
    """The figures of a month, counted."""
    country, up_to = node.settings.node.country, node.settings.node.statistics_up_to
    ingests = _ingests(node, first)
    counted, marked = _by_class(node, ingests, country, up_to)
    figures = {name: figure(counted.get(name, {}), marked=name in marked, measured=bool(ingests)) for name in CLASSES}
    counts = {name: of if isinstance(of, int) else None for name, of in figures.items()}
    why = {name: of.value for name, of in figures.items() if not isinstance(of, int)}
    if not _may_be_released():
        counts, why = dict.fromkeys(CLASSES), dict.fromkeys(CLASSES, MissingReason.POLICY.value)
    return Month(first, country, up_to, counts, _hours(node, first), why)


def figure(networks: Mapping[int, int], *, marked: bool, measured: bool) -> int | MissingReason:
    """What is published of one class in one month. Pure.

    ``networks``: see `protect`. ``marked``: there is more of it that may not be counted; ``measured``: a report came.
    """
    if not measured:
        return MissingReason.NOT_MEASURED
    if marked and not any(networks.values()):
        return MissingReason.MARKED
    count = protect(networks)
    return MissingReason.FEW if count is None else count


def with_reasons(kept: Month, counted: Month) -> Month:
    """A month that was kept without reasons, with those that were found now: what was published stays as it was."""
    counts = {
        name: counted.counts[name]
        if kept.why.get(name) == MissingReason.NOT_KNOWN and not counted.counts[name]
        else count
        for name, count in kept.counts.items()
    }
    why = {name: counted.why.get(name, MissingReason.MARKED.value) for name, count in counts.items() if count is None}
    why |= {name: reason for name, reason in kept.why.items() if reason != MissingReason.NOT_KNOWN}
    return replace(kept, counts=counts, why=why)


def _hours(node: NodeWithStores, first: date) -> dict[str, int | None]:
    """The medians of the problems that were heard of in a month, where their networks may be shown together."""
    import polars as pl

    start = datetime.combine(first, time(), UTC)
    times = problem_times(node, node.store, node.tracker, since=start).filter(pl.col("heard").dt.date() < _next(first))
    of_network = times.group_by(pl.col("asn").fill_null(UNKNOWN)).agg(pl.col("problem").n_unique()).iter_rows()
    if not protect(dict(of_network)):
        return {}
    found = summarise(times, By.ALL, now=datetime.now(UTC), resamples=1)[0].stretches
    return {str(stretch): _rounded(of) for stretch, of in found.items() if of is not None}


def _rounded(of: Median) -> int | None:
    return None if math.isinf(of.latest) else max(round((of.earliest + of.latest) / 2), 1)


def _may_be_released() -> bool:
    """Whether the gate lets such figures out: each is an item of its own, made here and marked TLP:CLEAR."""
    everybody = Recipient(Audience.PUBLIC)
    verdict = decide(_RELEASED, everybody, ReleasePurpose.STATISTICS)
    said = {_CLASS, _COUNTRY} <= set(fields_for(everybody, ReleasePurpose.STATISTICS, _RELEASED))
    return verdict.allowed and said


def _by_class(
    node: NodeWithStores, ingests: Collection[int], country: str, up_to: str
) -> tuple[dict[str, dict[int, int]], set[str]]:
    """Events by class and AS of these reports that may be counted, and the classes with some that may not."""
    import polars as pl

    wanted = pl.col(_CLASS).is_in(CLASSES)
    if country:
        wanted &= pl.coalesce(_COUNTRY, "source.geolocation.cc") == country
    may = pl.col("tlp").is_in(_labels(up_to)).fill_null(value=False).alias("may")
    rows = node.store.collect(
        node.store.scan(ingests=ingests)
        .filter(wanted)
        .group_by(_CLASS, may, pl.coalesce("network.asn", "source.asn").fill_null(UNKNOWN).alias("asn"))
        .len()
    )
    found: dict[str, dict[int, int]] = defaultdict(dict)
    marked = set()
    for name, may_be_counted, asn, count in rows.iter_rows():
        if may_be_counted:
            found[name][asn] = count
        else:
            marked.add(name)
    return found, marked


def _labels(up_to: str) -> list[str]:
    """The TLP labels that are counted; an event without one is not."""
    highest = read_tlp(up_to)
    return [label.value for label in Tlp if label.rank <= highest.rank]


def _ingests(node: NodeWithStores, first: date) -> list[int]:
    within = (Ingest.day >= first) & (Ingest.day < _next(first)) & (Ingest.state == IngestState.COMMITTED)
    with node.database.reading() as session:
        return list(session.scalars(select(Ingest.number).where(within)))


def _first_day(node: NodeWithStores) -> date | None:
    with node.database.reading() as session:
        return session.scalar(select(func.min(Ingest.day)))


def _months(start: date | None, today: date) -> Iterator[date]:
    """The first days of the months from that of a day to the last that is over."""
    first = start.replace(day=1) if start else today
    while _next(first) <= today:
        yield first
        first = _next(first)


def _next(first: date) -> date:
    return (first.replace(day=1) + timedelta(days=32)).replace(day=1)


def _path(node: NodeWithStores, first: date) -> Path:
    return node.home / HomeFolder.FIGURES / f"{first:%Y-%m}.json"


def _read(path: Path) -> Month:
    said = json.loads(path.read_text(encoding="utf-8"))
    counts, why = said["counts"], said.get("why")
    if why is None:  # kept when what may not be counted was a zero
        why = {
            name: (MissingReason.FEW if count is None else MissingReason.NOT_KNOWN).value
            for name, count in counts.items()
            if not count
        }
        counts = {name: count or None for name, count in counts.items()}
    return Month(date.fromisoformat(said["first"]), said["country"], said["up_to"], counts, said.get("hours", {}), why)


def _write(path: Path, month: Month) -> None:
    """Keep a month for good, whole or not at all."""
    said = {
        "first": month.first.isoformat(),
        "country": month.country,
        "up_to": month.up_to,
        "counts": month.counts,
        "hours": month.hours,
        "why": month.why,
    }
    with disk_failures("The public figures cannot be kept"):
        write_whole(path, json.dumps(said).encode())
