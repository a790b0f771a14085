"""Times what it costs to read in a confined process: each reader beside a direct call of the same function.

python bench/confined.py --calls 200

Milliseconds, medians and 95th percentiles. ``first``: of the first call of a process, which starts the server of
processes and loads what is needed; ``own_cpu``: processor time of the process that calls, where other work goes on.
"""

import argparse
import json
import random
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

from pysequoia import Tsk

from tocsin.delivery.sealing import open_encrypted, opening_key
from tocsin.directory.keys import files
from tocsin.exchange.dispatches import Limits, pack, packing, seal_packed

SIZES = (1_000, 100_000, 1_000_000, 10_000_000, 60_000_000)
FIRST = """
import time
from tocsin.directory.keys import read_key_file
content = open(__import__("sys").argv[1], "rb").read()
at = time.perf_counter()
read_key_file(content)
print((time.perf_counter() - at) * 1000)
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--calls", type=int, default=200)
    options = parser.parse_args()
    json.dump(measure(options.calls), sys.stdout, indent=1)
    sys.stdout.write("\n")


def measure(calls: int) -> dict[str, object]:
    key = Tsk.generate("Bench <bench@example.net>")
    cert, opening = key.extract_certificate(), opening_key(key, "")
    public = str(cert).encode()
    readers: list[tuple[str, Any, tuple[Any, ...]]] = [("an OpenPGP key", files._openpgp_confined, (public,))]  # noqa: SLF001 (what is confined inside)
    for size in SIZES:
        content = random.Random(size).randbytes(size)
        archive = pack({f"{0:064x}": content})
        file = seal_packed(content, cert)
        readers += [
            (f"ZIP, {size:,} bytes", packing._unpack_confined, (archive, Limits())),  # noqa: SLF001
            (f"OpenPGP message, {size:,} bytes", open_encrypted, (file, (opening,), Limits().file)),
        ]
    found: dict[str, object] = {"first": first(public)}
    for name, reader, given in readers:
        few = calls if len(given[0]) <= 1_100_000 else max(5, calls // 20)
        found[name] = beside(reader, given, few)
    return found


def beside(reader: Any, given: tuple[Any, ...], calls: int) -> dict[str, float]:
    """The reader in a confined process and without, in turn."""
    reader(*given)  # loads
    direct, confined, own = [], [], []
    for _ in range(calls):
        if reader is not open_encrypted:  # which needs files that only a confined process has
            direct.append(timed(lambda: reader.__wrapped__(*given)))
        before = time.process_time()
        confined.append(timed(lambda: reader(*given)))
        own.append((time.process_time() - before) * 1000)
    known = {"direct_median": share(direct, 0.5), "direct_p95": share(direct, 0.95)} if direct else {}
    return known | {
        "confined_median": share(confined, 0.5), "confined_p95": share(confined, 0.95),
        "own_cpu_median": share(own, 0.5), "calls": calls,
    }  # fmt: skip


def timed(act: Callable[[], object]) -> float:
    at = time.perf_counter()
    act()
    return (time.perf_counter() - at) * 1000


def share(values: list[float], part: float) -> float:
    return round(sorted(values)[min(len(values) - 1, int(len(values) * part))], 2)


def first(public: bytes) -> float:
    """Of the first call of a process, median of five."""
    import tempfile

    with tempfile.NamedTemporaryFile() as file:
        file.write(public)
        file.flush()
        times = [
            float(subprocess.run([sys.executable, "-c", FIRST, file.name], capture_output=True, check=True).stdout)
            for _ in range(5)
        ]
    return round(sorted(times)[2], 1)


if __name__ == "__main__":
    main()
