"""What is done with the clocks of an incident: started, moved, met, reckoned again."""

from datetime import datetime
from typing import Annotated, Final

from pydantic import BaseModel, Field

from tocsin.incidents.act_parts import (
    LINE,
    IncidentAddition,
    IncidentNamed,
    IncidentResult,
    OpenIncident,
    Reason,
    Source,
    changing,
    done_before,
    incident_act,
    kept,
    once_of,
)
from tocsin.incidents.clocks.adoption import find_rule
from tocsin.incidents.clocks.models import IncidentClock
from tocsin.incidents.clocks.read import clocks_of, find_clock
from tocsin.incidents.clocks.states import ClockStart, ClockState
from tocsin.incidents.clocks.write import (
    ClockBeginning,
    ClockWriter,
    end_clock,
    move_clock,
    renew_clock,
    reopen_clock,
    start_clock,
    writer_for,
)
from tocsin.incidents.read import corrections_of, entries_of, find_party, merged_family
from tocsin.incidents.states import MILESTONES, IncidentEntryKind, MilestoneKind
from tocsin.interface import N_, ActContext, Moment, Wording
from tocsin.node.errors import ConflictError, NotFoundError, UsageError
from tocsin.node.sentences import say

_Number = Annotated[int, Field(ge=1, le=2**31 - 1)]
_At = Annotated[Moment | None, Field(title=N_("Time (UTC)"))]


class _Beginning(BaseModel):
    """What a clock starts with: a milestone, or an instant with its source."""

    milestone: Annotated[MilestoneKind | None, Wording(choices=MILESTONES, nothing=N_("None"))] = Field(
        None, title=N_("Milestone"),
        description="The milestone that starts it; if that is corrected, the clock moves with it.",
    )  # fmt: skip
    at: _At = Field(None, description="Or the instant that starts it.", examples=["2026-12-04 16:30"])
    source: Source = Field("", max_length=200, pattern=LINE, description="Who says so, or what shows it.")
    limit_start: Annotated[
        Moment | None, Wording(hint=N_("Only where the rule has one, such as awareness in DORA."))
    ] = Field(
        None, title=N_("Start of the second period (UTC)"),
        description="When the second period of the rule began, such as awareness, where it has one.",
    )  # fmt: skip


class NewClock(_Beginning, IncidentAddition):
    """A clock."""

    rule: Annotated[str, Wording(lacking=N_("Choose a rule."), choices="rules", order=-1)] = Field(
        min_length=1, max_length=60, title=N_("Rule"), description="The rule of an adopted clock text.",
        examples=["nis2-23-a"],
    )  # fmt: skip
    entity: Annotated[_Number | None, Wording(choices="parties", nothing=N_("Not known"))] = Field(
        None, title=N_("Party"), description="The number of the party that owes it, or to whom we owe it."
    )


class ClockNamed(IncidentNamed):
    """Which clock."""

    clock: _Number = Field(title=N_("Deadline"), description="The number of the clock.")


class ClockMove(_Beginning, ClockNamed):
    """When a clock starts."""


class ClockMet(ClockNamed):
    """When a clock was met."""

    at: _At = Field(None, description="When, if not now.")
    source: Source = Field("", max_length=200, pattern=LINE, description="Who says so, or what shows it.")


class ClockReason(ClockNamed):
    """Why a clock does not apply."""

    reason: Reason = Field(min_length=1, max_length=1_000, pattern=LINE, description="Why.")


class ClockResult(IncidentResult):
    """Besides: the clock, how it stands, and when it is due; null where the act gives no number."""

    clock: int
    clock_state: ClockState
    due_at: datetime | None


def start(context: ActContext, request: NewClock) -> ClockResult:
    """By the edition that is in force then, of the texts that this team adopted.

    Raises:
        UsageError: neither a milestone nor an instant is given, or the instant has not come yet.
        NotFoundError: no adopted text has the rule, or the incident has no such milestone or party.

    """
    if (done := done_before(context, request)) is not None:
        with changing(context, request) as opened:
            return _told(_newest(opened, request.rule), done)
    source = kept(context, request.source)
    with changing(context, request) as opened:
        beginning = _beginning(opened, request)
        adopted, rule = find_rule(opened.session, request.rule, beginning.at)
        party = find_party(opened.session, opened.reader, opened.incident, request.entity) if request.entity else None
        if party is not None and party.incident_id not in {one.id for one in opened.family()}:
            raise ConflictError(say("%(reference)s is in a restricted incident.", reference=party.name))
        clock, entry = start_clock(
            _writer(opened), opened.live(), adopted, rule, beginning, party=party.id if party else None,
            source=source, once=once_of(context, request),
        )  # fmt: skip
        return _told(clock, opened.done(entry))


def move(context: ActContext, request: ClockMove) -> ClockResult:
    """When it was due before stays in the timeline.

    Raises:
        UsageError: neither a milestone nor an instant is given, or the instant has not come yet.

    """
    source = kept(context, request.source)
    with changing(context, request) as opened:
        clock, begun = _clock(opened, request), _beginning(opened, request)
        same = clock.started_at == begun.at and clock.limit_start == begun.limit_start
        return _told(clock, opened.done(None if same else move_clock(_writer(opened), clock, begun, source=source)))


def meet(context: ActContext, request: ClockMet) -> ClockResult:
    """In time or late, by when it was due.

    Raises:
        ConflictError: it is ended already.
        UsageError: the time has not come yet.

    """
    source, at = kept(context, request.source), _past(context, request.at) or context.now
    with changing(context, request) as opened:
        clock = _running(opened, request)
        return _told(clock, opened.done(end_clock(_writer(opened), clock, at, source)))


def not_applicable(context: ActContext, request: ClockReason) -> ClockResult:
    """The reason stays in the timeline.

    Raises:
        ConflictError: it is ended already.

    """
    reason = kept(context, request.reason)
    with changing(context, request) as opened:
        clock = _running(opened, request)
        return _told(clock, opened.done(end_clock(_writer(opened), clock, None, reason)))


def reopen(context: ActContext, request: ClockNamed) -> ClockResult:
    """For one that was ended by mistake."""
    with changing(context, request) as opened:
        clock = _clock(opened, request)
        if clock.state == ClockState.RUNNING:
            return _told(clock, opened.done())
        return _told(clock, opened.done(reopen_clock(_writer(opened), clock)))


def recalculate(context: ActContext, request: ClockNamed) -> ClockResult:
    """By the edition of its text that holds now. When it was due before stays in the timeline.

    Raises:
        NotFoundError: no adopted text has its rule any more.

    """
    with changing(context, request) as opened:
        clock = _clock(opened, request)
        renewed = find_rule(opened.session, clock.rule, clock.started_at)[0].id != clock.text_id
        return _told(clock, opened.done(renew_clock(_writer(opened), clock) if renewed else None))


def _writer(opened: OpenIncident) -> ClockWriter:
    return writer_for(opened.session, author=opened.author, **opened.context.by)


def _told(clock: IncidentClock, done: IncidentResult) -> ClockResult:
    state = ClockState(clock.state)
    return ClockResult(**done.model_dump(), clock=clock.id, clock_state=state, due_at=clock.due_at)


def _newest(opened: OpenIncident, rule: str) -> IncidentClock:
    family = merged_family(opened.session, opened.reader, opened.incident)
    return max(
        (one for one in clocks_of(opened.session, opened.reader, family) if one.rule == rule), key=lambda x: x.id
    )


def _clock(opened: OpenIncident, request: ClockNamed) -> IncidentClock:
    return find_clock(opened.session, opened.reader, opened.incident, request.clock)


def _running(opened: OpenIncident, request: ClockNamed) -> IncidentClock:
    clock = _clock(opened, request)
    if clock.state != ClockState.RUNNING:
        raise ConflictError(say("This clock has ended already."), hint=say("Reopen it first."))
    return clock


def _beginning(opened: OpenIncident, request: _Beginning) -> ClockBeginning:
    limit = _past(opened.context, request.limit_start)
    if request.milestone is None and request.at is not None:
        return ClockBeginning(ClockStart.INSTANT, _past(opened.context, request.at) or request.at, limit_start=limit)
    if request.milestone is None or request.at is not None:
        raise UsageError(say("Choose a milestone, or give a time."), hint=say("One of the two starts the clock."))
    found = entries_of(opened.session, opened.reader, opened.family(), kinds=(IncidentEntryKind.MILESTONE,))
    corrected = corrections_of(opened.session, found)
    for one in found:
        if one.data.get("milestone") == request.milestone and one.id not in corrected:
            return ClockBeginning(ClockStart.MILESTONE, one.happened_at, one, limit)
    raise NotFoundError(
        say("The incident has no such milestone."), hint=say("Record the milestone first, or give the time itself.")
    )


def _past(context: ActContext, at: datetime | None) -> datetime | None:
    if at is not None and at > context.now:
        raise UsageError(say("That time has not come yet."))
    return at


ACTS: Final = (
    incident_act(
        "start", "Start a clock", start, title=N_("Start a clock"), command="clocks start", path="clocks",
        noun="clock of incident", makes=True, arguments=("reference", "rule"),
        told="{reference}: clock {clock}, due {due_at}.", undo=lambda _: say("Clock started"),
    ),
    incident_act(
        "move", "Change the start of a clock", move, title=N_("Change the start"), command="clocks move",
        path="clocks/{clock}/move", noun="clock of incident", arguments=("reference", "clock"),
        told="{reference}: clock {clock}, due {due_at}.", undo=lambda _: say("Start changed"),
    ),
    incident_act(
        "meet", "Mark a clock as met", meet, title=N_("Mark as met"), command="clocks meet", path="clocks/{clock}/met",
        noun="clock of incident", arguments=("reference", "clock"), told="{reference}: clock {clock}: {clock_state}.",
        undo=lambda _: say("Marked as met"),
    ),
    incident_act(
        "not-applicable", "Mark a clock as not applicable", not_applicable, title=N_("Mark as not applicable"),
        command="clocks not-applicable", path="clocks/{clock}/not-applicable", noun="clock of incident",
        arguments=("reference", "clock"), told="{reference}: clock {clock}: {clock_state}.",
        undo=lambda _: say("Marked as not applicable"),
    ),
    incident_act(
        "reopen", "Reopen a clock", reopen, title=N_("Reopen"), command="clocks reopen", path="clocks/{clock}/reopen",
        noun="clock of incident", arguments=("reference", "clock"), told="{reference}: clock {clock}: {clock_state}.",
        undo=lambda _: say("Clock reopened"),
    ),
    incident_act(
        "recalculate", "Recalculate a clock by the current text", recalculate, title=N_("Recalculate"),
        command="clocks recalculate", path="clocks/{clock}/recalculate", noun="clock of incident",
        arguments=("reference", "clock"), told="{reference}: clock {clock}, due {due_at}.",
        undo=lambda _: say("Clock recalculated"),
    ),
)  # fmt: skip
"""What can be done with the clocks of an incident."""
