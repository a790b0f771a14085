"""How long things take, measured and not claimed: a problem heard of, told, answered for, gone; for each team told.

When a problem ended is never seen. It lies between its last sighting and the next run of its feed that did not see it;
a problem that still goes on, and a team that has not answered yet, have a time that is only known to be longer.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from enum import StrEnum
from typing import Final

import numpy as np
import numpy.typing as npt
import polars as pl
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from tocsin.delivery import WAS_SENT, Delivery, DeliveryItem
from tocsin.events import TOLD_IN, EventStore, Ingest, IngestState, TeamSet
from tocsin.node.censoring import RESAMPLES, Median, median
from tocsin.node.node import Node
from tocsin.node.records import Database
from tocsin.problems.answers import read_answers
from tocsin.problems.current import KnownProblems, known_problems
from tocsin.problems.track import Tracker

_TIME = pl.Datetime("us", "UTC")
TIMES: Final = {
    "problem": pl.UInt64,
    "team": pl.Int64,
    "asn": pl.Int64,
    "type": pl.String,
    "country": pl.String,
    "heard": _TIME,
    "told": _TIME,
    "answered": _TIME,
    "last_seen": _TIME,
    "missed": _TIME,
    "feed": pl.Int64,
}
"""The columns of `problem_times`."""

_HOUR = 3_600_000_000  # microseconds
_DAY = 86_400  # seconds
_NEVER = 2**32  # seconds since 1970 UTC
_CHUNK = 500
_EACH: Final = 48  # bytes at most that an event takes while tellings are put together
_CAME: Final = select(Ingest.number, Ingest.started_at)


class Stretch(StrEnum):
    """A part of a problem's course."""

    TELLING = "telling"  # from hearing of it to the mail that told the team
    ANSWERING = "answering"  # from that mail to the team's first answer
    FIXING = "fixing"  # from that mail to its end


class By(StrEnum):
    """What times are put together by."""

    ALL = "all"
    TEAM = "team"
    ASN = "as"
    TYPE = "type"
    COUNTRY = "country"


@dataclass(frozen=True, slots=True)
class TimesGroup:
    """The times of one group: how many problems, and the median of each stretch, None where it has no times.

    ``key``: the team's number, the AS number, the type or the country; None for all. ``ended_before``: problems that
    were gone before the team was told, which no telling can have mended; they do not count in *fixing*.
    """

    key: object
    problems: int
    stretches: Mapping[Stretch, Median | None]
    ended_before: int


def problem_times(node: Node, store: EventStore, tracker: Tracker, *, since: datetime | None = None) -> pl.DataFrame:
    """The course of each problem for each team that was to be told of it: a frame with the columns of `TIMES`.

    ``told`` is when a digest with it was accepted by the mail server (or written), null while it was not; a digest that
    bounced told nobody. ``answered`` is the first answer by a person. ``missed`` is the next run of its feed that did
    not see it, null while it does not count as gone. ``feed``: the number of the one that saw
    it last. ``since``: only problems first heard of from then on.
    """
    with node.database.reading() as session:
        told = _told(store, session)
        keys, after_days = told["problem"].unique().to_numpy(), node.settings.tell.gone_after_days
        notes = _notes(session, known_problems(session, tracker, gone_after_days=after_days, keys=keys))
    answers = _answers(node.database)
    frame = told.join(notes, on="problem").join(answers, on=["problem", "team"], how="left")
    if since is not None:
        frame = frame.filter(pl.col("heard") >= since)
    return (
        frame.with_columns(pl.when(pl.col("answered") >= pl.col("told")).then("answered").alias("answered"))
        .group_by("problem", "team")
        .agg(pl.col("answered").min(), pl.exclude("problem", "team", "answered").first())
        .select(*TIMES)
        .sort("problem", "team")
    )


def summarise(
    times: pl.DataFrame, by: By, *, now: datetime, most: int = 0, resamples: int = RESAMPLES
) -> list[TimesGroup]:
    """The groups of `problem_times`, those with most problems first; at most ``most`` of them where that is not 0."""
    if times.is_empty():
        return []
    if by is By.ALL:
        return [_group(None, times, now, resamples)]
    column = "asn" if by is By.ASN else by.value
    parts = times.partition_by(column, as_dict=True, maintain_order=True)
    ordered = sorted(parts.items(), key=lambda part: (-part[1].height, str(part[0][0])))
    return [_group(key, part, now, resamples) for (key,), part in ordered[: most or None]]


def bounds(times: pl.DataFrame, stretch: Stretch, now: datetime) -> tuple[npt.NDArray[np.float64], ...]:
    """Between which hours each time of a stretch lies: two float64[n], the second infinite where it has not ended.

    Rows without a beginning of the stretch, and problems that were gone before they were told, are left out.
    """
    begin, end_after, end_by = {
        Stretch.TELLING: ("heard", pl.coalesce("told", pl.lit(now)), pl.col("told")),
        Stretch.ANSWERING: ("told", pl.coalesce("answered", pl.lit(now)), pl.col("answered")),
        Stretch.FIXING: ("told", pl.col("last_seen"), pl.col("missed")),
    }[stretch]
    hours = times.filter(pl.col(begin).is_not_null()).select(
        left=_hours(end_after - pl.col(begin)).clip(0), right=_hours(end_by - pl.col(begin)).fill_null(np.inf)
    )
    if stretch is Stretch.FIXING:
        hours = hours.filter(pl.col("right") > 0)
    else:
        hours = hours.with_columns(pl.col("right").clip(0))
    return hours["left"].to_numpy(), hours["right"].to_numpy()


def _group(key: object, times: pl.DataFrame, now: datetime, resamples: int) -> TimesGroup:
    stretches: dict[Stretch, Median | None] = {}
    for stretch in Stretch:
        left, right = bounds(times, stretch, now)
        stretches[stretch] = median(left, right, resamples=resamples) if len(left) else None
    before = times.filter(pl.col("missed") <= pl.col("told")).height
    return TimesGroup(key, times["problem"].n_unique(), stretches, before)


def _hours(duration: pl.Expr) -> pl.Expr:
    return duration.dt.total_microseconds() / _HOUR


def _told(store: EventStore, session: Session) -> pl.DataFrame:
    """Per problem and team that was to be told of it: where it is, what it is, and when it was first told."""
    events = store.collect(
        store.scan()
        .filter(pl.col("told") > 0)
        .select(
            pl.col("problem").reinterpret(signed=False),
            TOLD_IN.alias("ingest"),
            pl.col("told").cast(pl.Int64).alias("set"),
            pl.coalesce("network.asn", "source.asn").cast(pl.Int64).alias("asn"),
            pl.col("classification.type").alias("type"),
            pl.coalesce("network.country", "source.geolocation.cc").alias("country"),
        )
        .group_by("problem", "ingest", "set")
        .agg(pl.col("asn", "type", "country").first()),
        needs=_EACH * int(store.table.listing()["num_records"].sum()),
    )
    sent = (
        select(DeliveryItem.ingest, DeliveryItem.team_id, Delivery.sent_at)
        .join(Delivery, Delivery.id == DeliveryItem.delivery_id)
        .where(WAS_SENT)
    )
    # Events are kept for a year, and what was sent for ever: of older ingests nothing is asked.
    first = events["ingest"].min()
    rows = () if first is None else session.execute(sent.where(DeliveryItem.ingest >= first))
    told = _frame(rows, {"ingest": pl.Int64, "team": pl.Int64, "told": _TIME})
    members = [(row.number, team) for row in session.scalars(select(TeamSet)) for team in row.members]
    teams = _frame(members, {"set": pl.Int64, "team": pl.Int64})
    return (
        events.join(teams, on="set")
        .join(told, on=["ingest", "team"], how="left")
        .sort("ingest")
        .group_by("problem", "team")
        .agg(pl.col("asn", "type", "country").first(), pl.col("told").min())
    )


def _notes(session: Session, known: KnownProblems) -> pl.DataFrame:
    """Per problem when this node heard of it, when it was last seen, and the run that missed it where it is gone."""
    last_seen, feed, met_by = (known.column(name) for name in ("last_seen", "feed", "met_by"))
    is_gone = known.gone_at > 0
    missed = np.zeros(len(known.keys), dtype=np.int64)
    for number, times in _runs(session, since=min(last_seen[is_gone].tolist(), default=_NEVER)).items():
        mine = np.flatnonzero((feed == number) & is_gone)
        # The first run on a later day; there is one, since the problem counts as gone.
        following = np.searchsorted(times, (last_seen[mine] // _DAY + 1) * _DAY)
        missed[mine] = times[np.minimum(following, len(times) - 1)]
    heard = _heard(session, np.unique(met_by).tolist())
    first_heard = np.fromiter((heard.get(number, 0) for number in met_by.tolist()), dtype=np.int64)
    columns = {"heard": first_heard, "last_seen": last_seen, "missed": missed}
    found = {name: _times(column) for name, column in columns.items()}
    return pl.DataFrame({"problem": known.keys, **found, "feed": feed.astype(np.int64)})


def _heard(session: Session, numbers: Sequence[int]) -> dict[int, int]:
    """When each of these ingests came, in seconds since 1970 UTC."""
    heard: dict[int, int] = {}
    for start in range(0, len(numbers), _CHUNK):
        some = Ingest.number.in_(numbers[start : start + _CHUNK])
        heard |= {number: int(at.timestamp()) for number, at in session.execute(_CAME.where(some))}
    return heard


def feed_spans(session: Session) -> dict[int, tuple[date, date]]:
    """The days of the first and the last report of each feed, by its number."""
    spans = select(Ingest.feed_id, func.min(Ingest.started_at), func.max(Ingest.started_at))
    rows = session.execute(spans.where(Ingest.state == IngestState.COMMITTED).group_by(Ingest.feed_id))
    return {feed: (first.date(), last.date()) for feed, first, last in rows if feed is not None}


def _runs(session: Session, *, since: int) -> dict[int, npt.NDArray[np.int64]]:
    """For each feed the times of the newest event of its runs since then, sorted, in seconds since 1970 UTC."""
    day_before = datetime.fromtimestamp(since - _DAY, UTC)  # a clock that goes wrong puts an event after its report
    ran = select(Ingest.feed_id, Ingest.newest_event).where(
        Ingest.state == IngestState.COMMITTED, Ingest.newest_event.is_not(None), Ingest.started_at >= day_before
    )
    runs: dict[int, list[int]] = {}
    for feed, newest in session.execute(ran):
        if newest is not None:
            runs.setdefault(feed, []).append(int(newest.timestamp()))
    return {feed: np.array(sorted(times), dtype=np.int64) for feed, times in runs.items()}


def _answers(database: Database) -> pl.DataFrame:
    """When each team said something of a problem."""
    table = read_answers(database)
    rows = np.flatnonzero(table.counts()[table.places])
    of = table.places[rows]
    return pl.DataFrame(
        {"problem": table.keys[rows], "team": table.teams[of], "answered": pl.Series(table.at[of]).cast(_TIME)}
    )


def _frame(rows: Iterable[object], schema: Mapping[str, object]) -> pl.DataFrame:
    return pl.DataFrame([tuple(row) for row in rows], schema=schema, orient="row")  # type: ignore[arg-type]


def _times(seconds: npt.NDArray[np.int64]) -> pl.Series:
    """Times, null where they are 0."""
    return pl.Series(seconds * 1_000_000, dtype=pl.Int64).replace(0, None).cast(_TIME)
