"""Reports in every format that Tocsin reads, with names and values that readers may stumble over."""

import csv
import gzip
import io
import json
import zipfile
from collections.abc import Sequence

from hypothesis import strategies as st

_NAMES = (
    "source.ip source.port source.network source.url source.fqdn source.asn time.source time.observation destination.ip"
    " classification.type feed.name tlp flags extra extra.a extra.ip ip port timestamp tag a b c * ^.*$ row problem"
    " Source Target Category IP4 Attribute type value Event response Tag"
).split()
_VALUES = [
    "",
    "192.0.2.1",
    "2001:db8::1",
    "fe80::1%eth0",
    "192.0.2.0/24",
    "::/0",
    "2026-11-23 01:02:03",
    "2026-11-23T01:02:03Z",
    "9999-12-31T23:59:59Z",
    "64500",
    "-1",
    "1e400",
    "NaN",
    "99999999999999999999",
    "http://[",
    "http://a:99999999/\u202e",
    "xn--a",
    "a@b",
    "a..b",
    "RED",
    "purple",
    "scanner",
    "}{",
    "{",
    "[1]",
    '{"a": 1, "a": {"b": [null]}}',
    '{"a": NaN, "b": 1e400}',
    '{"a":' * 60 + "1" + "}" * 60,
    "\ud800",
    "\x00",
    "\x1b[2J",
    '"',
    "\\",
    ",",
    "\n",
    "é𝄞",
]
_names, _values = st.sampled_from(_NAMES), st.sampled_from(_VALUES)
_rows = st.lists(st.lists(_values, min_size=1, max_size=8), max_size=4)
_leaves = _values | st.none() | st.booleans() | st.integers() | st.floats()
_inner = st.recursive(_leaves, lambda one: st.lists(one, max_size=3) | st.dictionaries(_names, one, max_size=3))
_objects = st.lists(st.dictionaries(_names, _inner, max_size=6), min_size=1, max_size=4)
_ABUSE = {
    "xarf_version": "4.2.0",
    "report_id": "cee14783-58e5-421d-94b4-67a4d70a589c",
    "timestamp": "2026-11-23T01:02:03Z",
    "reporter": {"org": "R", "contact": "a@r.example", "domain": "r.example"},
    "sender": {"org": "R", "contact": "a@r.example", "domain": "r.example"},
    "source_identifier": "192.0.2.1",
    "category": "connection",
    "type": "port_scan",
}
_ABUSE_3 = {
    "Version": "3",
    "ReporterInfo": {"ReporterOrg": "R", "ReporterOrgDomain": "r.example", "ReporterOrgEmail": "a@r.example"},
    "Report": {"ReportClass": "Activity", "ReportType": "Login-Attack", "SourceIp": "192.0.2.1"},
}
_FACTS = [*_ABUSE, *_ABUSE_3, "source_port", "protocol", "url", "cve_id", "service", "evidence", "description", "Date"]


def _table(header: Sequence[str], rows: Sequence[Sequence[str]], end: str) -> bytes:
    out = io.StringIO()
    csv.writer(out, lineterminator=end).writerows([header, *rows])
    return out.getvalue().encode("utf-8", "backslashreplace")


def _written(objects: Sequence[object], form: str) -> bytes:
    texts = [json.dumps(one) for one in objects]
    return form.replace("*", {"[": ",\n"}.get(form[0], "\n").join(texts)).encode()


def _abuse(changed: dict[str, object], old: bool) -> dict[str, object]:
    return {**(_ABUSE_3 if old else _ABUSE), **changed}


_tables = st.builds(
    _table, st.lists(_names, min_size=1, max_size=8), _rows, st.sampled_from(["\n", "\r\n", "\r"])
) | st.builds(
    lambda rows: _table(["source.ip", "time.source", "extra", "c"], [["192.0.2.1", *row] for row in rows], "\n"), _rows
)
_forms = st.sampled_from(["*", "[*]", "[[*]]", "[*", "{}*", "\n\n*\n"])
_events = st.builds(_written, _objects, _forms)
_abuses = st.builds(
    _written,
    st.lists(
        st.builds(_abuse, st.dictionaries(st.sampled_from(_FACTS), _inner, max_size=4), st.booleans()),
        min_size=1,
        max_size=3,
    ),
    _forms,
)


def _zipped(data: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("one.csv", data)
        archive.writestr("two.csv", data[::-1])
    return out.getvalue()


def _damaged(data: bytes, cuts: Sequence[tuple[float, bytes]]) -> bytes:
    for place, piece in cuts:
        at = int(place * len(data))
        data = data[:at] + piece + data[at + len(piece) :]
    return data


_plain = _tables | _events | _abuses
_packed = _plain | _plain.map(gzip.compress) | _plain.map(_zipped)
_cuts = st.lists(st.tuples(st.floats(0, 1), st.binary(max_size=6)), max_size=4)
hostile_reports = _packed | st.builds(_damaged, _packed, _cuts)
"""Bytes of a report: CSV, JSON in any shape, X-ARF; plain or packed; whole or damaged."""
