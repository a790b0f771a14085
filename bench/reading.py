"""How fast reports are read: one JSON document with rows per CPU-second and per second of each step.

    python bench/reading.py [--rows N] [--threads N]

Columns and row length are those of Shadowserver's ``scan_http`` (48 columns, about 350 bytes); three ways of quoting.
``floor`` is plain Polars reading the same text, unchecked.
"""

import argparse
import io
import json
import os
import random
import sys
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import TypeVar

T = TypeVar("T")

COLUMNS = (
    "timestamp severity ip protocol port hostname tag asn geo region city naics hostname_source sector http http_code"
    " http_reason content_type connection www_authenticate set_cookie server content_length transfer_encoding http_date"
    " cert_length subject_common_name issuer_common_name cert_issue_date cert_expiration_date sha1_fingerprint"
    " cert_serial_number ssl_version signature_algorithm key_algorithm subject_organization_name"
    " subject_organization_unit_name subject_country subject_state_or_province_name subject_locality_name"
    " sha256_fingerprint md5_fingerprint cert_valid self_signed cert_expired validation_level device_vendor device_type"
).split()


def row(rng: random.Random) -> dict[str, str]:
    six = rng.random() < 0.05
    time_of_day = ":".join(f"{rng.randrange(limit):02}" for limit in (24, 60, 60))
    return {
        "timestamp": f"2026-11-{rng.randrange(10, 24)} {time_of_day}",
        "severity": rng.choice(["low", "medium", "high"]),
        "ip": f"2a00:{rng.getrandbits(16):x}::{rng.getrandbits(16):x}"
        if six
        else ".".join(str(rng.randrange(11, 120)) for _ in range(4)),
        "protocol": "tcp",
        "port": rng.choice(["80", "443", "8080", "8443"]),
        "hostname": f"host-{rng.randrange(10**6)}.example.net",
        "tag": "http;ssl",
        "asn": str(rng.randrange(1, 60000)),
        "geo": "AT",
        "region": "WIEN",
        "city": "VIENNA",
        "naics": "517311",
        "sector": "Communications, Service Provider, and Hosting Service",
        "http": "HTTP/1.1",
        "http_code": "200",
        "http_reason": "OK",
        "content_type": "text/html",
        "server": f"nginx/1.{rng.randrange(30)}",
        "content_length": str(rng.randrange(10**5)),
        "http_date": "Mon, 23 Nov 2026 00:02:28 GMT",
        "sha1_fingerprint": f"{rng.getrandbits(160):040x}",
        "cert_valid": "Y",
        "self_signed": "N",
        "device_vendor": "Cisco",
    }


def quoted(value: str, how: str) -> str:
    bare = how == "none" or (how == "texts" and (not value or value.isdecimal()))
    return value.replace(",", " ") if how == "none" else value if bare else f'"{value}"'


def report(rows: int, how: str) -> bytes:
    rng = random.Random(7)
    lines = [",".join(COLUMNS)]
    for _ in range(rows):
        values = row(rng)
        lines.append(",".join(quoted(values.get(column, ""), how) for column in COLUMNS))
    return ("\n".join(lines) + "\n").encode()


def timed(rows: int, work: Callable[[], object]) -> dict[str, float]:
    """Rows per second of the processor and of the clock, in millions."""
    cpu, wall = time.process_time(), time.perf_counter()
    work()
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    return {
        "million_rows_per_cpu_second": round(rows / cpu / 1e6, 3),
        "million_rows_per_second": round(rows / wall / 1e6, 3),
    }


def each(work: Callable[[T], object], items: Iterable[T]) -> None:
    for item in items:
        work(item)


def measure(rows: int, how: str, threads: int) -> dict[str, object]:
    import polars as pl

    from tocsin.events.normalise import normalise
    from tocsin.events.sources import Chunk
    from tocsin.events.sources.shadowserver import ShadowserverSource

    data, source, now = report(rows, how), ShadowserverSource(), datetime(2026, 11, 24, tzinfo=UTC)
    feed, chunk_bytes = source.feed("scan_http"), 8 << 20
    reader = source.open("scan_http", io.BytesIO(data), chunk_bytes)
    chunks: list[Chunk] = []
    cut = timed(rows, lambda: chunks.extend(reader.chunks()))
    batches = [reader.parse(chunk) for chunk in chunks]

    def whole(chunk: Chunk) -> int:
        return normalise(reader.parse(chunk), feed, now).frame.height

    with ThreadPoolExecutor(threads) as pool:
        return {
            "bytes_per_row": round(len(data) / rows),
            "cut": cut,
            "floor": timed(rows, lambda: pl.read_csv(data, infer_schema=False)),
            "parse": timed(rows, lambda: each(reader.parse, chunks)),
            "normalise": timed(rows, lambda: each(lambda batch: normalise(batch, feed, now), batches)),
            "all_threads": timed(rows, lambda: list(pool.map(whole, chunks))),
        }


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=300_000)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--polars-threads", type=int, default=1)
    given = parser.parse_args()
    os.environ.setdefault("POLARS_MAX_THREADS", str(given.polars_threads))
    found = {how: measure(given.rows, how, given.threads) for how in ("none", "texts", "all")}
    json.dump({"rows": given.rows, "threads": given.threads, "quoted": found}, sys.stdout, indent=2)
    print()


if __name__ == "__main__":
    main()
