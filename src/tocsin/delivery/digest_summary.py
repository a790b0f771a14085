"""What a digest has to say, counted from its events: by topic, by problem, worst first; many digests at once."""

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import polars as pl

from tocsin.events import addresses

TEMPLATES = Path(__file__).parent / "templates"
DELIVERY = "_delivery"  # the column that says which digest an event belongs to
SEVERITIES = ("undefined", "info", "low", "medium", "high", "critical")
PLACES_SHOWN = 10  # problems listed in the text for each topic; the attached data has all
_MINUTE = "%Y-%m-%d %H:%M"
_URGENT = {"critical": 1, "high": 3}  # days


@dataclass(frozen=True, slots=True)
class AdviceTopic:
    """Which advice goes with which events; ``days`` is the time we ask for a fix in.

    ``urls``: the lists of this topic show the URL under the address.
    """

    name: str
    days: int
    types: frozenset[str]
    identifiers: frozenset[str]
    urls: bool = False


@dataclass(frozen=True, slots=True)
class GoneProblem:
    """A problem that its feed no longer finds."""

    where: str
    what: str
    last_seen: datetime | None = None


@dataclass(frozen=True, slots=True)
class ProblemLine:
    """One problem as a line of a list, times to the minute in UTC. ``new`` None: not known.

    ``said``: what the team said of it before this sighting, and the day: ``("fixed", "2026-11-20")``. ``due``: until
    when an earlier mail asked for a fix; empty where none did.
    """

    where: str
    port: str
    what: str
    url: str
    last_seen: str
    new: bool | None
    said: tuple[str, str] | None = None
    due: str = ""


@dataclass(slots=True)
class TopicCount:
    """One topic of a digest: how many problems, how bad, and the first of them.

    ``others``: None where the team answers for these; else who does, and the team only wants to know. ``again``: how
    many of them the team had called mended or not there. ``mailed``: the days until which earlier mails asked for a
    fix, and of how many each; ``asked_severity``: the worst of the others, which this mail asks for.
    """

    topic: AdviceTopic
    severity: str
    problems: int
    new: int | None
    others: tuple[str, ...] | None = None
    again: int = 0
    places: list[ProblemLine] = field(default_factory=list)
    mailed: Sequence[tuple[str, int]] = ()
    asked_severity: str = ""

    @property
    def days(self) -> int:
        """See `days_to_fix`."""
        return days_to_fix(self.topic, self.severity)

    @property
    def asked(self) -> int:
        """Of how many this mail names the day first; none where others answer for them."""
        return 0 if self.others is not None else self.problems - sum(count for _, count in self.mailed)

    @property
    def asked_days(self) -> int:
        """Within how many days it asks for a fix of these."""
        return days_to_fix(self.topic, self.asked_severity or self.severity)


@dataclass(frozen=True, slots=True)
class Silence:
    """So many problems of a digest that others were told of, first at ``since``, and did not answer."""

    problems: int
    names: tuple[str, ...]
    since: datetime | None


@dataclass(slots=True)
class DigestSummary:
    """All that the text of one digest is made of."""

    events: int = 0
    topics: list[TopicCount] = field(default_factory=list)
    networks: list[tuple[int, str]] = field(default_factory=list)  # AS numbers with names, most events first
    feeds: list[tuple[str, float | None]] = field(default_factory=list)  # most events first
    first_seen: datetime | None = None
    last_seen: datetime | None = None
    gone: Sequence[GoneProblem] = ()
    silence: Silence | None = None

    @property
    def problems(self) -> int:
        """How many different problems it tells of."""
        return sum(topic.problems for topic in self.topics)

    @property
    def again(self) -> int:
        """How many of them the team had called mended or not there, and were seen again."""
        return sum(topic.again for topic in self.topics)

    @property
    def informed(self) -> bool:
        """Whether the team answers for none of them and only wants to know."""
        return bool(self.topics) and all(topic.others is not None for topic in self.topics)

    @property
    def new(self) -> int | None:
        """How many of them are told for the first time; None where that is not known."""
        counts = [topic.new for topic in self.topics]
        return None if None in counts else sum(count for count in counts if count is not None)


@cache
def topics() -> dict[str, AdviceTopic]:
    """All topics by name, from ``templates/topics.toml``."""
    read = tomllib.loads((TEMPLATES / "topics.toml").read_text(encoding="utf-8"))
    return {
        name: AdviceTopic(
            name,
            int(of["days"]),
            frozenset(of.get("types", ())),
            frozenset(of.get("identifiers", ())),
            bool(of.get("urls", False)),
        )
        for name, of in read.items()
    }


def days_to_fix(topic: AdviceTopic, severity: str) -> int:
    """Within how many days we ask for a fix: the topic's, or fewer where the severity asks for it."""
    return min(topic.days, _URGENT.get(severity, topic.days))


def severity_rank() -> pl.Expr:
    """The place of an event's severity in `SEVERITIES`."""
    return pl.col("severity").replace_strict(
        list(SEVERITIES), list(range(len(SEVERITIES))), default=0, return_dtype=pl.Int8
    )


def digest_summaries(events: pl.DataFrame) -> dict[int, DigestSummary]:
    """For each digest of the column ``_delivery``, what it has to say.

    ``events``: columns of `schema.COLUMNS`; where the wiring knows them also ``problem.new`` (Boolean),
    ``problem.first_seen`` (time), ``problem.said`` and ``problem.said_at`` (what its team claimed of it, and when), and
    ``problem.others`` (who answers for it, names separated by line feeds; null where the team itself does), and
    ``problem.silent`` and ``problem.first_told`` (who did not answer, likewise, and since when; null for most), and
    ``problem.due`` (until when an earlier mail asked its team for a fix, Int64 seconds since 1970 UTC; null: none did).
    """
    places = _places(events)
    surveys = {int(number): DigestSummary() for number in events[DELIVERY].unique()}
    _count_topics(events, places, surveys)
    _list_places(events, places, surveys)
    _count_networks(events, surveys)
    _count_feeds(events, surveys)
    _count_silence(events, surveys)
    for number, count, first, last in (
        places.group_by(DELIVERY).agg(pl.col("events").sum(), pl.col("first").min(), pl.col("last").max()).iter_rows()
    ):
        surveys[number].events, surveys[number].first_seen, surveys[number].last_seen = count, first, last
    for one in surveys.values():
        one.topics.sort(
            key=lambda of: (
                of.others is not None,
                of.days,
                -SEVERITIES.index(of.severity),
                -(of.new or 0),
                -of.problems,
            )
        )
    return surveys


def one_line(text: pl.Expr) -> pl.Expr:
    """Text without line breaks, control characters and characters that change the direction of writing."""
    return text.str.replace_all(r"[\p{Cc}\p{Cf}\p{Co}\p{Z}\s]+", " ").str.strip_chars()


def _places(events: pl.DataFrame) -> pl.DataFrame:
    """One row per digest, topic, who answers, and problem.

    ``at`` is the row of its first event, ``topic`` a number in `topics`, ``again`` whether it was seen after the team
    said that it is not there.
    """
    when = pl.coalesce("time.source", "time.observation")
    since = pl.min_horizontal(when, "problem.first_seen") if "problem.first_seen" in events.columns else when
    severity = severity_rank()
    rows = events.select(
        DELIVERY,
        _topic().alias("topic"),
        pl.coalesce("problem", -pl.int_range(1, pl.len() + 1, dtype=pl.Int64)).alias("problem"),
        pl.int_range(pl.len()).alias("at"),
        "source.ip.hi",
        "source.ip.lo",
        severity.fill_null(0).alias("severity"),
        since.alias("first"),
        when.alias("last"),
        _where_known(events, "problem.new", pl.Boolean()).alias("new"),
        _where_known(events, "problem.others", pl.String()).is_not_null().alias("informed"),
        (when.dt.epoch("s") > _where_known(events, "problem.said_at", pl.Datetime("us", "UTC")).dt.epoch("s"))
        .fill_null(value=False)
        .alias("again"),
        _day(_where_known(events, "problem.due", pl.Int64())).alias("due"),
    )
    return rows.group_by(DELIVERY, "topic", "informed", "problem").agg(
        pl.col("at", "source.ip.hi", "source.ip.lo").first(),
        pl.col("severity").max(),
        pl.col("first").min(),
        pl.col("last").max(),
        pl.col("new").any(ignore_nulls=False),
        pl.col("again").any(),
        pl.col("due").max(),
        pl.len().alias("events"),
    )


def _day(seconds: pl.Expr) -> pl.Expr:
    return pl.from_epoch(seconds, time_unit="s").dt.to_string("%Y-%m-%d")


def _where_known(events: pl.DataFrame, name: str, dtype: pl.DataType) -> pl.Expr:
    return pl.col(name) if name in events.columns else pl.repeat(None, pl.len(), dtype=dtype)


_NAMES = (
    pl.col("source.network"),
    pl.col("source.fqdn"),
    pl.col("source.url"),
    pl.lit("AS") + pl.col("source.asn").cast(pl.String),
    pl.col("source.account"),
)


def topic_names(events: pl.DataFrame) -> pl.Series:
    """The name of the topic of each event, as `topics` has them: which advice goes with it."""
    names = pl.Series(list(topics()))
    return names.gather(events.select(_topic().alias("topic"))["topic"])


def _topic() -> pl.Expr:
    names = list(topics())
    by_identifier = {of: number for number, topic in enumerate(topics().values()) for of in topic.identifiers}
    by_type = {of: number for number, topic in enumerate(topics().values()) for of in topic.types}
    return pl.coalesce(
        *(
            pl.col(column).replace_strict(list(of), list(of.values()), default=None, return_dtype=pl.UInt8)
            for column, of in (
                ("classification.identifier", by_identifier),
                ("classification.type", by_type),
                ("rsit.type", by_type),
            )
        ),
        pl.lit(names.index("other"), pl.UInt8),
    )


def _port() -> pl.Expr:
    port = pl.col("source.port").cast(pl.String)
    transport = pl.col("protocol.transport")
    return pl.when(transport.is_not_null()).then(port + "/" + transport).otherwise(port).fill_null("")


def _count_topics(events: pl.DataFrame, places: pl.DataFrame, surveys: dict[int, DigestSummary]) -> None:
    counts = places.group_by(DELIVERY, "topic", "informed").agg(
        pl.len().alias("problems"),
        pl.col("severity").max(),
        pl.when(pl.col("new").null_count() == 0).then(pl.col("new").sum()).alias("new"),
        pl.col("again").sum(),
        pl.col("at"),
        pl.col("due").drop_nulls().value_counts(name="of"),
        pl.col("severity").filter(pl.col("due").is_null()).max().alias("asked"),
    )
    known = list(topics().values())
    for number, topic, informed, problems, severity, new, again, at, dues, asked in counts.iter_rows():
        others = _names(events["problem.others"].gather(at)) if informed else None
        mailed = () if informed else sorted((one["due"], one["of"]) for one in dues)
        worst = "" if asked is None else SEVERITIES[asked]
        one = TopicCount(known[topic], SEVERITIES[severity], problems, new, others, again, mailed=mailed)
        one.asked_severity = worst
        surveys[number].topics.append(one)


def _count_silence(events: pl.DataFrame, surveys: dict[int, DigestSummary]) -> None:
    if "problem.silent" not in events.columns:
        return
    asked = events.filter(pl.col("problem.silent").is_not_null())
    for (number,), of in asked.group_by(DELIVERY):
        since = of["problem.first_told"].min()
        surveys[int(str(number))].silence = Silence(
            of["problem"].n_unique(), _names(of["problem.silent"]), since if isinstance(since, datetime) else None
        )


def _names(others: pl.Series) -> tuple[str, ...]:
    """The names in texts that separate them by line feeds, most frequent first."""
    names = others.to_frame("name").select(pl.col("name").str.split("\n").explode()).select(one_line(pl.col("name")))
    counts = names.filter(pl.col("name") != "").group_by("name").len().sort("len", "name", descending=[True, False])
    return tuple(counts["name"])


def problem_words(events: pl.DataFrame) -> pl.DataFrame:
    """Where and what the problem of each event is, in words: ``where``, ``port``, ``what``, ``url``."""
    return events.select(
        pl.coalesce(addresses(events, "source.ip"), *_NAMES, pl.lit("?")).alias("where"),
        _port().alias("port"),
        pl.coalesce("classification.identifier", "malware.name", "classification.type", pl.lit("?")).alias("what"),
        pl.col("source.url").fill_null("").alias("url"),
    ).select(one_line(pl.all()))


def _list_places(events: pl.DataFrame, places: pl.DataFrame, surveys: dict[int, DigestSummary]) -> None:
    """The first problems of each topic: those said to be mended, then new ones, then the worst, then by address."""
    order = {"again": True, "new": True, "severity": True, "source.ip.hi": False, "source.ip.lo": False}
    group = (DELIVERY, "topic", "informed")
    shown = (
        places.sort(*group, *order, "problem", descending=[False, False, False, *order.values(), False])
        .group_by(*group, maintain_order=True)
        .head(PLACES_SHOWN)
    )
    first = events[shown["at"]]
    last = shown["last"].dt.to_string(_MINUTE).fill_null("?")
    said = first.select(
        _where_known(events, "problem.said", pl.String()).alias("verdict"),
        _where_known(events, "problem.said_at", pl.Datetime("us", "UTC")).dt.to_string("%Y-%m-%d").alias("day"),
    )
    names = list(topics())
    lists = {
        (number, names.index(count.topic.name), count.others is not None): count.places
        for number, of in surveys.items()
        for count in of.topics
    }
    lines = zip(
        shown.select(group).iter_rows(),
        problem_words(first).iter_rows(),
        last,
        shown["new"],
        shown["again"],
        said.iter_rows(),
        shown["due"].fill_null(""),
        strict=True,
    )
    for place, (where, port, what, url), seen, new, again, claim, due in lines:
        lists[place].append(ProblemLine(where, port, what, url, seen, new, claim if again else None, due))


def _count_networks(events: pl.DataFrame, surveys: dict[int, DigestSummary]) -> None:
    counts = (
        events.filter(pl.col("source.asn").is_not_null())
        .group_by(DELIVERY, "source.asn")
        .agg(one_line(pl.col("source.as_name").drop_nulls().first()), pl.len())
        .sort("len", "source.asn", descending=[True, False])
    )
    for number, asn, name, _ in counts.iter_rows():
        surveys[number].networks.append((asn, name or ""))


def _count_feeds(events: pl.DataFrame, surveys: dict[int, DigestSummary]) -> None:
    name = pl.concat_str(
        one_line(pl.col("feed.provider")),
        one_line(pl.coalesce("feed.name", "feed.code")),
        separator=", ",
        ignore_nulls=True,
    )
    counts = (
        events.group_by(DELIVERY, name.alias("feed"), "feed.accuracy")
        .len()
        .sort("len", "feed", descending=[True, False])
    )
    for number, feed, accuracy, _ in counts.iter_rows():
        surveys[number].feeds.append((feed or "", accuracy))


def utc(when: datetime | None) -> str:
    """A time to the minute in UTC, ``2026-11-24 06:00``; a question mark where it is not known."""
    return when.astimezone(UTC).strftime(_MINUTE) if when else "?"
