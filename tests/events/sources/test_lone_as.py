"""An AS is an event about the whole AS only where the feed names nothing more exact of that side."""

import io
import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tocsin.events.idf_out import to_idf
from tocsin.events.normalise import ONLY_AS, UNUSABLE, normalise
from tocsin.events.sources import sources
from tocsin.events.sources.mapped.reading import read_mapping
from tocsin.events.sources.mapped.source import CATALOGUE

NOW = datetime(2026, 11, 24, tzinfo=UTC)
MAPPING = """
{}
[columns]
address = "source.ip"
asn = "source.asn"
other = "destination.ip"
otherasn = "destination.asn"
port = "source.port"
[constants]
"classification.type" = "scanner"
"""
ROWS = [
    ("192.0.2.1", "64496", "", "", "1"),
    ("", "64496", "", "", "2"),
    ("nowhere", "64496", "", "", "3"),
    ("", "64496", "192.0.2.9", "64497", "4"),
    ("192.0.2.2", "", "", "64497", "5"),
    ("", "", "", "64497", "6"),
]
NAMES = ("address", "asn", "other", "otherasn", "port")
FORMATS = {
    "csv": ("", ",".join(NAMES) + "\n" + "\n".join(map(",".join, ROWS))),
    "csv with steps": ('skip = ["?"]', ",".join(NAMES) + "\n" + "\n".join(map(",".join, ROWS))),
    "json": ('format = "json"', json.dumps([dict(zip(NAMES, row, strict=True)) for row in ROWS])),
    "lines": (
        "format = 'lines'\npattern = '^{}$'".format(";".join(f"(?<{name}>[^;]*)" for name in NAMES)),
        "\n".join(map(";".join, ROWS)),
    ),
    "keyvalue": (
        'format = "keyvalue"',
        "\n".join(" ".join(f'{name}="{one}"' for name, one in zip(NAMES, row, strict=True)) for row in ROWS),
    ),
    "html": (
        'format = "html"',
        "<table>" + "".join(f"<tr><td>{'</td><td>'.join(row)}</td></tr>" for row in [NAMES, *ROWS]) + "</table>",
    ),
    "xml": (
        'format = "xml"',
        "<a>"
        + "".join(
            "<item>" + "".join(f"<{n}>{one}</{n}>" for n, one in zip(NAMES, row, strict=True)) + "</item>"
            for row in ROWS
        )
        + "</a>",
    ),
}


def read(folder: Path, code: str, text: str) -> tuple[list[dict[str, object]], list[tuple[int, str, str]]]:
    source = sources(folder)["mapped"]
    reader = source.open(code, io.BytesIO(text.encode()), 1 << 20)
    events: list[dict[str, object]] = []
    aside: list[tuple[int, str, str]] = []
    for chunk in reader.chunks():
        batch = reader.parse(chunk)
        made = normalise(batch, source.feed(code), NOW)
        events += to_idf(made.frame.filter(made.usable))
        aside += made.set_aside(batch)
    return events, aside


@pytest.mark.parametrize("name", FORMATS)
def test_an_as_without_the_address_that_is_named_is_set_aside(name: str, tmp_path: Path) -> None:
    said, text = FORMATS[name]
    (tmp_path / "a.toml").write_text(MAPPING.replace("{}", said, 1))
    events, aside = read(tmp_path, "a", text)
    assert [event["source.port"] for event in events] == [1, 4, 5]
    assert [event.get("source.asn") for event in events] == [64496, None, None]
    assert [event.get("destination.asn") for event in events] == [None, 64497, None]
    assert events[1]["extra.source.asn"] == "64496"  # kept, but not as whose it is
    assert [reason for _, reason, _ in aside] == [ONLY_AS, ONLY_AS, ONLY_AS]


def test_an_as_is_the_asset_where_nothing_else_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_text('[columns]\nasn = "source.asn"\n[constants]\n"classification.type" = "scanner"\n')
    events, aside = read(tmp_path, "a", "asn,note\n64496,x\n,y\n")
    assert [event["source.asn"] for event in events] == [64496]
    assert [reason for _, reason, _ in aside] == [UNUSABLE]


@pytest.mark.parametrize(
    "columns",
    [
        'place = { to = ["source.ip", "source.asn"], take = "first" }',
        '[values.kind]\nip = { "source.ip" = "{place}" }\nas = { "source.asn" = "{place}" }',
    ],
)
def test_an_as_is_the_asset_where_a_value_may_be_one(columns: str, tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_text(
        f'[columns]\nnote = "extra.note"\n{columns}\n[constants]\n"classification.type" = "scanner"\n'
    )
    events, _ = read(tmp_path, "a", "kind,place,note\nip,192.0.2.1,x\nas,64496,y\n")
    assert [(event.get("source.ip"), event.get("source.asn")) for event in events] == [
        ("192.0.2.1", None),
        (None, 64496),
    ]


CSV_WITH_BOTH = [
    path.stem
    for path in sorted(CATALOGUE.glob("*.toml"))
    if (mapping := read_mapping(path)).format == "csv"
    and {"source.asn", "source.ip"} <= mapping.goals
]  # fmt: skip


@pytest.mark.parametrize("code", CSV_WITH_BOTH)
def test_no_truncated_row_of_a_feed_that_ships_is_about_an_as(code: str) -> None:
    mapping = read_mapping(CATALOGUE / f"{code}.toml")
    columns = list(mapping.names or mapping.columns)
    values = {"source.asn": "64496", "source.ip": "192.0.2.1"}
    goals = {name: [goal for rule in rules for goal in rule.to] for name, rules in mapping.columns.items()}
    cells = [next((values[goal] for goal in goals.get(name, ()) if goal in values), "x") for name in columns]
    separator = mapping.dialect.separator
    for length in range(1, len(cells)):
        text = "" if mapping.names else separator.join(columns) + "\n"
        events, _ = read(Path("none"), code, "\n" * mapping.skip_lines + text + separator.join(cells[:length]) + "\n")
        assert all("source.ip" in event or "source.asn" not in event for event in events)
