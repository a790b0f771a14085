"""The tab of an incident with its notices, and on what basis each of its reports came."""

from typing import Annotated, Any

from fastapi import APIRouter, Request
from fastapi.responses import Response

from tocsin.incidents import IncidentReader
from tocsin.incidents.arrivals import BASES, GROUNDS, SCOPES, ReleaseScope, releases_of, reports_in, unreleased
from tocsin.incidents.notices import KINDS, find_law, next_of, notice_laws, notices_in
from tocsin.interface import PageRouter, needs
from tocsin.node.accounts import Permission, Principal
from tocsin.server.pages.context import PageContext
from tocsin.server.pages.incidents import part_frame
from tocsin.server.pages.notices.words import SHAPES, STATES, law_name, notice_name


def tab_pages(desk: PageContext) -> APIRouter:
    """The tab."""
    router = PageRouter()

    @router.get("/incidents/{reference}/notices")
    def notices(
        request: Request, visitor: Annotated[Principal, needs(Permission.INCIDENTS_READ)], reference: str
    ) -> Response:
        """What entities notified of it, and what may go to authorities and police."""
        words, reader = desk.words(request), IncidentReader(visitor.person, desk.now)
        with desk.node.database.reading() as session:
            frame = part_frame(words, session, reader, reference, "notices")
            found = notices_in(session, reader, frame.family)
            chains: dict[str, list[Any]] = {}
            for one in found:
                chains.setdefault(one.notice.chain, []).append(one)
            reports = reports_in(session, reader, frame.family)
            releases = releases_of(session, reports)
            context: dict[str, Any] = {
                "notices": [(one, notice_name(find_law(one.notice.law), one.notice.kind, words)) for one in found],
                "following": {name: next_of(session, chain) for name, chain in chains.items()},
                "reports": reports,
                "releases": {one.id: [of for of in releases if of.report_id == one.id] for one in reports},
                "held": {
                    scope: len(unreleased(session, reports, scope))
                    for scope in (ReleaseScope.AUTHORITY, ReleaseScope.POLICE)
                },
            }
        names: dict[str, Any] = {
            "bases": BASES,
            "laws": {one: law_name(of, words) for one, of in notice_laws().items()},
            "grounds": GROUNDS,
            "scopes": SCOPES,
            "kinds": KINDS,
            "notice_states": STATES,
        }
        return desk.page(
            request, "incidents/notices.html", teams=desk.teams(), notice_shapes=SHAPES, **frame.shown, **context,
            **names,
        )  # fmt: skip

    return router
