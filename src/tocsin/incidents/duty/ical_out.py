"""A person's shifts as iCalendar (RFC 5545), for the calendar that the person uses."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final

from tocsin.incidents.duty.live import LiveRoster

_BEFORE: Final = timedelta(days=30)
_AFTER: Final = timedelta(days=180)


def calendar_of(rosters: Iterable[LiveRoster], person: int, *, now: datetime, node: str) -> bytes:
    """The shifts of the last month and the next half year; the same shift has the same UID each time."""
    from icalendar import Calendar, Event

    made = Calendar()
    made.add("prodid", "-//Tocsin//duty//EN")
    made.add("version", "2.0")
    made.add("x-wr-calname", node)
    for live in rosters:
        for start, end in live.shifts_of(person, now - _BEFORE, now + _AFTER):
            event = Event()
            event.add("uid", f"duty-{live.row.id}-{person}-{start:%Y%m%dT%H%M%SZ}@tocsin")
            event.add("dtstamp", now)
            event.add("dtstart", start)
            event.add("dtend", end)
            event.add("summary", live.row.name)
            made.add_component(event)
    return bytes(made.to_ical())
