"""Sentences of the rooms are known by their shape: whatever fills them in, and in whatever language they are said."""

import ast
import re
from collections.abc import Mapping
from pathlib import Path

import pytest
from babel.messages.pofile import read_po, write_po
from hypothesis import given
from hypothesis import strategies as st

from tocsin.directory.facts import AttestationKind
from tocsin.drafting.model import PositionKind
from tocsin.events.fields import Privacy
from tocsin.events.filters import SEVERITIES
from tocsin.events.models import AlarmKind
from tocsin.node.errors import InputError
from tocsin.server.pages.closed import CLOSED
from tocsin.server.pages.hearing import CONTEXT, Hearing, shape_of
from tocsin.server.pages.rooms import ROOMS, shapes
from tocsin.server.pages.shapes import HOLES, Scopes, shapes_of
from tocsin.server.pages.translating import FILE, faults, source, update
from tocsin.server.pages.words import OURS, words_for

PACKAGE = OURS.parents[1]
SHAPES = [found.text for found in shapes()]
MARKED = Hearing({text: f"«{text}»" for text in SHAPES})
HOSTILE = [
    "%(name)s",
    "%",
    "%%s %(x)d",
    "<script>alert(1)</script>",
    "a: b; c, d. e\nf",
    "TLP:RED goes to ",
    "\0",
    "…" * 50_000,
]


def fill(text: str, values: Mapping[str, object]) -> str:
    return text % values


def bare(text: str) -> str:
    return re.sub("[«»]", "", text)


anything = st.one_of(
    st.sampled_from(HOSTILE), st.text(), st.sampled_from(SHAPES).map(lambda text: text.replace("%", ""))
)


@given(data=st.data(), text=st.sampled_from(SHAPES))
def test_whatever_fills_a_sentence_in_it_reads_the_same_in_another_language(data: st.DataObject, text: str) -> None:
    sentence = text % {name: data.draw(anything) for name in names_in(text)}
    assert bare(MARKED.heard(sentence, fill)) == bare(sentence)


def test_each_shape_is_known_again_with_what_fills_it_in() -> None:
    for text in SHAPES:
        values = {name: f"Wert{place}" for place, name in enumerate(names_in(text))}
        sentence = text % values
        heard = MARKED.heard(sentence, fill)
        assert (heard[0], heard[-1], bare(heard)) == ("«", "»", sentence)
        if ")s%(" not in text:
            assert shape_of(text).values(sentence) == values


def names_in(text: str) -> list[str]:
    return [hole[2:-2] for hole in HOLES.findall(text.replace("%%", "  "))]


@pytest.mark.parametrize("hostile", HOSTILE)
def test_what_has_no_shape_stays_as_it_is(hostile: str) -> None:
    assert Hearing({}).heard(hostile, fill) == hostile
    assert bare(MARKED.heard(hostile, fill)) == hostile


def test_a_sentence_that_could_be_split_in_many_ways_is_read_once_from_the_left() -> None:
    hearing = Hearing({"%(a)s a %(b)s a %(c)s a %(d)s b": "%(d)s|%(c)s|%(b)s|%(a)s"})
    assert hearing.heard("x" + " a" * 9_000, fill) == "x" + " a" * 9_000
    assert hearing.heard("1 a 2 a 3 a 4 a 5 b", fill) == "4 a 5|3|2|1"


def test_the_more_specific_shape_is_taken_and_sentences_within_are_heard_too() -> None:
    hearing = Hearing(
        {
            "%(name)s cannot be used: %(error)s.": "%(name)s ne va pas : %(error)s.",
            "%(name)s cannot be used: it is %(state)s.": "%(name)s est %(state)s.",
            "the data is damaged": "les données sont abîmées",
        }
    )
    assert hearing.heard("x.csv cannot be used: it is empty.", fill) == "x.csv est empty."
    assert (
        hearing.heard("x.csv cannot be used: the data is damaged.", fill)
        == "x.csv ne va pas : les données sont abîmées."
    )
    assert hearing.heard("the data is damaged; and so on", fill) == "les données sont abîmées; and so on"
    assert (
        hearing.heard("a.csv: the data is damaged. (06:00 UTC)", fill) == "a.csv: les données sont abîmées. (06:00 UTC)"
    )


def test_a_name_that_is_a_word_of_ours_is_not_translated() -> None:
    hearing = Hearing({"disk": "disque", "%(name)s is empty.": "%(name)s est vide."})
    assert (hearing.heard("disk", fill), hearing.heard("disk is empty.", fill)) == ("disque", "disk est vide.")


@pytest.mark.parametrize("wrong", ["%(other)s est vide.", "%(name)d est vide.", "100 % est vide.", ""])
def test_a_translation_that_cannot_be_filled_in_is_not_used(wrong: str) -> None:
    assert Hearing({"%(name)s is empty.": wrong}).heard("x.csv is empty.", fill) == "x.csv is empty."


def test_a_country_says_the_sentences_in_its_language_errors_with_their_hint(tmp_path: Path) -> None:
    path = tmp_path / "sw" / FILE
    update(path, "sw")
    with path.open("rb") as file:
        catalogue = read_po(file, locale="sw")
    for text, translation in (("%(name)s is empty.", "%(name)s ni tupu."), ("Send it again.", "Tuma tena.")):
        catalogue.get(text, CONTEXT).string = translation  # type: ignore[union-attr]
    with path.open("wb") as file:
        write_po(file, catalogue)
    words = words_for("sw", tmp_path, {})
    assert words.told(InputError("x.csv is empty.", hint="Send it again.")) == "x.csv ni tupu. Tuma tena."
    assert words.told(InputError("x.csv is empty.", hint="Run: tocsin deliver")) == "x.csv ni tupu."
    assert words.heard("what nobody translated") == "what nobody translated"
    missing = {fault.text for fault in faults(path, "sw")}
    assert "%(name)s is empty." not in missing
    assert "Nothing was sent." in missing


@pytest.mark.parametrize(
    ("code", "found"),
    [
        ("'100 % of it'", ["100 %% of it"]),
        ("f'{report.name} is {a[0]:,} {len(rows)}'", ["%(name)s is %(a)s %(rows)s"]),
        ("f'{x.id} and {y.id}'", ["%(id)s and %(id2)s"]),
        ("'one' if n == 1 else f'{n} things'", ["one", "%(n)s things"]),
        ("f'it has {beside or \"no part\"} beside it'", ["it has %(beside)s beside it", "no part"]),
        ("'kept ' + why", ["kept 3 days", "kept %(n)s days"]),
        ("'; '.join(f'{one} failed' for one in many)", ["%(many)s", "%(one)s failed"]),
        ("_SAID[kind]", ["on one line", "on two lines"]),
    ],
)
def test_the_shapes_of_an_expression(code: str, found: list[str]) -> None:
    module = ast.parse("_SAID = {1: 'on one line', 2: 'on two lines'}\nwhy = '3 days'\nwhy = f'{n} days'\n")
    expression = ast.parse(code, mode="eval").body
    assert list(shapes_of(expression, Scopes(ast.parse(""), module))) == found


@pytest.mark.parametrize("place", ROOMS)
def test_what_the_rooms_are_said_to_say_is_there(place: str) -> None:
    path, room = PACKAGE / place, ROOMS[place]
    code = "\n".join(one.read_text() for one in (sorted(path.rglob("*.py")) if path.is_dir() else [path]))
    assert [name for name in (*room.calls, *room.says, *room.but) if not re.search(rf"\b{name}\b", code)] == []
    assert next(shapes({place: room}), None) is not None


def test_the_shapes_are_in_the_catalogue_beside_the_texts_of_pages() -> None:
    assert {one.id for one in source() if one.context == CONTEXT} == set(SHAPES)
    assert 300 < len(SHAPES) < 600


def test_words_of_closed_lists_are_those_of_the_rooms() -> None:
    alarms = ["well", "acknowledged", *AlarmKind]
    lists = {
        "severity": SEVERITIES, "feed": alarms, "attestation": AttestationKind, "fields": Privacy,
        "position": PositionKind,
    }  # fmt: skip
    assert {kind: sorted(words) for kind, words in CLOSED.items()} == {kind: sorted(of) for kind, of in lists.items()}
    assert {(kind, word) for kind, of in CLOSED.items() for word in of} <= {(one.context, one.id) for one in source()}
