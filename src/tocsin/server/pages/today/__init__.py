"""The analyst's first page: to-do items, live; and the pages of items that no other place has."""

from tocsin.server.pages.context import together
from tocsin.server.pages.today.incident_mail_pages import incident_mail_pages
from tocsin.server.pages.today.item_pages import item_pages
from tocsin.server.pages.today.no_contact_pages import no_contact_pages
from tocsin.server.pages.today.not_told_pages import stuck_pages
from tocsin.server.pages.today.pages import board_pages
from tocsin.server.pages.today.work_pages import work_pages

today_pages = together(board_pages, item_pages, incident_mail_pages, no_contact_pages, stuck_pages, work_pages)
