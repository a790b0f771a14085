"""The page of today, its figures alone, and the stream that says when they changed."""

from collections.abc import AsyncIterator, Collection
from functools import partial
from typing import Annotated

from fastapi import APIRouter, Request
from fastapi.responses import Response
from sse_starlette import EventSourceResponse, ServerSentEvent

from tocsin.delivery.never_held import ReferenceLine, references_to_ring
from tocsin.interface import NotHereError, PageRouter, needs
from tocsin.node.accounts import Permission, Principal, living_sessions
from tocsin.node.records import hear_changes
from tocsin.pipeline.subjects import names_of_subjects
from tocsin.pipeline.to_do import KINDS, in_order, personal_items, with_work
from tocsin.server.pages.changes import LABELS, figure_of
from tocsin.server.pages.context import PageContext
from tocsin.server.pages.reach import reach_of
from tocsin.server.pages.today.board import Board
from tocsin.server.pages.today.change_notifier import ChangeNotifier
from tocsin.server.pages.today.figures import Today
from tocsin.server.pages.today.texts import groups_of, standing
from tocsin.server.pages.today.work_pages import done_text
from tocsin.server.pages.words import PageTexts

_PING = 30  # seconds between signs of life, for what stands between us and the browser
_LAST_WORDS = 2  # seconds in which streams end by themselves when the server does


def board_pages(desk: PageContext) -> APIRouter:
    """The page of today."""
    board = Board(desk.node)
    router = PageRouter(lifespan=lambda _: board.open())
    pulse = ChangeNotifier(
        board.token, lambda sessions: _alive(desk, sessions), partial(hear_changes, desk.node.database)
    )

    def show(request: Request, visitor: Principal, template: str) -> Response:
        seen = board.read(desk.now)
        words, changes, reach = desk.words(request), seen.today.changes, reach_of(request.app)
        with desk.node.database.reading() as session:
            own = with_work(session, personal_items(desk.node, session, desk.now, visitor.person))
            paths = {one: reach.nearest(visitor, KINDS[one.kind].path_of(one)) for one in (*seen.today.items, *own)}
            shown = [one for one, path in paths.items() if path not in {"", "/today"}]
            groups = groups_of(in_order(shown, desk.now), visitor.person, desk.now)
            names = names_of_subjects(session, {one for of in changes for one in (of.subject, of.actor)}, visitor)
        # What the page and its figures alone have in common is the same to the letter: the script swaps what differs.
        return desk.page(
            request, template, today=seen.today, token=seen.token, complete=seen.complete, now=desk.now, kinds=KINDS,
            groups=groups, paths=paths, standing=standing(seen.today, groups, words), sums=_sums(seen.today),
            names=names, labels=LABELS, figure_of=figure_of, span=lambda since: _span(words, desk, since),
            ringing=_ringing(desk, visitor), phone=desk.node.settings.never_held.phone, back_to="/today",
            done=done_text(request.query_params.get("done", "")),
        )  # fmt: skip

    @router.get("/today")
    def whole(request: Request, visitor: Annotated[Principal, needs(Permission.TODAY_READ)]) -> Response:
        """To-do items, what was received, who was notified, what changed."""
        return show(request, visitor, "today/today.html")

    @router.get("/today/board")
    def figures(request: Request, visitor: Annotated[Principal, needs(Permission.TODAY_READ)]) -> Response:
        """The same without what is around it, for the page to take in."""
        return show(request, visitor, "today/board.html")

    @router.get("/today/live")
    async def live(visitor: Annotated[Principal, needs(Permission.TODAY_READ)]) -> Response:
        """A message whenever the figures changed (server-sent events, HTML 9.2); it ends with the session."""
        if not visitor.session:
            raise NotHereError
        if pulse.is_full(visitor.person):
            return Response(status_code=429, headers={"Retry-After": "60"})
        messages = _messages(pulse, visitor.session, visitor.person)
        return EventSourceResponse(messages, ping=_PING, shutdown_event=pulse.over, shutdown_grace_period=_LAST_WORDS)

    return router


async def _messages(pulse: ChangeNotifier, session: str, person: int | None) -> AsyncIterator[ServerSentEvent]:
    async for token in pulse.listen(session, person):
        yield ServerSentEvent(token, event="state")
    if not pulse.over.is_set():  # a server that ends is not a session that ends: the browser comes again
        yield ServerSentEvent("", event="ended")


def _alive(desk: PageContext, sessions: Collection[str]) -> set[str]:
    return living_sessions(desk.node.database, sessions, now=desk.now)


def _ringing(desk: PageContext, visitor: Principal) -> list[ReferenceLine]:
    """What the hotline must be rung about; nothing for all but its role."""
    if not visitor.may(Permission.NEVER_HELD_WORK):
        return []
    with desk.node.database.reading() as session:
        return references_to_ring(session, desk.now)


def _sums(today: Today) -> dict[str, int]:
    names = ("reports", "rows", "stored", "duplicates", "set_aside", "routed")
    return {name: sum(getattr(feed, name) for feed in today.feeds) for name in names}


def _span(words: PageTexts, desk: PageContext, since: object) -> str:
    from datetime import datetime

    return words.span(desk.now - since) if isinstance(since, datetime) else ""
