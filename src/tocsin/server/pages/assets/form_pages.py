"""The forms by which assets are added, edited and imported."""

from collections.abc import Mapping, Sequence
from operator import itemgetter
from typing import Any, Final

from fastapi import APIRouter, Request
from fastapi.responses import Response

from tocsin.assets import acts, rows
from tocsin.assets.register import CONTACT, NEED, Asset, as_lines, find_asset, names
from tocsin.interface import FormHooks, FormVisit, PageRouter
from tocsin.node.accounts import Permission, PermissionScope
from tocsin.node.errors import InputError, UsageError
from tocsin.server.pages.acts import form_pages, perform_with_undo
from tocsin.server.pages.assets.access import KEEPER, PLACE, admitted
from tocsin.server.pages.context import PageContext
from tocsin.server.pages.words import N_
from tocsin.server.security import Form, text_of

_IMPORT: Final = rows.ACTS[0]
LABELS: Final = {name: field.title or name for name, field in acts.AssetFields.model_fields.items()}


def asset_form_pages(desk: PageContext) -> APIRouter:
    """The form of an asset, and what it does; what an operator says waits for a decision."""

    def reach_of(visit: FormVisit) -> PermissionScope:
        return admitted(desk, visit.visitor)

    def found(visit: FormVisit) -> Asset | None:
        number = visit.named.get("asset")
        return find_asset(visit.session, reach_of(visit), int(number)) if number else None

    def back(visit: FormVisit) -> tuple[str, str]:
        reach_of(visit)
        asset = found(visit)
        return (f"{PLACE}/{asset.id}", asset.name) if asset else (PLACE, visit.words.say(N_("Critical assets")))

    def given(visit: FormVisit) -> Mapping[str, Any]:
        asset = found(visit)
        return said_of(asset, desk.teams(), names(visit.session, reach_of(visit))) if asset else {}

    def operators(visit: FormVisit) -> list[tuple[str, str]]:
        reach = reach_of(visit)
        teams = {team.key: team.name for at, team in desk.teams().items() if reach.everything or at in reach.teams}
        return sorted(teams.items(), key=itemgetter(1))

    def own(visit: FormVisit) -> bool:
        return not visit.visitor.reach(Permission.ASSETS_WRITE).everything

    hooks = FormHooks(
        back=back, given=given, choices={"operators": operators},
        after=lambda _, done: PLACE if done.asset is None else f"{PLACE}/{done.asset}",
        about=lambda visit: visit.words.say(N_("The CSIRT reviews what you send.")) if own(visit) else "",
        shown=lambda visit, _: {"rows": 3, **({"button": N_("Send")} if own(visit) else {})},
    )  # fmt: skip
    return form_pages(desk, acts.ACTS, hooks)


def import_pages(desk: PageContext) -> APIRouter:
    """The form that takes many assets, and what it does."""
    router = PageRouter()

    @router.get(f"{PLACE}/import")
    def ask(request: Request, visitor: KEEPER) -> Response:
        """The form that takes a CSV file."""
        admitted(desk, visitor)
        return desk.page(request, "assets/import.html", text="", counts=None, error=None, columns=LABELS)

    @router.post(f"{PLACE}/import")
    def take(request: Request, visitor: KEEPER, form: Form) -> Response:
        """Show what would be new, or store it."""
        admitted(desk, visitor)
        error, counts = None, None
        try:
            counts, undo = perform_with_undo(desk, visitor, _IMPORT, form)
            if not (counts.wrong or text_of(form, "dry_run")):
                return desk.go(PLACE, undo=undo)
        except (InputError, UsageError) as wrong:
            error = wrong
        return desk.page(
            request, "assets/import.html", status=422 if error or (counts and counts.wrong) else 200,
            text=text_of(form, "text"), counts=counts, error=error, columns=LABELS,
        )  # fmt: skip

    return router


def said_of(asset: Asset, teams: Mapping[int, Any], named: Sequence[tuple[int, str]]) -> dict[str, str]:
    """What an asset says, as its form has it."""
    plain = {
        name: str(getattr(asset, name)) for name in ("name", "kind", "sector", "site", "product", "impact", "note")
    }
    known = dict(named)
    needs = [{**one, "name": f"#{one['on']}" if one["on"] in known else ""} for one in asset.needs]
    short = [
        {**one, "name": known[one["on"]]} if _is_plain(known[one["on"]], named) else one for one in needs if one["name"]
    ]
    return plain | {
        "team": team.key if (team := teams.get(asset.team_id or 0)) else "",
        "identifiers": as_lines(asset.identifiers, ["value"]),
        "needs": as_lines(short, NEED),
        "contacts": as_lines(asset.contacts, CONTACT),
    }


def _is_plain(name: str, named: Sequence[tuple[int, str]]) -> bool:
    """Whether a name says which asset is meant, in a line."""
    return ";" not in name and sum(one.casefold() == name.casefold() for _, one in named) == 1
