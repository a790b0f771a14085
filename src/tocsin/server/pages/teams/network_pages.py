"""The pages of an AS and of a network: holder, country, announced networks, contacts, open problems."""

from typing import Any, Final

from fastapi import APIRouter, Request
from fastapi.responses import Response

from tocsin.events import EventFilter
from tocsin.interface import NotHereError, PageRouter
from tocsin.networks import Networks, networks_of
from tocsin.node.accounts import Principal
from tocsin.node.errors import UsageError
from tocsin.server.pages.context import PageContext
from tocsin.server.pages.events import HEIGHT, WIDTH, Chart, EventsQuery, chart_of
from tocsin.server.pages.lookup import look_up
from tocsin.server.pages.teams.access import Asker
from tocsin.sharing.lookup import Subject, read_subject

_SHOWN: Final = 100  # announced networks on one page


def network_pages(desk: PageContext) -> APIRouter:
    """The pages of networks."""
    router = PageRouter()

    @router.get("/networks/{value:path}")
    def network(request: Request, visitor: Asker, value: str) -> Response:
        """An AS, as AS64500, or a network, as 192.0.2.0/24; other ways to write it lead there."""
        subject = _subject(value)
        path = _path_of(subject)
        if path != f"/networks/{value}":
            return desk.go(path)
        return desk.page(request, "teams/network.html", **_shown(desk, visitor, subject))

    return router


def _over_time(desk: PageContext, subject: Subject) -> Chart | None:
    """The events of late over time; None where there are none."""
    wanted, now = _events_of(subject), desk.now
    since, until = wanted.bounds(now)
    chart = chart_of(desk.node.events.figures(wanted, now=now).hours, since, until or now)
    return chart if chart.most else None


def _events_of(subject: Subject) -> EventFilter:
    return EventFilter(asn=subject.asn, address=subject.network or "", last="30d")


def _subject(value: str) -> Subject:
    """What the address names; one address is the network of itself alone."""
    try:
        subject = read_subject(value)
    except UsageError:
        raise NotHereError from None
    if not subject.asn and not subject.network and not subject.address:
        raise NotHereError
    return subject


def _path_of(subject: Subject) -> str:
    if subject.asn:
        return f"/networks/AS{subject.asn}"
    return f"/networks/{subject.network}" if subject.network else f"/lookup?q={subject.query}"


def _shown(desk: PageContext, visitor: Principal, subject: Subject) -> dict[str, Any]:
    found = look_up(desk, visitor, subject)
    if found is None:
        raise NotHereError
    tables = Networks.open(desk.node.home)
    announced = networks_of(tables, subject.asn) if subject.asn else []
    first = tables.answer(subject.network.partition("/")[0]) if subject.network else None
    chart = _over_time(desk, subject) if found.whole else None
    return {
        "found": found,
        "chart": chart,
        "drawing": (WIDTH, HEIGHT),
        "events_of": EventsQuery(_events_of(subject)),
        "asked": f"AS{subject.asn}" if subject.asn else subject.network,
        "holder": tables.register.name(subject.asn) if subject.asn else None,
        "registered": tables.register.country(subject.asn) if subject.asn else None,
        "announced": announced[:_SHOWN],
        "number": len(announced),
        "first": first,
        "node_tell": desk.node.settings.tell,
        "brief": True,
        "whole": found.whole,
    }
