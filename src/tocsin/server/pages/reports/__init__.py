"""Reports that came in, where they come from, and what of them could not be read."""

from tocsin.server.pages.context import together
from tocsin.server.pages.reports.feed_pages import feed_pages
from tocsin.server.pages.reports.feed_setup_pages import feed_setup_pages
from tocsin.server.pages.reports.list_pages import list_pages
from tocsin.server.pages.reports.mend_pages import mend_pages
from tocsin.server.pages.reports.quarantine_pages import quarantine_pages
from tocsin.server.pages.reports.send_pages import send_pages
from tocsin.server.pages.reports.try_pages import try_pages

__all__ = ["reports_pages"]

reports_pages = together(feed_pages, try_pages, feed_setup_pages, send_pages, mend_pages, quarantine_pages, list_pages)
