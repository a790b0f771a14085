"""Administration: the health of the node, its people, feeds, settings, retention and backups."""

from fastapi import APIRouter

from tocsin.server.pages.admin.feeds import feed_pages
from tocsin.server.pages.admin.keeping import keeping_pages
from tocsin.server.pages.admin.node import node_pages
from tocsin.server.pages.admin.people import people_pages
from tocsin.server.pages.desk import PageContext


def admin_pages(desk: PageContext) -> APIRouter:
    """The pages of administration."""
    router = APIRouter()
    for make_pages in (node_pages, people_pages, feed_pages, keeping_pages):
        router.include_router(make_pages(desk))
    return router


__all__ = ["admin_pages"]
