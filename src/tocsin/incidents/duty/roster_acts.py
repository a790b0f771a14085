"""What a person does with rosters: keeps them, changes who is on duty for a time, swaps shifts."""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from functools import partial
from typing import Annotated, Final

from pydantic import BaseModel, Field
from sqlalchemy import select
from sqlalchemy.orm import Session

from tocsin.incidents.act_parts import LINE, SIGNED, SIGNED_NEEDED, author_of, kept, person_of, worker
from tocsin.incidents.duty.letters import mail_person
from tocsin.incidents.duty.live import LiveRoster, moved_shifts, read_text
from tocsin.incidents.duty.models import DutyRoster, RosterChange, RosterVersion
from tocsin.incidents.duty.read import accounts_by_name, find_change, find_roster, live_roster, newest_version
from tocsin.incidents.duty.states import ChangeKind, RosterChangeState
from tocsin.incidents.text_files import MOST_BYTES, read_instant
from tocsin.interface import N_, Act, ActContext, OwnSurface, RequestError, Wording
from tocsin.node.accounts import Permission, names_of
from tocsin.node.errors import ConflictError, InputError, UsageError
from tocsin.node.records import AuditAction, audit
from tocsin.node.sentences import say

_MOST_SHIFTS: Final = 20  # that a mail lists
_Who = Annotated[str, Wording(lacking=N_("Choose a person."), choices="people", nothing=N_("Nobody"))]
_When = Annotated[str, Wording(lacking=N_("Say when."), hint=N_("On the clock of the roster."), time=True)]


class RosterNamed(BaseModel):
    """Which roster."""

    roster: str = Field(
        min_length=1, max_length=200, title=N_("Roster"), description="Number or name of a roster.", examples=["CSIRT"]
    )


class _RosterFields(BaseModel):
    text: Annotated[
        str,
        Wording(
            lacking=N_("Write the roster, or choose a file."), lines=True, file=MOST_BYTES,
            hint=N_("People are named by the email addresses or names of their accounts."),
        ),
    ] = Field(min_length=1, max_length=MOST_BYTES, title=N_("Roster (TOML, JSON or iCalendar)"))  # fmt: skip
    keeper: Annotated[_Who, Wording(hint=N_("Edits the roster, beside managers."))] = Field(
        "", max_length=320, title=N_("Keeper")
    )
    always: bool = Field(
        default=False, title=N_("A person is on duty at all times"),
        description="Each moment without anybody is a gap, not only shifts that nobody takes.",
    )  # fmt: skip


class NewRoster(_RosterFields):
    """A new roster."""

    name: Annotated[str, Wording(lacking=N_("Write a name, in at most 200 characters."), order=-1)] = Field(
        min_length=1, max_length=200, pattern=LINE, title=N_("Name"), description="What people call it.",
        examples=["CSIRT"],
    )  # fmt: skip


class RosterEdit(_RosterFields, RosterNamed):
    """Another text of a roster."""


class _Stretch(RosterNamed):
    start: _When = Field(min_length=1, max_length=40, title=N_("From"), examples=["2026-12-04 08:00"])
    end: _When = Field(min_length=1, max_length=40, title=N_("To"), examples=["2026-12-05 08:00"])


class ShiftOverride(_Stretch):
    """Someone in addition, someone not, or one in place of another."""

    add: _Who = Field("", max_length=320, title=N_("On duty then"), description="An account, by address or number.")
    remove: _Who = Field("", max_length=320, title=N_("In place of"), description="An account, by address or number.")
    only: bool = Field(
        default=False, title=N_("Nobody else is on duty then"), description="A temporary plan: nothing else counts."
    )
    why: str = Field("", max_length=200, pattern=LINE, title=N_("Reason"), description="Why, in one line.")


class ShiftSwap(_Stretch):
    """A swap with another person: each takes the shifts of the other in this time."""

    person: _Who = Field(min_length=1, max_length=320, title=N_("Swap with"), description="An account of the roster.")


class ChangeNamed(BaseModel):
    """Which change of a roster."""

    change: int = Field(ge=1, le=2**31 - 1, title=N_("Change"), description="The number of the change.")


class SwapAnswer(ChangeNamed):
    """The answer to a swap."""

    accept: bool = Field(default=False, title=N_("Accept"), description="Without it, the swap is refused.")


class RosterResult(BaseModel):
    """A roster after an act."""

    number: int
    name: str


class ChangeResult(BaseModel):
    """A change of a roster after an act."""

    number: int
    roster: int
    state: RosterChangeState


def add_roster(context: ActContext, request: NewRoster) -> RosterResult:
    """Managers add rosters; the keeper edits it later.

    Raises:
        ConflictError: there is another roster of this name.
        RequestError: the text cannot be used; names all faults.

    """
    check_manager(context)
    text = kept(context, request.text)
    with context.undoable() as session:
        known = session.scalar(select(DutyRoster).where(DutyRoster.name == request.name))
        if known is not None:
            if known.retired_at is None and newest_version(session, known).text == text:
                return _roster(known)  # the same form, sent twice
            raise ConflictError(say("There is another roster of this name."))
        made = DutyRoster(
            name=request.name, keeper=_account(session, request.keeper), always=request.always, made_at=context.now,
            retired_at=None,
        )  # fmt: skip
        session.add(made)
        session.flush()
        _save_text(context, session, made, text)
        _note(context, session, made, "added")
        return _roster(made)


def edit_roster(context: ActContext, request: RosterEdit) -> RosterResult:
    """Former texts are kept. Whose shifts move gets an email.

    Raises:
        RequestError: the text cannot be used; names all faults.

    """
    text = kept(context, request.text)
    with context.undoable() as session:
        row = _own_roster(context, session, request.roster)
        with _moving(context, session, row):
            row.always = request.always
            row.keeper = _account(session, request.keeper)
            if newest_version(session, row).text != text:
                _save_text(context, session, row, text)
                _note(context, session, row, "edited")
        return _roster(row)


def retire_roster(context: ActContext, request: RosterNamed) -> RosterResult:
    """It counts no more; rules that use it call nobody by it."""
    check_manager(context)
    with context.undoable() as session:
        row = find_roster(session, request.roster, lock=True)
        row.retired_at = context.now
        _note(context, session, row, "retired")
        return _roster(row)


def override(context: ActContext, request: ShiftOverride) -> ChangeResult:
    """Whose shifts move gets an email.

    Raises:
        RequestError: nobody is named, or these are no times.

    """
    why = kept(context, request.why)
    with context.undoable() as session:
        row = _own_roster(context, session, request.roster)
        add, remove = (_account(session, named) for named in (request.add, request.remove))
        if add is None and (remove is None or request.only):
            raise RequestError([("add", N_("Choose a person."))], "")
        with _moving(context, session, row) as live:
            made = _new_change(context, session, live, request, kind=ChangeKind.OVERRIDE, add=add, remove=remove)
            made.only, made.why = request.only, why
        return _change(made)


def withdraw_change(context: ActContext, request: ChangeNamed) -> ChangeResult:
    """The roster is as it was without it. Who asked for a swap withdraws it, too, until it is answered."""
    with context.undoable() as session:
        found = find_change(session, request.change, lock=True)
        asks = found.state == RosterChangeState.ASKED and found.by == author_of(session, context)
        row = session.get_one(DutyRoster, found.roster_id) if asks else None
        row = row or _own_roster(context, session, str(found.roster_id))
        with _moving(context, session, row):
            found.state = RosterChangeState.WITHDRAWN.value
        _note(context, session, row, "withdrawn", change=found.id)
        return _change(found)


def ask_swap(context: ActContext, request: ShiftSwap) -> ChangeResult:
    """The other person accepts or refuses; until then nothing changes.

    Raises:
        RequestError: these are no times.
        UsageError: no shift would change.

    """
    with context.undoable() as session:
        row = find_roster(session, request.roster, lock=True)
        live = live_roster(session, row, context.now)
        me, other = person_of(session, context), worker(session, request.person).id
        made = _new_change(context, session, live, request, kind=ChangeKind.SWAP, add=other, remove=me)
        if made.state != RosterChangeState.IN_FORCE:
            return _change(made)  # the same form, sent twice
        if me == other or not moved_shifts(live, live_roster(session, row, context.now), context.now):
            raise UsageError(say("No shift would change."), hint=say("Choose a time in which one of you is on duty."))
        made.state = RosterChangeState.ASKED.value
        zone = live.roster.time_zone
        mail_person(
            session, context.node, other, "swap", key=f"swap:{made.id}", now=context.now, due_at=context.not_before,
            asker=names_of(session, [me]).get(me, ""), roster=row.name, zone=str(zone), link=_page(context),
            start=f"{made.starts_at.astimezone(zone):%Y-%m-%d %H:%M}",
            end=f"{made.ends_at.astimezone(zone):%Y-%m-%d %H:%M}",
        )  # fmt: skip
        return _change(made)


def answer_swap(context: ActContext, request: SwapAnswer) -> ChangeResult:
    """Only who was asked answers. Whose shifts move gets an email.

    Raises:
        ConflictError: it was answered or withdrawn before, or another person was asked.

    """
    with context.undoable() as session:
        found = find_change(session, request.change, lock=True)
        state = RosterChangeState.IN_FORCE if request.accept else RosterChangeState.REFUSED
        if found.state == state:
            return _change(found)
        if found.state != RosterChangeState.ASKED or found.add != person_of(session, context):
            raise ConflictError(say("This swap does not wait for your answer."))
        row = session.get_one(DutyRoster, found.roster_id)
        with _moving(context, session, row):
            found.state = state.value
        _note(context, session, row, state.value, change=found.id)
        return _change(found)


def check_manager(context: ActContext) -> None:
    """Nothing, where whoever acts may decide rules.

    Raises:
        UsageError: not so.

    """
    if not context.may(Permission.RULES_WRITE):
        raise UsageError(say("Only managers do this."), hint=say("Ask a manager or an administrator."))


def _own_roster(context: ActContext, session: Session, named: str) -> DutyRoster:
    row = find_roster(session, named, lock=True)
    if not context.may(Permission.RULES_WRITE) and (context.person is None or row.keeper != context.person):
        raise UsageError(say("Only the keeper of the roster and managers change it."))
    return row


def _account(session: Session, named: str) -> int | None:
    return worker(session, named).id if named else None


def _save_text(context: ActContext, session: Session, row: DutyRoster, text: str) -> None:
    """Keep a text that can be used, with the accounts of its names."""
    try:
        people = accounts_by_name(session, read_text(text), context.now)
    except (InputError, UsageError) as error:
        raise RequestError([("text", str(error))], error.hint) from None
    version = RosterVersion(roster_id=row.id, text=text, people=people, at=context.now, by=author_of(session, context))
    session.add(version)
    session.flush()


@contextmanager
def _moving(context: ActContext, session: Session, row: DutyRoster) -> Iterator[LiveRoster]:
    """The roster before the block; afterwards those whose shifts moved are written to, but for who acts."""
    before = live_roster(session, row, context.now)
    yield before
    after = live_roster(session, row, context.now)
    but = [] if context.person is None else [context.person]
    zone, key = after.roster.time_zone, secrets.token_hex(8)

    def listed(spans: tuple[tuple[datetime, datetime], ...]) -> str:
        lines = [
            f"  {start.astimezone(zone):%Y-%m-%d %H:%M} - {end.astimezone(zone):%Y-%m-%d %H:%M}" for start, end in spans
        ]
        return "\n".join([*lines[:_MOST_SHIFTS], *(["  …"] if len(lines) > _MOST_SHIFTS else [])]) or "  -"

    for moved in moved_shifts(before, after, context.now, but):
        mail_person(
            session, context.node, moved.person, "moved", key=f"moved:{row.id}:{key}", now=context.now,
            due_at=context.not_before, roster=row.name, zone=str(zone), before=listed(moved.before),
            after=listed(moved.after), link=_page(context),
        )  # fmt: skip


def _new_change(
    context: ActContext,
    session: Session,
    live: LiveRoster,
    request: _Stretch,
    *,
    kind: ChangeKind,
    add: int | None,
    remove: int | None,
) -> RosterChange:
    """A change in force; the one that says the same, where there is one."""
    start, end = (_instant(request, name, live) for name in ("start", "end"))
    if not start < end or end <= context.now:
        raise RequestError([("end", N_("The end must be later than the start and than now."))], "")
    row = RosterChange
    same = (
        row.roster_id == live.row.id, row.kind == kind.value, row.starts_at == start, row.ends_at == end,
        row.add == add, row.remove == remove,
        row.state.in_([RosterChangeState.IN_FORCE.value, RosterChangeState.ASKED.value]),
    )  # fmt: skip
    if (known := session.scalar(select(row).where(*same))) is not None:
        return known
    made = RosterChange(
        roster_id=live.row.id, kind=kind.value, starts_at=start, ends_at=end, add=add, remove=remove, only=False,
        why="", state=RosterChangeState.IN_FORCE.value, at=context.now, by=author_of(session, context),
    )  # fmt: skip
    session.add(made)
    session.flush()
    _note(context, session, live.row, kind.value, change=made.id)
    return made


def _instant(request: _Stretch, name: str, live: LiveRoster) -> datetime:
    try:
        return read_instant(getattr(request, name), live.roster.time_zone)
    except ValueError as error:
        raise RequestError([(name, str(error))], "") from None


def _note(context: ActContext, session: Session, row: DutyRoster, what: str, **detail: object) -> None:
    audit(
        session, AuditAction.DUTY_CHANGED, at=context.now, actor=context.actor, subject=f"roster:{row.id}",
        detail={"what": what, **detail},
    )  # fmt: skip


def _page(context: ActContext) -> str:
    return f"{context.node.settings.server.url}/duty"


def _roster(row: DutyRoster) -> RosterResult:
    return RosterResult(number=row.id, name=row.name)


def _change(row: RosterChange) -> ChangeResult:
    return ChangeResult(number=row.id, roster=row.roster_id, state=RosterChangeState(row.state))


_act = partial(
    Act, noun="duty", permission=Permission.INCIDENTS_WRITE, audit=(AuditAction.DUTY_CHANGED,), signed=SIGNED
)
ACTS: Final = (
    _act(
        "add-roster", "Add a roster", add_roster, command=OwnSurface("duty add-roster"),
        route="/duty/rosters", page="/duty/rosters/new", told="{name}", makes=True,
        undo=lambda _: say("Roster added"),
        title=N_("New roster"), button=N_("Save"),
    ),
    _act(
        "edit-roster", "Edit a roster", edit_roster, command=OwnSurface("duty edit-roster"),
        route="/duty/rosters/{roster}/edit", page="/duty/rosters/{roster}/edit", told="{name}",
        undo=lambda _: say("Roster edited"),
        title=N_("Edit roster"), button=N_("Save"),
    ),
    _act(
        "retire-roster", "Retire a roster", retire_roster, command="duty retire-roster",
        route="/duty/rosters/{roster}/retire", page="/duty/rosters/{roster}/retire",
        told="{name}: retired.", arguments=("roster",), undo=lambda _: say("Roster retired"),
        title=N_("Retire roster"),
    ),
    _act(
        "override", "Change who is on duty for a time", override, command="duty override",
        route="/duty/rosters/{roster}/override", page="/duty/rosters/{roster}/override",
        told="Change {number}: {state}.", arguments=("roster",), makes=True, undo=lambda _: say("Duty changed"),
        title=N_("Change who is on duty"), button=N_("Save"),
    ),
    _act(
        "withdraw-change", "Withdraw a change of a roster", withdraw_change,
        command="duty withdraw-change", route="/duty/changes/{change}/withdraw",
        page="/duty/changes/{change}/withdraw", told="Change {number}: {state}.", arguments=("change",),
        undo=lambda _: say("Change withdrawn"),
        title=N_("Withdraw change"),
    ),
    _act(
        "ask-swap", "Ask for a swap of shifts", ask_swap, command="duty ask-swap",
        route="/duty/rosters/{roster}/swap", page="/duty/rosters/{roster}/swap", signed=SIGNED_NEEDED,
        told="Change {number}: {state}.", arguments=("roster",), makes=True, undo=lambda _: say("Swap asked for"),
        title=N_("Ask for a swap"),
        notice=N_(
            "In this time each of you takes the shifts of the other. Nothing changes until it is accepted."
        ),
    ),
    _act(
        "answer-swap", "Answer a swap of shifts", answer_swap, command="duty answer-swap",
        route="/duty/changes/{change}/answer", page="/duty/changes/{change}/answer", signed=SIGNED_NEEDED,
        told="Change {number}: {state}.", arguments=("change",), undo=lambda _: say("Swap answered"),
        title=N_("Answer a swap"), button=N_("Answer"),
    ),
)  # fmt: skip
"""What can be done with rosters."""
