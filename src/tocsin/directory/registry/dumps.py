"""Bring the RPSL dumps of one registry into the directory."""

import hashlib
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from datetime import date, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from tocsin.directory import canonical
from tocsin.directory.importing import MOST_GONE
from tocsin.directory.registry.delegation_store import allocated_asns
from tocsin.directory.registry.record import RegistryImported, record
from tocsin.directory.registry.refusals import Refusals
from tocsin.directory.registry.rpsl import CountryFilter, read_dump
from tocsin.node.errors import InputError, NotFoundError, UsageError
from tocsin.node.files import disk_failures
from tocsin.node.paths import HomeFolder
from tocsin.node.records import Database


def import_rpsl(
    database: Database,
    home: Path,
    files: Sequence[Path],
    *,
    source: str,
    actor: str,
    now: datetime,
    as_of: date | None = None,
    countries: Collection[str] = (),
    dry_run: bool = False,
    most_gone: int | None = MOST_GONE,
    tell: Callable[[str], None] = lambda _: None,
) -> RegistryImported:
    """What changed by bringing all the dumps of one registry into the directory; the same dumps again change nothing.

    ``source`` is the short name of the registry, such as ``ripe``; ``as_of`` the day of the dumps. ``countries`` are
    those whose networks and AS numbers are wanted, all if none are named; AS numbers are where the delegation files
    that are kept say. What was not taken is written with its reason into ``registry/refused-SOURCE.jsonl`` of the home
    folder. ``tell`` hears how far it is.

    Raises:
        UsageError: the source is no short name.
        NotFoundError: there is no such file.
        InputError: a file is damaged or no RPSL dump.
        ConflictError: more of what the source said would go than ``most_gone`` percent.

    """
    try:
        source = canonical.key(source)
    except ValueError as error:
        raise UsageError(
            f"'{source}' cannot name a source: {error}.", hint="Take --source ripe, for example."
        ) from None
    files = sorted(files)  # of two objects that contradict each other the same is used in every import
    digests = {path.name: _digest(path) for path in files}
    spool = home / HomeFolder.SPOOL
    with disk_failures(f"The folder {home} cannot be written"):
        spool.mkdir(parents=True, exist_ok=True)
        with (
            TemporaryDirectory(dir=spool, prefix="rpsl-") as folder,
            Refusals(home / HomeFolder.REGISTRY / f"refused-{source}.jsonl") as refusals,
        ):
            territory = _territory(home, countries, now.date())
            said = read_dump(files, source, Path(folder), refusals, tell, territory=territory)
        tell("comparing with the records")
        return record(
            database,
            said,
            refusals,
            files=digests,
            actor=actor,
            now=now,
            as_of=as_of,
            dry_run=dry_run,
            most_gone=most_gone,
        )


def _territory(home: Path, countries: Collection[str], day: date) -> CountryFilter | None:
    if not countries:
        return None
    import polars as pl

    try:
        codes = frozenset(map(canonical.country, countries))
    except ValueError as error:
        raise UsageError(f"'{', '.join(countries)}' cannot be used: {error}.", hint="Take --country MU, say.") from None
    asns = pl.DataFrame(schema={"asn": pl.UInt32, "country": pl.String})
    with suppress(NotFoundError):
        asns = allocated_asns(home, day).frame.select("asn", "country")
    return CountryFilter(codes, asns)


def _digest(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except FileNotFoundError:
        raise NotFoundError(f"There is no file {path}.", hint="Check the name.") from None
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}.") from error
