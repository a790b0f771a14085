"""Which events an observable is found in, by columns: exactly those that say its value."""

from datetime import UTC, datetime
from typing import Any

import polars as pl
import pytest

from tocsin.events import COLUMNS
from tocsin.incidents.sightings.matching import ObservableMatcher, WatchedObservable
from tocsin.networks import parse_address

AT = datetime(2026, 11, 24, tzinfo=UTC)


def halves(side: str, address: str) -> dict[str, int]:
    parsed = parse_address(address)
    assert parsed
    signed = [half - 2**64 if half >> 63 else half for half in parsed]
    return {f"{side}.ip.hi": signed[0], f"{side}.ip.lo": signed[1]}


def found(kind: str, value: str, *rows: dict[str, Any]) -> list[bool]:
    events = pl.DataFrame([{"time.source": AT, "problem": n, **row} for n, row in enumerate(rows)]).lazy()
    frame = pl.concat([pl.LazyFrame(schema=COLUMNS), events], how="diagonal_relaxed").collect()
    matcher = ObservableMatcher.of([WatchedObservable(7, kind, value)])
    frame = frame.cast(dict(COLUMNS))  # type: ignore[arg-type]  # as a schema
    matched = matcher.match(frame)
    may = frame.lazy().filter(matcher.may_match(frame.columns)).select(matcher.columns(frame.columns))
    assert matcher.match(may.collect()).sort("problem").equals(matched.sort("problem")), "as the past is looked up"
    assert set(matched["observable"]) <= {7}
    return [n in matched["problem"].to_list() for n in range(len(rows))]


@pytest.mark.parametrize(
    ("kind", "value", "hits", "others"),
    [
        ("ip", "192.0.2.1", [halves("source", "192.0.2.1"), halves("destination", "192.0.2.1")],
         [halves("source", "192.0.2.2"), halves("source", "::c000:201"), {}]),
        ("ip", "8000::1", [halves("source", "8000::1")], [halves("source", "8000::2"), halves("source", "::1")]),
        ("network", "192.0.2.0/31", [halves("source", "192.0.2.1")], [halves("source", "192.0.2.2")]),
        ("network", "2001:db8::/33", [halves("source", "2001:db8:7fff::1")], [halves("source", "2001:db8:8000::1")]),
        ("asn", "64500", [{"source.asn": 64500}, {"network.asn": 64500}], [{"source.asn": 64501}]),
        ("domain", "a.example", [{"source.fqdn": "a.example"}, {"source.url": "http://u@a.example:80/x"}],
         [{"source.fqdn": "b.a.example"}, {"source.url": "http://b.example/a.example"}]),
        ("url", "http://a.example/x", [{"source.url": "http://a.example/x"}], [{"source.url": "http://a.example/xy"}]),
        ("md5", "0" * 32, [{"malware.hash.md5": "0" * 32}], [{"malware.hash.sha1": "0" * 32}]),
        ("cve", "CVE-2026-0001",
         [{"classification.identifier": "cve-2026-0001"}, {"product.vulnerabilities": "cve-2026-0001"},
          {"product.vulnerabilities": "cve-2026-0002;cve-2026-0001;cve-2026-0003"},
          {"product.vulnerabilities": '["cve-2026-0002", "cve-2026-0001"]'},
          {"extra": '{"vulns":{"CVE-2026-0001":{"cvss":5.0}}}'}, {"extra.cves": "CVE-2026-0002, CVE-2026-0001"},
          {"extra.vulnerability_id": "CVE-2026-0001"}],
         [{"classification.identifier": "cve-2026-00011"}, {"product.vulnerabilities": "cve-2026-00011;xcve-2026-0002"},
          {"extra": '{"vulns":{"CVE-2026-00010":{}}}'}, {"extra.tag": "CVE-2026-0001"}, {}]),
    ],
)  # fmt: skip
def test_an_observable_is_found_where_its_value_is_and_nowhere_else(
    kind: str, value: str, hits: list[dict[str, Any]], others: list[dict[str, Any]]
) -> None:
    assert found(kind, value, *hits, *others) == [True] * len(hits) + [False] * len(others)
