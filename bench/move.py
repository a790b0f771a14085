"""Times `tocsin move` to PostgreSQL and back on a node with a million events and a million rows of records.

PostgreSQL is started for it, with its usual durability. CPU seconds are those of the whole command; of PostgreSQL's own
work only its wall time is in it.

python bench/move.py --events 1000000 --rows 1000000
"""

import argparse
import json
import os
import resource
import shutil
import sqlite3
import sys
import tempfile
from contextlib import closing
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

from backup import make_node, watched
from support.databases import postgresql_binaries, running_cluster


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--folder", type=Path, help="Keep the node here, and use one that is there.")
    options = parser.parse_args()
    folder = options.folder or Path(tempfile.mkdtemp(prefix="tocsin-bench-"))
    folder.mkdir(parents=True, exist_ok=True)
    try:
        kept = folder / f"home-{options.events}-{options.rows}"
        if not kept.exists():
            make_node(kept, folder, options.events, options.seed)
            add_records(kept, options.rows)
        home = folder / "moved"
        shutil.rmtree(home, ignore_errors=True)
        shutil.copytree(kept, home)
        json.dump(measure(home), sys.stdout, indent=1)
        sys.stdout.write("\n")
    finally:
        if options.folder is None:
            shutil.rmtree(folder)


def add_records(home: Path, rows: int) -> None:
    """Rows of the tables that grow without end, as a node has them after some years."""
    with closing(sqlite3.connect(home / "records.sqlite")) as connection, connection:
        series = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {})"
        detail = """json_object('rows', i, 'stored', i * 7, 'by', json_array('a', i % 10, 0.1 * i), 'name', 'réseau')"""
        connection.execute(
            f"INSERT INTO audit_entry (at, actor, word, subject, detail) {series.format(rows * 6 // 10)} "
            "SELECT '2026-11-01 00:00:00.' || printf('%06d', i % 1000000), 'person:' || (i % 20), 'report.ingested', "
            f"'ingest:' || (i % 5000), {detail} FROM n"
        )
        names = [row[1] for row in connection.execute("PRAGMA table_info(delivery_item)") if row[1] != "id"]
        values = ", ".join("1000000 + i" if name == "ingest" else f"(SELECT {name} FROM one)" for name in names)
        connection.execute("CREATE TEMP TABLE one AS SELECT * FROM delivery_item LIMIT 1")
        connection.execute(
            f"INSERT INTO delivery_item ({', '.join(names)}) {series.format(rows * 4 // 10)} SELECT {values} FROM n"
        )


def measure(home: Path) -> dict[str, Any]:
    binaries = postgresql_binaries()
    if binaries is None:
        raise SystemExit("PostgreSQL is not here.")
    with running_cluster(binaries, durable=True) as cluster:
        url = cluster.fresh(migrated=False)
        size = (home / "records.sqlite").stat().st_size
        steps = {
            "try": move(home, "--database", url, "--try"),
            "move": move(home, "--database", url),
            "back": move(home, "--back"),
        }
        with cluster.connect() as connection:
            name = url.partition("@/")[2].partition("?")[0]
            [there] = connection.execute("SELECT pg_database_size(%s)", [name]).fetchone() or [0]
        again = cluster.fresh(migrated=False)
        steps["at once"] = move(home, "--database", again)
    return {"sqlite_mb": round(size / 1e6), "postgresql_mb": round(int(str(there)) / 1e6), **steps}


def move(home: Path, *words: str) -> dict[str, Any]:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    os.sync()
    said, cost = watched(home, "move", *words)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    rate = round(said["rows"] / cost["seconds"])
    return {"rows": said["rows"], **cost, "cpu_seconds": round(cpu, 1), "rows_a_second": rate}


if __name__ == "__main__":
    main()
