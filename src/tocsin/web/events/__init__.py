"""Events on pages: found, counted, shown on a map, kept as views, carried away through the gate."""

from fastapi import APIRouter

from tocsin.web.desk import Desk
from tocsin.web.events.list_pages import list_pages

__all__ = ["events_pages"]


def events_pages(desk: Desk) -> APIRouter:
    """All pages of events."""
    router = APIRouter()
    router.include_router(list_pages(desk, lambda _visitor: []))
    return router
