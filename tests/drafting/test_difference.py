"""Differences are exact both ways, whatever the texts; alternatives show each place once."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from tocsin.drafting.agreement import Alternatives, in_brackets, places
from tocsin.drafting.difference import accepted, apply_edits, carried_over, difference, edits, rejected, words

TEXTS = st.text(alphabet="ab c.,[]\n\t“é中", max_size=60) | st.text(max_size=40)


@given(TEXTS, TEXTS)
def test_accepting_all_gives_the_new_text_and_rejecting_all_the_old(old: str, new: str) -> None:
    pieces = difference(old, new)
    assert accepted(pieces) == new
    assert rejected(pieces) == old
    assert apply_edits(old, edits(old, new)) == new


@given(TEXTS)
def test_equal_texts_have_no_edits(text: str) -> None:
    assert edits(text, text) == ()


@given(TEXTS, st.lists(TEXTS, max_size=4))
def test_places_are_in_text_order_and_give_back_every_text(base: str, texts: list[str]) -> None:
    writings = {str(number): text for number, text in enumerate(texts)}
    found = places(base, writings)
    assert all(one.end < two.start for one, two in pairwise(found))
    for name, text in writings.items():
        mine = [(p, option.text) for p in found for option in p.options if name in option.entries]
        parts, at = [], 0
        for place, wording in mine:
            parts += [base[at : place.start], wording]
            at = place.end
        assert words("".join([*parts, base[at:]])) == words(text)


def test_a_difference_is_by_whole_words() -> None:
    found = edits("Keep the logs for a year.", "Keep all logs for a month.")
    assert [(edit.start, edit.end, edit.text.strip()) for edit in found] == [(4, 8, "all"), (19, 24, "month")]


def test_bracketed_text_shows_each_wording_once() -> None:
    base = "Keep logs for a year."
    found = places(
        base, {"A": "Keep logs for a month.", "B": "Keep logs for a month.", "C": "Keep the logs for a year."}
    )
    assert in_brackets(base, Alternatives(found)) == "Keep [the] logs for a [year] [month]."


def test_edits_that_meet_a_change_of_the_base_are_given_back() -> None:
    base, now = "Keep logs for a year.", "Keep all logs for a week."
    text, clashes = carried_over(edits(base, "Keep logs safely for a month."), base, now)
    assert text == "Keep all logs safely for a week."
    assert [edit.text.strip() for edit in clashes] == ["month"]
