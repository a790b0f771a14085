"""The inbox of all that came in, the phone note, and the help texts for the public, for the team."""

from typing import TYPE_CHECKING

from tocsin.node.faces import lazy_face

if TYPE_CHECKING:
    from tocsin.server.pages.inbox.list_pages import PLACE
    from tocsin.server.pages.inbox.phone_pages import FILES_WRONG, files_of
    from tocsin.server.pages.inbox.words import HINTS
else:
    lazy_face(__name__)

from tocsin.server.pages.context import together
from tocsin.server.pages.inbox.help_text_pages import help_text_pages
from tocsin.server.pages.inbox.list_pages import list_pages
from tocsin.server.pages.inbox.one_pages import one_pages
from tocsin.server.pages.inbox.phone_pages import phone_pages
from tocsin.server.pages.inbox.triage_pages import triage_pages

inbox_pages = together(list_pages, triage_pages, phone_pages, one_pages, help_text_pages)
