"""Times the pages of events over many stored events: each question, and 20 people at once.

python bench/console_events.py --events 10000000
"""

import argparse
import gc
import json
import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import httpx
from sqlalchemy import func, select, update

import feed
from queries import fill
from tocsin.delivery import DeliveryItem, ItemState
from tocsin.events.filters import EventFilter
from tocsin.node.accounts import AccountRole, Person, start_session
from tocsin.pipeline.stores import NodeWithStores, open_node
from tocsin.server.security import COOKIE

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
PEOPLE = 20
FIRST = 60.0  # seconds after a start
TIMES = 40
ELSEWHERE = 0.4  # the share of clicks on other pages than those of events

# What people ask for, as conditions of an address.
QUESTIONS: dict[str, dict[str, str]] = {
    "everything": {},
    "last_7_days": {"last": "7d"},
    "type": {"type": "vulnerable-system"},
    "feed": {"feed": "scan_rdp"},
    "country": {"country": "MU"},
    "asn": {"asn": "65000"},
    "asn_7_days": {"asn": "65010", "last": "7d"},
    "team": {"team": "team-0004"},
    "odd_times": {"since": "2026-11-15T00:03:00", "until": "2026-11-18T00:02:30"},
    "prefix_16": {"address": "9.9.0.0/16"},
    "severity_and_feed": {"severity": "high", "feed": "scan_smb"},
    "text": {"text": "host-77"},
}


def main() -> None:
    parser = argparse.ArgumentParser(description="Times the pages of events over many stored events.")
    parser.add_argument("--events", type=int, default=10_000_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--folder", type=Path, help="Keep the node here, and use one that is there.")
    parser.add_argument("--think", type=float, default=2.0, help="Seconds that each person looks at a page.")
    parser.add_argument("--seconds", type=float, default=60.0, help="How long people look at a warm server.")
    options = parser.parse_args()
    folder = options.folder or Path(tempfile.mkdtemp(prefix="tocsin-bench-"))
    try:
        json.dump(measure(folder, options), sys.stdout, indent=1)
        sys.stdout.write("\n")
    finally:
        if options.folder is None:
            shutil.rmtree(folder)


def measure(folder: Path, options: argparse.Namespace) -> dict[str, object]:
    folder.mkdir(parents=True, exist_ok=True)
    home = folder / "home"
    if not (home / "events").exists():
        fill(folder, home, feed.make_world(options.seed), options.events, options.seed)
    node = open_node(home)
    expire_old_news(node)
    shutil.rmtree(node.compiled / "events", ignore_errors=True)
    started = time.monotonic()
    node.events.summaries.keep_only(node.store.files())
    made = time.monotonic() - started
    stored = int(node.store.table.listing()["num_records"].sum())
    size = sum(path.stat().st_size for path in (node.compiled / "events").rglob("*") if path.is_file())
    return {
        "events": stored,
        "files": len(node.store.files()),
        "digests_seconds": round(made, 1),
        "digests_bytes_per_event": round(size / stored, 1),
        "first_figures": {name: figures_ms(home, given) for name, given in QUESTIONS.items()},
        "first_rows": {name: page_ms(home, given) for name, given in QUESTIONS.items()},
        "people": people(home, options.think, options.seconds, options.seed),
    }


def expire_old_news(node: NodeWithStores) -> None:
    """As on a node that tells daily: only what the last day's reports brought still waits."""
    with node.database.begin() as session:
        last = session.scalar(select(func.max(DeliveryItem.ingest))) or 0
        old = (DeliveryItem.state == ItemState.QUEUED.value) & (DeliveryItem.ingest <= last - len(feed.TYPES))
        session.execute(update(DeliveryItem).where(old).values(state=ItemState.EXPIRED.value))


def figures_ms(home: Path, given: dict[str, str]) -> dict[str, float]:
    """The first time that a running process is asked this, its digests open."""
    node = warm(home)
    return timed(lambda: node.events.figures(EventFilter.read(given), now=NOW))


def page_ms(home: Path, given: dict[str, str]) -> dict[str, float]:
    """The first 50 rows, asked for the first time."""
    node = warm(home)
    return timed(lambda: node.events.glance(EventFilter.read(given), now=NOW))


def warm(home: Path) -> NodeWithStores:
    """A node that was asked something else before."""
    node = open_node(home)
    node.events.figures(EventFilter(country="AQ", severity="low"), now=NOW)
    # As the server does: else the garbage of all that was opened before is collected within one of the questions.
    gc.collect()
    gc.freeze()
    return node


def timed(function: Callable[[], object]) -> dict[str, float]:
    """Milliseconds, and those of the processor."""
    started, used = time.perf_counter(), time.process_time()
    function()
    ended, used_up = time.perf_counter(), time.process_time()
    return {"ms": round((ended - started) * 1000, 1), "cpu_ms": round((used_up - used) * 1000, 1)}


def people(home: Path, think: float, seconds: float, seed: int) -> dict[str, object]:
    """What people wait for who look, think, and narrow, page or open a row; and each kind of page by itself.

    The first minute after a start stands apart: what a server works out once is worked out then.
    """
    cookie = session(open_node(home))
    with serving(home) as (pid, url), visitor(url, cookie) as client:
        return {
            "people": PEOPLE,
            "think_seconds": think,
            "first_minute": at_once(pid, partial(look, client), think, FIRST, seed),
            "warm": at_once(pid, partial(look, client), think, seconds, seed + 1),
            "one_by_one": one_by_one(pid, client, random.Random(seed)),
            "server_resident_mb": resident(pid),
        }


@contextmanager
def serving(home: Path, *, work: bool = False) -> Iterator[tuple[int, str]]:
    """A server of that node, its process and its address; ``work``: it tells teams, too."""
    port = 18_765
    command = [str(Path(sys.executable).parent / "tocsin"), "--home", str(home), "serve", "--port", str(port)]
    environment = {**os.environ, "TOCSIN_SERVER_WORK": str(work).lower()}
    with subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server:
        try:
            url = f"http://127.0.0.1:{port}"
            wait_for(url)
            yield server.pid, url
        finally:
            server.terminate()


def visitor(url: str, cookie: str) -> httpx.Client:
    """The browsers of people who are signed in by this cookie."""
    limits = httpx.Limits(max_connections=PEOPLE + 4, keepalive_expiry=2)
    return httpx.Client(base_url=url, cookies={COOKIE: cookie}, trust_env=False, timeout=60, limits=limits)


Look = Callable[[random.Random], tuple[str, float]]
"""One page that somebody opens: its kind, and the milliseconds that it took."""


def at_once(
    pid: int, open_page: Look, think: float, seconds: float, seed: int, *, most: int = PEOPLE
) -> dict[str, object]:
    """Milliseconds of whole answers to all these people, and of the server's processor for each answer."""
    took: list[tuple[str, float]] = []
    before, until = cpu_seconds(pid), time.monotonic() + seconds
    threads = [
        threading.Thread(target=visit, args=(open_page, random.Random(seed * 1_000 + one), think, until, took))
        for one in range(most)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    used = cpu_seconds(pid) - before
    return {
        **spread([ms for _, ms in took]),
        "cpu_ms": round(used * 1000 / len(took), 1),
        "by_page": {page: spread([ms for of, ms in took if of == page]) for page in sorted({of for of, _ in took})},
    }


def one_by_one(pid: int, client: httpx.Client, rng: random.Random) -> dict[str, object]:
    """Each kind of page, asked for by one person alone."""
    found: dict[str, object] = {}
    for page, make in PAGES.items():
        before, took = cpu_seconds(pid), [ask(client, make(rng)) for _ in range(TIMES)]
        found[page] = {**spread(took), "cpu_ms": round((cpu_seconds(pid) - before) * 1000 / TIMES, 1)}
    return found


def spread(times: list[float]) -> dict[str, float]:
    """How many there are, and their median, 95th percentile and worst."""
    ordered = sorted(times)
    p95 = ordered[int(len(ordered) * 0.95)]
    return {
        "answers": len(ordered),
        **{
            name: round(ms, 1)
            for name, ms in (("p50_ms", statistics.median(ordered)), ("p95_ms", p95), ("worst_ms", ordered[-1]))
        },
    }


def visit(open_page: Look, rng: random.Random, think: float, until: float, took: list[tuple[str, float]]) -> None:
    """One person's clicks."""
    while time.monotonic() < until:
        time.sleep(rng.expovariate(1 / think) if think else 0)
        took.append(open_page(rng))


def look(client: httpx.Client, rng: random.Random) -> tuple[str, float]:
    """A page of events, or else another."""
    page = rng.choice(list(PAGES)[1:]) if rng.random() < ELSEWHERE else "events"
    return page, ask(client, PAGES[page](rng))


def ask(client: httpx.Client, path: str) -> float:
    """Milliseconds until the whole answer is there."""
    started = time.perf_counter()
    answer = client.get(path, follow_redirects=True)  # what is found alone leads to its page
    if answer.status_code not in {200, 404}:  # an operator's search finds nothing of others
        answer.raise_for_status()
    return (time.perf_counter() - started) * 1000


def some_events(rng: random.Random) -> str:
    """What is looked at next: often what others look at, too; now and then something that nobody asked for yet."""
    kinds = (
        lambda: "",
        lambda: "last=7d",
        lambda: f"feed={rng.choice(feed.TYPES)}",
        lambda: f"feed={rng.choice(feed.TYPES)}&last=7d&severity={rng.choice(['high', 'medium'])}",
        lambda: f"country={rng.choice(['MU', 'US', 'DE', 'KR', 'JP'])}&last=7d",
        lambda: f"asn={rng.randrange(64_500, 67_500)}",
        lambda: f"team=team-{rng.randrange(2_000):04d}&last=7d",
        lambda: f"address={rng.randrange(1, 223)}.{rng.randrange(256)}.0.0/16",
    )
    query = rng.choices(kinds, weights=(6, 6, 4, 2, 2, 2, 1, 2))[0]()
    return f"/events?{query}" if query else "/events"


PAGES: dict[str, Callable[[random.Random], str]] = {
    "events": some_events,
    "today": lambda _: "/today",
    "reports": lambda _: "/reports",
    "deliveries": lambda _: "/deliveries",
    "lookup": lambda rng: f"/lookup?q={rng.randrange(1, 223)}.{rng.randrange(256)}.{rng.randrange(256)}.1",
    "teams": lambda _: "/teams",
    "team": lambda rng: f"/teams/team-{rng.randrange(2_000):04d}",
}
"""The kinds of pages that people look at, each with how an address of it is made."""


def session(node: NodeWithStores, role: AccountRole = AccountRole.ANALYST, teams: tuple[int, ...] = ()) -> str:
    """What the cookie of somebody signed in holds."""
    now = datetime.now(UTC)
    with node.database.begin() as records:
        person = Person(
            mailbox=f"bench-{time.time_ns()}@people.example", name="Bench", role=role.value, teams=list(teams),
            password="", language="", theme="", made_at=now, blocked_at=None,
        )  # fmt: skip
        records.add(person)
        records.flush()
        return start_session(records, person, now=now, agent="bench")


def wait_for(url: str) -> None:
    while True:
        try:
            httpx.get(f"{url}/health", trust_env=False)
        except (httpx.ConnectError, httpx.TimeoutException):
            time.sleep(0.1)
        else:
            return


def cpu_seconds(pid: int) -> float:
    """Seconds of processor that a process has used."""
    numbers = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(numbers[11]) + int(numbers[12])) / os.sysconf("SC_CLK_TCK")


def resident(pid: int) -> int:
    """Megabytes of memory that a process holds, mapped files among them."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith("VmRSS")).split()[1]) // 1024


if __name__ == "__main__":
    main()
