"""The analyst's first page: what needs a person, live; and the lists behind its figures."""

from fastapi import APIRouter

from tocsin.server.pages.desk import PageContext
from tocsin.server.pages.today.pages import board_pages
from tocsin.server.pages.today.stuck_pages import stuck_pages

__all__ = ["today_pages"]


def today_pages(desk: PageContext) -> APIRouter:
    """The pages under ``/today``."""
    router = APIRouter()
    router.include_router(board_pages(desk))
    router.include_router(stuck_pages(desk))
    return router
