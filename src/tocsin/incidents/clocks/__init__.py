"""Clocks: statutory periods as texts in editions, deadlines that explain themselves, and business time.

A node adopts texts; then a person starts clocks of their rules on incidents.
"""

from typing import TYPE_CHECKING

from tocsin.node.faces import lazy_face

if TYPE_CHECKING:
    from tocsin.incidents.clocks import acts, text_acts
    from tocsin.incidents.clocks.adoption import (
        AvailableText,
        Calendars,
        available_texts,
        calendar_for,
        node_calendar,
        parsed,
        rules_for,
    )
    from tocsin.incidents.clocks.calendar import CalendarText, WorkingCalendar
    from tocsin.incidents.clocks.hours import BusinessHours, read_duration, read_hours_text
    from tocsin.incidents.clocks.models import IncidentClock
    from tocsin.incidents.clocks.read import (
        ClockStory,
        SuggestedRule,
        clocks_of,
        count_by_stage,
        running_clocks,
        stories_of,
        suggested_rules,
    )
    from tocsin.incidents.clocks.reckon import ClockStep, Deadline, explain, reckon
    from tocsin.incidents.clocks.states import ClockStage, ClockStart, ClockState
    from tocsin.incidents.clocks.text import (
        ClockRule,
        ClockText,
        edition_at,
        find_clock_text,
        read_clock_text,
        shipped_texts,
    )
    from tocsin.incidents.clocks.write import (
        OUR_ANSWER,
        end_clock,
        milestone_corrected,
        notice_submitted,
        reckon_all,
        running_of,
        writer_for,
    )
else:
    lazy_face(__name__)
