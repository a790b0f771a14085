"""Administration: the health of the node, its people, feeds, settings, retention and backups."""

from fastapi import APIRouter

from tocsin.web.admin.feeds import feed_pages
from tocsin.web.admin.keeping import keeping_pages
from tocsin.web.admin.node import node_pages
from tocsin.web.admin.people import people_pages
from tocsin.web.desk import Desk


def admin_pages(desk: Desk) -> APIRouter:
    """The pages of administration."""
    router = APIRouter()
    for make_pages in (node_pages, people_pages, feed_pages, keeping_pages):
        router.include_router(make_pages(desk))
    return router


__all__ = ["admin_pages"]
