"""Rosters in the records: who is on duty, changes for a time, swaps, gaps, and who is written to."""

from datetime import UTC, datetime

import pytest
from sqlalchemy import select

from tocsin.incidents.duty import duty_gaps, live_rosters
from tocsin.incidents.duty.models import DutyContact
from tocsin.interface import RequestError
from tocsin.node.accounts import Person
from tocsin.node.errors import ConflictError, UsageError
from tocsin.operations.retention import apply_retention

from .conftest import WEEKLY, Duty


def on_duty(duty: Duty) -> list[str]:
    names = {number: name for name, number in duty.people.items()}
    with duty.world.node.database.reading() as session:
        return [names[one] for live in live_rosters(session, duty.world.now) for one in live.on_duty(duty.world.now)]


def gaps(duty: Duty) -> list[tuple[str, str]]:
    with duty.world.node.database.reading() as session:
        return [(f"{gap.start:%Y-%m-%d %H:%M}", gap.why) for _, gap in duty_gaps(session, duty.world.now)]


def test_a_roster_says_who_is_on_duty_by_accounts(duty: Duty) -> None:
    duty.do("addRosterDuty", name="CSIRT", text=WEEKLY, always="true")
    assert on_duty(duty) == ["ana"]
    duty.later(days=7)
    assert on_duty(duty) == ["ben"]
    assert gaps(duty) == []
    with pytest.raises(RequestError, match=r"There is no rotation 'x'\."):
        duty.do("editRosterDuty", roster="1", text='[[rule]]\nrotation = "x"')
    with pytest.raises(UsageError, match="Only managers"):
        duty.do("addRosterDuty", "ana", name="Other", text=WEEKLY)


def test_a_key_of_very_many_parts_is_refused_before_it_is_parsed(duty: Duty) -> None:
    with pytest.raises(RequestError, match="dots"):
        duty.do("addRosterDuty", name="CSIRT", text=f"a{'.a' * 400} = 1")


def test_an_override_is_on_the_clock_of_the_roster_and_whose_shift_moves_gets_a_mail(duty: Duty) -> None:
    duty.do("addRosterDuty", name="CSIRT", text=WEEKLY, keeper="ana@csirt.example")
    with pytest.raises(UsageError, match="Only the keeper"):
        duty.do("overrideDuty", "ben", roster="CSIRT", start="2026-11-17 08:00", end="2026-11-18 08:00", add="3")
    given = {"start": "2026-11-17 08:00", "end": "2026-11-18 08:00", "add": "eve@csirt.example"}
    duty.do("overrideDuty", "ana", roster="CSIRT", remove="ana@csirt.example", **given)
    duty.do("overrideDuty", "ana", roster="CSIRT", remove="ana@csirt.example", **given)  # the form sent twice
    duty.world.now = datetime(2026, 11, 17, 3, 59, tzinfo=UTC)
    assert on_duty(duty) == ["ana"]
    duty.later(minutes=1)
    assert on_duty(duty) == ["eve"]
    (letter,) = duty.letters("moved:1")
    assert (letter.mailbox, "2026-11-17 08:00 - 2026-11-18 08:00" in letter.body) == ("eve@csirt.example", True)


def test_a_temporary_plan_counts_alone(duty: Duty) -> None:
    duty.do("addRosterDuty", name="CSIRT", text=WEEKLY)
    day = {"start": "2026-11-17 08:00", "end": "2026-11-18 08:00", "only": "true"}
    duty.do("overrideDuty", roster="1", add="kim@csirt.example", **day)
    assert on_duty(duty.later(days=1)) == ["kim"]
    duty.do("withdrawChangeDuty", change=1)
    assert on_duty(duty) == ["ana"]


def test_a_swap_counts_once_the_other_accepts(duty: Duty) -> None:
    duty.do("addRosterDuty", name="CSIRT", text=WEEKLY)
    given = {"roster": "1", "start": "2026-11-17", "end": "2026-11-18"}
    with pytest.raises(UsageError, match="No shift would change"):
        duty.do("askSwapDuty", "eve", person="kim@csirt.example", **given)
    asked = duty.do("askSwapDuty", "ana", person="ben@csirt.example", **given)
    assert [one.mailbox for one in duty.letters(f"swap:{asked.number}")] == ["ben@csirt.example"]
    duty.later(days=1)
    assert on_duty(duty) == ["ana"]
    with pytest.raises(ConflictError):
        duty.do("answerSwapDuty", "ana", change=asked.number, accept="true")
    duty.do("answerSwapDuty", "ben", change=asked.number, accept="true")
    assert on_duty(duty) == ["ben"]


def test_who_left_leaves_a_gap_that_says_so(duty: Duty) -> None:
    duty.do("addRosterDuty", name="CSIRT", text=WEEKLY)
    with duty.world.node.database.begin() as session:
        session.get_one(Person, duty.people["ben"]).blocked_at = duty.world.now
    assert [why for _, why in gaps(duty)] == ["ben@csirt.example is planned but left on 2026-11-16."]
    with duty.world.node.database.begin() as session:
        gone = session.get_one(Person, duty.people["ben"])
        gone.removed_at, gone.mailbox, gone.name = duty.world.now, "removed-2", ""
    assert len(gaps(duty)) == 1


def test_only_shifts_that_nobody_takes_are_gaps_unless_someone_is_always_on_duty(duty: Duty) -> None:
    office = 'time_zone = "Indian/Mauritius"\n[[rule]]\nperson = "ana@csirt.example"\nfrom = "08:00"\nto = "18:00"\n'
    duty.do("addRosterDuty", name="Office", text=office)
    assert gaps(duty) == []
    duty.do("overrideDuty", roster="1", start="2026-11-18 08:00", end="2026-11-18 18:00", remove="ana@csirt.example")
    assert gaps(duty) == [("2026-11-18 04:00", "Nobody takes the shift of ana@csirt.example.")]
    duty.do("editRosterDuty", roster="1", text=office, always="true")
    assert len(gaps(duty)) == 15


def test_a_calendar_is_a_roster_too(duty: Duty) -> None:
    calendar = (
        "BEGIN:VCALENDAR\nVERSION:2.0\nPRODID:x\nBEGIN:VEVENT\nUID:1\nSUMMARY:Ana\nDTSTART:20261116T040000Z\n"
        "DTEND:20261117T040000Z\nRRULE:FREQ=DAILY\nEND:VEVENT\nEND:VCALENDAR\n"
    )
    duty.do("addRosterDuty", name="CSIRT", text=calendar)
    assert on_duty(duty) == ["ana"]
    duty.do(
        "overrideDuty", roster="1", start="2026-11-16 00:00", end="2026-11-17 00:00", add="ben@csirt.example",
        remove="ana@csirt.example",
    )  # fmt: skip
    assert on_duty(duty) == ["ben"]


def test_a_hand_over_note_is_read_by_another_person(duty: Duty) -> None:
    duty.do("addRosterDuty", name="CSIRT", text=WEEKLY)
    note = duty.do("handOverDuty", "ana", roster="1", text="INC-1 waits for the hospital")
    assert duty.do("handOverDuty", "ana", roster="1", text="INC-1 waits for the hospital") == note
    with pytest.raises(ConflictError):
        duty.do("readHandOverDuty", "ana", note=note.number)
    assert duty.do("readHandOverDuty", "ben", note=note.number).read


def test_the_phone_number_of_a_removed_account_is_deleted(duty: Duty) -> None:
    duty.do("phoneDuty", "ana", phone="+2305550101")
    duty.do("phoneDuty", "ben", phone="+2305550102")
    with duty.world.node.database.begin() as session:
        session.get_one(Person, duty.people["ana"]).removed_at = duty.world.now
    apply_retention(duty.world.node, now=duty.world.now)
    with duty.world.node.database.reading() as session:
        assert session.scalars(select(DutyContact.phone)).all() == ["+2305550102"]
