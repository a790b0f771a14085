"""Charts: sound SVG that says its finding, draws to scale, and shows what is unknown as unknown."""

from datetime import date
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.interface.documents import charts

NS = "{http://www.w3.org/2000/svg}"
scores = st.floats(0, 100, allow_nan=False)


def parse(svg: str) -> ET.Element:
    return ET.fromstring(svg)  # noqa: S314 (our own text)


def boxes(svg: str, kind: str) -> list[ET.Element]:
    # The last box of a kind belongs to the key.
    return [rect for rect in parse(svg).iter(f"{NS}rect") if rect.get("class") == kind][:-1]


def every_chart(title: str) -> list[str]:
    rows = [charts.IntervalBar(f"{title} {n}", 10, 20.0 * n, 90, wide=(5, 95), peer=50) for n in range(1, 5)]
    return [
        charts.bars(rows, title, "alt", wide="wide", peer="peers"),
        charts.radar(rows, title, "alt", wide="wide", peer="peers"),
        charts.pairs([charts.Pair(title, 75, 20, 40, 60), charts.Pair("b", None, 0, None, 100)], title, "alt"),
        charts.track([charts.Moment(date(2024, 1, 1), 10, 20, 30)], 28, 2030, title, "alt"),
        charts.ranks([(title, 1, 2, 3, True), ("b", 1, 1, 2, False)], title, "alt"),
        charts.tile_map({"FJI": 40, "TON": None}, "FJI", title, "alt"),
    ]


@pytest.mark.parametrize("title", ["Fiji leads", "5 < 6 & \"7\" > '2'"])
def test_every_chart_is_sound_and_has_title_and_alternative_first(title: str) -> None:
    for svg in every_chart(title):
        root = parse(svg)

        assert root.get("role") == "img"
        assert [child.tag for child in root][:2] == [f"{NS}title", f"{NS}desc"]
        assert root[0].text == title
        assert root[1].text == "alt"


@given(st.lists(scores, min_size=1, max_size=8))
def test_bars_start_at_zero_and_are_as_long_as_their_values(points: list[float]) -> None:
    svg = charts.bars([charts.IntervalBar(str(n), p, p, p) for n, p in enumerate(points)], "t", "a")
    drawn = boxes(svg, "own")

    assert len({rect.get("x") for rect in drawn}) == 1
    widths = [float(rect.get("width") or 0) for rect in drawn]
    assert widths == pytest.approx([400 * p / 100 for p in points], abs=0.06)


def test_an_unknown_value_has_no_bar_and_says_so() -> None:
    svg = charts.bars(
        [charts.IntervalBar("a", 0, None, 100, wide=(0, 100)), charts.IntervalBar("b", 5, 10, 15)], "t", "a", wide="w"
    )

    assert len(boxes(svg, "own")) == 1
    assert ">unknown</text>" in svg


def test_a_radar_leaves_a_gap_where_nothing_is_known() -> None:
    known = [charts.IntervalBar(str(n), 0, 50.0, 100) for n in range(6)]
    unknown = [*known[:5], charts.IntervalBar("5", 0, None, 100)]

    def lines(rows: list[charts.IntervalBar]) -> int:
        return sum(line.get("class") == "own-line" for line in parse(charts.radar(rows, "t", "a")).iter(f"{NS}line"))

    assert lines(known) - lines(unknown) == 2


def test_each_country_has_one_square_of_its_own() -> None:
    places = charts.tiles()

    assert len(set(places.values())) == len(places) > 190
    assert {"TUV", "NRU", "KIR", "LSO", "FJI"} <= set(places)
    shaded = charts.tile_map({"FJI": 95, "TON": 5}, "FJI", "t", "a")
    assert 'FJI: 95.0</title><rect class="tile s4"' in shaded
    assert 'TON: 5.0</title><rect class="tile s0"' in shaded
    assert 'NZL: no value</title><rect class="tile none"' in shaded


@given(st.lists(st.tuples(scores, scores, scores).map(sorted), min_size=1, max_size=6), scores)
def test_nothing_is_drawn_outside_the_picture(drawn: list[list[float]], goal: float) -> None:
    moments = [charts.Moment(date(2020 + n, 6, 1), *ends) for n, ends in enumerate(drawn)]
    root = parse(charts.track(moments, goal, 2030, "t", "a"))
    _, _, width, height = (float(n) for n in (root.get("viewBox") or "").split())

    for line in root.iter(f"{NS}line"):
        assert 0 <= float(line.get("x1") or 0) <= width
        assert 0 <= float(line.get("y1") or 0) <= height
