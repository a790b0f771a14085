"""Administration: the health of the node, its people, feeds, settings, retention, backups and machines."""

from tocsin.server.pages.admin.feeds import feed_pages
from tocsin.server.pages.admin.machines import machine_pages
from tocsin.server.pages.admin.node import node_pages
from tocsin.server.pages.admin.people import people_pages
from tocsin.server.pages.admin.retention import keeping_pages
from tocsin.server.pages.context import together

admin_pages = together(node_pages, people_pages, feed_pages, keeping_pages, machine_pages)


__all__ = ["admin_pages"]
