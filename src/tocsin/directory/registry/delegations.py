"""The delegation files of the regional registries: which addresses and AS numbers were given to which country.

Two shapes are read, plain or packed with gzip:

* *extended*: the RIR statistics exchange format, extended
  (``registry|cc|type|start|value|date|status|opaque-id``), of one registry or combined of all;
* *as-list*: CSV with the columns ``RIR, Country Code, ASN Number, Allocated Date``, one AS number a line.

Every line is a record, is noted as broken with its reason, or is a comment, header or summary.
"""

import hashlib
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from tocsin.directory.entries import RefusedEntry
from tocsin.networks import network_bounds, parse_addresses, parse_networks, read_chunks
from tocsin.node.errors import InputError

if TYPE_CHECKING:
    import polars as pl

UInt64s: TypeAlias = npt.NDArray[np.uint64]
Bools: TypeAlias = npt.NDArray[np.bool_]
_Ends: TypeAlias = tuple[UInt64s, UInt64s, Bools]
Shape: TypeAlias = Literal["extended", "as-list"]
RIRS: Final = ("afrinic", "apnic", "arin", "lacnic", "ripencc")
"""The regional registries as they write themselves in their files."""
ALL_RIRS: Final = "nro"
"""The name in the header of a file that combines all registries."""
KINDS: Final = ("asn", "ipv4", "ipv6")
STATUSES: Final = ("allocated", "assigned", "available", "reserved")
GIVEN: Final = ("allocated", "assigned")
"""The statuses of what somebody holds."""

_HEADS: Final = (*RIRS, ALL_RIRS)
_MAX_BYTES = 1_000_000_000
_CHUNK_LINES = 100_000
_KEPT_BROKEN = 10_000
_LAST_ASN = 4_294_967_295
_AS_LIST_HEAD = ("rir", "country code", "asn number", "allocated date")
_VERSION = re.compile(r"[0-9]+(?:\.[0-9]+)*")
_DAY = re.compile(r"(?<![0-9])(20[0-9]{2})-?([01][0-9])-?([0-3][0-9])(?![0-9])")


@dataclass
class DelegationFile:
    """What one file says, whole.

    ``records`` has a row for each record in the order of the file: ``rir``, ``kind`` (asn, ipv4, ipv6), ``first``,
    ``last`` (uint64: AS numbers, IPv4 addresses, or the upper 64 bits of IPv6 addresses), ``country`` (String, null
    where none), ``date`` (Date, null), ``status`` (null where the file does not say), ``holder`` (the opaque id,
    null), ``line`` (uint32). ``broken`` holds the first 10,000 of ``broken_count`` lines that are no record.
    ``declared`` is what header (``""``) and summary lines (by kind) say there is.
    """

    name: str
    digest: str
    shape: Shape
    registry: str
    as_of: date | None
    lines: int
    records: "pl.DataFrame"
    broken: list[RefusedEntry] = field(default_factory=list)
    broken_count: int = 0
    declared: dict[str, int] = field(default_factory=dict)

    @property
    def remarks(self) -> list[str]:
        """Where header and summary lines do not agree with what is in the file."""
        return list(_disagreements(self.declared, Counter(self.records["kind"].to_list())))


def read_delegations(path: Path) -> DelegationFile:
    """Everything in a delegation file.

    Raises:
        NotFoundError: there is no such file.
        InputError: it is damaged, too large, empty, or no delegation file.

    """
    import polars as pl

    read = DelegationFile(path.name, _digest(path), "extended", "", None, 0, pl.DataFrame())
    frames: list[pl.DataFrame] = []
    for first, lines in read_chunks(path, lines=_CHUNK_LINES, limit=_MAX_BYTES):
        if first == 1:
            read.shape = _shape(path, lines)
        frames.append(_records(read, first, lines))
        read.lines += len(lines)
    if not frames:
        raise InputError(f"{path.name} is empty.", hint="Fetch it again; nothing was changed.")
    read.records = pl.concat(frames)
    if not len(read.records):
        raise InputError(
            f"{path.name} has no record of a registry in it.",
            hint=f"{read.broken[0].where}: {read.broken[0].why}" if read.broken else "Fetch it again.",
        )
    if read.as_of is None and (found := _DAY.search(path.name)):
        read.as_of = _day("".join(found.groups()))
    return read


def _digest(path: Path) -> str:
    if not path.is_file():
        return ""  # reading it says what is wrong
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _shape(path: Path, lines: Sequence[str]) -> Shape:
    for line in lines[:100]:
        if _as_list_head(line):
            return "as-list"
        fields = line.split("|")
        if len(fields) >= 6 and {fields[0].lower(), fields[1].lower()} & {*_HEADS}:
            return "extended"
    raise InputError(
        f"{path.name} is no delegation file.",
        hint="Give a registry's 'delegated-…-extended' file, or a list of AS numbers with the columns "
        "RIR, Country Code, ASN Number, Allocated Date.",
    )


def _as_list_head(line: str) -> bool:
    return tuple(part.strip().lower() for part in line.split(",")) == _AS_LIST_HEAD


def _records(read: DelegationFile, first: int, lines: list[str]) -> "pl.DataFrame":
    import polars as pl

    kept: list[tuple[int, str]] = []
    for number, line in enumerate(lines, first):
        text = line.strip()
        if text and not text.startswith("#") and not _is_about(read, text):
            kept.append((number, text))
    schema = {"line": pl.UInt32, "text": pl.String}
    frame = pl.DataFrame(kept, schema=schema, orient="row")
    split = _split_extended(frame) if read.shape == "extended" else _split_as_list(frame)
    return _check(read, split)


def _is_about(read: DelegationFile, line: str) -> bool:
    """Whether a line says something about the file; what it says is noted."""
    if read.shape == "as-list":
        return _as_list_head(line)
    fields = line.split("|", 7)
    if fields[-1].lower() == "summary" and len(fields) == 6:
        if fields[4].isdecimal():
            read.declared[fields[2].lower()] = int(fields[4])
        return True
    if _VERSION.fullmatch(fields[0]) and len(fields) >= 6 and not read.registry and fields[1].lower() in _HEADS:
        read.registry = fields[1].lower()
        read.as_of = _day(fields[5]) or _day(fields[2])
        if fields[3].isdecimal():
            read.declared[""] = int(fields[3])
        return True
    return False


def _day(text: str) -> date | None:
    if len(text) != 8 or not text.isdecimal():
        return None
    try:
        return date(int(text[:4]), int(text[4:6]), int(text[6:]))
    except ValueError:
        return None


_SPLIT = ("rir", "country", "kind", "start", "value", "day", "status", "holder")


def _split_extended(frame: "pl.DataFrame") -> "pl.DataFrame":
    import polars as pl

    parts = pl.col("text").str.split("|")
    return frame.with_columns(
        *(parts.list.get(place, null_on_oob=True).str.strip_chars().alias(name) for place, name in enumerate(_SPLIT)),
        short=parts.list.len() < 7,
    )


def _split_as_list(frame: "pl.DataFrame") -> "pl.DataFrame":
    import polars as pl

    parts = pl.col("text").str.split(",")
    columns = {"rir": 0, "country": 1, "start": 2, "day": 3}
    return frame.with_columns(
        *(parts.list.get(at, null_on_oob=True).str.strip_chars().alias(name) for name, at in columns.items()),
        short=parts.list.len() != 4,
    ).with_columns(
        kind=pl.lit("asn"),
        start=pl.col("start").str.strip_prefix("AS"),
        value=pl.lit("1"),
        # The list has a date for what was given away and none for the rest; it does not say of what sort the rest is.
        status=pl.when(pl.col("day") != "").then(pl.lit("allocated")),
        holder=pl.lit(None, dtype=pl.String),
    )


def _check(read: DelegationFile, split: "pl.DataFrame") -> "pl.DataFrame":
    """The rows that are records, typed; the others are noted with their reason."""
    import polars as pl

    col = pl.col
    frame = split.with_columns(
        rir=col("rir").str.to_lowercase(),
        kind=col("kind").str.to_lowercase(),
        country=col("country").str.to_uppercase().replace(["", "ZZ", "*", "-"], None),
        status=col("status").str.to_lowercase(),
        holder=col("holder").replace("", None),
        date=col("day").str.to_date("%Y%m%d", strict=False),
    )
    frame = frame.with_columns(_ends(frame))
    frame = frame.with_columns(why=_why_not(stated=read.shape == "extended"))
    if read.registry in RIRS:
        other = f"a record of another registry in a file of {read.registry}"
        frame = frame.with_columns(
            why=pl.when(col("why").is_null() & (col("rir") != read.registry)).then(pl.lit(other)).otherwise("why")
        )
    _note_broken(read, frame.filter(col("why").is_not_null()))
    names = ("rir", "kind", "first", "last", "country", "date", "status", "holder", "line")
    return frame.filter(col("why").is_null()).select(names)


def _why_not(*, stated: bool) -> "pl.Expr":
    """The reason why a row is no record, null where it is one; ``stated``: the file says the status."""
    import polars as pl

    col = pl.col
    return (
        pl.when("short")
        .then(pl.lit("a record has seven fields or more" if stated else "a record has four fields"))
        .when(~col("rir").is_in(RIRS))
        .then(pl.lit(f"the registry is none of {', '.join(RIRS)}"))
        .when(~col("kind").is_in(KINDS).fill_null(value=False))
        .then(pl.lit(f"the type is none of {', '.join(KINDS)}"))
        .when(stated & ~col("status").is_in(STATUSES))
        .then(pl.lit(f"the status is none of {', '.join(STATUSES)}"))
        .when(col("country").is_not_null() & ~col("country").str.contains("^[A-Z]{2}$"))
        .then(pl.lit("the country is not two letters"))
        .when(col("date").is_null() & ~col("day").is_in(["", "00000000"]))
        .then(pl.lit("the date is not a day written as YYYYMMDD"))
        .when(col("first").is_null())
        .then(
            pl.when(col("kind") == "asn")
            .then(pl.lit("not an AS number, or not a count of them"))
            .when(col("kind") == "ipv4")
            .then(pl.lit("not an IPv4 address, or not a count of addresses from it"))
            .otherwise(pl.lit("not an IPv6 network of a length up to 64"))
        )
    )


def _ends(frame: "pl.DataFrame") -> "pl.DataFrame":
    """``first`` and ``last`` number of each row (uint64), null where it is no range of its kind."""
    import polars as pl

    first, last = np.zeros(len(frame), dtype=np.uint64), np.zeros(len(frame), dtype=np.uint64)
    good = np.zeros(len(frame), dtype=np.bool_)
    for kind, ends in (("asn", _as_numbers), ("ipv4", _ipv4), ("ipv6", _ipv6)):
        rows = np.flatnonzero((frame["kind"] == kind).fill_null(value=False).to_numpy())
        first[rows], last[rows], good[rows] = ends(frame["start"].gather(rows), frame["value"].gather(rows))
    made = pl.DataFrame({"first": first, "last": last, "good": good})
    return made.select(pl.when("good").then(name).alias(name) for name in ("first", "last"))


def _as_numbers(start: "pl.Series", value: "pl.Series") -> _Ends:
    import polars as pl

    digits = start.str.contains("^[0-9]{1,10}$").fill_null(value=False)
    first = start.cast(pl.UInt64, strict=False).fill_null(0).to_numpy()
    return _counted(first, value, digits.to_numpy(), _LAST_ASN)


def _ipv4(start: "pl.Series", value: "pl.Series") -> _Ends:
    _, lo, ok = parse_addresses(start)
    dotted = ~start.str.contains(":", literal=True).fill_null(value=True).to_numpy()
    return _counted(lo & np.uint64(0xFFFF_FFFF), value, ok & dotted, 0xFFFF_FFFF)


def _ipv6(start: "pl.Series", value: "pl.Series") -> _Ends:
    hi, lo, length, ok = parse_networks(start + "/" + value)
    given_hi, given_lo, _ = parse_addresses(start)
    colon = start.str.contains(":", literal=True).fill_null(value=False).to_numpy()
    whole = (length > 0) & (length <= 64) & (given_hi == hi) & (given_lo == lo)
    return hi, network_bounds(hi, lo, length)[2], ok & colon & whole


def _counted(first: UInt64s, value: "pl.Series", ok: Bools, most: int) -> _Ends:
    import polars as pl

    count = value.cast(pl.UInt32, strict=False).fill_null(0).to_numpy().astype(np.uint64)
    last = first + count - (count > 0)
    return first, last, ok & (count > 0) & (last <= most)


def _note_broken(read: DelegationFile, rows: "pl.DataFrame") -> None:
    read.broken_count += len(rows)
    room = _KEPT_BROKEN - len(read.broken)
    for line, text, why in rows.head(max(room, 0)).select("line", "text", "why").iter_rows():
        read.broken.append(RefusedEntry(f"{read.name}, line {line}", text[:200], why))


def _disagreements(declared: dict[str, int], found: Counter[str]) -> Iterator[str]:
    for kind in KINDS:
        if kind in declared and declared[kind] != found[kind]:
            yield f"records of {kind}: the summary says {declared[kind]:,}, the file has {found[kind]:,}"
    total = found.total()
    if "" in declared and declared[""] != total:
        yield f"records: the header says {declared['']:,}, the file has {total:,}"


def overlapping(records: "pl.DataFrame") -> "pl.DataFrame":
    """Pairs of records that share numbers: the columns of both, those of the earlier-beginning with ``other_``.

    Each record is paired with one that begins no later and reaches into it; a record that overlaps several is named
    once.
    """
    import polars as pl

    rows = records.sort("kind", "first", "last", maintain_order=True).with_row_index("place")
    reach = pl.col("last").cum_max().over("kind")
    furthest = pl.when(pl.col("last") == reach).then("place").forward_fill()
    found = rows.with_columns(reach.alias("reach"), furthest.alias("furthest")).with_columns(
        pl.col("reach", "furthest").shift(1).over("kind")
    )
    clash = found.filter(pl.col("first") <= pl.col("reach"))
    others = rows.rename(lambda name: f"other_{name}")
    return clash.join(others, left_on="furthest", right_on="other_place", maintain_order="left").drop(
        "place", "reach", "furthest"
    )
