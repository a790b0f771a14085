"""Times copies for a standby machine, and taking over, at a node that knows many events.

python bench/standby.py --events 1000000 --letters 100000
"""

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from backup import make_key, make_node, watched
from pipeline import tocsin, weigh
from tocsin.node.letters import queue_letter
from tocsin.node.records import open_database, sqlite_url

_ROWS = 1_000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--events", type=int, default=1_000_000, help="Rows that are taken in; 5 % are repeated.")
    parser.add_argument("--letters", type=int, default=100_000, help="Mails of 1 kB, which make the records large.")
    options = parser.parse_args()
    folder, ring = Path(tempfile.mkdtemp(prefix="tocsin-bench-")), Path(tempfile.mkdtemp(prefix="gpg"))
    try:
        home, shared = folder / "home", folder / "shared"
        shared.mkdir()
        make_node(home, folder, options.events, 1)
        fill_records(home, options.letters)
        key = make_key(ring, folder)
        (home / "tocsin.toml").write_text(f'[standby]\nfolder = "{shared}"\nto = ["{key}"]\n')
        json.dump(measure(home, folder, shared, ring), sys.stdout, indent=1)
        sys.stdout.write("\n")
    finally:
        subprocess.run(["gpgconf", "--homedir", str(ring), "--kill", "gpg-agent"], check=False)
        shutil.rmtree(ring, ignore_errors=True)
        shutil.rmtree(folder)


def fill_records(home: Path, letters: int) -> None:
    """Many letters that were sent long ago."""
    database, now = open_database(sqlite_url(home / "records.sqlite")), datetime.now(UTC)
    with database.begin() as session:
        for number in range(letters):
            queue_letter(
                session, key=f"bench:{number}", kind="test", mailbox=f"noc@t{number}.example",
                subject=f"Letter {number}", body="Hello. " * 140, now=now,
            )  # fmt: skip
        session.connection().exec_driver_sql("UPDATE letter SET state = 'sent'")


def measure(home: Path, folder: Path, shared: Path, ring: Path) -> dict[str, object]:
    copies = {"first": copy(home), "nothing_changed": copy(home)}
    tocsin(home, "ingest", str(small_report(folder)))
    copies["after_1000_rows"] = copy(home)
    tocsin(home, "standby", "on")  # one entry of the audit log
    copies["after_one_act"] = copy(home)
    done, cost = watched(folder / "second", "takeover", str(shared), "--gpg-home", str(ring))
    return {
        "home_bytes": weigh(home),
        "records_bytes": (home / "records.sqlite").stat().st_size,
        "copies": copies,
        "shared_bytes": weigh(shared),
        "files": done["files"],
        "takeover": cost,
    }


def small_report(folder: Path) -> Path:
    """New services at many addresses."""
    path = folder / "2026-11-20-scan_rdp-small-geo.csv"
    head = '"timestamp","severity","ip","protocol","port","hostname","tag","asn","geo","region","city"'
    rows = (
        f'"2026-11-20 05:00:00","medium","203.0.{n // 250}.{n % 250}","tcp",3389,,"rdp",64500,"MU",,'
        for n in range(_ROWS)
    )
    path.write_text("\n".join([head, *rows, ""]))
    return path


def copy(home: Path) -> dict[str, float]:
    """Bytes that were written, seconds in the command, and seconds and memory of the whole command."""
    done, cost = watched(home, "standby", "copy")
    return {"files": done["files"], "bytes": done["bytes"], "inside": done["seconds"], **cost}


if __name__ == "__main__":
    main()
