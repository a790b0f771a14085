"""The pages of rules: what is in force in plain words, its text to edit, a dry run, and the versions."""

from fastapi import APIRouter

from tocsin.server.pages.desk import PageContext
from tocsin.server.pages.rules.edit_pages import edit_pages
from tocsin.server.pages.rules.pages import reading_pages


def rules_pages(desk: PageContext) -> APIRouter:
    """All pages of rules."""
    router = APIRouter()
    for pages in (reading_pages, edit_pages):
        router.include_router(pages(desk))
    return router
