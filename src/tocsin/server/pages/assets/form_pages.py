"""The forms by which assets are added, edited and imported."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final

from fastapi import APIRouter, Request
from fastapi.responses import Response
from starlette.datastructures import FormData

from tocsin.assets import acts, rows
from tocsin.assets.register import CONTACT, NEED, Asset, as_lines, find_asset, names
from tocsin.interface import Act, FormField, NotHereError, PageRouter, RequestError, number_in, wording_of
from tocsin.node.accounts import Permission, PermissionScope, Principal
from tocsin.node.errors import InputError, NotFoundError, TocsinError, UsageError
from tocsin.server.pages.acts import perform_with_undo
from tocsin.server.pages.assets.access import KEEPER, KINDS, OWNER, PLACE, admitted
from tocsin.server.pages.context import PageContext
from tocsin.server.pages.incidents import SEVERITIES
from tocsin.server.pages.words import N_, PageTexts
from tocsin.server.security import Form, text_of

_ADD, _CHANGE = (next(act for act in acts.ACTS if act.name == name) for name in ("add", "change"))
_IMPORT: Final = rows.ACTS[0]
LABELS: Final[Mapping[str, str]] = {
    "name": N_("Name"),
    "kind": N_("Kind"),
    "team": N_("Operator"),
    "sector": N_("Sector"),
    "site": N_("Place"),
    "product": N_("Product and version"),
    "identifiers": N_("Networks, AS numbers, domains, CPE names, purls"),
    "needs": N_("Depends on"),
    "contacts": N_("Contacts"),
    "impact": N_("Impact if lost"),
    "note": N_("Note"),
}
_HINTS: Final[Mapping[str, str]] = {
    "identifiers": N_("One on each line, such as 192.0.2.0/24, AS64500 or pay.example."),
    "needs": N_("One on each line: name; kind; since. Such as: Harbour power; electricity; 2019"),
    "contacts": N_("One on each line: name; phone; email; hours; language. The first one is called first."),
}


def form_pages(desk: PageContext) -> APIRouter:
    """The forms, and what they do."""
    router = PageRouter()

    @router.get(f"{PLACE}/new")
    def new(request: Request, visitor: OWNER) -> Response:
        """The form of a new asset."""
        return _form(desk, request, visitor, None)

    @router.post(f"{PLACE}/new")
    def add(request: Request, visitor: OWNER, form: Form) -> Response:
        """Add it; what an operator says waits for a decision."""
        return _do(desk, request, visitor, form, None)

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

    @router.get(PLACE + "/{asset}/change")
    def edit(request: Request, visitor: OWNER, asset: str) -> Response:
        """The form of an asset as it is."""
        return _form(desk, request, visitor, _number(asset))

    @router.post(PLACE + "/{asset}/change")
    def change(request: Request, visitor: OWNER, asset: str, form: Form) -> Response:
        """Change it; what an operator says waits for a decision."""
        return _do(desk, request, visitor, form, _number(asset))

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


def _number(text: str) -> int:
    if (number := number_in(text)) is None:
        raise NotHereError
    return number


def _do(desk: PageContext, request: Request, visitor: Principal, form: FormData, asset: int | None) -> Response:
    admitted(desk, visitor)
    named = {} if asset is None else {"asset": asset}
    typed = {name: text_of(form, name) for name in LABELS}
    try:
        done, undo = perform_with_undo(desk, visitor, _ADD if asset is None else _CHANGE, form, **named)
    except RequestError as error:
        return _form(desk, request, visitor, asset, typed=typed, wrongs=dict(error.wrongs))
    except (InputError, UsageError, NotFoundError) as error:
        if asset is not None and isinstance(error, NotFoundError):
            raise
        return _form(desk, request, visitor, asset, typed=typed, error=error)
    return desk.go(PLACE if done.asset is None else f"{PLACE}/{done.asset}", undo=undo)


def _form(
    desk: PageContext,
    request: Request,
    visitor: Principal,
    asset: int | None,
    *,
    typed: Mapping[str, str] = MappingProxyType({}),
    wrongs: Mapping[str, str] = MappingProxyType({}),
    error: TocsinError | None = None,
) -> Response:
    reach, words, given = admitted(desk, visitor), desk.words(request), dict[str, str]()
    with desk.node.database.reading() as session:
        found = None if asset is None else find_asset(session, reach, asset)
        if found is not None:
            given = said_of(found, desk.teams(), names(session, reach))
    act = _ADD if found is None else _CHANGE
    fields = [_field(act, name, words, typed.get(name, given.get(name, "")), wrongs) for name in LABELS]
    operators = [(team.key, team.name) for team in _operators(desk, reach)]
    fields[2] = FormField(
        "team", fields[2].label, "choice", fields[2].value, options=[("", words.say(N_("No team"))), *operators]
    )
    return desk.page(
        request, "assets/form.html", status=409 if error else 422 if wrongs else 200, asset=found, fields=fields,
        error=error, own=not visitor.reach(Permission.ASSETS_WRITE).everything,
        address=f"{PLACE}/new" if found is None else f"{PLACE}/{found.id}/change",
    )  # fmt: skip


def _operators(desk: PageContext, reach: PermissionScope) -> list[Any]:
    teams = {team.id: team for number, team in desk.teams().items() if reach.everything or number in reach.teams}
    return sorted(teams.values(), key=lambda team: team.name)


def _field(act: Act, name: str, words: PageTexts, value: str, wrongs: Mapping[str, str]) -> FormField:
    listed = {"kind": KINDS, "impact": SEVERITIES}.get(name)
    kind = "choice" if listed else "area" if wording_of(act, name).lines else "text"
    default = {"kind": "service", "impact": "unknown"}.get(name, "")
    options = [(str(of), words.say(said)) for of, said in (listed or {}).items()]
    hint, wrong = (words.say(of[name]) if name in of else "" for of in (_HINTS, wrongs))
    return FormField(name, words.say(LABELS[name]), kind, value or default, hint, wrong, name == "name", options)
