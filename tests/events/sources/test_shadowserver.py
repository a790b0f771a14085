"""Shadowserver's reports: every sample and every report type, against what others wrote."""

import io
import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from support.feed_cases import cases, lacks
from tocsin.events.idf_out import to_idf
from tocsin.events.normalise import normalise
from tocsin.events.schema import BY_NAME, FieldKind
from tocsin.events.sources import recognise
from tocsin.events.sources.shadowserver import ShadowserverSource, table
from tocsin.node.errors import InputError, UsageError

Event = dict[str, object]
Samples = dict[str, list[Event]]

SOURCE = ShadowserverSource()
NOW = datetime(2026, 11, 24, tzinfo=UTC)

# What the caller sets (name of the feed, clock) and what the other implementation does not have.
NOT_COMPARED = {
    "feed.name",
    "time.observation",
    "feed.provider",
    "feed.code",
    "tlp",
    "pap",
    "flags",
    "rsit.taxonomy",
    "rsit.type",
}

# Fields and values that carry another name today, all of them: (report or *, field): today's field, and why.
RENAMED_FIELDS = {
    ("*", "extra.device_vendor"): "product.vendor",  # schema: device_vendor -> product.vendor
    ("*", "extra.device_model"): "product.name",  # schema: device_model -> product.name
    ("*", "extra.device_version"): "product.version",  # schema: device_version -> product.version
    ("*", "extra.product"): "product.name",  # schema: product -> product.name
    ("*", "extra.product_version"): "product.version",  # schema: product_version -> product.version
    ("blocklist", "extra.source"): "extra.source_name",  # schema: source -> extra.source_name
    ("scan_isakmp", "extra.exchange_type"): "extra.isakmp_exchange_type",  # schema says so
    ("scan_isakmp", "extra.spi_size"): "extra.isakmp_spi_size",  # schema says so
    ("special", "extra.status"): "status",  # schema: status -> status
    ("special", "malware.name"): "extra.tag",  # schema: tag -> extra.tag
    ("malware_url", "malware.name"): "extra.tag",  # schema: tag -> extra.tag
    ("compromised_website", "malware.name"): "extra.tag",  # schema: tag -> extra.tag, family -> malware.name
    ("scan_http", "extra.source.sic"): "extra.sic",  # the column is gone from the schema; one name for all reports
}
# (report, field): value then, value today, and why.
RENAMED_VALUES = {
    ("scan_http_vulnerable", "classification.identifier"): ("accessible-http", "vulnerable-http"),  # schema's constant
    ("event6_sinkhole_http", "classification.identifier"): ("3ve", "boaxxe"),  # schema: infection is the identifier
    ("scan_couchdb", "classification.taxonomy"): ("other", "vulnerable"),  # schema's constant
    ("scan_couchdb", "classification.type"): ("other", "vulnerable-system"),  # schema's constant
    ("scan_postgres", "classification.taxonomy"): ("other", "vulnerable"),  # schema's constant
    ("scan_postgres", "classification.type"): ("other", "vulnerable-system"),  # schema's constant
    ("scan_exchange", "classification.type"): ("infected-system", "vulnerable-system"),  # the taxonomy is vulnerable
    ("scan_exchange", "protocol.application"): (None, "exchange"),  # schema's constant
    ("scan_ssl_freak", "classification.type"): ("vulnerable-system", "weak-crypto"),  # schema's constant
    ("scan_ssl_poodle", "classification.type"): ("vulnerable-system", "weak-crypto"),  # schema's constant
    ("sandbox_dns", "source.fqdn"): (None, "extra.request"),  # the name asked for is who must know: no address here
}
# All other differences. "Said": we keep what the report says where the other implementation reads it as nothing.
OTHER = {
    ("blocklist", "extra.sector"): "Said: 0",
    ("event4_honeypot_http_scan", "extra.pattern"): "Said: unknown",
    ("event4_sinkhole", "extra.infection"): "schema: infection -> malware.name and classification.identifier",
    ("event6_sinkhole_http", "extra.infection"): "schema: infection -> malware.name and classification.identifier",
    ("sandbox_conn", "extra.bytes_in"): "Said: 0",
    ("sandbox_conn", "extra.bytes_out"): "Said: 0",
    ("scan_amqp", "extra.channel"): "Said: 0",
    ("scan_amqp", "extra.version_major"): "Said: 0",
    ("scan_exchange", "product.vulnerabilities"): "schema: CVE ids in tag -> product.vulnerabilities",
    (
        "scan_http_vulnerable",
        "extra.www_authenticate",
    ): "its quotes are not those of RFC 4180; we keep them as they are",
    ("scan_kubernetes", "extra.validation_level"): "Said: unknown",
    ("scan_mdns", "extra.http_info"): "its quotes are not those of RFC 4180; we keep them as they are",
    ("scan_nat_pmp", "extra.version"): "Said: 0",
    ("scan_redis", "extra.git_dirty_flag"): "Said: 0",
    ("scan_slp", "extra.next_extension_offset"): "Said: 0",
    ("scan_smb", "extra.smb_revision"): "Said: 0",
    ("scan_ssl_freak", "extra.validation_level"): "Said: unknown",
    ("scan_ssl_poodle", "extra.validation_level"): "Said: unknown",
    ("scan_tftp", "extra.errorcode"): "Said: 0",
}
KEY_FIELDS = ("ip", "port", "network", "asn", "fqdn", "reverse_dns")


def read(code: str, data: bytes) -> list[Event]:
    reader = SOURCE.open(code, io.BytesIO(data), 1 << 20)
    events: list[Event] = []
    for chunk in reader.chunks():
        batch = reader.parse(chunk)
        assert not batch.unreadable
        made = normalise(batch, SOURCE.feed(code), NOW)
        assert made.usable.all()
        events += to_idf(made.frame)
    return events


@pytest.fixture(scope="module")
def samples(shared_data: Path) -> Samples:
    """The events of each sample report."""
    found = {}
    for path in sorted((shared_data / "shadowserver" / "samples").glob("*.csv")):
        code = SOURCE.recognise(f"2026-11-23-{path.stem}-test-geo.csv", path.read_bytes())
        assert code == path.stem
        found[path.stem] = read(code, path.read_bytes())
    return found


def test_every_sample_gives_an_event_for_each_record(shared_data: Path, samples: Samples) -> None:
    assert len(samples) == 74
    for name, events in samples.items():
        path = shared_data / "shadowserver" / "samples" / f"{name}.csv"
        assert len(events) == sum(1 for line in path.read_text().splitlines()[1:] if line.strip()), name


def test_events_agree_with_another_implementation(shared_data: Path, samples: Samples) -> None:
    compared = 0
    used: set[tuple[str, str]] = set()
    for line in (shared_data / "shadowserver" / "expected_events.jsonl").read_text().splitlines():
        expected = json.loads(line)
        report = expected["sample"].replace(".csv", "")
        if report not in samples:
            continue
        for theirs, ours in zip(expected["events"], samples[report], strict=False):
            compared += 1
            for field, was, today in differences(report, theirs, ours, used):
                if RENAMED_VALUES.get((report, field)) == (was, today):
                    used.add((report, field))
                elif field == "source.fqdn" and RENAMED_VALUES.get((report, field)) == (None, "extra.request"):
                    assert today == ours["extra.request"]
                    used.add((report, field))
                else:
                    assert (report, field) in OTHER, (report, field, was, today)
                    assert not field.endswith(KEY_FIELDS)
                    assert not field.startswith(("classification", "protocol", "time"))
                    used.add((report, field))
    assert compared == 207
    assert used == {*RENAMED_FIELDS, *RENAMED_VALUES, *OTHER}  # the tables hold nothing that is not needed
    assert len(OTHER) <= 20


def differences(
    report: str, theirs: Event, ours: Event, used: set[tuple[str, str]]
) -> list[tuple[str, object, object]]:
    """Fields in which two events differ, after today's names of fields."""
    renamed: dict[str, object] = {}
    for field, value in theirs.items():
        key = next((key for key in ((report, field), ("*", field)) if key in RENAMED_FIELDS), None)
        used |= {key} if key else set()
        renamed[RENAMED_FIELDS[key] if key else field] = value
    return [
        (field, renamed.get(field), ours.get(field))
        for field in sorted(renamed.keys() | ours.keys())
        if field not in NOT_COMPARED and folded(field, renamed.get(field)) != folded(field, ours.get(field))
    ]


def folded(field: str, value: object) -> object:
    """The value as its field keeps it: some are lower case. CVE ids stood in a field in lower case once."""
    lower = field == "extra.tag" or (field in BY_NAME and BY_NAME[field].kind is FieldKind.LOWER)
    return value.lower() if lower and isinstance(value, str) else value


def test_every_report_type_maps_each_column_to_its_field(shared_data: Path) -> None:
    schema = json.loads((shared_data / "shadowserver" / "shadowserver-schema.json").read_text())
    headers = json.loads((shared_data / "shadowserver" / "shadowserver-reports.json").read_text())
    schema.pop("_meta")
    assert len(schema) == 170
    for report in schema.values():
        code = report["file_name"]
        mapping = [
            (field, column) for field, column, *_ in report["required_fields"] + report["optional_fields"] if field
        ]
        values = {column: sample(column) for column in headers[code]["fields"]}
        text = ",".join(values) + "\n" + ",".join(f'"{value}"' for value in values.values()) + "\n"
        (event,) = read(code, text.encode())
        for field, column in mapping:
            if not field.startswith("extra.") and column in values and (field, column) != ("source.network", "ip"):
                assert event.get(field) is not None, (code, field, column)
        to_fields = {column for field, column in mapping if not field.startswith("extra.")}
        to_extra = {column for field, column in mapping if field.startswith("extra.")}
        assert not [column for column in to_fields - to_extra if f"extra.{column}" in event], code
        assert event["classification.taxonomy"] == report["constant_fields"].get(
            "classification.taxonomy", "vulnerable"
        )


def sample(column: str) -> str:
    """A value that a column could have."""
    known = {
        "timestamp": "2026-11-23 01:02:03",
        "tag": "ssl;cve-2021-26855",
        "url": "https://www.example.net/a",
        "http_url": "https://www.example.net/a",
        "network": "203.0.113.0/24",
        "http_referer_ip": "192.0.2.9",
        "ip": "192.0.2.1",
        "geo": "AT",
        "asn": "64496",
        "port": "443",
        "website": "www.example.net",
        "email": "info@example.net",
    }
    kind = column.removeprefix("src_").removeprefix("dst_")
    if column in known or kind in known:
        return known.get(column) or known[kind]
    return "www.example.org" if "host" in column or column == "request" else "7"


def test_columns_that_nobody_knows_go_to_extra() -> None:
    (event,) = read("scan_http", b'timestamp,ip,new_thing\n"2026-11-23 01:02:03","192.0.2.1","a ""b"""\n')
    assert event["extra.new_thing"] == 'a "b"'


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("2026-11-23-scan_http-mycountry-geo.csv", "scan_http"),
        ("scan_http.csv", "scan_http"),
        ("mail/2026-11-23-event4_sinkhole-mycountry.csv.gz", "event4_sinkhole"),
        ("C:\\in\\event_sinkhole.csv", "event4_sinkhole"),
        ("scan6_http.csv", "scan6_http"),
        ("holiday.csv", None),
    ],
)
def test_a_name_says_the_report_type(name: str, code: str | None) -> None:
    assert SOURCE.recognise(name, b"timestamp,ip\n") == code


def test_a_header_says_the_report_type_where_only_one_has_it() -> None:
    for code, six in (("scan_elasticsearch", ""), ("scan6_elasticsearch", "2001:db8::1")):
        columns = table().reports[code].columns
        row = ["2026-11-23 01:02:03", "", six or "192.0.2.1", *[""] * (len(columns) - 3)]
        head = ",".join(columns) + "\n" + ",".join(row) + "\n"
        found = recognise("report.csv", head.encode())
        assert found is not None
        assert (found[0].name, found[1]) == ("shadowserver", code)
    shared = ",".join(table().reports["scan_pop3"].columns)  # also that of scan_imap
    assert recognise("report.csv", shared.encode()) is None


def test_what_is_not_theirs_is_refused_with_a_reason() -> None:
    with pytest.raises(InputError, match="none of Shadowserver's columns"):
        SOURCE.open("scan_http", io.BytesIO(b"2026-11-23 01:02:03,192.0.2.1\n"), 1 << 20)
    with pytest.raises(UsageError, match="no report type 'scan_nothing'"):
        SOURCE.feed("scan_nothing")


def test_every_feed_is_described() -> None:
    for code in table().reports:
        feed = SOURCE.feed(code)
        assert (feed.provider, feed.tlp, feed.pap, feed.cadence_hours) == ("Shadowserver", "AMBER", "", 24)
        assert feed.name
        assert feed.terms.startswith("https://")


N6_REPORTS = {
    "device-info": "device_id",
    "compromised-website": "compromised_website",
    "ldap": "scan_ldap_udp",
    "msmq": "population_msmq",
    "netis": "scan_netis_router",
    "ntp-monitor": "scan_ntpmonitor",
    "ntp-version": "scan_ntp",
    "open-resolver": "scan_dns",
    "sandbox-url": "sandbox_url",
    "sinkhole": "event4_sinkhole",
    "sinkhole-http": "event4_sinkhole_http",
}
"""What n6 calls a report type, where it is not ours without ``scan_``."""

N6_TYPES = {
    "compromised_website": "system-compromise",  # n6 goes by what the website is abused for
    "device_id": "undetermined",  # seen, not vulnerable
    "scan_http": "other",
    "scan_smtp": "other",
    "scan_ssl_freak": "weak-crypto",
    "scan_ssl_poodle": "weak-crypto",
}
N6_ELSEWHERE = {
    ("compromised_website", "extra.request"): "source.url",
    ("compromised_website", "malware.name"): "extra.tag",
    ("event4_sinkhole_http", "source.fqdn"): "destination.fqdn",
    ("event4_sinkhole_http", "source.url"): "destination.url",
    ("sandbox_url", "source.fqdn"): "destination.fqdn",
    ("sandbox_url", "source.url"): "destination.url",
    ("scan_dns", "source.fqdn"): "source.reverse_dns",
    ("scan_dns", "extra.min_amplification"): "extra.min_amplification",  # 1.3810 is the number 1.381
}
"""Where our event says what n6's says in that field."""

N6_ALONE = {
    ("event4_sinkhole", "extra.origin"),
    ("event4_sinkhole_http", "extra.origin"),
    ("sandbox_url", "extra.origin"),
    ("scan_exchange", "protocol.transport"),
    ("scan_ssl_freak", "protocol.transport"),
}
"""What no column says: n6 knows it of the feed."""


def test_what_n6_reads_differently_is_on_one_list(shared_data: Path) -> None:
    used: set[object] = set()
    for case in cases(shared_data / "feeds", shadowserver=True):
        feed = str(case["feed"]).partition(".")[2]
        code = N6_REPORTS.get(feed, f"scan_{feed.replace('-', '_')}")
        reader = SOURCE.open(code, io.BytesIO((shared_data / "feeds" / str(case["input_file"])).read_bytes()), 1 << 20)
        made = [normalise(reader.parse(chunk), SOURCE.feed(code), NOW) for chunk in reader.chunks()]
        events = [event for one in made for event in to_idf(one.frame.filter(one.usable))]
        for wanted in case["expected"]:  # type: ignore[attr-defined]  # a list, as the README of the data says
            event = min(events, key=lambda one: len(lacks(wanted, one, case)))
            for field, said in lacks(wanted, event, case).items():
                theirs, ours = str(wanted[field]), str(event.get(N6_ELSEWHERE.get((code, field), field)))
                known = (code, field) in N6_ALONE or N6_TYPES.get(code) == ours or theirs in ours or ours in theirs
                assert known, (code, said)
                used.add(code if field == "classification.type" else (code, field))
    assert used == {*N6_TYPES, *N6_ELSEWHERE, *N6_ALONE}
