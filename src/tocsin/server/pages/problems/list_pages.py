"""The list of problems: filters in view, a page at a time, and all of them as a file through the gate."""

from typing import Annotated, Any, Final

from fastapi import APIRouter, Request
from fastapi.responses import Response

from tocsin.delivery import SEVERITIES
from tocsin.directory import team_names
from tocsin.events import vulnerability_lists
from tocsin.interface import PageRouter, needs, number_in
from tocsin.node.accounts import Permission, Principal
from tocsin.node.records import AuditAction, audit
from tocsin.pipeline.feed_files import listings
from tocsin.problems import NO_TEAM, FoundProblems, ProblemSearch, ProblemStatus, acts, problem_text
from tocsin.server.list_files import ListForm, problems_file
from tocsin.server.pages.context import PageContext
from tocsin.server.pages.events import views_of
from tocsin.server.pages.problems.query import ANY, ROWS, ProblemsQuery
from tocsin.server.pages.problems.texts import KINDS, NAMES, NOTIFICATIONS, SORTS, STATUSES
from tocsin.server.security import sent
from tocsin.sharing.visibility import labels_that_leave

Reader = Annotated[Principal, needs(Permission.EVENTS_READ, everything=True)]

DAYS: Final = {"age": (1, 7, 30, 90, 365), "seen": (1, 3, 7, 30), "due": (0, 3, 7, 14)}
"""Numbers of days that the filter offers."""

_ACTS: Final = {act.name for act in acts.ACTS}
_TEAMS: Final = 200  # that are suggested


def list_pages(desk: PageContext) -> APIRouter:
    """The page of the list."""
    router = PageRouter()

    @router.get("/problems")
    def problems(request: Request, visitor: Reader) -> Response:
        """The problems that match, in the order that is asked for; or a file of them."""
        asked = ProblemsQuery.read(request.query_params)
        form, reach = request.query_params.get("format"), visitor.reach(Permission.EVENTS_EXPORT)
        if form in list(ListForm) and reach.everything and not (asked.wrongs or asked.unknown):
            labels = labels_that_leave(desk.node, desk.node.events, reach)
            found = desk.node.problems.find(asked.search, now=desk.now, sort=asked.sort, labels=labels)
            _note_export(desk, visitor, asked, form, found.total)
            return sent(problems_file(desk.node.database, found, ListForm(form), now=desk.now))
        found = desk.node.problems.find(asked.search, now=desk.now, sort=asked.sort)
        return desk.page(
            request,
            "problems/list.html",
            status=422 if asked.wrongs or asked.unknown else 200,
            asked=asked,
            saved=request.query_params.get("done") == "view",
            views=views_of(desk, visitor, "/problems"),
            done=done_in(request.query_params.get("done", "")),
            **listed(desk, asked, found),
        )

    return router


def listed(desk: PageContext, asked: ProblemsQuery, found: FoundProblems) -> dict[str, Any]:
    """What the template of the list takes."""
    feed_names = desk.feed_names()
    first = asked.first if asked.first < found.total else 0
    rows = found.rows(first, asked.rows)
    with desk.node.database.reading() as session:
        names = team_names(session, {team for row in rows for team in row.teams})
        suggested = team_names(session, desk.node.problems.teams(desk.now, _TEAMS))
    return {
        "rows": rows,
        "found": found.total,
        "open_now": desk.node.problems.find(ProblemSearch(state=ProblemStatus.OPEN), now=desk.now).total,
        "overdue_now": desk.node.problems.find(ProblemSearch(state=ProblemStatus.OVERDUE), now=desk.now).total,
        "up_to": found.up_to,
        "made_at": None if found.standings.key == desk.node.problems.version() else found.standings.at,
        "first": first,
        "earlier": asked.path(first=max(first - asked.rows, 0)) if first else "",
        "later": asked.path(first=first + asked.rows) if first + asked.rows < found.total else "",
        "all_of_them": asked.path(format="x").removesuffix("x"),
        "names": names,
        "teams": sorted({name for _, name in suggested.values()}),
        "kinds": desk.node.problems.kinds(desk.now),
        "feeds": sorted(filter(None, desk.node.problems.feeds(desk.now)), key=lambda code: feed_names.get(code, code)),
        "feed_names": feed_names,
        "list_names": vulnerability_lists(desk.node.home),
        "listed": listings(desk.node, {cve for row in rows for cve in row.cves}),
        "statuses": STATUSES,
        "notifications": NOTIFICATIONS,
        "looks": KINDS,
        "conditions": NAMES,
        "sorts": SORTS,
        "severities": tuple(reversed(SEVERITIES)),
        "days": DAYS,
        "rows_choices": ROWS,
        "any": ANY,
        "no_team": NO_TEAM,
        "open": ProblemStatus.OPEN,
        "text_of": problem_text,
    }


def _note_export(desk: PageContext, visitor: Principal, asked: ProblemsQuery, form: str, total: int) -> None:
    """Keep in the audit log that somebody takes a file; of an address only that it was given, as for events."""
    conditions = {name: "given" if name == "address" else value for name, value in asked.search.query().items()}
    detail: dict[str, object] = {"form": form, "problems": total, "conditions": conditions}
    act, actor = AuditAction.EVENTS_EXPORTED, visitor.actor
    with desk.node.database.begin() as session:
        audit(session, act, at=desk.now, actor=actor, subject="problems", detail=detail)


def done_in(text: str) -> tuple[str, int] | None:
    """What was just done, and to how many problems."""
    act, _, number = text.partition(":")
    n = number_in(number)
    return None if n is None or act not in _ACTS else (act, n)
