"""Times the same reports by `tocsin ingest` and sent over HTTP to `tocsin serve`, side by side; prints JSON.

python bench/console_ingest.py --rows 1000000
"""

import argparse
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import feed
from tocsin.node.accounts import AccountRole, Person, make_token, scopes_of
from tocsin.node.errors import RemoteError
from tocsin.pipeline.stores import open_node
from tocsin.server.client import Client

TOCSIN = Path(sys.executable).parent / "tocsin"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="tocsin-bench-"))
    try:
        json.dump(measure(folder, options.rows, options.seed), sys.stdout, indent=1)
        sys.stdout.write("\n")
    finally:
        shutil.rmtree(folder)


def measure(folder: Path, rows: int, seed: int) -> dict[str, object]:
    world = feed.make_world(seed)
    reports = feed.write_reports(world, folder / "reports", rows, seed)
    directory = feed.write_directory(world, folder, seed)
    homes = [folder / "by-command", folder / "by-http", folder / "by-http-telling"]
    for home in homes:
        for path in directory:
            run(home, "directory", "import", str(path))
    started = time.perf_counter()
    taken = json.loads(run(homes[0], "--json", "ingest", *map(str, reports)))
    by_command = time.perf_counter() - started
    by_http, telling = (
        send(home, reports, taken["stored"], work=work) for home, work in zip(homes[1:], (False, True), strict=True)
    )
    return {
        "rows": rows,
        "bytes": sum(path.stat().st_size for path in reports),
        "reports": len(reports),
        "by_command": {"seconds": round(by_command, 2), "rows_a_second": round(rows / by_command)},
        "by_http": {"seconds": round(by_http, 2), "rows_a_second": round(rows / by_http)},
        "share_of_the_command": round(by_command / by_http, 2),
        "share_while_teams_are_told": round(by_command / telling, 2),
        "load_before": round(os.getloadavg()[0], 1),
    }


def send(home: Path, reports: list[Path], stored: int, *, work: bool) -> float:
    """The seconds from the first report that is sent until the last one is taken in."""
    with serving(home, work=work) as client:
        started = time.perf_counter()
        sent = [client.send_report(path) for path in reports]
        while any(one.state == "waiting" for one in sent):
            time.sleep(0.2)
            sent = [client.report(one.id) if one.state == "waiting" else one for one in sent]
        seconds = time.perf_counter() - started
    found = sum(one.sums.stored for one in sent if one.sums)
    if found != stored:
        raise SystemExit(f"by HTTP {found:,} events, by the command {stored:,}")
    return seconds


@contextmanager
def serving(home: Path, *, work: bool) -> Iterator[Client]:
    """A client of the node in ``home``, which a process of its own serves; ``work``: that also tells teams."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = os.environ | {"TOCSIN_SERVER_WORK": str(work).lower()}
    command: list[str | Path] = [TOCSIN, "--home", home, "serve", "--port", str(port)]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL, env=environment)
    try:
        with Client(f"http://127.0.0.1:{port}", token_of(home)) as client:
            while True:
                try:
                    client.health()
                    break
                except RemoteError:
                    time.sleep(0.2)
            yield client
    finally:
        process.terminate()
        process.wait()


def token_of(home: Path) -> str:
    now = datetime.now(UTC)
    with open_node(home).database.begin() as session:
        person = Person(
            mailbox="bench@people.example", name="Bench", role=AccountRole.ANALYST.value, teams=[], password="",
            language="", theme="", made_at=now, blocked_at=None,
        )  # fmt: skip
        session.add(person)
        session.flush()
        scopes = scopes_of(AccountRole.ANALYST)
        return make_token(session, person, name="bench", scopes=scopes, days=1, now=now, actor="bench")[1]


def run(home: Path, *arguments: str) -> str:
    command: list[str | Path] = [TOCSIN, "--home", home, *arguments]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    return str(done.stdout)


if __name__ == "__main__":
    main()
