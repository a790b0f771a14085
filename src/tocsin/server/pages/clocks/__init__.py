"""Deadlines on pages: the clocks that run, the texts that a team adopts, and its calendar."""

from tocsin.server.pages.clocks.deadline_pages import deadline_pages
from tocsin.server.pages.clocks.text_pages import text_pages
from tocsin.server.pages.context import together

clocks_pages = together(deadline_pages, text_pages)
