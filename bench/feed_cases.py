"""How many of others' feed cases come out equal, by parser, and how fast files of the catalogue are read; prints JSON.

``TOCSIN_SHARED_DATA=… python bench/feed_cases.py [PARSER…]``
"""

import io
import json
import os
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from support.feed_cases import compare
from tocsin.events.normalise import normalise
from tocsin.events.sources.mapped.source import source

ROWS = 100_000


def reports() -> Iterator[tuple[str, bytes]]:
    """A large report of some feeds."""
    bots = ("asprox", "conficker", "sshauth", "iotmirai", "nymaim", "-")
    addresses = [f"198.51.{row % 256}.{row // 256 % 256}" for row in range(ROWS)]
    csv = [
        f"{one},AS64496,AT,{1441008970 + row},{bots[row % 6]},,192.0.2.9,25,,tcp" for row, one in enumerate(addresses)
    ]
    yield "spamhaus_cert", "\n".join(csv).encode()
    yield "ci_army", "\n".join(addresses).encode()
    yield "turris_greylist", ("Address,Tags\n" + "".join(f'{one},"ftp,http"\n' for one in addresses)).encode()
    objects = [
        {"time": "2020-06-29T00:00:00+00:00", "ip": one, "country": "NL", "commands": ["x"]} for one in addresses
    ]
    yield "haas", "\n".join(map(json.dumps, objects)).encode()


def speed(code: str, report: bytes) -> int:
    """Records read and checked in a second of CPU."""
    mapped, began = source(()), time.process_time()
    reader, feed = mapped.open(code, io.BytesIO(report), 8 << 20), mapped.feed(code)
    for chunk in reader.chunks():
        batch = reader.parse(chunk)
        normalise(batch, feed, datetime(2026, 11, 24, tzinfo=UTC))
        batch.key_texts()
    return round(ROWS / (time.process_time() - began))


if __name__ == "__main__":
    found = compare(Path(os.environ["TOCSIN_SHARED_DATA"]) / "feeds", sys.argv[1:])
    print(
        json.dumps(
            {**found, "records_a_cpu_second": {code: speed(code, report) for code, report in reports()}}, indent=1
        )
    )
