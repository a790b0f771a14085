"""The shipped languages say all of it; a country's own comes from an ordinary catalogue."""

import io
import re
from pathlib import Path

import pytest
from babel.messages.pofile import read_po, write_po

from support.cast import Tocsin
from support.console_users import browser_of
from support.world import START, World, copy_world
from tocsin.directory.facts import AttestationKind
from tocsin.drafting.model import EntryClass, PositionKind
from tocsin.drafting.positions import read_words
from tocsin.events.fields import Privacy
from tocsin.events.filters import SEVERITIES
from tocsin.events.models import AlarmKind
from tocsin.node.accounts import AccountRole
from tocsin.node.errors import InputError
from tocsin.node.sentences import CONTEXT, say
from tocsin.server.pages.catalogues import FILE, faults, source, texts_of, update
from tocsin.server.pages.closed_lists import CLOSED
from tocsin.server.pages.words import OURS, choose, words_for
from tocsin.server.server import make_application

SHIPPED = ("ar", "es", "fr", "pt")
_TEMPLATES = sorted(OURS.parents[2].rglob("templates/**/*.html"))
_TEXTS = re.compile(r'_\("((?:[^"\\]|\\.)*)"')
_LABELLED = re.compile(
    r'<(a|button)\b[^>]*?aria-label="((?:[^"{]|\{\{.*?\}\})*)"(?:[^>{]|\{[{%].*?[}%]\})*>(.*?)</\1>', re.DOTALL
)


@pytest.fixture
def world(fresh: Path, tmp_path: Path) -> World:
    return copy_world(fresh, tmp_path)


@pytest.mark.parametrize("language", SHIPPED)
def test_a_shipped_language_says_all_of_it(language: str) -> None:
    assert [fault.text for fault in faults(OURS / language / FILE, language)] == []


def test_what_a_control_is_called_has_what_is_seen_on_it() -> None:
    """In each language, so that it is found by whoever says what he sees (WCAG 2.5.3)."""
    looked = 0
    for language in SHIPPED:
        with (OURS / language / FILE).open("rb") as file:
            said = {message.id: message.string or message.id for message in read_po(file)}
        for template in _TEMPLATES:
            for _, label, inside in _LABELLED.findall(template.read_text(encoding="utf-8")):
                called = [_plain(said.get(text, text)) for text in _TEXTS.findall(label)]
                for seen in _TEXTS.findall(inside):
                    assert any(_plain(said.get(seen, seen)) in one for one in called), (template.name, language, seen)
                    looked += 1
    assert looked > 5 * len(SHIPPED)


def _plain(text: str) -> str:
    return re.sub(r"%\(\w+\)s|[^\w\s]", "", text).casefold()


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
    assert french.say("Nothing waits") != "Nothing waits"


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
    empty = say("%(name)s is empty.", name="x.csv")
    assert words.translate_error(InputError(empty, hint=say("Send it again."))) == "x.csv ni tupu. Tuma tena."
    assert words.translate_error(InputError(empty, hint="Run: tocsin deliver")) == "x.csv ni tupu."
    assert words.translate(empty) == "x.csv ni tupu."
    assert words.translate("Send it again.") == "Send it again."  # a text that somebody wrote
    assert words.translate(None) == ""
    missing = {fault.text for fault in faults(path, "sw")}
    assert "%(name)s is empty." not in missing
    assert "Nothing was sent." in missing


def test_the_texts_of_a_module_are_found_where_they_are_marked() -> None:
    code = b"""
from tocsin.node.sentences import say, say_count
page(words.say("a page's %(x)s", x=say("a sentence's")), words.count("%(n)s row", "%(n)s rows", n))
raise InputError(say("it " "goes on" if x else name), hint=say_count("%(n)s day", "%(n)s days", len(x)))
"""
    found = [
        (function, texts) for _, function, texts, _ in texts_of(io.BytesIO(code), ["say", "count"], [], options={})
    ]
    assert found == [
        ("say", ("a page's %(x)s",)),
        ("pgettext", (CONTEXT, "a sentence's")),
        ("count", ("%(n)s row", "%(n)s rows", None)),
        ("pgettext", (CONTEXT, None)),
        ("npgettext", (CONTEXT, "%(n)s day", "%(n)s days", None)),
    ]
    elsewhere = texts_of(io.BytesIO(b"say('of another kind', 1)"), ["say"], [], options={})
    assert [(function, texts) for _, function, texts, _ in elsewhere] == [("say", ("of another kind", None))]


def test_every_sentence_is_written_out_where_it_is_made() -> None:
    """What ``say`` is given must be one text, or no catalogue has it."""
    hidden = []
    for path in sorted(OURS.parents[1].rglob("*.py")):
        with path.open("rb") as file:
            for line, function, texts, _ in texts_of(file, [], [], options={}):
                if None in texts[: {"pgettext": 2, "npgettext": 3}[function]]:
                    hidden.append(f"{path.name}:{line}")
    assert hidden == []


def test_words_of_closed_lists_are_those_of_the_rooms() -> None:
    alarms = ["well", "acknowledged", *AlarmKind]
    basis = {read_words(entry, text, "a b c d")[1] for entry in EntryClass for text in ("a b c e", "x", "Support.")}
    lists = {
        "severity": SEVERITIES, "feed": alarms, "attestation": AttestationKind, "fields": Privacy,
        "position": PositionKind,
        "basis": basis,
    }  # fmt: skip
    assert {kind: sorted(words) for kind, words in CLOSED.items()} == {kind: sorted(of) for kind, of in lists.items()}
    assert {(kind, word) for kind, of in CLOSED.items() for word in of} <= {(one.context, one.id) for one in source()}
