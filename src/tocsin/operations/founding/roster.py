"""The duty roster: the people of a team take turns, a week each, with the next one behind them."""

import csv
import io
from collections.abc import Sequence
from datetime import date, timedelta

WEEKS = 26
_HEAD = ("from", "to", "on duty", "mailbox", "if away", "mailbox if away")


def roster_csv(people: Sequence[str], today: date, weeks: int = WEEKS) -> str:
    """A line for each week from the next Monday on, as CSV; people are ``NAME <MAILBOX>`` or a name alone."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(_HEAD)
    monday = today + timedelta(days=7 - today.weekday())
    for week in range(weeks):
        start = monday + timedelta(weeks=week)
        first, second = (people[(week + step) % len(people)] if people else "" for step in (0, 1))
        if len(people) < 2:
            second = ""
        writer.writerow([start, start + timedelta(days=6), *_parts(first), *_parts(second)])
    return out.getvalue()


def _parts(person: str) -> tuple[str, str]:
    name, _, mailbox = person.partition(" <")
    return name, mailbox.removesuffix(">")
