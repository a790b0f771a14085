"""The parts of an incident: who takes part, what is to be done, what was observed."""

from functools import partial
from typing import TYPE_CHECKING, Annotated, Final

from pydantic import Field

from tocsin.directory import read_team
from tocsin.incidents.act_parts import (
    LINE,
    SIGNED_NEEDED,
    TLPS,
    IncidentAddition,
    IncidentNamed,
    IncidentResult,
    OpenIncident,
    PersonName,
    Reason,
    Text,
    Tlp,
    Validity,
    changing,
    done_before,
    incident_act,
    kept,
    once_of,
    person_of,
    worker,
)
from tocsin.incidents.observables import MOST, extract_observables
from tocsin.incidents.playbooks import task_ended
from tocsin.incidents.read import find_observable, find_party, find_task
from tocsin.incidents.sightings import PastSightings, lock_ingests, warnings_of
from tocsin.incidents.states import (
    OBSERVED_AS,
    PARTIES,
    IncidentEntryKind,
    ObservableRole,
    PartyRole,
    TaskState,
)
from tocsin.incidents.write import add_observable, add_party, add_task
from tocsin.interface import N_, ActContext, Moment, Wording
from tocsin.node.accounts import plain_mailbox
from tocsin.node.errors import ConflictError, UsageError
from tocsin.node.sentences import say

if TYPE_CHECKING:
    from tocsin.incidents.models import IncidentEntry, IncidentTask

_Number = Annotated[int, Field(ge=1, le=2**31 - 1)]


class NewParty(IncidentAddition):
    """Somebody who takes part: a team of the directory, or whoever has a name."""

    role: Annotated[PartyRole, Wording(choices=PARTIES)] = Field(
        title=N_("Role"),
        description="reporter, victim, operator, coordinator, authority, police, vendor and so on.",
    )
    team: Annotated[str, Wording(hint=N_("Key or name of a team of the directory; or write a name below."))] = Field(
        "", max_length=200, title=N_("Team"), description="Key of a team of the directory."
    )
    name: str = Field("", max_length=200, pattern=LINE, title=N_("Name"), description="The name, of who is no team.")
    mailbox: str = Field("", max_length=320, title=N_("Email address"), description="Email address.")
    phone: str = Field("", max_length=60, pattern=LINE, title=N_("Phone number"), description="Phone number.")
    language: Annotated[str, Wording(choices="languages", nothing=N_("Not known"))] = Field(
        "", max_length=35, title=N_("Language"),
        description="Language of mails (BCP 47); without it, that of the node.",
    )  # fmt: skip
    ceiling: Annotated[
        Tlp, Wording(choices=TLPS, hint=N_("What is marked more strictly is not sent to this party."))
    ] = Field("AMBER", title=N_("Maximum TLP"), description="The strictest marking that is sent to it.")


class PartyNamed(IncidentNamed):
    """Who no longer takes part."""

    party: _Number = Field(title=N_("Party"), description="The number of the party.")


class NewTask(IncidentAddition):
    """Something to do."""

    text: Annotated[str, Wording(lacking=N_("Write what is to be done."))] = Field(
        min_length=1, max_length=500, pattern=LINE, title=N_("Task"), description="What is to be done.",
        examples=["Ask for the logs"],
    )  # fmt: skip
    owner: Annotated[str, Wording(choices="people", nothing=N_("Not assigned"))] = Field(
        "", max_length=320, title=N_("Assigned to"),
        description="Who does it: an account, by email address or number.",
    )  # fmt: skip
    due_at: Annotated[Moment | None, Wording(option="--due", hint=N_("Then it is a to-do item."))] = Field(
        None, title=N_("Due (UTC)"), description="Until when; then it is a to-do item.", examples=["2026-12-04 16:30"]
    )
    lesson: bool = Field(
        default=False, title=N_("Lesson: it stays to be done when the incident is closed"),
        description="A lesson: it stays to be done when the incident is closed.",
    )  # fmt: skip


class TaskNamed(IncidentNamed):
    """Which task."""

    task: _Number = Field(title=N_("Task"), description="The number of the task.")


class TaskResult(TaskNamed):
    """What came of a task."""

    result: str = Field("", max_length=1_000, pattern=LINE, title=N_("Result"), description="What came of it.")


class TaskDrop(TaskNamed):
    """Why a task is not done."""

    reason: Reason = Field(min_length=1, max_length=1_000, pattern=LINE, description="Why.")


class TaskGiven(TaskNamed):
    """Who does a task."""

    owner: PersonName = Field(
        min_length=1, max_length=320, title=N_("Assigned to"), description="An account, by email address or number."
    )


class NewObservables(IncidentAddition):
    """A text with observables."""

    text: Text = Field(
        min_length=1, max_length=200_000, title=N_("Addresses, names, URLs, hashes"),
        description="Addresses, names, URLs, hashes and so on, defanged or not; what else is in it stays in the entry.",
        examples=["hxxps://login[.]example/pay"],
    )  # fmt: skip
    role: Annotated[ObservableRole, Wording(choices=OBSERVED_AS)] = Field(
        ObservableRole.INDICATOR, title=N_("Role"), description="indicator, victim or context."
    )
    valid_until: Validity = Field(
        None, description="Until when they are looked for in what comes in; without it, with no end."
    )


class ObservableNamed(IncidentNamed):
    """Which observable is none."""

    observable: _Number = Field(title=N_("Observable"), description="The number of the observable.")
    reason: Reason = Field(min_length=1, max_length=1_000, pattern=LINE, description="Why.")


class ObservablesResult(IncidentResult):
    """Besides: how many were added, how many of them were seen in the last 90 days, and how many were there.

    ``listed``: values on a warning list, each with the lists; ``unread``: the lines without an observable.
    """

    added: int = 0
    sighted: int = 0
    known: int = 0
    listed: list[str] = Field(default_factory=list)
    unread: list[str] = Field(default_factory=list)


def join(context: ActContext, request: NewParty) -> IncidentResult:
    """Nothing is sent to it yet.

    Raises:
        UsageError: neither a team nor a name is given.

    """
    if (done := done_before(context, request)) is not None:
        return done
    team = read_team(context.database, request.team)[0] if request.team else None
    name = kept(context, request.name) or (team.name if team else "")
    if not name:
        raise UsageError(say("Who is it?"), hint=say("Name a team of the directory, or write a name."))
    mailbox = plain_mailbox(request.mailbox) if request.mailbox else ""
    language = request.language or context.node.settings.node.language
    with changing(context, request) as opened:
        party = add_party(
            opened.session, opened.incident, role=request.role.value, team=team.id if team else None, name=name,
            mailbox=mailbox, phone=request.phone, language=language, ceiling=request.ceiling, now=context.now,
        )  # fmt: skip
        data = {"act": "joined", "role": request.role.value, "name": name}
        once = once_of(context, request)
        return opened.done(opened.enter(IncidentEntryKind.PARTY, data=data, party=party, once=once))


def part(context: ActContext, request: PartyNamed) -> IncidentResult:
    """Its mails and entries stay."""
    with changing(context, request) as opened:
        party = find_party(opened.session, opened.reader, opened.incident, request.party)
        if party.left_at is not None:
            return opened.done()
        party.left_at = context.now
        data = {"act": "left", "role": party.role, "name": party.name}
        return opened.done(opened.enter(IncidentEntryKind.PARTY, data=data, party=party, of=party))


def plan(context: ActContext, request: NewTask) -> IncidentResult:
    """When it is due, it is a to-do item."""
    if (done := done_before(context, request)) is not None:
        return done
    text = kept(context, request.text)
    with changing(context, request) as opened:
        owner = worker(opened.session, request.owner).id if request.owner else None
        due = request.due_at
        task = add_task(
            opened.session, opened.incident, text, owner=owner, due_at=due, now=context.now, lesson=request.lesson
        )
        said = {"act": "lesson" if request.lesson else "added", "task": task.id, "owner": owner}
        data = {**said, "due": due.isoformat() if due else None}
        return opened.done(opened.enter(IncidentEntryKind.TASK, text, data=data, once=once_of(context, request)))


def take_task(context: ActContext, request: TaskNamed) -> IncidentResult:
    """It is yours, and in progress."""
    with context.database.reading() as session:
        person = person_of(session, context)
    return _step(context, request, TaskState.DOING, owner=person)


def assign_task(context: ActContext, request: TaskGiven) -> IncidentResult:
    """It is in progress then."""
    with context.database.reading() as session:
        person = worker(session, request.owner).id
    return _step(context, request, TaskState.DOING, owner=person)


def finish(context: ActContext, request: TaskResult) -> IncidentResult:
    """Its result goes into the timeline."""
    return _step(context, request, TaskState.DONE, kept(context, request.result))


def drop(context: ActContext, request: TaskDrop) -> IncidentResult:
    """The reason goes into the timeline."""
    return _step(context, request, TaskState.DROPPED, kept(context, request.reason))


def _step(
    context: ActContext, request: TaskNamed, state: TaskState, result: str = "", owner: int | None = None
) -> IncidentResult:
    with changing(context, request) as opened:
        task = find_task(opened.session, opened.reader, opened.incident, request.task)
        if task.state in {TaskState.DONE, TaskState.DROPPED}:
            raise ConflictError(say("This task has ended already."))
        if state is not TaskState.DOING:
            return opened.done(end_task(opened, task, state, result))
        task.state, task.result, task.owner = state.value, result, owner
        return opened.done(_task_entry(opened, task, result))


def end_task(opened: OpenIncident, task: "IncidentTask", state: TaskState, result: str) -> "IncidentEntry":
    """It is done, or dropped; the playbook that it is a step of goes on."""
    task.state, task.result, task.ended_at = state.value, result, opened.context.now
    made = _task_entry(opened, task, result)
    task_ended(opened, task)
    return made


def _task_entry(opened: OpenIncident, task: "IncidentTask", result: str) -> "IncidentEntry":
    data = {"act": task.state, "task": task.id, "what": task.text, "owner": task.owner}
    return opened.enter(IncidentEntryKind.TASK, result, data=data, of=task)


def observe(context: ActContext, request: NewObservables) -> ObservablesResult:
    """Events of the last 90 days are searched for them. The whole text is kept, with the lines that have none.

    Raises:
        UsageError: there is no observable in it, or there are too many.

    """
    if (done := done_before(context, request)) is not None:
        return ObservablesResult(**done.model_dump())
    text = kept(context, request.text)
    read = extract_observables(text)
    if not read.found:
        raise UsageError(say("There is no observable in this text."))
    if len(read.found) >= MOST:
        raise UsageError(say("Fewer than %(n)s observables are taken at once.", n=MOST))
    past = PastSightings.of(context, [(one.kind, one.value) for one in read.found])
    lists = warnings_of(context.node.home, [(one.kind, one.value) for one in read.found])
    with changing(context, request, first=lock_ingests) as opened:
        incident = opened.incident
        add = partial(
            add_observable, opened.session, incident, role=request.role.value, tlp=incident.tlp, now=context.now,
            valid_until=request.valid_until,
        )  # fmt: skip
        rows = [(place, row) for place, one in enumerate(read.found) if (row := add(one.kind, one.value))]
        sighted = past.note(opened.session, rows)
        known = len(read.found) - len(rows)
        unread = [line for _, line in read.junk]
        values = [row.value for _, row in rows]
        data = {"act": "added", "values": values, "known": known, "unread": unread, "sighted": sighted}
        made = opened.enter(IncidentEntryKind.OBSERVABLE, text, data=data, once=once_of(context, request))
        told = opened.done(made).model_dump()
        listed = [f"{value}: {', '.join(names)}" for (_, value), names in lists.items()]
        return ObservablesResult(**told, added=len(rows), sighted=sighted, known=known, listed=listed, unread=unread)


def withdraw(context: ActContext, request: ObservableNamed) -> IncidentResult:
    """For one that was added by mistake; it can be added again."""
    reason = kept(context, request.reason)
    with changing(context, request) as opened:
        found = find_observable(opened.session, opened.reader, opened.incident, request.observable)
        if found.withdrawn_at is not None:
            return opened.done()
        found.withdrawn_at = context.now
        data = {"act": "withdrawn", "values": [found.value]}
        return opened.done(opened.enter(IncidentEntryKind.OBSERVABLE, reason, data=data, of=found))


ACTS: Final = (
    incident_act(
        "add-party", "Add a party", join, title=N_("Add party"), path="parties", name="add", noun="party of incident",
        makes=True, undo=lambda _: say("Party added"),
    ),
    incident_act(
        "leave-party", "Remove a party from an incident", part, title=N_("Remove party"), path="parties/{party}/left",
        name="leave", noun="party of incident", arguments=("reference", "party"), undo=lambda _: say("Party removed"),
    ),
    incident_act(
        "add-task", "Add a task", plan, title=N_("Add task"), path="tasks", name="add", noun="task of incident",
        makes=True, undo=lambda _: say("Task added"),
    ),
    incident_act(
        "take-task", "Assign a task to yourself", take_task, title=N_("Take task"), path="tasks/{task}/take",
        name="take", noun="task of incident", arguments=("reference", "task"), signed=SIGNED_NEEDED,
        undo=lambda _: say("Task taken"),
    ),
    incident_act(
        "assign-task", "Assign a task", assign_task, title=N_("Assign task"), path="tasks/{task}/assign", name="assign",
        noun="task of incident", arguments=("reference", "task"), undo=lambda _: say("Task assigned"),
    ),
    incident_act(
        "finish-task", "Mark a task as done", finish, title=N_("Mark task as done"), path="tasks/{task}/done",
        name="finish", noun="task of incident", arguments=("reference", "task"), undo=lambda _: say("Task done"),
    ),
    incident_act(
        "drop-task", "Drop a task", drop, title=N_("Drop task"), path="tasks/{task}/drop", name="drop",
        noun="task of incident", arguments=("reference", "task"), undo=lambda _: say("Task dropped"),
    ),
    incident_act(
        "add-observables", "Add observables", observe, title=N_("Add observables"), path="observables", name="add",
        noun="observables of incident", makes=True,
        told="{reference} {title}: {added} added, {sighted} of them seen, {known} known, {unread} without.",
        undo=lambda _: say("Observables added"),
    ),
    incident_act(
        "withdraw-observable", "Withdraw an observable", withdraw, title=N_("Withdraw observable"),
        path="observables/{observable}/withdraw", name="withdraw", noun="observable of incident",
        arguments=("reference", "observable"), undo=lambda _: say("Observable withdrawn"),
    ),
)  # fmt: skip
"""What can be done with the parts of an incident."""
