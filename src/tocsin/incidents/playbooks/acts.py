"""What is done with playbooks: added and removed by who keeps the rules, started and answered on an incident."""

import re
from typing import Annotated, Final

from pydantic import BaseModel, Field

from tocsin.incidents.act_parts import (
    LINE,
    IncidentNamed,
    IncidentResult,
    Reason,
    changing,
    incident_act,
    kept,
)
from tocsin.incidents.playbooks.cacao import MOST_BYTES, Playbook, read_playbook
from tocsin.incidents.playbooks.read import ListedPlaybook, find_playbook, find_run, listed_playbooks
from tocsin.incidents.playbooks.write import go_on, is_running, keep_edition, start_run, stop_run
from tocsin.incidents.read import merged_family
from tocsin.incidents.states import IncidentEntryKind
from tocsin.interface import N_, Absence, Act, ActContext, OwnSurface, Wording
from tocsin.node.accounts import Permission
from tocsin.node.errors import ConflictError, UsageError
from tocsin.node.records import AuditAction, audit
from tocsin.node.sentences import say

_READ_FIRST: Final = Absence("A person reads a playbook before it is kept.")
_Number = Annotated[int, Field(ge=1, le=2**31 - 1)]


class NewPlaybook(BaseModel):
    """The file of a playbook."""

    content: Annotated[
        str,
        Wording(
            lacking=N_("Paste the file of a playbook."),
            lines=True,
            hint=N_(
                "It takes the place of the one with the same id. Incidents that were started with that one keep it."
            ),
        ),
    ] = Field(
        min_length=1,
        max_length=MOST_BYTES,
        title=N_("Playbook (CACAO 2.0, JSON)"),
        description="A CACAO 2.0 playbook, as JSON.",
    )


class PlaybookNamed(BaseModel):
    """Which playbook."""

    playbook: str = Field(
        min_length=1, max_length=120, title=N_("Playbook"), description="Its key, or its id in CACAO."
    )


class PlaybookResult(BaseModel):
    """A playbook. ``key``: its name in addresses and commands; ``sha256``: of its file."""

    key: str
    name: str
    id: str
    sha256: str
    steps: int


class PlaybookStart(IncidentNamed):
    """Which playbook is worked on an incident."""

    playbook: Annotated[str, Wording(lacking=N_("Choose a playbook."), choices="playbooks")] = Field(
        min_length=1, max_length=120, title=N_("Playbook"), description="Its key, or its id in CACAO."
    )


class PlaybookAnswer(IncidentNamed):
    """The answer to a question of a playbook."""

    run: _Number = Field(title=N_("Playbook"), description="The number of the playbook on the incident.")
    question: _Number = Field(title=N_("Question"), description="The number of the question.")
    answer: Annotated[str, Wording(lacking=N_("Choose an answer."))] = Field(
        min_length=1, max_length=250, pattern=LINE, title=N_("Answer"), description="yes or no, or one of its cases."
    )


class PlaybookStop(IncidentNamed):
    """Why a playbook is ended early."""

    run: _Number = Field(title=N_("Playbook"), description="The number of the playbook on the incident.")
    reason: Reason = Field(min_length=1, max_length=1_000, pattern=LINE, description="Why.")


def add(context: ActContext, request: NewPlaybook) -> PlaybookResult:
    """It takes the place of the one with the same id. Incidents on which that is worked keep their edition.

    Raises:
        UsageError: it cannot be read.
        TextFaultError: it can, and is wrong; names all faults with their places.

    """
    content = request.content.encode()
    playbook = read_playbook(content)
    with context.undoable() as session:
        listed = ListedPlaybook(_key(listed_playbooks(session), playbook), playbook, content)
        keep_edition(session, listed, offered=True, **context.by)
        detail: dict[str, object] = {"id": playbook.id, "sha256": playbook.sha256}
        subject = f"playbook:{listed.key}"
        audit(session, AuditAction.PLAYBOOK_ADDED, at=context.now, actor=context.actor, subject=subject, detail=detail)
    return _result(listed)


def remove(context: ActContext, request: PlaybookNamed) -> PlaybookResult:
    """It is not offered any more; incidents on which it is worked keep it. One that comes with Tocsin is offered again.

    Raises:
        ConflictError: it came along.

    """
    with context.undoable() as session:
        listed = find_playbook(session, request.playbook)
        if listed.edition is None:
            raise ConflictError(say("This playbook comes with Tocsin."), hint=say("Add one with the same id instead."))
        listed.edition.listed = False
        detail: dict[str, object] = {"id": listed.playbook.id, "sha256": listed.playbook.sha256}
        audit(
            session, AuditAction.PLAYBOOK_REMOVED, at=context.now, actor=context.actor,
            subject=f"playbook:{listed.key}", detail=detail,
        )  # fmt: skip
    return _result(listed)


def start(context: ActContext, request: PlaybookStart) -> IncidentResult:
    """Its first steps become tasks; the next ones, when these are done.

    Raises:
        ConflictError: it is worked on the incident already.

    """
    with changing(context, request) as opened:
        opened.live()
        listed = find_playbook(opened.session, request.playbook)
        if is_running(opened.session, opened, listed.playbook.id):
            raise ConflictError(say("%(name)s was started already.", name=listed.playbook.name))
        start_run(opened, listed)
        return opened.done()


def answer(context: ActContext, request: PlaybookAnswer) -> IncidentResult:
    """What follows from it becomes tasks.

    Raises:
        UsageError: the question has no such answer.
        ConflictError: it is not asked any more.

    """
    with changing(context, request) as opened:
        family = merged_family(opened.session, opened.reader, opened.incident)
        run = find_run(opened.session, opened.reader, family, request.run)
        asked = next((step for row, step in run.questions if row.number == request.question), None)
        if asked is None:
            raise ConflictError(say("This question was answered already."))
        if request.answer not in asked.answers:
            raise UsageError(say("Answer one of: %(answers)s.", answers=", ".join(asked.answers)))
        data = {"act": "answered", "question": asked.condition or asked.name, "answer": request.answer}
        made = opened.enter(IncidentEntryKind.PLAYBOOK, data=data, of=run.row)
        go_on(opened, run, request.question, request.answer)
        return opened.done(made)


def stop(context: ActContext, request: PlaybookStop) -> IncidentResult:
    """Its tasks that are open are dropped.

    Raises:
        ConflictError: it ended already.

    """
    reason = kept(context, request.reason)
    with changing(context, request) as opened:
        family = merged_family(opened.session, opened.reader, opened.incident)
        run = find_run(opened.session, opened.reader, family, request.run)
        if run.row.ended_at is not None:
            raise ConflictError(say("This playbook has ended already."))
        stop_run(opened, run, reason)
        data = {"act": "stopped", "playbook": run.playbook.name}
        return opened.done(opened.enter(IncidentEntryKind.PLAYBOOK, reason, data=data, of=run.row))


def _key(listed: list[ListedPlaybook], playbook: Playbook) -> str:
    """What a playbook is called in addresses: as the one that it takes the place of, else by its name."""
    for one in listed:
        if one.playbook.id == playbook.id:
            return one.key
    short = playbook.id.rpartition("--")[2][:8]
    plain = re.sub(r"[^a-z0-9]+", "-", playbook.name.lower()).strip("-")[:60]
    return plain if plain and plain not in {"add", *(one.key for one in listed)} else f"{plain or 'playbook'}-{short}"


def _result(listed: ListedPlaybook) -> PlaybookResult:
    return PlaybookResult(
        key=listed.key, name=listed.playbook.name, id=listed.playbook.id, sha256=listed.playbook.sha256,
        steps=len(listed.playbook.steps),
    )  # fmt: skip


ACTS: Final = (
    Act(
        "add", "Add a playbook", add, noun="playbook", permission=Permission.RULES_WRITE,
        audit=(AuditAction.PLAYBOOK_ADDED,), command=OwnSurface("playbooks add"), route=_READ_FIRST,
        page=OwnSurface("/playbooks/add"), told="{key}: {name}, {steps} steps.", makes=True,
        undo=lambda _: say("Playbook added"),
    ),
    Act(
        "remove", "Remove a playbook", remove, noun="playbook", permission=Permission.RULES_WRITE,
        audit=(AuditAction.PLAYBOOK_REMOVED,), command="playbooks remove", route=_READ_FIRST,
        page=OwnSurface("/playbooks/{playbook}/remove"), arguments=("playbook",), told="{key}: removed.",
        undo=lambda _: say("Playbook removed"),
    ),
)  # fmt: skip
"""What is done with the playbooks of a node."""

INCIDENT_ACTS: Final = (
    incident_act(
        "start", "Start a playbook on an incident", start, title=N_("Start playbook"), path="playbooks",
        noun="playbook of incident", command="playbooks start", arguments=("reference", "playbook"),
        undo=lambda _: say("Playbook started"),
    ),
    incident_act(
        "answer", "Answer a question of a playbook", answer, title=N_("Answer"), path="playbooks/{run}/answer",
        noun="playbook of incident", command="playbooks answer", arguments=("reference", "run", "question", "answer"),
        undo=lambda _: say("Question answered"),
    ),
    incident_act(
        "stop", "Stop a playbook", stop, title=N_("Stop playbook"), path="playbooks/{run}/stop",
        noun="playbook of incident", command="playbooks stop", arguments=("reference", "run"),
        undo=lambda _: say("Playbook stopped"),
    ),
)  # fmt: skip
"""What is done with a playbook on an incident."""
