"""The search over many teams and mails, as one JSON document: ``python bench/search.py [--teams N] [--mails N]``.

100,000 teams and a million digests, on SQLite and on a PostgreSQL that is started here. Timed are words that few, many
and all of them have, for somebody who sees all and for an operator of two teams, and a thousand pasted lines.
"""

import argparse
import json
import random
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from uuid import UUID

from sqlalchemy import insert, text

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from support.databases import postgresql_binaries, running_cluster
from tocsin.delivery import Delivery
from tocsin.directory.tables import TeamRow
from tocsin.networks import Networks
from tocsin.node.accounts import AccountRole, Principal
from tocsin.node.records import Database, open_database, sqlite_url
from tocsin.pipeline.search import Searcher, answer_lines
from tocsin.pipeline.search.words import find_words
from tocsin.pipeline.stores import open_node
from tocsin.sharing.lookup import ResponsibilityLookup

NOW = datetime(2026, 11, 24, tzinfo=UTC)
KINDS = ("Harbour", "Telecom", "Bank", "Port", "University", "Ministry", "Cable", "Hospital")
WORDS = {
    "few": "harbour 77", "one_team": "bank 4711", "many": "harb", "all": "problems", "all_twice": "problems networks",
    "reference": "toc 2026 0000123", "none": "zzyzx",
}  # fmt: skip
BLOCK = 20_000


def main() -> None:
    parser = argparse.ArgumentParser(description="Times the search.")
    parser.add_argument("--teams", type=int, default=100_000)
    parser.add_argument("--mails", type=int, default=1_000_000)
    options = parser.parse_args()
    results: dict[str, object] = {"teams": options.teams, "mails": options.mails}
    with tempfile.TemporaryDirectory(prefix="tocsin-bench-") as folder:
        for name, opened in (("sqlite", _sqlite(Path(folder))), ("postgresql", _postgresql())):
            with opened as database:
                results[name] = measure(database, options.teams, options.mails)
        results["lines_1000_ms"] = many_lines(Path(folder) / "home")
    json.dump(results, sys.stdout, indent=1)
    sys.stdout.write("\n")


@contextmanager
def _sqlite(folder: Path) -> Iterator[Database]:
    database = open_database(sqlite_url(folder / "records.sqlite"))
    with database.kept_open():
        yield database
    database.close()


@contextmanager
def _postgresql() -> Iterator[Database]:
    binaries = postgresql_binaries()
    if binaries is None:
        raise SystemExit("PostgreSQL is not here: install the Debian package 'postgresql'.")
    with running_cluster(binaries) as cluster:
        database = open_database(cluster.fresh(migrated=False))
        yield database
        database.close()


def measure(database: Database, teams: int, mails: int) -> dict[str, object]:
    database.migrate()
    began = time.perf_counter()
    fill(database, teams, mails)
    filled = round(time.perf_counter() - began, 1)
    if database.engine.dialect.name == "postgresql":
        with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text("VACUUM ANALYZE"))  # as its autovacuum does
    everybody = Principal(AccountRole.MANAGER, person=1)
    operator = Principal(AccountRole.OPERATOR, person=2, teams=frozenset({5, 77}))
    return {
        "filled_s": filled,
        "all_ms": {name: asked(database, everybody, words) for name, words in WORDS.items()},
        "operator_ms": {name: asked(database, operator, words) for name, words in WORDS.items()},
    }


def fill(database: Database, teams: int, mails: int) -> None:
    chance = random.Random(1)
    names = [f"{chance.choice(KINDS)} {chance.choice(KINDS)} {number}" for number in range(teams)]
    with database.begin() as session:
        for start in range(0, teams, BLOCK):
            rows = [_team(number, names[number]) for number in range(start, min(start + BLOCK, teams))]
            session.execute(insert(TeamRow), rows)
        for start in range(0, mails, BLOCK):
            rows = [_mail(number, names[number % teams], number % teams + 1) for number in range(start, start + BLOCK)]
            session.execute(insert(Delivery), rows)


def _team(number: int, name: str) -> dict[str, object]:
    return {
        "id": number + 1, "uuid": UUID(int=number), "key": f"t{number}", "name": name, "organisation": f"{name} Ltd",
        "kind": "operator", "country": "MU", "language": "en", "timezone": "UTC", "interval": "daily",
        "formats": ["csv"], "ceiling": "AMBER", "encrypt": False, "recorded": NOW,
    }  # fmt: skip


def _mail(number: int, name: str, team: int) -> dict[str, object]:
    reference = f"TOC-2026-{number:07d}"
    return {
        "id": number + 1, "uuid": UUID(int=number), "reference": reference, "message_id": "", "team_id": team,
        "events": 1, "state": "sent", "created_at": NOW, "next_try_at": None, "attempts": 1, "sent_at": NOW,
        "channel": "smtp", "subject": f"[TLP:AMBER] {number % 900} problems in networks of {name} [{reference}]",
        "mails_sent": 1, "waiting": [], "path": "", "size": 1, "counts": {}, "error": "", "protection": "",
        "released_at": None, "repeats": None,
    }  # fmt: skip


def asked(database: Database, visitor: Principal, words: str) -> float:
    def ask() -> None:
        with database.reading() as session:
            find_words(session, None, visitor, words)

    return timed(ask)


def many_lines(home: Path) -> dict[str, float]:
    """A thousand addresses, and as many lines of every kind, on a node without events."""
    node = open_node(home)
    searcher = Searcher(
        node, ResponsibilityLookup(node, lambda: NOW), Principal(AccountRole.MANAGER, person=1), lambda: NOW
    )
    Networks.open(home)
    chance = random.Random(1)
    addresses = [".".join(str(chance.randrange(1, 224)) for _ in range(4)) for _ in range(1_000)]
    forms = ("{}", "hxxp://{}/x", "{}/24", "AS6450{}", "www.{}.example")
    mixed = [forms[place % 5].format(one if place % 5 < 3 else place) for place, one in enumerate(addresses)]
    return {
        "addresses": timed(lambda: answer_lines(searcher, addresses)),
        "mixed": timed(lambda: answer_lines(searcher, mixed)),
    }


def timed(ask: Callable[[], object], runs: int = 5) -> float:
    """The median of some runs behind a first one, in milliseconds."""
    taken = []
    for _ in range(runs + 1):
        began = time.perf_counter()
        ask()
        taken.append((time.perf_counter() - began) * 1_000)
    return round(median(taken[1:]), 1)


if __name__ == "__main__":
    main()
