"""The analyst's first page: what needs a person, live; and the lists behind its figures."""

from tocsin.server.pages.context import together
from tocsin.server.pages.today.not_told_pages import stuck_pages
from tocsin.server.pages.today.pages import board_pages

__all__ = ["today_pages"]

today_pages = together(board_pages, stuck_pages)
