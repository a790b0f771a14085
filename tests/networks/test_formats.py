"""Table files: each format, and everything that can be wrong with a file."""

import gzip
import tempfile
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tocsin.networks import FORMATS, Format, NetworkLookup, read_networks
from tocsin.networks.formats import read_table
from tocsin.networks.load import overlaps_of, tables_of
from tocsin.node.errors import InputError, NotFoundError

IP_LOCATION = """\
1.0.0.0,1.0.0.255,13335,"Cloudflare, Inc."
1.0.4.0,1.0.7.255,38803,Gtelecom Pty Ltd
2001:200::,2001:200:ffff:ffff:ffff:ffff:ffff:ffff,2500,"The ""WIDE"" Project"
"""
IPTOASN = """\
1.0.0.0\t1.0.0.255\t13335\tUS\tCLOUDFLARENET
1.0.1.0\t1.0.3.255\t0\tNone\tNot routed
1.0.4.0\t1.0.7.255\t38803\tAU\tGTELECOM
2c0f:fff0::\t2c0f:fff0:ffff:ffff:ffff:ffff:ffff:ffff\t37125\tNG\tLAYER3
"""
PYASN = """\
; IP-ASN32-DAT file
1.0.128.0/17\t9737
1.0.129.0/24\t23969
1.0.129.0/24\t23970
2001:200::/32\t2500
"""
DELEGATED = """\
2|afrinic|20240105|4|00000000|20240105|00000
afrinic|*|asn|*|1|summary
afrinic|ZA|asn|1228|2|19910301|allocated|F36B9F4B
afrinic|NG|ipv4|41.0.0.0|768|20070101|allocated|F36B9F4B
afrinic|KE|ipv6|2c0f:fff0::|32|20070101|assigned|F36B9F4B
afrinic|ZZ|ipv4|41.1.0.0|256||available|
"""


def write(folder: Path, content: str | bytes) -> Path:
    path = folder / "table"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


@pytest.mark.parametrize(
    ("content", "form", "asked"),
    [
        (IP_LOCATION, "ip-location", ("1.0.0.7", ("1.0.0.0/24", 13335, "Cloudflare, Inc.", None))),
        (IP_LOCATION, "ip-location", ("1.0.5.0", ("1.0.4.0/22", 38803, "Gtelecom Pty Ltd", None))),
        (IP_LOCATION, "ip-location", ("2001:200::1", ("2001:200::/32", 2500, 'The "WIDE" Project', None))),
        (IP_LOCATION, "ip-location", ("1.0.1.0", (None, None, None, None))),
        ("16777216,16777471,AU\n1.0.1.0,1.0.3.255,cn\n", "ip-location", ("1.0.2.9", ("1.0.2.0/23", None, None, "CN"))),
        ("42540528726795050063891204319802818560,42540528806023212578155541913346768895,2500,W\n", "ip-location",
         ("2001:200::1", ("2001:200::/32", 2500, "W", None))),
        ('"1.0.0.0","1.0.0.255","AU"\n', "ip-location", ("1.0.0.0", ("1.0.0.0/24", None, None, "AU"))),
        (IPTOASN, "iptoasn", ("1.0.7.255", ("1.0.4.0/22", 38803, "GTELECOM", "AU"))),
        (IPTOASN, "iptoasn", ("1.0.2.0", (None, None, None, None))),
        (IPTOASN, "iptoasn", ("2c0f:fff0::1", ("2c0f:fff0::/32", 37125, "LAYER3", "NG"))),
        (PYASN, "pyasn", ("1.0.128.1", ("1.0.128.0/17", 9737, None, None))),
        (PYASN, "pyasn", ("1.0.129.1", ("1.0.129.0/24", 23970, None, None))),
        (PYASN, "pyasn", ("2001:200::1", ("2001:200::/32", 2500, None, None))),
        (DELEGATED, "delegated", ("41.0.2.1", ("41.0.2.0/24", None, None, "NG"))),
        (DELEGATED, "delegated", ("41.0.1.1", ("41.0.0.0/23", None, None, "NG"))),
        (DELEGATED, "delegated", ("2c0f:fff0::1", ("2c0f:fff0::/32", None, None, "KE"))),
        (DELEGATED, "delegated", ("41.1.0.0", (None, None, None, None))),
    ],
)  # fmt: skip
@pytest.mark.parametrize("packed", [False, True])
def test_each_format_is_recognised_and_answers(
    tmp_path: Path, content: str, form: Format, asked: tuple[str, tuple[object, ...]], packed: bool
) -> None:
    path = write(tmp_path, gzip.compress(content.encode()) if packed else content)
    assert read_table(path).format == form
    (found,) = read_networks(path).lookup([asked[0]])
    assert (found.prefix, found.asn, found.as_name, found.country) == asked[1]


def test_line_ends_marks_and_comments_do_no_harm(tmp_path: Path) -> None:
    path = write(tmp_path, b"\xef\xbb\xbf# made today\r\n\r\n1.0.0.0,1.0.0.255,AU\r\n1.0.1.0,1.0.1.255,CN")
    content = read_table(path)
    assert (content.lines, content.aside.unused, len(content.ranges), content.aside.junk.count) == (4, 2, 2, 0)


def test_delegated_files_tell_the_country_of_as_numbers(tmp_path: Path) -> None:
    content = read_table(write(tmp_path, DELEGATED))
    assert content.aside.as_countries == {1228: "ZA", 1229: "ZA"}
    assert (content.aside.registry, content.aside.declared, content.aside.records) == ("afrinic", 4, 4)


def test_hostile_sizes_are_junk_or_refused(tmp_path: Path) -> None:
    blocks = "".join(f"afrinic|ZA|asn|{number << 20}|{1 << 20}|1|allocated\n" for number in range(2, 6))
    odd = f"afrinic|XYZ|asn|5|1|1|allocated\nafrinic|ZA|ipv4|41.9.0.0|{'9' * 5_000}|1|allocated\n"
    content = read_table(write(tmp_path, DELEGATED + blocks + odd))
    assert [line.number for line in content.aside.junk.lines] == [8, 9, 10, 11, 12]
    assert len(content.aside.as_countries) == (1 << 20) + 2
    nested = "".join(f"1.0.{n // 256}.{n % 256},1.{255 - n // 256}.0.0,AU\n" for n in range(20_000))
    with pytest.raises(InputError, match="overlap"):
        read_networks(write(tmp_path, nested))


def test_junk_lines_are_named_and_the_rest_is_used(tmp_path: Path) -> None:
    lines = [
        "1.0.0.0,1.0.0.255,13335,One",
        "999.1.1.1,1.0.1.255,13335,Two",
        "1.0.3.0,1.0.2.0,13335,Three",
        "1.0.4.0,1.0.4.255,4294967296,Four",
        "1.0.5.0",
        "1.0.6.0,2001::,13335,Six",
        "1.0.7.0,1.0.7.255,13335,\x1b[31mSeven",
        "1.0.8.0,1.0.8.255,XYZ",
        *(f"1.1.{number}.0,1.1.{number}.255,{number + 1},Name" for number in range(10)),
    ]
    content = read_table(write(tmp_path, "\n".join(lines)))
    junk = content.aside.junk
    assert [line.number for line in junk.lines] == [5, 2, 3, 4, 6, 8]
    assert junk.count == 6
    assert content.lines == len(content.ranges) + junk.count
    assert read_networks(tmp_path / "table").answer("1.0.7.1").as_name == "[31mSeven"


def test_overlaps_are_named(tmp_path: Path) -> None:
    ranges = "1.0.0.0,1.0.3.255,1,A\n1.0.4.0,1.0.4.255,2,B\n1.0.3.0,1.0.4.10,3,C\n"
    found = overlaps_of(read_table(write(tmp_path, ranges)))
    assert [(line.number, line.text) for line in found.lines] == [(2, "1.0.4.0 - 1.0.4.255"), (3, "1.0.3.0 - 1.0.4.10")]
    found = overlaps_of(read_table(write(tmp_path, PYASN)))
    assert [(line.number, line.text) for line in found.lines] == [(4, "1.0.129.0/24")]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "empty"),
        (b"\n\n# nothing\n", "none of the formats"),
        (b"hello\nworld\n", "none of the formats"),
        (b"\x00\x01\x02", "not plain text"),
        ("1.0.0.0,1.0.0.255,AU\n".encode("utf-16"), "not plain text"),
        (gzip.compress(IP_LOCATION.encode())[:-12], "damaged"),
        (gzip.compress(IP_LOCATION.encode())[:-6] + b"abcdef", "damaged"),
        (b"\x1f\x8b\x08" + b"junk" * 10, "damaged"),
        (b"1.0.0.0,1.0.0.255,AU\n" + b"x" * 200_000, "a line of more than"),
        (b"1.0.0.0,1.0.0.255,AU\nfoo\nbar\n", "1 usable lines and 2 that cannot be read"),
        (b"1.2.3.4,1.2.3.3,AU\n", "0 usable lines"),
    ],
)
def test_unusable_files_are_refused_with_a_reason(tmp_path: Path, content: bytes, says: str) -> None:
    with pytest.raises(InputError, match=says) as caught:
        read_networks(write(tmp_path, content))
    assert caught.value.hint


def test_a_bomb_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path, gzip.compress(b"1.0.0.0,1.0.0.255,AU\n" * 100_000))
    with pytest.raises(InputError, match="more than 1,000,000 bytes"):
        read_table(path, limit=1_000_000)


_WHOLE = [line for content in (IP_LOCATION, IPTOASN, PYASN, DELEGATED) for line in content.splitlines()]
_PIECES = st.one_of(st.sampled_from(_WHOLE), st.text(max_size=30), st.sampled_from(["|", "\t", ",", '"', "1.0.0.0"]))


@given(
    st.lists(st.lists(_PIECES, max_size=3).map("".join), max_size=12).map("\n".join),
    st.sampled_from([None, *FORMATS]),
    st.binary(max_size=4),
)
@example("", "ip-location", b"")
def test_any_content_is_used_or_refused_with_a_reason(content: str, form: Format | None, tail: bytes) -> None:
    with tempfile.NamedTemporaryFile() as file:
        file.write(content.encode("utf-8", "surrogatepass") + tail)
        file.flush()
        try:
            read = read_table(Path(file.name), form)
        except InputError:
            return
    tables_of(read).lookup(["1.0.0.0", "2001:200::"])
    told = len(read.ranges) + read.aside.unused + read.aside.junk.count
    assert told == read.lines or (read.format == "delegated" and told <= read.lines)


def test_missing_files_and_folders(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError):
        read_table(tmp_path / "absent")
    with pytest.raises(InputError, match="folder"):
        read_table(tmp_path)


def test_a_registry_name_never_becomes_a_path(tmp_path: Path) -> None:
    hostile = DELEGATED.replace("2|afrinic", "2|../../x").replace("afrinic|NG", "/etc|NG")
    assert read_table(write(tmp_path, hostile)).aside.registry == "afrinic"


def test_what_is_no_address_gets_an_empty_answer_with_an_error(tmp_path: Path) -> None:
    networks = read_networks(write(tmp_path, IP_LOCATION))
    assert networks.lookup([" 999.1.1.1 "]) == [NetworkLookup("999.1.1.1", error="This is not an IP address.")]
