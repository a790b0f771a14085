"""Shadowserver's reports: CSV, one type of report per file, each type a feed of its own.

The mapping is data: ``shadowserver.tsv`` holds the vocabulary of columns and, for each report type, its classification
and what differs. Columns that are not in it go to ``extra`` under their own name. Times are UTC by the feed's contract.

Conversions in the table: ``integer``, ``float``, ``boolean`` and ``time`` for values in ``extra``; ``nonzero`` an
integer of which 0 says nothing; ``base64`` raw bytes of a request; ``cves`` the CVE ids among tags; ``name`` a host
name (an address in its place stays in ``extra``); ``host`` the domain of a URL or mail address; ``url`` a path that
belongs to the host in ``http_host``; ``webshell`` a type that depends on the tag.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial
from importlib.resources import files
from pathlib import Path
from typing import BinaryIO, Final

import polars as pl

from tocsin.events.fields import FieldKind
from tocsin.events.sources import Feed, Reader
from tocsin.events.sources.delimited import FIELD_LIMIT, DelimitedReader, Dialect, Shaping, first_records
from tocsin.node.errors import InputError, UsageError
from tocsin.node.sentences import say

NAME: Final = "shadowserver"
TERMS: Final = "https://www.shadowserver.org/terms/"

_KINDS: Final = {
    "integer": FieldKind.INTEGER,
    "nonzero": FieldKind.INTEGER,
    "float": FieldKind.FLOAT,
    "boolean": FieldKind.BOOLEAN,
}


@dataclass(frozen=True)
class ReportType:
    """One type of report."""

    code: str
    name: str
    constants: Mapping[str, str]
    differs: Mapping[str, tuple[str, ...]]
    columns: tuple[str, ...]


@dataclass(frozen=True)
class MappingTable:
    """The whole mapping."""

    columns: Mapping[str, tuple[str, ...]]
    reports: Mapping[str, ReportType]

    def goals(self, report: ReportType, column: str) -> tuple[str, ...]:
        """Where a column of a report goes: ``FIELD`` or ``FIELD:CONVERSION``."""
        return report.differs.get(column) or self.columns.get(column) or (f"extra.{column}",)


@cache
def table() -> MappingTable:
    """The mapping, read once."""
    columns: dict[str, tuple[str, ...]] = {}
    reports: dict[str, ReportType] = {}
    for line in files(__package__).joinpath("shadowserver.tsv").read_text(encoding="utf-8").splitlines():
        kind, *cells = line.split("\t")
        if kind == "column":
            columns[cells[0]] = tuple(cells[1].split())
        elif kind == "report":
            report = _report(cells, reports)
            reports[report.code] = report
    return MappingTable(columns, reports)


def _report(cells: Sequence[str], before: Mapping[str, ReportType]) -> ReportType:
    code, name, type_, identifier, application, transport, differs, columns = cells
    constants = {
        "classification.type": type_,
        "classification.identifier": identifier,
        "protocol.application": application,
        "protocol.transport": transport,
    }
    same = columns.removeprefix("=")
    different = (item.partition("=") for item in differs.split(";") if item)
    return ReportType(
        code,
        name,
        {field: value for field, value in constants.items() if value},
        {column: tuple(goals.split()) for column, _, goals in different},
        before[same].columns if columns.startswith("=") else tuple(columns.split()),
    )


class ShadowserverSource:
    """The source (`tocsin.events.sources.FeedSource`)."""

    name = NAME

    def recognise(self, filename: str, head: bytes) -> str | None:
        """The report type that the file's name says, else the one that has just these columns today.

        Several types share their columns; of such a header only the name can say which it is.
        """
        records = first_records(head, 2)
        if not records or "timestamp" not in records[0]:
            return None
        return _by_name(filename) or _by_columns(records)

    def feed(self, code: str) -> Feed:
        """What is known of a report type; ``code`` is the name in its files (or ``event_…`` for ``event4_…``)."""
        report = report_type(code)
        return Feed(source=NAME, code=report.code, name=report.name, provider="Shadowserver", terms=TERMS)

    def open(self, code: str, stream: BinaryIO, chunk_bytes: int, field_limit: int = FIELD_LIMIT) -> Reader:
        """A reader of one report."""
        report = report_type(code)
        return DelimitedReader(stream, chunk_bytes, partial(_shaping, report), Dialect(field_limit=field_limit))


def source(_: Sequence[Path] = ()) -> ShadowserverSource:
    """The source, as the registry asks for it."""
    return ShadowserverSource()


def report_type(code: str) -> ReportType:
    """A report type by its code.

    Raises:
        UsageError: there is none of that name.

    """
    reports = table().reports
    found = reports.get(code) or reports.get(code.replace("event_", "event4_", 1))
    if found is None:
        raise UsageError(
            say("Shadowserver has no report type %(code)s.", code=repr(code)),
            hint=say("Names are like scan_http or blocklist."),
        )
    return found


def _by_name(filename: str) -> str | None:
    """``2026-11-23-scan_http-mycountry-geo.csv`` is of ``scan_http``, and so is ``scan_http.csv.gz``."""
    words = re.split(r"[-.\s]", re.split(r"[/\\]", filename)[-1].lower())
    codes = (word.replace("event_", "event4_", 1) for word in words)
    return next((code for code in codes if code in table().reports), None)


def _by_columns(records: Sequence[tuple[str, ...]]) -> str | None:
    """The only report type with these columns; of two that differ by address family, the one of the first row."""
    columns = set(records[0])
    found = [code for code, report in table().reports.items() if columns == set(report.columns)]
    if len(found) > 1 and len(records) > 1:
        six = any(value.count(":") > 1 and " " not in value for value in records[1][:4])
        found = [code for code in found if bool(re.search(r"6(_|$)", code)) == six]
    return found[0] if len(found) == 1 else None


def _shaping(report: ReportType, columns: Sequence[str]) -> Shaping:
    """How a report with these columns becomes fields.

    Raises:
        InputError: none of them is a column of Shadowserver's.

    """
    if not any(column in table().columns for column in columns):
        raise InputError(
            say("The header has none of Shadowserver's columns: %(columns)s", columns=", ".join(columns)[:100]),
            hint=say("Is the first line missing, or is this another feed's report?"),
        )
    steps: list[tuple[str, str, str]] = []
    kinds: dict[str, FieldKind] = {}
    for column in columns:
        for goal in table().goals(report, column):
            field, _, conversion = goal.partition(":")
            steps.append((column, field, conversion))
            if conversion in _KINDS and field.startswith("extra."):
                kinds[field] = _KINDS[conversion]
    return Shaping(partial(_shape, report, steps), kinds, report.constants, frozenset({"source", "destination"}))


def _shape(report: ReportType, steps: Sequence[tuple[str, str, str]], frame: pl.DataFrame) -> pl.DataFrame:
    """The frame with fields for columns; a value whose field another column has filled stays in ``extra``."""
    made: dict[str, pl.Series] = {}
    for column, field, conversion in steps:
        given = frame[column]
        if given.null_count() == len(given):
            continue
        for name, values in _convert(report, frame, given, field, conversion).items():
            taken = made.get(name)
            if taken is None:
                made[name] = values
                continue
            made[name] = taken.zip_with(taken.is_not_null(), values)
            beside = values.set(taken.is_null() | (taken == values), None)
            if beside.null_count() < len(beside):
                made[f"extra.{column}"] = beside
    return pl.DataFrame([values.alias(name) for name, values in made.items()]) if made else frame


def _convert(
    report: ReportType, frame: pl.DataFrame, given: pl.Series, field: str, conversion: str
) -> dict[str, pl.Series]:
    """What one column becomes: its field, and what that cannot take."""
    if conversion == "nonzero":
        zero = given == "0"
        return {field: given.set(zero, None) if zero.any() else given}
    if conversion == "url":
        return _urls(report, frame, given, field)
    if conversion == "name":
        return _names(frame, given, field)
    if conversion in _CONVERT:
        return _CONVERT[conversion](given, field)
    return {field: given}


def _cves(given: pl.Series, field: str) -> dict[str, pl.Series]:
    words = given.unique()  # few tags differ
    if not words.str.contains("(?i)cve-").any():
        return {}
    found = words.str.extract_all("(?i)cve-[0-9]{4}-[0-9]{4,}").list.join(";").replace("", None).str.to_lowercase()
    return {field: given.replace_strict(words, found, return_dtype=pl.String)}


def _names(frame: pl.DataFrame, given: pl.Series, field: str) -> dict[str, pl.Series]:
    """Host names; what is none is kept beside, unless it is the address that the row has anyway."""
    odd = given.str.contains(r"^[0-9.]+(:[0-9]+)?$|[:/\s\[]")
    if not odd.any():
        return {field: given}
    beside = given.set(~odd, None)
    if "ip" in frame.columns:
        beside = beside.set((beside == frame["ip"]).fill_null(value=False), None)
    return {field: given.set(odd, None), f"extra.{given.name}": beside}


def _host(given: pl.Series, field: str) -> dict[str, pl.Series]:
    found = given.str.extract(r"^(?:[A-Za-z][A-Za-z0-9+.-]*://)?(?:[^/@\s]*@)?([^/:@\s]+)")
    return {field: found.set(~found.str.contains(".", literal=True) | found.str.contains(r"^[0-9.]+$"), None)}


def _time(given: pl.Series, field: str) -> dict[str, pl.Series]:
    """Times in ISO 8601; one that we cannot read stays as it is."""
    read = pl.coalesce(
        pl.first().str.to_datetime(shape, strict=False, time_unit="us")
        for shape in ("%a, %d %b %Y %H:%M:%S GMT", "%Y-%m-%d %H:%M:%S")
    ).dt.strftime("%Y-%m-%dT%H:%M:%S+00:00")
    return {field: given.to_frame().select(pl.coalesce(read, pl.first())).to_series()}


def _base64(given: pl.Series, field: str) -> dict[str, pl.Series]:
    """Raw bytes of a request as base64, where they are not yet."""
    done = given.str.contains(r"^[A-Za-z0-9+/]+={0,2}$") & (given.str.len_bytes() % 4 == 0)
    return {field: given.zip_with(done, given.cast(pl.Binary).bin.encode("base64"))}


def _webshell(given: pl.Series, _: str) -> dict[str, pl.Series]:
    """A web shell means that the server was broken into; else it is open to that."""
    shell = given.str.contains("webshell", literal=True)
    says = {
        "classification.type": ("system-compromise", "vulnerable-system"),
        "classification.identifier": ("exchange-server-webshell", "vulnerable-exchange-server"),
    }
    words = pl.DataFrame({"shell": shell}).select(
        pl.when("shell").then(pl.lit(yes)).otherwise(pl.lit(no)).alias(name) for name, (yes, no) in says.items()
    )
    return {series.name: series for series in words}


def _urls(report: ReportType, frame: pl.DataFrame, given: pl.Series, field: str) -> dict[str, pl.Series]:
    """URLs; a path, or a request line with one, is put behind the host in ``http_host``, else kept beside."""
    whole = given.str.contains("://", literal=True)
    if whole.all():
        return {field: given}
    host = frame["http_host"] if "http_host" in frame.columns else pl.Series([None], dtype=pl.String)
    path = given.str.extract(r"^(?:[A-Z]+\s+)?(\S*)")
    scheme = "https" if report.constants.get("protocol.application") == "https" else "http"
    made = pl.select(
        pl.when(pl.lit(whole))
        .then(pl.lit(given))
        .otherwise(pl.concat_str(pl.lit(f"{scheme}://"), pl.lit(host), pl.lit("/"), pl.lit(path).str.strip_prefix("/")))
    ).to_series()
    return {field: made, f"extra.{given.name}": given.set(made.is_not_null(), None)}


_CONVERT: Final[dict[str, Callable[[pl.Series, str], dict[str, pl.Series]]]] = {
    "cves": _cves,
    "host": _host,
    "time": _time,
    "base64": _base64,
    "webshell": _webshell,
}
