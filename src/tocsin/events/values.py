"""How the text of each kind of field is read, a column at a time.

Times without a zone are UTC. Read are, after the feed's own format: ISO 8601 (a date, or date and time with a blank or
``T``, fractions, ``Z`` or an offset; basic format too), the same with slashes or dots, ``24.11.2026 10:11:12``,
``24/Nov/2026:10:11:12 +0000``, seconds or milliseconds since 1970, and the dates of mails (RFC 5322). Day and month
between slashes could be either, so only the feed's own format can say.
"""

import re
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from string import ascii_uppercase
from typing import Final

import polars as pl

from tocsin.events.fields import Field, FieldKind
from tocsin.events.schema import dtype_of
from tocsin.networks import format_networks, parse_networks

_LABEL: Final = "[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
DOMAIN: Final = rf"^(?:{_LABEL}\.)+(?:[a-z][a-z0-9-]{{0,61}}[a-z0-9])$"
"""A domain name (RFC 1035, with the underscores of RFC 8552); its last label is no number."""

URL: Final = r"^[A-Za-z][A-Za-z0-9+.-]*://[^\s/?#]+(?:[/?#]\S*(?:[ \t]+\S+)*)?$"
"""An absolute URL with an authority (RFC 3986, section 3); blanks behind it stay as those who phish write them."""

_SECOND_URL: Final = r"\s\S*://"

_FROM_1601: Final = 11_644_473_600_000_000  # microseconds from 1601 to 1970
_CODES: Final = [first + second for first in ascii_uppercase for second in ascii_uppercase]
_TRUE: Final = ("y", "yes", "true", "t", "1", "on")
_FALSE: Final = ("n", "no", "false", "f", "0", "off")
_TLP: Final = {"WHITE": "CLEAR"}  # TLP 1.0


def read_values(given: pl.Series, field: Field, time_format: str) -> tuple[pl.Series, pl.Series | None]:
    """A column as its field wants it, null where the text is not that; and those texts, if there are any.

    ``given``: text without blanks at its ends, or already of the field's type.
    """
    if given.dtype == dtype_of(field) and given.dtype != pl.String:
        return given, None
    texts = given.cast(pl.String)
    values = _READERS[field.kind](texts, field, time_format)
    if values.null_count() == texts.null_count():
        return values, None
    failed = texts.is_not_null() & values.is_null()
    if mend := _MENDERS.get(field.kind):
        mended = _mapped(texts.filter(failed), mend, field)
        values = values.scatter(failed.arg_true(), mended) if len(mended) else values
    if field.kind is FieldKind.ASN:  # 0 says that it is not known
        failed = failed & (texts.cast(pl.Int64, strict=False) != 0).fill_null(value=True)
    failed = failed & values.is_null()
    return values, texts.set(~failed, None) if failed.any() else None


def _mapped(texts: pl.Series, mend: Callable[[str], object], field: Field) -> pl.Series:
    """What a function of one text makes of each, called once for each that differs."""
    made = {text: mend(text) for text in texts.unique().to_list()}
    return pl.Series(field.name, [made[text] for text in texts.to_list()], dtype_of(field))


def _select(texts: pl.Series, expression: pl.Expr) -> pl.Series:
    return texts.to_frame().select(expression).to_series()


def _text(texts: pl.Series, field: Field, _: str) -> pl.Series:
    return texts.alias(field.name)


def _lower(texts: pl.Series, _: Field, __: str) -> pl.Series:
    return texts.str.to_lowercase()


def _upper(texts: pl.Series, field: Field, _: str) -> pl.Series:
    if field.name in {"tlp", "pap"}:
        texts = texts.str.to_uppercase().str.strip_prefix(field.name.upper() + ":").replace(_TLP)
    return texts.str.to_uppercase()


def _port(texts: pl.Series, field: Field, _: str) -> pl.Series:
    return _within(texts.cast(dtype_of(field), strict=False), 0, 65535)


def _asn(texts: pl.Series, field: Field, _: str) -> pl.Series:
    return _within(texts.cast(dtype_of(field), strict=False), 1, 0xFFFF_FFFF)


def _within(numbers: pl.Series, least: int, most: int) -> pl.Series:
    fits = numbers.is_between(least, most)
    return numbers if fits.all() else numbers.set(~fits, None)


def _number(texts: pl.Series, field: Field, _: str) -> pl.Series:
    values = texts.cast(dtype_of(field), strict=False)
    return (
        values if field.kind is FieldKind.INTEGER else _select(values, pl.when(pl.first().is_finite()).then(pl.first()))
    )


def _boolean(texts: pl.Series, _: Field, __: str) -> pl.Series:
    word = pl.first().str.to_lowercase()
    return _select(texts, pl.when(word.is_in(_TRUE)).then(True).when(word.is_in(_FALSE)).then(False))


def _country(texts: pl.Series, _: Field, __: str) -> pl.Series:
    code = texts if texts.is_in(_CODES).all() else texts.str.to_uppercase()
    return _where(code, code.is_in(_CODES))


def _domain(texts: pl.Series, _: Field, __: str) -> pl.Series:
    name = texts.str.to_lowercase()
    fits = name.str.contains(DOMAIN)
    if not fits.all():
        name = name.str.strip_suffix(".")
        fits = name.str.contains(DOMAIN)
    return _where(name, fits & (name.str.len_bytes() <= 253))


def _where(texts: pl.Series, fits: pl.Series) -> pl.Series:
    return texts if fits.all() else texts.set(~fits, None)


def _url(texts: pl.Series, _: Field, __: str) -> pl.Series:
    other = pl.first().str.contains(rf"^(?i)hxxp|\[\.\]|{_SECOND_URL}")
    return _select(texts, pl.when(pl.first().str.contains(URL) & ~other).then(pl.first()))


def _network(texts: pl.Series, field: Field, _: str) -> pl.Series:
    hi, lo, length, ok = parse_networks(texts)
    return format_networks(hi, lo, length).alias(field.name).set(pl.Series(~ok), None)


def _time(texts: pl.Series, field: Field, time_format: str) -> pl.Series:
    zoned = "%z" in time_format or "%:z" in time_format or "%#z" in time_format or time_format.endswith("%+")
    read = texts.str.to_datetime(time_format, time_unit="us", strict=False, cache=False)
    read = read.dt.convert_time_zone("UTC") if zoned else read.dt.replace_time_zone("UTC")
    left = texts.is_not_null() & read.is_null()
    return _other_times(texts, read, left).alias(field.name) if left.any() else read.alias(field.name)


def _other_times(texts: pl.Series, read: pl.Series, left: pl.Series) -> pl.Series:
    """With those in ISO 8601 and in numbers that feeds often have; `mend_time` reads the same, one by one."""
    odd = texts.set(~left, None)
    zoned = odd.str.to_datetime("%+", time_unit="us", strict=False, cache=False)
    plain = odd.str.to_datetime("%Y-%m-%dT%H:%M:%S%.f", time_unit="us", strict=False, cache=False)
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
    counted = _select(odd, microseconds).cast(pl.Datetime("us", "UTC"))
    return (
        read.fill_null(zoned.dt.convert_time_zone("UTC"))
        .fill_null(plain.dt.replace_time_zone("UTC"))
        .fill_null(counted)
    )


_READERS: Final[dict[FieldKind, Callable[[pl.Series, Field, str], pl.Series]]] = {
    FieldKind.TEXT: _text,
    FieldKind.JSON: _text,
    FieldKind.LOWER: _lower,
    FieldKind.UPPER: _upper,
    FieldKind.PORT: _port,
    FieldKind.ASN: _asn,
    FieldKind.INTEGER: _number,
    FieldKind.FLOAT: _number,
    FieldKind.BOOLEAN: _boolean,
    FieldKind.COUNTRY: _country,
    FieldKind.DOMAIN: _domain,
    FieldKind.URL: _url,
    FieldKind.NETWORK: _network,
    FieldKind.TIME: _time,
}


def mend_asn(text: str) -> int | None:
    """An AS number written ``AS64496``, or ``1.10`` (asdot, RFC 5396)."""
    match = re.fullmatch(r"(?:ASN?\s?)?(?:([0-9]{1,5})\.)?([0-9]{1,10})", text, re.IGNORECASE | re.ASCII)
    if not match:
        return None
    high, low = int(match[1] or 0), int(match[2])
    number = (high << 16) + low
    return number if 0 < number <= 0xFFFF_FFFF and not (match[1] and low > 0xFFFF) else None


def mend_domain(text: str) -> str | None:
    """An internationalised name in its ASCII form (RFC 5891)."""
    try:
        name = text.rstrip(".").encode("idna").decode().lower()
    except UnicodeError:
        return None
    return name if len(name) <= 253 and re.fullmatch(DOMAIN, name) else None


def mend_url(text: str) -> str | None:
    """A URL that was made harmless for reading (``hxxp://example[.]com``)."""
    mended = re.sub(r"^hxxp(s?)://", r"http\1://", text, flags=re.IGNORECASE).replace("[.]", ".")
    return mended if re.fullmatch(URL, mended) and not re.search(_SECOND_URL, mended) else None


def mend_time(text: str) -> datetime | None:
    """A time in one of the formats this module names, in UTC."""
    for read in (_from_digits, datetime.fromisoformat, _from_formats, parsedate_to_datetime):
        with suppress(ValueError, OverflowError, TypeError, IndexError):
            if time := read(text):
                aware = time if time.tzinfo else time.replace(tzinfo=UTC)
                return aware.astimezone(UTC)
    return None


def _from_digits(text: str) -> datetime | None:
    """Seconds (9 or 10 digits, or with a fraction) or milliseconds (12 or 13) since 1970; ``20261124101112``.

    18 digits are tenths of microseconds since 1601 (Windows' FILETIME).
    """
    if re.fullmatch(r"[0-9]{14}", text, re.ASCII):
        return datetime.strptime(text, "%Y%m%d%H%M%S").replace(tzinfo=UTC)
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
    "%Y-%m-%d %H:%M:%S UTC",
    "%Y-%m-%d %H:%M:%S GMT",
)


def _from_formats(text: str) -> datetime | None:
    for time_format in _FORMATS:
        with suppress(ValueError):
            return datetime.strptime(text, time_format)  # noqa: DTZ007
    return None


_MENDERS: Final[dict[FieldKind, Callable[[str], object]]] = {
    FieldKind.ASN: mend_asn,
    FieldKind.DOMAIN: mend_domain,
    FieldKind.URL: mend_url,
    FieldKind.TIME: mend_time,
}
