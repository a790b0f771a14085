"""The course of an incident: opened, led, waiting, closed; what it is called; notes, milestones and corrections."""

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Final

from pydantic import BaseModel, Field, field_validator

from tocsin.events import RSIT_TYPES
from tocsin.incidents.act_parts import (
    LINE,
    SIGNED_NEEDED,
    HappenedAt,
    IncidentAddition,
    IncidentNamed,
    IncidentResult,
    MarkingName,
    Once,
    OpenIncident,
    PersonName,
    Reason,
    Source,
    Text,
    account_of,
    author_of,
    changing,
    check_lowered,
    done_before,
    incident_act,
    kept,
    may_read,
    once_of,
    person_of,
    state_of,
    worker,
)
from tocsin.incidents.clocks import milestone_corrected, writer_for
from tocsin.incidents.endings import LEAVE_ALL, EndingAnswers, settle
from tocsin.incidents.read import corrections_of, find_entry, merged_family, tasks_of
from tocsin.incidents.severity import severity_by_scheme
from tocsin.incidents.states import (
    CERTAINTIES,
    MILESTONES,
    SEVERITIES,
    UNDER_WAY,
    IncidentEntryKind,
    IncidentState,
    MilestoneCertainty,
    MilestoneKind,
    SeverityLevel,
)
from tocsin.incidents.write import add_incident
from tocsin.interface import N_, ActContext, Moment, Wording
from tocsin.node.errors import ConflictError, UsageError
from tocsin.node.sentences import say

if TYPE_CHECKING:
    from tocsin.incidents.models import Incident

_Title = Annotated[
    str,
    Field(title=N_("Name")),
    Wording(
        lacking=N_("Write a name, in at most 200 characters."),
        hint=N_("What people call it, such as: Ransomware, Lagoon Hospital"),
    ),
]
_Type = Annotated[str, Field(title=N_("Type (RSIT)")), Wording(choices="types", nothing=N_("No type"))]
_CORRECTABLE: Final = {IncidentEntryKind.NOTE, IncidentEntryKind.MILESTONE}


def _rsit(text: str) -> str:
    if text and text not in RSIT_TYPES:
        raise ValueError(N_("This is no type of the Reference Security Incident Taxonomy."))
    return text


class NewIncident(BaseModel):
    """A new incident."""

    title: _Title = Field(
        min_length=1, max_length=200, pattern=LINE, description="What people call it.",
        examples=["Ransomware, Lagoon Hospital"],
    )  # fmt: skip
    rsit_type: _Type = Field("", max_length=60, description="Type by the Reference Security Incident Taxonomy.")
    tlp: MarkingName = Field("AMBER", description="Its marking: CLEAR, GREEN, AMBER, AMBER+STRICT or RED.")
    lead: bool = Field(default=False, title=N_("I lead it"), description="Whoever opens it leads it.")
    only: Annotated[
        tuple[str, ...],
        Wording(
            choices="readers",
            hint=N_("Nobody else finds the incident. Choose nobody, and the whole team reads it."),
        ),
    ] = Field(
        (), max_length=100, title=N_("Restricted to"),
        description="Restricted to these accounts and yours: email addresses or numbers.",
    )  # fmt: skip
    once: Once = ""

    _type = field_validator("rsit_type")(_rsit)


class IncidentTitle(IncidentNamed):
    """What it is called."""

    title: _Title = Field(min_length=1, max_length=200, pattern=LINE, description="What people call it.")


class IncidentType(IncidentNamed):
    """Its type."""

    rsit_type: _Type = Field(
        "", max_length=60, description="Type by the Reference Security Incident Taxonomy.", examples=["phishing"]
    )

    _type = field_validator("rsit_type")(_rsit)


class IncidentSeverity(IncidentNamed):
    """How severe it is."""

    severity: Annotated[SeverityLevel, Wording(choices=SEVERITIES)] = Field(
        title=N_("Severity"), description="unknown, low, medium, high or critical."
    )
    reason: Reason = Field("", max_length=1_000, pattern=LINE, description="Why, in one line.")


class IncidentMarking(IncidentNamed):
    """Its marking."""

    tlp: MarkingName = Field(description="CLEAR, GREEN, AMBER, AMBER+STRICT or RED.")
    reason: Reason = Field("", max_length=1_000, pattern=LINE, description="Why, where it becomes less strict.")


class IncidentLead(IncidentNamed):
    """Who leads it."""

    lead: PersonName = Field(
        min_length=1, max_length=320, title=N_("Lead"), description="An account, by email address or number."
    )


class IncidentWait(IncidentNamed):
    """For whom it waits, and until when."""

    waiting_for: Annotated[str, Wording(option="--for", lacking=N_("Say for whom."))] = Field(
        min_length=1, max_length=200, pattern=LINE, title=N_("Waiting on"), description="For whom or what.",
        examples=["the hospital"],
    )  # fmt: skip
    until: Annotated[Moment, Wording(lacking=N_("Say until when."), hint=N_("Then it is a to-do item."))] = Field(
        title=N_("Until (UTC)"), description="Until when; then it is a to-do item.", examples=["2026-12-04 16:30"]
    )


class IncidentReason(IncidentNamed):
    """Why."""

    reason: Reason = Field(min_length=1, max_length=1_000, pattern=LINE, description="Why, in one line.")


class IncidentRejection(EndingAnswers, IncidentReason):
    """Why it is none, and what becomes of what still runs."""


class IncidentNote(IncidentAddition):
    """A note."""

    text: Text = Field(min_length=1, max_length=10_000, title=N_("Note"), description="What it says.")
    happened_at: HappenedAt = Field(None, description="When it happened, if not now.")


class IncidentMilestone(IncidentAddition):
    """What was reached, when, and how that is known."""

    milestone: Annotated[MilestoneKind, Wording(choices=MILESTONES)] = Field(
        title=N_("Milestone"), description="occurred, detected, contained, eradicated, recovered or cause-known."
    )
    happened_at: HappenedAt = Field(None, description="When, if not now.")
    known_from: Source = Field("", max_length=200, pattern=LINE, description="Who says so, or what shows it.")
    certainty: Annotated[MilestoneCertainty, Wording(choices=CERTAINTIES)] = Field(
        MilestoneCertainty.CONFIRMED, title=N_("Certainty"), description="confirmed or estimated."
    )


class EntryCorrection(IncidentAddition):
    """What an entry should have said."""

    entry: Annotated[int, Wording(hidden=True)] = Field(
        ge=1, le=2**31 - 1, title=N_("Entry"), description="The number of the entry."
    )
    text: Text = Field(min_length=1, max_length=10_000, title=N_("Note"), description="What it says now.")
    happened_at: HappenedAt = Field(None, description="When it happened, if that was wrong too.")


def open_(context: ActContext, request: NewIncident) -> IncidentResult:
    """Restricted, only the people that it names find it."""
    named = IncidentAddition(reference="-", once=request.once)
    if (done := done_before(context, named)) is not None:
        return done
    title = kept(context, request.title)
    with context.undoable() as session:
        person = person_of(session, context) if request.lead else account_of(session, context)
        members = {worker(session, one).id for one in request.only}
        members |= {person} if members and person else set()
        made = add_incident(
            session, title=title, rsit_type=request.rsit_type, tlp=request.tlp, lead=person if request.lead else None,
            members=members, once=once_of(context, named), author=author_of(session, context), **context.by,
        )  # fmt: skip
        return state_of(made)


def rename(context: ActContext, request: IncidentTitle) -> IncidentResult:
    """The reference stays the same."""
    title = kept(context, request.title)
    with changing(context, request) as opened:
        return opened.change("title", title)


def classify(context: ActContext, request: IncidentType) -> IncidentResult:
    """Leave the type empty to remove it."""
    with changing(context, request) as opened:
        return opened.change("rsit_type", request.rsit_type)


def rate(context: ActContext, request: IncidentSeverity) -> IncidentResult:
    """The change and its reason stay in the timeline."""
    reason = kept(context, request.reason)
    with changing(context, request) as opened:
        by_scheme = severity_by_scheme(opened.session, opened.reader, opened.incident)
        if by_scheme not in {"", request.severity} and not reason:
            raise UsageError(say("Say why: by the scheme it is %(severity)s.", severity=by_scheme))
        return opened.change("severity", request.severity.value, reason)


def mark(context: ActContext, request: IncidentMarking) -> IncidentResult:
    """Earlier entries keep theirs.

    Raises:
        UsageError: it becomes less strict, and nobody says why.

    """
    reason = kept(context, request.reason)
    with changing(context, request) as opened:
        check_lowered(opened.incident, request.tlp, reason)
        return opened.change("tlp", request.tlp, reason)


def take(context: ActContext, request: IncidentNamed) -> IncidentResult:
    """You replace the former lead."""
    with changing(context, request) as opened:
        return _give(opened, person_of(opened.session, context))


def leave(context: ActContext, request: IncidentNamed) -> IncidentResult:
    """Without a lead, it is a to-do item of the team."""
    with changing(context, request) as opened:
        return _give(opened, None)


def assign(context: ActContext, request: IncidentLead) -> IncidentResult:
    """The person replaces the former lead.

    Raises:
        UsageError: the account may not work on incidents, or may not read this one.

    """
    with changing(context, request) as opened:
        return _give(opened, worker(opened.session, request.lead).id)


def wait(context: ActContext, request: IncidentWait) -> IncidentResult:
    """When the time is over, it becomes a to-do item.

    Raises:
        UsageError: the time is over already.

    """
    if request.until <= context.now:
        raise UsageError(say("That time is over already."))
    whom = kept(context, request.waiting_for)
    with changing(context, request) as opened:
        incident = _not_ended(opened)
        incident.waiting_for, incident.waiting_until = whom, request.until
        return _move(opened, IncidentState.WAITING, whom, until=request.until)


def reject(context: ActContext, request: IncidentRejection) -> IncidentResult:
    """For what turned out to be none.

    Raises:
        UsageError: a deadline runs or a task is open, and the request does not say what becomes of it.

    """
    reason = kept(context, request.reason)
    with changing(context, request) as opened:
        return end(opened, IncidentState.REJECTED, reason, request)


def end(opened: OpenIncident, state: IncidentState, reason: str, answers: EndingAnswers) -> IncidentResult:
    """Close an incident, or reject it, once it is said what becomes of what still runs.

    Raises:
        ConflictError: it has ended already.
        UsageError: something that runs has no answer.

    """
    _not_ended(opened)
    settle(opened, answers)
    _clear(opened)
    opened.incident.closed_at = opened.context.now
    return _move(opened, state, reason)


def hand_over(opened: OpenIncident, whom: str) -> None:
    """It is a partner's now, closed here, and its state stays so until it is taken back.

    Whoever offered it said what becomes of its deadlines and tasks; what came since then stays to be done here.
    """
    if opened.incident.state in UNDER_WAY:
        end(opened, IncidentState.CLOSED, "", LEAVE_ALL)
    opened.incident.handed_to = whom


def take_back(opened: OpenIncident) -> None:
    """It was handed over, and is worked on here again."""
    opened.incident.handed_to = ""
    _reopen(opened)


def reopen(context: ActContext, request: IncidentNamed) -> IncidentResult:
    """It is in progress again; without a lead, it is new."""
    with changing(context, request) as opened:
        opened.live()
        return _reopen(opened)


def _reopen(opened: OpenIncident) -> IncidentResult:
    _clear(opened)
    for task in tasks_of(opened.session, opened.reader, merged_family(opened.session, opened.reader, opened.incident)):
        task.left_open = False
    return _move(opened, IncidentState.NEW if opened.incident.lead is None else IncidentState.OPEN)


def note(context: ActContext, request: IncidentNote) -> IncidentResult:
    """It cannot be edited later; correct it by another entry."""
    if (done := done_before(context, request)) is not None:
        return done
    text = kept(context, request.text)
    with changing(context, request) as opened:
        happened, once = _past(context, request.happened_at), once_of(context, request)
        return opened.done(opened.enter(IncidentEntryKind.NOTE, text, happened_at=happened, once=once))


def milestone(context: ActContext, request: IncidentMilestone) -> IncidentResult:
    """Statistics use its time."""
    if (done := done_before(context, request)) is not None:
        return done
    source = kept(context, request.known_from)
    data = {"milestone": request.milestone.value, "known_from": source, "certainty": request.certainty.value}
    with changing(context, request) as opened:
        happened, once = _past(context, request.happened_at), once_of(context, request)
        return opened.done(opened.enter(IncidentEntryKind.MILESTONE, data=data, happened_at=happened, once=once))


def correct(context: ActContext, request: EntryCorrection) -> IncidentResult:
    """The former text stays readable.

    Raises:
        ConflictError: this entry was corrected before, or is none that somebody wrote.

    """
    if (done := done_before(context, request)) is not None:
        return done
    text = kept(context, request.text)
    with changing(context, request) as opened:
        before = find_entry(opened.session, opened.reader, opened.incident, request.entry)
        if before.kind not in _CORRECTABLE:
            raise ConflictError(say("Only notes and milestones can be corrected."))
        if corrections_of(opened.session, [before]):
            raise ConflictError(say("This entry was corrected already."), hint=say("Correct the newer one."))
        made = opened.enter(
            IncidentEntryKind(before.kind), text, data=before.data, tlp=before.tlp, supersedes=before, of=before,
            happened_at=_past(context, request.happened_at) or before.happened_at, once=once_of(context, request),
        )  # fmt: skip
        milestone_corrected(writer_for(opened.session, author=opened.author, **context.by), before, made)
        return opened.done(made)


def _give(opened: OpenIncident, person: int | None) -> IncidentResult:
    incident, before = opened.live(), opened.incident.lead
    if before == person:
        return opened.done()
    if person is not None and not may_read(opened.session, incident, person, opened.context.now):
        raise UsageError(
            say("This person may not read the incident."), hint=say("Let the person in first, or choose another.")
        )
    incident.lead = person
    made = opened.enter(IncidentEntryKind.LEAD, data={"before": before, "after": person})
    if incident.state in {IncidentState.NEW, IncidentState.OPEN}:
        incident.state = (IncidentState.NEW if person is None else IncidentState.OPEN).value
    return opened.done(made)


def _move(opened: OpenIncident, state: IncidentState, text: str = "", until: datetime | None = None) -> IncidentResult:
    before = opened.incident.state
    if before == state and until is None:
        return opened.done()
    opened.incident.state = state.value
    data = {"before": before, "after": state.value, **({"until": until.isoformat()} if until else {})}
    return opened.done(opened.enter(IncidentEntryKind.STATE, text, data=data))


def _clear(opened: OpenIncident) -> None:
    """It waits for nobody, and is not ended."""
    opened.incident.waiting_for, opened.incident.waiting_until, opened.incident.closed_at = "", None, None


def _not_ended(opened: OpenIncident) -> "Incident":
    incident = opened.live()
    if incident.state not in UNDER_WAY:
        raise ConflictError(say("%(reference)s is closed.", reference=incident.reference), hint=say("Reopen it first."))
    return incident


def _past(context: ActContext, at: datetime | None) -> datetime | None:
    if at is not None and at > context.now:
        raise UsageError(say("That time has not come yet."))
    return at


ACTS: Final = (
    incident_act(
        "open", "Open an incident", open_, title=N_("New incident"), button=N_("Open incident"), route="/incidents",
        page="/incidents/new", arguments=("title",), makes=True, told="{reference} {title}",
        undo=lambda _: say("Incident opened"),
    ),
    incident_act("rename", "Rename an incident", rename, title=N_("Rename"), undo=lambda _: say("Renamed")),
    incident_act(
        "classify", "Set the type of an incident", classify, title=N_("Set type"), undo=lambda _: say("Type set"),
    ),
    incident_act(
        "rate", "Set the severity of an incident", rate, title=N_("Set severity"), undo=lambda _: say("Severity set"),
    ),
    incident_act(
        "mark", "Set the marking of an incident", mark, title=N_("Set marking"), undo=lambda _: say("Marking set"),
    ),
    incident_act(
        "take", "Assign an incident to yourself", take, title=N_("Assign to me"), signed=SIGNED_NEEDED,
        undo=lambda _: say("Assigned to you"),
    ),
    incident_act("leave", "Unassign an incident", leave, title=N_("Unassign"), undo=lambda _: say("Unassigned")),
    incident_act("assign", "Assign an incident", assign, title=N_("Assign"), undo=lambda _: say("Assigned")),
    incident_act("wait", "Set an incident to waiting", wait, title=N_("Wait"), undo=lambda _: say("Set to waiting")),
    incident_act("reject", "Reject an incident", reject, title=N_("Reject"), undo=lambda _: say("Rejected")),
    incident_act(
        "reopen", "Reopen an incident, or stop waiting", reopen, title=N_("Reopen"), undo=lambda _: say("Reopened"),
    ),
    incident_act("note", "Add a note to an incident", note, title=N_("Add note"), undo=lambda _: say("Note added")),
    incident_act(
        "milestone", "Record a milestone of an incident", milestone, title=N_("Record milestone"),
        undo=lambda _: say("Milestone recorded"),
    ),
    incident_act(
        "correct", "Correct a note or milestone", correct, title=N_("Correct"), undo=lambda _: say("Entry corrected"),
    ),
)  # fmt: skip
"""What can be done with the course of an incident."""
