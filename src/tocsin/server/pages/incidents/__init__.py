"""Incidents on pages: the list, each incident, and the forms of what is done with it."""

from tocsin.incidents import OBSERVED_AS as OBSERVED_AS
from tocsin.incidents import PARTIES as PARTIES
from tocsin.incidents import SEVERITIES as SEVERITIES
from tocsin.incidents.closing import RATINGS as RATINGS
from tocsin.interface import FormField as FormField
from tocsin.server.pages.context import together
from tocsin.server.pages.incidents.act_pages import act_pages
from tocsin.server.pages.incidents.affected_pages import affected_pages
from tocsin.server.pages.incidents.bulk_pages import bulk_pages
from tocsin.server.pages.incidents.clock_pages import clock_pages
from tocsin.server.pages.incidents.clock_words import rule_in_words as rule_in_words
from tocsin.server.pages.incidents.clock_words import time_left as time_left
from tocsin.server.pages.incidents.ending_form import ending_answers as ending_answers  # of pages of exchange too
from tocsin.server.pages.incidents.ending_form import ending_questions as ending_questions
from tocsin.server.pages.incidents.evidence_pages import evidence_pages
from tocsin.server.pages.incidents.list_pages import list_pages
from tocsin.server.pages.incidents.observable_pages import observable_pages
from tocsin.server.pages.incidents.one_pages import one_pages
from tocsin.server.pages.incidents.playbook_pages import incident_playbook_pages, playbook_pages
from tocsin.server.pages.incidents.rating_pages import rating_pages
from tocsin.server.pages.incidents.report_pages import report_pages
from tocsin.server.pages.incidents.review_pages import review_pages
from tocsin.server.pages.incidents.tabs import part_frame as part_frame
from tocsin.server.pages.incidents.takedown_pages import takedown_pages
from tocsin.server.pages.incidents.words import STATES as STATES

incidents_pages = together(
    list_pages, bulk_pages, review_pages, affected_pages, observable_pages, evidence_pages, report_pages, act_pages,
    clock_pages, rating_pages, playbook_pages, incident_playbook_pages, takedown_pages, one_pages,
)  # fmt: skip
"""All pages of incidents; those of acts come before the one of an incident, which is named by its reference."""
