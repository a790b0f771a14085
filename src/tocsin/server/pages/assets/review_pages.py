"""What operators say of their assets, to be approved or refused: what is there and what would be, side by side."""

from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import Response

from tocsin.assets import acts
from tocsin.assets.register import assets_by_number, changes_to_review, names
from tocsin.interface import PageRouter
from tocsin.node.accounts import names_of_actors
from tocsin.node.errors import ConflictError, InputError, TocsinError, UsageError
from tocsin.server.pages.acts import perform_and_go
from tocsin.server.pages.assets.access import KEEPER, PLACE, READER, admitted
from tocsin.server.pages.assets.form_pages import LABELS, said_of
from tocsin.server.pages.context import PageContext
from tocsin.server.security import Form

_DECIDE = next(act for act in acts.ACTS if act.name == "decide")


def review_pages(desk: PageContext) -> APIRouter:
    """The list of changes that wait, and their decision."""
    router = PageRouter()

    def show(request: Request, visitor: Any, error: TocsinError | None = None) -> Response:
        reach, shown = admitted(desk, visitor), []
        with desk.node.database.reading() as session:
            changes, named = changes_to_review(session, reach), names(session, reach)
            assets = assets_by_number(session, reach, {one.asset_id for one in changes if one.asset_id})
            by = names_of_actors(session, {one.made_by for one in changes})
            for one in changes:
                asset = assets.get(one.asset_id or 0)
                before = said_of(asset, desk.teams(), named) if asset else {}
                differs = [name for name in LABELS if str(one.said.get(name, "")) != before.get(name, "")]
                shown.append((one, [(LABELS[name], before.get(name, ""), str(one.said[name])) for name in differs]))
        return desk.page(
            request, "assets/changes.html", status=409 if error else 200, changes=shown, teams=desk.teams(), by=by,
            error=error, decides=reach.everything,
        )  # fmt: skip

    @router.get(f"{PLACE}/changes")
    def listed(request: Request, visitor: READER) -> Response:
        """The changes that wait; of an operator, its own."""
        return show(request, visitor)

    @router.post(PLACE + "/changes/{change}")
    def decide(request: Request, visitor: KEEPER, change: str, form: Form) -> Response:
        """Approve or refuse one."""
        admitted(desk, visitor)
        try:
            return perform_and_go(desk, visitor, _DECIDE, form, f"{PLACE}/changes", change=change)
        except (ConflictError, InputError, UsageError) as error:
            return show(request, visitor, error)

    return router
