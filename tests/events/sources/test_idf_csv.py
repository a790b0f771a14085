"""Events as CSV: each column becomes a field of its own, whatever two are called."""

import io
from datetime import UTC, datetime

import pytest

from tocsin.events.idf_out import to_idf
from tocsin.events.normalise import normalise
from tocsin.events.sources import recognise

NOW = datetime(2026, 11, 24, tzinfo=UTC)


def test_where_a_feed_places_an_event_is_read_in_its_types() -> None:
    report = (
        b"source.ip,source.asn,source.geolocation.latitude,source.registry,source.geolocation.geoip_cc,destination.tor_node\n"
        b"192.0.2.1,64500,47.1,ripe,CH,true\n192.0.2.2,,north,,,\n"
    )
    known = recognise("events.csv", report)
    assert known is not None
    source, code = known
    reader = source.open(code, io.BytesIO(report), 1 << 20)
    (chunk,) = reader.chunks()
    first, second = to_idf(normalise(reader.parse(chunk), source.feed(code), NOW).frame)
    assert (first["source.geolocation.latitude"], first["source.registry"]) == (47.1, "RIPE")
    assert (first["source.geolocation.geoip_cc"], first["destination.tor_node"]) == ("CH", True)
    assert second["extra.source.geolocation.latitude"] == "north"


@pytest.mark.parametrize("header", ["ip,extra.ip", "extra.ip,ip", "ip,ip", "a,a.4,a,a"])
def test_columns_of_one_name_lose_nothing(header: str) -> None:
    values = [f"value {number}" for number in range(header.count(",") + 1)]
    report = f"source.ip,time.source,{header}\n192.0.2.1,2026-11-23 01:02:03,{','.join(values)}\n".encode()
    found = recognise("x.csv", report)
    assert found is not None
    source, code = found
    reader = source.open(code, io.BytesIO(report), 1 << 20)
    (chunk,) = reader.chunks()
    (event,) = to_idf(normalise(reader.parse(chunk), source.feed(code), NOW).frame)
    assert event["source.ip"] == "192.0.2.1"
    assert sorted(str(value) for name, value in event.items() if name.startswith("extra.")) == values
