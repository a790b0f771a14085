"""Versions of a text as tracked changes: exact for the base, for each author, and through a file."""

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from tocsin.drafting.word import (
    Version,
    WordDocument,
    accepted,
    author_view,
    lines,
    numbered,
    original,
    read_docx,
    redline,
    reject,
    write_docx,
)

MORNING, NOON, EVENING = (datetime(2014, 3, 4, hour, 30, tzinfo=UTC) for hour in (9, 12, 18))

WORDS = st.sampled_from(
    ["may", "shall", "States", ",", ".", " ", "  ", "\n", "\t", "é", "k bis", "[", "]", "сеть", "\u2011"]
)
TEXTS = st.lists(WORDS, max_size=14).map("".join) | st.text(
    st.characters(codec="utf-8", exclude_characters="\r\ufffe\uffff", exclude_categories=("Cc", "Cs")), max_size=20
)


def in_file(base: str, versions: list[Version]) -> tuple[WordDocument, tuple[Version, ...]]:
    paragraphs, left = redline(base, versions)
    document = numbered(WordDocument(paragraphs))
    assert read_docx(write_docx(document)) == document
    return document, left


def text(document: WordDocument) -> str:
    return "\n".join(lines(document))


@given(TEXTS, TEXTS)
def test_accepting_all_gives_the_new_text_and_rejecting_all_the_old(base: str, new: str) -> None:
    document, left = in_file(base, [Version("Alpha", new, NOON)])
    assert not left
    assert text(original(document)) == base
    assert text(accepted(document)) == new


@given(TEXTS, TEXTS, TEXTS, TEXTS)
def test_each_author_who_fits_on_the_base_is_read_back_exactly(base: str, one: str, two: str, three: str) -> None:
    versions = [Version("Alpha", one, MORNING), Version("Beta", two, NOON), Version("Gamma", three, EVENING)]
    document, left = in_file(base, versions)
    assert text(original(document)) == base
    for version in versions:
        assert text(author_view(document, version.author)) == (base if version in left else version.text)


def test_words_that_two_delete_are_deleted_once_and_the_second_is_handed_back() -> None:
    both = [Version("Alpha", "States shall act"), Version("Beta", "States should act")]
    document, left = in_file("States may act", both)
    assert left == (both[1],)
    assert text(accepted(document)) == "States shall act"


def test_additions_of_two_at_one_place_stand_side_by_side_in_order() -> None:
    both = [Version("Alpha", "States, all, act"), Version("Beta", "States, together, act")]
    document, left = in_file("States act", both)
    assert not left
    assert text(accepted(document)) == "States, all,, together, act"


def test_one_change_can_be_rejected_alone() -> None:
    document, _ = in_file("one two three", [Version("Alpha", "1 two 3", NOON)])
    assert text(accepted(reject(document, [1, 2]))) == "one two 3"
