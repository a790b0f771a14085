"""Lets a node work for hours while its servers go away and it is killed; then recounts all of it, and prints JSON.

python bench/soak.py --size small     (eight minutes)
python bench/soak.py --size full      (five hours)

PostgreSQL, SMTP and IMAP are real ones of its own. Reports come over HTTP; people browse, teams answer by mail. Exit
status 1 where anything was lost or came twice.
"""

import argparse
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from ipaddress import ip_address
from multiprocessing import get_context
from pathlib import Path

import httpx
import numpy as np
from sqlalchemy import func, select

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from at_once import address
from console_events import ask, session, spread, visitor, wait_for
from console_ingest import token_of
from pipeline import tocsin
from soak_world import POOL, TEAMS, Ledger, Numbers, Usage, Way, numbers_of, over_time, usage
from support.databases import Cluster, postgresql_binaries, running_cluster
from support.delivery_examples import read_mail
from support.imap_server import ImapServer, imap_server
from support.mail_server import PostOffice, post_office
from support.ports import free_port
from support.processes import kill_whole
from support.reply_examples import reply
from tocsin.events import Ingest
from tocsin.node.accounts import AccountRole
from tocsin.node.errors import TocsinError
from tocsin.operations.retention import apply_retention
from tocsin.pipeline.groups import IngestRequest
from tocsin.pipeline.ingest import ingest_each, open_session
from tocsin.pipeline.notify import tell
from tocsin.pipeline.stores import open_node
from tocsin.problems.answers import Answer
from tocsin.server.client import Client

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
channel = "{channel}"
host = "127.0.0.1"
port = {smtp}
security = "none"
[mailbox]
address = "csirt@example.org"
host = "127.0.0.1"
port = {imap}
security = "none"
user = "csirt"
password_file = "imap-password"
[server]
url = "https://csirt.example"
[storage]
database = "{database}"
"""
PAGES = ("/events", "/events?last=7d", "/today", "/problems", "/reports", "/deliveries", "/teams")
PORTAL = ("/portal", "/portal?state=all")
SOON = 5.0  # seconds after the return of a server within which work goes on
_SETTLES = 20.0  # seconds after which an outage or a start is not felt any more
_KILLS = 0.25  # the share of the time in which it is killed: its last life is long enough to see whether it grows
_QUIET = 15.0  # seconds without a mail after which none comes any more

Act = Callable[[], None]
Look = tuple[float, str, float | None]
"""When a page was asked for, which, and the milliseconds that it took; None: it was refused."""


@dataclass(frozen=True)
class Size:
    """How much. ``days`` and ``filled``: made-up days before it and their reports; ``away``: seconds of an outage."""

    days: int
    filled: int
    minutes: float
    reports: int
    rows: tuple[int, int]
    people: int
    kills: int
    away: float
    mailbox_away: float  # more than the two minutes after which it is read, else nobody notices


SIZES = {
    "small": Size(3, 60, 6, 60, (50, 300), 5, 2, 20, 130),
    "full": Size(60, 20_000, 240, 800, (50, 2_000), 20, 12, 180, 180),
}


@dataclass
class Soak:
    """The node, the world around it, and what was seen of it."""

    size: Size
    folder: Path
    home: Path
    office: PostOffice
    mailbox: ImapServer
    ways: dict[str, Way]
    ledger: Ledger
    port: int = field(default_factory=free_port)
    server: "subprocess.Popen[str] | None" = None
    ended: threading.Event = field(default_factory=threading.Event)
    upsets: list[tuple[float, float]] = field(default_factory=list)
    said: list[tuple[float, str]] = field(default_factory=list)
    looks: list[Look] = field(default_factory=list)
    refused: int = 0
    lives: list[list[Usage]] = field(default_factory=list)
    outages: list[dict[str, object]] = field(default_factory=list)
    replies: int = 0

    @property
    def url(self) -> str:
        """Where it is served."""
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Serve the node; what it says is kept with the time."""
        command = [
            str(Path(sys.executable).parent / "tocsin"),
            "--home",
            str(self.home),
            "serve",
            "--port",
            str(self.port),
        ]
        environment = os.environ | {"TOCSIN_SERVER_WORK": "true"}
        self.server = server = subprocess.Popen(command, env=environment, text=True, stderr=subprocess.PIPE)
        self.lives.append([])
        threading.Thread(target=self._listen, args=(server,), daemon=True).start()
        wait_for(self.url)
        self.upset(time.monotonic())

    def upset(self, since: float) -> None:
        """What pages took since then, and take until it has settled, is not looked at."""
        self.upsets.append((since, time.monotonic() + _SETTLES))

    def _listen(self, server: "subprocess.Popen[str]") -> None:
        for line in server.stderr or ():
            self.said.append((time.monotonic(), line.rstrip()))

    def kill(self) -> None:
        """SIGKILL to its processes, and start again."""
        began = time.monotonic()
        if self.server is not None:
            kill_whole(self.server.pid)
            self.server.wait()
        self.start()
        self.upset(began)

    def end(self) -> None:
        """SIGTERM, and wait."""
        if self.server is not None:
            self.server.terminate()
            self.server.wait()

    def outage(self, of: str, seconds: float) -> None:
        """Let a server be away; notes after how many seconds of its return work goes on, and what the log says."""
        began = time.monotonic()
        self.ways[of].away()
        self.ended.wait(seconds)
        goes_on = self._sign(of)
        self.ways[of].back()
        back, after = time.monotonic(), None
        while time.monotonic() < back + _SETTLES:
            if after is None and goes_on():
                after = round(time.monotonic() - back, 1)
            self.ended.wait(0.2)
        self.upset(began)
        log = [line[-120:] for at, line in self.said if at >= back and " again" in line]
        self.outages.append({"of": of, "seconds": seconds, "goes_on_after_seconds": after, "log": log})

    def _sign(self, of: str) -> Callable[[], bool]:
        """By what it is seen that work which needs a server goes on."""
        if of == "smtp":
            mails = len(self.office.arrived)
            return lambda: len(self.office.arrived) > mails
        if of == "imap":
            first = self.mailbox.mails()[:1]
            return lambda: self.mailbox.mails()[:1] != first
        lines = len(self.said)
        return lambda: any("taken in again" in line for _, line in self.said[lines:])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", choices=list(SIZES), default="small")
    for name, kind in (("minutes", float), ("reports", int), ("filled", int), ("people", int), ("kills", int)):
        parser.add_argument(f"--{name}", type=kind, default=None, help="In place of what the size says.")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # its servers end with it
    given = {name: value for name, value in vars(options).items() if name in Size.__annotations__ and value is not None}
    size = replace(SIZES[options.size], **given)
    binaries = postgresql_binaries()
    if binaries is None:
        raise SystemExit("PostgreSQL is not here: install the Debian package 'postgresql'")
    folder = Path(tempfile.mkdtemp(prefix="tocsin-soak-"))
    try:
        with running_cluster(binaries) as cluster, post_office() as office, imap_server() as mailbox:
            one = make(folder, size, cluster, office, mailbox)
            one.ledger.chance.seed(options.seed)
            found = soak(one)
    finally:
        shutil.rmtree(folder)
    json.dump(found, sys.stdout, indent=1)
    sys.stdout.write("\n")
    sys.exit(0 if found["all_right"] else 1)


def make(folder: Path, size: Size, cluster: Cluster, office: PostOffice, mailbox: ImapServer) -> Soak:
    """A node that has heard nothing yet, and ways from it to its servers."""
    sockets, home = folder / "ways", folder / "home"
    for made in (sockets, home):
        made.mkdir()
    smtp, imap, name = free_port(), free_port(), ".s.PGSQL.5432"
    ways = {
        "postgresql": Way(sockets / name, cluster.folder / name),
        "smtp": Way(smtp, office.port),
        "imap": Way(imap, mailbox.port),
    }
    secret = home / "imap-password"
    secret.write_text(mailbox.password)
    secret.chmod(0o600)
    database = cluster.fresh().replace(str(cluster.folder), str(sockets))
    settings = SETTINGS.format(channel="file", smtp=smtp, imap=imap, database=database)
    (home / "tocsin.toml").write_text(settings)
    write_teams(folder, home)
    return Soak(size, folder, home, office, mailbox, ways, Ledger(random.Random()))


def soak(one: Soak) -> dict[str, object]:
    """Fill it, let it work, and recount."""
    filled = fill(one)
    sys.stderr.write(f"{json.dumps(filled)}\n")
    settings = one.home / "tocsin.toml"
    settings.write_text(settings.read_text().replace('channel = "file"', 'channel = "smtp"'))
    one.start()
    try:
        work(one)
    finally:
        one.end()
    counted = recount(one, filled)
    return {
        "size": vars(one.size),
        "load": round(os.getloadavg()[0], 1),
        "filled": filled,
        "recount": counted,
        "outages": one.outages,
        "kills": one.size.kills,
        "pages": pages(one),
        # while a server was away, or the node was killed
        "refused_answers": one.refused + sum(ms is None for _, _, ms in one.looks),
        "lives": [list(over_time(life)) for life in one.lives if len(life) > 8],
        "all_right": counted["wrong"] == [],
        "aims": {"goes_on_after_seconds": SOON, "page_p95_ms": 100, "memory_growth": 0.1},
    }


def write_teams(folder: Path, home: Path) -> None:
    """Teams that are told at once, each with a /24 of 198.18.0.0/15 (RFC 2544)."""
    path = folder / "teams.toml"
    teams = (
        f'[[team]]\nkey = "t{n}"\nname = "Team {n}"\nmailboxes = ["noc@t{n}.example"]\ninterval = "at_once"\n'
        f'prefixes = ["{address(n, 0)}/24"]\n'
        for n in range(TEAMS)
    )
    path.write_text("\n".join(teams))
    tocsin(home, "directory", "import", str(path))


def fill(one: Soak) -> dict[str, float]:
    """The made-up days before: each day's reports, its notifications as files, and the nightly run."""
    size, started, stored = one.size, time.monotonic(), 0
    if not size.filled:
        return {"reports": 0, "rows": 0, "seconds": 0.0, "files": 0}
    node, inbox = open_node(one.home), one.folder / "filling"
    inbox.mkdir()
    first = datetime.now(UTC) - timedelta(days=size.days)
    for day in range(size.days):
        now = first + timedelta(days=day)
        share = size.filled * (day + 1) // size.days - size.filled * day // size.days
        rows = [one.ledger.chance.randint(*size.rows) for _ in range(share)]
        paths = [one.ledger.write(inbox, n, now - timedelta(seconds=k), new=False) for k, n in enumerate(rows)]
        with open_session(node, clock=lambda now=now: now) as opened:  # type: ignore[misc]
            for _, done in ingest_each(opened, [IngestRequest((path,)) for path in paths], place="soak"):
                stored += done.counts.stored
        tell(node, now=now)
        apply_retention(node, now=now)
        for path in paths:
            path.unlink()
    return {
        "reports": one.ledger.reports,
        "rows": stored,
        "seconds": round(time.monotonic() - started, 1),
        "files": len(node.store.files()),
    }


def work(one: Soak) -> None:
    """Everything at once for the time of the soak, then until no mail comes any more."""
    began, chance, seconds = time.monotonic(), one.ledger.chance, one.size.minutes * 60
    threads = [threading.Thread(target=partial(act, one), daemon=True) for act in (send, watch, answer)]
    # People look from a process of their own: else they wait for the Python of the mail server, and not for pages.
    with get_context("spawn").Pool(1) as people:
        looks = people.apply_async(browse_all, (one.url, cookies(one), began + seconds))
        for thread in threads:
            thread.start()
        outages = [("imap", one.size.mailbox_away), ("postgresql", one.size.away), ("smtp", one.size.away)]
        for at, act in [
            *spread_over(0.0, _KILLS, [one.kill] * one.size.kills),
            *spread_over(_KILLS, 1.0, [partial(one.outage, *of) for of in chance.sample(outages, len(outages))]),
        ]:
            one.ended.wait(max(0.0, began + at * one.size.minutes * 60 - time.monotonic()))
            act()
        one.ended.wait(max(0.0, began + seconds - time.monotonic()))
        one.ended.set()
        for thread in threads:
            thread.join()
        one.looks = looks.get()
    came = -1
    while came != len(one.office.arrived):
        came = len(one.office.arrived)
        time.sleep(_QUIET)
    time.sleep(130)  # the mailbox is read once more


def spread_over(first: float, last: float, acts: list[Act]) -> Iterator[tuple[float, Act]]:
    """Acts with the share of the time at which each is due, evenly between the two shares."""
    for place, act in enumerate(acts, start=1):
        yield first + (last - first) * place / (len(acts) + 1), act


def send(one: Soak) -> None:
    """Send reports in, evenly, each until the node has it: again after an error, which must not double it."""
    inbox, size = one.folder / "sent", one.size
    inbox.mkdir()
    client = Client(one.url, token_of(one.home))
    for _ in range(size.reports):
        path = one.ledger.write(inbox, one.ledger.chance.randint(*size.rows), datetime.now(UTC), new=True)
        while True:
            try:
                client.send_report(path)
                break
            except (TocsinError, httpx.HTTPError):
                one.refused += 1
                time.sleep(1)
        path.unlink()
        one.ended.wait(size.minutes * 54 / size.reports)


def watch(one: Soak) -> None:
    """Look at the server's memory, files and threads."""
    while not one.ended.wait(2):
        if one.server is not None and (now := usage(one.server.pid)):
            one.lives[-1].append(now)


def answer(one: Soak) -> None:
    """One in ten mails is answered: its team has mended everything."""
    seen = 0
    while not one.ended.wait(2):
        for boxes, content in one.office.arrived[seen:]:
            seen += 1
            if seen % 10 == 0 and (mail := read_mail(content)).files:
                with suppress(OSError):
                    one.mailbox.put(reply(mail, "fixed", sender=boxes[0]))
                    one.replies += 1


def cookies(one: Soak) -> list[tuple[str, tuple[str, ...]]]:
    """Each person's session, and the pages that he looks at; one in five is of a team."""
    node = open_node(one.home)
    return [
        (session(node, AccountRole.OPERATOR, (1 + number,)), PORTAL) if number % 5 == 4 else (session(node), PAGES)
        for number in range(one.size.people)
    ]


def browse_all(url: str, people: Sequence[tuple[str, Sequence[str]]], until: float) -> list[Look]:
    """The clicks of all of them up to a time of the monotonic clock."""
    with ThreadPoolExecutor(len(people)) as threads:
        each = [threads.submit(browse, url, *person, until, seed) for seed, person in enumerate(people)]
        return [look for one in each for look in one.result()]


def browse(url: str, cookie: str, among: Sequence[str], until: float, seed: int) -> list[Look]:
    """One person's clicks."""
    chance, looks = random.Random(seed), list[Look]()
    with visitor(url, cookie) as client:
        while time.monotonic() < until:
            time.sleep(chance.expovariate(0.5))
            page, before = chance.choice(among), time.monotonic()
            try:
                looks.append((before, page, ask(client, page)))
            except httpx.HTTPError:
                looks.append((before, page, None))
    return looks


def pages(one: Soak) -> dict[str, object]:
    """How long pages took in the first third and in the last, with everything at its place."""
    calm = [
        (at, page, ms)
        for at, page, ms in one.looks
        if ms is not None and not any(at + ms / 1000 > began and at < ended for began, ended in one.upsets)
    ]
    if len(calm) < 6:
        return {}
    third = sorted(at for at, _, _ in calm)
    early, late = third[len(third) // 3], third[-len(third) // 3]

    def of(some: Iterator[tuple[str, float]]) -> dict[str, object]:
        kept = list(some)
        by = {page: spread([ms for name, ms in kept if name == page]) for page in sorted({name for name, _ in kept})}
        return {**spread([ms for _, ms in kept]), "by_page": by}

    return {
        "first_third": of((page, ms) for at, page, ms in calm if at <= early),
        "last_third": of((page, ms) for at, page, ms in calm if at >= late),
    }


def recount(one: Soak, filled: dict[str, float]) -> dict[str, object]:
    """What the node has and what mails said, beside what was sent in; ``wrong`` says where they differ."""
    node, ledger = open_node(one.home), one.ledger
    events = node.store.scan().select("source.ip.lo", "source.port").collect()
    found = numbers_of(
        events["source.ip.lo"].to_numpy() & 0xFFFFFFFF, events["source.port"].to_numpy().astype(np.int64)
    )
    stored = np.bincount(found, minlength=POOL + ledger.new)
    told, mails, again = told_by_mail(one, POOL + ledger.new)
    with node.database.reading() as records:
        names = ("rows", "stored", "duplicates", "quarantined")
        sums = records.execute(select(func.count(), *(func.sum(getattr(Ingest, name)) for name in names))).one()
        answers = records.scalar(select(func.count()).select_from(Answer)) or 0
    rows = ledger.again + ledger.new
    compared = {
        "reports": (ledger.reports, sums[0]),
        "rows": (rows + ledger.twice + ledger.broken, sums[1]),
        "stored": (rows, sums[2]),
        "duplicates": (ledger.twice, sums[3]),
        "quarantined": (ledger.broken, sums[4]),
        "events": (rows, len(found)),
        "events of new services lost": (0, (stored[POOL:] == 0).sum()),
        "events of new services doubled": (0, (stored[POOL:] > 1).sum()),
        "services that nobody was told of": (0, (told[sorted(ledger.drawn)] == 0).sum() + (told[POOL:] == 0).sum()),
        "new services told twice": (0, (told[POOL:] > 1).sum()),
        "answers": (one.replies, answers),
    }
    return {
        **{name: int(value) for name, (_, value) in compared.items()},
        "mails": mails,
        "mails that left again after a kill": again,
        "files": len(node.store.files()),
        "filled rows": filled["rows"],
        "wrong": [f"{name}: {value}, not {right}" for name, (right, value) in compared.items() if value != right],
    }


def told_by_mail(one: Soak, services: int) -> tuple[Numbers, int, int]:
    """How often each service was told, how many mails there are, and how many came more than once."""
    told, seen, again = np.zeros(services, dtype=np.int64), set[str](), 0
    written = (path.read_bytes() for path in (one.home / "mails").rglob("*.eml"))
    for content in (*written, *(content for _, content in one.office.arrived)):
        mail = read_mail(content)
        if mail.message_id in seen:
            again += 1
            continue
        seen.add(mail.message_id)
        rows = np.array([(int(ip_address(row["source.ip"])), int(row["source.port"])) for row in mail.rows()])
        np.add.at(told, numbers_of(*rows.reshape(-1, 2).T.astype(np.int64)), 1)
    return told, len(seen), again


if __name__ == "__main__":
    main()
