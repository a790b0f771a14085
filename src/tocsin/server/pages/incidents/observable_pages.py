"""The observables of an incident: where each was seen, whom to notify of it, and where else it is known."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Final
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response
from pydantic import BaseModel

from tocsin.directory import ResponsibilityRole, team_names
from tocsin.incidents import OBSERVED_AS, IncidentReader, ObservableKind, defang, host_of, observables_of
from tocsin.incidents.arrivals import form_word
from tocsin.incidents.sightings import standings_of, warnings_of
from tocsin.interface import PageRouter, needs, number_in
from tocsin.networks import Networks
from tocsin.node.accounts import Permission, Principal
from tocsin.server.pages.context import PageContext
from tocsin.server.pages.incidents.fields import fields_of
from tocsin.server.pages.incidents.list_pages import PLACE
from tocsin.server.pages.incidents.one_pages import act_named
from tocsin.server.pages.incidents.tabs import part_frame
from tocsin.server.pages.incidents.words import OBSERVABLES
from tocsin.sharing.lookup import Subject, decide_each, open_router, resolve

if TYPE_CHECKING:
    from tocsin.incidents import IncidentObservable

_ROWS: Final = 100
_ADD: Final = "observables"
_FILTERS: Final = {ObservableKind.IP: "address", ObservableKind.NETWORK: "address", ObservableKind.ASN: "asn"}

_Reader = Annotated[Principal, needs(Permission.INCIDENTS_READ)]


class _ListQuery(BaseModel):
    """From which row on."""

    first: str = ""


def observable_pages(desk: PageContext) -> APIRouter:
    """The tab of an incident."""
    router = PageRouter()

    @router.get(PLACE + "/{reference}/observables")
    def show(request: Request, visitor: _Reader, reference: str, asked: Annotated[_ListQuery, Query()]) -> Response:
        """A row for each, those that were seen last first."""
        reader, words = IncidentReader(visitor.person, desk.now), desk.words(request)
        first = number_in(asked.first) or 0
        with desk.node.database.reading() as session:
            frame = part_frame(words, session, reader, reference, "observables")
            every = observables_of(session, reader, frame.family)
            rows = every[first : first + _ROWS]
            standings = standings_of(session, reader, rows)
            contacts = _contacts(desk, rows)
            teams = {*(team for one in standings.values() for team in one.teams), *contacts.values()}
            shown = {
                **frame.shown,
                "rows": rows,
                "standings": standings,
                "contacts": contacts,
                "names": team_names(session, teams),
                "found": len(every),
                "first": first,
                "later": first + _ROWS if first + _ROWS < len(every) else 0,
                "earlier": max(first - _ROWS, 0),
                "unreviewed": sum(one.unreviewed_since is not None for one in every),
                "sighted": sum(one.events > 0 for one in standings.values()),
                "inline_fields": {_ADD: fields_of(desk, request, act_named("add-observables"), session)},
            }  # fmt: skip
        warnings = warnings_of(desk.node.home, [(one.kind, one.value) for one in rows])
        return desk.page(
            request, "incidents/observables.html", **shown, warnings=warnings, kinds=OBSERVABLES,
            observed_as=OBSERVED_AS, defang=defang, host_of=host_of, events_of=events_of,
            made={_ADD: form_word(desk.tokens, desk.now)},
        )  # fmt: skip

    return router


def events_of(kind: str, value: str) -> str:
    """The path of the events of an observable."""
    return "/events?" + urlencode({_FILTERS.get(ObservableKind(kind), "text"): value})


def _contacts(desk: PageContext, observables: "Sequence[IncidentObservable]") -> Mapping[int, int]:
    """By number of the observable, the team that the directory says is responsible; of some nobody is."""
    asked: dict[int, Subject] = {}
    for one in observables:
        host = host_of(one.kind, one.value)
        if host and isinstance(found := resolve(host), Subject):
            asked[one.id] = found
    if not asked:
        return {}
    router, networks = open_router(desk.node, desk.now), Networks.open(desk.node.home)
    found_of = zip(asked, decide_each([*asked.values()], router, networks), strict=True)
    responsible = {
        number: [of.team_id for of in decision.matches if of.role is ResponsibilityRole.RESPONSIBLE]
        for number, (_, decision) in found_of
    }
    return {number: teams[0] for number, teams in responsible.items() if teams}
