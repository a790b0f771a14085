"""Rows found by the beginnings of words: kept up with each change, on both databases, and made anew where lost."""

import itertools
import re
from datetime import UTC, datetime
from uuid import uuid4

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, select, text, update

from tocsin.directory.tables import TeamRow
from tocsin.node.records import Database, rows_with, words_of

NOW = datetime(2026, 11, 27, tzinfo=UTC)
SIGNS = " !\"#$%&'()*+,-./:;<=>?@[\\]^`{|}~«»“”„–—·…¿¡،؛؟"  # noqa: RUF001 (between words)


def team(key: str, name: str, organisation: str = "") -> TeamRow:
    return TeamRow(
        uuid=uuid4(), key=key, name=name, organisation=organisation, kind="operator", country="MU", language="en",
        timezone="UTC", interval="daily", formats=["csv"], ceiling="AMBER", encrypt=False, recorded=NOW,
    )  # fmt: skip


def found(database: Database, typed: str) -> list[str]:
    with database.reading() as session:
        numbers = rows_with(session, TeamRow.id, typed, limit=10)
        return [session.get_one(TeamRow, number).key for number in numbers]


def fill(database: Database) -> None:
    with database.begin() as session:
        session.add_all([
            team("harbour", "Harbour Telecom", "Port of Louis"),
            team("reunion", "Équipe de la Réunion", "L'Île-Rousse <net>"),
            team("hyphen-net.example", "O'Brien & Söhne (AS64500)", "مركز الأمن"),
        ])  # fmt: skip


def test_every_word_begins_some_word(database: Database) -> None:
    fill(database)
    for typed in ("harb", "HARBOUR", "tele harb", "louis harbour", "port, of: (harbour)*"):
        assert found(database, typed) == ["harbour"], typed
    for typed in ("equipe", "ÉQUIPE", "reun", "rousse ile", "Î ile", "net equipe"):
        assert found(database, typed) == ["reunion"], typed
    for typed in ("brien", "sohne", "as64500", "hyphen", "example hyphen-net", "مركز", "hyphen-net.example"):
        assert found(database, typed) == ["hyphen-net.example"], typed
    for typed in ("zzab\u19b0cd", "zzab\u1cf2cd", "\u19b1\u19b1"):  # two words for FTS5, which refuses them as one
        assert found(database, typed) == [], typed
    for typed in ("arbour", "harbour reunion", "", "h", "*", '"', "' OR 1", "harb NOT"):
        assert found(database, typed) == [], typed


def test_changes_count_at_once_and_not_before_they_are_committed(database: Database) -> None:
    fill(database)
    with database.begin() as session:
        session.execute(update(TeamRow).where(TeamRow.key == "harbour").values(name="Bay Telecom"))
        session.execute(delete(TeamRow).where(TeamRow.key == "reunion"))
        session.rollback()
    assert found(database, "harbour telecom") == ["harbour"]
    with database.begin() as session:
        session.execute(update(TeamRow).where(TeamRow.key == "harbour").values(name="Bay Telecom", key="bay"))
        session.execute(delete(TeamRow).where(TeamRow.key == "reunion"))
    assert (found(database, "harbour"), found(database, "bay telecom"), found(database, "reunion")) == ([], ["bay"], [])


def test_conditions_are_part_of_the_question(database: Database) -> None:
    with database.begin() as session:
        session.add_all(team(f"same-{number}", "Same name") for number in range(20))
    with database.reading() as session:
        newest = rows_with(session, TeamRow.id, "same", limit=3)
        few = rows_with(session, TeamRow.id, "same", TeamRow.key.in_(["same-1", "same-4", "other"]), limit=3)
        keys = [session.get_one(TeamRow, number).key for number in (*newest, *few)]
    assert keys == ["same-19", "same-18", "same-17", "same-4", "same-1"]


def test_many_rows_are_found_as_if_each_were_read(database: Database) -> None:
    """So many that the newest are not all, with words that all, many, a few old ones and none of them have."""
    with database.begin() as session:
        session.add_all(
            team(f"toc-2026-{number:05d}", f"{'Harbour' if number % 7 else 'Bank'} {number}", f"Quay {number % 900}")
            for number in range(2_500)
        )
    asked = (
        "harb",
        "toc 2026 00123",
        "2026 001",
        "bank 14",
        "quay 2026",
        "harbour 2026 quay 77",
        "bankr 2026",
        "toc-2026",
    )
    with database.reading() as session:
        rows = session.execute(select(TeamRow.id, TeamRow.key, TeamRow.name, TeamRow.organisation)).all()
        words = {row.id: re.split(r"[- ]", " ".join(row[1:]).casefold()) for row in rows}
        newest = sorted(words, reverse=True)
        for limit, may in itertools.product((3, 60), ({*newest}, {*newest[::2]}, {*newest[-40:]})):
            conditions = () if len(may) == len(newest) else (TeamRow.id.in_(sorted(may)),)
            for typed in asked:
                begins = re.split(r"[- ]", typed)
                wanted = [
                    one for one in newest
                    if one in may and all(any(word.startswith(of) for word in words[one]) for of in begins)
                ]  # fmt: skip
                assert rows_with(session, TeamRow.id, typed, *conditions, limit=limit) == wanted[:limit], typed


def test_a_lost_index_is_there_again_when_the_records_are_opened(database: Database) -> None:
    fill(database)
    if database.engine.dialect.name == "sqlite":
        with database.begin() as session:
            session.execute(text("DROP TRIGGER search_team_insert"))
    with database.begin() as session:
        session.add(team("late", "Late arrival"))
    database.migrate()
    assert found(database, "late") == ["late"]
    assert found(database, "harb") == ["harbour"]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(max_size=60) | st.from_regex(r"[\w'\\:&|!<>()*\-]{0,30}"))
def test_any_text_can_be_asked(database: Database, typed: str) -> None:
    with database.reading() as session:
        assert rows_with(session, TeamRow.id, typed, limit=1) == []


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=20)
@given(st.text(st.characters(codec="utf-8", categories=("L", "N")) | st.sampled_from(SIGNS), max_size=60))
def test_what_is_stored_is_found_by_its_words(database: Database, name: str) -> None:
    with database.begin() as session:
        row = team(str(uuid4()), name)
        session.add(row)
        session.flush()
        latin = [word for word in words_of(name) if all(letter < "\u0180" for letter in word)]
        for word in latin:
            assert row.id in rows_with(session, TeamRow.id, word, TeamRow.id == row.id, limit=1), ascii(name)


def test_what_is_asked_for_are_words() -> None:
    assert words_of("Harbour Telecom's a_bc Harbour") == ["Harbour", "Telecom", "bc"]
    assert len(words_of(" ".join(f"word{n}" for n in range(50)))) == 8
