"""IntelMQ as a botnet with a Redis of its own: reports that fall into a folder become events in a file.

Set up as its documentation says (`intelmqsetup`, `runtime.yaml`, `intelmqctl start`); the bots are those of the
configuration that it ships, except for the two that ask name servers (Gethostbyname, Cymru Whois).
"""

import json
import os
import shutil
import socket
import subprocess
import time
from pathlib import Path

import feed

DOES = (
    "Reads and checks each field by its format of data, drops events seen within a day (kept in Redis), adds taxonomy "
    "and parts of URLs, appends events to a file as JSON lines. It does not look up networks (its experts ask name "
    "servers, or need data that is not here) or teams, or note what is owed; Redis writes to disk at intervals. "
    "It runs already when the reports come: its start does not count."
)
_STARTED = 15  # seconds until the bots wait for work
_DEADLINE = 900  # seconds for all reports
_QUEUES = 2  # its number of Redis' database for queues
_TICKS = os.sysconf("SC_CLK_TCK")
_MAPPED = {
    "protocol": ("protocol.transport",),
    "hostname": ("source.reverse_dns",),
    "asn": ("source.asn", "invalidate_zero"),
    "geo": ("source.geolocation.cc",),
    "region": ("source.geolocation.region",),
    "city": ("source.geolocation.city",),
}


def measure(folder: Path, programs: Path, redis: Path, reports: list[Path], user: str | None) -> dict[str, float]:
    """Events stored, seconds, CPU seconds of all bots and Redis, and the sum of each one's peak memory in MB."""
    arriving, inbox, out = folder / "arriving", folder / "inbox", folder / "events.txt"
    for path in (arriving, inbox):
        path.mkdir(parents=True)
    for report in reports:
        shutil.copy(report, arriving)
    if user:
        for path in (folder, arriving, inbox):
            shutil.chown(path, user)
    port = free_port()
    server = subprocess.Popen(
        [redis, "--port", str(port), "--bind", "127.0.0.1", "--dir", folder], stdout=subprocess.DEVNULL, user=user
    )
    try:
        control(programs, folder, user, "intelmqsetup", "--skip-ownership", "--skip-webserver")
        (folder / "etc/runtime.yaml").write_text(json.dumps(runtime(port, inbox, out)))  # JSON is YAML
        (folder / "var/lib/bots/shadowserver-schema.json").write_text(json.dumps(schema()))
        control(programs, folder, user, "intelmqctl", "start")
        time.sleep(_STARTED)
        processes = [server.pid, *(int(path.read_text()) for path in (folder / "var/run").glob("*.pid"))]
        before = cpu_seconds(processes)
        started = time.monotonic()
        for path in arriving.iterdir():
            path.rename(inbox / path.name)
        # A message stays in a queue until the next bot has it, and a report in the folder until it is in a queue.
        while any(inbox.iterdir()) or kept(port):
            if time.monotonic() > started + _DEADLINE:
                raise SystemExit(f"IntelMQ was not done after {_DEADLINE} s.")
            time.sleep(0.1)
        cost = {
            "seconds": round(time.monotonic() - started, 2),
            "cpu_seconds": round(cpu_seconds(processes) - before, 2),
            "peak_mb": round(sum(map(peak_mb, processes))),
        }
        with out.open("rb") as events:
            return {"stored": sum(1 for _ in events), **cost, "start_cpu_seconds": round(before, 2)}
    finally:
        control(programs, folder, user, "intelmqctl", "stop")
        server.terminate()
        server.wait()


def runtime(port: int, inbox: Path, out: Path) -> dict[str, object]:
    """Its main configuration: each bot's queue is named after it, and named by the bot before."""
    parameters: dict[str, dict[str, object]] = {
        "collectors.file.collector_file": {
            "name": "Reports",
            "path": str(inbox),
            "postfix": ".csv",
            "delete_file": True,
            "rate_limit": 1,
        },
        "parsers.shadowserver.parser": {},
        "experts.deduplicator.expert": {
            "filter_keys": "raw,time.observation",
            "filter_type": "blacklist",
            "redis_cache_db": 6,
            "redis_cache_port": port,
            "redis_cache_ttl": 86_400,
        },
        "experts.taxonomy.expert": {},
        "experts.url.expert": {"overwrite": False},
        "outputs.file.output": {"file": str(out)},
    }
    names = [module.replace(".", "-").replace("_", "-") for module in parameters]
    bots: dict[str, object] = {}
    for name, following, (module, own) in zip(names, [*names[1:], None], parameters.items(), strict=True):
        queues = {"destination_queues": {"_default": [f"{following}-queue"]}} if following else {}
        bots[name] = {
            "group": module.split(".")[0].removesuffix("s").title(),
            "module": f"intelmq.bots.{module}",
            "name": name,
            "description": name,
            "enabled": True,
            "parameters": {**own, **queues},
            "run_mode": "continuous",
        }
    ports = ("source_pipeline_port", "destination_pipeline_port", "statistics_port")
    return {"global": {**dict.fromkeys(ports, port), "logging_level": "WARNING"}, **bots}


def schema() -> dict[str, object]:
    """What its parser else gets from Shadowserver's server: for each type the fields that the columns become."""
    return {
        kind: {
            "feed_name": kind,
            "file_name": kind,
            "required_fields": [
                ["time.source", "timestamp", "add_UTC_to_timestamp"],
                ["source.ip", "ip", "validate_ip"],
                ["source.port", "port", "convert_int"],
            ],
            "optional_fields": [
                [_MAPPED[column][0], column, *_MAPPED[column][1:]]
                if column in _MAPPED
                else ["extra.", column, "validate_to_none"]
                for column in feed.COLUMNS
                if column not in {"timestamp", "ip", "port"}
            ],
            "constant_fields": {
                "classification.type": "vulnerable-system",
                "classification.identifier": kind.replace("scan_", "open-"),
            },
        }
        for kind in feed.TYPES
    }


def control(programs: Path, folder: Path, user: str | None, command: str, *arguments: str) -> None:
    environment = {"INTELMQ_ROOT_DIR": str(folder), "HOME": str(folder), "PATH": f"{programs}:{os.environ['PATH']}"}
    done = subprocess.run(
        [programs / command, *arguments],
        env=environment,
        user=user,
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode and "stop" not in arguments:
        raise SystemExit(f"{command} ended with {done.returncode}: {(done.stdout + done.stderr)[-2000:]}")


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port: int = taken.getsockname()[1]
        return port


def kept(port: int) -> bool:
    """Whether any queue has a message (Redis has no empty lists)."""
    with socket.create_connection(("127.0.0.1", port)) as redis:
        redis.sendall(f"SELECT {_QUEUES}\r\nDBSIZE\r\nQUIT\r\n".encode())
        answer = redis.makefile("rb").read().split()
    return answer[1] != b":0"


def cpu_seconds(processes: list[int]) -> float:
    """User and system time of running processes, children that ended included (proc_pid_stat(5), 14 to 17)."""
    return sum(
        sum(map(int, Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:15])) / _TICKS
        for pid in processes
    )


def peak_mb(process: int) -> float:
    lines = Path(f"/proc/{process}/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM:"))
