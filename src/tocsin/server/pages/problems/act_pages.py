"""What is done with many problems at once: a page that says what will happen, and the act itself."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Final
from urllib.parse import parse_qsl

from fastapi import APIRouter, Request
from fastapi.responses import Response
from starlette.datastructures import FormData, QueryParams

from tocsin.directory import team_names
from tocsin.interface import Act, NotHereError, PageRouter, RequestError, context_for, needs, number_in
from tocsin.node.accounts import Permission, Principal
from tocsin.node.errors import ConflictError, InputError, NotFoundError, UsageError
from tocsin.problems import NOTIFICATION_WAYS, FoundProblems, acts, notified_teams, problem_text, read_problem
from tocsin.problems.answers import NOTE_LENGTH, VERDICTS
from tocsin.server.pages.acts import perform_with_undo
from tocsin.server.pages.answer_forms import DAYS
from tocsin.server.pages.context import PageContext
from tocsin.server.pages.problems.query import ProblemsQuery
from tocsin.server.pages.words import N_
from tocsin.server.security import Form, text_of

_ACTS: Final = {act.name: act for act in acts.ACTS}
_MUTE_DAYS: Final = (7, 30, 90, 180, 365)
_LONGEST: Final = 4_000  # of the address that a form came from
_OF_TEAMS: Final = 20  # that are offered as who said something
_SHOWN: Final = 20  # problems that a page names
_OF_ONE_TEAM: Final = frozenset({"record", "record-notification"})
_PAGE, _FOUND = "page", "found"
_CHANGED: Final = N_("The selection has changed since you made it. Look at it, then do it again.")

_Steerer = Annotated[Principal, needs(Permission.DELIVERIES_STEER, everything=True)]
_Muter = Annotated[Principal, needs(Permission.DIRECTORY_WRITE, everything=True)]


@dataclass(frozen=True)
class Selection:
    """What was selected on the list: problems one by one, or all that match as they were known up to an ingest.

    ``query``: the list's; ``count``: how many these were when the page was made, None where nobody was told.
    ``to``: "problem" where it was chosen on the page of one.
    """

    problems: tuple[str, ...] = ()
    every: str = ""
    query: str = ""
    up_to: int | None = None
    count: int | None = None
    to: str = ""

    @classmethod
    def read(cls, given: FormData | QueryParams) -> "Selection":
        """From an address or a form."""
        problems, every = (tuple(str(one) for one in given.getlist(name)) for name in ("problem", "every"))
        up_to, count = (number_in(str(given.get(name, ""))) for name in ("up_to", "count"))
        chosen = _FOUND if _FOUND in every else _PAGE if _PAGE in every else ""
        to = str(given.get("to", "")) if len(problems) == 1 and not chosen else ""
        query = str(given.get("query", ""))[:_LONGEST]
        return cls(tuple(dict.fromkeys(problems)), chosen, query, up_to, count, to)

    @property
    def back(self) -> str:
        """Where it was chosen: the page of a problem, or the list."""
        return f"/problems/{self.problems[0]}" if self.to == "problem" else self.asked.path(first=self.asked.first)

    @property
    def asked(self) -> ProblemsQuery:
        """What the list was asked for."""
        return ProblemsQuery.read(QueryParams(parse_qsl(self.query)))

    def find(self, desk: PageContext) -> FoundProblems:
        """The problems; those that became known after the page was made are never among them.

        Raises:
            NotHereError: what stands in the form names no problem, or the list would have offered no selection.

        """
        if not self.every:
            try:
                keys = [read_problem(text) for text in self.problems]
            except InputError:
                raise NotHereError from None
            return desk.node.problems.among(keys, now=desk.now)
        asked = self.asked
        if asked.wrongs or asked.unknown:
            raise NotHereError
        found = desk.node.problems.find(asked.search, now=desk.now, sort=asked.sort, up_to=self.up_to)
        return found.some(asked.first, asked.rows) if self.every == _PAGE else found

    def fields(self, found: FoundProblems) -> list[tuple[str, str]]:
        """The hidden fields of the form that does it: the same selection again."""
        if not self.every:
            return [("problem", text) for text in self.problems] + ([("to", self.to)] if self.to else [])
        known = {"every": self.every, "query": self.query, "up_to": str(self.up_to or 0), "count": str(found.total)}
        return list(known.items())


def act_pages(desk: PageContext) -> APIRouter:
    """The page of each act, and the acts."""
    router = PageRouter()

    @router.get("/problems/act")
    def ask(request: Request, visitor: _Steerer) -> Response:
        """What will happen to the selected problems."""
        act = _ACTS.get(request.query_params.get("act", ""))
        if act is None or not visitor.may(act.permission):
            raise NotHereError
        return _page(desk, request, visitor, act, Selection.read(request.query_params))

    @router.post("/problems/record")
    def record(request: Request, visitor: _Steerer, form: Form) -> Response:
        """Record what a team says of them."""
        return _do(desk, request, visitor, _ACTS["record"], form)

    @router.post("/problems/record-notification")
    def record_notification(request: Request, visitor: _Steerer, form: Form) -> Response:
        """Record that a team was notified of them by telephone or post."""
        return _do(desk, request, visitor, _ACTS["record-notification"], form)

    @router.post("/problems/remind")
    def remind(request: Request, visitor: _Steerer, form: Form) -> Response:
        """Have their teams reminded."""
        return _do(desk, request, visitor, _ACTS["remind"], form)

    @router.post("/problems/mute")
    def mute(request: Request, visitor: _Muter, form: Form) -> Response:
        """Mute them for their teams."""
        return _do(desk, request, visitor, _ACTS["mute"], form)

    return router


def _do(desk: PageContext, request: Request, visitor: Principal, act: Act, form: FormData) -> Response:
    chosen = Selection.read(form)
    found = chosen.find(desk)
    if found.total > acts.MOST or (chosen.count is not None and chosen.count != found.total):
        return _page(desk, request, visitor, act, chosen, error=_CHANGED, typed=form)
    problems = tuple(problem_text(key) for key in found.keys.tolist())
    try:
        done, undo = perform_with_undo(desk, visitor, act, form, problems=problems)
    except RequestError as error:
        return _page(desk, request, visitor, act, chosen, wrongs=error.wrongs, typed=form)
    except (ConflictError, NotFoundError, UsageError) as error:
        return _page(desk, request, visitor, act, chosen, error=str(error), typed=form)
    told = f"{act.name}:{done.problems}"
    if chosen.to == "problem":
        return desk.go(f"/problems/{problems[0]}?done={told}", undo=undo)
    return desk.go(chosen.asked.path(done=told, first=chosen.asked.first), undo=undo)


def _page(
    desk: PageContext,
    request: Request,
    visitor: Principal,
    act: Act,
    chosen: Selection,
    *,
    wrongs: Sequence[tuple[str, str]] = (),
    error: str = "",
    typed: FormData | None = None,
) -> Response:
    found = chosen.find(desk)
    with desk.node.database.reading() as session:
        names = team_names(session, {team for row in found.rows(0, _SHOWN) for team in row.teams})
    return desk.page(
        request,
        "problems/act.html",
        status=409 if error else 422 if wrongs else 200,
        act=act.name,
        found=found.total,
        rows=found.rows(0, _SHOWN),
        names=names,
        most=acts.MOST,
        fields=chosen.fields(found),
        back=chosen.back,
        typed={name: text_of(typed, name) if typed else "" for name in act.request.model_fields},
        wrongs=wrongs,
        error=error,
        text_of=problem_text,
        **effect_of(desk, visitor, act, found),
    )


def effect_of(desk: PageContext, visitor: Principal, act: Act, found: FoundProblems) -> dict[str, Any]:
    """What an act would do to the problems, and what its form offers."""
    shown: dict[str, Any] = {
        "verdicts": VERDICTS,
        "days": DAYS,
        "mute_days": _MUTE_DAYS,
        "ways": NOTIFICATION_WAYS,
        "most_note": NOTE_LENGTH - 250,
    }
    if not 0 < found.total <= acts.MOST:
        return {**shown, "effects": []}
    context = context_for(desk.node, visitor, act, desk.now, desk.say)
    problems = tuple(problem_text(key) for key in found.keys.tolist())
    given: dict[str, Any] = {"problems": problems, "preview": True}
    if act.name == "record":
        with desk.node.database.reading() as session:
            teams = notified_teams(found)
            names = team_names(session, teams)
        keys = list(dict.fromkeys(names[team][0] for team in teams if team in names))
        asked = [{"team": key, "verdict": "fixed"} for key in keys[:_OF_TEAMS]]
    elif act.name == "record-notification":
        keys = _responsible(desk, found)
        asked = [{"team": key} for key in keys[:_OF_TEAMS]]
    elif act.name == "mute":
        asked = [{"by": by.value} for by in acts.MuteBy]
    else:
        asked = [{}]
    effects = [act.function(context, act.request(**given, **one)) for one in asked]
    return {**shown, "effects": [one for one in effects if act.name not in _OF_ONE_TEAM or one.problems]}


def _responsible(desk: PageContext, found: FoundProblems) -> list[str]:
    """The keys of the teams that answer for the problems, those that were not notified of most of them first."""
    counts = Counter(one.team for row in found.rows() for one in row.by_team)
    with desk.node.database.reading() as session:
        names = team_names(session, counts)
    return [names[team][0] for team, _ in counts.most_common() if team in names]
