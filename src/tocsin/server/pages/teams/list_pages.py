"""The list of teams, found by what is typed, and the form for a new one."""

from collections import defaultdict
from typing import Any
from urllib.parse import urlencode

from fastapi import APIRouter, Request
from fastapi.responses import Response

from tocsin.directory import (
    MOST_COUNTED,
    RuleKind,
    TeamKind,
    TeamSearch,
    archived_numbers,
    count_teams,
    enter_team,
    key_from,
    search_teams,
)
from tocsin.directory.contacts import contact_states, terms_of
from tocsin.interface import PageRouter
from tocsin.networks import country_names
from tocsin.node.accounts import Permission, Principal
from tocsin.node.errors import UsageError
from tocsin.server.list_files import ListForm, teams_file
from tocsin.server.pages.context import PageContext
from tocsin.server.pages.teams.access import Editor, Reader, fault_of, name_of
from tocsin.server.security import Form, sent, text_of
from tocsin.sharing.lookup import read_subject

_PAGE = 50
_NEW = {"kind": "organisation", "language": "en", "timezone": "UTC"}
_FIELDS = ("key", "name", "organisation", "kind", "country", "language", "timezone")


def list_pages(desk: PageContext) -> APIRouter:
    """The pages that list teams and enter a new one."""
    router = PageRouter()

    @router.get("/teams")
    def teams(request: Request, visitor: Reader) -> Response:
        """The teams that match, a page at a time from behind ``after`` on; or a file."""
        given = {name: request.query_params.get(name, "").strip()[:200] for name in ("q", "kind", "country", "after")}
        after = given.pop("after")
        if (form := request.query_params.get("format")) in list(ListForm):
            reach = visitor.reach(Permission.DIRECTORY_READ)
            wanted = _wanted(given, None if reach.everything else reach.teams)
            return sent(teams_file(desk.node.database, wanted, ListForm(form), now=desk.now))
        return desk.page(request, "teams/list.html", **_listed(desk, visitor, given, after))

    @router.get("/teams/new")
    def new(request: Request, _visitor: Editor, value: str = "") -> Response:
        """The form of a new team; ``value``: a network, AS or domain that it is to answer for."""
        return _form(desk, request, _NEW | {"networks": value[:200]})

    @router.post("/teams/new")
    def enter(request: Request, visitor: Editor, form: Form) -> Response:
        """Create a team and lead to its page."""
        typed = {name: text_of(form, name).strip() for name in (*_FIELDS, "mailboxes", "networks")}
        fields = {name: typed[name] for name in _FIELDS if typed[name]}
        fields.setdefault("key", key_from(typed["name"]) if typed["name"] else "")
        boxes, networks = (typed[name].replace(",", " ").split() for name in ("mailboxes", "networks"))
        by = {"said_by": name_of(visitor), "actor": visitor.actor}
        if wrong := fault_of(desk, lambda: enter_team(desk.node.database, fields, boxes, networks, **by, now=desk.now)):
            return _form(desk, request, typed, wrong)
        return desk.go(f"/teams/{fields['key'].lower()}")

    return router


def _form(desk: PageContext, request: Request, typed: dict[str, str], wrong: str = "") -> Response:
    shown: dict[str, Any] = {"kinds": list(TeamKind), "countries": list(country_names()), "wrong": wrong}
    shown["typed"] = defaultdict(str, typed)
    return desk.page(request, "teams/new.html", status=422 if wrong else 200, **shown)


def _listed(desk: PageContext, visitor: Principal, asked: dict[str, str], after: str) -> dict[str, Any]:
    reach = visitor.reach(Permission.DIRECTORY_READ)
    wanted = _wanted(asked, None if reach.everything else reach.teams)
    with desk.node.database.reading() as session:
        found = search_teams(session, wanted, after=after, limit=_PAGE + 1)
        # What fits on one page is counted already.
        number = count_teams(session, wanted) if after or len(found) > _PAGE else len(found)
        shown = found[:_PAGE]
        archived = archived_numbers(session)
        contacts = contact_states(session, desk.now, terms_of(desk.node.settings), teams=[team.id for team in shown])
    by_team: dict[int, list[Any]] = {}
    for contact in contacts:
        by_team.setdefault(contact.team_id, []).append(contact)
    given = {name: value for name, value in asked.items() if value}
    later = urlencode({**given, "after": shown[-1].key}) if len(found) > _PAGE else ""
    return {
        "teams": shown,
        "contacts": by_team,
        "number": min(number, MOST_COUNTED) if wanted != TeamSearch() else number,
        "more": wanted != TeamSearch() and number > MOST_COUNTED,
        "asked": asked,
        "archived": archived,
        "without": {name: f"/teams?{urlencode({**given, name: ''})}" for name in asked},
        "narrowed": bool(given),
        "later": f"/teams?{later}" if later else "",
        "all_of_them": f"/teams?{urlencode({**given, 'format': ''})}",
        "first": f"/teams?{urlencode(given)}" if after else "",
        "kinds": list(TeamKind),
        "countries": list(country_names()),
        "whole": reach.everything,
    }


def _wanted(asked: dict[str, str], only: frozenset[int] | None) -> TeamSearch:
    """What is looked for; a text that is an AS, a network or a domain as rules have it means who claims that."""
    kind = TeamKind(asked["kind"]) if asked["kind"] in list(TeamKind) else None
    country = asked["country"] if asked["country"] in country_names() else ""
    value = _value_of(asked["q"])
    return TeamSearch(text="" if value else asked["q"], kind=kind, country=country, value=value, only=only)


def _value_of(text: str) -> tuple[RuleKind, str] | None:
    try:
        subject = read_subject(text)
    except UsageError:
        return None
    if subject.asn and text.upper().startswith("AS"):
        return RuleKind.ASN, str(subject.asn)
    if subject.network and "/" in text:
        return RuleKind.PREFIX, subject.network
    return None
