"""The shipped languages say all of it; a country's own comes from an ordinary catalogue."""

from pathlib import Path

import pytest
from babel.messages.pofile import read_po, write_po

from support.cast import Tocsin
from support.console_users import browser_of
from support.world import START, World, copy_world
from tocsin.node.accounts import AccountRole
from tocsin.server.pages.translating import FILE, faults, source, update
from tocsin.server.pages.words import OURS, choose, words_for
from tocsin.server.server import make_application


@pytest.fixture
def world(fresh: Path, tmp_path: Path) -> World:
    return copy_world(fresh, tmp_path)


@pytest.mark.parametrize("language", ["ar", "es", "fr", "pt"])
def test_a_shipped_language_says_all_of_it(language: str) -> None:
    assert [fault.text for fault in faults(OURS / language / FILE, language)] == []


def test_a_country_adds_its_own_language_and_says_ours_otherwise(world: World) -> None:
    tocsin = Tocsin(world.node.home, {})
    assert "texts" in tocsin.run("languages", "start", "sw")
    own = world.node.home / "locale"
    for language, word in (("sw", "Leo"), ("fr", "Ce jour")):
        path = own / language / FILE
        update(path, language)
        with path.open("rb") as file:
            catalogue = read_po(file, locale=language)
        for message in catalogue:
            message.string = word if message.id == "Today" else message.string and ""
        with path.open("wb") as file:
            write_po(file, catalogue)
        application = make_application(world.node, clock=lambda: START)
        with browser_of(application, world.node, AccountRole.ANALYST, now=START) as browser:
            page = browser.get(f"/today?language={language}").text
        assert f'<html lang="{language}" dir="ltr"' in page
        assert f">{word}</a>" in page
    assert "is not translated" in tocsin.run("languages", "check", "sw", code=1)
    assert "Choose" in source()["Choose one of the buttons."].id
    french = words_for("fr", own, {})
    assert french.say("All problems are answered") != "All problems are answered"


def test_a_catalogue_that_fills_in_a_wrong_name_is_named(tmp_path: Path) -> None:
    path = tmp_path / "fr" / FILE
    catalogue = update(path, "fr")
    text = "Questions: write to %(contact)s."
    catalogue[text].string = "Questions : %(mailbox)s."
    with path.open("wb") as file:
        write_po(file, catalogue)
    assert next(fault for fault in faults(path, "fr") if fault.text == text).wrong != "is not translated"


def test_terms_of_the_node_take_the_place_of_ours(tmp_path: Path) -> None:
    words = words_for("en", tmp_path, {"csirt": "CIRT"})
    assert words.say("Ask your %(csirt)s about %(cybersecurity)s.") == "Ask your CIRT about cybersecurity."


def test_within_words_from_right_to_left_addresses_stay_whole(tmp_path: Path) -> None:
    words = words_for("ar", tmp_path, {})
    assert words.direction == "rtl"
    assert words.say("%(where)s", where="192.0.2.0/24") == "\u2066192.0.2.0/24\u2069"


@pytest.mark.parametrize(
    ("wanted", "language"), [(["de", "fr-CA"], "fr"), (["pt_BR"], "pt"), ([], "en"), (["../x", "xx"], "en")]
)
def test_the_first_language_that_is_there_is_taken(wanted: list[str], language: str) -> None:
    assert choose(wanted, ["en", "fr", "pt"]) == language
