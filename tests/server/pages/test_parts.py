"""The parts that pages share say in words what they show by shape and colour."""

import re
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from support.world import START, World, copy_world
from tocsin.node.tokens import open_tokens
from tocsin.server.pages.context import make_context
from tocsin.server.pages.words import words_for

NOW = datetime(2026, 11, 16, 6, tzinfo=UTC)


@pytest.fixture
def show(fresh: Path, tmp_path: Path) -> Callable[..., str]:
    world: World = copy_world(fresh, tmp_path)
    desk = make_context(world.node, lambda: START, open_tokens(world.node.home))

    def shown(text: str, language: str = "en", **values: object) -> str:
        words = words_for(language, world.node.home / "locale", {})
        own = {"_": words.say, "ngettext": words.count, "translate_word": words.translate_word, "csrf": "", **values}
        made = desk.templates.env.from_string('{% import "parts.html" as parts with context %}' + text)
        return made.render(words=words, now=NOW, **own).strip()

    return shown


def test_cells_of_rows_have_the_names_of_their_columns(show: Callable[..., str]) -> None:
    made = show(
        "{% call parts.table('x', rows=true) %}<thead><tr><th scope=\"col\">Name</th><th scope=\"col\">TLP</th>"
        '<th scope="col" class="n">{{ head }}</th><th scope="col">Why</th></tr></thead>\n<tbody>\n'
        '<tr><th scope="row">A</th><td><b>TLP:RED</b></td><td class="n">{{ cell }}</td><td>\N{EN DASH}</td></tr>'
        "</tbody>{% endcall %}",
        head='Size "&"', cell="<3>",
    )  # fmt: skip
    body = made.partition("<tbody>")[2]
    assert '<th scope="row">A</th><td><b>TLP:RED</b></td>' in body, "it says what it is"
    assert '<td class="n" data-label="Size &#34;&amp;&#34;">&lt;3&gt;</td><td data-none>' in body


@pytest.mark.parametrize(
    ("kind", "shape"),
    [("done", "good"), ("waiting", "busy"), ("overdue", "wrong"), ("muted", "quiet"), ("wrong", "wrong")],
)
def test_a_state_has_one_of_four_shapes(show: Callable[..., str], kind: str, shape: str) -> None:
    assert show("{{ parts.state('Here', kind) }}", kind=kind) == f'<span class="state-{shape}" dir="auto">Here</span>'


def test_a_severity_is_named_in_the_language_of_the_page(show: Callable[..., str]) -> None:
    assert show("{{ parts.severity('high') }}") == '<span class="severity severity-high">high</span>'
    assert ">élevée<" in show("{{ parts.severity('high') }}", "fr")


def test_an_age_says_how_long_ago_and_the_moment_itself(show: Callable[..., str]) -> None:
    shown = show("{{ parts.age(at) }}", at=NOW - timedelta(days=3))
    assert ">3 days<" in shown
    assert 'title="2026-11-13 06:00 UTC"' in shown
    assert show("{{ parts.age(none) }}") == "\N{EN DASH}"


def test_a_sparkline_has_a_point_for_each_day_and_its_words(show: Callable[..., str]) -> None:
    shown = show("{{ parts.sparkline(values, 'From 4 to 0') }}", values=[4, 2, 0])
    assert 'points="0,0.0 1,5.0 2,10.0 "' in shown
    assert 'role="img" aria-label="From 4 to 0"' in shown
    assert 'points="0,10.0 "' in show("{{ parts.sparkline([0], '') }}")
    assert "points" in show("{{ parts.sparkline([], '') }}")


def test_columns_name_each_day_its_number_and_the_scale(show: Callable[..., str]) -> None:
    days = [(date(2026, 11, 1) + timedelta(days=number), number * 600) for number in range(3)]
    shown = show("{{ parts.columns(days, 'Rows a day') }}", days=days)
    assert re.findall(r">(\d\d-\d\d)</time><span class=\"unseen\">: ([\d,]+)", shown) == [
        ("11-01", "0"), ("11-02", "600"), ("11-03", "1,200"),
    ]  # fmt: skip
    assert "<span>1,200</span><span>0</span>" in shown


def test_what_was_done_offers_its_undo_to_the_key_u(show: Callable[..., str]) -> None:
    shown = show("{{ parts.done('Released.', '/undo/7') }}", back_to="/deliveries")
    assert 'action="/undo/7"' in shown
    assert 'data-shortcut="u">Undo<' in shown
    assert "<form" not in show("{{ parts.done('Released.') }}")
