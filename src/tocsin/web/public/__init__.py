"""The pages for everybody: who helps me, the directory of CSIRTs, statistics, the report form, security.txt.

They work without JavaScript and set no cookie by themselves.
"""

from fastapi import APIRouter

from tocsin.helping import HelpDesk
from tocsin.web.desk import Desk
from tocsin.web.public.directory_pages import directory_pages
from tocsin.web.public.help_pages import help_pages
from tocsin.web.public.report_pages import report_pages
from tocsin.web.public.statistics_pages import statistics_pages
from tocsin.web.public.well_known import well_known


def public_pages(desk: Desk) -> APIRouter:
    """All pages for everybody."""
    helps = HelpDesk(desk.node, desk.guide, desk.clock)
    router = APIRouter()
    for pages in (
        help_pages(desk, helps),
        directory_pages(desk, helps),
        report_pages(desk),
        statistics_pages(desk),
        well_known(desk),
    ):
        router.include_router(pages)
    return router
