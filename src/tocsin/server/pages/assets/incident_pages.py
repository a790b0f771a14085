"""The critical assets that an incident touches: what depends on them, and whom to call."""

from fastapi import APIRouter, Request
from fastapi.responses import Response

from tocsin.assets import AssetMatcher
from tocsin.assets.register import ASSET_KINDS, assets_by_number, dependencies, neighbours, touches_of
from tocsin.incidents import SEVERITIES, IncidentReader, SeverityLevel, observables_of
from tocsin.interface import PageRouter
from tocsin.server.pages.assets.access import ANALYST, admitted
from tocsin.server.pages.context import PageContext
from tocsin.server.pages.incidents import part_frame


def incident_pages(desk: PageContext) -> APIRouter:
    """The tab of an incident."""
    router = PageRouter()

    @router.get("/incidents/{reference}/assets")
    def show(request: Request, visitor: ANALYST, reference: str) -> Response:
        """The assets that its observables name; compared now, so it shows what was added a moment ago."""
        reach, reader = admitted(desk, visitor), IncidentReader(visitor.person, desk.now)
        with desk.node.database.reading() as session:
            frame = part_frame(desk.words(request), session, reader, reference, "assets")
            matcher, named = AssetMatcher.of(session), dict[int, list[str]]()
            for one in observables_of(session, reader, frame.family):
                for number in matcher.observable(one.kind, one.value):
                    named.setdefault(number, []).append(one.value)
            found, edges = assets_by_number(session, reach, named), dependencies(session)
            lines = [(one, neighbours(session, reach, one, edges).dependents) for one in found.values()]
            inside = {one.id for one in frame.family}
            open_ones = {
                one.id
                for one in found.values()
                for touch, _ in touches_of(session, reader, one)
                if touch.seen_at is None and touch.incident_id in inside
            }
        lines.sort(key=lambda pair: (-SeverityLevel(pair[0].impact).rank, pair[0].name.casefold()))
        impacts = [SeverityLevel(one.impact) for pair in lines for one in (pair[0], *(of for of, _ in pair[1]))]
        proposed = max(impacts, key=lambda level: level.rank, default=SeverityLevel.UNKNOWN)
        now = SeverityLevel(frame.incident.severity)
        return desk.page(
            request, "assets/incident.html", lines=lines, named=named, touched=open_ones, kinds=ASSET_KINDS,
            teams=desk.teams(), proposed=proposed if proposed.rank > now.rank else None,
            **{**frame.shown, "severities": SEVERITIES},
        )  # fmt: skip

    return router
