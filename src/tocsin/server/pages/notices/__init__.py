"""Notices of entities for the team: the list, one of them, the form of one that is typed in, the basis of reports."""

from tocsin.server.pages.context import together
from tocsin.server.pages.notices.basis_pages import basis_pages
from tocsin.server.pages.notices.pages import notice_pages

notices_pages = together(notice_pages, basis_pages)
