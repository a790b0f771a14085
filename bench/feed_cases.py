"""How many of others' feed cases come out equal, by parser, and how fast files of the catalogue are read; prints JSON.

``TOCSIN_SHARED_DATA=… python bench/feed_cases.py [PARSER…]``; ``… --ingest`` times the whole ingest instead.
"""

import base64
import io
import json
import os
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

import feed
import pipeline
from support.feed_cases import compare
from tocsin.events.normalise import normalise
from tocsin.events.sources.mapped.source import source

ROWS = int(os.environ.get("ROWS", "100000"))
PAYLOAD = base64.b64encode(b'{"ts": 1590360328.4, "domain": "example.com", "family": "tinba", "type": "Http"}').decode()


def reports() -> Iterator[tuple[str, bytes]]:
    """A large report of some feeds."""
    bots = ("asprox", "conficker", "sshauth", "iotmirai", "nymaim", "-")
    addresses = [f"{11 + row // 65536 % 80}.51.{row % 256}.{row // 256 % 256}" for row in range(ROWS)]
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
    infected = [
        {"DateTimeReceivedUtc": 132348339284870000 + row, "ThreatCode": "B67", "TLP": "Amber", "SourceIp": one}
        | {"SourcePort": 65116, "DestinationIp": "192.0.2.9", "DestinationPort": 80, "Payload": PAYLOAD}
        | {"SourceIpInfo": {"SourceIpAsnNumber": "64496", "SourceIpCountryCode": "AT"}, "TotalEncounters": 3}
        for row, one in enumerate(addresses)
    ]
    yield "ctip_azure", "\n".join(map(json.dumps, infected)).encode()


def speed(code: str, report: bytes) -> int:
    """Records read and checked in a second of CPU."""
    mapped, began = source(()), time.process_time()
    reader, feed = mapped.open(code, io.BytesIO(report), 8 << 20), mapped.feed(code)
    for chunk in reader.chunks():
        batch = reader.parse(chunk)
        normalise(batch, feed, datetime(2026, 11, 24, tzinfo=UTC))
        batch.key_texts()
    return round(ROWS / (time.process_time() - began))


def whole(code: str, report: bytes, home: Path) -> float:
    """Records that `tocsin ingest` takes in a second of CPU."""
    path = home.parent / code
    path.write_bytes(report)
    taken, cost = pipeline.tocsin(home, "ingest", str(path), "--source", "mapped", "--feed", code)
    return round(ROWS / cost["cpu_seconds"]) if taken["stored"] else 0


def ingest() -> dict[str, float]:
    """By feed, with the directory of ``pipeline.py``; lists that nobody is notified of are not taken in."""
    told = {code: report for code, report in reports() if source(()).feed(code).notify}
    with TemporaryDirectory() as folder:
        home = Path(folder) / "home"
        for one in feed.write_directory(feed.make_world(1), Path(folder), 1):
            pipeline.tocsin(home, "directory", "import", str(one))
        return {code: whole(code, report, home) for code, report in told.items()}


if __name__ == "__main__":
    if sys.argv[1:] == ["--ingest"]:
        print(json.dumps({"rows": ROWS, "rows_a_cpu_second_in_the_whole_ingest": ingest()}, indent=1))
        sys.exit()
    found = compare(Path(os.environ["TOCSIN_SHARED_DATA"]) / "feeds", sys.argv[1:])
    print(
        json.dumps(
            {**found, "records_a_cpu_second": {code: speed(code, report) for code, report in reports()}}, indent=1
        )
    )
