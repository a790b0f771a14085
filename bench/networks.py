"""Addresses and tables: texts read and written, tables built and opened, lookups a second. Prints JSON.

    python bench/networks.py [--rows N] [--networks N]

Lookups go to the bundled tables. ``in_table`` addresses lie in routed networks, as a feed's do; ``uniform`` ones are
spread over the whole space. ``networks`` are seeded prefixes with lengths as in the routing table, nested ones among
them.
"""

import argparse
import json
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt

from tocsin.networks import (
    Networks,
    flatten_cover,
    format_addresses,
    parse_addresses,
    parse_networks,
    special_use,
)
from tocsin.networks.addresses import format_networks

MAPPED = np.uint64(0xFFFF << 32)
UInt64s = npt.NDArray[np.uint64]
COLD = "import time; t = time.perf_counter(); from tocsin.networks import Networks; from pathlib import Path; "


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--rows", type=int, default=2_000_000)
    arguments.add_argument("--networks", type=int, default=600_000)
    given = arguments.parse_args()
    with tempfile.TemporaryDirectory() as home:
        seconds = timed(lambda: Networks.open(Path(home)), repeat=1)
        result = {"unpack_bundle_ms": ms(seconds), **cold_start(home), **measure(Networks.open(Path(home)), given)}
    machine = {"python": platform.python_version(), "numpy": np.__version__, "rows": given.rows}
    json.dump({"bench": "networks", **machine, **result}, sys.stdout, indent=2)
    print()


def measure(networks: Networks, given: argparse.Namespace) -> dict[str, object]:
    random = np.random.default_rng(20261124)
    rows: int = given.rows
    four = (np.zeros(rows, dtype=np.uint64), in_table4(networks, random, rows))
    uniform = (four[0], random.integers(0, 2**32, rows, dtype=np.uint64) | MAPPED)
    six = in_table6(networks, random, rows)
    some = np.flatnonzero(random.random(rows) < 0.05)
    mixed = (four[0].copy(), four[1].copy())
    mixed[0][some], mixed[1][some] = six[0][some], six[1][some]
    routes = networks.routes.pieces
    texts4, texts6 = format_addresses(*four), format_addresses(*six)
    batches = [slice(at, at + 100_000) for at in range(0, rows, 100_000)]
    rates: dict[str, tuple[int, Callable[[], object]]] = {
        "lookup_ipv4_in_table": (rows, lambda: routes.lookup(*four)),
        "lookup_ipv4_uniform": (rows, lambda: routes.lookup(*uniform)),
        "lookup_ipv6_in_table": (rows, lambda: routes.lookup(*six)),
        "lookup_ipv4_batches_of_100k": (rows, lambda: [routes.lookup(four[0][at], four[1][at]) for at in batches]),
        "lookup_5_percent_ipv6": (rows, lambda: routes.lookup(*mixed)),
        "find_with_prefix_length_ipv4": (rows, lambda: networks.routes.find(*four)),
        "find_with_prefix_length_ipv6": (rows, lambda: networks.routes.find(*six)),
        "enrich_5_percent_ipv6_batches_of_100k": (
            rows,
            lambda: [networks.enrich(mixed[0][at], mixed[1][at]) for at in batches],
        ),
        "enrich_without_prefix_5_percent_ipv6_batches_of_100k": (
            rows,
            lambda: [networks.enrich(mixed[0][at], mixed[1][at], prefix=False) for at in batches],
        ),
        "special_use_5_percent_ipv6": (rows, lambda: special_use(*mixed)),
        "parse_ipv4_texts": (rows, lambda: parse_addresses(texts4)),
        "parse_ipv6_texts": (rows, lambda: parse_addresses(texts6)),
        "format_ipv4_texts": (rows, lambda: format_addresses(*four)),
        "format_ipv6_texts": (rows, lambda: format_addresses(*six)),
    }
    hi, lo, length = prefixes(random, given.networks)
    texts = format_networks(hi, lo, length)
    found = {f"{name}_m_per_s": round(count / timed(run) / 1e6, 2) for name, (count, run) in rates.items()}
    return found | {
        "parse_networks_ms": {str(len(texts)): ms(timed(lambda: parse_networks(texts)))},
        "flatten_ms": {str(count): ms(timed(flattening(hi, lo, length, count))) for count in (100_000, given.networks)},
    }


def cold_start(home: str) -> dict[str, float]:
    """Milliseconds in a fresh process: import the room, open the tables, answer one address."""
    code = (
        f"{COLD} a = time.perf_counter(); n = Networks.open(Path({home!r})); b = time.perf_counter(); "
        "n.lookup(['8.8.8.8', '2001:4860:4860::8888']); c = time.perf_counter(); print(a - t, b - a, c - b)"
    )
    command = [sys.executable, "-c", code]
    outputs = [subprocess.run(command, check=True, capture_output=True, text=True).stdout for _ in range(5)]
    runs = [[float(part) for part in output.split()] for output in outputs]
    best = [min(run[place] for run in runs) for place in range(3)]
    return dict(zip(("cold_import_ms", "cold_open_ms", "cold_two_answers_ms"), map(ms, best), strict=True))


def in_table4(networks: Networks, random: np.random.Generator, rows: int) -> UInt64s:
    pieces = networks.routes.pieces
    routed = np.flatnonzero(pieces.v4_values != -1)
    starts = pieces.v4_starts[random.choice(routed, rows)].astype(np.uint64)
    return (starts + random.integers(0, 256, rows, dtype=np.uint64)) | MAPPED


def in_table6(networks: Networks, random: np.random.Generator, rows: int) -> tuple[UInt64s, UInt64s]:
    pieces = networks.routes.pieces
    routed = np.flatnonzero(pieces.v6_values != -1)
    starts = pieces.v6_hi[random.choice(routed, rows)]
    return starts + random.integers(0, 2**16, rows, dtype=np.uint64), random.integers(0, 2**64, rows, dtype=np.uint64)


def prefixes(random: np.random.Generator, count: int) -> tuple[UInt64s, UInt64s, npt.NDArray[np.uint8]]:
    lengths = np.array([12, 16, 18, 19, 20, 21, 22, 23, 24], dtype=np.uint8) + np.uint8(96)
    weights = np.array([1, 2, 2, 3, 5, 6, 12, 11, 58]) / 100
    length = random.choice(lengths, count, p=weights)
    lo = random.integers(2**24, 224 * 2**24, count, dtype=np.uint64) | MAPPED
    lo &= ~((np.uint64(1) << (np.uint64(128) - length.astype(np.uint64))) - np.uint64(1))
    return np.zeros(count, dtype=np.uint64), lo, length


def flattening(hi: UInt64s, lo: UInt64s, length: npt.NDArray[np.uint8], count: int) -> Callable[[], object]:
    return lambda: flatten_cover(hi[:count], lo[:count], length[:count])


def timed(run: Callable[[], object], repeat: int = 3) -> float:
    """The best of some runs, in seconds."""
    best = float("inf")
    for _ in range(repeat):
        started = time.perf_counter()
        run()
        best = min(best, time.perf_counter() - started)
    return best


def ms(seconds: float) -> float:
    return round(seconds * 1000, 2)


if __name__ == "__main__":
    main()
