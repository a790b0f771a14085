"""What else a mapping can say: separators, encodings, blocks of lines, lists of names and values, addresses as keys."""

import io
import json
import tomllib
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest

from tocsin.events.fields import BY_NAME
from tocsin.events.idf_out import to_idf
from tocsin.events.normalise import normalise
from tocsin.events.sources import MappingError, sources
from tocsin.events.sources.mapped.reading import read_mapping
from tocsin.events.sources.mapped.suggestion import suggestion
from tocsin.events.values import mend_url, read_values

NOW = datetime(2026, 11, 24, tzinfo=UTC)
END = '\n[constants]\n"classification.type" = "scanner"\n'


def read(folder: Path, mapping: str, data: bytes, chunk: int = 1 << 20) -> tuple[list[dict[str, object]], list[str]]:
    (folder / "a.toml").write_text(mapping + END, encoding="utf-8")
    source = sources(folder)["mapped"]
    reader = source.open("a", io.BytesIO(data), chunk)
    events: list[dict[str, object]] = []
    aside: list[str] = []
    for one in reader.chunks():
        batch = reader.parse(one)
        made = normalise(batch, source.feed("a"), NOW)
        assert len(batch.key_texts()) == batch.frame.height
        events += to_idf(made.frame.filter(made.usable))
        aside += [raw for _, _, raw in made.set_aside(batch)]
    return events, aside


URLS = {
    "http://bad.example/x": True,
    "http://192.0.2.1:8080/": True,
    "http://[2001:db8::1]:443/a": True,
    "https://u:p@bad.example:65535": True,
    "http://bücher.example/": True,
    "http://intranet/": True,
    "http://_dmarc.bad.example/?q=1 2": True,
    "http://bad.example:/": True,
    "http://[Adblock]": False,
    "http://[D] bad.example/x": False,
    "http://-": False,
    "http://-/path": False,
    "http://.": False,
    "http://bad.example:99999/": False,
    "http://bad.example:65536": False,
    "http://bad.example:x/": False,
    "http://:80/": False,
    "http://@/": False,
    "http://[192.0.2.1]/": False,
    "hxxp://bad[.]example:80/x": True,
    "hxxp://[.]/": False,
}


@pytest.mark.parametrize("url", URLS)
def test_a_url_has_a_host_and_a_port_that_can_be(url: str) -> None:
    values, wrong = read_values(pl.Series([url]), BY_NAME["source.url"], "")
    assert (values[0] is not None) == URLS[url] == (wrong is None)
    assert (mend_url(url) is not None) == URLS[url]


@pytest.mark.parametrize("separator", ["||", "¦", " - ", "\\t\\t", ",,"])
def test_columns_may_be_separated_by_several_characters(separator: str, tmp_path: Path) -> None:
    mapping = f'separator = "{separator}"\n[columns]\nip = "source.ip"\nnote = "extra.note"'
    sign = separator.encode().decode("unicode_escape") if separator.isascii() else separator
    rows = [
        ["ip", "note"],
        ["192.0.2.1", '"a' + sign + 'b"'],
        ["192.0.2.2", "x|,-\tz"],
        ["192.0.2.3", '"q"r'],
        ["192.0.2.4"],
    ]
    data = "\n".join(sign.join(row) for row in rows) + "\n"
    for chunk in (16, 1 << 20):
        events, aside = read(tmp_path, mapping, data.encode(), chunk)
        assert not aside
        assert [event["source.ip"] for event in events] == [f"192.0.2.{n}" for n in range(1, 5)]
        assert [event.get("extra.note") for event in events][:2] == [f"a{sign}b", "x|,-\tz"]
        assert "short" in str(events[3]["flags"])


BLOCKS = """format = "lines"
pattern = '^Host: (?<host>.*)|Seen: (?<seen>.*)|Note: (?<note>.*)|(?<port>\\d+)$'
carry = ["host", "seen", "note"]
[columns]
host = "source.ip"
seen = "time.source"
port = "source.port"
note = "extra.note"
"""


@pytest.mark.parametrize("chunk", [10, 40, 1 << 20])
def test_a_block_of_lines_hands_nothing_on_to_the_next(chunk: int, tmp_path: Path) -> None:
    text = "Host: 192.0.2.1\nSeen: 2026-11-20 10:00:00\nNote: a\n22\n80\nHost: 192.0.2.2\n443\n\nHost: 192.0.2.3\n"
    text += "Seen: 2026-11-21 10:00:00\n25\nHost: nowhere\nNote: b\n1\n2\n"
    events, aside = read(tmp_path, BLOCKS, text.encode(), chunk)
    assert [(one["source.ip"], one["source.port"], str(one.get("time.source"))[8:10]) for one in events] == [
        ("192.0.2.1", 22, "20"),
        ("192.0.2.1", 80, "20"),
        ("192.0.2.2", 443, ""),
        ("192.0.2.3", 25, "21"),
    ]
    assert [one.get("extra.note") for one in events] == ["a", "a", None, None]
    assert aside == ["Host: nowhere\nNote: b\n1", "Host: nowhere\nNote: b\n2"]
    assert read(tmp_path, BLOCKS, "\n".join(aside).replace("nowhere", "192.0.2.9").encode())[0][1]["source.port"] == 2


KEYS = {"192.0.2.1": {"ports": [1], "seen": "2026-11-20"}, "192.0.2.2": {"ports": [], "seen": "2026-11-21"}}


@pytest.mark.parametrize(
    ("records", "document", "columns"),
    [
        ("*", KEYS, 'key = "source.ip"\nseen = "time.source"'),
        ("hosts", {"hosts": KEYS, "more": 1}, 'key = "source.ip"\n"value.seen" = "time.source"'),
        ("a.hosts", {"a": {"hosts": KEYS}}, 'key = "source.ip"\n"value.seen" = "time.source"'),
    ],
)
def test_addresses_may_be_the_keys_of_objects(records: str, document: object, columns: str, tmp_path: Path) -> None:
    mapping = f'format = "json"\nrecords = "{records}"\n[columns]\n{columns}'
    events, aside = read(tmp_path, mapping, json.dumps(document).encode())
    assert not aside
    assert [(one["source.ip"], str(one["time.source"])[8:10]) for one in events] == [
        ("192.0.2.1", "20"),
        ("192.0.2.2", "21"),
    ]


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        (
            '{"src_ip": "192.0.2.1", "dest_ip": "198.51.100.1", "src_hostname": "a.example"}\n',
            {"src_hostname": "source.fqdn", "src_ip": "source.ip", "dest_ip": "destination.ip"},
        ),
        (
            '{"src_ip": "192.0.2.1", "dest_ip": "198.51.100.1", "hostname": "a.example", "dst_host": "b.example"}\n',
            {"hostname": "source.fqdn", "dst_host": "destination.fqdn"},
        ),
        (
            '{"src_ip": "192.0.2.1", "dest_ip": "198.51.100.1", "hostname": "a.example"}\n',
            {"hostname": "destination.fqdn"},
        ),
        (
            "host,virustotal,port\na.example,https://www.virustotal.com/gui/url/1,80\nb.example,https://www.virustotal.com/gui/url/2,80\n",
            {"host": "source.fqdn", "virustotal": "event_description.url"},
        ),
        (
            "ip,link\n192.0.2.1,https://reports.example/1\n192.0.2.2,https://reports.example/2\n",
            {"ip": "source.ip", "link": "event_description.url"},
        ),
        ("url,seen\nhttp://bad.example/a,2026-11-20\nhttp://bad.example/b,2026-11-20\n", {"url": "source.url"}),
    ],
)  # fmt: skip
def test_a_suggestion_knows_whose_a_name_is_and_what_a_page_about_it_is(text: str, wanted: dict[str, str]) -> None:
    made = suggestion("a.txt", text.encode() * (3 if text[0] == "{" else 1))
    columns = tomllib.loads(made)["columns"]
    assert {name: columns.get(name) for name in wanted} == wanted


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('[columns]\nip = "source.ip"\ncomment = "#"', "comment stands in [columns]: put it above the first table"),
        ('[columns]\nip = "source.ip"\nname = "Our feed"', "name stands in [columns]: put it above the first table"),
        ('[columns]\nurl = "source.ulr"', "there is no field 'source.ulr'"),
        ('separator = "\\""\n[columns]\nip = "source.ip"', "cannot separate"),
        ('encoding = "klingon"\n[columns]\nip = "source.ip"', "there is no encoding 'klingon'"),
    ],
)
def test_mistakes_say_what_to_do(text: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_text(text)
    with pytest.raises(MappingError) as caught:
        read_mapping(tmp_path / "a.toml")
    assert message in caught.value.reason


def test_an_object_that_is_kept_whole_may_have_columns_too(tmp_path: Path) -> None:
    mapping = 'format = "json"\n[columns]\nhost = "extra.host"\n"host.ip" = "source.ip"'
    [event], aside = read(tmp_path, mapping, b'{"host": {"ip": "192.0.2.1", "os": "x"}}')
    assert not aside
    assert (event["source.ip"], event["extra.host"]) == ("192.0.2.1", {"ip": "192.0.2.1", "os": "x"})


ENCODED = [
    ("cp1251", "Привет"),
    ("shift_jis", "日本語"),
    ("gb18030", "你好世界"),
    ("iso2022_jp", "日本語"),
    ("utf-8", "é"),
]


@pytest.mark.parametrize(("encoding", "word"), ENCODED)
@pytest.mark.parametrize("chunk", [7, 1 << 20])
def test_a_mapping_names_the_encoding_of_its_reports(encoding: str, word: str, chunk: int, tmp_path: Path) -> None:
    mapping = f'encoding = "{encoding}"\n[columns]\nip = "source.ip"\n"{word}" = "extra.note"'
    data = f"ip,{word}\n192.0.2.1,{word}\nnowhere,{word}\n"
    events, aside = read(tmp_path, mapping, data.encode(encoding), chunk)
    assert [one["extra.note"] for one in events] == [word]
    assert aside == [f"nowhere,{word}"]
    assert sources(tmp_path)["mapped"].recognise("x.csv", data.encode(encoding)) == "a"
    again = "\n".join(["ip," + word, *aside]).replace("nowhere", "192.0.2.2")  # as they are kept and read again
    assert [one["extra.note"] for one in read(tmp_path, mapping, b"\xef\xbb\xbf" + again.encode(), chunk)[0]] == [word]


FIELDS = [{"name": "ip", "value": "192.0.2.1"}, {"name": "Port", "value": 443}, {"name": "tag", "value": "a"}]
ITEM = '<IndicatorItem><Context document="x" search="{}"/><Content>{}</Content></IndicatorItem>'
SAID = [("PortItem/remoteIP", "192.0.2.1"), ("PortItem/remoteIP", "192.0.2.2"), ("FileItem/Md5sum", "abc")]
IOC = f"""<ioc><short_description>x</short_description><definition><Indicator operator="OR">
{"".join(ITEM.format(*one) for one in SAID)}</Indicator></definition></ioc>"""


def test_lists_of_names_and_values_are_columns(tmp_path: Path) -> None:
    mapping = 'format = "json"\npairs = "data.fields name value"\n[columns]\n"data.fields.ip" = "source.ip"\n'
    mapping += '"data.fields.port" = "source.port"\n"data.fields.tag" = "extra.tag"'
    fields = [*FIELDS, {"name": "tag", "value": "b"}, {"label": "odd"}]
    [event], aside = read(tmp_path, mapping, json.dumps({"data": {"fields": fields}}).encode())
    assert not aside
    assert (event["source.ip"], event["source.port"], event["extra.tag"]) == ("192.0.2.1", 443, ["a", "b"])
    assert event["extra.data.fields.others.label"] == "odd"
    mapping = 'format = "xml"\nrecords = "ioc"\npairs = "definition.indicator.indicatoritem context.@search content"\n'
    column = "definition.indicator.indicatoritem.portitem/remoteip"
    mapping += f'each = "{column} split ;"\n[columns]\n"{column}" = "source.ip"\nshort_description = "extra.note"'
    events, aside = read(tmp_path, mapping, IOC.encode())
    assert not aside
    assert [(one["source.ip"], one["extra.note"]) for one in events] == [("192.0.2.1", "x"), ("192.0.2.2", "x")]
    with pytest.raises(MappingError, match="PATH NAME VALUE"):
        read(tmp_path, 'format = "json"\npairs = "a b"\n[columns]\na = "source.ip"', b"{}")
