"""Notifications by state, verification requests, and what is scheduled: the lists."""

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
    count_found,
    count_letters,
    due_news,
    find_digests,
    find_letters,
    waiting_teams,
)
from tocsin.directory import team_names, teams_called
from tocsin.interface import PageRouter, needs, number_in
from tocsin.node.accounts import Permission, Principal, names_of_actors
from tocsin.node.letters import Letter
from tocsin.pipeline.team_items import unreachable_teams
from tocsin.server.pages.context import PageContext
from tocsin.server.pages.days import Days
from tocsin.server.pages.deliveries.states import GROUP_WORDS, STATES, acts_of

MOST: Final = 1000
"""So many mails are acted on at once."""

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
        teams, inside = None if reach.everything else reach.teams, reach.everything
        with desk.node.database.reading() as session:
            wanted = replace(read_filters(session, filters, teams), told=not inside)
            found = list(find_digests(session, wanted, limit=_ROWS + 1))
            shown: dict[str, Any] = {
                "counts": count_digests(session, teams, told=not inside),
                "names": team_names(session, {one.team_id for one in found}),
                "subjects": _subjects(session, {one.repeats for one in found if one.repeats and not one.subject}),
                "people": names_of_actors(session, _PERSON.findall(" ".join(one.error for one in found))),
                "total": count_found(session, Delivery, wanted),
            } | ({"scheduled": count_scheduled(session)} if inside else {})
        return _page(desk, request, "deliveries/list.html", found, filters, inside=inside, **shown)

    @router.get("/deliveries/letters")
    def letters(request: Request, _visitor: _Insider, filters: Annotated[Filters, Query()]) -> Response:
        """Verification requests and other letters, newest first."""
        with desk.node.database.reading() as session:
            wanted = read_filters(session, filters, None)
            found = list(find_letters(session, wanted, limit=_ROWS + 1))
            counts, total = count_letters(session), count_found(session, Letter, wanted)
            people = names_of_actors(session, _PERSON.findall(" ".join(one.error for one in found)))
        shown: dict[str, Any] = {"counts": counts, "total": total, "people": people}
        return _page(desk, request, "deliveries/letters.html", found, filters, inside=True, **shown)

    @router.get("/deliveries/due")
    def due(request: Request, _visitor: _Insider) -> Response:
        """What each team is owed that no digest holds yet; apart, what cannot be sent since there is no address."""
        with desk.node.database.reading() as session:
            found = due_news(session)
            unreachable = {one.team_id for one in unreachable_teams(session)}
            shown: dict[str, Any] = {
                "found": [one for one in found if one.team_id not in unreachable],
                "unreachable": [one for one in found if one.team_id in unreachable],
                "names": team_names(session, {one.team_id for one in found}),
                "held": waiting_teams(session),
                "now": desk.now,
            }
        return desk.page(request, "deliveries/due.html", **shown, inside=True)

    return router


def _subjects(session: Session, digests: set[int]) -> dict[int, str]:
    """The subjects of digests by number."""
    return dict(session.execute(select(Delivery.id, Delivery.subject).where(Delivery.id.in_(digests))).all())


def count_scheduled(session: Session) -> int:
    """How many teams a digest is scheduled for that has somewhere to go."""
    unreachable = {one.team_id for one in unreachable_teams(session)}
    return sum(one.team_id not in unreachable for one in due_news(session))


def _page(
    desk: PageContext,
    request: Request,
    template: str,
    found: list[Delivery] | list[Letter],
    filters: Filters,
    **shown: Any,
) -> Response:
    last = found[_ROWS - 1].id if len(found) > _ROWS else 0
    return desk.page(
        request,
        template,
        status=422 if filters.wrongs else 200,
        found=found[:_ROWS],
        filters=filters,
        further=f"?{filters.query(before=last)}" if last else "",
        states=STATES,
        acts_of=acts_of,
        groups=[(group.value, words) for group, words in GROUP_WORDS.items()],
        most=MOST,
        **shown,
    )


def read_filters(session: Session, filters: Filters, teams: frozenset[int] | None) -> DeliveryFilter:
    """What is asked for, of these teams (None: of all)."""
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
