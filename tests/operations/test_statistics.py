"""Public figures: whatever is not shown, no reader of all that is shown can work out."""

import csv
import io
import json
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.cast import HEADER
from support.world import World, make_world, text_of
from tocsin.node.paths import HomeFolder
from tocsin.operations.statistics import (
    CLASSES,
    LARGEST,
    NETWORKS,
    STEP,
    UNKNOWN,
    MissingReason,
    Month,
    figure,
    protect,
    read_months,
)
from tocsin.pipeline.ingest import ingest
from tocsin.pipeline.stores import NodeWithStores, open_node
from tocsin.server.pages.public.statistics_pages import REASONS

_NETWORKS = st.dictionaries(st.integers(0, 30), st.integers(1, 500), min_size=1, max_size=30)
_HIDDEN = _NETWORKS.filter(lambda networks: protect(networks) is None)


@given(_NETWORKS)
def test_what_is_shown_is_of_many_networks_none_of_which_stands_out(networks: dict[int, int]) -> None:
    shown = protect(networks)
    if shown is None:
        return
    assert len(networks.keys() - {UNKNOWN}) >= NETWORKS
    assert max(networks.values()) <= LARGEST * sum(networks.values())
    assert shown % STEP == 0
    assert abs(shown - sum(networks.values())) <= STEP / 2


@given(st.dictionaries(st.sampled_from("abcdef"), _NETWORKS, min_size=2), st.data())
def test_a_hidden_figure_could_be_any_other_hidden_one(table: dict[str, dict[int, int]], data: st.DataObject) -> None:
    """All that is published stays the same when hidden content is exchanged: so nothing that is published tells it."""

    def published(of: dict[str, dict[int, int]]) -> tuple[object, ...]:
        month = Month(date(2026, 10, 1), "", "CLEAR", {name: protect(networks) for name, networks in of.items()})
        return month.counts, month.shown

    hidden = [name for name, networks in table.items() if protect(networks) is None]
    others = {name: data.draw(_HIDDEN) for name in hidden}
    assert published(table) == published(table | others)


@pytest.mark.parametrize(
    ("networks", "shown"),
    [
        ({}, 0),
        (dict.fromkeys(range(1, 10), 100), None),  # nine networks
        (dict.fromkeys(range(1, 11), 1), 10),
        (dict.fromkeys(range(10), 100), None),  # nine, and what is not known of which
        ({1: 900, **dict.fromkeys(range(2, 12), 10)}, None),  # one has 90 %
        ({1: 500, 2: 400, **dict.fromkeys(range(3, 13), 1)}, None),  # the second could tell the largest from the sum
        ({1: 100, 2: 100, **dict.fromkeys(range(3, 13), 8)}, 280),
    ],
)
def test_examples(networks: dict[int, int], shown: int | None) -> None:
    assert protect(networks) == shown


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    # Twelve networks with as many events each in one class, and one more in another.
    world = make_world(tmp_path)
    path = world.node.home / "tocsin.toml"
    path.write_text(path.read_text().replace("[node]", '[node]\nstatistics_up_to = "AMBER"\ncountry = "MU"'))
    world = World(world.folder, _open(world), now=datetime(2026, 10, 20, 6, 0, tzinfo=UTC))
    _hear(world, [64_496 + number for number in range(12) for _ in range(2)])
    with world.open:
        yield world


def _open(world: World) -> NodeWithStores:
    """The node with its settings as they are now."""
    return open_node(world.node.home)


def _hear(world: World, asns: list[int]) -> None:
    world.reports += 1
    path = world.folder / f"{world.now:%Y-%m-%d}-scan_rdp-test{world.reports}-geo.csv"
    rows = [
        f'"{world.now:%Y-%m-%d} 01:00:00","medium","203.0.113.{number}","tcp",3389,,"rdp",{asn},"MU",,'
        for number, asn in enumerate(asns)
    ]
    path.write_text("\n".join([HEADER, *rows, ""]))
    assert not ingest(world.node, [path], clock=lambda: world.now).failed


def test_a_month_is_counted_when_it_is_over_and_never_again(world: World) -> None:
    assert read_months(world.node, now=world.now) == []
    (month,) = read_months(world.node, now=datetime(2026, 11, 1, tzinfo=UTC))
    assert (month.first, month.country, month.up_to) == (date(2026, 10, 1), "MU", "AMBER")
    assert {name: count for name, count in month.counts.items() if count} == {"vulnerable": 20}
    _hear(world, [64_496 + number for number in range(12)])  # it comes late, and changes nothing
    assert read_months(world.node, now=datetime(2026, 11, 2, tzinfo=UTC)) == [month]


def test_what_its_sources_do_not_allow_is_not_counted(world: World) -> None:
    path = world.node.home / "tocsin.toml"
    path.write_text(path.read_text().replace('"AMBER"', '"GREEN"'))
    (month,) = read_months(_open(world), now=datetime(2026, 11, 1, tzinfo=UTC))
    assert (month.counts["vulnerable"], month.why) == (None, {"vulnerable": "marked"})
    assert {count for name, count in month.counts.items() if name != "vulnerable"} == {0}


_FEW, _MANY = {1: 5}, dict.fromkeys(range(1, 13), 10)


@pytest.mark.parametrize(
    ("networks", "marked", "measured", "published"),
    [
        ({}, False, True, 0),  # a true zero
        ({}, True, True, MissingReason.MARKED),
        (_FEW, False, True, MissingReason.FEW),
        (_FEW, True, True, MissingReason.FEW),
        (_MANY, False, True, 120),
        (_MANY, True, True, 120),
        ({}, False, False, MissingReason.NOT_MEASURED),
    ],
)
def test_what_may_not_be_published_is_no_zero(
    networks: dict[int, int], *, marked: bool, measured: bool, published: int | MissingReason
) -> None:
    assert figure(networks, marked=marked, measured=measured) == published


@pytest.mark.parametrize("reason", [one for one in MissingReason if one is not MissingReason.NOT_KNOWN])
def test_page_and_file_say_why_a_figure_is_missing(world: World, reason: MissingReason) -> None:
    counts: dict[str, int | None] = dict.fromkeys(CLASSES)
    _keep(world, Month(date(2026, 10, 1), "MU", "CLEAR", counts, {}, dict.fromkeys(CLASSES, reason.value)))
    world.now = datetime(2026, 11, 3, tzinfo=UTC)
    client = world.client(public=True)
    page, file = client.get("/statistics"), client.get("/statistics.csv")
    assert "October 2026: nothing is published" in text_of(page)
    assert REASONS[reason] in text_of(page)
    assert '<td class="n">0</td>' not in page.text
    assert {(row["events"], row["not_published"]) for row in _rows(file.text, "2026-10")} == {("", reason.value)}


def test_zeros_that_were_kept_without_a_reason_are_counted_again_and_nothing_else_changes(world: World) -> None:
    """Before reasons were kept, what may not be counted was a zero."""
    path = world.node.home / "tocsin.toml"
    path.write_text(path.read_text().replace('"AMBER"', '"CLEAR"'))
    node = _open(world)
    counts: dict[str, int | None] = {**dict.fromkeys(CLASSES, 0), "fraud": 40, "intrusions": None}
    _keep(world, Month(date(2026, 10, 1), "MU", "CLEAR", counts), reasons=False)
    (month,) = read_months(node, now=datetime(2026, 11, 1, tzinfo=UTC))
    assert (month.counts["vulnerable"], month.counts["fraud"], month.counts["intrusions"]) == (None, 40, None)
    assert month.why == {"vulnerable": "marked", "intrusions": "few-networks"}
    assert (month.counts["other"], month.shown) == (0, 40)


def _keep(world: World, month: Month, *, reasons: bool = True) -> None:
    said = {"first": f"{month.first}", "country": month.country, "up_to": month.up_to, "counts": month.counts}
    folder = world.node.home / HomeFolder.FIGURES
    folder.mkdir(exist_ok=True)
    (folder / f"{month.first:%Y-%m}.json").write_text(json.dumps(said | ({"why": month.why} if reasons else {})))


def _rows(text: str, month: str) -> list[dict[str, str]]:
    return [row for row in csv.DictReader(io.StringIO(text)) if row["month"] == month]


def test_page_and_file_say_the_same(world: World) -> None:
    world.now = datetime(2026, 11, 3, tzinfo=UTC)
    client = world.client(public=True)
    page, file = client.get("/statistics"), client.get("/statistics.csv")
    assert "October 2026: most events were of the class Open flaws and services" in text_of(page)
    assert "<script>" not in page.text
    rows = list(csv.DictReader(io.StringIO(file.text)))
    assert {row["class"]: row["events"] for row in rows}["vulnerable"] == "20"
    assert {row["month"] for row in rows} == {"2026-10"}


def test_an_empty_node_says_what_will_stand_there(tmp_path: Path) -> None:
    world = make_world(tmp_path)
    with world.open:
        assert "The first appear when the first month" in text_of(world.client(public=True).get("/statistics"))
