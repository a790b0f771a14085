"""What is done with several reports at once: a page that says what will happen, and the act itself."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Any, Final
from urllib.parse import parse_qsl

from fastapi import APIRouter, Request
from fastapi.responses import Response
from starlette.datastructures import FormData, QueryParams

from tocsin.incidents import IncidentReader, open_incidents
from tocsin.incidents.arrivals import (
    REASONS,
    STATES,
    TEAM_KINDS,
    PublicReport,
    find_report,
    hints_of,
    matching_reports,
    triage_acts,
)
from tocsin.interface import Act, NotHereError, PageRouter, RequestError, needs, number_in
from tocsin.node.accounts import Permission, Principal
from tocsin.node.errors import ConflictError, NotFoundError, UsageError
from tocsin.server.pages.acts import perform_with_undo
from tocsin.server.pages.context import PageContext
from tocsin.server.pages.inbox.list_pages import PLACE, ROWS, InboxFilter, teams_named
from tocsin.server.pages.words import N_
from tocsin.server.security import Form, text_of

_ACTS: Final = {act.name: act for act in triage_acts.ACTS if act.page == f"{PLACE}/act"}
_SHOWN: Final = 20  # reports that a page names
_LONGEST: Final = 4_000  # of the address that a form came from
_CHANGED: Final = N_("The selection has changed since you made it. Look at it, then do it again.")

_Worker = Annotated[Principal, needs(Permission.INBOX_WRITE)]


@dataclass(frozen=True)
class InboxSelection:
    """What was selected on the list: reports one by one, or all that match and had come when it was made.

    ``every``: ``page`` or ``found``. ``count``: how many these were; None where nobody was told.
    """

    references: tuple[str, ...] = ()
    every: str = ""
    query: str = ""
    up_to: int | None = None
    count: int | None = None

    @classmethod
    def read(cls, given: FormData | QueryParams) -> "InboxSelection":
        """From an address or a form."""
        references = dict.fromkeys(str(one) for one in given.getlist("report"))
        every = next((one for one in ("found", "page") if one in given.getlist("every")), "")
        up_to, count = (number_in(str(given.get(name, ""))) for name in ("up_to", "count"))
        query = str(given.get("query", ""))[:_LONGEST]
        return cls(tuple(references), every, query, up_to, count)

    @property
    def back(self) -> str:
        """Where it was made: the page of a report, or the list."""
        if len(self.references) == 1 and not self.every and not self.query:
            return f"{PLACE}/{self.references[0]}"
        return self.asked.path(before=self.asked.before)

    @property
    def asked(self) -> InboxFilter:
        """What the list was asked for."""
        return InboxFilter(**dict(parse_qsl(self.query)))

    def find(self, desk: PageContext, visitor: Principal) -> list[PublicReport]:
        """The reports, at most one more than can be changed at once.

        Raises:
            NotFoundError: the visitor knows one of them not.

        """
        reader = IncidentReader(visitor.person, desk.now)
        with desk.node.database.reading() as session:
            if not self.every:
                return [find_report(session, reader, one) for one in self.references[: triage_acts.MOST + 1]]
            wanted = self.asked.wanted(visitor, self.up_to)
            if self.every == "page":
                wanted = replace(wanted, before=number_in(self.asked.before))
            return matching_reports(session, reader, wanted, ROWS if self.every == "page" else triage_acts.MOST + 1)

    def fields(self, found: int) -> list[tuple[str, str]]:
        """The hidden fields of the form that does it: the same selection again."""
        if not self.every:
            return [*(("report", one) for one in self.references), ("query", self.query)]
        known = {"every": self.every, "query": self.query, "up_to": str(self.up_to or 0), "count": str(found)}
        return list(known.items())


def triage_pages(desk: PageContext) -> APIRouter:
    """The page of each act, and the acts."""
    router = PageRouter()

    @router.get(PLACE + "/act")
    def ask(request: Request, visitor: _Worker) -> Response:
        """What will happen to the selected reports."""
        act = _act_of(visitor, request.query_params.get("act", ""))
        return _page(desk, request, visitor, act, InboxSelection.read(request.query_params))

    @router.post(PLACE + "/act")
    def do(request: Request, visitor: _Worker, form: Form) -> Response:
        """Do it, or say what is wrong."""
        act, chosen = _act_of(visitor, text_of(form, "act")), InboxSelection.read(form)
        found = chosen.find(desk, visitor)
        if not 0 < len(found) <= triage_acts.MOST or (chosen.count is not None and chosen.count != len(found)):
            return _page(desk, request, visitor, act, chosen, error=_CHANGED, typed=form)
        references = tuple(one.reference for one in found)
        try:
            done, undo = perform_with_undo(desk, visitor, act, form, reference=references)
        except RequestError as error:
            return _page(desk, request, visitor, act, chosen, wrongs=error.wrongs, typed=form)
        except (ConflictError, NotFoundError, UsageError) as error:
            said = desk.words(request).translate_error(error)
            return _page(desk, request, visitor, act, chosen, error=said, typed=form)
        path = f"/incidents/{done[0].incident}" if act.name == "open-incident" else chosen.back
        return desk.go(path, undo=undo)

    return router


def _act_of(visitor: Principal, name: str) -> Act:
    act = _ACTS.get(name)
    if act is None or not visitor.may(act.permission):
        raise NotHereError
    return act


def _page(
    desk: PageContext,
    request: Request,
    visitor: Principal,
    act: Act,
    chosen: InboxSelection,
    *,
    wrongs: Sequence[tuple[str, str]] = (),
    error: str = "",
    typed: FormData | None = None,
) -> Response:
    found = chosen.find(desk, visitor)
    with desk.node.database.reading() as session:
        hints = hints_of(session, IncidentReader(visitor.person, desk.now), [one.id for one in found[:_SHOWN]])
        incidents = open_incidents(session, IncidentReader(visitor.person, desk.now)) if act.name == "put" else []
    given = typed if typed is not None else request.query_params
    context: dict[str, Any] = {
        "act": act.name,
        "found": found,
        "shown": found[:_SHOWN],
        "most": triage_acts.MOST,
        "fields": chosen.fields(len(found)),
        "back": chosen.back,
        "typed": {name: str(given.get(name, "")) for name in act.request.model_fields},
        "candidates": {one.reference: one for hint in hints.values() for one in hint.candidates},
        "incidents": incidents,
        "title_of": triage_acts.title_of,
        "error": error,
        "wrongs": wrongs,
        **_offered(desk, visitor, act, hints),
    }
    words: dict[str, Any] = {"kinds": TEAM_KINDS, "states": STATES, "reasons": REASONS}
    return desk.page(request, "inbox/act.html", status=409 if error else 422 if wrongs else 200, **context, **words)


def _offered(desk: PageContext, visitor: Principal, act: Act, hints: dict[int, Any]) -> dict[str, Any]:
    """Of a hand-over: the teams, those of the networks first, and a text to begin with."""
    if act.name != "hand-over":
        return {}
    near = {team.key: team for found in teams_named(desk, visitor, hints.values()).values() for team in found}
    others = sorted(desk.teams().values(), key=lambda team: team.name)
    teams = {**near, **{team.key: team for team in others if team.mailboxes}}
    return {"teams": teams, "near": near}
