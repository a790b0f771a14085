"""What else a mapping can say: separators, encodings, blocks of lines, lists of names and values, addresses as keys."""

import io
import json
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest

from tocsin.events.fields import BY_NAME
from tocsin.events.idf_out import to_idf
from tocsin.events.normalise import normalise
from tocsin.events.sources import sources
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
