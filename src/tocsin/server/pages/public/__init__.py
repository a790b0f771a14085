"""The pages for everybody: help, find a team, the directory, statistics, reports, a child in danger, security.txt.

They work without JavaScript and set no cookie by themselves.
"""

from fastapi import APIRouter

from tocsin.server.pages.context import PageContext, join_routers
from tocsin.server.pages.public.child_pages import child_pages
from tocsin.server.pages.public.directory_pages import directory_pages
from tocsin.server.pages.public.exchange_inbox import exchange_inbox_pages
from tocsin.server.pages.public.find_pages import find_pages
from tocsin.server.pages.public.help_pages import help_pages
from tocsin.server.pages.public.report_pages import report_pages
from tocsin.server.pages.public.statistics_pages import statistics_pages
from tocsin.server.pages.public.well_known import well_known
from tocsin.sharing.public_lookup import PublicLookup


def public_pages(desk: PageContext) -> APIRouter:
    """All pages for everybody."""
    helps = PublicLookup(desk.node, desk.guide, desk.clock)
    return join_routers(
        help_pages(desk, helps),
        find_pages(desk, helps),
        directory_pages(desk, helps),
        child_pages(desk, helps),
        report_pages(desk, helps),
        statistics_pages(desk),
        well_known(desk),
        exchange_inbox_pages(desk),
    )
