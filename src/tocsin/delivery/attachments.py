"""The data that goes with a digest: events as the recipient may see them, in the forms that a team asks for."""

import io
import json
import zipfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import polars as pl

from tocsin.delivery.digest_summary import DELIVERY
from tocsin.delivery.mime import Attachment
from tocsin.delivery.xarf_report import XarfSender, xarf_reports
from tocsin.directory import AttachmentFormat
from tocsin.events import BY_NAME, FIELDS, Field, FieldKind, addresses, idf_lines

EVENT, PROBLEM = "event", "problem"  # columns beside the IDF fields
_IDF = "_idf"
_ALWAYS = frozenset(
    {"time.source", "classification.taxonomy", "classification.type", "classification.identifier", "source.ip"}
    | {"source.port", "tlp", "pap", DELIVERY, EVENT, PROBLEM, _IDF}
)
_FEW = 5  # X-ARF reports that are attached one by one; more go into one ZIP file
_BASE64 = 78 / 57  # bytes in a mail for a byte attached


@dataclass(frozen=True, slots=True)
class Files:
    """The attachments of one mail, and how many events they hold."""

    attachments: list[Attachment]
    events: int

    @property
    def mail_bytes(self) -> int:
        """About how large they are in a mail."""
        return int(sum(len(one.content) for one in self.attachments) * _BASE64)


def readable(events: pl.DataFrame, node: UUID, *, objects: bool) -> pl.DataFrame:
    """Events as text and numbers under their field names, with ``event`` (UUIDv5 of node, ingest, row) first.

    Times are ISO 8601 in UTC; ``problem`` is 16 hexadecimal digits, the same whenever the problem is told again.
    The column ``_delivery`` is kept; with ``objects`` there is ``_idf``, the event as a JSON object.
    """
    import polars_hash

    identity = polars_hash.concat_str(pl.col("ingest").cast(pl.String), pl.lit("/"), pl.col("row").cast(pl.String))
    texts = {field.name: addresses(events, field.name) for field in FIELDS if field.kind is FieldKind.IP}
    rows = events.select(
        DELIVERY,
        identity.uuidhash.uuid5(str(node)).alias(EVENT),
        _hexadecimal(events["problem"]),
        *(_column(field, texts) for field in FIELDS),
        *([idf_lines(events).alias(_IDF)] if objects else []),
    )
    return _filled(rows)


def _filled(rows: pl.DataFrame) -> pl.DataFrame:
    """The columns that say something, and those that are always there."""
    nulls = zip(rows.columns, rows.null_count().row(0), strict=True)
    return rows[[name for name, count in nulls if name in _ALWAYS or count < rows.height]]


@dataclass(frozen=True, slots=True)
class PackingPlan:
    """How a digest's data is packed: forms, names, dates in archives, who reports, and bytes that a mail may have."""

    reference: str
    formats: tuple[AttachmentFormat, ...]
    at: datetime
    sender: XarfSender
    limit: int


def files_of(rows: pl.DataFrame, packing: PackingPlan) -> list[Files]:
    """The attachments of a digest, one `Files` for each mail that they need.

    ``rows``: from `readable`, one digest's, without ``_delivery``. Attachments above the limit are zipped; where that
    is not enough the rows are cut into several mails. A single row above the limit goes as it is.
    """
    shown = _filled(rows)
    whole = _files(shown, packing.reference, packing)
    if whole.mail_bytes <= packing.limit:
        return [whole]
    zipped = _zipped(whole, packing.reference, packing)
    if zipped.mail_bytes <= packing.limit or rows.height <= 1:
        return [zipped]
    parts = enumerate(_cut(shown, packing, zipped.mail_bytes // packing.limit + 1), start=1)
    return [_packed(part, f"{packing.reference}-part{number}", packing) for number, part in parts]


def _cut(rows: pl.DataFrame, packing: PackingPlan, parts: int) -> Iterator[pl.DataFrame]:
    """The rows in as many parts or more, so that each is small enough or a single row."""
    for part in rows.iter_slices(-(-rows.height // parts)):
        if part.height <= 1 or _packed(part, packing.reference, packing).mail_bytes <= packing.limit:
            yield part
        else:
            yield from _cut(part, packing, 2)


def _packed(rows: pl.DataFrame, stem: str, packing: PackingPlan) -> Files:
    return _zipped(_files(rows, stem, packing), stem, packing)


def _files(rows: pl.DataFrame, stem: str, packing: PackingPlan) -> Files:
    makers = [_MAKERS[form] for form in packing.formats or (AttachmentFormat.CSV,)]
    return Files([file for make in makers for file in make(rows, stem, packing)], rows.height)


def _zipped(files: Files, stem: str, packing: PackingPlan) -> Files:
    return Files([_zip(files.attachments, f"{stem}.zip", packing.at)], files.events)


def _csv(rows: pl.DataFrame, stem: str, _packing: PackingPlan) -> list[Attachment]:
    """RFC 4180, UTF-8: values exactly as they are, for machines."""
    out = io.BytesIO()
    rows[[name for name in rows.columns if name != _IDF]].write_csv(out, line_terminator="\r\n")
    return [Attachment(f"{stem}.csv", "text/csv; charset=utf-8; header=present", out.getvalue())]


def _jsonl(rows: pl.DataFrame, stem: str, _packing: PackingPlan) -> list[Attachment]:
    """One JSON object a line under IDF names, with ``event`` and ``problem``; what is not known is left out."""
    return [
        Attachment(f"{stem}.jsonl", "application/x-ndjson", "".join(f"{line}\n" for line in _objects(rows)).encode())
    ]


def _xarf(rows: pl.DataFrame, stem: str, packing: PackingPlan) -> list[Attachment]:
    reports = [
        Attachment(f"{stem}-{number}.xarf.json", "application/json", content)
        for number, content in enumerate(
            xarf_reports([json.loads(line) for line in _objects(rows)], packing.sender), start=1
        )
    ]
    return reports if len(reports) <= _FEW else [_zip(reports, f"{stem}-xarf.zip", packing.at)]


_MAKERS: dict[AttachmentFormat, Callable[[pl.DataFrame, str, PackingPlan], list[Attachment]]] = {
    AttachmentFormat.CSV: _csv,
    AttachmentFormat.JSONL: _jsonl,
    AttachmentFormat.XARF: _xarf,
}


def _objects(rows: pl.DataFrame) -> Iterator[str]:
    """Each row as the text of a JSON object."""
    for event, problem, idf in rows.select(EVENT, PROBLEM, _IDF).iter_rows():
        more = "" if idf == "{}" else f",{idf[1:-1]}"
        yield f'{{"event":"{event}","problem":"{problem or ""}"{more}}}'


def _zip(files: Sequence[Attachment], name: str, at: datetime) -> Attachment:
    """A ZIP file that is the same bytes whenever it is made again."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in files:
            member = zipfile.ZipInfo(file.name, at.utctimetuple()[:6])
            member.compress_type = zipfile.ZIP_STORED if file.name.endswith(".zip") else zipfile.ZIP_DEFLATED
            archive.writestr(member, file.content)
    return Attachment(name, "application/zip", out.getvalue())


def _column(field: Field, texts: dict[str, pl.Series]) -> pl.Expr | pl.Series:
    if field.kind is FieldKind.IP:
        return texts[field.name]
    if field.kind is FieldKind.TIME:
        return pl.col(field.name).dt.to_string("%Y-%m-%dT%H:%M:%S%.f+00:00")
    return pl.col(field.name)


def _hexadecimal(problem: pl.Series) -> pl.Series:
    """Sixteen digits for each 64-bit key; null where there is none."""
    digits = problem.fill_null(0).to_numpy().astype(">i8").tobytes().hex()
    texts = pl.Series(PROBLEM, [digits[at : at + 16] for at in range(0, len(digits), 16)], dtype=pl.String)
    return texts if problem.null_count() == 0 else texts.set(problem.is_null(), None)


def hidden(events: pl.DataFrame, fields: frozenset[str]) -> pl.DataFrame:
    """The same events with nothing in the fields that are not among ``fields``."""
    has = frozenset(events.columns)
    closed = [
        column for name, field in BY_NAME.items() if name not in fields for column in field.columns if column in has
    ]
    return events.with_columns(pl.lit(None, dtype=events.schema[column]).alias(column) for column in closed)
