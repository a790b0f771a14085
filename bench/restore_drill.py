"""Backs a node at work up, plain and encrypted, purges and erases, restores both and recounts them; prints JSON.

python bench/restore_drill.py --events 500000

Until both are restored five people browse and write notes, and a report is taken in every 10 s. Then each restored node
is given the reports since. Exit status 1 where one is not as the node is, or something came back.
"""

import argparse
import json
import random
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import polars.selectors as cs
from httpx import TransportError

import feed
from at_once import HEADER, command
from backup import make_key, make_node, watched
from console_events import PAGES, ask, serving, spread
from console_ingest import run
from pipeline import weigh

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from support.canary import PICTURE, WORD, is_in, rows_with
from support.mail_keys import gnupg
from support.two_servers import Somebody, somebody_at
from tocsin.directory import teams_by_id
from tocsin.operations.backup import OF_THE_PLACE, known_tables
from tocsin.pipeline.stores import open_node

PEOPLE, EVERY = 5, 10.0
SETTINGS = """[node]\nname = "CSIRT {0}"\ncontact = "csirt@{0}.example"\nemergency_number = "112"
[tell]\nhold_first_mail = false\nmails_a_day = 0\nbrake_mails = 0\n[storage]\nbackups = "{1}/backups"\n"""
_CALL = ("--way", "telephone", "--said-by", "Ada, on duty", "--evidence", "+358 555 01, from FIRST")
_COMPARED = ("classification.type", "source.ip.hi", "source.ip.lo", "source.reverse_dns", "time.source", "ingest",
             "row", "problem", "routed", "told", "fresh")  # fmt: skip
_PURGED = ("never_held_references", "tombstone")  # a row for what is purged again, as on the node since
_FORGOTTEN = ("undo",)  # a purge forgets them all, so that nothing comes back by one
_OWED = "SELECT ingest || ' ' || team_id || ' ' || events || ' ' || state FROM delivery_item ORDER BY 1"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--events", type=int, default=500_000, help="Rows that are taken in before; 5 % are repeated.")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="tocsin-bench-") as name, gnupg() as ring:
        made = drill(Path(name), ring.home, given.events, given.seed)
    json.dump(made, sys.stdout, indent=1)
    sys.exit(not made["equal"] or bool(made["came_back"]))


def drill(folder: Path, ring: Path, events: int, seed: int) -> dict[str, Any]:
    """Backups and restores beside work, then the recount."""
    home, kept, made = folder / "node", folder / "backups", dict[str, dict[str, Any]]()
    forget, reports = make(folder, events, seed)
    kinds: dict[str, list[str]] = {"plain": [], "encrypted": ["--to", str(make_key(ring, folder))]}
    with at_work(home, reports) as work:
        time.sleep(EVERY)
        for kind, to in kinds.items():
            noted, before = [*work.noted], counts(home)
            copied, cost = watched(home, "backup", str(kept / kind), *to)
            made[kind] = {"bytes": copied["bytes"], "noted": noted, "counts": (before, counts(home)), "backup": cost}
        forget()
        purged = {name: counts(home)[name] for name in _PURGED}
        for kind, one in made.items():
            one["restore"] = watched(folder / kind, "restore", str(kept / kind), "--gpg-home", str(ring))[1]
            one["restored"], one["back"] = counts(folder / kind), places(folder / kind)
            one["counts"] = tuple({**at, **purged, **dict.fromkeys(_FORGOTTEN, 0)} for at in one["counts"])
    run(home, "deliver")
    now, control, back = {**state(home), "doctor": failing(home)}, places(kept / "plain"), places(home)
    for kind, one in made.items():
        one.update(recount(folder / kind, one, now, work.taken))
        back += one.pop("back")
    equal = bool(control) and not work.ended_early and not any(any(one["apart"].values()) for one in made.values())
    pages = {"pages": spread([ms for ms, _ in work.pages]), "slowest": sorted(work.pages)[-5:],
             "unanswered": work.unanswered, "notes": len(work.noted), "reports": spread(work.ingests)}  # fmt: skip
    return {"events": now["events"].height, "home_bytes": weigh(home), **made, **pages, "were_in_the_backup": control,
            "ended_early": work.ended_early, "equal": equal, "came_back": back}  # fmt: skip


def make(folder: Path, events: int, seed: int) -> tuple[partial[None], list[Path]]:
    """A node that told its teams, and holds an event and a partner's file: how they go, and reports that come then."""
    home, partner, world = folder / "node", folder / "partner", feed.make_world(seed)
    for one in (home, partner):
        one.mkdir()
        (one / "tocsin.toml").write_text(SETTINGS.format(one.name, folder))
    make_node(home, folder, events, seed)
    report, address = folder / "2026-11-01-scan_rdp-first-geo.csv", feed.v4_text(int(world.v4[0]))
    row = f'"2026-11-01 01:02:03","high","{address}","tcp",3389,"{WORD}.example","rdp",64500,"MU",,\n'
    report.write_text(f"{HEADER}\n{row}")
    run(home, "ingest", str(report))
    run(home, "deliver")
    for one in (home, partner):
        run(one, "keys", "node-make", "--format", "openpgp")
        run(one, "exchange", "invite", "--out", f"{folder}/{one.name}.zip")
    for one, other in ((home, partner), (partner, home)):
        run(one, "partners", "add-profile", f"{folder}/{other.name}.zip")
        (key,) = json.loads(run(one, "--json", "partners", "show", "1"))["keys"]
        run(one, "partners", "confirm-key", "1", key["fingerprint"], *_CALL)
    (file := folder / f"{WORD}.png").write_bytes(PICTURE)
    run(partner, "exchange", "send", "1", "--document", str(file), "--tlp", "CLEAR", "--out", f"{folder}/1.pgp")
    run(home, "exchange", "take", f"{folder}/1.pgp", "--out", f"{folder}/receipt.pgp")
    run(home, "exchange", "adopt", "1")
    days = ("2026-11-20", "2026-11-21", "2026-11-22")
    reports = [path for day in days for path in feed.write_reports(world, folder / "since", 20_000, seed + 9, day)]
    return partial(forget, home, partner, f"event:{asked(home, 'SELECT max(number) FROM ingest')[0]}-1"), reports


def forget(home: Path, partner: Path, event: str) -> None:
    """The event is purged; the partner recalls its file, and it is erased."""
    run(home, "purge", event, "--reason", "Case 7")
    run(partner, "exchange", "recall", "--dispatch", "1", "--code", "wrong")
    run(partner, "exchange", "file", "2", "--out", f"{partner}.pgp")
    run(home, "exchange", "take", f"{partner}.pgp", "--out", f"{partner}-receipt.pgp")
    run(home, "exchange", "answer", "1", "--state", "done", "--end")


class Work:
    """What five people and a feed did, in milliseconds. ``noted``: notes that were confirmed.

    ``unanswered``: pages for which a browser waited a minute in vain, or whose connection broke.
    """

    def __init__(self) -> None:
        self.ended, self.ended_early = threading.Event(), 0
        self.pages, self.unanswered, self.ingests = list[tuple[float, str]](), list[str](), list[float]()
        self.noted, self.taken = list[str](), list[Path]()

    def hear(self, home: Path, reports: list[Path]) -> None:
        """Take a report in every 10 s, or as soon as the one before is."""
        for path in reports:
            began = time.monotonic()
            self.taken.append(path)
            run(home, "ingest", str(path))
            took = time.monotonic() - began
            self.ingests.append(took * 1000)
            if self.ended.wait(max(0.0, EVERY - took)):
                return

    def browse(self, person: Somebody, subject: str) -> None:
        """Look at pages, and write a note after each fifth or so."""
        chance = random.Random(person.name)
        while not self.ended.wait(chance.expovariate(0.5)):
            address = PAGES[chance.choice(list(PAGES))](chance)
            form = {"once": f"{chance.getrandbits(128):032x}", "text": f"{person.name} {chance.random()}"}
            form |= {"csrf": person.csrf, "subject": subject, "back_to": "/today"}
            try:
                self.pages.append((ask(person.browser, address), address))
                if chance.random() < 0.2:
                    person.browser.post("/comments", data=form, follow_redirects=True).raise_for_status()
                    self.noted.append(form["text"])
            except TransportError as error:
                self.unanswered.append(f"{address}: {type(error).__name__}")


@contextmanager
def at_work(home: Path, reports: list[Path]) -> Iterator[Work]:
    """People and a feed at work until the block ends; whoever met an error, or had no more to do, ended early."""
    node, work = open_node(home), Work()
    subject = f"team:{next(iter(teams_by_id(node.database).values())).uuid}"
    with serving(home, work=True) as (_, url), ExitStack() as opened:
        people = [opened.enter_context(somebody_at(node, url, number)) for number in range(PEOPLE)]
        threads = [threading.Thread(target=work.browse, args=(one, subject), daemon=True) for one in people]
        threads.append(threading.Thread(target=work.hear, args=(home, reports), daemon=True))
        for thread in threads:
            thread.start()
        yield work
        work.ended_early = sum(not thread.is_alive() for thread in threads)
        work.ended.set()
        for thread in threads:
            thread.join()


def recount(home: Path, one: dict[str, Any], now: dict[str, Any], since: list[Path]) -> dict[str, Any]:
    """What of a restored node was not as at its backup or, given the reports since, is not as the node is now."""
    low, high = one.pop("counts")
    tables = {name: (low[name], count, high[name]) for name, count in one.pop("restored").items()
              if not min(low[name], high[name]) <= count <= max(low[name], high[name])}  # fmt: skip
    lost = {*one.pop("noted")} - {*asked(home, "SELECT text FROM comment")}
    run(home, "ingest", *map(str, since))
    run(home, "deliver")
    here = state(home)
    differ = [name for name in here if not _same(here[name], now[name])]
    failed = sorted(failing(home) - now["doctor"])
    seals = [] if json.loads(run(home, "--json", "audit", "verify"))["good"] else ["audit verify"]
    speeds = {what: round(one["bytes"] / one[what]["seconds"] / 1e9, 3) for what in ("backup", "restore")}
    apart = {"tables": tables, "notes": sorted(lost), "state": differ, "doctor": failed + seals}
    return {"apart": apart, "gb_per_second": speeds}


def _same(one: Any, other: Any) -> bool:
    return bool(one.equals(other) if isinstance(one, pl.DataFrame) else np.array_equal(one, other))


def failing(home: Path) -> set[str]:
    """What the doctor finds."""
    done = subprocess.run([*command(home), "--json", "doctor"], capture_output=True, check=False)
    return {check["what"] for check in json.loads(done.stdout) if not check["ok"]}


def asked(home: Path, question: str) -> list[Any]:
    """The first column of what the records answer."""
    with closing(sqlite3.connect(home / "records.sqlite", timeout=60)) as records:
        return [row[0] for row in records.execute(question)]


def counts(home: Path) -> dict[str, int]:
    """Rows of each table that a backup takes along."""
    names = sorted({table.name for table in known_tables()} - OF_THE_PLACE)
    return {name: asked(home, f'SELECT count(*) FROM "{name}"')[0] for name in names}


def state(home: Path) -> dict[str, Any]:
    """Events, problems, rows and what teams were told, but for the times at which the node came to know it."""
    node = open_node(home)
    events = node.store.scan().select(_COMPARED).sort("ingest", "row").collect()
    keys, notes = node.tracker.files.everything(up_to=10**6)
    rows = [node.rows_of(day).everything(up_to=10**6)[0] for day in node.row_days()]
    node.database.close()
    found = {"events": events, "problems": keys, "notes": notes[:, :6], "rows": np.sort(np.concatenate(rows))}
    return {**found, "owed": asked(home, _OWED)}


def places(folder: Path) -> list[str]:
    """Tables and files in which the event or the file stands; networks are not looked through."""
    files = [path for path in folder.rglob("*") if path.is_file() and path.parts[len(folder.parts)] != "networks"]
    tables = [f"{folder.name}: table {name}" for name in rows_with(folder)]
    return tables + sorted(f"{folder.name}: {path.relative_to(folder)}" for path in files if _holds(path))


def _holds(path: Path) -> bool:
    if path.suffix != ".parquet":
        return is_in(path.read_bytes())
    found = pl.scan_parquet(path, hive_partitioning=False).select(cs.string().str.contains(WORD, literal=True).any())
    return any(any(column) for column in found.collect())


if __name__ == "__main__":
    main()
