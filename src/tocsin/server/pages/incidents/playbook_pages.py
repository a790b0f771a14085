"""Playbooks on pages: the list, one as an outline, and the tab of an incident with those that are worked on it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Final

from fastapi import APIRouter, Request
from fastapi.responses import Response

from tocsin.incidents import IncidentReader, TaskState, tasks_of
from tocsin.incidents.playbooks import (
    IncidentPlaybookStep,
    Playbook,
    PlaybookStep,
    acts,
    find_playbook,
    listed_playbooks,
    runs_of,
    suggested_for,
    uses_of,
)
from tocsin.incidents.text_files import TextFaultError
from tocsin.interface import PageRouter, needs
from tocsin.node.accounts import Permission, Principal
from tocsin.node.errors import ConflictError, UsageError
from tocsin.server.pages.acts import perform_and_go
from tocsin.server.pages.context import PageContext
from tocsin.server.pages.incidents.list_pages import PLACE
from tocsin.server.pages.incidents.tabs import part_frame
from tocsin.server.pages.incidents.words import ANSWERS, TASKS
from tocsin.server.pages.words import N_, PageTexts
from tocsin.server.security import Form, text_of

_ADD, _REMOVE = acts.ACTS
_PLAYBOOKS: Final = "/playbooks"
_PROPERTIES: Final = {
    "on_true": N_("If yes"),
    "on_false": N_("If no"),
    "on_completion": N_("Then"),
    "on_success": N_("If done"),
    "on_failure": N_("If not done"),
    "next_steps": N_("At the same time"),
}

_Reader = Annotated[Principal, needs(Permission.INCIDENTS_READ)]
_Keeper = Annotated[Principal, needs(Permission.RULES_WRITE)]


@dataclass(frozen=True)
class OutlineStep:
    """A step as an outline shows it. ``number``: its place; ``ways``: words and number of where it leads.

    ``visits``: each time that it was reached on an incident.
    """

    number: int
    step: PlaybookStep
    ways: list[tuple[str, int]]
    visits: list[IncidentPlaybookStep]


def playbook_pages(desk: PageContext) -> APIRouter:
    """The pages."""
    router = PageRouter()

    @router.get(_PLAYBOOKS)
    def listed(request: Request, visitor: _Reader) -> Response:
        """All that are offered."""
        with desk.node.database.reading() as session:
            found, uses = listed_playbooks(session), uses_of(session, IncidentReader(visitor.person, desk.now))
        return desk.page(request, "incidents/playbooks.html", listed=found, uses=uses, **_shared(desk, request))

    @router.get(f"{_PLAYBOOKS}/add")
    def ask(request: Request, _visitor: _Keeper) -> Response:
        """The form of a new one."""
        return _form(desk, request)

    @router.post(f"{_PLAYBOOKS}/add")
    def add(request: Request, visitor: _Keeper, form: Form) -> Response:
        """Keep it."""
        try:
            return perform_and_go(desk, visitor, _ADD, form, lambda done: f"{_PLAYBOOKS}/{done.key}")
        except (TextFaultError, UsageError) as error:
            return _form(desk, request, text_of(form, "content"), error)

    @router.get(f"{_PLAYBOOKS}/{{playbook}}")
    def show(request: Request, visitor: _Reader, playbook: str) -> Response:
        """One as an outline."""
        return _show(desk, request, visitor, playbook)

    @router.get(f"{_PLAYBOOKS}/{{playbook}}/file")
    def export(_visitor: _Reader, playbook: str) -> Response:
        """Its file, as it came; never shown by a browser."""
        with desk.node.database.reading() as session:
            found = find_playbook(session, playbook)
        headers = {"Content-Disposition": f'attachment; filename="{found.key}.json"'}
        return Response(found.content, media_type="application/json", headers=headers)

    @router.post(f"{_PLAYBOOKS}/{{playbook}}/remove")
    def remove(request: Request, visitor: _Keeper, playbook: str, form: Form) -> Response:
        """Offer it no more."""
        try:
            return perform_and_go(desk, visitor, _REMOVE, form, _PLAYBOOKS, playbook=playbook)
        except ConflictError as error:
            return _show(desk, request, visitor, playbook, error)

    return router


def incident_playbook_pages(desk: PageContext) -> APIRouter:
    """The tab of an incident."""
    router = PageRouter()

    @router.get(PLACE + "/{reference}/playbooks")
    def on_incident(request: Request, visitor: _Reader, reference: str) -> Response:
        """Those that are worked on an incident, and those that can be."""
        reader, words = IncidentReader(visitor.person, desk.now), desk.words(request)
        with desk.node.database.reading() as session:
            frame = part_frame(words, session, reader, reference, "playbooks")
            runs = runs_of(session, reader, frame.family)
            offered = listed_playbooks(session)
            suggested = suggested_for(offered, frame.incident.rsit_type)
            busy = {one.playbook.id for one in runs if one.row.ended_at is None}
            shown: dict[str, Any] = {
                "runs": [(one, outline(one.playbook, words, one.steps)) for one in runs],
                "suggested": suggested,
                "offered": sorted(
                    (one for one in offered if one.playbook.id not in busy), key=lambda one: one not in suggested
                ),
                "tasks": {one.id: one for one in tasks_of(session, reader, frame.family)},
                "open_states": {TaskState.OPEN, TaskState.DOING},
                "task_states": TASKS,
            }
        return desk.page(request, "incidents/playbooks_of.html", **frame.shown, **shown, **_shared(desk, request))

    return router


def outline(playbook: Playbook, words: PageTexts, visits: Sequence[IncidentPlaybookStep] = ()) -> list[OutlineStep]:
    """The steps that people read, in their order: without where it starts and ends."""
    steps = [one for one in playbook.in_order() if one.kind not in {"start", "end"}]
    places = {one.id: place for place, one in enumerate(steps, start=1)}
    return [
        OutlineStep(
            place, one, [*_ways(one, places, words, after=place + 1)], [of for of in visits if of.step == one.id]
        )
        for place, one in enumerate(steps, start=1)
    ]


def _ways(step: PlaybookStep, places: Mapping[str, int], words: PageTexts, *, after: int) -> Iterator[tuple[str, int]]:
    """Where a step leads, but to the one below it."""
    for key, to in step.targets:
        if to in places and (places[to] != after or step.answers or step.branches):
            known = _PROPERTIES.get(key.partition("/")[0])
            yield words.say(known) if known else key.partition("/")[2], places[to]


def _shared(desk: PageContext, request: Request) -> dict[str, Any]:
    """What all templates of playbooks take; ``shown``: a text of a playbook that came along, in the language."""
    words = desk.words(request)
    return {"shown": lambda text: words.catalogue.gettext(text) if text else "", "answers": ANSWERS}


def _show(
    desk: PageContext, request: Request, visitor: Principal, name: str, error: ConflictError | None = None
) -> Response:
    with desk.node.database.reading() as session:
        found = find_playbook(session, name)
        uses = uses_of(session, IncidentReader(visitor.person, desk.now)).get(found.playbook.id, 0)
    return desk.page(
        request, "incidents/playbook.html", found=found, steps=outline(found.playbook, desk.words(request)), uses=uses,
        error=error, status=409 if error else 200, **_shared(desk, request),
    )  # fmt: skip


def _form(
    desk: PageContext, request: Request, content: str = "", error: TextFaultError | UsageError | None = None
) -> Response:
    words = desk.words(request)
    if isinstance(error, TextFaultError):
        said = [f"{one.place}: {words.translate(one.reason)}" for one in error.faults]
    else:
        said = [words.translate_error(error)] if error else []
    return desk.page(
        request, "incidents/playbook_add.html", content=content, wrongs=[("content", one) for one in said],
        status=422 if error else 200,
    )  # fmt: skip
