"""What the regional registries said on each day, kept as one Parquet file for each registry and day.

The files lie in ``registry/delegations`` of the home folder. Each says in its own head which file it was made from, so
that a figure can name its denominator. "As of a day" means for each registry the newest file of that day or before.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

from sqlalchemy.orm import Session

from tocsin.directory.entries import RefusedEntry
from tocsin.directory.registry.delegation_changes import compare, what
from tocsin.directory.registry.delegations import (
    GIVEN,
    RIRS,
    DelegationFile,
    Shape,
    overlapping,
    read_delegations,
)
from tocsin.node.errors import InputError, NotFoundError
from tocsin.node.files import disk_failures, sync_file, sync_folder
from tocsin.node.paths import HomeFolder
from tocsin.node.records import AuditAction, Database, audit, from_row

if TYPE_CHECKING:
    import polars as pl

_FOLDER: Final = Path(HomeFolder.REGISTRY, "delegations")
_FEW = 1_000


@dataclass(frozen=True, slots=True, order=True)
class Denominator:
    """A file that figures rest on: whose, of which day, in which shape, its name and SHA-256, and its records."""

    rir: str
    as_of: date
    shape: Shape
    file: str
    sha256: str
    records: int


@dataclass(frozen=True)
class DelegationSnapshot:
    """What was given away as of a day, and the files that say so."""

    frame: "pl.DataFrame"
    files: tuple[Denominator, ...]


@dataclass(frozen=True)
class DelegationsImported:
    """What a registry's part of a file brought, or with ``dry_run`` would bring.

    ``state`` is ``new``, ``as before`` (this very file was here) or ``replaced`` (another file of that day was).
    ``counts`` are records by kind and status, ``changes`` ranges by kind of change since ``compared_with``.
    ``overlaps`` are records that share numbers within the file, ``claimed_twice`` those that another registry gives
    away as well; of both the first 1,000.
    """

    file: str
    rir: str
    as_of: date
    shape: Shape
    dry_run: bool
    state: str
    records: int
    counts: dict[str, dict[str, int]]
    compared_with: date | None
    changes: dict[str, int]
    overlaps: tuple[str, ...]
    claimed_twice: tuple[str, ...]
    remarks: tuple[str, ...]
    broken: int
    not_taken: tuple[RefusedEntry, ...]


def import_delegations(
    database: Database,
    home: Path,
    path: Path,
    *,
    actor: str,
    now: datetime,
    rir: str = "",
    as_of: date | None = None,
    dry_run: bool = False,
) -> list[DelegationsImported]:
    """What changed by keeping a delegation file, for each registry in it; the same file again changes nothing.

    ``rir`` takes only that registry's records. ``as_of`` is the file's day where it names none itself.

    Raises:
        InputError: the file cannot be used, names no day, or holds nothing of ``rir``.

    """
    import polars as pl

    read = read_delegations(path)
    day = read.as_of or as_of
    if day is None:
        raise InputError(f"{path.name} does not say of which day it is.", hint="Give it with --as-of YYYY-MM-DD.")
    found = [name for name in RIRS if name in set(read.records["rir"]) and rir in {"", name}]
    if not found:
        raise InputError(f"{path.name} has no record of {rir}.", hint=f"It is a file of {read.registry or 'others'}.")
    if read.shape == "extended" and not read.registry and len(found) > 1:
        raise InputError(
            f"{path.name} has records of {', '.join(found)}, and no header that says whose file it is.",
            hint="Say with --rir whose records to take.",
        )
    return [
        _keep(
            database,
            home,
            read,
            read.records.filter(pl.col("rir") == name),
            Denominator(name, day, read.shape, read.name, read.digest, int((read.records["rir"] == name).sum())),
            actor=actor,
            now=now,
            dry_run=dry_run,
        )
        for name in found
    ]


def kept_files(home: Path) -> list[Denominator]:
    """Every file that is kept, by registry and day."""
    return sorted(_head(path) for path in (home / _FOLDER).glob("*.parquet"))


def files_as_of(home: Path, day: date) -> list[Denominator]:
    """For each registry the newest file of ``day`` or before."""
    newest: dict[str, Denominator] = {}
    for kept in kept_files(home):  # sorted: of one day the extended one comes last and is taken
        if kept.as_of <= day:
            newest[kept.rir] = kept
    return list(newest.values())


def allocated_asns(home: Path, as_of: date) -> DelegationSnapshot:
    """The AS numbers that were in somebody's hands as of a day, one a row, sorted.

    Columns: ``asn`` (uint32), ``country``, ``rir``, ``date`` (given on), ``status``, ``holder``. An AS number that two
    registries give away has two rows.

    Raises:
        NotFoundError: no file of that day or before is kept.

    """
    import polars as pl

    files = _some(files_as_of(home, as_of), as_of)
    rows = _records(home, files).filter((pl.col("kind") == "asn") & pl.col("status").is_in(GIVEN))
    numbers = rows.with_columns(asn=pl.int_ranges("first", pl.col("last") + 1, dtype=pl.UInt32)).explode("asn")
    return DelegationSnapshot(
        numbers.select("asn", "country", "rir", "date", "status", "holder").sort("asn", "rir"), tuple(files)
    )


@dataclass(frozen=True)
class Transfers:
    """What changed between two days (see ``delegation_changes.compare``), the files of both, and which were left out.

    ``left_out`` are registries of which only one day has a file: all they say would look new or gone.
    """

    frame: "pl.DataFrame"
    before: tuple[Denominator, ...]
    after: tuple[Denominator, ...]
    left_out: tuple[str, ...]


def transfers(home: Path, before: date, after: date) -> Transfers:
    """What changed between two days.

    Raises:
        NotFoundError: one of the days has no file.

    """
    import polars as pl

    sides = [_some(files_as_of(home, day), day) for day in (before, after)]
    shared = {file.rir for file in sides[0]} & {file.rir for file in sides[1]}
    left_out = {file.rir for side in sides for file in side} - shared
    kept = [[file for file in side if file.rir in shared] for side in sides]
    frames = [_records(home, side) for side in kept]
    listed = {file.rir for side in kept for file in side if file.shape == "as-list"}
    if listed:  # one of the two knows no addresses
        frames = [frame.filter((pl.col("kind") == "asn") | ~pl.col("rir").is_in(listed)) for frame in frames]
    return Transfers(compare(*frames), tuple(kept[0]), tuple(kept[1]), tuple(sorted(left_out)))


def _keep(
    database: Database,
    home: Path,
    read: DelegationFile,
    records: "pl.DataFrame",
    made: Denominator,
    *,
    actor: str,
    now: datetime,
    dry_run: bool,
) -> DelegationsImported:
    import polars as pl

    folder = home / _FOLDER
    path = folder / f"{made.rir}-{made.as_of}-{made.shape}.parquet"
    before = _head(path) if path.exists() else None
    state = "new" if before is None else "as before" if before == made else "replaced"
    earlier = [
        file
        for file in kept_files(home)
        if file.rir == made.rir and file.as_of < made.as_of and file.shape == made.shape
    ]
    if not dry_run and state != "as before":
        with disk_failures(f"The file {path} cannot be written"), database.begin() as session:
            folder.mkdir(parents=True, exist_ok=True)
            _write(path, records, made)
            _note(session, made, state, actor=actor, now=now)
    changes = (
        compare(_records(home, earlier[-1:]), records)["change"].explode() if earlier else pl.Series(dtype=pl.String)
    )
    counts = records.group_by("kind", "status").len().sort("kind", "status").rows()
    kinds = sorted({kind for kind, _, _ in counts})
    return from_row(
        DelegationsImported,
        made,
        dry_run=dry_run,
        state=state,
        counts={kind: {status or "not said": n for k, status, n in counts if k == kind} for kind in kinds},
        compared_with=earlier[-1].as_of if earlier else None,
        changes=dict(changes.value_counts().sort(changes.name).rows()),
        overlaps=_overlaps(records),
        claimed_twice=_claimed_twice(home, made, records),
        remarks=tuple(read.remarks),
        broken=read.broken_count,
        not_taken=tuple(read.broken),
    )


def _overlaps(records: "pl.DataFrame") -> tuple[str, ...]:
    pairs = overlapping(records).head(_FEW)
    return tuple(
        f"line {row['line']}, {what(row['kind'], row['first'], row['last'])}: overlaps line {row['other_line']}, "
        f"{what(row['other_kind'], row['other_first'], row['other_last'])}"
        for row in pairs.iter_rows(named=True)
    )


def _claimed_twice(home: Path, made: Denominator, records: "pl.DataFrame") -> tuple[str, ...]:
    """What this registry and another one both give away, as of this day."""
    import polars as pl

    others = [file for file in files_as_of(home, made.as_of) if file.rir != made.rir]
    if not others:
        return ()
    given = pl.concat([_records(home, others), records]).filter(pl.col("status").is_in(GIVEN))
    pairs = overlapping(given).filter(
        (pl.col("rir") != pl.col("other_rir")) & pl.lit(made.rir).is_in(pl.concat_list("rir", "other_rir"))
    )
    return tuple(
        f"{what(row['kind'], max(row['first'], row['other_first']), min(row['last'], row['other_last']))}: "
        f"{row['other_rir']} gives it to {row['other_country'] or 'nobody'}, "
        f"{row['rir']} to {row['country'] or 'nobody'}"
        for row in pairs.head(_FEW).iter_rows(named=True)
    )


def _write(path: Path, records: "pl.DataFrame", made: Denominator) -> None:
    head = {"rir": made.rir, "as_of": made.as_of.isoformat(), "shape": made.shape, "file": made.file}
    unfinished = path.with_suffix(".unfinished")
    records.write_parquet(
        unfinished, compression="zstd", metadata=head | {"sha256": made.sha256, "records": str(made.records)}
    )
    sync_file(unfinished)
    unfinished.replace(path)
    sync_folder(path.parent)


def _note(session: Session, made: Denominator, state: str, *, actor: str, now: datetime) -> None:
    detail: dict[str, object] = {
        "file": made.file,
        "sha256": made.sha256,
        "records": made.records,
        "as_of": made.as_of.isoformat(),
    }
    detail |= {"shape": made.shape, "replaced": state == "replaced"}
    subject = f"delegations:{made.rir}"
    audit(session, AuditAction.DELEGATIONS_IMPORTED, at=now, actor=actor, subject=subject, detail=detail)


def _head(path: Path) -> Denominator:
    import polars as pl

    head = pl.read_parquet_metadata(path)
    shape: Shape = "as-list" if head["shape"] == "as-list" else "extended"
    day = date.fromisoformat(head["as_of"])
    return Denominator(head["rir"], day, shape, head["file"], head["sha256"], int(head["records"]))


def _some(files: Sequence[Denominator], day: date) -> list[Denominator]:
    if not files:
        raise NotFoundError(
            f"No delegation file of {day} or before is kept.",
            hint="'tocsin directory import-delegations FILE' brings one in; docs/registries.md says where they are.",
        )
    return list(files)


def _records(home: Path, files: Sequence[Denominator]) -> "pl.DataFrame":
    import polars as pl

    return pl.concat(
        pl.read_parquet(home / _FOLDER / f"{file.rir}-{file.as_of}-{file.shape}.parquet") for file in files
    )
