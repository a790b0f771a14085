"""Routing of a seeded world, as one JSON document: ``python bench/routing.py [--rows N] [--rules N] [--teams N]``.

The world: 2,000 teams, 100,000 rules (prefixes that nest, 5 % of them IPv6; AS numbers; domains; countries), and
batches of 200,000 events of which 5 % are IPv6. In ``spread`` every event falls somewhere else in the whole address
space, so that nearly every row is a new combination of rules; in ``usual`` the events lie in 20,000 networks and 20,000
hosts that come again, as reports do. Import, compile and open are timed too, and ``explain`` warm and cold.
"""

import argparse
import ipaddress
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

import numpy as np
import polars as pl

from tocsin.cli.explain import open_router
from tocsin.directory import import_directory, read_directory
from tocsin.networks import Networks
from tocsin.node.records import open_database, sqlite_url
from tocsin.sharing.gate import read_marking
from tocsin.sharing.lookup import explain_subject, read_subject
from tocsin.sharing.routing import Router

BATCH = 200_000
NOW = datetime(2026, 11, 24, tzinfo=UTC)
COUNTRIES = ["MU", "GB", "FR", "DE", "US"]
QUERIES = ["8.8.8.8", "1.1.1.1", "2001:4860:4860::8888", "a.d17.example.co.uk", "AS17"]


def write_world(folder: Path, teams: int, rules: int, chance: random.Random) -> None:
    """``teams.csv`` and ``rules.csv``."""
    lines = [f"t{team},Team {team},abuse@t{team}.example.net" for team in range(teams)]
    (folder / "teams.csv").write_text("\n".join(["key,name,mailboxes", *lines]), encoding="utf-8")
    networks = [
        ipaddress.ip_network((chance.getrandbits(32), chance.randint(14, 28)), strict=False)
        for _ in range(rules * 85 // 100)
    ]
    networks6 = [
        ipaddress.ip_network((0x2001 << 112 | chance.getrandbits(112), chance.randint(24, 48)), strict=False)
        for _ in range(rules * 5 // 100)
    ]
    named = [f"prefix,{network}," for network in (*networks, *networks6)]
    named += [f"asn,{number}," for number in range(1, rules * 5 // 100)]
    named += [f"domain,d{number}.example.co.uk," for number in range(rules * 5 // 100)]
    named += [f"country,{country},informed" for country in COUNTRIES[:2]]
    rows = [f"t{chance.randrange(teams)},{rule}" for rule in named]
    (folder / "rules.csv").write_text("\n".join(["team,kind,value,role", *rows]), encoding="utf-8")


def batches(rows: int, rng: np.random.Generator, *, usual: bool) -> Iterator[dict[str, object]]:
    """Columns as ``Router.route`` takes them."""
    addresses = rng.integers(0, 1 << 32, 20_000, dtype=np.uint64)
    hosts = pl.Series([f"h{number}.d{number % 9000}.example.co.uk" for number in range(20_000)] + [None] * 20_000)
    for _ in range(rows // BATCH):
        four = rng.integers(0, 1 << 32, BATCH, dtype=np.uint64)
        numbers = rng.integers(1, 70_000, BATCH)
        place = rng.integers(0, len(addresses), BATCH)
        if usual:
            four, numbers = (addresses[place] & np.uint64(0xFFFFFF00)) | (four & np.uint64(0xFF)), place
        six = rng.random(BATCH) < 0.05
        hi = np.where(six, (np.uint64(0x2001 << 48)) | (four << np.uint64(8)), np.uint64(0))
        lo = np.where(six, four, four | np.uint64(0xFFFF << 32))
        yield {
            "hi": hi,
            "lo": lo,
            "has_address": np.ones(BATCH, dtype=np.bool_),
            "asn": numbers,
            "country": pl.Series(COUNTRIES).gather(numbers % len(COUNTRIES)),
            "domain": hosts.gather(place + 10_000 if usual else rng.integers(0, len(hosts), BATCH)),
        }


def time_routing(router: Router, rows: int, *, usual: bool) -> dict[str, object]:
    seconds, cpu, told, decisions = [], 0.0, 0, set()
    for batch in batches(rows, np.random.default_rng(7), usual=usual):
        start, start_cpu = time.perf_counter(), time.process_time()
        found = router.route(**batch)  # type: ignore[arg-type]
        audiences = router.audiences(found)
        seconds.append(time.perf_counter() - start)
        cpu += time.process_time() - start_cpu
        told += int((audiences != 0).sum())
        decisions |= set(np.unique(found).tolist())
    return {
        "rows": len(seconds) * BATCH,
        "told": told,
        "decisions": len(decisions),
        "rows_per_second": round(len(seconds) * BATCH / sum(seconds)),
        "rows_per_second_first_batch": round(BATCH / seconds[0]),
        "rows_per_second_last_batch": round(BATCH / seconds[-1]),
        "rows_per_cpu_second": round(len(seconds) * BATCH / cpu),
    }


def time_explain(home: Path) -> dict[str, float]:
    router, networks, marking = open_router(home, NOW), Networks.open(home), read_marking("AMBER", "AMBER")
    warm, cold, cpu = [], [], []
    for query in QUERIES * 20:
        start = time.perf_counter()
        explain_subject(read_subject(query), networks, router, marking).document()
        warm.append((time.perf_counter() - start) * 1000)
    command = [str(Path(sys.executable).parent / "tocsin"), "--home", str(home), "--json", "explain"]
    for query in QUERIES:
        start, start_cpu = time.perf_counter(), os.times()
        subprocess.run([*command, query], check=True, stdout=subprocess.DEVNULL)
        cold.append((time.perf_counter() - start) * 1000)
        end_cpu = os.times()
        cpu.append((sum(end_cpu[2:4]) - sum(start_cpu[2:4])) * 1000)
    return {
        "warm_ms_median": round(median(warm), 2),
        "warm_ms_worst": round(max(warm), 2),
        "cold_ms_median": round(median(cold)),
        "cold_cpu_ms_median": round(median(cpu)),
    }


def timed(label: str, into: dict[str, object], start: float) -> None:
    into[label] = round(time.perf_counter() - start, 3)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=2_000_000)
    parser.add_argument("--rules", type=int, default=100_000)
    parser.add_argument("--teams", type=int, default=2_000)
    options = parser.parse_args()
    result: dict[str, object] = {}
    with tempfile.TemporaryDirectory() as place:
        folder, home = Path(place), Path(place) / "home"
        home.mkdir()
        write_world(folder, options.teams, options.rules, random.Random(7))
        database = open_database(sqlite_url(home / "records.sqlite"))
        database.migrate()
        for name in ("teams", "rules"):
            start = time.perf_counter()
            import_directory(database, folder / f"{name}.csv", actor="bench", now=NOW)
            timed(f"import_{name}_seconds", result, start)
        start = time.perf_counter()
        import_directory(database, folder / "rules.csv", actor="bench", now=NOW)
        timed("import_rules_again_seconds", result, start)
        start = time.perf_counter()
        directory = read_directory(database)
        timed("read_directory_seconds", result, start)
        result |= {"teams": len(directory.teams), "rules": len(directory.rules)}
        start = time.perf_counter()
        router = Router.compile(directory.rules, directory.teams, now=NOW)
        timed("compile_seconds", result, start)
        start = time.perf_counter()
        router.save(home / "compiled" / "routing" / directory.version)
        timed("save_seconds", result, start)
        start = time.perf_counter()
        Router.open(home / "compiled" / "routing" / directory.version, now=NOW)
        timed("open_seconds", result, start)
        database.engine.dispose()
        for name, usual in (("usual", True), ("spread", False)):
            fresh = Router.open(home / "compiled" / "routing" / directory.version, now=NOW)
            result[name] = time_routing(fresh, options.rows, usual=usual)
        result["explain"] = time_explain(home)
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
