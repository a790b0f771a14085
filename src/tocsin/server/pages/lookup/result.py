"""The contact lookup as pages of other rooms ask it."""

from tocsin.events import EventQuery
from tocsin.node.accounts import Principal
from tocsin.pipeline import search
from tocsin.pipeline.search import LATELY, ContactAnswer
from tocsin.problems.answers import OpenProblems
from tocsin.server.pages.context import PageContext
from tocsin.sharing.lookup import Subject

__all__ = ["LATELY", "look_up", "open_problems"]


def look_up(desk: PageContext, visitor: Principal, subject: Subject) -> ContactAnswer | None:
    """As `find_contact`."""
    return search.find_contact(desk.node, desk.guide, visitor, subject, now=desk.now)


def open_problems(desk: PageContext, query: EventQuery, *, team_id: int | None = None) -> OpenProblems:
    """As `tocsin.pipeline.search.open_problems`."""
    return search.open_problems(desk.node, query, now=desk.now, team_id=team_id)
