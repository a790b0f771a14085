"""The inbox of what the public reported, for the team."""

from typing import TYPE_CHECKING

from tocsin.node.faces import lazy_face

if TYPE_CHECKING:
    from tocsin.server.pages.inbox.words import KINDS
else:
    lazy_face(__name__)

from tocsin.server.pages.context import together
from tocsin.server.pages.inbox.list_pages import list_pages
from tocsin.server.pages.inbox.one_pages import one_pages

inbox_pages = together(list_pages, one_pages)
