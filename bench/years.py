"""Times the pages of a node that has kept its reports, digests and answers for years, beside the same without them.

python bench/years.py --days 1000 [--postgresql]

A day is taken in, told and answered as on any node: 60 reports, some 1,900 digests, 100 answers. Its records are then
written again for each day up to now, by the database; their events are as good as deleted. Three real days follow.
"""

import argparse
import json
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

from sqlalchemy import func, select, text

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

import feed
from console_events import ask, resident, serving, session, visitor
from pipeline import tocsin
from support.databases import postgresql_binaries, running_cluster
from tocsin.delivery import Delivery
from tocsin.directory import teams_by_id
from tocsin.node.accounts import AccountRole
from tocsin.node.records import Base, Database
from tocsin.operations.retention import apply_retention
from tocsin.pipeline.groups import IngestRequest
from tocsin.pipeline.ingest import ingest_each, open_session
from tocsin.pipeline.notify import tell
from tocsin.pipeline.stores import NodeWithStores, open_node
from tocsin.problems import problem_times
from tocsin.problems.answers import AnswerVerdict, Via, answered_problems, read_answers, record_answer

SETTINGS = """
[node]
name = "CSIRT Example"
contact = "csirt@example.org"
emergency_number = "112"
[tell]
mode = "live"
hold_first_mail = false
brake_mails = 0
mails_a_day = 0
[mail]
channel = "file"
"""
PAGES = (
    *("/today", "/problems", "/events", "/lookup?q=9.9.9.9", "/search?q=TOC-2026", "/teams", "/teams/{team}"),
    *("/reports", "/reports?until={half}", "/reports/quarantine", "/reports/feeds"),
    *("/deliveries", "/deliveries?show=gone", "/deliveries?until={half}", "/deliveries?team={team}"),
    *("/deliveries/{digest}", "/audit", "/audit?until={half}"),
)
PORTAL = ("/portal", "/portal/contacts", "/deliveries", "/events")
REPORTS, ROWS, ANSWERS = 60, 100, 100
REAL = 3  # days at the end
TIMES = 20

_NUMBERED = {
    "ingest": "number",
    **dict.fromkeys(("delivery", "delivery_item", "answer", "contact_fact", "audit_entry"), "id"),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--days", type=int, default=1000)
    parser.add_argument("--postgresql", action="store_true", help="In a PostgreSQL of its own; else SQLite.")
    parser.add_argument("--folder", type=Path, help="Keep the nodes here, and use those that are there.")
    options = parser.parse_args()
    folder = options.folder or Path(tempfile.mkdtemp(prefix="tocsin-bench-"))
    folder.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        if options.folder is None:
            stack.callback(shutil.rmtree, folder)
        binaries = postgresql_binaries() if options.postgresql else None
        cluster = stack.enter_context(running_cluster(binaries)) if binaries else None
        found = {}
        for days in (1, options.days):
            home = folder / f"{days}"
            if not home.exists():
                make(folder, home, days, cluster.fresh(migrated=False) if cluster else "")
            found[f"{days} days"] = measure(home, days)
    json.dump(found, sys.stdout, indent=1)
    sys.stdout.write("\n")


def make(folder: Path, home: Path, days: int, database: str) -> None:
    """A node of so many days, and some real ones."""
    home.mkdir()
    storage = f'[storage]\ndatabase = "{database}"\n' if database else ""
    (home / "tocsin.toml").write_text(SETTINGS + storage)
    world, now = feed.make_world(1), datetime.now(UTC).replace(microsecond=0)
    for path in feed.write_directory(world, folder, 1):
        tocsin(home, "directory", "import", str(path))
    node, first = open_node(home), now - timedelta(days=days + REAL + 1)
    a_day(node, world, folder, first, seed=0)
    again(node.database, days)
    for day in range(REAL):
        a_day(node, world, folder, now - timedelta(days=REAL - day), seed=1 + day)
    apply_retention(node, now=now)


def a_day(node: NodeWithStores, world: feed.World, folder: Path, at: datetime, *, seed: int) -> None:
    """Reports, what teams are told of them at the end of the day, and what some of them answer."""
    inbox, evening = folder / "reports", at + timedelta(hours=23)
    paths = [
        path
        for part in range(REPORTS // len(feed.TYPES))
        for path in feed.write_reports(
            world, inbox / str(part), ROWS * len(feed.TYPES), seed * 100 + part, at.date().isoformat()
        )
    ]
    with open_session(node, clock=lambda: at) as opened:
        for _ in ingest_each(opened, [IngestRequest((path,)) for path in paths], place="years"):
            pass
    shutil.rmtree(inbox)
    tell(node, now=evening)
    with node.database.reading() as session_:
        digests = session_.scalars(select(Delivery).order_by(Delivery.id.desc()).limit(ANSWERS)).all()
    for digest in digests:
        with node.database.reading() as session_:
            told = answered_problems(session_, node.store, digest)
        with node.database.begin() as session_:
            record_answer(
                session_, delivery=digest, told=told, verdict=AnswerVerdict.FIXED, problems=None, note="",
                via=Via.PAGE, said_by="noc@team.example", at=evening, key=f"years:{digest.id}",
            )  # fmt: skip


def again(database: Database, days: int) -> None:
    """Write the records of the first day once more for each of the days after it."""
    with database.begin() as session_:
        step = {
            table: session_.scalar(text(f"SELECT max({column}) FROM {table}")) for table, column in _NUMBERED.items()
        }
        for table, changed in shifted(step, is_postgresql=database.is_shared).items():
            names = [column.name for column in Base.metadata.tables[table].columns]
            values = ", ".join(changed.get(name, f't."{name}"') for name in names)
            session_.execute(
                text(
                    f"INSERT INTO {table} ({', '.join(names)}) WITH RECURSIVE k(n) AS "
                    f"(SELECT 1 UNION ALL SELECT n + 1 FROM k WHERE n < {days}) SELECT {values} "
                    f"FROM k CROSS JOIN (SELECT * FROM {table}) t ORDER BY k.n"
                )
            )
        if database.is_shared:
            for table in set(_NUMBERED) - {"ingest"}:
                most = f"(SELECT max(id) FROM {table})"
                session_.execute(text(f"SELECT setval(pg_get_serial_sequence('{table}', 'id'), {most})"))
            most = "(SELECT max(number) FROM ingest)"
            session_.execute(text(f"UPDATE writer_term SET reserved = {most}, checked = {most}"))


def shifted(step: Mapping[str, int], *, is_postgresql: bool) -> dict[str, dict[str, str]]:
    """Of each table the columns that differ from day to day, as SQL of a row ``t`` and of how many days ``k.n``."""
    uuid = "gen_random_uuid()" if is_postgresql else "lower(hex(randomblob(16)))"

    def later(name: str) -> str:
        if is_postgresql:
            return f"t.{name} + k.n * interval '1 day'"
        return f"strftime('%Y-%m-%d %H:%M:%S', t.{name}, k.n || ' days') || '.000000'"

    def more(name: str, of: str) -> str:
        return f"t.{name} + k.n * {step[of]}"

    def other(name: str) -> str:
        return f"t.{name} || '-' || k.n"

    day = "t.day + k.n" if is_postgresql else "date(t.day, k.n || ' days')"
    return {
        "ingest": {
            **{name: more(name, "ingest") for name in ("number", "shown_as")},
            **{name: later(name) for name in ("started_at", "newest_event")},
            "content_hash": other("content_hash"),
            "day": day,
        },
        "delivery": {
            "id": more("id", "delivery"),
            "uuid": uuid,
            **{name: other(name) for name in ("reference", "message_id")},
            **{name: later(name) for name in ("created_at", "sent_at")},
        },
        "delivery_item": {
            "id": more("id", "delivery_item"),
            "ingest": more("ingest", "ingest"),
            "delivery_id": more("delivery_id", "delivery"),
            "due_at": later("due_at"),
        },
        "answer": {
            "id": more("id", "answer"),
            "uuid": uuid,
            "delivery_id": more("delivery_id", "delivery"),
            "key": other("key"),
            **{name: later(name) for name in ("at", "until")},
        },
        "answered_digest": {"delivery_id": more("delivery_id", "delivery")},
        "contact_fact": {"id": more("id", "contact_fact"), "at": later("at")},
        "audit_entry": {"id": more("id", "audit_entry"), "at": later("at")},
    }


def measure(home: Path, days: int) -> dict[str, object]:
    node = open_node(home)
    with node.database.reading() as session_:
        reference, number = session_.execute(
            select(Delivery.reference, Delivery.team_id).order_by(Delivery.id.desc()).limit(1)
        ).one()
        rows = {
            table: session_.scalar(select(func.count()).select_from(Base.metadata.tables[table]))
            for table in (*_NUMBERED, "answered_digest")
        }
    half = datetime.now(UTC).date() - timedelta(days=days // 2)
    names = {"team": teams_by_id(node.database)[number].key, "digest": reference, "half": half.isoformat()}
    with serving(home) as (pid, url), ExitStack() as stack:
        analyst = stack.enter_context(visitor(url, session(node, AccountRole.ADMINISTRATOR)))
        operator = stack.enter_context(visitor(url, session(node, AccountRole.OPERATOR, (number,))))
        asked = {
            **{page: (analyst, page.format(**names)) for page in PAGES},
            **{f"operator: {page}": (operator, page) for page in PORTAL},
        }
        took = {}
        for page, (client, path) in asked.items():
            ask(client, path)  # what is worked out once
            took[page] = round(statistics.median(ask(client, path) for _ in range(TIMES)), 1)
        memory = resident(pid)
    return {
        "rows": rows,
        "records_of_answers_seconds": seconds(partial(read_answers, open_node(home).database)),
        "times_of_problems_seconds": seconds(partial(problem_times, node, node.store, node.tracker)),
        "pages_ms": took,
        "server_resident_mb": memory,
    }


def seconds(function: Callable[[], object]) -> float:
    """How long a call takes."""
    started = time.monotonic()
    function()
    return round(time.monotonic() - started, 2)


if __name__ == "__main__":
    main()
