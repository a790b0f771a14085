"""Reading many incidents, as one JSON document: ``python bench/incidents.py [--incidents N] [--engines sqlite …]``.

``--folder FOLDER`` keeps the records of SQLite there, and takes those that are there, for a second version beside.

Each incident has ten entries and five observables; one in fifty is worked on, one in a hundred is restricted, mostly to
others. Timed are the list, one incident with its timeline, words inside compartments, an observable by its value, and
the audit log's page with what is restricted left out: the 95th percentile of some runs by one of 200 persons.
"""

import argparse
import json
import random
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final
from uuid import UUID

from sqlalchemy import insert, select, text
from sqlalchemy.orm import Session

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from support.databases import postgresql_binaries, running_cluster
from tocsin.incidents import (
    IncidentReader,
    IncidentSearch,
    count_incidents,
    entries_of,
    entries_with_words,
    find_incident,
    incidents_with_observables,
    incidents_with_words,
    list_incidents,
    merged_family,
    new_reference,
    observables_of,
    parties_of,
    subjects_for,
    tasks_of,
)
from tocsin.incidents.arrivals import reports_in
from tocsin.incidents.models import Compartment, CompartmentMember, Incident, IncidentEntry, IncidentObservable
from tocsin.node.accounts import AccountRole, Principal
from tocsin.node.records import AuditEntry, AuditFilter, Database, list_entries, open_database, sqlite_url
from tocsin.pipeline.search.incidents import find_in_incidents

NOW: Final = datetime(2026, 11, 24, tzinfo=UTC)
KINDS: Final = ("Phishing", "Ransomware", "Leak", "Intrusion", "Defacement", "Flood", "Fraud", "Scan")
PLACES: Final = ("harbour", "bank", "port", "university", "ministry", "cable", "hospital", "school")
ENTRIES, OBSERVABLES, COMPARTMENTS, PEOPLE = 10, 5, 100, 200
BLOCK: Final = 2_000  # incidents that are written at once
REFERENCES: Final[list[str]] = []
Ask = Callable[[Session, IncidentReader, random.Random], object]


def main() -> None:
    parser = argparse.ArgumentParser(description="Times reading of incidents.")
    parser.add_argument("--incidents", type=int, default=100_000)
    parser.add_argument("--engines", nargs="+", choices=("sqlite", "postgresql"), default=["sqlite", "postgresql"])
    parser.add_argument("--folder", type=Path, help="Where the records of SQLite are kept, or are already.")
    options = parser.parse_args()
    results: dict[str, object] = {"incidents": options.incidents}
    if "sqlite" in options.engines:
        with tempfile.TemporaryDirectory(prefix="tocsin-bench-") as folder:
            database = open_database(sqlite_url((options.folder or Path(folder)) / "records.sqlite"))
            with database.kept_open():
                results["sqlite"] = measure(database, options.incidents)
            database.close()
    if "postgresql" in options.engines:
        binaries = postgresql_binaries()
        if binaries is None:
            raise SystemExit("PostgreSQL is not here: install the Debian package 'postgresql'.")
        with running_cluster(binaries) as cluster:
            database = open_database(cluster.fresh(migrated=False))
            results["postgresql"] = measure(database, options.incidents)
            database.close()
    json.dump(results, sys.stdout, indent=1)
    sys.stdout.write("\n")


def measure(database: Database, incidents: int) -> dict[str, object]:
    database.migrate()
    with database.reading() as session:
        drawn = dict.fromkeys(session.scalars(select(Incident.reference).order_by(Incident.id)))
    is_filled = len(drawn) >= incidents
    while len(drawn) < incidents:  # a few are drawn twice
        drawn[new_reference()] = None
    REFERENCES[:] = drawn
    began = time.perf_counter()
    if not is_filled:
        fill(database, incidents)
    filled = round(time.perf_counter() - began, 1)
    if database.engine.dialect.name == "postgresql":
        with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text("VACUUM ANALYZE"))  # as its autovacuum does
    return {"filled_s": filled, "p95_ms": {name: timed(database, ask, incidents) for name, ask in ASKED.items()}}


def fill(database: Database, incidents: int) -> None:
    chance = random.Random(1)
    with database.begin() as session:
        session.execute(insert(Compartment), [{"id": one, "made_at": NOW} for one in range(1, COMPARTMENTS + 1)])
        members = [
            {"compartment_id": one, "person": person, "added_at": NOW, "added_by": "", "until": None, "reason": "",
             "reviewed_by": None}
            for one in range(1, COMPARTMENTS + 1) for person in chance.sample(range(1, PEOPLE + 1), 4)
        ]  # fmt: skip
        session.execute(insert(CompartmentMember), members)
    for start in range(0, incidents, BLOCK):
        block = [_incident(number, chance) for number in range(start, min(start + BLOCK, incidents))]
        with database.begin() as session:
            session.execute(insert(Incident), block)
            session.execute(insert(IncidentEntry), [_entry(of, n, chance) for of in block for n in range(ENTRIES)])
            observed = [_observable(of, n, chance) for of in block for n in range(OBSERVABLES)]
            session.execute(insert(IncidentObservable), observed)
            session.execute(insert(AuditEntry), [_audit(of) for of in block])


def _incident(number: int, chance: random.Random) -> dict[str, Any]:
    at = NOW - timedelta(minutes=number)
    live = number % 50 == 0
    return {
        "id": number + 1, "uuid": UUID(int=number), "reference": REFERENCES[number],
        "title": f"{chance.choice(KINDS)} at {chance.choice(PLACES)} {number}", "rsit_type": "phishing",
        "severity": "low", "tlp": "AMBER", "state": "open" if live else "closed", "waiting_for": "",
        "waiting_until": None, "lead": number % PEOPLE + 1, "merged_into": None, "opened_at": at, "changed_at": at,
        "closed_at": None if live else at,
        "compartment_id": chance.randrange(1, COMPARTMENTS + 1) if number % 100 == 1 else 0,
    }  # fmt: skip


def _entry(of: dict[str, Any], number: int, chance: random.Random) -> dict[str, Any]:
    words = " ".join(chance.choice(PLACES) + str(chance.randrange(2_000)) for _ in range(12))
    return {
        "incident_id": of["id"], "compartment_id": of["compartment_id"], "kind": "note", "happened_at": of["opened_at"],
        "recorded_at": of["opened_at"], "by": "person:1", "text": f"They wrote {number}: {words}", "data": {},
        "tlp": "AMBER", "party_id": None, "supersedes": None, "sha256": "0" * 64, "once": None,
    }  # fmt: skip


def _observable(of: dict[str, Any], number: int, chance: random.Random) -> dict[str, Any]:
    return {
        "incident_id": of["id"], "compartment_id": of["compartment_id"], "kind": "domain",
        "value": f"host{chance.randrange(1_000_000)}-{number}.example", "role": "indicator", "tlp": "AMBER",
        "added_at": of["opened_at"], "valid_until": None, "withdrawn_at": None,
    }  # fmt: skip


def _audit(of: dict[str, Any]) -> dict[str, Any]:
    subject = f"incident:{of['reference']}"
    return {"at": of["opened_at"], "actor": "person:1", "word": "incident.entry", "subject": subject, "detail": {}}


def _one(session: Session, reader: IncidentReader, number: int) -> None:
    """What the page of an incident asks for."""
    family = merged_family(session, reader, find_incident(session, reader, REFERENCES[number]))
    entries_of(session, reader, family, limit=100)
    for part in (parties_of, tasks_of, observables_of, reports_in):
        part(session, reader, family)


def _searched(words: str) -> Ask:
    def ask(session: Session, reader: IncidentReader, _chance: random.Random) -> object:
        return find_in_incidents(session, Principal(AccountRole.ANALYST, reader.person), reader, words)

    return ask


ASKED: Final[dict[str, Ask]] = {
    "list_open": lambda session, reader, _: list_incidents(session, reader, IncidentSearch()),
    "count_open": lambda session, reader, _: count_incidents(session, reader, IncidentSearch()),
    "list_all": lambda session, reader, _: list_incidents(session, reader, IncidentSearch(states=())),
    "list_of_a_lead": lambda session, reader, _: list_incidents(session, reader, IncidentSearch(lead=reader.person)),
    "one_incident": lambda session, reader, chance: _one(session, reader, 50 * chance.randrange(20)),
    "words_few_have": _searched("harbour77 bank1400"),
    "words_many_have": _searched("hospital"),
    "words_all_have": _searched("wrote"),
    "words_none_has": _searched("zzyzx"),
    "titles_alone": lambda session, reader, _: incidents_with_words(session, reader, "ransomware", limit=11),
    "entries_alone": lambda session, reader, _: entries_with_words(session, reader, "cable12", limit=11),
    "observable": lambda session, reader, chance: incidents_with_observables(
        session, reader, [f"host{chance.randrange(1_000_000)}-1.example"], limit=11
    ),
    "audit_page": lambda session, reader, _: list_entries(
        session, AuditFilter(may=subjects_for(session, reader)), limit=100
    ),
}


def timed(database: Database, ask: Ask, incidents: int, runs: int = 20) -> float:
    """The 95th percentile of some runs behind a first one, in milliseconds; each by another person."""
    chance, taken = random.Random(incidents), []
    for _ in range(runs + 1):
        reader = IncidentReader(chance.randrange(1, PEOPLE + 1), NOW)
        with database.reading() as session:
            began = time.perf_counter()
            ask(session, reader, chance)
            taken.append((time.perf_counter() - began) * 1_000)
    return round(sorted(taken[1:])[int(runs * 0.95) - 1], 1)


if __name__ == "__main__":
    main()
