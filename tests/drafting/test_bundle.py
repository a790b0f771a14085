"""A copy goes away, is worked on, and comes back: nobody's words are lost or decided on."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tocsin.drafting import acts
from tocsin.drafting.bundle import copied, is_bundle, merged, read_bundle, write_bundle
from tocsin.drafting.history import replayed, verify
from tocsin.drafting.plaintext import read_compilation
from tocsin.drafting.store import add_copy, add_text, append, load, source_of, take_in
from tocsin.drafting.stored_text import StoredText
from tocsin.node.errors import ConflictError, InputError
from tocsin.node.records import Database, open_database
from tocsin.node.records.engine import sqlite_url

SOURCE = "A text\n1. Aims\na) Share warnings.\n\n· Aland, Government: Share all warnings.\n".encode()
AT = datetime(2026, 3, 1, tzinfo=UTC)
FRENCH = "Partager les alertes — sans délai."
ARABIC = "تبادل الإنذارات."


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Database]:
    made = database(tmp_path / "home.sqlite")
    yield made
    made.close()


@pytest.fixture
def away(tmp_path: Path, home: Database) -> Iterator[Database]:
    """Another node that took a copy."""
    add_text(home, read_compilation(SOURCE, "aims.txt"), SOURCE, actor="secretariat", at=AT)
    other = database(tmp_path / "away.sqlite")
    stored, source = read_bundle(write_bundle(load(home, "aims"), source_of(home, "aims")))
    add_copy(other, stored, source, actor="delegate", at=AT)
    yield other
    other.close()


def database(path: Path) -> Database:
    made = open_database(sqlite_url(path))
    made.migrate()
    return made


def propose(where: Database, text: str, name: str, who: str = "Beland", provision: str = "A.a") -> None:
    act = acts.Propose(name, provision, who, (who,), "Government", text, 0)
    append(where, "aims", lambda _, __: [act], actor=who, at=AT)


def back(away: Database) -> StoredText:
    stored, _ = read_bundle(write_bundle(load(away, "aims"), source_of(away, "aims")))
    return stored


def test_words_in_any_language_come_back_unchanged_and_once(home: Database, away: Database) -> None:
    propose(away, FRENCH, "e-fr")
    propose(away, ARABIC, "e-ar")
    first = take_in(home, back(away), actor="secretariat", at=AT)
    again = take_in(home, back(away), actor="secretariat", at=AT)
    assert (len(first.steps), len(again.steps), again.known) == (2, 0, 2)
    draft = replayed(load(home, "aims").steps)
    assert [draft.entries[name].text for name in ("e-fr", "e-ar")] == [FRENCH, ARABIC]
    assert load(home, "aims").steps[1].actor == "Beland"
    verify(load(home, "aims").steps)


def test_different_words_for_one_place_are_shown_as_alternatives(home: Database, away: Database) -> None:
    propose(away, "Share few warnings.", "e-1")
    propose(home, "Share most warnings.", "e-2", who="Celand")
    result = take_in(home, back(away), actor="secretariat", at=AT)
    assert result.conflicts == ("A.a: Beland and Celand proposed different words; all are alternatives.",)
    assert {"e-1", "e-2"} <= set(result.draft.entries)
    assert result.draft.provisions["A.a"].base == "Share warnings."


def test_what_changes_the_text_itself_is_left_aside_with_the_reason(home: Database, away: Database) -> None:
    append(away, "aims", lambda _, __: [acts.Relabel("A.a", "z")], actor="Beland", at=AT)
    result = merged(load(home, "aims"), back(away))
    assert [(step.act().act, why) for step, why in result.left_aside] == [
        ("relabel", "it changes the text itself; do it here if it still fits")
    ]
    assert result.draft.provisions["A.a"].label == "a"


def test_an_undone_proposal_does_not_travel(home: Database, away: Database) -> None:
    propose(away, "Hasty words.", "e-1")
    append(away, "aims", lambda _, __: [acts.Undo(2)], actor="Beland", at=AT)
    result = merged(load(home, "aims"), back(away))
    assert result.steps == ()
    assert [why for _, why in result.left_aside] == ["it was undone in the copy", "what it undoes was left out with it"]


def test_words_for_a_provision_that_has_left_stay_on_record(home: Database, away: Database) -> None:
    propose(away, "Share few warnings.", "e-1")
    append(home, "aims", lambda _, __: [acts.Delete("A.a", "agreed to drop it")], actor="chair", at=AT)
    result = take_in(home, back(away), actor="secretariat", at=AT)
    assert result.draft.entries["e-1"].text == "Share few warnings."
    assert result.conflicts == ("A.a has left the text (agreed to drop it); the words stay on record.",)


def test_two_new_provisions_of_one_id_become_two(home: Database, away: Database) -> None:
    for where, name, words in ((away, "e-1", "From afar."), (home, "e-2", "From here.")):
        append(where, "aims", lambda _, __: [acts.New("A.b", "A", "b")], actor=name, at=AT)
        propose(where, words, name, provision="A.b")
    result = take_in(home, back(away), actor="secretariat", at=AT)
    assert (result.draft.entries["e-2"].provision, result.draft.entries["e-1"].provision) == ("A.b", "A.b#2")


def test_a_copy_is_not_imported_over_the_text_it_came_from(home: Database, away: Database) -> None:
    with pytest.raises(ConflictError, match="here already"):
        add_copy(home, copied(back(away), "other"), SOURCE, actor="x", at=AT)


def test_a_copy_of_another_text_is_refused(home: Database, away: Database) -> None:
    with pytest.raises(InputError, match="another text"):
        merged(load(home, "aims"), replace(back(away), id="00000000-0000-0000-0000-000000000000"))


def test_a_copy_that_was_tampered_with_is_refused(away: Database) -> None:
    propose(away, "Share few warnings.", "e-1")
    data = write_bundle(load(away, "aims"), SOURCE)
    assert is_bundle(data)
    with pytest.raises(InputError, match="changed"):
        read_bundle(data.replace(b"Share few warnings.", b"Share no warnings!!"))
    for broken in (data[:-50], b'{"format":"tocsin-draft/1"}', b"[" * 100_000, data.replace(b"draft/1", b"draft/9")):
        with pytest.raises(InputError):
            read_bundle(broken)
    for changed in ({"run": "me"}, {"name": "\x1b[2J"}, {"name": ""}, {"id": "../../etc"}, {"source": "QUJD"}):
        with pytest.raises(InputError):
            read_bundle(json.dumps(json.loads(data) | changed).encode())


def test_the_same_file_twice_is_one_text(home: Database) -> None:
    text = read_compilation(SOURCE, "aims.txt")
    first, fresh = add_text(home, text, SOURCE, actor="x", at=AT)
    second, again = add_text(home, text, SOURCE, actor="x", at=AT)
    assert (fresh, again, first.id) == (True, False, second.id)
    other = read_compilation(SOURCE + b"b) More.\n", "aims.txt")
    with pytest.raises(ConflictError, match="Another text"):
        add_text(home, other, SOURCE, actor="x", at=AT)
