"""Clocks: statutory periods as texts in editions, deadlines that explain themselves, and business time."""

from typing import TYPE_CHECKING

from tocsin.node.faces import lazy_face

if TYPE_CHECKING:
    from tocsin.incidents.clocks.calendar import CalendarText, WorkingCalendar
    from tocsin.incidents.clocks.hours import BusinessHours, read_duration, read_hours_text
    from tocsin.incidents.clocks.reckon import ClockStep, Deadline, explain, reckon
    from tocsin.incidents.clocks.text import (
        ClockRule,
        ClockText,
        edition_at,
        find_clock_text,
        read_clock_text,
        shipped_texts,
    )
else:
    lazy_face(__name__)
