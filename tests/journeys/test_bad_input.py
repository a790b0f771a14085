"""Bad input through the command line: sums balance, the reason is clear, nothing is lost, the next report works."""

import csv
import email
import email.policy
import gzip
import io
import json
import os
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from support.bad_reports import (
    NAME,
    addresses,
    aside,
    balanced,
    check_next_report,
    content,
    counts,
    events,
    line,
    put,
    refusal,
    take,
    zipped,
)
from support.cast import HEADER, Tocsin
from support.hostile_reports import hostile_reports
from tocsin.events.idf_out import idf_lines
from tocsin.node.errors import InternalError
from tocsin.pipeline.ingest import ingest
from tocsin.pipeline.stores import NodeWithStores, open_node


@pytest.fixture(autouse=True)
def _next_report(tocsin: Tocsin) -> Iterator[None]:
    yield
    check_next_report(tocsin)


def test_an_empty_file_and_binary_junk_are_refused(tocsin: Tocsin) -> None:
    assert "empty" in refusal(tocsin, put(tocsin, b""))
    assert "empty" in refusal(tocsin, put(tocsin, b"\n\n\n"))
    junk = bytes((n * 7919 + n // 3) % 256 for n in range(5_000))
    assert refusal(tocsin, put(tocsin, junk))
    assert refusal(tocsin, put(tocsin, junk, "whatever.bin"))
    assert not aside(tocsin)


def test_only_a_header_is_a_report_without_rows(tocsin: Tocsin) -> None:
    taken = take(tocsin, put(tocsin, content()))

    assert (taken["reports"], taken["rows"]) == (1, 0)
    assert take(tocsin, put(tocsin, content()))["already"] == 1


def test_binary_junk_below_a_header_is_set_aside(tocsin: Tocsin) -> None:
    junk = bytes((n * 7919 + n // 3) % 256 for n in range(5_000)).replace(b'"', b"")

    taken = take(tocsin, put(tocsin, content(line()).encode() + junk + b"\n" + line("192.0.2.2").encode() + b"\n"))

    assert taken["stored"] >= 2
    assert taken["quarantined"] > 0
    assert {"192.0.2.1", "192.0.2.2"} <= set(addresses(tocsin))
    assert all(row["reason"] and row["line"] for row in aside(tocsin))


# --- encodings and line ends

TWO = content(line(tag="Señor"), line("192.0.2.2", tag="naïve"))


@pytest.mark.parametrize(
    "data",
    [
        b"\xef\xbb\xbf" + TWO.encode(),
        TWO.encode("utf-16"),
        b"\xfe\xff" + TWO.encode("utf-16-be"),
        TWO.encode("utf-16-le"),
        TWO.encode("latin-1"),
        TWO.replace("\n", "\r\n").encode(),
        TWO.replace("\n", "\r").encode(),
        TWO.replace("\n", "\r\n", 1).encode(),
        TWO.rstrip("\n").encode(),
    ],
    ids=["bom", "utf-16", "utf-16-be", "utf-16-le", "latin-1", "crlf", "cr", "mixed", "no-last-end"],
)
def test_text_in_any_encoding_with_any_line_ends_says_the_same(tocsin: Tocsin, data: bytes) -> None:
    assert counts(take(tocsin, put(tocsin, data))) == (2, 0, 0)

    assert sorted((event["source.ip"], event["extra.tag"]) for event in events(tocsin)) == [
        ("192.0.2.1", "Señor"),
        ("192.0.2.2", "naïve"),
    ]


def test_nul_bytes_are_left_out(tocsin: Tocsin) -> None:
    data = content(line(), line("192.0.2.2")).encode().replace(b"rdp", b"r\0dp")

    assert counts(take(tocsin, put(tocsin, data))) == (2, 0, 0)
    assert {event["extra.tag"] for event in events(tocsin)} == {"rdp"}


def test_newlines_in_quotes_belong_to_the_value(tocsin: Tocsin) -> None:
    assert counts(take(tocsin, put(tocsin, content(line(tag="two\nlines"), line("192.0.2.2", tag="a\r\nb"))))) == (
        2,
        0,
        0,
    )

    assert {event["extra.tag"] for event in events(tocsin)} == {"two\nlines", "a\r\nb"}


def test_an_unclosed_quote_costs_its_own_row_at_most(tocsin: Tocsin) -> None:
    broken = line("192.0.2.2").replace('"rdp"', '"rdp')
    taken = take(tocsin, put(tocsin, content(line(), broken, line("192.0.2.3"), line("192.0.2.4"))))

    assert taken["rows"] == 4
    assert {"192.0.2.1", "192.0.2.3", "192.0.2.4"} <= set(addresses(tocsin))


# --- columns


def test_short_rows_and_rows_with_too_much_are_kept_and_flagged(tocsin: Tocsin) -> None:
    short, much = line("192.0.2.2").rsplit(",", 4)[0], line("192.0.2.3") + ',"left","over"'

    assert counts(take(tocsin, put(tocsin, content(line(), short, much)))) == (3, 0, 0)
    assert {event["source.ip"]: flags_of(event) for event in events(tocsin)} == {
        "192.0.2.1": ["documentation"],
        "192.0.2.2": ["short", "documentation"],
        "192.0.2.3": ["surplus", "documentation"],
    }
    [over] = [event for event in events(tocsin) if event["source.ip"] == "192.0.2.3"]
    assert over["extra.tocsin_surplus"] == "left,over"


def test_missing_extra_and_doubled_columns_lose_nothing(tocsin: Tocsin) -> None:
    header = "timestamp,ip,ip,colour"

    assert counts(
        take(tocsin, put(tocsin, content("2026-11-23 01:02:03,192.0.2.1,192.0.2.9,blue", header=header)))
    ) == (1, 0, 0)
    [event] = events(tocsin)
    assert (event["source.ip"], event["extra.colour"]) == ("192.0.2.1", "blue")
    assert "192.0.2.9" in event.values()


def test_a_column_without_any_address_sets_all_rows_aside(tocsin: Tocsin) -> None:
    taken = take(tocsin, put(tocsin, content("2026-11-23 01:02:03,blue", header="timestamp,colour")))

    assert counts(taken) == (0, 0, 1)
    [row] = aside(tocsin)
    assert (row["line"], row["raw"]) == (2, "2026-11-23 01:02:03,blue")
    assert "No usable address" in row["reason"]


def test_a_field_of_ten_megabytes_is_stored_or_set_aside_whole(tocsin: Tocsin) -> None:
    long = "x" * 10_000_000
    taken = take(tocsin, put(tocsin, content(line(), line("192.0.2.2", tag=long), line("192.0.2.3"))))

    assert taken["rows"] == 3
    kept = [event["extra.tag"] for event in events(tocsin)] + [row["raw"] for row in aside(tocsin)]
    assert sum(long in text for text in kept) == 1
    (tocsin.home / "tocsin.toml").write_text("[ingest]\nmax_record_bytes = 1000\n")
    again = take(tocsin, put(tocsin, content(line(tag="y" * 5_000), line("192.0.2.4"))))
    assert counts(again) == (1, 0, 1)
    assert "longer than 1000 bytes" in aside(tocsin)[0]["reason"]


# --- values


def test_addresses_that_are_none_go_to_extra_when_the_row_says_where_otherwise(tocsin: Tocsin) -> None:
    header = '"timestamp","ip","hostname","asn","tag"'
    rows = [
        '"2026-11-23 01:02:03","999.1.1.1","a.example.org",,"junk"',
        '"2026-11-23 01:02:03","999.1.1.1",,,"aside"',
        '"2026-11-23 01:02:03","999.1.1.1",,64500,"whole AS"',
        '"2026-11-23 01:02:03","fe80::1%eth0",,,"zone"',
        '"2026-11-23 01:02:03","::ffff:192.0.2.7",,,"mapped"',
        '"2026-11-23 01:02:03","192.0.2.0/24",,,"network"',
    ]

    assert counts(take(tocsin, put(tocsin, content(*rows, header=header)))) == (3, 0, 3)
    found = {event["extra.tag"]: event for event in events(tocsin)}
    assert found["junk"]["extra.source.ip"] == "999.1.1.1"
    assert "invalid" in flags_of(found["junk"])
    assert found["mapped"]["source.ip"] == "192.0.2.7"
    assert (found["network"]["source.network"], "source.ip" in found["network"]) == ("192.0.2.0/24", False)
    # an address of one link only says nothing to anybody else
    assert [row["raw"] for row in aside(tocsin)] == rows[1:4]


def flags_of(event: dict[str, Any]) -> list[str]:
    return str(event.get("flags", "")).split()


def test_special_addresses_and_times_to_come_are_flagged_not_refused(tocsin: Tocsin) -> None:
    rows = [
        line("10.0.0.1", tag="private"),
        line("192.0.2.1", tag="documentation"),
        line("8.8.8.8", "2031-01-01 00:00:00", "future"),
    ]

    assert counts(take(tocsin, put(tocsin, content(*rows)))) == (3, 0, 0)
    for event in events(tocsin):
        assert flags_of(event) == [event["extra.tag"]]


def test_times_in_odd_formats_are_understood_or_kept(tocsin: Tocsin) -> None:
    odd = [
        "2026-11-23T01:02:03Z",
        "2026-11-23T02:02:03+01:00",
        "1795395723",
        "Mon, 23 Nov 2026 01:02:03 GMT",
        "soon",
        "",
    ]

    assert (
        take(tocsin, put(tocsin, content(*[line(f"192.0.2.{n}", when) for n, when in enumerate(odd)])))["stored"] == 6
    )
    found = {event["source.ip"]: event for event in events(tocsin)}
    for number in range(4):
        assert found[f"192.0.2.{number}"]["time.source"].startswith("2026-11-23T01:02:03"), odd[number]
    assert found["192.0.2.4"]["extra.time.source"] == "soon"
    assert "time.source" not in found["192.0.2.5"]


def test_values_cannot_add_headers_or_parts_to_a_mail(tocsin: Tocsin) -> None:
    evil = "x\r\nBcc: victim@elsewhere.example\r\nSubject: pay\r\n\r\n--=_boundary\r\n"
    header = "timestamp,ip,hostname,asn,geo,infection,family,url"
    row = f'2026-11-23 01:02:03,192.0.2.1,"{evil}",64500,"{evil}","{evil}","{evil}","{evil}"'
    name = "2026-11-23-event4_sinkhole-x\nBcc: victim@elsewhere.example\n.csv"

    taken = take(
        tocsin, put(tocsin, content(row, header=header), name), "--source", "shadowserver", "--feed", "event_sinkhole"
    )
    assert taken["deliveries"] == 2
    tocsin.run("deliver")

    mails = sorted((tocsin.home / "mails").rglob("*.eml"))
    assert len(mails) == 2
    for path in mails:
        message = email.message_from_bytes(path.read_bytes(), policy=email.policy.default)
        assert not any("victim" in value for value in message.values())
        assert (message["Bcc"], len(message.get_all("Subject", []))) == (None, 1)
        assert b"\nBcc:" not in path.read_bytes()
        [data] = [part for part in message.iter_attachments() if part.get_content_type() == "text/csv"]
        [event] = csv.DictReader(io.StringIO(data.get_content(), newline=""))
        assert evil.strip() in event.values() or evil.strip() in json.loads(event["extra"]).values()


def test_names_that_no_terminal_should_see_are_shown_escaped(tocsin: Tocsin, tmp_path: Path) -> None:
    odd = os.fsdecode(os.fsencode(tmp_path) + b"/2026-11-23-scan_rdp-\xff\x1b[2J-geo.csv")
    Path(odd).write_text(content(line(), line("nowhere\x1b[2J").replace("64500", "")))

    feed = ["--source", "shadowserver", "--feed", "scan_rdp"]
    assert counts(take(tocsin, odd, *feed)) == (1, 0, 1)
    for command in (["list"], ["show", "1"]):
        assert "\x1b[2J" not in tocsin.run("quarantine", *command)
    Path(odd).write_bytes(b"")
    assert "\\xff" in tocsin.call("ingest", odd)[2]


# --- replay


def test_set_aside_rows_of_every_kind_can_be_replayed_and_stay_aside(tocsin: Tocsin) -> None:
    rows = [
        line("no address").replace("64500", ""),
        line('a""b').replace("64500", ""),
        line("x\ny").replace("64500", ""),
    ]
    taken = take(tocsin, put(tocsin, content(line(), *rows)))
    assert counts(taken) == (1, 0, 3)
    before = [row["raw"] for row in aside(tocsin)]

    again = tocsin.json("quarantine", "replay", "1")

    assert (again["rows"], again["stored"], again["quarantined"]) == (3, 0, 3)
    assert [row["raw"] for row in tocsin.json("quarantine", "show", "2")] == before
    assert before == rows


SOURCES = [
    ("shadowserver", "scan_rdp"),
    ("idf", "test"),
    ("xarf", "xarf"),
    ("idea", "idea"),
    ("misp", "misp"),
    ("mapped", "any"),
    ("idf_csv", "test"),
    (None, None),
]
MAPPING = 'name = "Any"\n[columns]\na = "source.ip"\nb = "time.source"\nc = "extra.c"\n'
PIECES = [
    "192.0.2.1",
    '"',
    ",",
    "\n",
    "\r",
    "\0",
    "a,b,c\n",
    "{",
    "}",
    "[",
    "]",
    ":",
    '"source.ip"',
    "1.2.3.0/24",
    " ",
    "é",
    "\ufeff",
]
anything = st.one_of(
    st.binary(max_size=300),
    st.lists(st.sampled_from(PIECES), max_size=40).map(lambda parts: "".join(parts).encode()),
    st.lists(st.sampled_from(PIECES), max_size=40).map(lambda parts: HEADER.encode() + b"\n" + "".join(parts).encode()),
    st.binary(max_size=200).map(gzip.compress),
    st.binary(max_size=200).map(lambda data: zipped((NAME, data))),
    st.tuples(st.binary(max_size=200), st.integers(0, 200)).map(lambda it: gzip.compress(it[0])[: it[1]]),
    st.tuples(st.binary(max_size=50), st.integers(0, 160), st.integers(0, 255)).map(
        lambda it: (z := bytearray(zipped((NAME, it[0]))), z.__setitem__(it[1] % len(z), it[2]), bytes(z))[2]
    ),
)


@pytest.fixture(scope="module")
def node() -> Iterator[NodeWithStores]:
    with TemporaryDirectory() as folder:
        made = open_node(Path(folder) / "home")
        (made.home / "feeds").mkdir()
        (made.home / "feeds" / "any.toml").write_text(MAPPING)
        yield made


@given(data=anything | hostile_reports, origin=st.sampled_from(SOURCES))
@example(data=b"\xff\xfe", origin=SOURCES[0])
@example(data=b"\x1f\x8b", origin=SOURCES[0])
@example(data=b"a,:!,:integer\n192.0.2.1,x,y\n", origin=("mapped", "any"))
@example(data=b"source.ip,extra\n192.0.2.1,}{\n", origin=("idf_csv", "test"))
@example(data=b'{"source.ip":"192.0.2.1","a":1e400}', origin=SOURCES[1])
def test_for_any_bytes_the_sums_balance_or_there_is_a_reason(
    node: NodeWithStores, data: bytes, origin: tuple[str | None, str | None]
) -> None:
    path = node.home.parent / "any.dat"
    path.write_bytes(data)
    source, feed = origin

    outcome = ingest(node, [path], source=source, feed=feed)

    assert balanced(outcome)
    assert all(str(error) for _, error in outcome.failed)
    assert not [error for _, error in outcome.failed if isinstance(error, InternalError)]
    assert outcome.counts.reports + outcome.counts.already + len(outcome.failed) >= 1
    if outcome.counts.stored:
        stored = node.store.scan(ingests=outcome.ingests).collect()
        assert len([json.loads(line, parse_constant=pytest.fail) for line in idf_lines(stored)]) == stored.height
