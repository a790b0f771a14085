"""Call sheets: who has which, a new one by two persons, and the page that is printed."""

from collections.abc import Callable
from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response
from sqlalchemy.orm import Session

from tocsin.assets import sheet_acts
from tocsin.assets.register import (
    ASSET_KINDS,
    assets_by_number,
    call_sheets,
    dependencies,
    find_asset,
    names,
    neighbours,
)
from tocsin.incidents import SEVERITIES
from tocsin.interface import PageRouter, RequestError, number_in
from tocsin.node.accounts import PermissionScope, Principal, names_of, names_of_actors
from tocsin.node.errors import ConflictError, TocsinError
from tocsin.server.pages.acts import perform, perform_and_go
from tocsin.server.pages.assets.access import ANALYST, PLACE, admitted
from tocsin.server.pages.context import PageContext
from tocsin.server.security import Form, text_of

_ACTS = {act.name: act for act in sheet_acts.ACTS}
_SHEETS = f"{PLACE}/sheets"


def sheet_pages(desk: PageContext) -> APIRouter:
    """The list of sheets, and what is done with them."""
    router = PageRouter()

    def show(
        request: Request, visitor: Principal, chosen: int | None = None, *, error: TocsinError | None = None,
        holder: str = "",
    ) -> Response:  # fmt: skip
        reach = admitted(desk, visitor)
        with desk.node.database.reading() as session:
            sheets, assets = call_sheets(session), _choices(session, reach)
            people = names_of(session, {number for one in sheets for number in (one.asked_by, one.approved_by)})
            by = names_of_actors(session, {one.destroyed_by for one in sheets})
            ticked = set()
            if chosen is not None:
                asset = find_asset(session, reach, chosen)
                ticked = {asset.id, *(one.id for one, _ in neighbours(session, reach, asset).needs)}
        return desk.page(
            request, "assets/sheets.html", status=409 if error else 200, sheets=sheets, people=people, by=by,
            assets=assets, ticked=ticked, error=error, holder=holder,
            until=desk.now - timedelta(minutes=sheet_acts.MINUTES), minutes=sheet_acts.MINUTES,
        )  # fmt: skip

    @router.get(_SHEETS)
    def listed(request: Request, visitor: ANALYST, asset: Annotated[str, Query()] = "") -> Response:
        """All sheets, and the form that asks for one."""
        return show(request, visitor, number_in(asset))

    @router.post(_SHEETS)
    def ask(request: Request, visitor: ANALYST, form: Form) -> Response:
        """Ask for one."""
        admitted(desk, visitor)
        try:
            return perform_and_go(desk, visitor, _ACTS["ask"], form, _SHEETS)
        except RequestError as error:
            return show(request, visitor, error=error, holder=text_of(form, "holder"))

    @router.post(_SHEETS + "/{sheet}/print")
    def print_sheet(request: Request, visitor: ANALYST, sheet: str, form: Form) -> Response:
        """The sheet, to be printed by the browser."""
        reach = admitted(desk, visitor)
        try:
            done = perform(desk, visitor, _ACTS["print"], form, sheet=sheet)
        except ConflictError as error:
            return show(request, visitor, error=error)
        with desk.node.database.reading() as session:
            edges, known = dependencies(session), assets_by_number(session, reach, done.assets)
            lines = [(one, neighbours(session, reach, one, edges).dependents) for one in known.values()]
            row = next(one for one in call_sheets(session) if one.id == done.sheet)
            people = names_of(session, {row.asked_by, row.approved_by})
        return desk.page(
            request, "assets/sheet.html", sheet=row, lines=sorted(lines, key=lambda pair: pair[0].name.casefold()),
            teams=desk.teams(), kinds=ASSET_KINDS, severities=SEVERITIES, people=people,
        )  # fmt: skip

    for name in ("approve", "destroy"):
        router.post(f"{_SHEETS}/{{sheet}}/{name}")(_doing(desk, name, show))
    return router


def _doing(desk: PageContext, name: str, show: Callable[..., Response]) -> Callable[..., Response]:
    """What a button does."""

    def do(request: Request, visitor: ANALYST, sheet: str, form: Form) -> Response:
        admitted(desk, visitor)
        try:
            return perform_and_go(desk, visitor, _ACTS[name], form, _SHEETS, sheet=sheet)
        except ConflictError as error:
            return show(request, visitor, error=error)

    return do


def _choices(session: Session, reach: PermissionScope) -> list[tuple[int, str]]:
    """All assets, by name."""
    return sorted(names(session, reach), key=lambda pair: (pair[1].casefold(), pair[0]))
