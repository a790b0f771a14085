"""What a team decides of clocks: which texts it adopts, and by which calendar it counts working days."""

from datetime import date, datetime
from functools import partial
from typing import Annotated, Any, Final

from pydantic import BaseModel, BeforeValidator, Field, ValidationError

from tocsin.incidents.clocks.adoption import (
    adopt_text,
    node_calendar,
    set_calendar,
    withdraw_text,
)
from tocsin.incidents.clocks.calendar import CalendarText, WorkingCalendar
from tocsin.incidents.clocks.write import reckon_all
from tocsin.interface import N_, Absence, Act, ActContext, OwnSurface, Wording
from tocsin.node.accounts import Permission
from tocsin.node.errors import UsageError
from tocsin.node.records import AuditAction
from tocsin.node.sentences import say

_LINE: Final = r"^[^\x00-\x1f\x7f]*$"
_Law = Annotated[
    str,
    Field(min_length=1, max_length=60, title=N_("Law"), description="The id of a clock text.", examples=["nis2"]),
    Wording(lacking=N_("Name a clock text.")),
]


def _split(given: Any) -> Any:
    """Dates as people list them: apart by spaces, commas or lines."""
    parts = [given] if isinstance(given, str) else given
    if isinstance(parts, list | tuple) and all(isinstance(one, str) for one in parts):
        return tuple(" ".join(parts).replace(",", " ").split())
    return given


_Dates = Annotated[
    tuple[date, ...], BeforeValidator(_split), Wording(lacking=N_("Write dates like 2026-12-24."), lines=True)
]


class ClockTextAdoption(BaseModel):
    """Which text, and who checked it."""

    law: _Law
    checked_by: Annotated[str, Wording(option="--checked-by", lacking=N_("Say who compared it with the act."))] = Field(
        min_length=1, max_length=200, pattern=_LINE, title=N_("Compared with the act by"),
        description="Who compared it with the act.",
    )  # fmt: skip
    note: str = Field("", max_length=1_000, pattern=_LINE, title=N_("Note"), description="What is to be known of it.")


class ClockTextWithdrawal(BaseModel):
    """Which text, and why."""

    law: _Law
    reason: Annotated[str, Wording(lacking=N_("Say why."))] = Field(
        min_length=1, max_length=1_000, pattern=_LINE, title=N_("Reason"), description="Why."
    )


class CalendarChange(BaseModel):
    """By what working days are counted."""

    time_zone: Annotated[str, Wording(hint=N_("Such as Europe/Brussels"))] = Field(
        "UTC", max_length=60, title=N_("Time zone"), description="IANA name of the time zone.",
        examples=["Europe/Brussels"],
    )  # fmt: skip
    country: Annotated[
        str, Wording(hint=N_("Such as BE; without one, Saturday and Sunday alone are days off."))
    ] = Field(
        "", max_length=3, pattern=_LINE, title=N_("Country (ISO 3166-1)"),
        description="Public holidays of this country (ISO 3166-1).",
    )  # fmt: skip
    subdivision: str = Field(
        "", max_length=10, pattern=_LINE, title=N_("Part of the country (ISO 3166-2)"),
        description="And of this part of it (ISO 3166-2).",
    )  # fmt: skip
    holidays: Annotated[_Dates, Wording(hint=N_("Dates like 2026-12-24, one on a line"))] = Field(
        (), max_length=400, title=N_("Further days off"), description="Further days off."
    )
    working_days: _Dates = Field(
        (),
        max_length=400,
        title=N_("Days that are worked all the same"),
        description="Days that are worked, whatever the country says.",
    )


class ClockTextAdopted(BaseModel):
    """A text that is adopted."""

    law: str
    edition: str
    adopted_at: datetime


class ClockTextWithdrawn(BaseModel):
    """A text that starts no clock any more."""

    law: str


class CalendarSet(BaseModel):
    """The calendar that holds."""

    time_zone: str
    country: str


def adopt(context: ActContext, request: ClockTextAdoption) -> ClockTextAdopted:
    """As it is now, in its edition. Clocks that run keep theirs until they are recalculated.

    Raises:
        NotFoundError: there is none of this id.
        TextFaultError: it cannot be used; names each fault with its line.
        ConflictError: it is adopted already as it is, or a rule of another law has the same id.

    """
    with context.undoable() as session:
        made = adopt_text(
            session, context.node.home, request.law, checked_by=request.checked_by, note=request.note,
            actor=context.signature, now=context.now,
        )  # fmt: skip
        return ClockTextAdopted(law=made.law, edition=made.edition, adopted_at=made.adopted_at)


def withdraw(context: ActContext, request: ClockTextWithdrawal) -> ClockTextWithdrawn:
    """It starts no clock any more. Clocks that run go on.

    Raises:
        NotFoundError: no text of this law is adopted.

    """
    with context.undoable() as session:
        withdraw_text(session, request.law, reason=request.reason, actor=context.signature, now=context.now)
    return ClockTextWithdrawn(law=request.law)


def change_calendar(context: ActContext, request: CalendarChange) -> CalendarSet:
    """All clocks that run are reckoned again; when they were due before stays in their timelines.

    Raises:
        UsageError: there is no such time zone.
        InputError: the country is not known.

    """
    with context.undoable() as session:
        former = node_calendar(session)
        try:
            made = CalendarText(
                **{**request.model_dump(), "country": request.country.upper(), "weekend": former.weekend}
            )
        except ValidationError as error:
            raise UsageError(str(error.errors()[0]["msg"]).removeprefix("Value error, ")) from None
        WorkingCalendar(made)
        if made != former:
            set_calendar(session, made, actor=context.signature, now=context.now)
            reckon_all(session, **context.by)
    return CalendarSet(time_zone=str(made.time_zone), country=made.country)


_text_act = partial(
    Act,
    permission=Permission.RULES_WRITE,
    audit=(AuditAction.CLOCKS_CHANGED,),
    route=Absence("A person reads a text before it is adopted."),
    signed=("--as", "Who does it."),
)

ACTS: Final = (
    _text_act(
        "adopt", "Adopt a clock text", adopt, noun="clock text", command="clocks adopt",
        page=OwnSurface("/clocks/texts/{law}/adopt"), arguments=("law",), told="{law}: adopted ({edition}).",
        undo=lambda _: say("Clock text adopted"),
    ),
    _text_act(
        "withdraw", "Withdraw a clock text", withdraw, noun="clock text", command="clocks withdraw",
        page=OwnSurface("/clocks/texts/{law}/withdraw"), arguments=("law",), told="{law}: withdrawn.",
        undo=lambda _: say("Clock text withdrawn"),
    ),
    _text_act(
        "change", "Set the calendar of clocks", change_calendar, noun="clock calendar", command="clocks calendar",
        page=OwnSurface("/clocks/calendar"), told="{time_zone} {country}", undo=lambda _: say("Calendar set"),
    ),
)  # fmt: skip
"""What can be done with clock texts and the calendar."""
