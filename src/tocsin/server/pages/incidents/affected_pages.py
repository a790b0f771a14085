"""The affected systems of an incident: how far they are, where they are, and what notifications of them say."""

from dataclasses import asdict
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response
from pydantic import BaseModel
from sqlalchemy.orm import Session

from tocsin.directory import team_names
from tocsin.events import vulnerability_lists
from tocsin.incidents import IncidentReader
from tocsin.incidents.populations import affected_of, keys_of, populations_of, tally, texts_of
from tocsin.interface import PageRouter, needs, number_in
from tocsin.node.accounts import Permission, Principal
from tocsin.problems import NO_TEAM, FoundProblems, problem_text
from tocsin.server.pages.context import PageContext
from tocsin.server.pages.incidents.list_pages import PLACE
from tocsin.server.pages.incidents.tabs import part_frame
from tocsin.server.pages.problems import KINDS, NAMES, STATUSES

_ROWS: Final = 50
_STORIES: Final = 20
_STORY: Final = 25  # characters: a comment that is longer is more than a word

_Reader = Annotated[Principal, needs(Permission.INCIDENTS_READ)]


class _ListQuery(BaseModel):
    """From which row on."""

    first: str = ""


def affected_pages(desk: PageContext) -> APIRouter:
    """The tab of an incident."""
    router = PageRouter()

    @router.get(PLACE + "/{reference}/affected")
    def show(request: Request, visitor: _Reader, reference: str, asked: Annotated[_ListQuery, Query()]) -> Response:
        """How far they are; what is attached; and the text that notifications carry."""
        reader = IncidentReader(visitor.person, desk.now)
        with desk.node.database.reading() as session:
            frame = part_frame(desk.words(request), session, reader, reference, "affected")
            populations = populations_of(session, reader, frame.family)
            shown = {
                **frame.shown,
                **_listed(desk, session, affected_of(populations, desk.node.problems, desk.now), asked),
                "populations": [(one, len(keys_of(one, desk.node.problems, desk.now))) for one in populations],
                "texts": texts_of(session, reader, frame.family),
            }
        return desk.page(request, "incidents/affected.html", **shown)

    return router


def _listed(desk: PageContext, session: Session, found: FoundProblems, asked: _ListQuery) -> dict[str, Any]:
    first = number_in(asked.first) or 0
    rows = found.rows(first, _ROWS)
    stories = _stories(found)
    teams = {team for row in rows for team in row.teams} | {one.answer.team_id for one in stories}
    return {
        "tally": asdict(tally(found)), "rows": rows, "names": team_names(session, teams), "stories": stories,
        "first": first, "later": first + _ROWS if first + _ROWS < found.total else 0, "earlier": max(first - _ROWS, 0),
        "statuses": STATUSES, "looks": KINDS, "conditions": NAMES, "text_of": problem_text,
        "no_team": NO_TEAM, "feed_names": desk.feed_names(),
        "list_names": vulnerability_lists(desk.node.home),
    }  # fmt: skip


def _stories(found: FoundProblems) -> list[Any]:
    """The newest answers with more than a word beside them, each once."""
    said = found.standings.said_at(found.places).values()
    answers = {one.answer.id: one for of in said for one in of}
    told = [one for one in answers.values() if len(one.answer.note) >= _STORY]
    return sorted(told, key=lambda one: (one.answer.at, one.answer.id), reverse=True)[:_STORIES]
