"""Delegation files import whole, agree with a recount by awk, and name what is wrong with them."""

import gzip
import subprocess
from datetime import UTC, date, datetime
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.directory.registry import (
    DelegationsImported,
    allocated_asns,
    files_as_of,
    import_delegations,
    kept_files,
)
from tocsin.directory.registry.delegations import read_delegations
from tocsin.node.errors import InputError, NotFoundError
from tocsin.node.records import AuditEntry, Database

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
AFRINIC = "delegated-afrinic-extended-latest-2024-01-06.gz"
LACNIC = "delegated-lacnic-extended-latest-2024-01-06.gz"
HEAD = "2|afrinic|20240105|{}|00000000|20240105|00000"
LINES = (
    "afrinic|MU|asn|37100|4|20100101|allocated|A1",
    "afrinic|ZA|ipv4|196.1.0.0|768|20100101|assigned|A1",
    "afrinic|ke|ipv6|2001:4200::|32|20100101|allocated|A2",
    "afrinic||asn|37200|1||available",
    "afrinic|ZZ|ipv4|196.2.0.0|256|00000000|reserved|",
)


def take(records: Database, home: Path, path: Path, **more: object) -> list[DelegationsImported]:
    return import_delegations(records, home, path, actor="test", now=NOW, **more)  # type: ignore[arg-type]


def write(folder: Path, *lines: str, name: str = "delegated-afrinic-extended-latest", head: str = HEAD) -> Path:
    path = folder / name
    path.write_text("\n".join([head.format(len(lines)), *lines]) + "\n")
    return path


def awk(path: Path, program: str) -> dict[tuple[str, ...], int]:
    """What a plain awk program prints of a packed file: keys, and a number last."""
    unpacked = gzip.decompress(path.read_bytes())
    out = subprocess.run(["awk", "-F|", program], input=unpacked, capture_output=True, check=True).stdout.decode()
    rows = [line.split() for line in out.splitlines()]
    return {tuple(row[:-1]): int(row[-1]) for row in rows}


GIVEN = '($7=="allocated"||$7=="assigned")'


@pytest.mark.parametrize(("name", "rir", "day"), [(AFRINIC, "afrinic", 5), (LACNIC, "lacnic", 4)])
def test_whole_files_import(
    records: Database, tmp_path: Path, shared_data: Path, name: str, rir: str, *, day: int
) -> None:
    path = shared_data / "rir" / name
    (done,) = take(records, tmp_path, path)

    assert (done.rir, done.as_of, done.state) == (rir, date(2024, 1, day), "new")
    assert (done.broken, done.remarks, done.overlaps) == (0, (), ())
    counts = awk(path, 'NF>=7 && $2!="*" && $1!~/^[0-9]/ {n[$3" "$7]++} END {for (k in n) print k, n[k]}')
    assert counts == {(kind, status): n for kind, found in done.counts.items() for status, n in found.items()}


@pytest.mark.parametrize("name", [AFRINIC, LACNIC])
def test_countries_agree_with_a_recount_by_awk(name: str, records: Database, tmp_path: Path, shared_data: Path) -> None:
    path = shared_data / "rir" / name
    take(records, tmp_path, path)
    asns = allocated_asns(tmp_path, date(2024, 1, 6))
    recount = awk(path, f'$3=="asn" && {GIVEN} {{n[$2]+=$5}} END {{for (k in n) print k, n[k]}}')
    assert recount == {(country,): n for country, n in asns.frame.group_by("country").len().iter_rows()}
    assert [file.file for file in asns.files] == [name]

    networks = read_delegations(path).records.filter(pl.col("status").is_in(["allocated", "assigned"]))
    addresses = pl.col("last") - pl.col("first") + 1
    for kind, size, sums in (("ipv4", "$5", addresses.sum()), ("ipv6", "1", pl.len())):
        recount = awk(path, f'$3=="{kind}" && {GIVEN} {{n[$2]+={size}}} END {{for (k in n) print k, n[k]}}')
        ours = networks.filter(pl.col("kind") == kind).group_by("country").agg(sums)
        assert recount == {(country,): n for country, n in ours.iter_rows()}


def test_the_lists_of_as_numbers_of_all_five_registries(records: Database, tmp_path: Path, shared_data: Path) -> None:
    paths = sorted((shared_data / "rir").glob("asn-*.csv.gz"))
    assert len(paths) == 5
    for path in paths:
        (done,) = take(records, tmp_path, path)
        lines = gzip.decompress(path.read_bytes()).decode().splitlines()[1:]
        dated = sum(1 for line in lines if line.split(",")[3])
        assert (done.records, done.counts["asn"]["allocated"]) == (len(lines), dated)
        assert (done.shape, done.as_of, done.broken) == ("as-list", date(2024, 1, 6), 0)
    both = allocated_asns(tmp_path, date(2024, 1, 6))
    assert {file.rir for file in both.files} == {"afrinic", "apnic", "arin", "lacnic", "ripencc"}
    assert both.frame["asn"].is_sorted()


def test_ranges_of_numbers_and_addresses(records: Database, tmp_path: Path) -> None:
    (done,) = take(records, tmp_path, write(tmp_path, *LINES))

    assert (done.records, done.broken, done.remarks) == (5, 0, ())
    asns = allocated_asns(tmp_path, date(2024, 1, 5)).frame
    assert asns["asn"].to_list() == [37100, 37101, 37102, 37103]
    assert asns.row(0, named=True) == {
        "asn": 37100,
        "country": "MU",
        "rir": "afrinic",
        "date": date(2010, 1, 1),
        "status": "allocated",
        "holder": "A1",
    }
    assert done.counts["asn"]["available"] == 1
    networks = pl.read_parquet(tmp_path / "registry" / "delegations" / "*.parquet")
    networks = networks.filter((pl.col("kind") != "asn") & pl.col("status").is_in(["allocated", "assigned"]))
    assert networks.select("kind", "first", "last", "country").rows() == [
        ("ipv4", 196 << 24 | 1 << 16, (196 << 24 | 1 << 16) + 767, "ZA"),  # 768 addresses are no single network
        ("ipv6", 0x2001_4200 << 32, (0x2001_4201 << 32) - 1, "KE"),
    ]


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("afrinic|MU|asn|37100", "seven fields"),
        ("moonnic|MU|asn|37100|1|20100101|allocated|A", "the registry is none of"),
        ("arin|US|asn|37100|1|20100101|allocated|A", "another registry"),
        ("afrinic|MU|phone|37100|1|20100101|allocated|A", "the type is none of"),
        ("afrinic|MU|asn|37100|1|20100101|stolen|A", "the status is none of"),
        ("afrinic|MUS|asn|37100|1|20100101|allocated|A", "not two letters"),
        ("afrinic|MU|asn|37100|1|20101301|allocated|A", "not a day"),
        ("afrinic|MU|asn|4294967290|10|20100101|allocated|A", "AS number"),
        ("afrinic|MU|asn|x|1|20100101|allocated|A", "AS number"),
        ("afrinic|MU|asn|37100|0|20100101|allocated|A", "AS number"),
        ("afrinic|MU|ipv4|196.1.0|256|20100101|allocated|A", "IPv4"),
        ("afrinic|MU|ipv4|255.255.255.0|512|20100101|allocated|A", "IPv4"),
        ("afrinic|MU|ipv4|196.1.0.0|-1|20100101|allocated|A", "IPv4"),
        ("afrinic|MU|ipv6|2001:4200::1|32|20100101|allocated|A", "IPv6"),
        ("afrinic|MU|ipv6|2001:4200::|129|20100101|allocated|A", "IPv6"),
    ],
)
def test_a_broken_line_is_named_and_the_rest_is_taken(line: str, why: str, records: Database, tmp_path: Path) -> None:
    (done,) = take(records, tmp_path, write(tmp_path, LINES[0], line, LINES[1]))

    assert (done.records, done.broken) == (2, 1)
    (refused,) = done.not_taken
    assert refused.where == "delegated-afrinic-extended-latest, line 3"
    assert (refused.what, why in refused.why) == (line, True)


def test_summaries_are_checked(records: Database, tmp_path: Path) -> None:
    summaries = ("afrinic|*|asn|*|3|summary", "afrinic|*|ipv4|*|1|summary")
    (done,) = take(records, tmp_path, write(tmp_path, *summaries, *LINES[:2]))
    assert done.remarks == (
        "records of asn: the summary says 3, the file has 1",
        "records: the header says 4, the file has 2",
    )


def test_overlaps_and_registries_that_disagree_are_told(records: Database, tmp_path: Path) -> None:
    inner = "afrinic|MU|asn|37102|1|20110101|allocated|A9"
    (done,) = take(records, tmp_path, write(tmp_path, *LINES, inner))
    assert done.overlaps == ("line 7, AS37102: overlaps line 2, AS37100-AS37103",)

    other = "2|ripencc|20240105|1|0|20240105|0"
    path = write(tmp_path, "ripencc|FR|asn|37103|2|20120101|assigned|R1", name="delegated-ripencc", head=other)
    (done,) = take(records, tmp_path, path)
    assert done.claimed_twice == ("AS37103: afrinic gives it to MU, ripencc to FR",)
    twice = allocated_asns(tmp_path, date(2024, 1, 5)).frame.filter(pl.col("asn") == 37103)
    assert twice.select("rir", "country").rows() == [("afrinic", "MU"), ("ripencc", "FR")]


def test_the_same_file_again_changes_nothing(records: Database, tmp_path: Path) -> None:
    path = write(tmp_path, *LINES)
    (dry,) = take(records, tmp_path, path, dry_run=True)
    assert (dry.state, kept_files(tmp_path)) == ("new", [])

    take(records, tmp_path, path)
    kept = next((tmp_path / "registry" / "delegations").iterdir())
    before = kept.stat().st_mtime_ns
    (again,) = take(records, tmp_path, path)
    assert (again.state, kept.stat().st_mtime_ns) == ("as before", before)

    write(tmp_path, *LINES[:3])
    (replaced,) = take(records, tmp_path, path)
    assert (replaced.state, replaced.records) == ("replaced", 3)
    with records.begin() as session:
        acts = session.query(AuditEntry).all()
        assert [(act.word, act.subject, act.detail["replaced"]) for act in acts] == [
            ("delegations.imported", "delegations:afrinic", False),
            ("delegations.imported", "delegations:afrinic", True),
        ]


def test_a_newer_file_shows_what_changed(records: Database, tmp_path: Path) -> None:
    take(records, tmp_path, write(tmp_path, *LINES))
    moved = LINES[0].replace("|MU|", "|RE|")
    newer = write(tmp_path, moved, LINES[1], head=HEAD.replace("20240105", "20240201"))
    (done,) = take(records, tmp_path, newer, dry_run=True)

    assert (done.compared_with, done.changes) == (date(2024, 1, 5), {"country": 1, "returned": 1})


def test_a_combined_file_is_kept_by_registry(records: Database, tmp_path: Path) -> None:
    lines = (LINES[0], "arin|US|asn|10|1|20100101|assigned|X|e-stats")
    path = write(tmp_path, *lines, name="nro", head="2|nro|20240105|2|0|20240105|0")
    assert [(one.rir, one.records) for one in take(records, tmp_path, path)] == [("afrinic", 1), ("arin", 1)]
    assert [file.rir for file in files_as_of(tmp_path, date(2024, 1, 5))] == ["afrinic", "arin"]
    (only,) = take(records, tmp_path, path, rir="arin", dry_run=True)
    assert only.rir == "arin"


def test_what_is_asked_for_a_day_without_files(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="No delegation file of 2020-01-01"):
        allocated_asns(tmp_path, date(2020, 1, 1))


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ("", "empty"),
        ("hello\n", "no delegation file"),
        (HEAD.format(0) + "\n", "no record"),
        ("\0\0", "not plain text"),
    ],
)
def test_files_that_are_none(content: str, why: str, records: Database, tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text(content)
    with pytest.raises(InputError, match=why):
        take(records, tmp_path, path)


def test_a_file_without_a_day_needs_one(records: Database, tmp_path: Path) -> None:
    path = tmp_path / "list.csv"
    path.write_text("RIR,Country Code,ASN Number,Allocated Date\nafrinic,ZA,AS1228,19910301\n")
    with pytest.raises(InputError, match="of which day"):
        take(records, tmp_path, path)
    (done,) = take(records, tmp_path, path, as_of=date(2024, 1, 1))
    assert done.as_of == date(2024, 1, 1)


fields = st.sampled_from(["", "afrinic", "MU", "asn", "ipv4", "ipv6", "1", "196.1.0.0", "2001:db8::", "allocated", "x"])


@given(st.lists(st.lists(fields, max_size=9).map("|".join), max_size=20))
def test_every_line_is_a_record_or_has_a_reason(tmp_path_factory: pytest.TempPathFactory, lines: list[str]) -> None:
    path = tmp_path_factory.mktemp("lines") / "delegated"
    path.write_text("\n".join([HEAD, LINES[0], *lines]) + "\n")
    read = read_delegations(path)

    silent = sum(1 for line in lines if not line.strip() or line.endswith("|summary"))
    assert len(read.records) + read.broken_count + silent == len(lines) + 1
