"""The inbox of what the public reported, for the team."""

from tocsin.server.pages.context import together
from tocsin.server.pages.inbox.list_pages import list_pages
from tocsin.server.pages.inbox.one_pages import one_pages

__all__ = ["inbox_pages"]

inbox_pages = together(list_pages, one_pages)
