"""Lookups in a large directory, as one JSON document: ``python bench/directory.py [--teams N] [--asns N] [--on NAME]``.

The world: 200,000 teams with a mailbox each; 120,000 AS numbers, each of one team; networks that nest, domains; 200 AS
numbers that two teams claim, and a few words of persons that overrule imports. It is built through the bulk import, on
SQLite and on a PostgreSQL that is started for it. Timed are the imports, the same file again, reading, compiling and
opening, and what a person's word costs; then one question at a time, warm, each about something else, and batches of
200,000 addresses spread over the whole address space. ``responsible`` is the set of teams alone, ``route`` the whole
decision with its audience.
"""

import argparse
import ipaddress
import json
import random
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from statistics import quantiles

import numpy as np
import numpy.typing as npt

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from support.databases import postgresql_binaries, running_cluster
from tocsin.directory import (
    PersonStatement,
    ValueDecision,
    add_assertion,
    add_denial,
    decide_conflict,
    directory_version,
    import_directory,
    read_assertions_on,
    read_candidates,
    read_conflicts,
    read_directory,
    same_and_wider,
)
from tocsin.networks import Networks
from tocsin.node.records import Database, open_database, sqlite_url
from tocsin.sharing.gate import read_marking
from tocsin.sharing.lookup import explain_subject, read_subject
from tocsin.sharing.routing import Router, current_router

NOW = datetime(2026, 11, 24, tzinfo=UTC)
BATCH = 200_000
QUESTIONS = 2_000
CONTESTED = 200
Halves = npt.NDArray[np.uint64]


def write_world(folder: Path, teams: int, asns: int, chance: random.Random) -> None:
    """``teams.csv`` and ``rules.csv``; four networks for five teams, a domain for two."""
    lines = [f"t{team},Team {team} Ltd,abuse@t{team}.example.net" for team in range(teams)]
    (folder / "teams.csv").write_text("\n".join(["key,name,mailboxes", *lines]), encoding="utf-8")
    networks = {
        ipaddress.ip_network((chance.getrandbits(32), chance.randint(14, 28)), strict=False)
        for _ in range(teams * 4 // 5)
    }
    rules = [f"t{chance.randrange(teams)},asn,{number}" for number in range(1, asns + 1)]
    rules += [f"t{chance.randrange(teams)},prefix,{network}" for network in sorted(networks)]
    rules += [f"t{chance.randrange(teams)},domain,d{number}.example.org" for number in range(teams // 2)]
    (folder / "rules.csv").write_text("\n".join(["team,kind,value", *rules]), encoding="utf-8")
    claims = [f"t{chance.randrange(teams)},asn,{number}" for number in range(1, CONTESTED + 1)]
    (folder / "claims.csv").write_text("\n".join(["team,kind,value", *claims]), encoding="utf-8")


def measure(database: Database, folder: Path, home: Path, teams: int) -> dict[str, object]:
    result: dict[str, object] = {}
    chance = random.Random(8)
    for name in ("teams", "rules", "claims"):
        with timed(f"import_{name}", result):
            import_directory(database, folder / f"{name}.csv", actor="bench", now=NOW)
    with timed("import_rules_again", result):
        import_directory(database, folder / "rules.csv", actor="bench", now=NOW)
    with timed("read", result):
        read_directory(database)
    said = PersonStatement(f"t{chance.randrange(teams)}", "prefix", "192.0.2.0/24", "Ana")
    with timed("assert", result):
        add_assertion(database, said, actor="bench", now=NOW)
    for number in range(3):
        add_denial(database, PersonStatement(f"t{number}", "asn", str(number + 1), "Ana"), actor="bench", now=NOW)
    with timed("conflicts", result):
        conflicts = read_conflicts(database)
    contested = next(one for one in conflicts if one.state == "open")
    with timed("decide", result):
        verdict = ValueDecision(f"AS{contested.value}", contested.teams[:1], "Ana", "bench")
        decide_conflict(database, verdict, actor="bench", now=NOW)
    with timed("merge_candidates", result):
        read_candidates(database)
    with timed("on_a_day", result):
        read_assertions_on(database, {"prefix": same_and_wider("prefix", "192.0.2.1"), "asn": ["64500"]}, NOW)
    with timed("read_with_words", result):
        directory = read_directory(database)
    result |= {"rules": len(directory.rules), "overruled": len(directory.overruled), "conflicts": len(conflicts)}
    with timed("compile", result):
        Router.compile((*directory.rules, *directory.overruled), directory.teams, now=NOW)
    version = directory_version(database)
    with timed("renew", result):
        current_router(home / "routing", version, lambda: read_directory(database), now=NOW)
    with timed("open", result):
        router = current_router(home / "routing", version, lambda: directory, now=NOW)
    return result | {"one": time_questions(router, home, teams), "batch": time_batches(router)}


def time_questions(router: Router, home: Path, teams: int) -> dict[str, dict[str, float]]:
    """Milliseconds for one question to ``explain``, its document with it."""
    networks, marking, chance = Networks.open(home), read_marking("AMBER", "AMBER"), random.Random(9)
    questions: dict[str, Callable[[], str]] = {
        "address": lambda: str(ipaddress.ip_address(chance.getrandbits(32))),
        "asn": lambda: f"AS{chance.randrange(1, 120_000)}",
        "domain": lambda: f"www.d{chance.randrange(teams // 2)}.example.org",
    }
    found = {}
    for kind, draw in questions.items():
        seconds = []
        for _ in range(QUESTIONS):
            subject = read_subject(draw())
            start = time.perf_counter()
            explain_subject(subject, networks, router, marking).document()
            seconds.append(time.perf_counter() - start)
        cuts = quantiles(seconds[1:], n=100)
        found[kind] = {
            "first_ms": round(seconds[0] * 1000, 3),
            "p50_ms": round(cuts[49] * 1000, 3),
            "p95_ms": round(cuts[94] * 1000, 3),
            "p99_ms": round(cuts[98] * 1000, 3),
        }
    return found


def time_batches(router: Router) -> dict[str, object]:
    """Addresses a second, each with the AS number that it would come with."""
    rng = np.random.default_rng(7)

    def responsible(hi: Halves, lo: Halves, asn: npt.NDArray[np.int64]) -> int:
        return int((router.responsible(hi, lo, asn) != 0).sum())

    def route(hi: Halves, lo: Halves, asn: npt.NDArray[np.int64]) -> int:
        found = router.route(hi, lo, np.ones(BATCH, dtype=np.bool_), asn)
        return int((router.audiences(found) != 0).sum())

    result: dict[str, object] = {}
    for name, ask, batches in (("responsible", responsible, 20), ("route", route, 5)):
        seconds, cpu, known = 0.0, 0.0, 0
        for _ in range(batches):
            lo = rng.integers(0, 1 << 32, BATCH, dtype=np.uint64) | np.uint64(0xFFFF << 32)
            hi, asn = np.zeros(BATCH, dtype=np.uint64), rng.integers(1, 130_000, BATCH)
            start, start_cpu = time.perf_counter(), time.process_time()
            known += ask(hi, lo, asn)
            seconds += time.perf_counter() - start
            cpu += time.process_time() - start_cpu
        result[name] = {
            "addresses": batches * BATCH,
            "with_a_team": known,
            "per_second": round(batches * BATCH / seconds),
            "per_cpu_second": round(batches * BATCH / cpu),
        }
    return result


@contextmanager
def timed(label: str, into: dict[str, object]) -> Iterator[None]:
    start, start_cpu = time.perf_counter(), time.process_time()
    yield
    into[f"{label}_seconds"] = round(time.perf_counter() - start, 3)
    into[f"{label}_cpu_seconds"] = round(time.process_time() - start_cpu, 3)


@contextmanager
def opened(name: str, folder: Path) -> Iterator[Database]:
    """A migrated database of this name: ``sqlite`` or ``postgresql``."""
    if name == "sqlite":
        database = open_database(sqlite_url(folder / "records.sqlite"))
        database.migrate()
        yield database
        return
    binaries = postgresql_binaries()
    if binaries is None:
        raise SystemExit("PostgreSQL is not here: install the Debian package 'postgresql'.")
    with running_cluster(binaries) as cluster:
        database = open_database(cluster.fresh())
        yield database
        database.engine.dispose()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--teams", type=int, default=200_000)
    parser.add_argument("--asns", type=int, default=120_000)
    parser.add_argument("--on", choices=["sqlite", "postgresql"], action="append")
    options = parser.parse_args()
    result: dict[str, object] = {"teams": options.teams, "asns": options.asns}
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        write_world(folder, options.teams, options.asns, random.Random(7))
        for name in options.on or ("sqlite", "postgresql"):
            home = folder / name
            home.mkdir()
            with opened(name, home) as database:
                result[name] = measure(database, folder, home, options.teams)
    result["peak_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
