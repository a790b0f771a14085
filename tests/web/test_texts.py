"""The words of the pages: another language is a file, and a wrong one is named."""

import re
import tomllib
from pathlib import Path

import pytest

import tocsin.web.texts as web_texts
from tocsin.errors import SettingError
from tocsin.web.texts import words_for


def put(folder: Path, text: str, language: str = "ar") -> Path:
    (folder / "en.toml").write_text("")
    (folder / f"{language}.toml").write_text(text)
    return folder


def test_a_language_may_say_some_of_it_and_english_says_the_rest(tmp_path: Path) -> None:
    words = words_for("ar-EG", put(tmp_path, 'direction = "rtl"\n[verdicts]\nfixed = "أُصلح"\n'))
    assert (words.language, words.direction) == ("ar", "rtl")
    assert words.say("verdicts.fixed") == "أُصلح"
    assert words.say("verdicts.false") == "Not there"


@pytest.mark.parametrize("language", ["", "xx", "../secret", "en", "EN-GB", "de-1996"])
def test_a_language_without_a_file_is_english(language: str) -> None:
    words = words_for(language)
    assert (words.language, words.direction) == ("en", "ltr")


def test_one_and_many_have_their_own_words() -> None:
    words = words_for("en")
    assert words.say("receipt.title", verdict="Fixed", n=1) == "Recorded: Fixed, for one problem"
    assert words.say("receipt.title", verdict="Fixed", n=2) == "Recorded: Fixed, for 2 problems"
    assert words.say("receipt.title", verdict="{n}", n=2) == "Recorded: {n}, for 2 problems"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('[verdicts]\nmended = "x"\n', "'mended' is no text"),
        ("[verdicts]\nfixed = 3\n", "'fixed' is no text"),
        ('verdicts = "x"\n', "'verdicts' is no text"),
        ('[sheet]\nlast_seen = "{seen} {mailbox}"\n', "'last_seen' fills in what is not known"),
        ('[sheet]\nlast_seen = "{seen"\n', "a brace too many"),
    ],
)
def test_a_text_that_cannot_be_used_is_named_when_loaded(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(SettingError, match=r"ar\.toml") as raised:
        words_for("ar", put(tmp_path, text))
    assert words in str(raised.value)


@pytest.mark.parametrize("language", ["ar", "es", "fr", "pt"])
def test_a_shipped_language_says_all_of_it_and_fills_in_the_same(language: str) -> None:
    def texts(name: str) -> dict[str, set[str]]:
        read = tomllib.loads(Path(web_texts.__file__).with_name(f"{name}.toml").read_text())
        of = {
            f"{part}.{key}": text
            for part, words in read.items()
            if isinstance(words, dict)
            for key, text in words.items()
        }
        of |= {key: text for key, text in read.items() if isinstance(text, str)}
        return {key: set(re.findall(r"\{\w+\}", text)) for key, text in of.items()}

    assert texts(language) == texts("en")
    assert words_for(f"{language}-XX").direction == ("rtl" if language == "ar" else "ltr")


def test_dates_and_addresses_keep_their_order_within_arabic() -> None:
    said = words_for("ar").say("sheet.said", verdict="تم الإصلاح", said="2026-11-20")
    assert "\N{LEFT-TO-RIGHT ISOLATE}2026-11-20\N{POP DIRECTIONAL ISOLATE}" in said
    assert "«تم الإصلاح»" in said
    assert words_for("fr").say("sheet.said", verdict="Corrigé", said="2026-11-20").isprintable()
