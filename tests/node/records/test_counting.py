"""Lists of years: counted up to a limit, and looked at from where they begin."""

import random
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import delete, insert, select

from tocsin.node.records import COUNTED, AtLeast, AuditEntry, Database, count_up_to, newest_first
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


def test_the_pages_of_a_list_hold_each_row_once_though_a_clock_was_wrong(database: Database) -> None:
    draw = random.Random(7)
    for _ in range(40):
        times = [BEGAN + timedelta(hours=hour) for hour in range(draw.randint(0, 20))]
        for place in draw.sample(range(len(times)), min(2, len(times))):  # two that a wrong clock made
            times[place] += timedelta(days=draw.choice([-4000, -1, 0, 1, 4000]))
        note(database, times)
        until = draw.choice([None, BEGAN + timedelta(hours=draw.randint(0, 25))])
        met = [] if until is None else [AuditEntry.at < until]
        pages: list[tuple[datetime, int]] = []
        with database.reading() as session:
            rows = session.execute(select(AuditEntry.at, AuditEntry.id).where(*met)).all()
            while True:
                before = pages[-1][1] if pages else 0
                after, order = newest_first(AuditEntry.id, AuditEntry.at, until=until, before=before)
                asked = select(AuditEntry.at, AuditEntry.id).where(*met, *after).order_by(*order)
                if not (page := session.execute(asked.limit(3)).all()):
                    break
                pages += [(at, number) for at, number in page]
        by_time = sorted(((at, number) for at, number in rows), reverse=True)
        assert pages == (by_time if until else sorted(by_time, key=lambda row: -row[1])), (times, until)
