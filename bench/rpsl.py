"""RPSL dumps: a seeded registry is written, imported, imported again, and imported newer. Prints JSON.

    python bench/rpsl.py [--objects N] [--database URL] [--keep FOLDER]

The registry has objects in about the proportions of a large one, split by class and packed with gzip, in no helpful
order: networks first, those whom they name last. A tenth of the networks names an organisation, a tenth an abuse
contact of its own, some a response team, the rest nobody (they are inside a network that does). One in two thousand
objects is wrong in some way. Without --database the records are SQLite; memory is the highest of the import's process.
"""

import argparse
import gzip
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

SHARES = {"inetnum": 0.48, "inet6num": 0.10, "aut-num": 0.06, "organisation": 0.06, "role": 0.10, "person": 0.19}
RUN = """
import json, resource, sys, time
from datetime import UTC, date, datetime
from pathlib import Path
from tocsin.directory.registry import import_rpsl
from tocsin.node.records import open_database
url, home, day, *files = sys.argv[1:]
database = open_database(url)
database.migrate()
started = time.perf_counter()
done = import_rpsl(database, Path(home), [Path(file) for file in files], source="bench", actor="bench",
                   now=datetime.now(UTC), as_of=date.fromisoformat(day))
seconds = time.perf_counter() - started
used = resource.getrusage(resource.RUSAGE_SELF)
words = ("teams_new", "teams_changed", "rules_new", "rules_withdrawn", "rules_same", "mailboxes_new",
         "mailboxes_withdrawn", "kept")
print(json.dumps({"seconds": round(seconds, 1), "objects": sum(done.objects.values()),
                  "cpu_seconds": round(used.ru_utime + used.ru_stime, 1), "peak_mb": used.ru_maxrss // 1024,
                  "not_taken": sum(done.reasons.values())} | {word: getattr(done, word) for word in words}))
"""


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--objects", type=int, default=1_000_000)
    arguments.add_argument("--database", default="")
    arguments.add_argument("--keep", default="")
    given = arguments.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        place = Path(given.keep or folder)
        started = time.perf_counter()
        first, newer = (
            write_registry(place / name, given.objects, changed=name == "newer") for name in ("one", "newer")
        )
        made = {"write_seconds": round(time.perf_counter() - started, 1)}
        url = given.database or f"sqlite:///{place / 'records.sqlite'}"
        runs = {"first": (first, "2026-11-01"), "again": (first, "2026-11-02"), "newer": (newer, "2026-11-03")}
        result = {name: measure(url, place, day, files) for name, (files, day) in runs.items()}
    sizes = {"database": "sqlite" if url.startswith("sqlite") else "postgresql", **made}
    json.dump({"bench": "rpsl", **sizes, **result}, sys.stdout, indent=2)
    print()


def measure(url: str, home: Path, day: str, files: list[Path]) -> dict[str, object]:
    command = [sys.executable, "-c", RUN, url, str(home), day, *map(str, files)]
    output = subprocess.run(
        command, check=True, stdout=subprocess.PIPE, text=True, env=os.environ | {"TZ": "UTC"}
    ).stdout
    found: dict[str, object] = json.loads(output)
    return found


def write_registry(folder: Path, objects: int, *, changed: bool = False) -> list[Path]:
    """The dumps of a seeded registry, a file for each class; ``changed`` is the same one some days later."""
    folder.mkdir(parents=True, exist_ok=True)
    sizes = {name: max(int(objects * share), 1) for name, share in SHARES.items()}
    sizes["irt"] = max(objects - sum(sizes.values()), 1)
    files = []
    for name in ("inetnum", "aut-num", "inet6num", "person", "organisation", "irt", "role"):
        path = folder / f"bench.db.{name}.gz"
        with gzip.open(path, "wb", compresslevel=1) as file:
            file.write(b"% A seeded registry\n%\n\n")
            for text in texts(name, sizes, changed=changed):
                file.write(text)
        files.append(path)
    return files


def texts(name: str, sizes: dict[str, int], *, changed: bool) -> Iterator[bytes]:
    chance = random.Random(f"rpsl {name}")
    later = random.Random(f"rpsl later {name}")
    make = {"inetnum": inetnum, "inet6num": inet6num, "aut-num": aut_num, "organisation": organisation}.get(name)
    for number in range(sizes[name]):
        differs = changed and later.random() < 0.02
        lines = make(number, sizes, chance) if make else named(name, number, sizes, chance)
        if differs:
            lines = [line for line in lines if not line.startswith(("abuse-c", "mnt-irt"))]
        if chance.random() < 0.0005:
            lines.insert(
                1, chance.choice(("this line is nothing", "abuse-c:        NOBODY-BENCH", "no attribute at all"))
            )
        lines += [f"remarks:        Réseau numéro {number}", "mnt-by:         BENCH-MNT"]
        lines += [
            "created:        2010-01-01T00:00:00Z",
            "last-modified:  2020-01-01T00:00:00Z",
            "source:         BENCH",
        ]
        yield "\n".join(lines).encode("latin-1" if number % 2 else "utf-8") + b"\n\n"


def whom(number: int, sizes: dict[str, int], chance: random.Random, *, often: float) -> Iterator[str]:
    drawn = chance.random()
    if drawn < often:
        yield f"org:            ORG-B{number % sizes['organisation']}-BENCH"
    elif drawn < often + 0.1:
        yield f"abuse-c:        AR{number % sizes['role']}-BENCH"
    if chance.random() < 0.05:
        yield f"mnt-irt:        IRT-BENCH-{number % sizes['irt']}"
    yield f"admin-c:        PN{number % sizes['person']}-BENCH"
    yield f"tech-c:         PN{(number * 7) % sizes['person']}-BENCH"


def inetnum(number: int, sizes: dict[str, int], chance: random.Random) -> list[str]:
    start = (24 << 24) + number * 256
    size = chance.choice((256, 256, 256, 128, 64, 192))
    first, last = (
        ".".join(str(address >> shift & 255) for shift in (24, 16, 8, 0)) for address in (start, start + size - 1)
    )
    head = [f"inetnum:        {first} - {last}", f"netname:        BENCH-{number}", "descr:          A network", "+"]
    return [*head, "country:        NL", *whom(number, sizes, chance, often=0.5), "status:         ASSIGNED PA"]


def inet6num(number: int, sizes: dict[str, int], chance: random.Random) -> list[str]:
    head = [f"inet6num:       2a{number >> 16 & 255:02x}:{number & 65535:x}::/32", f"netname:        BENCH6-{number}"]
    return [*head, "country:        NL", *whom(number, sizes, chance, often=0.5), "status:         ALLOCATED-BY-RIR"]


def aut_num(number: int, sizes: dict[str, int], chance: random.Random) -> list[str]:
    head = [f"aut-num:        AS{131_072 + number}", f"as-name:        BENCH-AS{number}"]
    policy = [f"import:         from AS{131_072 + (number + step) % 50_000} accept ANY" for step in range(4)]
    return [*head, *policy, *whom(number, sizes, chance, often=0.9)]


def organisation(number: int, sizes: dict[str, int], chance: random.Random) -> list[str]:
    head = [f"organisation:   ORG-B{number}-BENCH", f"org-name:       Opérateur {number}", "org-type:       LIR"]
    address = [
        "address:        1 Long Street",
        "address:        Some Town",
        "country:        NL",
        "phone:          +31 0",
    ]
    named = [f"abuse-c:        AR{number % sizes['role']}-BENCH"] if chance.random() < 0.95 else []
    return [*head, *address, "e-mail:         info@bench.example", *named]


def named(name: str, number: int, sizes: dict[str, int], chance: random.Random) -> list[str]:
    del sizes
    if name == "irt":
        return [
            f"irt:            IRT-BENCH-{number}",
            "address:        Town",
            f"e-mail:         csirt@irt{number}.example",
        ]
    box = (
        f"abuse-mailbox:  abuse{number}@bench.example"
        if chance.random() < 0.97
        else "abuse-mailbox:  Abuse <a@b.example>"
    )
    mailbox = [box] if name == "role" else []
    handle = f"{'AR' if name == 'role' else 'PN'}{number}-BENCH"
    return [
        f"{name + ':':16}Somebody {number}",
        "address:        1 Street",
        "phone:          +31 0",
        *mailbox,
        f"nic-hdl:        {handle}",
    ]


if __name__ == "__main__":
    main()
