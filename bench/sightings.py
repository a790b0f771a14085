"""Times observables of incidents against events, and affected systems: ``python bench/sightings.py --rows 1000000``.

Prints JSON: the same reports taken in by a node without and by one with 100,000 active observables, side by side; new
observables against all events that are stored; and a population of 10,000 problems, from the filter to its tally.
"""

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from sqlalchemy import insert

import feed
from tocsin.incidents import IncidentReader, acts, add_incident, find_incident
from tocsin.incidents.models import IncidentObservable
from tocsin.incidents.populations import affected_of, populations_of, tally
from tocsin.incidents.sightings import ObservableWatch
from tocsin.interface import ActContext, read_request
from tocsin.pipeline.ingest import ingest
from tocsin.pipeline.stores import NodeWithStores, open_node
from tocsin.problems import ProblemSearch

NOW: Final = datetime(2026, 11, 24, tzinfo=UTC)
ACTS: Final = {act.operation: act for act in acts.ACTS}


def main() -> None:
    parser = argparse.ArgumentParser(description="Times sightings and affected systems.")
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--observables", type=int, default=100_000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="tocsin-bench-") as folder:
        json.dump(measure(Path(folder), options.rows, options.observables), sys.stdout, indent=1)
        sys.stdout.write("\n")


def measure(folder: Path, rows: int, observables: int) -> dict[str, object]:
    world = feed.make_world(1)
    reports = feed.write_reports(world, folder / "reports", rows, 1)
    figures: dict[str, object] = {"rows": rows, "observables": observables}
    nodes = [open_node(folder / name) for name in ("without", "with")]
    with nodes[1].database.begin() as session:
        watched = add_incident(session, title="Watched", actor="bench", now=NOW)
        session.execute(insert(IncidentObservable), list(_observables(watched.id, observables)))
    figures["open_s"] = _timed(lambda: ObservableWatch(nodes[1].database).open(NOW))[0]  # once for a process
    for node in nodes:
        ingest(node, reports[:1], clock=lambda: NOW)
    for name, node in zip(("ingest_without_s", "ingest_with_s"), nodes, strict=True):
        figures[name] = _timed(lambda node=node: ingest(node, reports, clock=lambda: NOW))[0]  # type: ignore[misc]
    node = nodes[1]
    reference = _do(node, "openIncident", title="New").reference
    for name, text in TEXTS.items():
        seconds, found = _timed(lambda text=text: _do(node, "addObservablesOfIncident", reference=reference, text=text))  # type: ignore[misc]
        figures[f"new_{name}_s"] = [seconds, found.sighted]
    problems = node.problems.find(ProblemSearch(), now=NOW).total  # so that they are read once
    figures["problems"] = problems
    seconds, done = _timed(
        lambda: _do(node, "attachAffectedSystems", reference=reference, matching="address=0.0.0.0/2")
    )
    figures["attach_s"] = [seconds, done.problems]
    figures["tally_s"] = _timed(lambda: _tally(node, reference))[0]
    return figures


TEXTS: Final = {
    "address": "192.0.2.1",
    "network": "10.0.0.0/24",
    "as": "AS64500",
    "domain": "login.example",
    "url": "http://x.example/a",
    "hash": "44d88612fea8a8f36de82e1278abb02f",
    "mixed": "\n".join(f"10.0.{n // 256}.{n % 256} h{n}.example" for n in range(100)),
}
"""What is added to an incident, as somebody pastes it."""


def _observables(incident: int, count: int) -> Iterator[dict[str, Any]]:
    """Six of ten are addresses; hardly any is in the reports."""
    common = {"incident_id": incident, "compartment_id": 0, "role": "indicator", "tlp": "AMBER", "added_at": NOW}
    for n in range(count):
        kind, value = KINDS[n % len(KINDS)]
        yield {
            **common,
            "kind": kind,
            "value": value.format(n=n, a=n >> 16 & 255, b=n >> 8 & 255, c=n & 255, h=f"{n:032x}"),
        }


KINDS: Final = (*6 * (("ip", "10.{a}.{b}.{c}"),), *2 * (("domain", "host-{n}.example"),),
                ("url", "http://host-{n}.example/login"), ("md5", "{h}"))  # fmt: skip


def _do(node: NodeWithStores, operation: str, **values: Any) -> Any:
    act = ACTS[operation]
    return act.function(ActContext(node, NOW, "bench", act=act), read_request(act, values))


def _tally(node: NodeWithStores, reference: str) -> object:
    reader = IncidentReader(None, NOW)
    with node.database.reading() as session:
        found = populations_of(session, reader, [find_incident(session, reader, reference)])
    return tally(affected_of(found, node.problems, NOW))


def _timed(what: Callable[[], Any]) -> tuple[float, Any]:
    start = time.perf_counter()
    done = what()
    return round(time.perf_counter() - start, 3), done


if __name__ == "__main__":
    main()
