"""Times taxii2-client reading a collection of a served node, while objects are added; and the first look of the gate.

python bench/taxii.py --objects 100000 --incidents 100
"""

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from threading import Event, Thread
from typing import Any

from taxii2client.v21 import ApiRoot, as_pages

from console_events import cpu_seconds, serving
from pipeline import tocsin
from tocsin.exchange.protocols import CollectionWriter, TaxiiCollection, refresh
from tocsin.incidents import IncidentObservable, add_incident
from tocsin.node.home import open_home
from tocsin.pipeline.stores import NodeWithStores, open_node

SIZES = (100, 1_000, 5_000)
_AT = "2026-01-01T00:00:00.000Z"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--objects", type=int, default=100_000)
    parser.add_argument("--incidents", type=int, default=100, help="With 100 indicators each.")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        json.dump(measure(Path(folder) / "home", options.objects, options.incidents), sys.stdout, indent=1)
    sys.stdout.write("\n")


def measure(home: Path, objects: int, incidents: int) -> dict[str, Any]:
    """Seconds, and the server's peak of memory."""
    home.mkdir()
    (home / "tocsin.toml").write_text('[tell]\nmode = "live"\n[api]\nrequests_a_minute = 1_000_000\n')
    open_home(home)[1].close()
    tocsin(home, "partners", "add", "CERT B", "--mailbox", "csirt@b.example")
    secret = tocsin(home, "exchange", "token", "make", "CERT B")[0]["secret"]
    node = open_node(home)
    for number in range(incidents):
        add(node, number)
    result: dict[str, Any] = {}
    started = time.monotonic()
    refresh(node, 1, datetime.now(UTC))
    result["first look of the gate, s"] = round(time.monotonic() - started, 1)
    started = time.monotonic()
    refresh(node, 1, datetime.now(UTC))
    result["when nothing changed, ms"] = round(1_000 * (time.monotonic() - started), 1)
    fill(node, objects, 0)
    with serving(home) as (pid, url):
        root = ApiRoot(f"{url}/taxii2/root/", user="any", password=secret)
        for size in SIZES:
            ends = Event()
            writer = Thread(target=add_more, args=(node, objects * (2 + 10 * SIZES.index(size)), ends))
            writer.start()
            started, used = time.monotonic(), cpu_seconds(pid)
            pages = as_pages(root.collections[0].get_objects, per_request=size)
            ids = [one["id"] for page in pages for one in page.get("objects", [])]
            result[f"pages of {size:,}, s"] = round(time.monotonic() - started, 1)
            result[f"pages of {size:,}, processor of the server, s"] = round(cpu_seconds(pid) - used, 1)
            result[f"pages of {size:,}, objects"] = len(ids)
            result[f"pages of {size:,}, twice"] = len(ids) - len(set(ids))
            ends.set()
            writer.join()
        status = Path(f"/proc/{pid}/status").read_text().splitlines()
        result["peak of the server, MB"] = next(int(line.split()[1]) // 1024 for line in status if "VmHWM" in line)
    return result


def add(node: NodeWithStores, number: int) -> None:
    """An incident with 100 indicators."""
    now = datetime.now(UTC)
    with node.database.begin() as session:
        made = add_incident(session, title=f"Kit {number}", actor="bench", now=now, tlp="CLEAR")
        session.add_all(
            IncidentObservable(
                incident_id=made.id, compartment_id=made.compartment_id, kind="domain", role="indicator", tlp="CLEAR",
                value=f"n{n}.i{number}.example", added_at=now, valid_until=None, withdrawn_at=None, checked_to=None,
                unreviewed_since=None, noted_on=None,
            )
            for n in range(100)
        )  # fmt: skip


def fill(node: NodeWithStores, count: int, begin: int) -> None:
    """So many objects in the partner's collection, a thousand of an incident."""
    with node.database.begin() as session:
        collection = session.get_one(TaxiiCollection, 1, with_for_update=True)
        writer = CollectionWriter(session, collection, datetime.now(UTC))
        for start in range(begin, begin + count, 1_000):
            writer.write(1_000_000 + start, list(indicators(start, min(1_000, begin + count - start))))


def add_more(node: NodeWithStores, begin: int, ends: Event) -> None:
    """Ten objects every fifth of a second, until the reader is done."""
    while not ends.wait(0.2):
        fill(node, 10, begin)
        begin += 1_000


def indicators(start: int, count: int) -> Iterator[dict[str, Any]]:
    for number in range(start, start + count):
        yield {
            "type": "indicator", "spec_version": "2.1", "id": f"indicator--00000000-0000-4000-8000-{number:012d}",
            "created": _AT, "modified": _AT, "valid_from": _AT, "pattern_type": "stix", "pattern_version": "2.1",
            "pattern": f"[domain-name:value = 'n{number}.example']", "labels": ['misp:type="domain"'],
            "object_marking_refs": ["marking-definition--94868c89-83c2-464b-929b-a1a8aa3c8487"],
        }  # fmt: skip


if __name__ == "__main__":
    main()
