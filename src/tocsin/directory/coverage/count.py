"""The counting: frames in, frames out; an AS number counts once, in one country."""

from collections.abc import Collection, Mapping
from typing import Final

import polars as pl

from tocsin.directory.contacts import ContactState

SORTS: Final = ("contact", "abuse", "security")
"""What is looked for: any mailbox, a registered abuse mailbox, a security or CSIRT contact."""

RANKS: Final = (
    ContactState.UNKNOWN,
    ContactState.BOUNCING,
    ContactState.STALE,
    ContactState.REGISTERED,
    ContactState.VERIFIED,
    ContactState.ANSWERING,
)
"""The states of contacts from the worst to the best; of several contacts the best one counts."""

LEVELS: Final = {"": ContactState.BOUNCING, "_verified": ContactState.VERIFIED, "_answering": ContactState.ANSWERING}
"""The ending of a column, and from which state on an AS number counts in it; bare: a mailbox is registered."""

_FAMILIES: Final = ("ipv4", "ipv6")
_SLASH_48: Final = 1 << 16  # networks of /64 in one of /48


def best_states(teams: pl.DataFrame, contacts: pl.DataFrame) -> pl.DataFrame:
    """The best state of each sort for each AS number that a team answers for: ``asn`` and a column for each of `SORTS`.

    ``teams``: ``asn``, ``team``. ``contacts``: ``team``, ``sort``, ``state``. No mailbox of a sort is ``unknown``.
    """
    rank = pl.col("state").replace_strict({state.value: n for n, state in enumerate(RANKS)}, return_dtype=pl.UInt8)
    best = contacts.group_by("team").agg(rank.filter(pl.col("sort") == sort).max().alias(sort) for sort in SORTS)
    joined = teams.join(best, on="team", how="left").group_by("asn").agg(pl.col(SORTS).max())
    return joined.select("asn", pl.col(SORTS).fill_null(0)).sort("asn")


def count_numbers(
    given: pl.DataFrame, former: pl.DataFrame, states: pl.DataFrame, placed: pl.DataFrame
) -> pl.DataFrame:
    """One row for each AS number that somebody holds, sorted.

    ``given`` and ``former``: ``asn``, ``country``, ``rir``, ``date``, as of the day and of former days; ``states`` as
    `best_states` gives them; ``placed`` as `tocsin.networks.announcements` does.

    ``country`` and ``rir``: who gave it away last, where two registries do; null where no country is said. ``moved``:
    another country or registry had it on a former day, or has it too. ``countries``: where its networks lie.
    ``announced``: it has networks in the table. ``ipv4``, ``ipv6`` (networks of /64) are null throughout where the
    table does not know the family.
    """
    known = [name for name in _FAMILIES if len(placed) and not placed[name].null_count()]
    last = given.sort("date", "rir", nulls_last=False).group_by("asn").last().select("asn", "country", "rir")
    origins = pl.concat([frame.select("asn", "country", "rir") for frame in (given, former)]).unique()
    moved = origins.group_by("asn").len().filter(pl.col("len") > 1).select("asn", moved=True)
    sizes = placed.group_by("asn").agg(
        pl.col("country").drop_nulls().unique().sort().alias("countries"), pl.col(_FAMILIES).sum(), announced=True
    )
    return (
        last.join(moved, on="asn", how="left")
        .join(sizes, on="asn", how="left")
        .join(states, on="asn", how="left")
        .with_columns(
            pl.col("moved", "announced").fill_null(value=False),
            pl.col("countries").fill_null([]),
            *(pl.col(name).fill_null(0) if name in known else pl.lit(None, pl.Int64).alias(name) for name in _FAMILIES),
            pl.col(SORTS).fill_null(0).replace_strict(dict(enumerate(str(state) for state in RANKS))),
        )
        .sort("asn")
    )


def by_country(numbers: pl.DataFrame, placed: pl.DataFrame) -> pl.DataFrame:
    """The counts of each country, sorted by code, null last; ``placed`` as `tocsin.networks.announcements` gives it."""
    elsewhere = (
        placed.join(numbers.select("asn", home="country"), on="asn")
        .filter(pl.col("country").is_not_null() & pl.col("home").ne_missing(pl.col("country")))
        .group_by("country")
        .agg(from_elsewhere=pl.col("asn").n_unique().cast(pl.Int64))
    )
    counted = numbers.group_by("country").agg(_counts())
    both = counted.join(elsewhere, on="country", how="full", coalesce=True, nulls_equal=True)
    unknown = [name for name in _FAMILIES if numbers[name].null_count()]
    filled = both.with_columns(pl.exclude("country", *(f"^{name}.*$" for name in unknown)).fill_null(0))
    return filled.sort("country", nulls_last=True)


def total(numbers: pl.DataFrame) -> Mapping[str, int | float | None]:
    """The counts of all countries together, each AS number once: the sums of the columns of `by_country`."""
    return numbers.select(_counts()).row(0, named=True)


def _counts() -> list[pl.Expr]:
    state = pl.col(SORTS[0])
    return [
        pl.len().cast(pl.Int64).alias("as_numbers"),
        _number(state == ContactState.UNKNOWN, "without"),
        *(_number(_reaches(sort, least), f"{sort}{end}") for sort, end, least in _columns()),
        *(_number(pl.col(sort) == ContactState.BOUNCING, f"{sort}_bouncing") for sort in SORTS),
        _number(pl.col("moved"), "moved"),
        _number(pl.col("countries").list.len() > 1, "several_countries"),
        _number(~pl.col("announced"), "not_announced"),
        *_weights("ipv4", "ipv4", 1),
        *_weights("ipv6", "ipv6_48s", _SLASH_48),
    ]


def _columns() -> list[tuple[str, str, ContactState]]:
    return [(sort, end, least) for sort in SORTS for end, least in LEVELS.items()]


def _reaches(sort: str, least: ContactState) -> pl.Expr:
    return pl.col(sort).is_in([state.value for state in RANKS[RANKS.index(least) :]])


def _number(condition: pl.Expr, name: str) -> pl.Expr:
    return condition.sum().cast(pl.Int64).alias(name)


def _weights(family: str, shown: str, unit: int) -> list[pl.Expr]:
    """The addresses of all, and of those that each level reaches; null where the table does not know the family."""
    size, known = pl.col(family), pl.col(family).null_count() == 0
    named = {shown: pl.lit(value=True)} | {
        f"{shown}_{sort}{end}": _reaches(sort, least) for sort, end, least in _columns()
    }
    sums = {name: size.filter(which).sum() for name, which in named.items()}
    return [pl.when(known).then(one if unit == 1 else one / unit).alias(name) for name, one in sums.items()]


def answering(numbers: pl.DataFrame, teams: pl.DataFrame, told: Collection[int]) -> pl.DataFrame:
    """The AS numbers with ``answers``: whether a person answers at one of their contacts; null where nobody tried.

    No, where there is no mailbox or all bounce, or where one of the teams was told (``told``, numbers) and nobody
    answered. ``numbers`` as `count_numbers` gives them, ``teams``: ``asn``, ``team``.
    """
    tried = teams.filter(pl.col("team").is_in(sorted(told))).select("asn", tried=True).unique()
    fails = pl.col("contact").is_in([ContactState.UNKNOWN.value, ContactState.BOUNCING.value])
    answers = (
        pl.when(pl.col("contact") == ContactState.ANSWERING)
        .then(statement=True)
        .when(fails | pl.col("tried").fill_null(value=False))
        .then(statement=False)
    )
    return numbers.join(tried, on="asn", how="left").with_columns(answers=answers).drop("tried").sort("asn")
