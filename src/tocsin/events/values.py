"""How the text of each kind of field is read, a column at a time.

Times without a zone are those of the feed's, by default UTC. Read are, after the feed's own format: ISO 8601 (a date,
or date and time with a blank or ``T``, fractions, ``Z`` or an offset; basic format too), the same with slashes or dots,
``24.11.2026 10:11:12``, ``24/Nov/2026:10:11:12 +0000``, seconds or milliseconds since 1970, the dates of mails (RFC
5322), and names of zones that mean one (`tocsin.events.times.ZONES`). Day and month between slashes could be either, so
only the feed's own format can say.
"""

import re
from collections.abc import Callable
from functools import partial
from string import ascii_uppercase
from typing import Final

import polars as pl

from tocsin.events.fields import Field, FieldKind
from tocsin.events.schema import dtype_of
from tocsin.events.times import mend_time, read_times
from tocsin.networks import format_networks, parse_networks

_LABEL: Final = "[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
DOMAIN: Final = rf"^(?:{_LABEL}\.)+(?:[a-z][a-z0-9-]{{0,61}}[a-z0-9])$"
"""A domain name (RFC 1035, with the underscores of RFC 8552); its last label is no number."""

_PORT: Final = ":0*(?:[0-9]{0,4}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5])"
_HOST: Final = r"(?:\[[0-9A-Fa-f.]*:[0-9A-Fa-f:.]*\]|(?:_|[^\w\s/?#@:\[\]])*[^\W_][^\s/?#@:\[\]]*)"
URL: Final = rf"^[A-Za-z][A-Za-z0-9+.-]*://(?:[^\s/?#@]*@)?{_HOST}(?:{_PORT})?(?:[/?#]\S*(?:[ \t]+\S+)*)?$"
"""An absolute URL with an authority (RFC 3986, section 3): its host has a letter or digit or is an IPv6 address, its
port is one. Blanks behind it stay as those who phish write them."""

_SECOND_URL: Final = r"\s\S*://"

_CODES: Final = [first + second for first in ascii_uppercase for second in ascii_uppercase]
_TRUE: Final = ("y", "yes", "true", "t", "1", "on")
_FALSE: Final = ("n", "no", "false", "f", "0", "off")
_TLP: Final = {"WHITE": "CLEAR"}  # TLP 1.0


def read_values(
    given: pl.Series, field: Field, time_format: str, zone: str = "UTC"
) -> tuple[pl.Series, pl.Series | None]:
    """A column as its field wants it, null where the text is not that; and those texts, if there are any.

    ``given``: text without blanks at its ends, or already of the field's type. ``zone``: of times that name none.
    """
    if given.dtype == dtype_of(field) and given.dtype != pl.String:
        return given, None
    texts = given.cast(pl.String)
    is_time = field.kind is FieldKind.TIME
    values = read_times(texts, time_format, zone).alias(field.name) if is_time else _READERS[field.kind](texts, field)
    if values.null_count() == texts.null_count():
        return values, None
    failed = texts.is_not_null() & values.is_null()
    if mend := partial(mend_time, zone=zone) if is_time else _MENDERS.get(field.kind):
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


def _text(texts: pl.Series, field: Field) -> pl.Series:
    return texts.alias(field.name)


def _lower(texts: pl.Series, _: Field) -> pl.Series:
    return texts.str.to_lowercase()


def _upper(texts: pl.Series, field: Field) -> pl.Series:
    if field.name in {"tlp", "pap"}:
        texts = texts.str.to_uppercase().str.strip_prefix(field.name.upper() + ":").replace(_TLP)
    return texts.str.to_uppercase()


def _port(texts: pl.Series, field: Field) -> pl.Series:
    return _within(texts.cast(dtype_of(field), strict=False), 0, 65535)


def _asn(texts: pl.Series, field: Field) -> pl.Series:
    return _within(texts.cast(dtype_of(field), strict=False), 1, 0xFFFF_FFFF)


def _within(numbers: pl.Series, least: int, most: int) -> pl.Series:
    fits = numbers.is_between(least, most)
    return numbers if fits.all() else numbers.set(~fits, None)


def _number(texts: pl.Series, field: Field) -> pl.Series:
    values = texts.cast(dtype_of(field), strict=False)
    return (
        values if field.kind is FieldKind.INTEGER else _select(values, pl.when(pl.first().is_finite()).then(pl.first()))
    )


def _boolean(texts: pl.Series, _: Field) -> pl.Series:
    word = pl.first().str.to_lowercase()
    return _select(texts, pl.when(word.is_in(_TRUE)).then(True).when(word.is_in(_FALSE)).then(False))


def _country(texts: pl.Series, _: Field) -> pl.Series:
    code = texts if texts.is_in(_CODES).all() else texts.str.to_uppercase()
    return _where(code, code.is_in(_CODES))


def _domain(texts: pl.Series, _: Field) -> pl.Series:
    name = texts.str.to_lowercase()
    fits = name.str.contains(DOMAIN)
    if not fits.all():
        name = name.str.strip_suffix(".")
        fits = name.str.contains(DOMAIN)
    return _where(name, fits & (name.str.len_bytes() <= 253))


def _where(texts: pl.Series, fits: pl.Series) -> pl.Series:
    return texts if fits.all() else texts.set(~fits, None)


def _url(texts: pl.Series, _: Field) -> pl.Series:
    other = pl.first().str.contains(rf"^(?i)hxxp|\[\.\]|{_SECOND_URL}")
    return _select(texts, pl.when(pl.first().str.contains(URL) & ~other).then(pl.first()))


def _network(texts: pl.Series, field: Field) -> pl.Series:
    hi, lo, length, ok = parse_networks(texts)
    return format_networks(hi, lo, length).alias(field.name).set(pl.Series(~ok), None)


_READERS: Final[dict[FieldKind, Callable[[pl.Series, Field], pl.Series]]] = {
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


_MENDERS: Final[dict[FieldKind, Callable[[str], object]]] = {
    FieldKind.ASN: mend_asn,
    FieldKind.DOMAIN: mend_domain,
    FieldKind.URL: mend_url,
}
