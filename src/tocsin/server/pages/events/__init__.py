"""Events on pages: found, counted, shown on a map, kept as views, carried away through the gate."""

from tocsin.server.pages.context import together
from tocsin.server.pages.events.export_pages import export_pages
from tocsin.server.pages.events.list_pages import list_pages
from tocsin.server.pages.events.map_pages import map_pages
from tocsin.server.pages.events.view_pages import view_pages

__all__ = ["events_pages"]

events_pages = together(list_pages, export_pages, map_pages, view_pages)
