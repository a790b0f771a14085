"""What a person does on duty: hands over, says how to be reached, acknowledges and tests call-outs."""

import secrets
from functools import partial
from typing import Annotated, Final

from pydantic import BaseModel, Field
from sqlalchemy import select
from sqlalchemy.orm import Session

from tocsin.incidents.act_parts import LINE, SIGNED, SIGNED_NEEDED, author_of, kept, person_of, reader_of
from tocsin.incidents.duty import roster_acts
from tocsin.incidents.duty.calling import acknowledge as take_call_out
from tocsin.incidents.duty.calling import open_call_out
from tocsin.incidents.duty.chain import CallSubject
from tocsin.incidents.duty.channels import PHONE
from tocsin.incidents.duty.models import CallOut, HandOverNote
from tocsin.incidents.duty.read import TEST, contact_of, find_call_out, find_note, find_roster, find_rule
from tocsin.incidents.duty.roster_acts import RosterNamed, check_manager
from tocsin.incidents.duty.states import CallOutState
from tocsin.interface import N_, Act, ActContext, NoUndo, Wording
from tocsin.node.accounts import Permission
from tocsin.node.errors import ConflictError
from tocsin.node.records import AuditAction, audit
from tocsin.node.sentences import say


class NewHandOver(RosterNamed):
    """What the one going off duty leaves to the one coming on."""

    text: Annotated[
        str,
        Wording(
            lacking=N_("Write a note."), lines=True,
            hint=N_("What is open, whose turn it is, what is due. The whole team reads it: nothing restricted."),
        ),
    ] = Field(min_length=1, max_length=10_000, title=N_("Hand-over note"))  # fmt: skip


class NoteNamed(BaseModel):
    """Which hand-over note."""

    note: int = Field(ge=1, le=2**31 - 1, title=N_("Hand-over note"), description="The number of the note.")


class OwnPhone(BaseModel):
    """How you are rung."""

    phone: Annotated[str, Wording(hint=N_("In international form, such as +2305551234; empty: no SMS."))] = Field(
        "", max_length=16, pattern=f"({PHONE})|^$", title=N_("Phone number for call-outs"), examples=["+2305551234"]
    )


class OwnCalendar(BaseModel):
    """The secret address of your shifts."""

    revoke: Annotated[bool, Wording(hidden=True)] = Field(
        default=False, title=N_("Revoke"), description="There is none afterwards; without it, a new one is drawn."
    )


class CallOutNamed(BaseModel):
    """Which call-out, and what is known."""

    call_out: int = Field(ge=1, le=2**31 - 1, title=N_("Call-out"), description="The number of the call-out.")
    remark: Annotated[str, Wording(hint=N_("Who rang and what was said, if it was by phone."))] = Field(
        "", max_length=500, pattern=LINE, title=N_("Note")
    )


class RuleNamed(BaseModel):
    """Which call-out rule."""

    rule: str = Field(
        min_length=1,
        max_length=200,
        title=N_("Call-out rule"),
        description="Number or name of a rule.",
        examples=["Nights"],
    )


class NoteResult(BaseModel):
    """A hand-over note after an act."""

    number: int
    read: bool


class ContactResult(BaseModel):
    """How someone is reached. ``calendar``: the path of the calendar, or empty."""

    phone: str
    calendar: str


class CallOutResult(BaseModel):
    """A call-out after an act."""

    number: int
    reference: str
    state: CallOutState


class RuleResult(BaseModel):
    """A call-out rule after an act."""

    number: int
    name: str


def hand_over(context: ActContext, request: NewHandOver) -> NoteResult:
    """The newest note of the roster is shown until the next one on duty marks it as read."""
    text = kept(context, request.text)
    with context.undoable() as session:
        row, me = find_roster(session, request.roster), person_of(session, context)
        same = HandOverNote.roster_id == row.id, HandOverNote.by == me, HandOverNote.text == text
        made = session.scalar(select(HandOverNote).where(*same, HandOverNote.read_at.is_(None)))
        if made is None:
            made = HandOverNote(roster_id=row.id, text=text, at=context.now, by=me, read_at=None, read_by=None)
            session.add(made)
            session.flush()
            detail: dict[str, object] = {"note": made.id}
            audit(
                session, AuditAction.DUTY_HANDED_OVER, at=context.now, actor=context.actor,
                subject=f"roster:{row.id}", detail=detail,
            )  # fmt: skip
        return NoteResult(number=made.id, read=made.read_at is not None)


def read_hand_over(context: ActContext, request: NoteNamed) -> NoteResult:
    """By another person than who wrote it."""
    with context.undoable() as session:
        found, me = find_note(session, request.note, lock=True), person_of(session, context)
        if found.by == me:
            raise ConflictError(say("Another person marks your note as read."))
        if found.read_at is None:
            found.read_at, found.read_by = context.now, me
            detail: dict[str, object] = {"note": found.id, "read": True}
            audit(
                session, AuditAction.DUTY_HANDED_OVER, at=context.now, actor=context.actor,
                subject=f"roster:{found.roster_id}", detail=detail,
            )  # fmt: skip
        return NoteResult(number=found.id, read=True)


def set_phone(context: ActContext, request: OwnPhone) -> ContactResult:
    """Only call-outs use it. Empty, you get no SMS."""
    with context.undoable() as session:
        found = contact_of(session, person_of(session, context))
        if found.phone != request.phone:
            found.phone = request.phone
            session.add(found)
            _note_contact(context, session, found.person_id, "phone")
        return _contact(found.phone, found.calendar)


def draw_calendar(context: ActContext, request: OwnCalendar) -> ContactResult:
    """The former address ends at once. Whoever has the address sees your shifts."""
    with context.database.begin() as session:
        found = contact_of(session, person_of(session, context))
        session.add(found)
        found.calendar = "" if request.revoke else secrets.token_urlsafe(24)
        _note_contact(context, session, found.person_id, "calendar")
        return _contact(found.phone or "", found.calendar)


def acknowledge(context: ActContext, request: CallOutNamed) -> CallOutResult:
    """Nobody further is called. Say in the note if someone acknowledged by phone."""
    note = kept(context, request.remark)
    with context.undoable() as session:
        found = find_call_out(session, reader_of(context), request.call_out, lock=True)
        take_call_out(session, found, by=author_of(session, context), note=note, now=context.now)
        return _call_out(found)


def test_rule(context: ActContext, request: RuleNamed) -> CallOutResult:
    """The chain of the rule is called until someone acknowledges; the calls say that it is a test."""
    check_manager(context)
    with context.database.begin() as session:
        rule = find_rule(session, request.rule)
        running = CallOut.rule_id == rule.id, CallOut.level == TEST, CallOut.state == CallOutState.OPEN.value
        made = session.scalar(select(CallOut).where(*running)) or open_call_out(
            session, rule, CallSubject("test", TEST), actor=context.actor, now=context.now
        )
        return _call_out(made)


def end_rule(context: ActContext, request: RuleNamed) -> RuleResult:
    """Its call-outs end with it."""
    check_manager(context)
    with context.undoable() as session:
        rule = find_rule(session, request.rule)
        rule.ended_at, rule.name = context.now, f"{rule.name} ({rule.id})"  # the name is free again
        detail: dict[str, object] = {"ended": True}
        audit(
            session, AuditAction.CALL_RULE_SET, at=context.now, actor=context.actor, subject=f"call-rule:{rule.id}",
            detail=detail,
        )  # fmt: skip
        return RuleResult(number=rule.id, name=rule.name)


def _note_contact(context: ActContext, session: Session, person: int, what: str) -> None:
    detail: dict[str, object] = {"what": what}
    audit(
        session, AuditAction.DUTY_CONTACT_SET, at=context.now, actor=context.actor, subject=f"person:{person}",
        detail=detail,
    )  # fmt: skip


def _contact(phone: str, calendar: str) -> ContactResult:
    return ContactResult(phone=phone, calendar=f"/duty/calendar/{calendar}.ics" if calendar else "")


def _call_out(row: CallOut) -> CallOutResult:
    return CallOutResult(number=row.id, reference=row.reference, state=CallOutState(row.state))


_act = partial(Act, permission=Permission.INCIDENTS_WRITE, signed=SIGNED)

ACTS: Final = (
    *roster_acts.ACTS,
    _act(
        "hand-over", "Write a hand-over note", hand_over, noun="duty", command="duty hand-over",
        audit=(AuditAction.DUTY_HANDED_OVER,), route="/duty/rosters/{roster}/hand-over",
        page="/duty/rosters/{roster}/hand-over", signed=SIGNED_NEEDED, told="Note {number}.",
        arguments=("roster",), makes=True, undo=lambda _: say("Hand-over note written"),
        title=N_("Write hand-over note"), button=N_("Save"),
    ),
    _act(
        "read-hand-over", "Mark a hand-over note as read", read_hand_over, noun="duty", command="duty read-hand-over",
        audit=(AuditAction.DUTY_HANDED_OVER,), route="/duty/notes/{note}/read",
        page="/duty/notes/{note}/read", signed=SIGNED_NEEDED, told="Note {number}: read.",
        arguments=("note",), undo=lambda _: say("Hand-over note read"),
        title=N_("Mark as read"),
    ),
    _act(
        "phone", "Set your phone number for call-outs", set_phone, noun="duty", command="duty phone",
        audit=(AuditAction.DUTY_CONTACT_SET,), route="/duty/phone", page="/duty/phone",
        signed=SIGNED_NEEDED, told="{phone}", arguments=("phone",), undo=lambda _: say("Phone number set"),
        title=N_("Phone number for call-outs"), button=N_("Save"),
    ),
    _act(
        "calendar", "Draw a new secret address of your shifts", draw_calendar, noun="duty", command="duty calendar",
        audit=(AuditAction.DUTY_CONTACT_SET,), route="/duty/calendar", page="/duty/calendar",
        signed=SIGNED_NEEDED, told="{calendar}", undo=NoUndo("A new address is drawn, or it is revoked, at any time."),
        title=N_("Address of your calendar"), button=N_("Draw a new address"),
        notice=N_(
            "A new secret address of your shifts is drawn, and the former one ends. Whoever has the address sees them."
        ),
    ),
    _act(
        "acknowledge", "Acknowledge a call-out", acknowledge, noun="call-out", command="duty acknowledge",
        audit=(AuditAction.CALL_OUT_ACKNOWLEDGED,), route="/duty/call-outs/{call_out}/acknowledge",
        page="/duty/call-outs/{call_out}/acknowledge", told="{reference}: {state}.",
        arguments=("call_out",), undo=lambda _: say("Call-out acknowledged"),
        title=N_("Acknowledge call-out"), button=N_("Acknowledge"),
    ),
    _act(
        "test", "Test the chain of a call-out rule", test_rule, noun="call-out", command="duty test",
        audit=(AuditAction.CALL_OUT_OPENED,),
        route="/duty/rules/{rule}/test", page="/duty/rules/{rule}/test", told="{reference}: {state}.",
        arguments=("rule",), undo=NoUndo("Who was called cannot be uncalled; acknowledged, it ends."),
        title=N_("Test this chain"),
        notice=N_(
            "The people of this chain are called now, one after the other, until one acknowledges."
        ),
    ),
    _act(
        "end-rule", "End a call-out rule", end_rule, noun="call-out", command="duty end-rule",
        audit=(AuditAction.CALL_RULE_SET,), route="/duty/rules/{rule}/end", page="/duty/rules/{rule}/end",
        told="{name}: ended.", arguments=("rule",), undo=lambda _: say("Call-out rule ended"),
        title=N_("End call-out rule"),
    ),
)  # fmt: skip
"""What can be done with duty; call-out rules are set in `tocsin.pipeline.call_outs`, which knows the to-do items."""
