"""Find a team: one question a page, in three steps; all of it in the address, so that going back works."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any, Final

from fastapi import APIRouter, Request
from fastapi.responses import Response

from tocsin.directory import canonical
from tocsin.interface import PageRouter, needs
from tocsin.networks import country_names, parse_address, parse_network
from tocsin.node.accounts import Permission, Principal
from tocsin.server.pages.context import PageContext
from tocsin.server.pages.public.public_page import ContactCard, card_of, show
from tocsin.server.pages.words import N_, PageTexts
from tocsin.server.security import address_of
from tocsin.sharing.lookup import Subject
from tocsin.sharing.public_lookup import Help, Helper, PublicLookup

_LONGEST: Final = 300


class FindSubject(StrEnum):
    """What a person asks about."""

    CONNECTION = "connection"
    ADDRESS = "address"
    DOMAIN = "domain"
    COUNTRY = "country"
    UNKNOWN = "unknown"


_WRONG: Final = {
    FindSubject.ADDRESS: N_(
        "That is not an address. Write one such as 192.0.2.1, 2001:db8::1, 192.0.2.0/24 or AS64500."
    ),
    FindSubject.DOMAIN: N_("That is not a domain. Write one such as example.org, or the address of a page."),
    FindSubject.COUNTRY: N_("Choose a country from the list."),
}


@dataclass(frozen=True)
class HelperCard:
    """A team to turn to, how to reach it, and which sentence says why."""

    helper: Helper
    card: ContactCard


def find_pages(desk: PageContext, helps: PublicLookup) -> APIRouter:
    """The pages that find the team to turn to."""
    router = PageRouter()

    @router.get("/find")
    def find(
        request: Request,
        _visitor: Annotated[Principal, needs(Permission.PUBLIC_READ)],
        about: str = "",
        value: str | None = None,
    ) -> Response:
        """What it is about; then where; then who helps."""
        subject = FindSubject(about) if about in set(FindSubject) else None
        if subject is None:
            return show(desk, request, "public/find.html", wrong=N_("Choose what it is about.") if about else "")
        if subject is FindSubject.UNKNOWN:
            return desk.go("/help/other")
        value = value and value[:_LONGEST]
        asked = _read(subject, value, request)
        if isinstance(asked, str):
            wrong = asked if value is not None else ""
            countries = _countries(desk.words(request), helps) if subject is FindSubject.COUNTRY else []
            context: dict[str, Any] = {"about": subject, "value": value or "", "wrong": wrong, "countries": countries}
            return show(desk, request, "public/find_where.html", status=422 if wrong else 200, **context)
        found = helps.help(asked)
        # What one person asked is kept nowhere, and what a connection gets is for this connection.
        context = {"about": subject, "asked": value or address_of(request), **_answer(helps, found)}
        return show(desk, request, "public/find_team.html", keep=False, **context)

    return router


def _answer(helps: PublicLookup, found: Help) -> dict[str, Any]:
    def shown(helper: Helper) -> HelperCard:
        return HelperCard(helper, card_of(helps.profile(helper.team)))

    return {
        "found": found,
        "helpers": [shown(helper) for helper in found.helpers],
        "otherwise": [shown(helper) for helper in found.otherwise],
    }


def _read(about: FindSubject, value: str | None, request: Request) -> Subject | str:
    """What is asked, or what is wrong with it."""
    if about is FindSubject.CONNECTION:
        return Subject("", address=parse_address(address_of(request)))
    read = {FindSubject.ADDRESS: _read_address, FindSubject.DOMAIN: _read_domain, FindSubject.COUNTRY: _read_country}[
        about
    ]
    return read((value or "").strip()) or _WRONG[about]


def _read_address(text: str) -> Subject | None:
    if address := parse_address(text):
        return Subject("", address=address)
    if network := parse_network(text):
        return Subject("", network=str(network))
    try:
        return Subject("", asn=int(canonical.asn(text)))
    except ValueError:
        return None


def _read_domain(text: str) -> Subject | None:
    """A domain, the host of a page's address, or what follows the ``@`` of an email address."""
    host = text.rpartition("://")[2].partition("/")[0].partition("?")[0].rpartition("@")[2]
    if address := parse_address(host.strip("[]")):
        return Subject("", address=address)
    try:
        domain = canonical.host(host.partition(":")[0])
    except ValueError:
        return None
    return Subject("", domain=domain) if "." in domain else None


def _read_country(text: str) -> Subject | None:
    try:
        return Subject("", country=canonical.country(text))
    except ValueError:
        return None


def _countries(words: PageTexts, helps: PublicLookup) -> list[tuple[str, str]]:
    codes = {*country_names(), *(team.country for team in helps.teams() if team.country)}
    named = ((code, words.country(code)) for code in codes)
    return [("", ""), *sorted(named, key=lambda pair: pair[1].casefold())]
