"""What is written of playbooks: editions, and how far one is on an incident; entries and tasks in one transaction."""

from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING

from sqlalchemy import select
from sqlalchemy.orm import Session

from tocsin.incidents.models import Incident, IncidentTask
from tocsin.incidents.playbooks.cacao import Playbook, PlaybookStep
from tocsin.incidents.playbooks.course import PlaybookCourse
from tocsin.incidents.playbooks.models import IncidentPlaybook, IncidentPlaybookStep, PlaybookEdition
from tocsin.incidents.playbooks.read import ListedPlaybook, PlaybookRun, edition_of, runs_of
from tocsin.incidents.playbooks.shipped import shipped_playbooks
from tocsin.incidents.states import IncidentEntryKind, TaskState
from tocsin.incidents.write import add_task

if TYPE_CHECKING:
    from datetime import datetime

    from tocsin.incidents.act_parts import OpenIncident

_TASK_LETTERS = 500


def keep_edition(
    session: Session, listed: ListedPlaybook, *, offered: bool, actor: str, now: "datetime"
) -> PlaybookEdition:
    """The edition of this file, stored if it was not. ``offered``: it takes the place of the former ones."""
    known = session.scalars(select(PlaybookEdition).where(PlaybookEdition.playbook == listed.playbook.id)).all()
    found = next((one for one in known if one.sha256 == listed.playbook.sha256), None)
    if found is None:
        found = PlaybookEdition(
            playbook=listed.playbook.id, key=listed.key, sha256=listed.playbook.sha256,
            content=listed.content.decode("utf-8-sig"), listed=False, added_at=now, added_by=actor,
        )  # fmt: skip
        session.add(found)
    if offered:
        for one in known:
            one.listed = False
        found.listed, found.added_at, found.added_by = True, now, actor
    session.flush()
    return found


def start_run(opened: "OpenIncident", listed: ListedPlaybook) -> IncidentPlaybook:
    """Start a playbook on an incident: its first tasks and questions are due."""
    session, incident = opened.session, opened.incident
    edition = keep_edition(session, listed, offered=False, **opened.context.by)
    run = IncidentPlaybook(
        incident_id=incident.id, compartment_id=incident.compartment_id, edition_id=edition.id,
        started_at=opened.context.now, ended_at=None, stopped=False,
    )  # fmt: skip
    session.add(run)
    session.flush()
    data = {"act": "started", "playbook": listed.playbook.name, "sha256": edition.sha256}
    opened.enter(IncidentEntryKind.PLAYBOOK, data=data)
    course = PlaybookCourse(listed.playbook)
    course.begin()
    _store(opened, PlaybookRun(run, listed.playbook, []), course)
    return run


def go_on(opened: "OpenIncident", run: PlaybookRun, number: int, outcome: str) -> None:
    """A step of a run has ended, so: what is due next."""
    course = run.course()
    course.finish(number, outcome)
    _store(opened, run, course)


def task_ended(opened: "OpenIncident", task: IncidentTask) -> None:
    """Go on with the playbook that a task is a step of, where it is one and the playbook was not stopped."""
    row = IncidentPlaybookStep
    step = opened.session.scalar(select(row).where(row.task_id == task.id))
    if step is None:
        return
    run = opened.session.get_one(IncidentPlaybook, step.run_id, with_for_update=True)
    if run.ended_at is None:
        steps = opened.session.scalars(select(row).where(row.run_id == run.id).order_by(row.number)).all()
        go_on(opened, PlaybookRun(run, edition_of(opened.session, run), steps), step.number, task.state)


def stop_run(opened: "OpenIncident", run: PlaybookRun, reason: str) -> None:
    """End a playbook early: its tasks that are open are dropped."""
    for step, _ in run.due:
        if step.task_id is not None:
            task = opened.session.get_one(IncidentTask, step.task_id)
            task.state, task.result, task.ended_at = TaskState.DROPPED.value, reason, opened.context.now
    run.row.ended_at, run.row.stopped = opened.context.now, True


def is_running(session: Session, opened: "OpenIncident", playbook: str) -> bool:
    """Whether a playbook (its id in CACAO) is worked on the incident already."""
    found = runs_of(session, opened.reader, [opened.incident])
    return any(one.playbook.id == playbook and one.row.ended_at is None for one in found)


def _store(opened: "OpenIncident", run: PlaybookRun, course: PlaybookCourse) -> None:
    """Keep how far a course is, with a task for each step that is due now."""
    incident = opened.session.get_one(Incident, run.row.incident_id)
    say_it = _speaker(opened, run.playbook)
    for visit, known in zip(course.visits, run.steps, strict=False):
        known.outcome, known.ended = visit.outcome, visit.ended
    for visit in course.visits[len(run.steps) :]:
        step = run.playbook.steps[visit.step]
        task = _task(opened, incident, step, say_it) if step.is_task else None
        opened.session.add(
            IncidentPlaybookStep(
                incident_id=incident.id, compartment_id=incident.compartment_id, run_id=run.row.id,
                number=visit.number, step=visit.step, within=visit.within, outcome=visit.outcome, ended=visit.ended,
                task_id=None if task is None else task.id,
            )
        )  # fmt: skip
    if course.over:
        run.row.ended_at = opened.context.now
        data = {"act": "ended", "playbook": run.playbook.name}
        opened.enter(IncidentEntryKind.PLAYBOOK, data=data, of=incident)
    opened.session.flush()


def _task(opened: "OpenIncident", incident: Incident, step: PlaybookStep, say_it: Callable[[str], str]) -> IncidentTask:
    now = opened.context.now
    due = now + timedelta(milliseconds=step.timeout) if 0 < step.timeout < 10**12 else None
    text = " ".join(say_it(step.name).split())[:_TASK_LETTERS]
    task = add_task(opened.session, incident, text, owner=None, due_at=due, now=now)
    data = {"act": "added", "task": task.id, "due": due.isoformat() if due else None, "step": step.id}
    opened.enter(IncidentEntryKind.TASK, text, data=data, of=incident)
    return task


def _speaker(opened: "OpenIncident", playbook: Playbook) -> Callable[[str], str]:
    """How texts of a playbook are said: those that come along in the language of the node, others as they are."""
    context = opened.context
    if playbook.sha256 not in {one.sha256 for one, _ in shipped_playbooks().values()}:
        return str
    return lambda text: context.say(context.node.settings.node.language, text)
