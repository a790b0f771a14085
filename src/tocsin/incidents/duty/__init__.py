"""Duty: rosters and calendars, who is on duty from when to when, and who is called when something waits.

docs/design/duty.md says why.
"""

from typing import TYPE_CHECKING

from tocsin.node.faces import lazy_face

if TYPE_CHECKING:
    from tocsin.incidents.duty import acts
    from tocsin.incidents.duty.acts import RuleResult
    from tocsin.incidents.duty.calling import (
        PATH,
        acknowledge,
        call_of_link,
        call_out_due,
        kinds_called_for,
    )
    from tocsin.incidents.duty.ical import DutyCalendar
    from tocsin.incidents.duty.ical_out import calendar_of
    from tocsin.incidents.duty.live import AHEAD, LiveRoster
    from tocsin.incidents.duty.models import CallOut
    from tocsin.incidents.duty.read import (
        call_outs,
        calls_of,
        changes_of,
        contact_of,
        duty_gaps,
        find_call_out,
        find_change,
        find_note,
        find_roster,
        find_rule,
        forget_contacts,
        last_notes,
        live_rosters,
        newest_version,
        owner_of_calendar,
        rules_of,
        unanswered,
    )
    from tocsin.incidents.duty.roster import Roster, read_roster
    from tocsin.incidents.duty.roster_acts import check_manager
    from tocsin.incidents.duty.rules import CallOutRuleFields, set_rule
    from tocsin.incidents.duty.shifts import DutyGap, DutyOverlap, DutyPeriod, DutyShift, duty_shifts, on_duty
    from tocsin.incidents.duty.states import (
        CHANNELS,
        CallChannel,
        CallOutState,
        CallState,
        ChangeKind,
        RosterChangeState,
    )
else:
    lazy_face(__name__)
