"""The operator's portal: the problems of the own networks and their status, and the own contacts and networks."""

from tocsin.server.pages.portal.context import PortalContext
from tocsin.server.pages.portal.fix_page import FixPage
from tocsin.server.pages.portal.pages import portal_pages

__all__ = ["FixPage", "PortalContext", "portal_pages"]
