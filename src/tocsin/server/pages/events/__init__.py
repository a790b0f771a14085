"""Events on pages: found, counted, shown on a map, kept as views, carried away through the gate."""

from fastapi import APIRouter

from tocsin.server.pages.desk import PageContext
from tocsin.server.pages.events.export_pages import export_pages
from tocsin.server.pages.events.list_pages import list_pages
from tocsin.server.pages.events.map_pages import map_pages
from tocsin.server.pages.events.view_pages import view_pages

__all__ = ["events_pages"]


def events_pages(desk: PageContext) -> APIRouter:
    """All pages of events."""
    router = APIRouter()
    for make in (list_pages, export_pages, map_pages, view_pages):
        router.include_router(make(desk))
    return router
