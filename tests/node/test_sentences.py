"""Sentences read as English everywhere, keep their text and values, and are translated at the edge."""

import copy
import gettext
import io
import json
import pickle
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import pytest
from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select, text

from tocsin.delivery.models import Halt
from tocsin.events.quarantine import Quarantine, set_aside
from tocsin.node.errors import InputError
from tocsin.node.place import FolderPlace
from tocsin.node.records import Database
from tocsin.node.sentences import (
    CONTEXT,
    Sentence,
    Value,
    change_values,
    decode_sentence,
    encode_sentence,
    join_sentences,
    say,
    say_count,
    translate,
)
from tocsin.pipeline.uploads.models import Upload

EMPTY = say("%(name)s is empty.", name="x.csv")
NOON = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
LOOKS_LIKE_OURS = [
    '{"sentence":',
    '{"sentence":"Nothing was sent."}',
    '{"sentence":"%(name)s is empty.","values":{"name":"x"}}',
    '{"sentence":"%(name)s is empty."}',
    '{"sentence":"%(name)s %","values":{"name":1}}',
    '{"sentence":"%(name)9999999999999999999s","values":{"name":1}}',
    '{"sentence":7}',
    '{"sentence":{},"values":[]}',
    '{"sentence":"","values":{"a":null,"b":[],"c":{"d":1}}}',
    '{"sentence":"a","plural":7,"number":"x"}',
    '{"sentence":' + "[" * 100_000,
]
HOSTILE = ["%(name)s", "%", "%%s %(x)d", "<script>alert(1)</script>", "«", "\0", "…" * 5_000, *LOOKS_LIKE_OURS]

anything = st.one_of(st.sampled_from(HOSTILE), st.text(), st.integers(), st.floats(allow_nan=False))
pieces = st.sampled_from([" is empty", "100 %% ", "%(name)s ", "%(error)s", "%(n)s: ", "%(at)s, "])
texts = st.lists(pieces, min_size=1, max_size=5).map("".join)


def made(one: str, several: str, number: int, values: dict[str, object]) -> Sentence:
    given_all = {"name": "", "error": "", "n": "", "at": ""} | values
    return say_count(one, several, number, **given_all) if number else say(one, **given_all)


def built(inner: st.SearchStrategy[object]) -> st.SearchStrategy[object]:
    values = st.dictionaries(st.sampled_from(["name", "n"]), inner)
    return st.builds(made, texts, texts, st.integers(0, 3), values)


sentences = st.recursive(anything, built, max_leaves=6).filter(lambda one: isinstance(one, Sentence))


class Marked(gettext.NullTranslations):
    """A language that says all between marks."""

    def pgettext(self, context: str, message: str) -> str:
        assert context == CONTEXT
        return f"«{message}»"

    def npgettext(self, context: str, msgid1: str, msgid2: str, n: int) -> str:
        assert context == CONTEXT
        return f"«{msgid1 if n == 1 else msgid2}»"


def fill(words: str, values: Mapping[str, Value]) -> str:
    return words % values


def language(*pairs: tuple[str | tuple[str, str], str | tuple[str, ...]]) -> gettext.NullTranslations:
    catalogue = Catalog(locale="fr")
    for english, translation in pairs:
        catalogue.add(english, translation, context=CONTEXT)
    packed = io.BytesIO()
    write_mo(packed, catalogue)
    packed.seek(0)
    return gettext.GNUTranslations(packed)


def bare(words: str) -> str:
    return re.sub("[«»]", "", words)


@given(sentence=sentences)
def test_whatever_fills_a_sentence_in_it_reads_the_same_in_another_language(sentence: Sentence) -> None:
    marked = translate(sentence, Marked(), fill)
    assert (marked[0], marked[-1]) == ("«", "»")
    assert bare(marked) == bare(sentence)


@given(one=st.one_of(sentences, st.text(), st.sampled_from(LOOKS_LIKE_OURS)))
def test_what_is_stored_comes_back_with_its_values_whatever_stands_in_it(one: str) -> None:
    found = decode_sentence(encode_sentence(one))
    assert found == one
    assert bare(translate(found, Marked(), fill)) == bare(one)
    if isinstance(one, Sentence):
        assert translate(found, Marked(), fill) == translate(one, Marked(), fill)
        assert isinstance(found, Sentence)
        assert (found.text, found.values, found.plural, found.number) == (
            one.text, one.values, one.plural, one.number,
        )  # fmt: skip


@given(words=st.text())
def test_what_was_stored_as_english_is_a_text_without_values(words: str) -> None:
    assert encode_sentence(words) == words or words.startswith('{"sentence":')
    found = decode_sentence(f"x{words}")
    assert (type(found), found) == (str, f"x{words}")


@pytest.mark.parametrize("words", LOOKS_LIKE_OURS)
def test_what_a_stranger_wrote_is_never_taken_for_a_sentence_of_ours(words: str) -> None:
    found = decode_sentence(encode_sentence(words))
    assert found == words
    assert translate(found, language(("Nothing was sent.", "Rien."), ("a", "b")), fill) == words


@pytest.mark.parametrize("words", LOOKS_LIKE_OURS)
def test_what_is_damaged_in_a_store_is_shown_as_it_is(words: str) -> None:
    assert isinstance(decode_sentence(words), str)


def test_sentences_within_a_sentence_are_translated_too() -> None:
    french = language(
        ("%(name)s cannot be used: %(error)s.", "%(name)s ne va pas : %(error)s."),
        ("the data is damaged", "les données sont abîmées"),
        ("disk", "disque"),
    )
    error = ValueError(say("the data is damaged"))
    whole = say("%(name)s cannot be used: %(error)s.", name="disk", error=error)
    assert whole == "disk cannot be used: the data is damaged."
    assert translate(whole, french, fill) == "disk ne va pas : les données sont abîmées."
    row = join_sentences("; 100 % ", [say("disk"), "disk", whole])
    assert row == f"disk; 100 % disk; 100 % {whole}"
    assert translate(row, french, fill).startswith("disque; 100 % disk; 100 % disk ne va pas")


def test_a_number_of_things_is_said_as_a_language_counts() -> None:
    french = language((("%(n)s row", "%(n)s rows"), ("%(n)s ligne", "%(n)s lignes")))
    said = [say_count("%(n)s row", "%(n)s rows", n) for n in (0, 1, 2, 1_234)]
    assert said == ["0 rows", "1 row", "2 rows", "1,234 rows"]
    assert [translate(one, french, fill) for one in said] == ["0 ligne", "1 ligne", "2 lignes", "1,234 lignes"]


@pytest.mark.parametrize("wrong", ["%(other)s est vide.", "%(name)d est vide.", "100 % est vide.", ""])
def test_a_translation_that_cannot_be_filled_in_is_not_used(wrong: str) -> None:
    assert translate(EMPTY, language(("%(name)s is empty.", wrong)), fill) == "x.csv is empty."


def test_a_sentence_outlives_errors_copies_and_processes() -> None:
    error = InputError(EMPTY, hint=say("Send it again."))
    for one in (str(error), copy.deepcopy(EMPTY), pickle.loads(pickle.dumps(EMPTY))):  # noqa: S301 (made here)
        assert translate(one, Marked(), fill) == "«x.csv is empty.»"
    assert (f"{error}", json.dumps(EMPTY), EMPTY.encode()) == (
        "x.csv is empty.",
        '"x.csv is empty."',
        b"x.csv is empty.",
    )


def test_what_others_had_a_say_in_is_changed_and_our_words_are_not() -> None:
    inner = say("%(name)s again", name="an id")
    hidden = change_values(
        say("no id: %(a)s, %(b)s, %(n)s", a="the id", b=inner, n=7), lambda value: value.replace("id", "…")
    )
    assert hidden == "no id: the …, an … again, 7"
    assert translate(hidden, Marked(), fill) == "«no id: the …, «an … again», 7»"
    assert change_values("an id", lambda value: value.replace("id", "…")) == "an …"


def test_records_keep_sentences_and_read_what_was_stored_as_english(database: Database) -> None:
    wrong = {"file": "x.csv", "reason": EMPTY, "hint": LOOKS_LIKE_OURS[1]}
    given_all = {"source": "", "feed": "", "files": [], "sent_by": "", "ingests": [], "counts": {}, "uuid": uuid4()}
    with database.begin() as session:
        for kind, reason in (("a", EMPTY), ("b", LOOKS_LIKE_OURS[2]), ("c", "so it is")):
            session.add(Halt(kind=kind, at=NOON, actor="test", reason=reason, mails=0))
        session.add(Upload(state="refused", sent_at=NOON, begun_after=None, done_at=NOON, failed=[wrong], **given_all))
    with database.reading() as session:
        plain = session.execute(text("SELECT reason FROM halt WHERE kind = 'c'")).scalar_one()
        found = list(session.scalars(select(Halt.reason).order_by(Halt.kind)))
        failed = session.scalars(select(Upload.failed)).one()
        assert session.scalar(select(Halt.kind).where(Halt.reason == EMPTY)) == "a"
    assert plain == "so it is"
    assert found == ["x.csv is empty.", LOOKS_LIKE_OURS[2], "so it is"]
    assert translate(found[0], Marked(), fill) == "«x.csv is empty.»"
    assert failed == [wrong]
    assert translate(failed[0]["reason"], Marked(), fill) == "«x.csv is empty.»"


def test_rows_that_are_set_aside_keep_their_reason_in_text_and_values(tmp_path: Path) -> None:
    quarantine = Quarantine(FolderPlace(tmp_path), 1)
    quarantine.add([(1, EMPTY, "raw"), (2, LOOKS_LIKE_OURS[2], LOOKS_LIKE_OURS[2])])
    quarantine.sync()
    quarantine.close()
    with (tmp_path / "0000000001.jsonl").open("a", encoding="utf-8") as file:
        file.write('{"line": 3, "reason": "as it was stored once", "raw": ""}\n')
    rows = list(set_aside(FolderPlace(tmp_path), 1))
    assert [row.reason for row in rows] == ["x.csv is empty.", LOOKS_LIKE_OURS[2], "as it was stored once"]
    assert translate(rows[0].reason, Marked(), fill) == "«x.csv is empty.»"
    assert rows[1].raw == LOOKS_LIKE_OURS[2]
