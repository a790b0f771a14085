"""The contact lookup as pages of other rooms ask it."""

from tocsin.node.accounts import Principal
from tocsin.pipeline import search
from tocsin.pipeline.search import ContactAnswer
from tocsin.server.pages.context import PageContext
from tocsin.sharing.lookup import Subject


def look_up(desk: PageContext, visitor: Principal, subject: Subject) -> ContactAnswer | None:
    """As `find_contact`."""
    return search.find_contact(desk.node, desk.guide, visitor, subject, now=desk.now)
