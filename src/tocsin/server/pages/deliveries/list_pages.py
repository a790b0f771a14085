"""What waits, what left and what did not: lists of digests and letters, and of news that no digest holds yet."""

import re
from dataclasses import replace
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response
from sqlalchemy import select
from sqlalchemy.orm import Session

from tocsin.delivery import (
    Delivery,
    DeliveryFilter,
    StateGroup,
    count_digests,
    count_letters,
    due_news,
    due_teams,
    find_digests,
    find_letters,
    notices_for_people,
    waiting_teams,
)
from tocsin.directory import team_names, teams_called
from tocsin.interface import PageRouter, needs, number_in
from tocsin.node.accounts import Permission, Principal, names_of_actors
from tocsin.pipeline.team_items import unreachable_teams
from tocsin.server.pages.context import PageContext
from tocsin.server.pages.days import Days
from tocsin.server.pages.deliveries.states import GROUP_WORDS, STATES, acts_of

_ROWS: Final = 50
_PERSON: Final = re.compile(r"person:[0-9]+")
_Reader = Annotated[Principal, needs(Permission.DELIVERIES_READ)]
_Insider = Annotated[Principal, needs(Permission.DELIVERIES_READ, everything=True)]  # letters and plans


class Filters(Days):
    """What a person asked for, as typed."""

    show: str = ""
    team: str = ""
    reference: str = ""
    before: str = ""


def list_pages(desk: PageContext) -> APIRouter:
    """The lists."""
    router = PageRouter()

    @router.get("/deliveries")
    def digests(request: Request, visitor: _Reader, filters: Annotated[Filters, Query()]) -> Response:
        """Digests, newest first."""
        reach = visitor.reach(Permission.DELIVERIES_READ)
        teams = None if reach.everything else reach.teams
        with desk.node.database.reading() as session:
            wanted = replace(_wanted(session, filters, teams), told=not reach.everything)
            found = list(find_digests(session, wanted, limit=_ROWS + 1))
            counts = count_digests(session, teams, told=not reach.everything)
            names = team_names(session, {one.team_id for one in found})
            originals = {one.repeats for one in found if one.repeats and not one.subject}
            subjects = _subjects(session, originals)
            people = names_of_actors(session, _PERSON.findall(" ".join(one.error for one in found)))
            aside = _inside(session) if reach.everything else {"notices": [], "waiting": 0}
        return desk.page(
            request,
            "deliveries/list.html",
            status=422 if filters.wrongs else 200,
            found=found[:_ROWS],
            counts=counts,
            names=names,
            subjects=subjects,
            people=people,
            **_shared(filters, len(found) > _ROWS and found[_ROWS - 1].id),
            **aside,
            inside=reach.everything,
        )

    @router.get("/deliveries/letters")
    def letters(request: Request, _visitor: _Insider, filters: Annotated[Filters, Query()]) -> Response:
        """Letters, newest first."""
        with desk.node.database.reading() as session:
            found = list(find_letters(session, _wanted(session, filters, None), limit=_ROWS + 1))
            counts = count_letters(session)
        return desk.page(
            request,
            "deliveries/letters.html",
            status=422 if filters.wrongs else 200,
            found=found[:_ROWS],
            counts=counts,
            inside=True,
            **_shared(filters, len(found) > _ROWS and found[_ROWS - 1].id),
        )

    @router.get("/deliveries/due")
    def due(request: Request, _visitor: _Insider) -> Response:
        """What each team is owed that no digest holds yet."""
        with desk.node.database.reading() as session:
            found = due_news(session)
            names = team_names(session, {one.team_id for one in found})
            held, unreachable = waiting_teams(session), {one.team_id for one in unreachable_teams(session)}
        shown: dict[str, Any] = {
            "found": found, "names": names, "held": held, "unreachable": unreachable, "now": desk.now,
        }  # fmt: skip
        return desk.page(request, "deliveries/due.html", **shown, inside=True)

    return router


def _subjects(session: Session, digests: set[int]) -> dict[int, str]:
    """The subjects of digests by number."""
    return dict(session.execute(select(Delivery.id, Delivery.subject).where(Delivery.id.in_(digests))).all())


def _inside(session: Session) -> dict[str, Any]:
    return {"notices": notices_for_people(session), "waiting": due_teams(session)}


def _shared(filters: Filters, last: int | bool) -> dict[str, Any]:
    further = f"?{filters.query(before=int(last))}" if last else ""
    return {
        "filters": filters,
        "further": further,
        "states": STATES,
        "acts_of": acts_of,
        "groups": [(group.value, words) for group, words in GROUP_WORDS.items()],
    }


def _wanted(session: Session, filters: Filters, teams: frozenset[int] | None) -> DeliveryFilter:
    if filters.team:
        named = teams_called(session, filters.team)
        teams = frozenset(named if teams is None else teams & named)
    return DeliveryFilter(
        groups=[StateGroup(filters.show)] if filters.show in {group.value for group in StateGroup} else (),
        teams=teams,
        since=filters.start,
        until=filters.end,
        reference=filters.reference,
        before=number_in(filters.before) or 0,
    )
