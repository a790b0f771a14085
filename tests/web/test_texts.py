"""The words of the pages: another language is a file, and a wrong one is named."""

from pathlib import Path

import pytest

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
