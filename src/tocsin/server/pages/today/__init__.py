"""The analyst's first page: what needs a person, live; and the lists behind its figures."""

from typing import TYPE_CHECKING

from tocsin.node.faces import lazy_face

if TYPE_CHECKING:
    from tocsin.server.pages.today.texts import CHANGES
else:
    lazy_face(__name__)

from tocsin.server.pages.context import together
from tocsin.server.pages.today.item_pages import item_pages
from tocsin.server.pages.today.not_told_pages import stuck_pages
from tocsin.server.pages.today.pages import board_pages

today_pages = together(board_pages, item_pages, stuck_pages)
