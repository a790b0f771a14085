"""Where a visit begins: each role at its own work; and whether the node answers at all."""

from collections.abc import Mapping
from typing import Annotated

from anyio import to_thread
from fastapi import APIRouter, Request
from fastapi.responses import Response

from tocsin.interface import PageRouter, needs
from tocsin.node.accounts import Permission, Principal, find_person, set_profile
from tocsin.server.pages.context import LANGUAGE, THEME, THEMES, PageContext, own_path
from tocsin.server.pages.navigation import groups_for, places_of
from tocsin.server.security import keep_cookie, text_of

_YEAR = 365 * 24 * 3600  # seconds


def home_pages(desk: PageContext) -> APIRouter:
    """The first address, and the pages' word that they are alive."""
    router = PageRouter()

    @router.get("/")
    def first(visitor: Annotated[Principal, needs(Permission.PUBLIC_READ)]) -> Response:
        """The first place of whoever is signed in; the public's first page for everybody else."""
        if visitor.unfinished:
            return desk.go("/account/second-factor")
        places = places_of(groups_for(visitor))
        return desk.go(places[0].path if places else "/help")

    @router.get("/health")
    def health(_visitor: Annotated[Principal, needs(Permission.PUBLIC_READ)]) -> dict[str, str]:
        """Whether the node answers and can read its records."""
        with desk.node.database.reading() as session:
            session.connection()
        return {"state": "ok"}

    @router.post("/settings")
    async def switch(request: Request, visitor: Annotated[Principal, needs(Permission.PUBLIC_READ)]) -> Response:
        """Keep the language and the colours that somebody chose, in this browser."""
        form = await request.form(max_files=0, max_fields=8)
        chosen = {name: text_of(form, name) for name in (LANGUAGE, THEME) if name in form}
        response = desk.go(own_path(text_of(form, "next", "/")))
        return await to_thread.run_sync(keep_choices, desk, request, visitor, chosen, response)

    return router


def keep_choices(
    desk: PageContext, request: Request, visitor: Principal, chosen: Mapping[str, str], response: Response
) -> Response:
    """The response by which the browser, and the account of whoever is signed in, keep a language and colours."""
    _keep(desk, visitor, chosen.get(LANGUAGE), chosen.get(THEME))
    for name, offered in ((LANGUAGE, desk.languages), (THEME, THEMES)):
        if name in chosen and chosen[name] in ("", *offered):
            keep_cookie(request, response, name, chosen[name], seconds=_YEAR)
    return response


def _keep(desk: PageContext, visitor: Principal, language: object, theme: object) -> None:
    """Keep the choice with the account of whoever is signed in: it goes before that of the browser."""
    if not visitor.session or visitor.person is None:
        return
    with desk.node.database.begin() as transaction:
        person = find_person(transaction, visitor.person)
        set_profile(
            transaction,
            person,
            name=person.name,
            language=str(language) if language in desk.languages else person.language,
            theme=str(theme) if theme in ("", *THEMES) else person.theme,
            actor=visitor.actor,
            now=desk.now,
        )
