"""Times the pages of 20 people who are signed in while strangers send hostile things as fast as they are answered.

python bench/strangers.py --seconds 60

On a new demonstration. Printed are milliseconds without the flood and with it, and what the strangers were answered.
"""

import argparse
import base64
import hashlib
import json
import random
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

import httpx

from console_events import PEOPLE, at_once, serving, session, visitor
from tocsin.node.accounts import AccountRole
from tocsin.pipeline.stores import open_node

PAGES = ("/today", "/problems", "/events", "/incidents", "/deliveries", "/teams", "/reports", "/exchange", "/partners")
STRANGERS = 8


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--think", type=float, default=2.0, help="Seconds that each person looks at a page.")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="tocsin-bench-"))
    try:
        command = [str(Path(sys.executable).parent / "tocsin"), "--home", str(folder / "home"), "demo", "--no-serve"]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        json.dump(measure(folder / "home", options), sys.stdout, indent=1)
        sys.stdout.write("\n")
    finally:
        shutil.rmtree(folder)


def measure(home: Path, options: argparse.Namespace) -> dict[str, Any]:
    """What people wait for, alone and beside the flood."""
    node = open_node(home)
    cookie = session(node, AccountRole.ANALYST)
    with serving(home) as (pid, url), visitor(url, cookie) as client:

        def look(rng: random.Random) -> tuple[str, float]:
            path, started = rng.choice(PAGES), time.perf_counter()
            answer = client.get(path, follow_redirects=True)
            if answer.status_code != 200:
                raise SystemExit(f"{path}: {answer.status_code}")
            return "all", (time.perf_counter() - started) * 1_000

        for path in PAGES:
            client.get(path, follow_redirects=True)
        alone = at_once(pid, look, options.think, options.seconds / 2, options.seed)
        flood = Flood(url)
        with flood:
            beside = at_once(pid, look, options.think, options.seconds, options.seed)
        report = httpx.get(f"{url}/report", timeout=60)
    return {
        "people": PEOPLE, "strangers": STRANGERS, "alone": alone, "beside": beside, "sent": sum(flood.answers.values()),
        "answers": {f"{what} {status}": count for (what, status), count in sorted(flood.answers.items())},
        "the form afterwards": report.status_code,
    }  # fmt: skip


class Flood:
    """Threads that send, each from networks of its own, as fast as they are answered."""

    def __init__(self, url: str) -> None:
        self.url, self.ends, self.answers = url, threading.Event(), Counter[tuple[str, int]]()
        self.threads = [threading.Thread(target=self._send, args=(n,), daemon=True) for n in range(STRANGERS)]

    def __enter__(self) -> None:
        for one in self.threads:
            one.start()

    def __exit__(self, *_: object) -> None:
        self.ends.set()
        for one in self.threads:
            one.join(120)

    def _send(self, number: int) -> None:
        rng = random.Random(number)
        escapes = b"[" * 30 + b'"' + b'\\"' * 22_000
        with httpx.Client(base_url=self.url, trust_env=False, timeout=120) as client:
            while not self.ends.is_set():
                headers = {"X-Forwarded-For": f"198.51.{rng.randrange(40)}.{rng.randrange(4)}"}
                what = rng.choice(("inbox", "begun", "report", "secret", "sign-in"))
                answer = _hostile(client, what, headers, escapes, rng)
                self.answers[what, answer.status_code] += 1


def _hostile(
    client: httpx.Client, what: str, headers: dict[str, str], escapes: bytes, rng: random.Random
) -> httpx.Response:
    match what:
        case "inbox":
            content = b"\xc1\x6c\x06" + rng.randbytes(105) + escapes
            return client.post("/exchange/inbox", content=content, headers=headers)
        case "begun":
            digest = base64.b64encode(hashlib.sha256(rng.randbytes(9)).digest()).decode()
            part = {"Content-Range": "bytes 0-0/64000000", "Repr-Digest": f"sha-256=:{digest}:"}
            return client.post("/exchange/inbox", content=b"x", headers={**headers, **part})
        case "report":
            made = client.get("/report", headers=headers).text.partition('name="made" value="')[2].partition('"')[0]
            data = {"made": made, "kind": "deceit", "what": f"{rng.random()} {escapes[:9_000].decode()}"}
            file = {"files": ("report.json", escapes * 20)}
            return client.post("/report", data=data, files=file, headers=headers)
        case "secret":
            data = {"reference": "AAAA-AAAA", "secret": str(rng.random())}
            return client.post("/report/answer", data=data, headers=headers)
        case _:
            data = {"mailbox": f"{rng.random()}@strangers.example", "password": "a wrong password"}
            return client.post("/sign-in", data=data, headers=headers)


if __name__ == "__main__":
    main()
