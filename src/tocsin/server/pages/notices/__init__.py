"""Notices of entities for the team: the list, one of them, the form of one that is typed in, the basis of reports."""

from typing import TYPE_CHECKING

from tocsin.node.faces import lazy_face

if TYPE_CHECKING:
    from tocsin.server.pages.notices.forms import form_of, law_and_kind, offered, read_form
    from tocsin.server.pages.notices.words import SHAPES, STATES, filed_fields, notice_name
else:
    lazy_face(__name__)

from tocsin.server.pages.context import together
from tocsin.server.pages.notices.basis_pages import basis_pages
from tocsin.server.pages.notices.pages import notice_pages
from tocsin.server.pages.notices.tab_pages import tab_pages

notices_pages = together(notice_pages, basis_pages, tab_pages)
