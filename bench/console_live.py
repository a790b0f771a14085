"""Times the page of today over many ingests and deliveries, and what listeners of its stream cost.

python bench/console_live.py --deliveries 100000 --ingests 10000 --listeners 200
"""

import argparse
import asyncio
import json
import os
import re
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import httpx
from sqlalchemy import insert

from tocsin.delivery.models import Delivery, DeliveryItem
from tocsin.directory.tables import TeamRow
from tocsin.events.models import FeedRecord, Ingest
from tocsin.node.accounts import AccountRole, Person, start_session
from tocsin.node.records.audit import AuditEntry
from tocsin.pipeline.stores import NodeWithStores, open_node
from tocsin.server.pages.today.figures import today
from tocsin.server.security import COOKIE

DAYS, FEEDS, TEAMS, TIMES = 30, 40, 2_000, 40
NOW = datetime.now(UTC)


def main() -> None:
    parser = argparse.ArgumentParser(description="Times the page of today, and what its listeners cost.")
    parser.add_argument("--deliveries", type=int, default=100_000)
    parser.add_argument("--ingests", type=int, default=10_000)
    parser.add_argument("--listeners", type=int, default=200)
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="tocsin-bench-"))
    try:
        node = open_node(folder)
        fill(node, options.deliveries, options.ingests)
        json.dump({**vars(options), **figures(node), **served(node, options.listeners)}, sys.stdout, indent=1)
        sys.stdout.write("\n")
    finally:
        shutil.rmtree(folder)


def fill(node: NodeWithStores, deliveries: int, ingests: int) -> None:
    """Records as a month of a busy node leaves them."""
    zeros = dict.fromkeys(("problems_new", "problems_continuing", "deliveries"), 0)
    with node.database.begin() as session:
        session.execute(insert(FeedRecord), [_feed(n) for n in range(1, FEEDS + 1)])
        session.execute(insert(TeamRow), [_team(n) for n in range(1, TEAMS + 1)])
        rows = [
            {
                "number": n, "feed_id": n % FEEDS + 1, "content_hash": f"{n:064}", "report": f"report-{n}.csv",
                "state": "committed", "started_at": _at(n, ingests), "day": _at(n, ingests).date(),
                "newest_event": _at(n, ingests), "replay_of": None, "directory_version": "1", "rows": 1_000,
                "stored": 980, "duplicates": 18, "quarantined": 2 * (n % 50 == 0), "routed": 900, "unrouted": 80,
                "withheld": 5, "withheld_by_rule": {"recipient-ceiling": 5}, "column_set": None,
                "parts": [{"path": f"day=2026-11-24/{n:010}.parquet", "rows": 980, "stats": "x" * 500}], **zeros,
            }
            for n in range(1, ingests + 1)
        ]  # fmt: skip
        session.execute(insert(Ingest), rows)
        session.execute(insert(Delivery), [_delivery(n, deliveries) for n in range(1, deliveries + 1)])
        items = [
            {"ingest": n % ingests + 1, "team_id": n // ingests + 1, "events": 10, "due_at": _at(n, deliveries),
             "state": "claimed", "delivery_id": n}
            for n in range(1, deliveries + 1)
        ]  # fmt: skip
        session.execute(insert(DeliveryItem), items)
        words = ("report.ingested", "delivery.sent", "answer.recorded")
        entries = [
            {"at": _at(n, deliveries), "actor": "bench", "word": words[n % 3], "subject": f"x:{n}", "detail": {}}
            for n in range(1, deliveries + 1)
        ]  # fmt: skip
        session.execute(insert(AuditEntry), entries)


def figures(node: NodeWithStores) -> dict[str, object]:
    """How long the figures take, without the page and without what is kept of them."""
    times = []
    for _ in range(TIMES):
        started = time.perf_counter()
        today(node, NOW)
        times.append(1_000 * (time.perf_counter() - started))
    return {"figures_ms": _spread(times)}


def served(node: NodeWithStores, listeners: int) -> dict[str, object]:
    """The page over HTTP from a server of its own, and the memory of that server with and without listeners."""
    secrets = _sessions(node, listeners)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = tocsin_server(node.home, port)
    url = f"http://127.0.0.1:{port}"
    try:
        with httpx.Client(base_url=url, trust_env=False, timeout=60, cookies={COOKIE: secrets[0]}) as client:
            _wait(client)
            pages = []
            for _ in range(TIMES):
                started = time.perf_counter()
                client.get("/today").raise_for_status()
                pages.append(1_000 * (time.perf_counter() - started))
            changed = []
            for n in range(TIMES):  # with a change between, so that nothing that was kept can be used
                with node.database.begin() as session:
                    entry = AuditEntry(at=NOW, actor="bench", word="answer.recorded", subject=f"y:{n}", detail={})
                    session.add(entry)
                started = time.perf_counter()
                client.get("/today").raise_for_status()
                changed.append(1_000 * (time.perf_counter() - started))
            before = _memory(server.pid)
            idle = asyncio.run(_listen(url, secrets, server.pid))
        return {
            "page_ms": _spread(pages),
            "page_after_a_change_ms": _spread(changed),
            "server_mb": round(before / 1e6, 1),
            "listeners_mb": round((idle.pop("bytes") - before) / 1e6, 1),
            **idle,
        }
    finally:
        server.kill()
        server.wait()


async def _listen(url: str, secrets: list[str], pid: int) -> dict[str, float]:
    """What many idle listeners cost; and how long the server takes to end while they listen."""
    limits = httpx.Limits(max_connections=None)
    async with httpx.AsyncClient(base_url=url, trust_env=False, timeout=60, limits=limits) as client:
        opened: list[asyncio.Task[None]] = []
        ready = asyncio.Semaphore(0)

        async def hear(secret: str) -> None:
            headers = {"cookie": f"{COOKIE}={secret}"}
            async with client.stream("GET", "/today/live", headers=headers) as stream:
                async for line in stream.aiter_lines():
                    if line.startswith("data:"):
                        ready.release()

        opened = [asyncio.create_task(hear(secret)) for secret in secrets]
        for _ in secrets:
            await ready.acquire()
        await asyncio.sleep(5)
        busy = _seconds(pid)
        await asyncio.sleep(20)
        found = {"bytes": float(_memory(pid)), "idle_cpu_percent": round(100 * (_seconds(pid) - busy) / 20, 2)}
        started = time.perf_counter()
        os.kill(pid, signal.SIGTERM)
        await asyncio.gather(*opened, return_exceptions=True)
        return {**found, "streams_closed_at_the_end_s": round(time.perf_counter() - started, 2)}


def tocsin_server(home: Path, port: int) -> "subprocess.Popen[bytes]":
    """A server process of that node."""
    command = [str(Path(sys.executable).parent / "tocsin"), "--home", str(home), "serve", "--port", str(port)]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL)


def _wait(client: httpx.Client) -> None:
    while True:
        try:
            client.get("/health").raise_for_status()
        except httpx.ConnectError:
            time.sleep(0.1)
        else:
            return


def _sessions(node: NodeWithStores, number: int) -> list[str]:
    with node.database.begin() as session:
        person = Person(
            mailbox="analyst@bench.example", name="Analyst", role=AccountRole.ANALYST.value, teams=[], password="",
            language="", theme="", made_at=NOW, blocked_at=None,
        )  # fmt: skip
        session.add(person)
        session.flush()
        return [start_session(session, person, now=NOW, agent="bench") for _ in range(number)]


def _memory(pid: int) -> int:
    """The memory that belongs to a process alone, in bytes."""
    text = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii")
    return sum(1_000 * int(kilobytes) for kilobytes in re.findall(r"Private_\w+:\s+(\d+) kB", text))


def _seconds(pid: int) -> float:
    """The processor's time that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / 100


def _spread(times: list[float]) -> dict[str, float]:
    ordered = sorted(times)
    return {"median": round(statistics.median(ordered), 1), "p95": round(ordered[int(len(ordered) * 0.95)], 1)}


def _at(number: int, most: int) -> datetime:
    return NOW - timedelta(days=DAYS) * (1 - number / most)


def _feed(number: int) -> dict[str, object]:
    return {
        "id": number, "source": "bench", "code": f"feed-{number}", "name": f"Feed {number}", "provider": "Bench",
        "tlp": "AMBER", "pap": "AMBER", "terms": "", "cadence_hours": 24, "duplicate_days": 7,
    }  # fmt: skip


def _team(number: int) -> dict[str, object]:
    return {
        "id": number, "uuid": uuid4(), "key": f"team-{number}", "name": f"Team {number}", "organisation": "",
        "kind": "operator", "country": "MU", "language": "en", "timezone": "UTC", "interval": "daily",
        "formats": ["csv"], "ceiling": "", "encrypt": False, "recorded": NOW,
    }  # fmt: skip


def _delivery(number: int, most: int) -> dict[str, object]:
    state = "failed" if number % 1_000 == 0 else "bounced" if number % 1_001 == 0 else "sent"
    at = _at(number, most)
    return {
        "id": number, "uuid": uuid4(), "reference": f"TOC-2026-{number:07}", "message_id": f"<{number}@bench.example>",
        "team_id": number % TEAMS + 1, "events": 144, "state": state, "created_at": at, "next_try_at": None,
        "attempts": 1, "sent_at": at if state == "sent" else None, "channel": "smtp", "subject": "s" * 80,
        "mails_sent": 1, "waiting": [], "path": f"2026-11-24/{number}.eml", "size": 20_000,
        "counts": {"events": 144, "problems": 100}, "error": "", "protection": "", "released_at": None,
    }  # fmt: skip


if __name__ == "__main__":
    main()
