"""Values against the schema: what fits is read, what does not is kept and flagged, and nothing is lost."""

import json
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.events.extra import fold
from tocsin.events.idf_out import to_idf
from tocsin.events.normalise import NormalisedBatch, normalise
from tocsin.events.schema import COLUMNS, FIELDS, INTERNAL, FieldKind
from tocsin.events.sources import Batch, Feed

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
FEED = Feed("test", "code", "Name", provider="Provider", tlp="GREEN", pap="AMBER")


def made(columns: dict[str, list[str | None]], **batch: object) -> NormalisedBatch:
    frame = pl.DataFrame(columns, schema=dict.fromkeys(columns, pl.String()))
    return normalise(Batch(frame, **batch), FEED, NOW)  # type: ignore[arg-type]


def one(**values: str | None) -> dict[str, object]:
    """The event that one row with these values becomes; ``__`` stands for a dot."""
    result = made({name.replace("__", "."): [value] for name, value in values.items()})
    (event,) = to_idf(result.frame)
    said_of_all = ("feed.", "classification.", "rsit.", "time.observation", "tlp", "pap")
    return {key: value for key, value in event.items() if not key.startswith(said_of_all)}


def test_the_frame_has_the_schema_whatever_the_source_gave() -> None:
    wanted = [(name, dtype) for name, dtype in COLUMNS.items() if name not in INTERNAL]
    for frame in (pl.DataFrame(), pl.DataFrame({"source.ip": ["192.0.2.1"]}), pl.DataFrame({"extra.a": ["b"]})):
        result = normalise(Batch(frame), FEED, NOW)
        assert list(fold(result.frame).schema.items()) == wanted
        assert len(result.usable) == result.frame.height == frame.height


def test_the_feed_says_what_rows_do_not() -> None:
    events = list(to_idf(made({"source.ip": ["192.0.2.1"] * 3, "tlp": ["TLP:AMBER+STRICT", None, "white"]}).frame))
    assert [event["tlp"] for event in events] == ["AMBER+STRICT", "GREEN", "CLEAR"]
    assert {event["pap"] for event in events} == {"AMBER"}
    assert events[0]["feed.provider"] == "Provider"
    assert (events[0]["classification.type"], events[0]["rsit.taxonomy"]) == ("undetermined", "other")
    assert events[0]["time.observation"] == "2026-11-24T12:00:00+00:00"


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("8.8.8.8", {"source.ip": "8.8.8.8"}),
        (" 2001:DB8:0:0::1 ", {"source.ip": "2001:db8::1", "flags": "documentation"}),
        ("::ffff:8.8.8.8", {"source.ip": "8.8.8.8"}),
        ("10.1.2.3", {"source.ip": "10.1.2.3", "flags": "private"}),
        ("192.0.2.7", {"source.ip": "192.0.2.7", "flags": "documentation"}),
        ("1.2.3.0/24", {"source.network": "1.2.3.0/24"}),
        ("1.2.3.9/24", {"source.network": "1.2.3.0/24"}),
        ("8.8.8.8/32", {"source.ip": "8.8.8.8"}),
        ("999.1.1.1", {"extra.source.ip": "999.1.1.1", "flags": "invalid"}),
        ("fe80::1%eth0", {"extra.source.ip": "fe80::1%eth0", "flags": "invalid"}),
        ("1.2.3", {"extra.source.ip": "1.2.3", "flags": "invalid"}),
    ],
)
def test_addresses(text: str, wanted: dict[str, object]) -> None:
    assert one(source__ip=text) == wanted


def test_a_network_does_not_replace_another_one() -> None:
    event = one(source__ip="1.2.3.0/24", source__network="5.6.7.0/24")
    assert event["source.network"] == "5.6.7.0/24"
    assert event["extra.source.ip"] == "1.2.3.0/24"
    assert "extra.source.ip" not in one(source__ip="5.6.7.0/24", source__network="5.6.7.0/24")


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("2026-11-23 01:02:03", "2026-11-23T01:02:03+00:00"),
        ("2026-11-23T01:02:03", "2026-11-23T01:02:03+00:00"),
        ("2026-11-23T01:02:03Z", "2026-11-23T01:02:03+00:00"),
        ("2026-11-23T01:02:03.250000+02:00", "2026-11-22T23:02:03.250000+00:00"),
        ("2026-11-23 01:02:03+0200", "2026-11-22T23:02:03+00:00"),
        ("2026-11-23", "2026-11-23T00:00:00+00:00"),
        ("20261123", "2026-11-23T00:00:00+00:00"),
        ("20261123010203", "2026-11-23T01:02:03+00:00"),
        ("2026/11/23 01:02:03", "2026-11-23T01:02:03+00:00"),
        ("23.11.2026 01:02:03", "2026-11-23T01:02:03+00:00"),
        ("23/Nov/2026:01:02:03 +0100", "2026-11-23T00:02:03+00:00"),
        ("2026-11-23 01:02:03 UTC", "2026-11-23T01:02:03+00:00"),
        ("Mon, 23 Nov 2026 01:02:03 +0100", "2026-11-23T00:02:03+00:00"),
        ("1700000000", "2023-11-14T22:13:20+00:00"),
        ("1700000000.5", "2023-11-14T22:13:20.500000+00:00"),
        ("1700000000123", "2023-11-14T22:13:20.123000+00:00"),
    ],
)
def test_times(text: str, wanted: str) -> None:
    assert one(source__ip="8.8.8.8", time__source=text)["time.source"] == wanted


@pytest.mark.parametrize("text", ["11/12/2026 01:02", "yesterday", "2026-02-30 01:02:03", "0", "99999999999999999999"])
def test_what_is_no_certain_time_is_kept_as_text(text: str) -> None:
    event = one(source__ip="8.8.8.8", time__source=text)
    assert "time.source" not in event
    assert event["extra.time.source"] == text
    assert event["flags"] == "invalid"


def test_times_to_come_are_flagged_not_refused() -> None:
    near, far = NOW + timedelta(minutes=5), NOW + timedelta(hours=1)
    events = [one(source__ip="8.8.8.8", time__source=time.strftime("%Y-%m-%d %H:%M:%S")) for time in (near, far)]
    assert [event.get("flags") for event in events] == [None, "future"]


@pytest.mark.parametrize(
    ("field", "text", "wanted"),
    [
        ("source.port", "0", 0),
        ("source.port", "65535", 65535),
        ("source.port", "65536", None),
        ("source.port", "-1", None),
        ("source.port", "80/tcp", None),
        ("source.asn", "64496", 64496),
        ("source.asn", "AS64496", 64496),
        ("source.asn", "1.10", 65546),
        ("source.asn", "4294967296", None),
        ("source.geolocation.cc", "at", "AT"),
        ("source.geolocation.cc", "AUT", None),
        ("source.fqdn", "WWW.Example.COM.", "www.example.com"),
        ("source.fqdn", "münchen.example", "xn--mnchen-3ya.example"),
        ("source.fqdn", "192.0.2.1", None),
        ("source.fqdn", "a b.example", None),
        ("source.fqdn", "_dmarc.example.com", "_dmarc.example.com"),
        ("source.url", "http://example.com/a?b=c", "http://example.com/a?b=c"),
        ("source.url", "hxxp://example[.]com/", "http://example.com/"),
        ("source.url", "/index.html", None),
        ("source.network", "10.0.0.1/8", "10.0.0.0/8"),
        ("source.network", "10.0.0.0/33", None),
        ("feed.accuracy", "99.5", 99.5),
        ("feed.accuracy", "nan", None),
        ("protocol.transport", " TCP ", "tcp"),
        ("event_description.text", "  What  it is ", "What  it is"),
    ],
)
def test_values_by_kind(field: str, text: str, wanted: object) -> None:
    event = next(to_idf(made({"source.ip": ["8.8.8.8"], field: [text]}).frame))
    assert event.get(field) == wanted
    assert event.get(f"extra.{field}") == (text if wanted is None else None)
    assert event.get("flags") == ("invalid" if wanted is None else None)


def test_an_unknown_as_number_is_no_mistake() -> None:
    assert one(source__ip="8.8.8.8", source__asn="0") == {"source.ip": "8.8.8.8"}


def test_only_rows_without_any_asset_are_unusable() -> None:
    usable = {"source.ip": "8.8.8.8", "source.network": "8.0.0.0/8", "source.asn": "1", "source.fqdn": "a.example"}
    usable |= {"source.url": "http://a.example/", "destination.ip": "8.8.8.8", "source.reverse_dns": "a.example"}
    for field, text in usable.items():
        assert made({field: [text], "time.source": ["bad"]}).usable.to_list() == [True]
    result = made({"source.ip": ["999.1.1.1", "8.8.8.8", None], "extra.a": ["x", "y", "z"]})
    assert result.usable.to_list() == [False, True, False]


def test_an_as_beside_an_unreadable_address_is_not_the_whole_as() -> None:
    rows = {
        "source.ip": ["1.2.3", None, "1.2.3"],
        "source.asn": ["64500"] * 3,
        "source.url": [None, None, "http://a.example/"],
    }
    made = normalise(Batch(pl.DataFrame(rows)), FEED, NOW)
    assert made.usable.to_list() == [False, True, True]


def test_extra_is_json_of_everything_else() -> None:
    result = made(
        {
            "source.ip": ["8.8.8.8", "8.8.4.4", "9.9.9.9"],
            "extra.text": ['say "x"\\\n\x01é', "plain", ""],
            'extra.odd "name"': ["1", None, None],
            "extra.number": ["007", "x", None],
            "extra.yes": ["Y", "no", "maybe"],
            "extra.part": ["1.5", "inf", None],
            "extra.nothing": [None, None, None],
            "extra": ['{"list": [1, 2]}', "{}", None],
        },
        kinds={"extra.number": FieldKind.INTEGER, "extra.yes": FieldKind.BOOLEAN, "extra.part": FieldKind.FLOAT},
    )
    assert [json.loads(text) for text in fold(result.frame)["extra"]] == [
        {"text": 'say "x"\\\n\x01é', 'odd "name"': "1", "number": 7, "yes": True, "part": 1.5, "list": [1, 2]},
        {"text": "plain", "number": "x", "yes": False, "part": "inf"},
        {"yes": "maybe"},
    ]
    assert fold(made({"source.ip": ["8.8.8.8"]}).frame)["extra"].to_list() == [None]


# Python also strips the separators of the C0 set, which are no blanks in Unicode.
TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\x1c\x1d\x1e\x1f"), min_size=1, max_size=6)
VALUES = st.one_of(st.none(), TEXT, st.ip_addresses().map(str), st.integers(0, 99999).map(str))
GIVEN = [
    field.name for field in FIELDS if field.kind is not FieldKind.JSON and field.name not in {"flags", "tlp", "pap"}
]


@given(st.dictionaries(st.sampled_from([*GIVEN, "extra.a", "extra.b"]), st.lists(VALUES, min_size=3, max_size=3)))
def test_no_value_is_lost(columns: dict[str, list[str | None]]) -> None:
    result = made(columns) if columns else normalise(Batch(pl.DataFrame(height=3)), FEED, NOW)
    for row, event in enumerate(to_idf(result.frame)):
        for name, values in columns.items():
            text = (values[row] or "").strip()
            key = name.removeprefix("extra.")
            if text and not (name.endswith(".asn") and text.isascii() and text.isdecimal() and int(text) == 0):
                kept = event.get(name) if name != "time.observation" else None
                assert kept is not None or event.get(f"extra.{key}") == text


@given(st.lists(st.ip_addresses(), min_size=1, max_size=5))
def test_addresses_come_back_as_they_went(addresses: list[object]) -> None:
    events = list(to_idf(made({"source.ip": [str(address) for address in addresses]}).frame))
    for address, event in zip(addresses, events, strict=True):
        mapped = getattr(address, "ipv4_mapped", None)
        assert ip_address(str(event["source.ip"])) == (mapped or address)


@given(st.lists(TEXT, min_size=1, max_size=4))
def test_plain_text_needs_no_escaping_and_other_text_gets_it(texts: list[str]) -> None:
    """What a source calls plain is written as it is; the same text without that promise gives the same object."""
    plain = [text for text in texts if text == text.strip() and not set(text) & {'"', "\\"} and text.isprintable()]
    if plain:
        columns: dict[str, list[str | None]] = {"extra.a": list(plain)}
        assert fold(made(columns, plain=True).frame).equals(fold(made(columns).frame))
    found = [json.loads(text) if text else {} for text in fold(made({"extra.a": list(texts)}).frame)["extra"]]
    assert [one.get("a", "") for one in found] == [text.strip() for text in texts]
