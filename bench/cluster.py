"""Reports taken in on a simulated Ray cluster of 1, 2, 4 and 8 machines, with as many rows for each of them.

unshare -n .venv-cluster/bin/python bench/cluster.py --rows 150000

Machines are simulated on this one, so what counts is CPU-seconds a row, of all processes of Ray and of the one that
hands out the work, and bytes over the wire: those of the loopback interface, so let nobody else be on it
(``unshare -n`` gives a network of one's own; it is brought up here). PostgreSQL is reached by a socket in a folder.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from contextlib import suppress
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

import feed
from support.databases import postgresql_binaries, running_cluster
from support.homes import migrated_home
from support.processes import children
from support.ray_cluster import AGENTS, SimulatedCluster, running_ray, title
from tocsin.cli import main as tocsin
from tocsin.pipeline.ingest import ingest_in, open_session
from tocsin.pipeline.stores import open_node


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=150_000, help="For each machine.")
    parser.add_argument("--machines", type=int, nargs="*", default=[1, 2, 4, 8])
    parser.add_argument("--groups", type=int, default=4, help="Owners; 0: one for each machine.")
    parser.add_argument("--batch", type=int, default=16_000_000, help="Bytes of a batch.")
    parser.add_argument("--one", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    feed.TYPES = feed.TYPES[:2]  # two reports for each machine, of 31 MB where it has 150,000 rows
    subprocess.run(["ip", "link", "set", "lo", "up"], check=False)
    if options.one:
        json.dump(measure(options.one, options.machines[0], options.groups, options.batch), sys.stdout)
        return
    with tempfile.TemporaryDirectory(prefix="bench") as folder:
        Path(folder).chmod(0o755)
        world = feed.make_world(1)
        feed.write_directory(world, Path(folder), 1)
        for number in range(max(options.machines)):  # as many reports of the same size for each machine
            feed.write_reports(world, Path(folder) / f"reports{number}", options.rows, number, f"2026-11-{10 + number}")
        for machines in options.machines:
            one = [sys.executable, __file__, "--one", folder, "--machines", str(machines)]
            one += ["--groups", str(options.groups or machines), "--batch", str(options.batch)]
            done = subprocess.run(one, stdout=subprocess.PIPE, text=True, check=True)
            sys.stdout.write(done.stdout.splitlines()[-1] + "\n")
            sys.stdout.flush()


def measure(folder: Path, machines: int, groups: int, batch: int) -> dict[str, object]:
    home = folder / f"home{machines}"
    with (
        tempfile.TemporaryDirectory(prefix="r", ignore_cleanup_errors=True) as short,
        running_cluster(postgresql_binaries() or Path()) as postgresql,
        running_ray(Path(short), machines, 12 * batch + (100 << 20)) as ray,
    ):
        home.mkdir()
        (home / "tocsin.toml").write_text(
            f'[storage]\ndatabase = "{postgresql.fresh()}"\n[ingest]\nbatch_bytes = {batch}\n'
            f'[work]\non = "ray"\naddress = "{ray.address}"\ngroups = {groups}\n'
        )
        (home / "networks").symlink_to(migrated_home() / "networks")
        for name in ("teams.csv", "rules.csv"):
            run(home, "directory", "import", str(folder / name))
        node = open_node(home)
        with open_session(node) as session:
            world, there = feed.make_world(1), set[int]()
            for turn in range(1, 9):  # until Ray starts no more workers: all have loaded what they need then
                warm = folder / f"warm{machines}-{turn}"
                feed.write_reports(world, warm, batch // 400 * machines, 90 + turn, f"2026-11-0{turn}")
                ingest_in(session, [warm])
                last, there = there, set(cpu(ray))
                if there == last:
                    break
            idle = quiet(ray, 10)
            before, wire, begun = cpu(ray), loopback(), time.monotonic()
            summary = ingest_in(session, [folder / f"reports{number}" for number in range(machines)])
            seconds, after, crossed = time.monotonic() - begun, cpu(ray), loopback() - wire
        import ray as connected

        connected.shutdown()
    rows, used = summary.counts.rows, defaultdict[str, float](float)
    for pid, (name, spent_then) in after.items():
        known = pid in before
        used[name if known else f"{name} started"] += spent_then - (before[pid][1] if known else 0)
    ours = sum(value for name, value in used.items() if name in {"coordinator", "owners", "workers"})
    return {
        "machines": machines, "owners": groups, "rows": rows, "failed": len(summary.failed),
        "seconds": round(seconds, 1), "cpu_seconds": {name: round(value, 2) for name, value in used.items()},
        "us_per_row": {name: round(value / rows * 1e6, 1) for name, value in used.items()},
        "ours_us_per_row": round(ours / rows * 1e6, 1),
        "all_us_per_row": round(sum(used.values()) / rows * 1e6, 1),
        "wire_bytes_per_row": round(crossed / rows, 1), **idle,
    }  # fmt: skip


def quiet(ray: SimulatedCluster, seconds: int) -> dict[str, float]:
    """What Ray takes while nothing is to be done, of a core and of the wire."""
    before, wire, begun = cpu(ray), loopback(), time.monotonic()
    time.sleep(seconds)
    after, took = cpu(ray), time.monotonic() - begun
    spent_idle = sum(value - before.get(pid, (name, 0.0))[1] for pid, (name, value) in after.items())
    return {
        "idle_cores": round(spent_idle / took, 3),
        "idle_wire_bytes_per_second": round((loopback() - wire) / took),
    }


def run(home: Path, *words: str) -> None:
    try:
        tocsin(["--home", str(home), "--json", *words])
    except SystemExit as end:
        if end.code:
            raise


def cpu(ray: SimulatedCluster) -> dict[int, tuple[str, float]]:
    """CPU seconds so far of each process, and what it is: of this one, of workers, of owners, and of Ray's own."""
    mine = os.times()
    found = {os.getpid(): ("coordinator", mine.user + mine.system)}
    for node in ray.nodes:
        for one in (one for some in node.all_processes.values() for one in some):
            found[one.process.pid] = "ray", spent(one.process.pid)
            for pid in children(one.process.pid):
                name = title(pid)
                what = "ray" if name.startswith(AGENTS) else "owners" if "_ShardOwner" in name else "workers"
                with suppress(FileNotFoundError):
                    found[pid] = what, spent(pid)
    return found


def spent(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return sum(map(int, fields[11:13])) / os.sysconf("SC_CLK_TCK")  # proc(5): utime, stime


def loopback() -> int:
    [line] = (line for line in Path("/proc/net/dev").read_text().splitlines() if line.strip().startswith("lo:"))
    return int(line.split()[1])


if __name__ == "__main__":
    main()
