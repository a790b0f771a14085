"""Incidents on pages: the list, each incident, and the forms of what is done with it."""

from tocsin.server.pages.context import together
from tocsin.server.pages.incidents.act_pages import act_pages
from tocsin.server.pages.incidents.bulk_pages import bulk_pages
from tocsin.server.pages.incidents.fields import FormField as FormField  # of pages of duty too
from tocsin.server.pages.incidents.list_pages import list_pages
from tocsin.server.pages.incidents.one_pages import one_pages
from tocsin.server.pages.incidents.words import PARTIES as PARTIES  # of pages of threads too
from tocsin.server.pages.incidents.words import SEVERITIES as SEVERITIES  # of pages of duty too
from tocsin.server.pages.incidents.words import STATES as STATES

incidents_pages = together(list_pages, bulk_pages, act_pages, one_pages)
"""All pages of incidents; those of acts come before the one of an incident, which is named by its reference."""
