"""What a text quotes of others, and what of a template nobody filled in: pure, for any words."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.delivery.texts import SHIPPED, TextFolders, incident_templates
from tocsin.incidents.threads.letter_texts import VALUES, filled
from tocsin.incidents.threads.quotes import RUN, OtherThread, quotes_in

WORD = st.text(alphabet="abcdefghijklmnopqrstuvwxyzéñعل", min_size=3, max_size=9)
WORDS = st.lists(WORD, min_size=RUN, max_size=40, unique=True)
LANGUAGES = sorted(folder.name for folder in SHIPPED.iterdir() if folder.is_dir())


def other(*texts: str) -> list[OtherThread]:
    return [OtherThread("Hospital", texts, frozenset({"it@hospital.example"}))]


@given(WORDS, st.integers(1, 7))
def test_a_quotation_is_found_however_it_is_wrapped_and_marked(words: list[str], width: int) -> None:
    lines = [" ".join(words[place : place + width]) for place in range(0, len(words), width)]
    quoted = "\n".join(f"> {line.upper()}," for line in lines)
    assert quotes_in(f"They wrote:\n{quoted}", other(" ".join(words)))


@given(WORDS, WORDS)
def test_what_the_reader_knows_is_no_quotation(words: list[str], more: list[str]) -> None:
    text = " ".join(words)
    assert quotes_in(text, other(f"{text} {' '.join(more)}"), [text]) == []


@given(st.lists(WORD, min_size=1, max_size=RUN - 1))
def test_fewer_words_than_a_run_are_no_quotation(words: list[str]) -> None:
    assert quotes_in(" ".join(words), other(" ".join(words))) == []


def test_an_address_of_another_party_is_named() -> None:
    (found,) = quotes_in("Write to IT@hospital.example.", other())
    assert (found.name, found.words) == ("Hospital", "it@hospital.example")


@pytest.mark.parametrize("language", LANGUAGES)
def test_each_template_is_filled_in_its_language_and_what_is_left_is_for_a_person(language: str) -> None:
    templates = incident_templates(TextFolders(), language)
    assert len(templates) == 14
    values = dict.fromkeys(VALUES, "known")
    for name, one in templates.items():
        text = filled(f"{one.subject}\n{one.text}", values)
        assert "{node}" not in text, name
        assert not set(re.findall(r"\{([^{}]+)\}", text)) & set(VALUES), name


@pytest.mark.parametrize("language", LANGUAGES)
def test_templates_of_all_languages_ask_for_the_same(language: str) -> None:
    english = incident_templates(TextFolders(), "en")
    for name, one in incident_templates(TextFolders(), language).items():
        asked, wanted = (len(re.findall(r"\{[^{}]+\}", of.text)) for of in (one, english[name]))
        assert asked == wanted, name
        assert (one.title != english[name].title) == (language != "en"), name
