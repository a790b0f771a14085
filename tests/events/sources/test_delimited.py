"""Delimited text: the fast path equals the exact one, no byte is lost, and bad input says what is wrong with it."""

import codecs
import io

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tocsin.events.sources import Batch, Chunk
from tocsin.events.sources.delimited import DelimitedReader, Dialect, Shaping
from tocsin.events.sources.delimited import reader as module
from tocsin.events.sources.delimited.exact import read_exact, scan
from tocsin.events.sources.delimited.fast import parse_fast, parse_recoded
from tocsin.node.errors import InputError

PIECES = [
    b"a",
    b"1.2",
    b" ",
    b'"',
    b'""',
    b",",
    b",",
    b"\n",
    b"\r\n",
    b"\r",
    b"\x00",
    b"\xe9",
    "é".encode(),
    b'"x"',
    b'"y",',
]
TEXT = st.text(st.sampled_from('ab é,"\n;'), max_size=6)


def reader(data: bytes, chunk_bytes: int = 1 << 20, dialect: Dialect | None = None) -> DelimitedReader:
    return DelimitedReader(io.BytesIO(data), chunk_bytes, lambda _: Shaping(lambda frame: frame), dialect)


def batches(data: bytes, chunk_bytes: int = 1 << 20, dialect: Dialect | None = None) -> list[Batch]:
    opened = reader(data, chunk_bytes, dialect)
    return [opened.parse(chunk) for chunk in opened.chunks()]


def rows(data: bytes, chunk_bytes: int = 1 << 20, dialect: Dialect | None = None) -> list[dict[str, str]]:
    """What was read, without what is null."""
    return [
        {name: value for name, value in row.items() if value is not None}
        for batch in batches(data, chunk_bytes, dialect)
        for row in batch.frame.rows(named=True)
    ]


@given(st.lists(st.sampled_from(PIECES), min_size=1, max_size=40).map(b"".join), st.integers(1, 4))
@example(b'"x"1"\n', 1)
@example(b'"x,"y","z"\n', 3)
@example(b'a"b,c"d\n', 2)
def test_the_fast_path_is_taken_only_where_it_equals_the_exact_one(data: bytes, width: int) -> None:
    columns = [f"c{number}" for number in range(width)]
    fast = parse_fast(data, columns, Dialect())
    exact, unreadable = read_exact(Chunk(data, 1, 1), width, Dialect())
    if fast is not None:
        frame, plain, _ = fast
        assert frame.rows() == [tuple(row.values) for row in exact]
        assert not unreadable
        assert not any(row.flags for row in exact)
        values = [value for row in frame.rows() for value in row if value is not None]
        assert not plain or all(value == value.strip() and not set(value) & set('"\\\r\n\t\x00') for value in values)


@given(
    st.lists(st.sampled_from([*PIECES, b"\xe9\n", b"\x81"]), min_size=1, max_size=40).map(b"".join), st.integers(1, 4)
)
def test_other_encodings_are_read_fast_as_they_are_read_exactly(data: bytes, width: int) -> None:
    columns = [f"c{number}" for number in range(width)]
    recoded = parse_recoded(data, columns, Dialect())
    if recoded is not None:
        frame, flags = recoded
        exact, _ = read_exact(Chunk(data, 1, 1), width, Dialect())
        assert frame.rows() == [tuple(row.values) for row in exact]
        assert flags.to_list() == [" ".join(row.flags) or None for row in exact]


@given(st.lists(st.sampled_from(PIECES), max_size=40).map(b"".join))
def test_every_byte_belongs_to_one_record_or_is_a_blank_line(data: bytes) -> None:
    position = 0
    for record in scan(data, Dialect(), final=True):
        assert not data[position : record.start].strip(b"\r\n")
        position = record.end
    assert not data[position:].strip(b"\r\n")


@given(st.lists(st.sampled_from(PIECES), max_size=60).map(b"".join), st.integers(1, 50), st.integers(1, 20))
def test_the_parts_of_any_report_make_the_whole(data: bytes, chunk_bytes: int, limit: int) -> None:
    opened = reader(b"c0,c1,c2\n" + data, chunk_bytes, Dialect(field_limit=limit))
    chunks = list(opened.chunks())
    assert b"".join(chunk.data for chunk in chunks) == data
    for chunk in chunks:
        batch = opened.parse(chunk)
        records = list(scan(chunk.data, Dialect(field_limit=limit), final=True))
        assert len(records) == batch.frame.height + len(batch.unreadable)
        assert len(batch.locate(range(batch.frame.height))) == batch.frame.height


@given(st.lists(st.tuples(TEXT, TEXT, TEXT.filter(bool)), max_size=12), st.integers(1, 60), st.booleans())
def test_what_a_writer_wrote_is_read_whatever_the_chunks(
    table: list[tuple[str, ...]], size: int, windows: bool
) -> None:
    end = "\r\n" if windows else "\n"
    quoted = [",".join('"' + value.replace('"', '""') + '"' for value in row) + end for row in table]
    read = rows(("x,y,z" + end + "".join(quoted)).encode(), size)
    assert read == [{name: value for name, value in zip("xyz", row, strict=True) if value} for row in table]


def test_record_numbers_rise_and_lines_are_those_of_the_file() -> None:
    data = b'x,y\n1,2\n\n"a\nb",3\n4\n5,6\n'
    opened = reader(data, 8)
    places = []
    for chunk in opened.chunks():
        batch = opened.parse(chunk)
        places += batch.locate(range(batch.frame.height))
        assert chunk.first_record == chunk.first_line - 1
    assert places == [(2, "1,2"), (4, '"a\nb",3'), (6, "4"), (7, "5,6")]


def test_a_bad_record_does_not_slow_or_change_the_others() -> None:
    good = b'"1","2"\n' * 20_000
    batch = batches(b"x,y\n" + good + b"short\n" + good, 1 << 20)
    assert sum(one.frame.height for one in batch) == 40_001
    flags = [flag for one in batch if "flags" in one.frame.columns for flag in one.frame["flags"] if flag]
    assert flags == ["short"]
    places = [place for one in batch for place in one.locate([0, one.frame.height - 1])]
    assert places[0] == (2, '"1","2"')
    assert places[-1] == (40_002, '"1","2"')


BAD_INPUT = {
    "UTF-8 with byte-order mark": (codecs.BOM_UTF8 + "x,y\n1,é\n".encode(), [{"x": "1", "y": "é"}]),
    "UTF-16 with mark": ("x,y\n1,é\n".encode("utf-16"), [{"x": "1", "y": "é"}]),
    "UTF-16 without mark": ("x,y\n1,é\n".encode("utf-16-be"), [{"x": "1", "y": "é"}]),
    "Latin-1": (b"x,y\n1,\xe9\n2,z\n", [{"x": "1", "y": "é", "flags": "encoding"}, {"x": "2", "y": "z"}]),
    "NUL bytes": (b"x,y\n1,a\x00b\n", [{"x": "1", "y": "ab", "flags": "nul"}]),
    "mixed line ends": (b"x,y\n1,2\r\n3,4\r5,6\n", [{"x": "1", "y": "2"}, {"x": "3", "y": "4"}, {"x": "5", "y": "6"}]),
    "old line ends": (b"x,y\r1,2\r3,4\r", [{"x": "1", "y": "2"}, {"x": "3", "y": "4"}]),
    "line end in quotes": (b'x,y\n1,"a\nb"\n', [{"x": "1", "y": "a\nb"}]),
    "short row": (b"x,y\n1\n2,3\n", [{"x": "1", "flags": "short"}, {"x": "2", "y": "3"}]),
    "surplus columns": (b"x,y\n1,2,3,4\n", [{"x": "1", "y": "2", "flags": "surplus", "extra.tocsin_surplus": "3,4"}]),
    "doubled column": (b"x,x,\n1,2,3\n", [{"x": "1", "x.2": "2", "column_3": "3"}]),
    "quotes in quotes": (b'x,y\n1,"a "b" c"\n', [{"x": "1", "y": 'a "b" c', "flags": "quotes"}]),
    "quote in a value": (b'x,y\n1,5" disk\n', [{"x": "1", "y": '5" disk'}]),
    "unclosed quote": (
        b'x,y\n1,"ab\n2,c\n',
        [{"x": "1", "flags": "quotes cut", "extra.tocsin_cut": "ab"}, {"x": "2", "y": "c"}],
    ),
    "cut off within a row": (
        b"x,y,z\n1,2,3\n4,192.0.2.1",
        [
            {"x": "1", "y": "2", "z": "3"},
            {"x": "4", "flags": "short cut", "extra.tocsin_cut": "192.0.2.1"},
        ],
    ),
    "header only": (b"x,y\n", []),
    "header without line end": (b"x,y", []),
    "blank lines": (b"\n\nx,y\n\n1,2\n\n", [{"x": "1", "y": "2"}]),
}


@pytest.mark.parametrize("case", BAD_INPUT)
@pytest.mark.parametrize("chunk_bytes", [1 << 20, 7])
def test_bad_input_is_read_as_far_as_it_goes(case: str, chunk_bytes: int) -> None:
    data, wanted = BAD_INPUT[case]
    assert rows(data, chunk_bytes) == wanted


@pytest.mark.parametrize(
    "data", [b"", b"\n\n", codecs.BOM_UTF8, b"\x1f\x8b\x08\x00\x01\x02\n\x00", b"PK\x03\x04\x14,\n"]
)
def test_what_is_no_report_at_all_is_refused(data: bytes) -> None:
    with pytest.raises(InputError) as refused:
        reader(data)
    assert refused.value.hint


def test_a_field_longer_than_the_limit_is_set_aside_whole() -> None:
    data = b"x,y\n1," + b"a" * 5000 + b'\n2,"' + b"b" * 5000 + b'"\n3,c\n'
    (batch,) = batches(data, dialect=Dialect(field_limit=4999))
    assert batch.frame.rows() == [("3", "c")]
    assert [(one.line, len(one.raw)) for one in batch.unreadable] == [(2, 5002), (3, 5004)]
    assert all("longer than 4999 bytes" in one.reason for one in batch.unreadable)
    (batch,) = batches(data, dialect=Dialect(field_limit=5000))
    assert batch.frame.height == 3


def test_a_field_of_ten_megabytes_is_set_aside_and_read_when_allowed() -> None:
    data = b"x,y\n1," + b"a" * 10_000_000 + b"\n2,b\n"
    found = batches(data, 1 << 16)
    assert sum(batch.frame.height for batch in found) == 1
    assert [len(one.raw) for batch in found for one in batch.unreadable] == [10_000_002]
    assert sum(batch.frame.height for batch in batches(data, dialect=Dialect(field_limit=1 << 24))) == 2


def test_a_line_without_end_does_not_fill_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LINE_LIMIT", 1000)
    data = b"x,y\n" + b"a" * 5500 + b"\n1,2\n"
    opened = reader(data, 400, Dialect(field_limit=100))
    chunks = list(opened.chunks())
    assert max(len(chunk.data) for chunk in chunks) <= 1400
    found = [opened.parse(chunk) for chunk in chunks]
    assert "".join(one.raw for batch in found for one in batch.unreadable).replace("\n", "") == "a" * 5500
    assert [row for batch in found for row in batch.frame.rows()] == [("1", "2")]


def test_comments_are_left_out() -> None:
    data = b"# made today\nx;y\n1;2\n# middle\n3;4\n"
    assert rows(data, dialect=Dialect(";", "#")) == [{"x": "1", "y": "2"}, {"x": "3", "y": "4"}]


@given(st.lists(st.sampled_from(["a", "a.2", "a.3", "a.2.3", "", "column_1", "b"]), max_size=8))
def test_every_column_has_a_name_of_its_own(header: list[str]) -> None:
    names = module.column_names([name.encode() for name in header])
    assert len(set(names)) == len(names) == len(header)


def test_a_header_of_countless_columns_is_refused() -> None:
    assert len(module.column_names([b"x"] * 2_000)) == 2_000
    with pytest.raises(InputError, match="2,001 columns, more than 2,000"):
        module.column_names([b"x"] * 2_001)


def test_comments_before_the_header_may_be_longer_than_any_line() -> None:
    data = b"#" * 999 + b"\n"
    opened = reader(data * 20_000 + b"#\r\na,b\n1,2\n", dialect=Dialect(comment="#"))
    (chunk,) = opened.chunks()
    assert (opened.columns, chunk.first_line, chunk.data) == (("a", "b"), 20_003, b"1,2\n")
