"""Times as texts, read in UTC: of the zone that they name, else of their feed's.

Of an hour that a clock change doubles the first one is taken; a time in one that it leaves out is an hour later. Both
are known by `unsure`. Names of zones are those of RFC 5322 (section 4.3) and of European and a few other zones of which
each name means one; others are not guessed.
"""

import re
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Final
from zoneinfo import ZoneInfo

import polars as pl

ZONES: Final = {
    "UTC": 0, "UT": 0, "GMT": 0, "Z": 0, "WET": 0, "WEST": 1, "CET": 1, "MEZ": 1, "CEST": 2, "MESZ": 2, "EET": 2,
    "EEST": 3, "MSK": 3, "EST": -5, "EDT": -4, "CST": -6, "CDT": -5, "MST": -7, "MDT": -6, "PST": -8, "PDT": -7,
    "JST": 9, "KST": 9, "AEST": 10, "AEDT": 11, "NZST": 12, "NZDT": 13,
}  # fmt: skip
"""Names of zones with their hours from UTC."""

_NAMED: Final = re.compile(r"(?<![\w+-])([A-Z]{2,5})(?![\w+-])")
_NO_ZONES: Final = frozenset("AM PM MON TUE WED THU FRI SAT SUN".split()) | frozenset(
    "JAN FEB MAR APR MAY JUN JUL AUG SEP OCT NOV DEC".split()
)
_FROM_1601: Final = 11_644_473_600_000_000  # microseconds from 1601 to 1970
_NEAR: Final = timedelta(hours=3)


def read_times(texts: pl.Series, time_format: str, zone: str) -> pl.Series:
    """The times in UTC, by strptime format, else in ISO 8601 or in numbers; null where they are none of these."""
    known, without = _readings(texts, time_format)
    local = in_zone(without, zone)
    return local if known is None else known.fill_null(local)


def in_zone(local: pl.Series, zone: str) -> pl.Series:
    """Times without a zone as those of a zone, in UTC."""
    if zone == "UTC":
        return local.dt.replace_time_zone("UTC")
    read = local.dt.replace_time_zone(zone, ambiguous="earliest", non_existent="null")
    if read.null_count() > local.null_count():
        hour = timedelta(hours=1)
        before = (local - hour).dt.replace_time_zone(zone, ambiguous="earliest", non_existent="null")
        read = read.fill_null(before + hour)
    return read.dt.convert_time_zone("UTC")


def unsure(texts: pl.Series, times: pl.Series, time_format: str, zone: str) -> pl.Series | None:
    """Which texts without a zone stand in an hour that a clock change of the zone doubles or leaves out; None: none."""
    if zone == "UTC":
        return None
    # Few stand near a change; those are looked at one by one.
    offsets = [
        (shifted.dt.base_utc_offset() + shifted.dt.dst_offset())
        for shifted in ((times + step).dt.convert_time_zone(zone) for step in (-_NEAR, _NEAR))
    ]
    near = (offsets[0] != offsets[1]).fill_null(value=False)
    if not near.any():
        return None
    where = ZoneInfo(zone)
    _, without = _readings(texts.filter(near), time_format)
    marks = [
        _is_unsure(local or _without_zone(text), where)
        for text, local in zip(texts.filter(near).to_list(), without.to_list(), strict=True)
    ]
    return pl.repeat(value=False, n=len(texts), dtype=pl.Boolean, eager=True).scatter(near.arg_true(), marks)


def _is_unsure(local: datetime | None, zone: ZoneInfo) -> bool:
    if local is None:
        return False
    first, second = (local.replace(tzinfo=zone, fold=fold).utcoffset() for fold in (0, 1))
    return first != second


def _readings(texts: pl.Series, time_format: str) -> tuple[pl.Series | None, pl.Series]:
    """The times of texts that name a zone, in UTC, or None; and those that name none."""
    zoned = has_zone(time_format)
    read = times_in(texts, time_format)
    nothing = pl.Series(texts.name, [None], pl.Datetime("us")).new_from_index(0, len(texts)) if zoned else read
    known = read if zoned else None
    left = texts.is_not_null() & read.is_null()
    if not left.any():
        return known, nothing
    odd = texts.set(~left, None)
    more = odd.str.to_datetime("%+", time_unit="us", strict=False, cache=False).dt.convert_time_zone("UTC")
    more = more.fill_null(_counted(odd))
    plain = odd.str.to_datetime("%Y-%m-%dT%H:%M:%S%.f", time_unit="us", strict=False, cache=False)
    return more if known is None else known.fill_null(more), nothing.fill_null(plain)


def times_in(texts: pl.Series, time_format: str) -> pl.Series:
    """The times of texts in a format: in UTC where it names a zone, else without one; null where they are not."""
    if "%Z" in time_format:
        texts, time_format = _with_offsets(texts), time_format.replace("%Z", "%z")
    read = texts.str.to_datetime(time_format, time_unit="us", strict=False, cache=False)
    return read.dt.convert_time_zone("UTC") if has_zone(time_format) else read


def has_zone(time_format: str) -> bool:
    """Whether what a format reads names its zone."""
    return any(one in time_format for one in ("%z", "%:z", "%#z", "%::z", "%Z", "%s", "%+"))


def _counted(texts: pl.Series) -> pl.Series:
    """Numbers that feeds often have; `mend_time` reads the same, one by one."""
    size, number = pl.first().str.len_bytes(), pl.first().cast(pl.Int64, strict=False)
    digits = pl.first().str.contains("^[0-9]+$")
    microseconds = (
        pl.when(digits & size.is_in([9, 10]))
        .then(number * 1_000_000)
        .when(digits & size.is_in([12, 13]))
        .then(number * 1_000)
        .when(digits & (size == 18) & pl.first().str.starts_with("1"))
        .then(number // 10 - _FROM_1601)
    )
    return texts.to_frame().select(microseconds).to_series().cast(pl.Datetime("us", "UTC"))


def _with_offsets(texts: pl.Series) -> pl.Series:
    """The texts with offsets in place of the names of zones that are known."""
    unique = texts.unique().drop_nulls().to_list()
    named = {text: _NAMED.sub(lambda found: _offset(found[1]), text) for text in unique}
    return texts.replace_strict(list(named), list(named.values()), default=None, return_dtype=pl.String)


def _offset(name: str) -> str:
    return name if name not in ZONES else f"{ZONES[name]:+03d}00"


def mend_time(text: str, zone: str = "UTC") -> datetime | None:
    """A time in one of the forms that `tocsin.events.values` names, in UTC."""
    names = [name for name in _NAMED.findall(text) if name not in _NO_ZONES]
    if any(name not in ZONES for name in names):
        return None  # of a zone that nobody can be sure of
    time = _read(_NAMED.sub(lambda found: _offset(found[1]), text) if names else text)
    if time is None:
        return None
    with suppress(ValueError, OverflowError):
        return (time if time.tzinfo else time.replace(tzinfo=ZoneInfo(zone))).astimezone(UTC)
    return None


def _without_zone(text: str | None) -> datetime | None:
    """The time of a text that names no zone."""
    time = None if text is None or _NAMED.search(text) else _read(text)
    return time if time is not None and time.tzinfo is None else None


def _read(text: str) -> datetime | None:
    readers: tuple[Callable[[str], datetime | None], ...] = (
        _from_digits,
        datetime.fromisoformat,
        _from_formats,
        parsedate_to_datetime,
    )
    for read in readers:
        with suppress(ValueError, OverflowError, TypeError, IndexError):
            if time := read(text):
                return time
    return None


def _from_digits(text: str) -> datetime | None:
    """Seconds (9 or 10 digits, or with a fraction) or milliseconds (12 or 13) since 1970; ``20261124101112``.

    18 digits are tenths of microseconds since 1601 (Windows' FILETIME).
    """
    if re.fullmatch(r"[0-9]{14}", text, re.ASCII):
        return datetime.strptime(text, "%Y%m%d%H%M%S")  # noqa: DTZ007
    if re.fullmatch(r"[0-9]{9,10}(\.[0-9]+)?", text, re.ASCII):
        return datetime.fromtimestamp(0, UTC) + timedelta(seconds=float(text))
    if re.fullmatch(r"1[0-9]{17}", text, re.ASCII):
        return datetime(1601, 1, 1, tzinfo=UTC) + timedelta(microseconds=int(text) // 10)
    if re.fullmatch(r"[0-9]{12,13}", text, re.ASCII):
        return datetime.fromtimestamp(0, UTC) + timedelta(milliseconds=int(text))
    return None


_FORMATS: Final = (
    "%Y/%m/%d %H:%M:%S",
    "%Y.%m.%d %H:%M:%S",
    "%d.%m.%Y %H:%M:%S",
    "%d.%m.%Y %H:%M",
    "%Y/%m/%d",
    "%d.%m.%Y",
    "%d/%b/%Y:%H:%M:%S %z",
    "%d-%b-%Y %H:%M:%S",
    "%Y-%m-%d %H:%M:%S %z",
    "%a %b %d %H:%M:%S %z %Y",
)


def _from_formats(text: str) -> datetime | None:
    for time_format in _FORMATS:
        with suppress(ValueError):
            return datetime.strptime(text, time_format)  # noqa: DTZ007
    return None
