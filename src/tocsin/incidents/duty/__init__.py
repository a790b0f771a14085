"""Duty: rosters and calendars, and who is on duty from when to when."""

from typing import TYPE_CHECKING

from tocsin.node.faces import lazy_face

if TYPE_CHECKING:
    from tocsin.incidents.duty.ical import DutyCalendar
    from tocsin.incidents.duty.roster import Roster, read_roster
    from tocsin.incidents.duty.shifts import DutyGap, DutyOverlap, DutyPeriod, DutyShift, duty_shifts, on_duty
else:
    lazy_face(__name__)
