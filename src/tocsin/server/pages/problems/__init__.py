"""Problems on pages: the list that analysts work from, each problem, and what is done with many at once."""

from typing import TYPE_CHECKING

from tocsin.node.faces import lazy_face

if TYPE_CHECKING:
    from tocsin.server.pages.problems.texts import KINDS, NAMES, NOTIFICATIONS, STATUSES, TOO_LONG, WRONGS
else:
    lazy_face(__name__)

from tocsin.server.pages.context import together
from tocsin.server.pages.problems.act_pages import act_pages
from tocsin.server.pages.problems.inbox_pages import inbox_pages
from tocsin.server.pages.problems.incident_pages import incident_pages
from tocsin.server.pages.problems.list_pages import list_pages
from tocsin.server.pages.problems.problem_pages import problem_pages

problems_pages = together(act_pages, inbox_pages, incident_pages, list_pages, problem_pages)
"""All pages of problems; those of acts stand before the one of a problem, which is named by its key."""
