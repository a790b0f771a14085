"""The page of one incident: its state in a sentence, its timeline, parties, tasks and observables."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any, Final

from fastapi import APIRouter, Query, Request
from fastapi.responses import RedirectResponse, Response
from pydantic import BaseModel
from sqlalchemy.orm import Session

from tocsin.directory import team_names
from tocsin.events import RSIT_TYPES
from tocsin.exchange.ledger import incident_partners
from tocsin.exchange.statements import RECALL_ANSWERS
from tocsin.incidents import (
    MILESTONES,
    OBSERVED_AS,
    PARTIES,
    IncidentEntryKind,
    IncidentReader,
    TaskState,
    access_to_review,
    acts,
    corrections_of,
    defang,
    entries_of,
    find_incident,
    host_of,
    members_of,
    merged_root,
    note_look,
    observables_of,
    parties_of,
    seen_entry,
    tasks_of,
)
from tocsin.incidents.arrivals import TEAM_KINDS, form_word, reports_in
from tocsin.interface import PageRouter, needs, number_in
from tocsin.node.accounts import Permission, Principal, names_of, names_of_actors
from tocsin.server.pages.context import PageContext
from tocsin.server.pages.exchange_words import CASES, SENT
from tocsin.server.pages.incidents.fields import fields_of
from tocsin.server.pages.incidents.list_pages import PLACE
from tocsin.server.pages.incidents.tabs import frame_of
from tocsin.server.pages.incidents.timeline import people_in, steps_of
from tocsin.server.pages.incidents.words import GROUPS, OBSERVABLES, TASKS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tocsin.incidents import Incident, IncidentEntry

_ENTRIES: Final = 50
_NEVER: Final = datetime.max.replace(tzinfo=UTC)
_INLINE: Final = {"note": "note", "tasks": "add-task"}

Reader = Annotated[Principal, needs(Permission.INCIDENTS_READ)]


class _TimelineQuery(BaseModel):
    """Which part of the timeline. ``alone``: a merged incident by itself, not the one that it was merged into.

    ``done``: ``merged`` or ``unmerged`` just now; ``of``: the reference of what was merged into it.
    """

    kind: str = ""
    before: str = ""
    alone: str = ""
    done: str = ""
    of: str = ""


def one_pages(desk: PageContext) -> APIRouter:
    """The page of one incident."""
    router = PageRouter()

    @router.get(PLACE + "/{reference}")
    def show(request: Request, visitor: Reader, reference: str, asked: Annotated[_TimelineQuery, Query()]) -> Response:
        """All that is known of it; the reference of one that was merged leads to where it is worked on."""
        reader = IncidentReader(visitor.person, desk.now)
        with desk.node.database.reading() as session:
            incident = find_incident(session, reader, reference)
            root = merged_root(session, reader, incident)
            if root is not incident and not asked.alone:
                query = f"?{request.url.query}" if request.url.query else ""
                return RedirectResponse(f"{PLACE}/{root.reference}{query}", status_code=303)
            shown = _shown(desk, request, session, reader, incident, asked=asked)
            may = visitor.may(Permission.PARTNERS_READ)
            shown["partners"] = incident_partners(session, reader, incident) if may else []
        if visitor.person is not None and shown["looked"] != shown["seen"]:
            with desk.node.database.begin() as session:
                note_look(session, incident, visitor.person, shown["seen"])
        return desk.page(request, "incidents/one.html", asked=asked, **shown)

    return router


def _shown(
    desk: PageContext,
    request: Request,
    session: Session,
    reader: IncidentReader,
    incident: "Incident",
    *,
    asked: _TimelineQuery,
) -> dict[str, Any]:
    """What the template takes."""
    words = desk.words(request)
    frame = frame_of(words, session, reader, incident, "")
    family = frame.family
    kinds = GROUPS[asked.kind][1] if asked.kind in GROUPS else ()
    before = number_in(asked.before) or 0
    found = entries_of(session, reader, family, kinds=kinds, before=before, limit=_ENTRIES + 1)
    entries, tasks, members = found[:_ENTRIES], tasks_of(session, reader, family), members_of(session, incident)
    milestones = entries_of(session, reader, family, kinds=(IncidentEntryKind.MILESTONE,))
    parties = parties_of(session, reader, family)
    people = names_of(
        session,
        {*people_in(entries), *(one.owner for one in tasks), *(one.person for one in members), incident.lead}
        | {one.lead for one in family},
    )
    corrected = corrections_of(session, [*entries, *milestones])
    undone = [one for one in tasks if one.state in {TaskState.OPEN, TaskState.DOING}]
    inline = {name: fields_of(desk, request, act_named(command), session) for name, command in _INLINE.items()}
    return {
        **frame.shown,
        "steps": steps_of(
            entries, words, people=people, parties={one.id: one.name for one in parties},
            path=f"{PLACE}/{incident.reference}", actors=names_of_actors(session, {one.by for one in entries}),
            corrected=corrected, merged={one.id: one.reference for one in family[1:]},
        ),
        "looked": seen_entry(session, reader, incident),
        "mine": f"person:{reader.person}",
        "further": found[_ENTRIES - 1].id if len(found) > _ENTRIES else 0,
        "milestones": _milestones(milestones, corrected),
        "merged": family[1:],
        "parties": parties,
        "team_names": team_names(session, {one.team_id for one in parties if one.team_id is not None}),
        "tasks": sorted(tasks, key=lambda one: (one not in undone, one.due_at or _NEVER)),
        "observables": observables_of(session, reader, family),
        "reports": reports_in(session, reader, family)[::-1],
        "members": members,
        "to_review": [of for one, of in access_to_review(session, reader) if one.id == incident.id],
        "people": people,
        "made": {name: form_word(desk.tokens, desk.now) for name in inline},
        "inline_fields": inline,
        "groups": GROUPS,
        "defang": defang,
        "host_of": host_of,
        "taxonomy": RSIT_TYPES.get(incident.rsit_type, ""),
        **_NAMES,
    }  # fmt: skip


_NAMES: Final[dict[str, Any]] = {
    "case_states": CASES, "sent_states": SENT, "recall_answers": RECALL_ANSWERS,
    "milestone_names": MILESTONES, "roles": PARTIES,
    "task_states": TASKS, "kinds": OBSERVABLES, "observed_as": OBSERVED_AS, "report_kinds": TEAM_KINDS,
}  # fmt: skip


def act_named(command: str) -> Any:
    """The act of a command of incidents."""
    return next(act for act in acts.ACTS if act.command == f"incidents {command}")


def _milestones(
    entries: "Sequence[IncidentEntry]", corrected: "Mapping[int, int]"
) -> "list[tuple[str, IncidentEntry]]":
    """What was reached, in the order of time; what was corrected is left out."""
    found = [(one.data["milestone"], one) for one in entries if one.id not in corrected]
    return sorted(found, key=lambda pair: pair[1].happened_at)
