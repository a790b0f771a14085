"""Drafting on pages: texts, proposals, positions, comments, and the chair's way to the next draft."""

from fastapi import APIRouter

from tocsin.drafting.web.chair import add_chair_pages
from tocsin.drafting.web.files import add_file_pages
from tocsin.drafting.web.provisions import add_provision_pages
from tocsin.drafting.web.record import TextPages
from tocsin.drafting.web.texts import add_text_pages
from tocsin.drafting.web.wording import add_wording_pages
from tocsin.interface import PageMaker, PageRouter


def drafting_pages(maker: PageMaker) -> APIRouter:
    """The routes of drafting."""
    router, pages = PageRouter(prefix="/drafting"), TextPages(maker)
    for add in (add_file_pages, add_text_pages, add_wording_pages, add_provision_pages, add_chair_pages):
        add(router, pages)
    return router
