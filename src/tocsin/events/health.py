"""Whether a feed comes as it always came: on time, about as much, with the same columns.

Pure: the history of a feed and the time go in, what is wrong comes out. `tocsin.events.alarms` keeps it.

How much is usual is read from the feed's own past by median and MAD (median absolute deviation), which a few odd
reports do not move (Hampel, JASA 69, 1974). Rows are compared as logarithms, since counts vary by shares; small counts
also vary by chance, which their square roots show (Anscombe, Biometrika 35, 1948).
"""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import exp, log, log1p, sqrt
from statistics import median

from tocsin.events.models import AlarmKind
from tocsin.node.sentences import join_sentences, say

ENOUGH_REPORTS = 7
"""So many earlier reports, over `ENOUGH_DAYS` days, say what is usual; with fewer no report is too small or large."""

ENOUGH_DAYS = 5

_SPREADS = 5.0  # standard deviations away from the median that are not usual
_LEAST_FACTOR = 2.0  # less than the double or more than the half is always usual
_MAD_TO_DEVIATION = 1.4826  # of a normal distribution
_NAMED = 6  # columns that a sentence names
_FILLED = ""  # among the names of columns: the others are of what was filled, not of what the report names
_NEVER, _SOMETIMES, _MOSTLY, _ALWAYS = "0", "1", "2", "3"  # before such a name: in how many rows
_CHANCE = 0.05  # by which a column that is as usual may be empty in all rows
_RECENT = 5  # reports whose columns say what is usually filled
_NEVER_EMPTY = 10  # rows; a feed whose reports all had so many does not come empty by chance


@dataclass(frozen=True)
class FeedReport:
    """One report of a feed that was taken in; ``columns`` is None where nobody knows them."""

    ingest: int
    at: datetime
    report: str
    rows: int
    columns: frozenset[str] | None = None
    quarantined: int = 0

    @property
    def series(self) -> str:
        """The report's name without its numbers: what comes under one name is compared with itself."""
        return re.sub(r"\d+", "#", self.report)


@dataclass(frozen=True)
class Trouble:
    """What is wrong with a feed, in words, and the report that shows it."""

    kind: AlarmKind
    words: str
    ingest: int | None = None


@dataclass(frozen=True)
class Usual:
    """The rows that are usual: ``low`` to ``high``, around ``middle``, of so many ``reports``."""

    low: int
    middle: int
    high: int
    reports: int


def troubles(
    heard: Sequence[FeedReport],
    *,
    last: datetime,
    cadence_hours: int,
    now: datetime,
    columns_since: int | None = None,
    looked_at: datetime | None = None,
) -> list[Trouble]:
    """What is wrong with a feed now.

    ``heard``: its reports in the order of their ingests, without those that were replayed; the oldest may be missing.
    ``last``: when the last one came. ``cadence_hours`` 0: it may come when it likes. ``columns_since``: the ingest that
    showed changed columns, where a person did not yet look at it; ``looked_at``: when a person last looked at some.
    """
    found = [_late(last, cadence_hours, now), _changed(heard, columns_since, looked_at)]
    newest = _newest_of_each(heard, cadence_hours)
    found += [judge(heard, one) for one in newest for judge in (_set_aside, _empty, _sized)]
    return _one_of_a_kind([trouble for trouble in found if trouble is not None])


def filled_columns(filled: Mapping[str, int]) -> list[str]:
    """Names for the columns of a report that names none: of those that its records filled, by how many; see `Batch`."""
    rows = filled.get("", 0)
    if not rows:
        return []
    return [_FILLED, *(f"{_sign(count / rows)}{name}" for name, count in filled.items() if name)]


def _sign(share: float) -> str:
    return _ALWAYS if share == 1 else _MOSTLY if share >= 0.5 else _SOMETIMES if share else _NEVER


def late_after(last: datetime, cadence_hours: int) -> datetime | None:
    """When a feed counts as late: half a cadence, or an hour, after it should have come; never without a cadence."""
    if not cadence_hours:
        return None
    return last + timedelta(hours=cadence_hours + max(cadence_hours / 2, 1))


def usual(earlier: Sequence[FeedReport]) -> Usual:
    """The rows that are usual after these reports, at least one."""
    logs = [log1p(one.rows) for one in earlier]
    middle = median(logs)
    deviation = _MAD_TO_DEVIATION * median(abs(value - middle) for value in logs)
    reach = max(_SPREADS * deviation, log(_LEAST_FACTOR))
    centre = exp(middle) - 1
    by_chance = _by_chance(centre)
    return Usual(
        low=max(0, round(min(exp(middle - reach) - 1, by_chance[0]))),
        middle=round(centre),
        high=round(max(exp(middle + reach) - 1, by_chance[1])),
        reports=len(earlier),
    )


def _by_chance(centre: float) -> tuple[float, float]:
    """How few and how many rows chance alone makes of ``centre``."""
    root = sqrt(centre + 3 / 8)
    return max(root - _SPREADS / 2, 0) ** 2 - 3 / 8, (root + _SPREADS / 2) ** 2 - 3 / 8


def _late(last: datetime, cadence_hours: int, now: datetime) -> Trouble | None:
    due = late_after(last, cadence_hours)
    if due is None or now <= due:
        return None
    return Trouble(
        AlarmKind.LATE,
        say(
            "Nothing came since %(last)s UTC; it comes every %(cadence_hours)s h.",
            last=f"{last:%Y-%m-%d %H:%M}",
            cadence_hours=cadence_hours,
        ),
    )


def _newest_of_each(heard: Sequence[FeedReport], cadence_hours: int) -> list[FeedReport]:
    """The newest report of each series that still comes."""
    newest = {one.series: one for one in heard}
    if not newest:
        return []
    since = heard[-1].at - timedelta(hours=max(cadence_hours, 1))
    return [one for one in newest.values() if one.at >= since]


def _sized(heard: Sequence[FeedReport], one: FeedReport) -> Trouble | None:
    """Whether a report has far fewer or more rows than those before it, and than those of the same day of the week."""
    earlier = [other for other in _comparable(heard, one) if other.ingest < one.ingest]
    if len(earlier) < ENOUGH_REPORTS or len({other.at.date() for other in earlier}) < ENOUGH_DAYS:
        return None
    expected = usual(earlier)
    if expected.low <= one.rows <= expected.high:
        return None
    same_day = [other for other in earlier if other.at.weekday() == one.at.weekday()]
    if same_day and usual(same_day).low <= one.rows <= usual(same_day).high:
        return None
    kind = AlarmKind.SHRUNK if one.rows < expected.low else AlarmKind.GROWN
    words = say(
        "%(report)s: %(rows)s rows, where %(low)s to %(high)s are usual (%(reports)s reports, median %(middle)s).",
        report=one.report,
        rows=f"{one.rows:,}",
        low=f"{expected.low:,}",
        high=f"{expected.high:,}",
        reports=expected.reports,
        middle=f"{expected.middle:,}",
    )
    return Trouble(kind, words, one.ingest)


def _set_aside(_: Sequence[FeedReport], one: FeedReport) -> Trouble | None:
    """Whether more than half of a report is in quarantine."""
    if 2 * one.quarantined <= one.rows:
        return None
    words = say(
        "%(report)s: %(quarantined)s of %(rows)s rows cannot be used; they are in quarantine.",
        report=one.report,
        quarantined=f"{one.quarantined:,}",
        rows=f"{one.rows:,}",
    )
    return Trouble(AlarmKind.UNREADABLE, words, one.ingest)


def _empty(heard: Sequence[FeedReport], one: FeedReport) -> Trouble | None:
    """Whether a report has no row where each before it had many, also where its past is short."""
    earlier = [other.rows for other in _comparable(heard, one) if other.ingest < one.ingest]
    if one.rows or not 0 < len(earlier) < ENOUGH_REPORTS or min(earlier) < _NEVER_EMPTY:  # of more, `_sized` says it
        return None
    words = say("%(report)s: no rows, where each report before had some.", report=one.report)
    return Trouble(AlarmKind.SHRUNK, words, one.ingest)


def _comparable(heard: Sequence[FeedReport], one: FeedReport) -> Sequence[FeedReport]:
    """The reports of the same series; all of the feed where names never come twice."""
    often = Counter(other.series for other in heard)
    if max(often.values()) <= ENOUGH_REPORTS:
        return heard
    return [other for other in heard if other.series == one.series]


def _changed(heard: Sequence[FeedReport], since: int | None, looked_at: datetime | None) -> Trouble | None:
    """Whether the newest report has columns like none before it; the change stays one until a person looked."""
    known = [(one, one.columns) for one in heard if one.columns is not None]
    if not known:
        return None
    newest, now = known[-1]
    if _FILLED in now:
        return _emptied(known, since or newest.ingest)
    ingest = since or newest.ingest
    before = [columns for one, columns in known if one.ingest < ingest]
    accepted = [columns for one, columns in known if looked_at is not None and one.at <= looked_at]
    if now in before or now in accepted or (since is None and not before):
        return None
    if not before:  # the history that the change was seen against is past
        return Trouble(AlarmKind.COLUMNS, say("The columns changed."), ingest)
    return Trouble(AlarmKind.COLUMNS, _difference(before[-1], now), ingest)


def _emptied(known: Sequence[tuple[FeedReport, frozenset[str]]], ingest: int) -> Trouble | None:
    """Whether no row of the newest report fills a column that the mapping reads and that was filled before.

    Compared with the reports before ``ingest``; each must have filled it in most rows, since others are rare.
    """
    before = [(one, columns) for one, columns in known if one.ingest < ingest and _FILLED in columns][-_RECENT:]
    newest, now = known[-1]
    rows, seen = max(newest.rows, 1), sum(one.rows for one, _ in before)
    always = (seen / (seen + rows)) ** seen * (rows / (seen + rows)) ** rows  # at the likeliest share of rows
    missing = []
    for name in sorted(name[1:] for name in now if name[:1] == _NEVER):
        signs = {next((sign for sign in (_ALWAYS, _MOSTLY) if sign + name in of), _SOMETIMES) for _, of in before}
        chance = {_ALWAYS: always, _MOSTLY: 0.5**rows}.get(min(signs, default=_SOMETIMES), 1)
        missing += [name] if chance <= _CHANCE else []
    if not missing:
        return None
    return Trouble(AlarmKind.COLUMNS, say("No row fills %(columns)s any more.", columns=_listed(missing)), ingest)


def _difference(before: frozenset[str], now: frozenset[str]) -> str:
    missing, new = sorted(before - now), sorted(now - before)
    said = [say("missing %(columns)s", columns=_listed(missing))] * bool(missing)
    said += [say("new %(columns)s", columns=_listed(new))] * bool(new)
    return say("The columns changed: %(said)s.", said=join_sentences("; ", said))


def _listed(names: Sequence[str]) -> str:
    rest = len(names) - _NAMED
    return ", ".join(names[:_NAMED]) + (f" and {rest} more" if rest > 0 else "")


def _one_of_a_kind(found: Sequence[Trouble]) -> list[Trouble]:
    kinds = {trouble.kind: trouble for trouble in reversed(found)}
    return [kinds[kind] for kind in AlarmKind if kind in kinds]
