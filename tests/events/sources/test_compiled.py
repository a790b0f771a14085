"""The compiled reader says what is read without it, or nothing: values, keys of rows, addresses."""

import io
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from support.feed_cases import FEEDS, cases
from tocsin.events import row_keys
from tocsin.events.sources import Batch, Chunk, FeedSource, sources
from tocsin.events.sources.delimited import Dialect
from tocsin.events.sources.delimited.exact import read_exact
from tocsin.events.sources.delimited.fast import parse_polars
from tocsin.networks import parse_addresses
from tocsin.node import compiled
from tocsin.node.errors import TocsinError

SCRIPT = Path(__file__).parents[3] / "scripts" / "build-scan"
LONG = b"a value of more bytes than a view of Arrow holds"
PIECES = [b"a", b"1.2", b" ", b'"', b'""', b",", b",", b"\n", b"\r\n", b"\r", b"\x00", b"\xe9", "é".encode(), b'"x"']
PIECES += [b'"y",', b'"' + LONG + b'"', LONG * 30, b"\\", b"\xef\xbb\xbf"]
DAMAGED = st.lists(st.sampled_from(PIECES), min_size=1, max_size=40).map(b"".join)
VALUE = st.one_of(st.text(st.sampled_from('ab é,"\n'), max_size=20), st.sampled_from(["", LONG.decode(), "192.0.2.1"]))
ROW = st.lists(VALUE.map(lambda value: '"' + value.replace('"', '""') + '"'), min_size=3, max_size=3).map(",".join)
# Some hundred records, so that those that are taken apart together are not all of them.
WHOLE = st.tuples(st.lists(ROW, min_size=1, max_size=8), st.integers(1, 99), st.sampled_from(["\n", "\r\n"])).map(
    lambda made: "".join(row + made[2] for row in made[0] * made[1]).encode()
)
ADDRESS = st.one_of(
    st.text(st.sampled_from("0123456789.:abF/% \t"), max_size=20),
    st.ip_addresses().map(str),
    st.ip_addresses(v=6).map(lambda address: address.exploded),
)


@pytest.fixture(scope="module", autouse=True)
def library(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The compiled reader, built as a node's is."""
    if shutil.which("rustc") is None:
        pytest.skip("rustc is not here: install the Debian package 'rustc'")
    path = tmp_path_factory.mktemp("scan") / "scan.so"
    # The compiler's jemalloc asks for the time while faketime is being loaded, and would wait for ever.
    subprocess.run([SCRIPT, path], check=True, env={**os.environ, "LD_PRELOAD": ""})
    with using(path):
        assert compiled.library() is not None
        yield path


@contextmanager
def using(path: Path) -> Iterator[None]:
    """What lies at a path is the library."""
    before, compiled.LIBRARY = compiled.LIBRARY, path  # type: ignore[misc]  # where a node of another place has it
    compiled.library.cache_clear()
    try:
        yield
    finally:
        compiled.LIBRARY = before  # type: ignore[misc]
        compiled.library.cache_clear()


@given(
    st.one_of(DAMAGED, WHOLE),
    st.integers(1, 4),
    st.sampled_from(",;\t |."),
    st.sampled_from([5, 100, 1 << 20]),
    st.booleans(),
)
@example(b"", 1, ",", 9, False)
@example(b'"x,"y","z"\n', 3, ",", 9, False)
@example(b"a" * 64, 1, ",", 99, False)
@example(b'"' + b"a" * 62 + b'"', 1, ",", 99, False)
@example(b"a" * 63 + b" ", 1, ",", 99, False)
def test_it_takes_what_is_read_exactly(data: bytes, width: int, separator: str, limit: int, portable: bool) -> None:
    data = data.replace(b",", separator.encode())
    columns, dialect = [f"c{number}" for number in range(width)], Dialect(separator, field_limit=limit)
    known = parse_polars(data, columns, dialect)
    found = compiled.scan(data, width, separator, limit, portable=portable)
    assert found is not None or known is None
    if found is None:
        return
    frame, plain = found
    hashes = frame.drop_in_place(compiled.HASH)
    exact, unreadable = read_exact(Chunk(data, 1, 1), width, dialect)
    assert not unreadable
    assert not any(row.flags for row in exact)
    assert frame.rows() == [tuple(row.values) for row in exact]
    assert (row_keys(hashes, "x") == row_keys(pl.Series([row.raw for row in exact], dtype=pl.String), "x")).all()
    if known is not None:
        assert known[0].equals(frame.rename(dict(zip(frame.columns, columns, strict=True))))
        assert known[1] or not plain


@given(st.binary(max_size=2100), st.booleans())
def test_its_hashes_are_those_of_any_length(letters: bytes, portable: bool) -> None:
    text = letters.hex()[: len(letters)] or "a"
    found = compiled.scan(text.encode(), 1, ",", 1 << 20, portable=portable)
    assert found is not None
    assert row_keys(found[0][compiled.HASH], "x") == row_keys(pl.Series([text]), "x")


@given(st.lists(st.one_of(ADDRESS, st.none()), min_size=1, max_size=9))
@example(["1.2.3.4", "01.2.3.4", "1.2.3", "1.2.3.4.5", "256.1.1.1", " 1.2.3.4\t", "1.2.3.", "1.2.3.4/32"])
@example(["::", "::ffff:1.2.3.4", "::FFFF:102:304", "1:2:3:4:5:6:7::", "1::2::3", "fe80::1%eth0", "1:2:3:4:5:6:7:8:9"])
def test_addresses_are_the_same_with_it_and_without(texts: list[str | None]) -> None:
    column = pl.concat([pl.Series(["a text longer than that"]), pl.Series(texts, dtype=pl.String)], rechunk=False)[1:]
    found = parse_addresses(column)
    with using(Path("none")):
        wanted = parse_addresses(column)
    for one, other in zip(found, wanted, strict=True):
        assert np.array_equal(one, other)


def batches(source: FeedSource, code: str, data: bytes) -> list[Batch]:
    reader = source.open(code, io.BytesIO(data), 1 << 20)
    return [reader.parse(chunk) for chunk in reader.chunks()]


def test_the_reports_of_the_feed_cases_have_the_same_keys_with_it_and_without(shared_data: Path) -> None:
    feeds, reads = shared_data / "feeds", sources()
    samples = sorted((shared_data / "shadowserver" / "samples").glob("*.csv"))
    reports = [(reads["shadowserver"], path.stem, path) for path in samples]
    for case in cases(feeds):
        files = case["input_file"] if isinstance(case["input_file"], list) else [case["input_file"]]
        for code in FEEDS.get(str(case["parser"]), "").split():
            reports += [(reads.get(code, reads["mapped"]), code, feeds / str(name)) for name in files]
    hashed = 0
    for source, code, path in reports:
        try:
            found = batches(source, code, path.read_bytes())
        except TocsinError:  # one of several files of the catalogue that the case may be for
            continue
        with using(Path("none")):
            wanted = batches(source, code, path.read_bytes())
        for one, other in zip(found, wanted, strict=True):
            assert one.frame.equals(other.frame), code
            assert (row_keys(one.key_texts(), code) == row_keys(other.key_texts(), code)).all(), code
            hashed += one.hashes is not None
    assert hashed > 70


def test_a_library_of_another_version_is_not_used(tmp_path: Path, library: Path) -> None:
    other = tmp_path / "scan.so"
    other.write_bytes(library.read_bytes().replace(b"tocsin_scan_1", b"tocsin_scan_0"))
    for path in (other, library.with_suffix(".rs")):
        with using(path):
            assert compiled.library() is None
