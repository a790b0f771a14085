"""CVE ids wherever an event has them: its identifier, its list of vulnerabilities, and lists beyond the schema."""

import re
from collections.abc import Iterable, Sequence
from typing import Final

import polars as pl

CVE: Final = r"(?i)\bcve-[0-9]{4}-[0-9]{4,19}\b"
"""One id in a text (CVE Record Format 5.2: at most 19 digits)."""

_ANY: Final = "(?i)cve-"  # far sooner looked for
_ID: Final = re.compile(CVE)
_FIELDS: Final = ("classification.identifier", "product.vulnerabilities", "extra")
_NAMED: Final = re.compile(r"extra\.(?:.*[._-])?(?:cves?|vuln)", re.IGNORECASE)


def cve_columns(names: Iterable[str]) -> list[str]:
    """Those columns of an event that may name CVEs: fields, and ``extra.*`` columns that are called so."""
    return [name for name in names if name in _FIELDS or _NAMED.match(name)]


def named_cves(texts: Iterable[str | None]) -> list[str]:
    """The CVE ids in texts, in capitals, each once, in order."""
    return list(dict.fromkeys(one.upper() for text in texts if text for one in _ID.findall(text)))


def cves_of(events: pl.DataFrame, wanted: pl.Series) -> pl.DataFrame:
    """Each of the ids ``wanted`` (in capitals) that an event names, once: its row (``_row``, UInt32) and ``_text``."""
    found = [_in_column(events[name], wanted) for name in cve_columns(events.columns)]
    return pl.concat(found).unique() if found else _NONE


def may_name(cves: Sequence[str], names: Iterable[str]) -> list[pl.Expr]:
    """For each of the columns whether one of these ids may be in it: more may seem to be, none is missed."""
    return [pl.col(one).cast(pl.String).str.contains_any(list(cves), ascii_case_insensitive=True) for one in names]


def names_cve(cve: str, names: Iterable[str]) -> list[pl.Expr]:
    """For each of the columns whether exactly this id is in it."""
    return [pl.col(one).cast(pl.String).str.contains(rf"(?i)\b{re.escape(cve)}\b") for one in names]


def is_cve(text: str) -> bool:
    """Whether a text is one id and nothing else."""
    return bool(_ID.fullmatch(text))


def _in_column(column: pl.Series, wanted: pl.Series) -> pl.DataFrame:
    if column.null_count() == len(column) or column.dtype != pl.String:
        return _NONE
    texts = column.rename("_in").to_frame().with_row_index("_row").filter(pl.col("_in").str.contains(_ANY))
    if texts.is_empty():
        return _NONE
    ids = pl.col("_in").str.to_uppercase().str.extract_all(CVE).alias("_text")
    named = texts.select("_in").unique().with_columns(ids).explode("_text", empty_as_null=True)  # few texts differ
    return texts.join(named.filter(pl.col("_text").is_in(wanted.implode())), on="_in").select("_row", "_text")


_NONE: Final = pl.DataFrame(schema={"_row": pl.UInt32, "_text": pl.String})
