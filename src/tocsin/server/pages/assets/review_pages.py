"""What operators say of their assets, to be approved or refused: what is there and what would be, side by side."""

from collections.abc import Sequence
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import Response

from tocsin.assets import acts
from tocsin.assets.register import assets_by_number, changes_to_review, names, refused_changes
from tocsin.interface import PageRouter
from tocsin.node.accounts import PermissionScope, names_of_actors
from tocsin.node.errors import ConflictError, InputError, TocsinError, UsageError
from tocsin.server.pages.acts import perform_and_go
from tocsin.server.pages.assets.access import KEEPER, PLACE, READER, admitted
from tocsin.server.pages.assets.form_pages import LABELS, said_of
from tocsin.server.pages.context import PageContext
from tocsin.server.security import Form

_DECIDE = next(act for act in acts.ACTS if act.name == "decide")


def _with_names(text: str, named: Sequence[tuple[int, str]]) -> str:
    """A text whose lines name assets by number, with their names."""
    names_of = {f"#{number}": name for number, name in named}
    lines = [line.partition(";") for line in text.splitlines()]
    return "\n".join(f"{names_of.get(name, name)}{rest}{more}" for name, rest, more in lines)


def review_pages(desk: PageContext) -> APIRouter:
    """The list of changes that wait, and their decision."""
    router = PageRouter()

    def show(request: Request, visitor: Any, error: TocsinError | None = None) -> Response:
        reach, shown = admitted(desk, visitor), []
        with desk.node.database.reading() as session:
            changes = changes_to_review(session, reach)
            assets = assets_by_number(session, reach, {one.asset_id for one in changes if one.asset_id})
            refused = refused_changes(session, reach, desk.now)
            by = names_of_actors(session, {one.made_by for one in changes})
            for one in changes:
                asset = assets.get(one.asset_id or 0)
                named = names(session, PermissionScope(everything=False, teams=frozenset({one.team_id})))
                before = said_of(asset, desk.teams(), named) if asset else {}
                pairs = [
                    (name, *(_with_names(of.get(name, ""), named) for of in (before, one.said))) for name in LABELS
                ]
                shown.append((one, [(LABELS[name], was, will) for name, was, will in pairs if was != will]))
        return desk.page(
            request, "assets/changes.html", status=409 if error else 200, changes=shown, refused=refused,
            teams=desk.teams(), by=by, error=error, decides=reach.everything,
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
