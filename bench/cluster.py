"""Reports taken in on a simulated Ray cluster of 1, 2, 4 and 8 machines, with as many rows for each of them.

unshare -n .venv-cluster/bin/python bench/cluster.py --rows 100000

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
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

import feed
from support.databases import postgresql_binaries, running_cluster
from support.homes import migrated_home
from support.ray_cluster import AGENTS, SimulatedCluster, children, running_ray, title
from tocsin.cli import main as tocsin
from tocsin.pipeline.ingest import ingest_in, open_session
from tocsin.pipeline.stores import open_node


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=100_000, help="For each machine.")
    parser.add_argument("--machines", type=int, nargs="*", default=[1, 2, 4, 8])
    parser.add_argument("--groups", type=int, default=4, help="Owners; 0: one for each machine.")
    parser.add_argument("--one", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    subprocess.run(["ip", "link", "set", "lo", "up"], check=False)
    if options.one:
        json.dump(measure(options.one, options.machines[0], options.groups), sys.stdout)
        return
    with tempfile.TemporaryDirectory(prefix="bench") as folder:
        Path(folder).chmod(0o755)
        world = feed.make_world(1)
        feed.TYPES = feed.TYPES[:2]  # two reports for each machine, of 20 MB where it has 100,000 rows
        feed.write_directory(world, Path(folder), 1)
        for number in range(max(options.machines)):  # as many reports of the same size for each machine
            feed.write_reports(world, Path(folder) / f"reports{number}", options.rows, number, f"2026-11-{10 + number}")
        for machines in options.machines:
            one = [sys.executable, __file__, "--one", folder, "--machines", str(machines)]
            one += ["--rows", str(options.rows), "--groups", str(options.groups or machines)]
            done = subprocess.run(one, stdout=subprocess.PIPE, text=True, check=True)
            sys.stdout.write(done.stdout.splitlines()[-1] + "\n")
            sys.stdout.flush()


def measure(folder: Path, machines: int, groups: int) -> dict[str, object]:
    home = folder / f"home{machines}"
    with (
        tempfile.TemporaryDirectory(prefix="r", ignore_cleanup_errors=True) as short,
        running_cluster(postgresql_binaries() or Path()) as postgresql,
        running_ray(Path(short), machines) as ray,
    ):
        home.mkdir()
        (home / "tocsin.toml").write_text(
            f'[storage]\ndatabase = "{postgresql.fresh()}"\n[ingest]\nbatch_bytes = 4000000\n'
            f'[work]\non = "ray"\naddress = "{ray.address}"\ngroups = {groups}\n'
        )
        (home / "networks").symlink_to(migrated_home() / "networks")
        for name in ("teams.csv", "rules.csv"):
            run(home, "directory", "import", str(folder / name))
        node = open_node(home)
        with open_session(node) as session:
            warm = folder / f"warm{machines}"
            feed.write_reports(feed.make_world(1), warm, 20 * 10_000 * machines, 99, "2026-11-09")
            ingest_in(session, [warm])  # workers are started, and have loaded what they need
            before, wire, begun = cpu(ray), loopback(), time.monotonic()
            summary = ingest_in(session, [folder / f"reports{number}" for number in range(machines)])
            seconds, after, crossed = time.monotonic() - begun, cpu(ray), loopback() - wire
        import ray as connected

        connected.shutdown()
    count = summary.counts.rows
    used = {name: after[name] - before[name] for name in after}
    return {
        "machines": machines, "owners": groups, "rows": count, "failed": len(summary.failed),
        "seconds": round(seconds, 1), "rows_per_second": round(count / seconds),
        "cpu_seconds": {name: round(value, 2) for name, value in used.items()},
        "cpu_us_per_row": round(sum(used.values()) / count * 1e6, 2),
        "cpu_us_per_row_without_raylets": round((used["coordinator"] + used["workers"]) / count * 1e6, 2),
        "wire_bytes_per_row": round(crossed / count, 1),
    }  # fmt: skip


def run(home: Path, *words: str) -> None:
    try:
        tocsin(["--home", str(home), "--json", *words])
    except SystemExit as end:
        if end.code:
            raise


def cpu(ray: SimulatedCluster) -> dict[str, float]:
    """CPU seconds so far: of this process, of workers and owners, and of Ray's own processes."""
    mine = os.times()
    raylets = [one.process.pid for node in ray.nodes for some in node.all_processes.values() for one in some]
    below = [pid for raylet in raylets for pid in children(raylet)]
    agents = [pid for pid in below if title(pid).startswith(AGENTS)]
    return {
        "coordinator": mine.user + mine.system,
        "workers": sum(spent(pid) for pid in below if pid not in agents),
        "raylets": sum(map(spent, [*raylets, *agents])),
    }


def spent(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return sum(map(int, fields[11:13])) / os.sysconf("SC_CLK_TCK")  # proc(5): utime, stime


def loopback() -> int:
    [line] = (line for line in Path("/proc/net/dev").read_text().splitlines() if line.strip().startswith("lo:"))
    return int(line.split()[1])


if __name__ == "__main__":
    main()
