"""Incidents on pages: the list, each incident, and the forms of what is done with it."""

from tocsin.server.pages.context import together
from tocsin.server.pages.incidents.act_pages import act_pages
from tocsin.server.pages.incidents.fields import FormField as FormField  # of the forms of notices too
from tocsin.server.pages.incidents.list_pages import list_pages
from tocsin.server.pages.incidents.one_pages import one_pages
from tocsin.server.pages.incidents.tabs import part_frame as part_frame  # of the tabs of parts
from tocsin.server.pages.incidents.words import PARTIES as PARTIES  # of pages of threads too

incidents_pages = together(list_pages, act_pages, one_pages)
"""All pages of incidents; those of acts come before the one of an incident, which is named by its reference."""
