"""Time and memory of the readiness engine: a large panel, and a sensitivity run on the worked example.

Prints one JSON document. Each figure is a whole command in a process of its own, start-up and files included.
Needs others' data for the sensitivity part: TOCSIN_SHARED_DATA or ../shared/data.
"""

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import polars as pl

UNITS, INDICATORS, YEARS = 200, 500, 20

PROGRAM = "from tocsin.cli import main; main()"
COMMAND = (sys.executable, "-c", PROGRAM)

SPECIFICATION = """
method = "{method}"
samples = 100

[factors.winmax]
path = "treat.winmax"
values = [1, 2, 3, 4, 5]

[factors.normalisation]
path = "normalise"
values = [
  {{ method = "minmax", params = {{ l_u = [1, 100] }} }},
  {{ method = "zscore", params = {{ m_sd = [10, 2] }} }},
]

[factors.weights]
noise = {{ "2" = 0.25, "3" = 0.25 }}
count = 100

[factors.aggregation]
path = "aggregate.method"
values = ["amean", "gmean"]
"""


def timed(*arguments: str) -> dict[str, float]:
    """Seconds of wall and CPU, and the largest memory in MB, of one command."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    start = time.perf_counter()
    subprocess.run([*COMMAND, "readiness", *arguments], check=True, stdout=subprocess.DEVNULL)
    wall = time.perf_counter() - start
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {"seconds": round(wall, 2), "cpu_seconds": round(cpu, 2), "max_mb_so_far": round(after.ru_maxrss / 1024)}


def write_panel(folder: Path) -> None:
    """Made-up data: log-normal and normal indicators, 3 % missing, in 25 groups of 5 pillars."""
    rng = np.random.default_rng(7)
    rows = UNITS * YEARS
    values = np.exp(rng.normal(size=(rows, INDICATORS)) * rng.uniform(0.2, 1.6, INDICATORS))
    values[rng.random(values.shape) < 0.03] = np.nan
    keys = {"uCode": [f"U{u:03}" for _ in range(YEARS) for u in range(UNITS)],
            "Time": [2000 + y for y in range(YEARS) for _ in range(UNITS)]}  # fmt: skip
    columns = {f"i{k:03}": pl.Series(values[:, k]).fill_nan(None) for k in range(INDICATORS)}
    pl.DataFrame({**keys, **columns}).write_csv(folder / "data.csv")
    meta = ["Level,iCode,Parent,Direction,Weight,Type"]
    meta += [f"1,i{k:03},g{k % 25:02},{1 if k % 4 else -1},1,Indicator" for k in range(INDICATORS)]
    meta += [f"2,g{k:02},p{k % 5},1,1,Aggregate" for k in range(25)]
    meta += [f"3,p{k},index,1,1,Aggregate" for k in range(5)]
    (folder / "meta.csv").write_text("\n".join([*meta, "4,index,,1,1,Aggregate"]) + "\n")


def main() -> None:
    """Print the figures."""
    asem = Path(os.environ.get("TOCSIN_SHARED_DATA", "../shared/data")) / "readiness" / "asem"
    figures: dict[str, object] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        example = folder / "example"
        inputs = ("--data", str(asem / "ASEM_iData.csv"), "--meta", str(asem / "ASEM_iMeta.csv"))
        figures["build, 51 units x 49 indicators"] = timed("build", *inputs, "--out", str(example))
        for method, label in (("saltelli", "600 evaluations"), ("factorial", "2,000 evaluations, every combination")):
            spec = folder / f"{method}.toml"
            spec.write_text(SPECIFICATION.format(method=method))
            run = ("--run", str(example), "--spec", str(spec), "--out", str(folder / method))
            figures[f"sensitivity, {label}"] = timed("sensitivity", *run)
        write_panel(folder)
        panel = ("--data", str(folder / "data.csv"), "--meta", str(folder / "meta.csv"))
        figures[f"build, {UNITS} units x {INDICATORS} indicators x {YEARS} years"] = timed(
            "build", *panel, "--out", str(folder / "panel")
        )
    print(json.dumps(figures, ensure_ascii=False, indent=1))


if __name__ == "__main__":
    main()
