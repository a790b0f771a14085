"""Events on pages: found, counted, shown on a map, kept as views, carried away through the gate."""

from typing import TYPE_CHECKING

from tocsin.node.faces import lazy_face

if TYPE_CHECKING:
    from tocsin.server.pages.events.chart import HEIGHT, WIDTH, Chart, chart_of
    from tocsin.server.pages.events.query import EventsQuery
    from tocsin.server.pages.events.rows import by_day, glanced
    from tocsin.server.pages.events.view_pages import views_of
else:
    lazy_face(__name__)

from tocsin.server.pages.context import together
from tocsin.server.pages.events.export_pages import export_pages
from tocsin.server.pages.events.list_pages import list_pages
from tocsin.server.pages.events.map_pages import map_pages
from tocsin.server.pages.events.view_pages import view_pages

events_pages = together(list_pages, export_pages, map_pages, view_pages)
