"""Problems by the month in which this node heard of them: how many, what became of them, and how long it took."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final

import polars as pl

from tocsin.node.censoring import Median, median
from tocsin.problems.times import Stretch, bounds

MONTHS: Final = 13
"""The months of a table: twelve that are over, and the present one."""

SEVERAL: Final = "several"
"""The group of the problems that are in more than one."""

_WEEK: Final = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class MonthFigures:
    """One month. A problem of several teams counts once, and as notified, answered where one of them was or did.

    ``first``: its first day. ``gone``: of those notified, how many their feeds no longer see. ``medians``: of each
    stretch, None where there are no times.
    """

    first: date
    problems: int
    notified: int
    answered: int
    gone: int
    medians: Mapping[Stretch, Median | None]


@dataclass(frozen=True, slots=True)
class Change:
    """Problems of a month against those of the one before, of the feeds that came through both.

    ``begun``: problems of the later month whose feed began since the earlier one did; ``ended``: of the earlier one
    whose feed stopped before the later one was over. Both are in the totals, and say nothing of more or less.
    """

    last: int
    before: int
    begun: int
    ended: int

    @property
    def percent(self) -> int | None:
        """By how much more or less; None where there is nothing to compare with."""
        return round(100 * (self.last - self.before) / self.before) if self.before else None


@dataclass(frozen=True, slots=True)
class GroupFigures:
    """One group in the last whole month and in the one before it."""

    key: object
    last: MonthFigures
    before: MonthFigures
    change: Change


def monthly_figures(times: pl.DataFrame, now: datetime, months: int = MONTHS) -> list[MonthFigures]:
    """The last months up to the present one, oldest first; ``times``: as `problem_times` gives them.

    Months before the first that has a problem are left out.
    """
    parts = _by_month(times)
    firsts = [first for first in _months_before(now.date(), months) if parts and first >= min(parts)]
    return [_figures(first, parts.get(first, times.clear()), now) for first in firsts]


def group_figures(
    times: pl.DataFrame, column: str, now: datetime, feeds: Mapping[int, tuple[date, date]]
) -> list[GroupFigures]:
    """The last whole month beside the one before it, by the values of a column; most problems first.

    Each problem is in one group, so that groups add up to the total: one with several values is in `SEVERAL`.
    ``feeds``: see `feed_spans`.
    """
    before, last, present = _months_before(now.date(), 3)
    of_both = times.filter(pl.col("heard").dt.date().is_between(before, present, closed="left"))
    several = pl.col(column).n_unique().over("problem") > 1
    of_both = of_both.with_columns(pl.when(several).then(pl.lit(SEVERAL)).otherwise(column).alias(column))
    found = []
    for (key,), part in of_both.partition_by(column, as_dict=True, include_key=True).items():
        parts = _by_month(part)
        of_last, of_before = (parts.get(first, times.clear()) for first in (last, before))
        months = _figures(last, of_last, now), _figures(before, of_before, now)
        found.append(GroupFigures(key, *months, change_of(of_last, of_before, last, before, feeds)))
    return sorted(found, key=lambda one: (-one.last.problems, -one.before.problems, str(one.key)))


def last_change(times: pl.DataFrame, now: datetime, feeds: Mapping[int, tuple[date, date]]) -> Change:
    """The last whole month against the one before it, of all problems."""
    before, last, _ = _months_before(now.date(), 3)
    parts = _by_month(times)
    return change_of(parts.get(last, times.clear()), parts.get(before, times.clear()), last, before, feeds)


def change_of(
    of_last: pl.DataFrame, of_before: pl.DataFrame, last: date, before: date, feeds: Mapping[int, tuple[date, date]]
) -> Change:
    """How two months compare.

    A feed is in both that began in the first week of the earlier one and ran into the last week of the later one.
    """
    end = (last + timedelta(days=32)).replace(day=1)
    begun = [feed for feed, (first, _) in feeds.items() if first >= before + _WEEK]
    ended = [feed for feed, (_, newest) in feeds.items() if newest < end - _WEEK]
    later, earlier = (of.unique("problem") for of in (of_last, of_before))
    both = ~pl.col("feed").is_in([*begun, *ended])
    return Change(
        later.filter(both).height,
        earlier.filter(both).height,
        later.filter(pl.col("feed").is_in(begun)).height,
        earlier.filter(pl.col("feed").is_in(ended)).height,
    )


def _by_month(times: pl.DataFrame) -> dict[date, pl.DataFrame]:
    heard = times.filter(pl.col("heard").is_not_null()).with_columns(
        pl.col("heard").dt.date().dt.month_start().alias("month")
    )
    return {first: part for (first,), part in heard.partition_by("month", as_dict=True).items()}


def _months_before(today: date, count: int) -> list[date]:
    """The first days of the last months, the present one last."""
    return list(_backwards(today.replace(day=1), count))[::-1]


def _backwards(first: date, count: int) -> Iterator[date]:
    for _ in range(count):
        yield first
        first = (first - timedelta(days=1)).replace(day=1)


def _figures(first: date, times: pl.DataFrame, now: datetime) -> MonthFigures:
    told = times.filter(pl.col("told").is_not_null())
    medians = {}
    for stretch in Stretch:
        left, right = bounds(times, stretch, now)
        medians[stretch] = median(left, right) if len(left) else None
    return MonthFigures(
        first,
        problems=times["problem"].n_unique(),
        notified=told["problem"].n_unique(),
        answered=told.filter(pl.col("answered").is_not_null())["problem"].n_unique(),
        gone=told.filter(pl.col("missed") > pl.col("told"))["problem"].n_unique(),
        medians=medians,
    )
