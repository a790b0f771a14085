"""What a person says of feeds: that an alarm was looked at, and how often a feed comes."""

from functools import partial
from typing import Annotated, Final

from pydantic import BaseModel, Field

from tocsin.events.alarms import acknowledge, set_cadence
from tocsin.interface import N_, Absence, Act, ActContext, OwnSurface, Wording
from tocsin.node.accounts import Permission
from tocsin.node.records import AuditAction

_HOURS = Wording(lacking=N_("How often a feed comes is a number of hours."), hint=N_("0: when it likes."))


class AlarmNote(BaseModel):
    """What somebody found who looked at an alarm."""

    alarm: int = Field(ge=1, le=2**31 - 1, title=N_("Number"), description="The alarm's number.", examples=[1])
    note: Annotated[str, Wording(lacking=N_("The note is empty."))] = Field(
        min_length=1, max_length=2_000, title=N_("Finding"), description="What you found or did."
    )


class Cadence(BaseModel):
    """How often a feed comes."""

    feed: str = Field(
        min_length=1, max_length=200, title=N_("Feed"), description="The feed, as 'tocsin feeds list' names it.",
        examples=["csv/scan"],
    )  # fmt: skip
    hours: Annotated[int, _HOURS] = Field(
        ge=0,
        le=24 * 366,
        title=N_("Interval (hours)"),
        description="It should come every so many hours; 0: when it likes.",
    )


class AlarmState(BaseModel):
    """How an alarm stands: ``acknowledged``, or ``closed``."""

    alarm: int
    state: str


class FeedCadence(BaseModel):
    """How often a feed should come, in hours; 0: when it likes."""

    feed: str
    cadence_hours: int


def look_at(context: ActContext, request: AlarmNote) -> AlarmState:
    """It is quiet until it is over; changed columns are the usual ones from now on."""
    database, number = context.database, request.alarm
    found = acknowledge(database, number, note=request.note, by=context.signature, now=context.now)
    return AlarmState(alarm=number, state="closed" if found.closed_at else "acknowledged")


def keep_cadence(context: ActContext, request: Cadence) -> FeedCadence:
    """One that comes only on working days has a cadence of 72 hours."""
    set_cadence(context.database, request.feed, request.hours, by=context.signature, now=context.now)
    return FeedCadence(feed=request.feed, cadence_hours=request.hours)


_act = partial(Act, signed=("--by", "Who says so; without it, the user of this machine."))

ACTS: Final = (
    _act(
        "acknowledge", "Say that you looked at an alarm", look_at, noun="alarm", permission=Permission.REPORTS_WRITE,
        audit=(AuditAction.ALARM_ACKNOWLEDGED,), command="feeds acknowledge", route="/feeds/alarms/{alarm}",
        page=OwnSurface("/reports/feeds/alarms/{alarm}"), arguments=("alarm",), told="Alarm {alarm} is {state}.",
        title=N_("Mark as checked"),
    ),
    _act(
        "set", "Say how often a feed should come", keep_cadence, noun="cadence", permission=Permission.ADMIN_WRITE,
        audit=(AuditAction.FEED_CHANGED,), command="feeds cadence",
        route=Absence("It sets up the node, which no token can be given the right to."),
        page=OwnSurface("/admin/feeds/cadence"), arguments=("feed", "hours"),
    ),
)  # fmt: skip
"""What can be said of feeds."""
