"""Whoever of a Ray cluster is killed or stands still: in the end all is as if one process had done it alone.

``TOCSIN_CLUSTER_RUNS=200 TOCSIN_CLUSTER_ROWS=200000`` are the runs at full size; the seeds of those that were well are
kept in ``build/cluster-runs.txt``, and a second call goes on behind them. ``TOCSIN_CLUSTER_SEEDS=7,9`` are single ones.
Of each ten seeds five have events and keys in a shared folder, five in a bucket.
"""

import os
import random
import re
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from support.bucket_server import BucketServer, section
from support.cluster_runs import differences, start_taking_in, take_in, truth, write_feed
from support.databases import Cluster
from support.homes import settle
from support.ports import free_port
from support.ray_cluster import SimulatedCluster, running_ray
from tocsin.node.paths import HomeFile, HomeFolder
from tocsin.operations.cluster_checks import cluster
from tocsin.pipeline.stores import open_node

KILLED = -signal.SIGKILL
PATIENCE, TERM = 6, 3  # seconds
KEPT = Path("build/cluster-runs.txt")
RUNS = int(os.environ.get("TOCSIN_CLUSTER_RUNS", "0"))
ROWS = int(os.environ.get("TOCSIN_CLUSTER_ROWS", "4000"))
TEN = (*range(5), 5, 8, *range(10, 13))  # two of them in a bucket, which takes longer
LONGEST = 30 if RUNS else 6  # seconds in which somebody is killed
PLACES = ("ingest.noted", "keys.notes", "keys.written", "store.part", "keys.removing")  # of workers and owners
IN_BUCKET = ("keys.given", "keys.given")  # besides, where keys go to a bucket
COORDINATOR = (  # of the process that makes ingests true
    "ingest.set-aside ingest.batch ingest.read ingest.closed ingest.synced ingest.preparing ingest.prepared "
    "ingest.shown ingest.committing ingest.committed ingest.merging clean.events clean.keys"
).split()


def seeds() -> list[int]:
    if chosen := os.environ.get("TOCSIN_CLUSTER_SEEDS"):
        return [int(seed) for seed in chosen.split(",")]
    done = KEPT.read_text().splitlines() if RUNS and KEPT.is_file() else []
    return [seed for seed in (range(RUNS) if RUNS else TEN) if well(seed) not in done]


def in_bucket(seed: int) -> bool:
    return seed // 5 % 2 == 1  # so each plan is in both


def well(seed: int) -> str:
    """What is kept of a run that was well."""
    return f"{seed} {ROWS} rows in a {'bucket' if in_bucket(seed) else 'folder'}"


@pytest.fixture(scope="module")
def ray(short_folder: Path) -> Iterator[SimulatedCluster]:
    with running_ray(short_folder) as cluster:
        yield cluster


@pytest.fixture(scope="module")
def short_folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="r", ignore_cleanup_errors=True) as folder:
        yield Path(folder)


@pytest.fixture(scope="module")
def inbox(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("feed")
    write_feed(folder, ROWS)
    return folder


def settings(database: str, work: str = "") -> str:
    batch = max(10_000, ROWS * 100 // 40 // 4)  # a report has about four parts
    return f'[storage]\ndatabase = "{database}"\n[ingest]\nbatch_bytes = {batch}\n[work]\nterm_seconds = {TERM}\n{work}'


@pytest.fixture(scope="module")
def wanted(tmp_path_factory: pytest.TempPathFactory, postgresql: Cluster, inbox: Path) -> dict[str, Any]:
    """What one process makes of the feed."""
    home = settle(tmp_path_factory.mktemp("one") / "home", settings(postgresql.fresh()))
    assert take_in(home, inbox) == 0
    return truth(home)


@pytest.fixture
def home(ray: SimulatedCluster, postgresql: Cluster, tmp_path: Path) -> Path:
    """A node that works on the cluster."""
    work = f'on = "ray"\naddress = "{ray.address}"\ngroups = 3\npatience_seconds = {PATIENCE}\n'
    return settle(tmp_path / "home", settings(postgresql.fresh(), work))


@dataclass
class Run:
    """One run: who takes the reports in, and what was done to whom."""

    seed: int
    home: Path
    inbox: Path
    ray: SimulatedCluster
    done: list[str] = field(default_factory=list)
    stopped: list[int] = field(default_factory=list)
    places: tuple[str, ...] = PLACES

    def __post_init__(self) -> None:
        self.chance = random.Random(self.seed)
        self.log = self.home.parent / "log"

    def start(self, **environment: str) -> "subprocess.Popen[bytes]":
        return start_taking_in(self.home, self.inbox, self.log, **environment)

    def take_all_in(self) -> None:
        """Until all reports are in; whoever is killed is started again."""
        plan = ("machines", "places", "coordinator", "owner", "writer")[self.seed % 5]
        cuts = [{"TOCSIN_CUT": self.chance.choice(COORDINATOR)}] * (plan == "coordinator") * 3
        if plan == "places":
            place = f"{self.chance.choice(self.places)}:{self.chance.randint(2, 6)}"
            self.done.append(f"cut {place}")
            self.ray.replace_machine(self.chance.choice(self.ray.machines), {"TOCSIN_CUT": place})
        process, begun = self.start(**(cuts.pop() if cuts else {})), time.monotonic()
        while True:
            with suppress(subprocess.TimeoutExpired):
                code = process.wait(self.chance.uniform(0.3, 2.0))
                if code == 0 or process.pid in self.stopped:  # it was fenced off, and the other took all in
                    break
                assert code == KILLED, f"{self.done}\n{self.log.read_text()[-4000:]}"
                process = self.start(**(cuts.pop() if cuts else {}))
                continue
            if time.monotonic() - begun < LONGEST:
                self.hurt(plan, process)
            elif time.monotonic() - begun > LONGEST + 400:
                process.kill()
                pytest.fail(f"it does not end: {self.done}\n{self.log.read_text()[-4000:]}")
        for pid in self.stopped:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)

    def hurt(self, plan: str, process: "subprocess.Popen[bytes]") -> None:
        """Kill somebody, or let somebody stand still, once in a run for longer than others wait for him."""
        owners, all_of_them = self.ray.processes("ray::_ShardOwner"), self.ray.processes("ray::")
        workers = [pid for pid in all_of_them if pid not in owners]
        if plan == "owner" and owners and not self.stopped:
            self.stopped.append(self.chance.choice(owners))
            self.signal("owner stands still", self.stopped[0], signal.SIGSTOP)
            return
        if plan == "writer" and not self.stopped and owners:
            self.fence(process)
            return
        what = self.chance.choice(
            ["worker", "worker", "owner", "machine", *(["coordinator"] * (plan == "coordinator"))]
        )
        if what == "worker" and workers:
            self.signal(what, self.chance.choice(workers), signal.SIGKILL)
        elif what == "owner" and owners:
            self.signal(what, self.chance.choice(owners), signal.SIGKILL)
        elif what == "machine":
            self.done.append(what)
            self.ray.replace_machine(self.chance.choice(self.ray.machines))
        elif what == "coordinator":
            self.signal(what, process.pid, signal.SIGKILL)

    def fence(self, process: "subprocess.Popen[bytes]") -> None:
        """Let the coordinator stand still past its term, while another takes all in; then it must not go on."""
        self.stopped.append(process.pid)
        self.signal("coordinator stands still", process.pid, signal.SIGSTOP)
        second = self.start()
        time.sleep(TERM + self.chance.uniform(1, 4))
        os.kill(process.pid, signal.SIGCONT)
        code = process.wait(200)
        assert code in {0, 1}, f"{code}: {self.log.read_text()[-4000:]}"
        if code:
            assert "took over" in self.log.read_text() or "ConflictError" in self.log.read_text()
        assert second.wait(300) == 0, self.log.read_text()[-4000:]

    def signal(self, what: str, pid: int, number: int) -> None:
        self.done.append(what)
        with suppress(ProcessLookupError):
            os.kill(pid, number)


@pytest.fixture
def run(seed: int, ray: SimulatedCluster, home: Path, inbox: Path, request: pytest.FixtureRequest) -> Run:
    """One run, on a node whose events and keys are in its folder or in a bucket."""
    made = Run(seed, home, inbox, ray)
    if in_bucket(seed):
        server: BucketServer = request.getfixturevalue("bucket_server")
        file, made.places = home / HomeFile.SETTINGS, PLACES + IN_BUCKET
        file.write_text(file.read_text().replace("[storage]\n", section(server.settings())))
    return made


@pytest.mark.parametrize("seed", seeds())
def test_whoever_is_killed_nothing_is_lost_and_nothing_doubled(seed: int, run: Run, wanted: dict[str, Any]) -> None:
    begun = time.monotonic()

    run.take_all_in()

    found = truth(run.home)
    print(f"seed {seed}: {time.monotonic() - begun:.0f} s, {run.done}", file=sys.__stderr__, flush=True)
    assert differences(found, wanted) == [], run.done
    kept = open_node(run.home).place(HomeFolder.PROBLEMS).list()
    assert any("of3/" in file.name for file in kept), "owners had nothing to do"
    run.ray.fill_up()
    if RUNS:
        KEPT.parent.mkdir(exist_ok=True)
        with KEPT.open("a") as lines:
            lines.write(f"{well(seed)}\n")


def test_workers_get_no_secret(ray: SimulatedCluster, home: Path, inbox: Path) -> None:
    """What is in the memory of workers and owners while they are at work."""
    secret, database = secrets.token_hex(32).encode(), open_node(home).settings.storage.database
    (home / HomeFile.TOKENS).write_bytes(secret)
    process = start_taking_in(home, inbox, home.parent / "log")
    try:
        pids: list[int] = []
        while len(pids) < 3 and process.poll() is None:
            pids = ray.processes("ray::_ShardOwner") + ray.processes("ray::_understand") + ray.processes("ray::_finish")
        wanted = {"secret.key": secret, "address of the records": database.encode(), "parts": b"ray::"}
        found = {name for pid in pids for name in in_memory(pid, wanted)}
    finally:
        process.kill()
        process.wait()
    assert found == {"parts"}, "what workers must not have, or nothing was looked at"


def in_memory(pid: int, wanted: dict[str, bytes]) -> set[str]:
    """The names of what a process has somewhere in memory that it may write to and that is not only reserved."""
    found: set[str] = set()
    with suppress(OSError), Path(f"/proc/{pid}/mem").open("rb") as memory:
        for text in re.split(r"(?m)^(?=[0-9a-f]+-[0-9a-f]+ )", Path(f"/proc/{pid}/smaps").read_text())[1:]:
            bounds, rights, *_ = text.split(maxsplit=2)
            if not rights.startswith("rw") or re.search(r"^Rss: +0 kB", text, re.MULTILINE):
                continue
            start, end = (int(bound, 16) for bound in bounds.split("-"))
            with suppress(OSError, ValueError, OverflowError):
                memory.seek(start)
                content = memory.read(end - start)
                found |= {name for name, text in wanted.items() if text in content}
    return found


def test_the_doctor_counts_machines_and_fails_where_a_stranger_is_let_in(
    ray: SimulatedCluster, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    node = open_node(home)

    def found(**work: object) -> list[tuple[bool, str]]:
        settings = node.settings.model_copy(update={"work": node.settings.work.model_copy(update=work)})
        return [(one.ok, str(one.found)) for one in cluster(replace(node, settings=settings), datetime.now(UTC))]

    ray.fill_up()
    ray.cluster.wait_for_nodes(60)
    assert found(workers=3) == [(True, "4 machines, 3 cores for work")]
    [(well, words)] = found(workers=4)
    assert not well
    assert words.startswith("4 machines, 3 cores for work")
    with monkeypatch.context() as environment:
        environment.setenv("RAY_AUTH_TOKEN", "f" * 64)
        assert found() == [(False, "does not take our token")]
    [(well, words)] = found(address="127.0.0.2:1")
    assert not well
    assert "does not answer" in words
    with open_cluster() as address:
        assert found(address=address) == [(False, f"{address} answers without a token")]


@contextmanager
def open_cluster() -> Iterator[str]:
    """A cluster that lets everybody in, as Ray came before it had tokens."""
    with tempfile.TemporaryDirectory(prefix="r", ignore_cleanup_errors=True) as folder:
        port, words = free_port(), "--head --node-ip-address 127.0.0.2 --num-cpus 0 --include-dashboard false --block"
        words += " --min-worker-port 0 --max-worker-port 0"  # else thousands are taken, this one among them
        head = subprocess.Popen(
            [Path(sys.executable).parent / "ray", "start", *words.split(), "--port", str(port), "--temp-dir", folder],
            env={**os.environ, "RAY_AUTH_MODE": "disabled"}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        try:
            end = time.monotonic() + 60
            while time.monotonic() < end:
                with suppress(OSError), socket.create_connection(("127.0.0.2", port), 1):
                    break
                time.sleep(0.2)
            yield f"127.0.0.2:{port}"
        finally:
            head.terminate()
            head.wait(60)
