"""The same reports through Tocsin, Tenzir and IntelMQ, one after the other on one machine, with ratios.

cd bench; python -m peers --tenzir …/bin/tenzir --intelmq …/bin --redis …/redis-server --rows 20000 --many 500000

Each peer is installed in an environment of its own, as its documentation says. All three take in ``--rows`` rows;
Tocsin and Tenzir then take in ``--many``, as with few rows their start is most of it. ``does`` says what each makes of
a row, ``tocsin_beside`` is Tocsin's figure divided by a peer's.
"""

import argparse
import json
import os
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

import pipeline
from peers import intelmq, tenzir

TOCSIN_DOES = (
    "Reads, checks and types each field, drops rows seen within seven days and remembers those and the problems over "
    "restarts, sets aside rows that are wrong, looks up network and responsible teams in 100,000 rules, decides on "
    "release, commits events with the deliveries owed, synced to disk. The start of its process counts."
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tenzir", type=Path, required=True, help="Its program.")
    parser.add_argument("--intelmq", type=Path, required=True, help="The folder of its programs.")
    parser.add_argument("--redis", type=Path, default=Path(shutil.which("redis-server") or "redis-server"))
    parser.add_argument("--user", default="nobody", help="Account of IntelMQ, which refuses to work as root.")
    parser.add_argument("--rows", type=int, default=20_000)
    parser.add_argument("--many", type=int, default=500_000, help="Rows without IntelMQ; 0: none.")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="tocsin-peers-") as name:
        folder = Path(name)
        folder.chmod(0o755)  # for IntelMQ's account
        figures = {
            "does": {"tocsin": TOCSIN_DOES, "tenzir": tenzir.DOES, "intelmq": intelmq.DOES},
            "all": compare(folder, options, options.rows, with_intelmq=True),
            "many": compare(folder, options, options.many, with_intelmq=False) if options.many else None,
            "load": os.getloadavg(),
        }
    json.dump(figures, sys.stdout, indent=1)
    sys.stdout.write("\n")


def compare(folder: Path, options: argparse.Namespace, rows: int, *, with_intelmq: bool) -> dict[str, object]:
    """Cost and speed of each, and those of Tocsin divided by those of each peer."""
    ours: dict[str, Any] = pipeline.measure(
        folder, argparse.Namespace(rows=rows, seed=options.seed, known=0, no_deliver=True)
    )
    reports = sorted((folder / f"reports-{rows}").glob("*.csv"))
    tocsin = {"stored": int(ours["ingest"].pop("counts")["stored"]), **ours["ingest"]}
    peers = {"tenzir": tenzir.measure(folder / f"tenzir-{rows}", options.tenzir, reports)}
    if with_intelmq:
        peers["intelmq"] = intelmq.measure(
            folder / "intelmq", options.intelmq, options.redis, reports, options.user if os.geteuid() == 0 else None
        )
    for figures in peers.values():
        figures.update(pipeline.speed(rows, figures))
    kinds = ("rows_per_second", "rows_per_cpu_second", "peak_mb")
    return {
        "rows": rows,
        "tocsin": tocsin,
        **peers,
        "tocsin_beside": {
            name: {kind: round(tocsin[kind] / figures[kind], 2) for kind in kinds} for name, figures in peers.items()
        },
        "plain_polars_csv_to_parquet": ours["plain_polars_csv_to_parquet"],
    }


if __name__ == "__main__":
    main()
