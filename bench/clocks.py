"""Deadlines of 100,000 clocks, as one JSON document: ``python bench/clocks.py [--clocks N]``.

Every rule of the shipped texts that has a period, in turn, at random minutes of two years, in three countries. The
first run looks holidays up; the second is as a node that lives long.
"""

import argparse
import json
import random
import time
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from tocsin.incidents.clocks import CalendarText, WorkingCalendar, explain, read_clock_text, reckon, shipped_texts

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
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
