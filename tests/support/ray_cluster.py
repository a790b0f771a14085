"""A Ray cluster of three simulated machines on this one, each with its own address, whose processes tests kill."""

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

from support.processes import children, kill_whole

MACHINES = 3
_HEAD = "127.0.0.2"
_STORE = 100 << 20  # bytes of each machine's object store
AGENTS = ("ray::DashboardAgent", "ray::RuntimeEnvAgent")  # of each machine
_QUICK = {  # a machine that is gone counts as gone after about two seconds
    "health_check_initial_delay_ms": 1000,
    "health_check_period_ms": 500,
    "health_check_timeout_ms": 1000,
    "health_check_failure_threshold": 3,
}


def clothe() -> None:
    """Let Ray ask for a token in this process and in all that it starts."""
    os.environ.update(RAY_AUTH_MODE="token", RAY_AUTH_TOKEN=secrets.token_hex(32), RAY_USAGE_STATS_ENABLED="0")


@dataclass
class SimulatedCluster:
    """The head, where the coordinator is, and three machines with one processor each."""

    cluster: Any
    wanted: int = MACHINES
    store: int = _STORE
    _places: Iterator[int] = field(default_factory=lambda: count(3))

    @property
    def address(self) -> str:
        """HOST:PORT."""
        return str(self.cluster.address)

    @property
    def nodes(self) -> list[Any]:
        """All of them."""
        return list(self.cluster.list_all_nodes())

    @property
    def machines(self) -> list[Any]:
        """Those that work."""
        return list(self.cluster.worker_nodes)

    def fill_up(self, environment: dict[str, str] | None = None) -> None:
        """Have three machines again; ``environment``: what processes of new ones have besides."""
        before = dict(os.environ)
        os.environ.update(environment or {})
        try:
            while len(self.machines) < self.wanted:
                place = f"127.0.{next(self._places) // 250}.{3 + next(self._places) % 250}"
                self.cluster.add_node(num_cpus=1, object_store_memory=self.store, node_ip_address=place, wait=False)
        finally:
            os.environ.clear()
            os.environ.update(before)

    def kill_machine(self, machine: Any) -> None:
        """SIGKILL to the raylet of a machine, and to all that it had started."""
        kill_whole(machine.all_processes["raylet"][0].process.pid)
        self.cluster.remove_node(machine, allow_graceful=False)

    def replace_machine(self, machine: Any, environment: dict[str, str] | None = None) -> None:
        """Kill a machine, and have another one in its place."""
        self.kill_machine(machine)
        self.fill_up(environment)

    def processes(self, name: str) -> list[int]:
        """The processes on the machines whose title begins so: ``ray::_ShardOwner`` owns shards, ``ray::`` all work."""
        raylets = [machine.all_processes["raylet"][0].process.pid for machine in self.machines]
        return [pid for raylet in raylets for pid in children(raylet) if is_at(pid, name)]


def is_at(pid: int, name: str) -> bool:
    """Whether the title of a process begins so, and it is no agent of its machine."""
    return title(pid).startswith(name) and not title(pid).startswith(AGENTS)


def title(pid: int) -> str:
    with suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    return ""


@contextmanager
def running_ray(folder: Path, machines: int = MACHINES, store: int = _STORE) -> Iterator[SimulatedCluster]:
    """The cluster with so many machines that work, for as long as the block runs.

    Ray keeps its files and sockets in ``folder``. ``store``: bytes of each machine's object store.
    """
    clothe()
    os.environ["RAY_TMPDIR"] = str(folder)  # a short path: sockets have names of at most 107 bytes
    from ray.cluster_utils import Cluster

    head = {"num_cpus": 0, "object_store_memory": store, "include_dashboard": False, "node_ip_address": _HEAD}
    head_args = {**head, "_system_config": _QUICK}
    cluster = SimulatedCluster(Cluster(initialize_head=True, head_node_args=head_args), machines, store)
    try:
        cluster.fill_up()
        cluster.cluster.wait_for_nodes(120)
        yield cluster
    finally:
        cluster.cluster.shutdown()
