"""The operator's portal: the problems of the own networks, what to say of them, and the own contacts and ranges."""

from tocsin.server.pages.portal.pages import portal_pages

__all__ = ["portal_pages"]
