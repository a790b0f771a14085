"""Deadlines of 100,000 clocks, as one JSON document: ``python bench/clocks.py [--clocks N]``.

Every rule of the shipped texts that has a period, in turn, at random minutes of two years, in three countries. The
first run looks holidays up; the second is as a node that lives long. Then as many clocks run in the records (SQLite):
found by how much of their time is over, the first 200 listed, all reckoned again.
"""

import argparse
import json
import random
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from sqlalchemy import insert

from tocsin.incidents import IncidentReader, add_incident
from tocsin.incidents.clocks import (
    CalendarText,
    ClockRule,
    WorkingCalendar,
    count_by_stage,
    explain,
    read_clock_text,
    reckon,
    reckon_all,
    rules_for,
    running_clocks,
    shipped_texts,
)
from tocsin.incidents.clocks.adoption import adopt_text
from tocsin.incidents.clocks.models import AdoptedClockText, IncidentClock
from tocsin.node.records import open_database, sqlite_url

NOW = datetime(2026, 11, 24, tzinfo=UTC)
UTC_CALENDAR = WorkingCalendar(CalendarText())
PLACES = [("Europe/Brussels", "BE"), ("Africa/Cairo", "EG"), ("America/Santiago", "CL")]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clocks", type=int, default=100_000)
    options = parser.parse_args()
    chance = random.Random(7)
    texts = [read_clock_text(content) for content in shipped_texts().values()]
    rules = [rule for text in texts for rule in text.rule if rule.within]
    calendars = [WorkingCalendar(CalendarText(time_zone=ZoneInfo(zone), country=code)) for zone, code in PLACES]
    first = datetime(2026, 1, 1, tzinfo=UTC)
    clocks = [
        (rules[at % len(rules)], first + timedelta(minutes=chance.randrange(2 * 525_600)), calendars[at % 3])
        for at in range(options.clocks)
    ]
    result: dict[str, object] = {"clocks": len(clocks), "rules": len(rules)}
    for name in ("first_seconds", "second_seconds"):
        start = time.perf_counter()
        deadlines = [reckon(rule, started, calendar) for rule, started, calendar in clocks]
        result[name] = round(time.perf_counter() - start, 3)
    start = time.perf_counter()
    steps = sum(len(list(explain(one, clocks[at][2]))) for at, one in enumerate(deadlines[:10_000]))
    result |= {"explained_10000_seconds": round(time.perf_counter() - start, 3), "steps": steps}
    print(json.dumps(result | _in_records(options.clocks, chance), indent=2))


def _in_records(count: int, chance: random.Random) -> dict[str, float]:
    with tempfile.TemporaryDirectory(prefix="tocsin-bench-") as folder:
        database = open_database(sqlite_url(Path(folder) / "records.db"))
        database.migrate()
        with database.begin() as session:
            for law in shipped_texts():
                adopt_text(session, Path(folder), law, checked_by="bench", note="", actor="cli:bench", now=NOW)
            incident = add_incident(session, title="Bench", actor="cli:bench", now=NOW)
            rules = [(of, rule) for of, rule in rules_for(session, NOW) if rule.within]
            session.execute(
                insert(IncidentClock), [_row(incident.id, *rules[at % len(rules)], chance) for at in range(count)]
            )
        result: dict[str, float] = {}
        with database.begin() as session:
            reader = IncidentReader(None, NOW)
            steps: dict[str, Callable[[], object]] = {
                "count_by_stage_seconds": lambda: list(count_by_stage(session, reader)),
                "first_200_seconds": lambda: running_clocks(session, reader, limit=200),
                "reckon_all_seconds": lambda: reckon_all(session, actor="cli:bench", now=NOW),
            }
            for name, step in steps.items():
                start = time.perf_counter()
                step()
                result[name] = round(time.perf_counter() - start, 3)
        database.close()
    return result


def _row(incident: int, adopted: AdoptedClockText, rule: ClockRule, chance: random.Random) -> dict[str, object]:
    started = NOW - timedelta(minutes=chance.randrange(40_000))
    due = reckon(rule, started, UTC_CALENDAR).due or started
    return {
        "incident_id": incident, "compartment_id": 0, "text_id": adopted.id, "act": adopted.law, "rule": rule.id,
        "title": rule.title, "due_notice": rule.notice, "ours": rule.ours, "start": "instant", "started_at": started,
        "due_at": due, "half_at": started + (due - started) / 2, "most_at": started + (due - started) * 0.8,
        "state": "running", "made_at": started,
    }  # fmt: skip


if __name__ == "__main__":
    main()
