"""What is done when an incident ends: closed with what is known, its root cause, and whether it counts in figures."""

from typing import Annotated, Any, Final

from pydantic import Field

from tocsin.incidents.act_parts import (
    IncidentNamed,
    IncidentResult,
    OpenIncident,
    account_of,
    changing,
    incident_act,
    kept,
)
from tocsin.incidents.closing.causes import UNKNOWN, read_causes
from tocsin.incidents.closing.states import DETECTED, DetectedBy
from tocsin.incidents.course_acts import IncidentReason, end
from tocsin.incidents.endings import EndingAnswers
from tocsin.incidents.read import is_restricted
from tocsin.incidents.states import IncidentEntryKind, IncidentState
from tocsin.incidents.write import add_task
from tocsin.interface import N_, ActContext, Moment, Wording
from tocsin.node.errors import UsageError
from tocsin.node.sentences import say

_MOST_LESSONS: Final = 50
_Lines = Annotated[str, Field(max_length=10_000), Wording(lines=True)]
_Amount = Annotated[int | None, Field(ge=0, le=10**15)]
_Cause = Annotated[str, Field(max_length=60, title=N_("Root cause")), Wording(choices="causes")]


class IncidentClosing(EndingAnswers, IncidentReason):
    """Why it is closed, what becomes of what still runs, and what is known of it, of which all may stay unknown."""

    root_cause: _Cause = Field("", description="One of the node's list; empty: unknown, or as it is.")
    detected_by: Annotated[DetectedBy, Wording(choices=DETECTED)] = Field(
        DetectedBy.UNKNOWN, title=N_("Detected by"), description="Who noticed it first."
    )
    damage_least: _Amount = Field(None, title=N_("Damage at least"), description="Damage in money, at least.")
    damage_most: _Amount = Field(None, title=N_("Damage at most"), description="Damage in money, at most.")
    currency: Annotated[str, Wording(hint=N_("Its code, such as EUR"))] = Field(
        "", pattern=r"^([A-Z]{3})?$", title=N_("Currency"), description="Of the damage (ISO 4217).", examples=["EUR"]
    )
    worked: _Lines = Field("", title=N_("What worked, and what did not"), description="What worked, and what did not.")
    lessons: Annotated[
        _Lines,
        Wording(
            hint=N_("What will change, one on each line. Each becomes a task that outlives the incident."),
        ),
    ] = Field("", title=N_("Lessons"), description="What will change: a line each becomes a task.")
    lessons_due: Annotated[Moment | None, Wording(hint=N_("Then they are to-do items."))] = Field(
        None, title=N_("Lessons due (UTC)"), description="Until when the lessons are to be done."
    )


class IncidentCause(IncidentNamed):
    """Its root cause."""

    root_cause: _Cause = Field("", description="One of the node's list; empty: unknown.")


class IncidentInFigures(IncidentNamed):
    """Whether a restricted incident counts in the figures that the whole team reads."""

    withhold: bool = Field(default=False, title=N_("No longer count it"), description="It counts no more.")


def close(context: ActContext, request: IncidentClosing) -> IncidentResult:
    """It can be reopened at any time. Lessons stay as tasks of their own.

    Raises:
        UsageError: the node has no such root cause, the damage is less at most than at least, or a deadline runs or a
            task is open, and the request does not say what becomes of it.

    """
    least, most = request.damage_least, request.damage_most
    if least is not None and most is not None and least > most:
        raise UsageError(say("The damage at least is more than the damage at most."))
    _check_cause(context, request.root_cause)
    reason, worked = kept(context, request.reason), kept(context, request.worked)
    lessons = [kept(context, one.strip()[:500]) for one in request.lessons.splitlines() if one.strip()]
    if len(lessons) > _MOST_LESSONS:
        raise UsageError(say("At most %(n)s lessons are taken at once.", n=_MOST_LESSONS))
    with changing(context, request) as opened:
        closed = end(opened, IncidentState.CLOSED, reason, request)
        if request.root_cause:
            opened.change("root_cause", _cause(request.root_cause))
        known: dict[str, Any] = {
            "root_cause": opened.incident.root_cause, "detected_by": request.detected_by.value,
            "damage": [least, most, request.currency],
        }  # fmt: skip
        if worked or known != {"root_cause": "", "detected_by": DetectedBy.UNKNOWN, "damage": [None, None, ""]}:
            opened.enter(IncidentEntryKind.REVIEW, worked, data=known)
        owner = opened.incident.lead or account_of(opened.session, context)
        for text in lessons:
            _add_lesson(opened, text, owner, request.lessons_due)
        return closed


def set_cause(context: ActContext, request: IncidentCause) -> IncidentResult:
    """Leave it empty to remove it. Lessons of earlier incidents with the same one are shown then.

    Raises:
        UsageError: the node has no such root cause.

    """
    _check_cause(context, request.root_cause)
    with changing(context, request) as opened:
        return opened.change("root_cause", _cause(request.root_cause))


def release(context: ActContext, request: IncidentInFigures) -> IncidentResult:
    """Only its lead may; incidents that are not restricted count anyway.

    Raises:
        UsageError: somebody else asks, or it is not restricted.

    """
    with changing(context, request) as opened:
        incident = opened.incident
        if not is_restricted(incident):
            raise UsageError(say("Only restricted incidents are left out of the figures."))
        if incident.lead is None or incident.lead != account_of(opened.session, context):
            raise UsageError(say("Only its lead lets a restricted incident into the figures."))
        if incident.in_figures == (not request.withhold):
            return opened.done()
        incident.in_figures = not request.withhold
        data = {"act": "withheld" if request.withhold else "released"}
        return opened.done(opened.enter(IncidentEntryKind.ACCESS, data=data))


def _check_cause(context: ActContext, cause: str) -> None:
    if cause and cause != UNKNOWN and cause not in read_causes(context.node.home):
        raise UsageError(
            say("There is no root cause '%(id)s'.", id=cause), hint=say("'tocsin reviews causes' lists them.")
        )


def _cause(given: str) -> str:
    return "" if given == UNKNOWN else given


def _add_lesson(opened: OpenIncident, text: str, owner: int | None, due: Any) -> None:
    task = add_task(opened.session, opened.incident, text, owner=owner, due_at=due, now=opened.context.now, lesson=True)
    data = {"act": "lesson", "task": task.id, "owner": owner, "due": due.isoformat() if due else None}
    opened.enter(IncidentEntryKind.TASK, text, data=data)


ACTS: Final = (
    incident_act("close", "Close an incident", close, title=N_("Close"), undo=lambda _: say("Closed")),
    incident_act(
        "set-cause", "Set the root cause of an incident", set_cause, title=N_("Set root cause"), path="closing/cause",
        command="reviews set-cause", arguments=("reference", "root_cause"), undo=lambda _: say("Root cause set"),
    ),
    incident_act(
        "release-figures", "Count a restricted incident in the figures", release, title=N_("Count in the figures"),
        path="closing/figures", command="reviews release-figures", undo=lambda _: say("Figures changed"),
    ),
)  # fmt: skip
"""What can be done when an incident ends."""
