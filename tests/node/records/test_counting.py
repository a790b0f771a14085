"""Lists of years: counted up to a limit, and narrowed by time without a look at all of it."""

import random
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import delete, insert, select

from tocsin.node.records import COUNTED, AtLeast, AuditEntry, Database, count_up_to, made_between
from tocsin.server.pages.words import words_for

BEGAN = datetime(2026, 11, 20, tzinfo=UTC)


def note(database: Database, times: list[datetime]) -> None:
    """Entries of these times, in this order, and no others."""
    same = {"actor": "x", "word": "x", "subject": "x", "detail": {}}
    with database.begin() as session:
        session.execute(delete(AuditEntry))
        if times:
            session.execute(insert(AuditEntry), [{"at": at, **same} for at in times])


@pytest.mark.parametrize("rows", [0, 1, COUNTED - 1, COUNTED, COUNTED + 1, COUNTED + 500])
def test_a_count_is_exact_or_says_that_it_ended_early(database: Database, rows: int) -> None:
    note(database, [BEGAN] * rows)
    with database.reading() as session:
        found = count_up_to(session, select(AuditEntry.id))
        assert count_up_to(session, select(AuditEntry.id).where(AuditEntry.actor == "y")) == 0
    assert (found, isinstance(found, AtLeast)) == (min(rows, COUNTED), rows > COUNTED)


def test_a_count_that_ended_early_is_shown_as_such(tmp_path: Path) -> None:
    words = words_for("en", tmp_path, {})
    assert words.number(COUNTED) == "10,000"
    assert words.number(AtLeast(COUNTED)) == "10,000+"
    assert words.count("%(n)s match", "%(n)s matches", AtLeast(COUNTED)) == "10,000+ matches"


def test_what_is_between_two_times_is_found_though_a_clock_was_turned_back(database: Database) -> None:
    draw = random.Random(7)
    for _ in range(60):
        times: list[datetime] = []
        for _ in range(draw.randint(0, 20)):
            times.append(max(times, default=BEGAN) + timedelta(hours=draw.randint(-24, 36)))
        note(database, times)
        since, until = (draw.choice([None, BEGAN + timedelta(hours=draw.randint(0, 200))]) for _ in range(2))
        with database.reading() as session:
            asked = select(AuditEntry.at).where(*made_between(AuditEntry.id, AuditEntry.at, since, until))
            found = sorted(session.scalars(asked))
        assert found == sorted(
            at for at in times if (since is None or since <= at) and (until is None or at < until)
        ), (times, since, until)


def test_the_first_and_the_last_day_that_can_be_typed_narrow_nothing(database: Database) -> None:
    note(database, [BEGAN])
    first, last = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)
    with database.reading() as session:
        asked = select(AuditEntry.at).where(*made_between(AuditEntry.id, AuditEntry.at, first, last))
        assert session.scalars(asked).all() == [BEGAN]
