"""Incidents on pages: the list, each incident, and the forms of what is done with it."""

from tocsin.server.pages.context import together
from tocsin.server.pages.incidents.act_pages import act_pages
from tocsin.server.pages.incidents.clock_pages import clock_pages
from tocsin.server.pages.incidents.clock_words import rule_in_words as rule_in_words
from tocsin.server.pages.incidents.clock_words import time_left as time_left
from tocsin.server.pages.incidents.list_pages import list_pages
from tocsin.server.pages.incidents.one_pages import one_pages
from tocsin.server.pages.incidents.rating_pages import rating_pages
from tocsin.server.pages.incidents.words import PARTIES as PARTIES  # of pages of threads too

incidents_pages = together(list_pages, act_pages, clock_pages, rating_pages, one_pages)
"""All pages of incidents; those of acts come before the one of an incident, which is named by its reference."""
