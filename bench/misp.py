r"""Measures the API of MISP: a large event in and out; and runs PyMISP's own live tests against it.

python bench/misp.py --attributes 200000 [--escapes]    # each comment is not ASCII, and so is written with \u escapes
python bench/misp.py --tests FOLDER    # the unpacked source of pymisp, which has tests/testlive_comprehensive.py
"""

import argparse
import importlib.util
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path
from typing import Any, Self
from uuid import uuid4

import httpx

TESTS = (
    "asn_object", "delete_by_uuid", "delete_with_update", "describe_types", "domain_ip_object", "edit_attribute",
    "event_add_update_metadata", "event_no_sightings", "exists", "extend_event", "first_last_seen",
    "get_non_exists_event",
    "search_index", "search_objects", "search_publish_timestamp", "search_tag_advanced_attributes",
    "search_tag_advanced_event", "search_timestamp_attribute", "search_timestamp_event", "search_type_attribute",
    "search_type_event", "unknown_template", "update_object",
)  # fmt: skip
"""Those that need no site administrator and only the calls of our list: docs/design/exchange.md."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--attributes", type=int, default=200_000)
    parser.add_argument("--escapes", action="store_true")
    parser.add_argument("--tests", type=Path)
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="tocsin-bench-"))
    try:
        with Node(folder) as node:
            found = (
                run_tests(node, options.tests)
                if options.tests
                else measure(node, options.attributes, "é" if options.escapes else "")
            )
        json.dump(found, sys.stdout, indent=1)
        sys.stdout.write("\n")
    finally:
        shutil.rmtree(folder)


class Node:
    """A node with a partner whose program may read and post, served by a process of its own."""

    def __init__(self, folder: Path) -> None:
        self.home = folder / "home"
        self.home.mkdir()
        (self.home / "tocsin.toml").write_text('[tell]\nmode = "live"\n')
        self.command = [str(Path(sys.executable).parent / "tocsin"), "--home", str(self.home)]
        self.run("partners", "add", "CERT B", "--node", str(uuid4()))
        words = ("--protocol", "misp", "--scope", "read", "--scope", "post")
        self.key = json.loads(self.run("--json", "exchange", "token", "make", "CERT B", *words))["secret"]
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}/misp/"

    def __enter__(self) -> Self:
        self.process = subprocess.Popen([*self.command, "serve", "--port", str(self.port)], stdout=subprocess.DEVNULL)
        self.client = httpx.Client(base_url=self.url, headers={"Authorization": self.key}, timeout=600)
        for _ in range(600):
            try:
                self.client.get("servers/getVersion").raise_for_status()
            except httpx.HTTPError:
                time.sleep(0.1)
            else:
                return self
        self.process.terminate()
        raise SystemExit("the server does not start")

    def __exit__(self, *_: object) -> None:
        self.process.terminate()
        self.process.wait()

    def run(self, *words: str) -> str:
        """What a command prints."""
        return subprocess.run([*self.command, *words], check=True, stdout=subprocess.PIPE, text=True).stdout

    def memory(self) -> dict[str, int]:
        """MB that the server has now and had at most."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        rows = dict(line.split(":", 1) for line in status.splitlines())
        return {name: int(rows[name].split()[0]) // 1024 for name in ("VmRSS", "VmHWM")}

    def processor_seconds(self) -> float:
        """What the server has used of the processor: the same whatever else this machine does."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def measure(node: Node, count: int, comment: str) -> dict[str, Any]:
    """Seconds and megabytes of an event as a MISP pushes it, and of the same when it is pulled, by the server."""
    rows = [
        {"uuid": str(uuid4()), "type": "ip-dst", "category": "Network activity", "to_ids": True, "deleted": False,
         "value": f"10.{n >> 16}.{n >> 8 & 255}.{n & 255}", "distribution": "5", "sharing_group_id": "0",
         "comment": comment, "timestamp": "1700000000", "disable_correlation": False, "first_seen": None,
         "last_seen": None}
        for n in range(count)
    ]  # fmt: skip
    uuid = str(uuid4())
    event = {"uuid": uuid, "info": "Scans", "distribution": "1", "timestamp": "1700000000", "Attribute": rows}
    body = json.dumps({"Event": event}).encode()
    del rows, event
    before, begun, used = node.memory(), time.monotonic(), [node.processor_seconds()]
    answer = node.client.post("events/add/metadata:1", content=body)
    answer.raise_for_status()
    seconds, after = time.monotonic() - begun, node.memory()
    used.append(node.processor_seconds())
    begun, size = time.monotonic(), 0
    with node.client.stream("GET", f"events/view/{uuid}", headers={"Accept-Encoding": "identity"}) as pulled:
        for piece in pulled.iter_bytes():
            size += len(piece)
    used.append(node.processor_seconds())
    return {
        "attributes": int(answer.json()["Event"]["attribute_count"]), "megabytes": len(body) / 1e6,
        "in_seconds": round(seconds, 1), "in_processor_seconds": round(used[1] - used[0], 1),
        "out_processor_seconds": round(used[2] - used[1], 1), "memory_before": before, "memory_after": after,
        "out_seconds": round(time.monotonic() - begun, 1), "out_megabytes": size / 1e6, "memory_end": node.memory(),
    }  # fmt: skip


def run_tests(node: Node, source: Path) -> dict[str, Any]:
    """Which of PyMISP's live tests pass; all connectors are of one partner, as there is no site administrator."""
    path = source / "tests" / "testlive_comprehensive.py"
    os.chdir(source)
    Path("tests/viper-test-files").mkdir(exist_ok=True)  # else the module fetches them
    spec = importlib.util.spec_from_file_location("testlive", path)
    if spec is None or spec.loader is None:
        raise SystemExit(f"{path} is no module")
    module = importlib.util.module_from_spec(spec)
    sys.modules["testlive"] = module
    spec.loader.exec_module(module)
    cases = module.TestComprehensive

    def connect(cls: Any) -> None:
        cls.maxDiff = None
        for name in ("admin", "user", "pub", "delegate_user"):
            made = module.PyMISP(node.url, node.key, False)
            setattr(cls, f"{name}_misp_connector", made)
        cls.user_misp_connector.toggle_global_pythonify()

    cases.setUpClass = classmethod(connect)
    cases.tearDownClass = classmethod(lambda _: None)
    suite = unittest.TestSuite(cases(f"test_{one}") for one in TESTS)
    result = unittest.TextTestRunner(stream=sys.stderr, verbosity=2).run(suite)
    wrong = [*result.failures, *result.errors]
    failed = {test.id().rpartition(".")[2]: why.strip().splitlines()[-1] for test, why in wrong}
    return {"asked": len(TESTS), "run": result.testsRun, "passed": result.testsRun - len(failed), "failed": failed}


if __name__ == "__main__":
    main()
