"""The inbox of what the public reported, for the team."""

from fastapi import APIRouter

from tocsin.server.pages.desk import PageContext
from tocsin.server.pages.inbox.list_pages import list_pages
from tocsin.server.pages.inbox.one_pages import one_pages

__all__ = ["inbox_pages"]


def inbox_pages(desk: PageContext) -> APIRouter:
    """The pages under ``/reports/public``."""
    router = APIRouter()
    for make in (list_pages, one_pages):
        router.include_router(make(desk))
    return router
