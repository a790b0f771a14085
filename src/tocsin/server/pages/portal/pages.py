"""The routes of the portal."""

from collections import Counter
from functools import partial
from typing import Annotated

from fastapi import APIRouter, Request
from fastapi.responses import Response

from tocsin.delivery.texts import TextFolders, texts_for
from tocsin.interface import PageRouter, WrongFormError, needs
from tocsin.node.accounts import Permission, Principal
from tocsin.node.errors import InputError
from tocsin.node.paths import HomeFolder
from tocsin.problems.answers import NOTE_LENGTH, TeamSheet
from tocsin.server.pages.answer_forms import DAYS, act_of, new_form
from tocsin.server.pages.context import PageContext, join_routers
from tocsin.server.pages.form_version import CHANGED, is_stale, last_answer
from tocsin.server.pages.portal.bulk_answers import BulkAnswerForm, answer
from tocsin.server.pages.portal.contact_pages import contact_pages
from tocsin.server.pages.portal.context import PortalContext
from tocsin.server.pages.portal.problems import SHOWN, SORTS, STATES, VERDICTS, ProblemFilter, counts, row_of
from tocsin.server.security import Form

_NOTHING = BulkAnswerForm()
_FORM = "portal"  # what the hidden word of the form is made for
_Reader = Annotated[Principal, needs(Permission.PORTAL_READ)]
_Writer = Annotated[Principal, needs(Permission.PORTAL_WRITE)]


def portal_pages(desk: PageContext) -> APIRouter:
    """The pages of the portal."""
    router, portal = PageRouter(), PortalContext(desk)

    @router.get("/portal")
    def problems(request: Request, visitor: _Reader, done: int = 0) -> Response:
        """The problems of the own networks."""
        if not portal.teams(visitor):
            return desk.page(request, "portal/no_team.html")
        return _list(portal, request, visitor, portal.sheet(portal.team(request, visitor)), done=done)

    @router.post("/portal")
    def record(request: Request, visitor: _Writer, form: Form) -> Response:
        """Note an answer, and show what is left."""
        team, chosen = portal.team(request, visitor), ProblemFilter.read(request)
        sheet = portal.sheet(team)
        typed = BulkAnswerForm.read(form).of_list(chosen.choose(sheet.lines), chosen.first)
        if typed.wrongs():
            return _list(portal, request, visitor, sheet, typed=typed, wrongs=typed.wrongs())
        try:
            act = act_of(typed.made, desk.tokens, _FORM, desk.now)
        except InputError as error:
            raise WrongFormError from error
        act = f"{act}:{visitor.person}"
        if is_stale(typed.seen, last_answer(sheet.lines, typed.problems, but=act)):
            return _list(portal, request, visitor, sheet, typed=typed, wrongs=[("problems", CHANGED)])
        noted = answer(desk, sheet, typed, visitor, act)
        return desk.go(chosen.query(team, done=noted))

    return join_routers(router, contact_pages(portal))


def _list(
    portal: PortalContext,
    request: Request,
    visitor: Principal,
    sheet: TeamSheet,
    *,
    typed: BulkAnswerForm = _NOTHING,
    wrongs: list[tuple[str, str]] | None = None,
    done: int = 0,
) -> Response:
    desk, team, chosen = portal.desk, sheet.team, ProblemFilter.read(request)
    found = chosen.choose(sheet.lines)
    shown = found[chosen.first : chosen.first + SHOWN]
    rows = [row_of(line) for line in shown]
    topics = list(dict.fromkeys(row.topic for row in rows))
    node = desk.node
    shelf = TextFolders(node.home / HomeFolder.TEMPLATES, node.settings.node.language)
    advice = texts_for(desk.words(request).language, shelf).advice

    at = partial(chosen.query, team)
    return desk.page(
        request,
        "portal/problems.html",
        status=422 if wrongs else 200,
        team=team,
        teams=portal.teams(visitor),
        counts=counts(sheet.lines),
        states=STATES,
        chosen=chosen,
        groups=[(topic, advice[topic], [row for row in rows if row.topic == topic]) for topic in topics],
        found=len(found),
        shown=len(shown),
        of_topic=Counter(line.topic for line in found),
        sorts=SORTS,
        earlier=at(first=max(chosen.first - SHOWN, 0)) if chosen.first else "",
        later=at(first=chosen.first + SHOWN) if chosen.first + SHOWN < len(found) else "",
        at=at,
        all_topics={line.topic: advice[line.topic].title for line in sheet.lines},
        typed=typed,
        wrongs=wrongs or [],
        done=done,
        made=new_form(desk.tokens, _FORM, desk.now),
        seen=last_answer(sheet.lines),
        verdicts=VERDICTS,
        days=DAYS,
        most=NOTE_LENGTH,
    )
