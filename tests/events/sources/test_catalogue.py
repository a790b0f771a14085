"""The catalogue: each file can be used, says what it is, and reads what its feed sends (others' cases)."""

import io
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from support.feed_cases import FEEDS, RENAMED, compare
from tocsin.events.idf_out import to_idf
from tocsin.events.normalise import normalise
from tocsin.events.sources import sources
from tocsin.events.sources.mapped.reading import read_mapping
from tocsin.events.sources.mapped.source import CATALOGUE, names_in

NOW = datetime(2026, 11, 24, tzinfo=UTC)
FILES = sorted(CATALOGUE.glob("*.toml"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_each_file_says_what_who_takes_its_feed_must_know(path: Path) -> None:
    mapping, text = read_mapping(path), path.read_text(encoding="utf-8")
    known, feed = mapping.known, mapping.feed
    assert feed.name
    assert feed.provider
    assert feed.terms
    assert list(names_in(path)) == list(mapping.files)
    assert known.url.startswith(("https://", "http://"))
    assert known.access in {"open", "key", "agreement", "own"}
    assert feed.tlp in {"CLEAR", "GREEN", "AMBER", "AMBER+STRICT"}
    assert feed.pap in {"CLEAR", "GREEN", "AMBER"}
    assert 0 < known.accuracy <= 100
    assert {"cadence_hours = ", "notify = ", "files = "} <= {
        f"{line.partition(' = ')[0]} = " for line in text.split("\n")
    }
    # without a type nobody knows what for; who is notified of a list without time and evidence stops reading
    named = sources()["mapped"].named(path.stem)  # type: ignore[attr-defined]  # that of files
    assert "classification.type" in named
    assert not feed.notify or named & {"time.source", "source.url", "destination.url"}


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("urlhaus_payloads_1.csv", "urlhaus_payloads"),
        ("urlhaus_country_at.csv", "urlhaus_feeds"),
        ("urlhaus.csv", "urlhaus"),
        ("edrop.txt", "spamhaus_edrop"),
        ("/in/drop_v4.json", "spamhaus_drop_json"),
        ("viriback.csv", None),  # its header is another feed's
    ],
)
def test_the_most_exact_name_says_which_feed_it_is(name: str, code: str | None) -> None:
    assert sources()["mapped"].recognise(name, b"Family,Address\n") == code


@pytest.mark.parametrize(
    "path", [path for path in FILES if any("*" not in name for name in names_in(path))], ids=lambda path: path.stem
)
def test_a_download_is_known_by_its_own_name_where_its_records_say_so(path: Path) -> None:
    mapping = read_mapping(path)
    goals = {column: goal for column, rules in mapping.columns.items() for rule in rules for goal in rule.to}
    values = {
        "source.ip": "192.0.2.1",
        "source.fqdn": "a.example",
        "source.url": "http://a.example/",
        "source.network": "192.0.2.0",
    }
    columns = list(mapping.names or mapping.columns)
    cells = [values.get(goals.get(name, ""), "24") for name in columns]
    separator = mapping.dialect.separator
    text = separator.join(cells) if mapping.format != "json" else json.dumps([dict(zip(columns, cells, strict=True))])
    text = {
        "danger_rulez": "192.0.2.1\t\t# 2026-11-10 09:11:03\t\t56\t1101973",
        "dshield_block": "192.0.2.0\t192.0.2.255\t24\t3\tA\tAT\ta@b.example",
    }.get(path.stem, text)
    text = text if mapping.names or mapping.format != "csv" else f"{separator.join(columns)}\n{text}"
    source = sources()["mapped"]
    for name in (name for name in mapping.files if "*" not in name):
        assert source.recognise(f"/in/{name}", text.encode() + b"\n") == path.stem
        assert source.recognise(f"/in/{name}", b"Dear colleagues,\nfind enclosed\n") is None
        assert source.recognise(f"/in/my-{name}", text.encode()) != path.stem


DIFFERENT = {
    "html_table.parser": "one case leaves a mark of the page before its URL (http://[D] …), which is then none",
    "ioc_extractor.parser": "free text: whatever looks like a URL, after replacements set for the case",
    "twitter.parser": "free text, as above",
    "surbl.parser": "its domains are single labels, which nobody can own",
    "n6:AbuseChSslBlacklist201902Parser": "hashes of certificates, without an address",
    "n6:MispParser": "three attributes name no asset: two mailboxes, one port",
}
"""Parsers of others whose cases are not all equal, and why; what they only call by another word is in `RENAMED`."""


def test_the_cases_of_others_are_equal_but_for_those_that_are_named(shared_data: Path) -> None:
    found = compare(shared_data / "feeds")
    wrong = {parser: one["different"] for parser, one in found["by_parser"].items() if one["different"]}  # type: ignore[attr-defined]  # as `compare` makes it
    assert wrong.keys() == DIFFERENT.keys(), wrong
    assert found["parsers"] == 60
    assert found["with_asset"] == {"parsers": 56, "equal": 54}
    assert RENAMED.keys() <= FEEDS.keys()
    assert sum(map(len, RENAMED.values())) <= 10


def test_servers_are_what_feeds_of_command_and_control_name() -> None:
    source = sources()["mapped"]
    ctip: dict[str, Any] = {
        "DateTimeReceivedUtc": "2026-11-20T10:00:00",
        "DestinationIp": "192.0.2.1",
        "DestinationPort": 443,
    }
    ctip |= {"DestinationIpInfo": {"DestinationIpAsnNumber": "64496"}, "ThreatCode": "B1", "TLP": "Green"}
    eset = {"domain": "c2.example", "ip": "x_NXDOMAIN", "last_seen": "2026-11-20T10:00:00Z"}
    eset |= {"reason": "Host is used as command and control server for x."}
    cases: list[tuple[str, str, dict[str, Any], dict[str, object]]] = [
        ("ctip-c2_1.json", "ctip_azure_c2", ctip, {"source.ip": "192.0.2.1", "source.asn": 64496, "tlp": "GREEN"}),
        ("eset_1.json", "eset_eti", eset, {"source.fqdn": "c2.example", "source.ip": None}),
    ]
    for name, code, record, wanted in cases:
        report = json.dumps([record]).encode()
        assert source.recognise(name, report) == code
        reader = source.open(code, io.BytesIO(report), 1 << 20)
        [checked] = [normalise(reader.parse(one), source.feed(code), NOW) for one in reader.chunks()]
        [event] = to_idf(checked.frame)
        shown = wanted | {"classification.type": "c2-server", "time.source": "2026-11-20T10:00:00+00:00"}
        assert {name: event.get(name) for name in shown} == shown
