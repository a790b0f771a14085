"""Coverage as of a day, read from the records, the registries' files and the tables of networks."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Final

import polars as pl
from sqlalchemy.orm import Session

from tocsin.directory.contacts import Contact, Terms, contact_states
from tocsin.directory.coverage.count import SORTS, best_states, by_country, count_numbers, total
from tocsin.directory.effective import DirectoryPart, read_effective
from tocsin.directory.model import ResponsibilityRole, RuleKind
from tocsin.directory.purposes import counts_as_abuse, counts_as_security
from tocsin.directory.registry import Denominator, allocated_asns, kept_files
from tocsin.networks import Networks, announced, table_files

_TEAMS: Final = {"asn": pl.UInt32, "team": pl.Int64}
_CONTACTS: Final = {"team": pl.Int64, "sort": pl.String, "state": pl.String}


@dataclass(frozen=True)
class Coverage:
    """Coverage as of ``day``.

    ``numbers``: a row for each AS number, ``countries``: for each country, ``total``: of all, each AS number once; see
    ``count.py``. ``files``: the denominator; ``former_files``: what *moved* is compared with. ``tables``: the files of
    the table of routes, which has no history. ``not_given``: AS numbers with a team that no registry gave away.
    """

    day: date
    numbers: pl.DataFrame
    countries: pl.DataFrame
    total: Mapping[str, int | float | None]
    files: tuple[Denominator, ...]
    former_files: tuple[Denominator, ...]
    tables: tuple[str, ...]
    not_given: tuple[int, ...]


def read_coverage(session: Session, home: Path, *, at: datetime, now: datetime, terms: Terms) -> Coverage:
    """Who could be told of each AS number at a time, as it was known then; that of now where ``at`` is ``now``.

    Raises:
        NotFoundError: no delegation file of that day or before is kept.
        StorageError: the tables of networks cannot be read.

    """
    given = allocated_asns(home, at.date())
    former, former_files = _former(home, at.date())
    past = at if at < now else None
    states = best_states(responsible_teams(session, past), contacts_frame(contact_states(session, at, terms, at=past)))
    placed = announced(Networks.open(home))
    numbers = count_numbers(given.frame, former, states, placed)
    return Coverage(
        day=at.date(),
        numbers=numbers,
        countries=by_country(numbers, placed),
        total=total(numbers),
        files=given.files,
        former_files=former_files,
        tables=tuple(table_files(home)),
        not_given=tuple(states.join(numbers, on="asn", how="anti")["asn"].to_list()),
    )


def end_of(day: date, now: datetime) -> datetime | None:
    """The last moment of a day (UTC); None where the day is not over."""
    end = datetime.combine(day + timedelta(days=1), time(), UTC) - timedelta(microseconds=1)
    return end if end < now else None


def responsible_teams(session: Session, at: datetime | None = None) -> pl.DataFrame:
    """The AS numbers that teams answer for, ``asn`` and ``team``, one row for each pair."""
    rules = read_effective(session, DirectoryPart(kind=RuleKind.ASN.value), at).rules
    pairs = {(int(rule.value), rule.team_id) for rule in rules if rule.role is ResponsibilityRole.RESPONSIBLE}
    return pl.DataFrame(sorted(pairs), schema=_TEAMS, orient="row")


def contacts_frame(contacts: Iterable[Contact]) -> pl.DataFrame:
    """Contacts as `best_states` takes them: a row for each sort that a mailbox counts as."""
    rows = [(contact.team_id, sort, contact.stand.state.value) for contact in contacts for sort in _sorts_of(contact)]
    return pl.DataFrame(rows, schema=_CONTACTS, orient="row")


def _sorts_of(contact: Contact) -> list[str]:
    if contact.purpose is None:
        return []
    counts = (True, counts_as_abuse(contact.purpose), counts_as_security(contact.purpose))
    return [sort for sort, is_one in zip(SORTS, counts, strict=True) if is_one]


def _former(home: Path, day: date) -> tuple[pl.DataFrame, tuple[Denominator, ...]]:
    """What registries gave away on the first days of which their files are kept, up to ``day``."""
    first: dict[str, Denominator] = {}
    for file in kept_files(home):
        if file.as_of <= day:
            first.setdefault(file.rir, file)
    days = sorted({file.as_of for file in first.values()})
    frames = [allocated_asns(home, one).frame for one in days]
    return pl.concat(frames), tuple(first.values())
