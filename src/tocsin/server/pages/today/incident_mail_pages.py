"""The parties of incidents who wait for an answer."""

from typing import Annotated

from fastapi import APIRouter, Request
from fastapi.responses import Response

from tocsin.incidents import IncidentReader
from tocsin.incidents.threads import awaited_answers
from tocsin.interface import PageRouter, needs
from tocsin.node.accounts import Permission, Principal, names_of
from tocsin.pipeline.tables import ItemKind
from tocsin.server.pages.context import PageContext
from tocsin.server.pages.today.work_pages import work_of


def incident_mail_pages(desk: PageContext) -> APIRouter:
    """The page of the item."""
    router = PageRouter()

    @router.get("/today/incident-mails")
    def to_answer(request: Request, visitor: Annotated[Principal, needs(Permission.INCIDENTS_READ)]) -> Response:
        """The longest first."""
        with desk.node.database.reading() as session:
            found = awaited_answers(session, IncidentReader(visitor.person, desk.now))
            names = names_of(session, (one.lead for one in found))
        work = work_of(desk, ItemKind.INCIDENT_MAILS, person=visitor.person)
        return desk.page(request, "today/incident_mails.html", found=found, names=names, **work)

    return router
