"""Reports that came in, where they come from, and what of them could not be read."""

from fastapi import APIRouter

from tocsin.server.pages.desk import PageContext
from tocsin.server.pages.reports.feed_pages import feed_pages
from tocsin.server.pages.reports.list_pages import list_pages
from tocsin.server.pages.reports.mend_pages import mend_pages
from tocsin.server.pages.reports.quarantine_pages import quarantine_pages
from tocsin.server.pages.reports.send_pages import send_pages

__all__ = ["reports_pages"]


def reports_pages(desk: PageContext) -> APIRouter:
    """The pages under ``/reports``."""
    router = APIRouter()
    for make in (feed_pages, send_pages, mend_pages, quarantine_pages, list_pages):
        router.include_router(make(desk))
    return router
