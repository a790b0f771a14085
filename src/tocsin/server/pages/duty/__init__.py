"""Duty on pages: who is on duty, the rosters, call-outs and their rules; and what a link reaches without an account."""

from tocsin.server.pages.context import together
from tocsin.server.pages.duty.act_pages import act_pages
from tocsin.server.pages.duty.link_pages import duty_link_pages as duty_link_pages  # for the public server too
from tocsin.server.pages.duty.view_pages import view_pages

duty_pages = together(view_pages, act_pages)
"""All pages of duty for the team."""
