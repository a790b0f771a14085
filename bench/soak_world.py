"""What a soak needs around a node: ways to its servers that can be cut, counted reports, and a look at memory."""

import asyncio
import random
import threading
import time
from collections.abc import Coroutine, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from statistics import median
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from at_once import HEADER, address
from support.processes import children

TEAMS = 100
POOL = 100_000
_HOSTS = 254
_FIRST_PORT = 1_024
_NETWORK = 198 << 24 | 18 << 16  # where `at_once.address` begins
Numbers: TypeAlias = npt.NDArray[np.int64]


class Way:
    """A way to a server that can be cut: then connections end and new ones are refused, as where it is away.

    ``listen`` and ``to``: ports of 127.0.0.1, or paths of Unix sockets.
    """

    def __init__(self, listen: int | Path, to: int | Path) -> None:
        self._listen, self._to = listen, to
        self._open: set[asyncio.StreamWriter] = set()
        self._loop = asyncio.new_event_loop()
        threading.Thread(target=self._loop.run_forever, daemon=True).start()
        self.back()

    def back(self) -> None:
        """Let connections through."""
        self._server = self._run(self._serve())

    def away(self) -> None:
        """Cut all of them."""
        self._run(self._cut())

    def _run(self, work: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(30)

    async def _serve(self) -> asyncio.Server:
        if isinstance(self._listen, Path):
            return await asyncio.start_unix_server(self._pass, self._listen)
        return await asyncio.start_server(self._pass, "127.0.0.1", self._listen)

    async def _cut(self) -> None:
        self._server.close()
        for writer in list(self._open):
            writer.transport.abort()

    async def _pass(self, near: asyncio.StreamReader, back: asyncio.StreamWriter) -> None:
        connect = (
            asyncio.open_unix_connection(self._to)
            if isinstance(self._to, Path)
            else asyncio.open_connection("127.0.0.1", self._to)
        )
        far, forth = await connect
        self._open |= {back, forth}
        try:
            await asyncio.gather(_copy(near, forth), _copy(far, back))
        finally:
            self._open -= {back, forth}
            for writer in (back, forth):
                writer.close()


async def _copy(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    with suppress(OSError, asyncio.CancelledError):
        while block := await source.read(65_536):
            target.write(block)
            await target.drain()
    with suppress(OSError, RuntimeError):
        target.close()


@dataclass
class Ledger:
    """What was sent in, kept apart from the node, as counts: services have numbers.

    Those below `POOL` were seen again and again in the made-up days. Each one above is seen once, so it is told once.
    ``drawn``: which of the first were.
    """

    chance: random.Random
    reports: int = 0
    twice: int = 0
    broken: int = 0
    again: int = 0
    new: int = 0
    drawn: set[int] = field(default_factory=set)

    def write(self, folder: Path, count: int, at: datetime, *, new: bool) -> Path:
        """A report of so many services, one row of it twice, and a broken row."""
        if new:
            numbers = list(range(POOL + self.new, POOL + self.new + count))
            self.new += count
        else:
            numbers = self.chance.sample(range(POOL), count)
            self.again += count
            self.drawn |= set(numbers)
        stamp = f"{at:%Y-%m-%d %H:%M:%S}"
        services = map(service, numbers)
        lines = [f'"{stamp}","medium","{where}","tcp",{port},,"rdp",64500,"MU",,' for where, port in services]
        lines += [self.chance.choice(lines), '"broken","","no address"']
        self.chance.shuffle(lines)
        self.reports, self.twice, self.broken = self.reports + 1, self.twice + 1, self.broken + 1
        path = folder / f"{stamp[:10]}-scan_rdp-soak{self.reports}-geo.csv"
        path.write_text("\n".join([HEADER, *lines, ""]))
        return path


def service(number: int) -> tuple[str, int]:
    """Address and port of a service by its number: over all teams first, then their hosts, then ports."""
    rest, team = divmod(number, TEAMS)
    port, host = divmod(rest, _HOSTS)
    return address(team, 1 + host), _FIRST_PORT + port


def numbers_of(addresses: Numbers, ports: Numbers) -> Numbers:
    """The numbers of services, by their IPv4 addresses as numbers and their ports."""
    team, host = (addresses >> 8) - (_NETWORK >> 8), (addresses & 0xFF) - 1
    found: Numbers = ((ports - _FIRST_PORT) * _HOSTS + host) * TEAMS + team
    return found


@dataclass(frozen=True)
class Usage:
    """What a server holds. ``own_mb``: its memory without mapped files, which the system takes back when needed."""

    at: float
    resident_mb: float
    own_mb: float
    files: int
    threads: int


def usage(pid: int) -> Usage | None:
    """Of a process and those that it started, together, now; None where it is gone."""
    found = [one for one in map(_of_process, (pid, *children(pid))) if one]
    if not found:
        return None
    resident, own, files, threads = (sum(column) for column in zip(*found, strict=True))
    return Usage(time.monotonic(), resident / 1024, own / 1024, files, threads)


def _of_process(pid: int) -> tuple[int, int, int, int] | None:
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
        files = len(list(Path(f"/proc/{pid}/fd").iterdir()))
    except OSError:
        return None
    found = {name: value.split()[0] for name, _, value in (line.partition(":") for line in lines) if value.strip()}
    if "VmRSS" not in found:
        return None  # ended, and nobody has asked how
    return int(found["VmRSS"]), int(found["RssAnon"]), files, int(found["Threads"])


def over_time(series: list[Usage], parts: int = 8) -> Iterator[dict[str, float]]:
    """A life of a server in so many parts: the middle one of the looks in each, and the most memory of its own."""
    for part in range(parts):
        looks = series[len(series) * part // parts : len(series) * (part + 1) // parts]
        yield {
            "minute": round((looks[-1].at - series[0].at) / 60, 1),
            "resident_mb": round(median(one.resident_mb for one in looks)),
            "own_mb": round(median(one.own_mb for one in looks)),
            "own_peak_mb": round(max(one.own_mb for one in looks)),
            "files": round(median(one.files for one in looks)),
            "threads": round(median(one.threads for one in looks)),
        }
