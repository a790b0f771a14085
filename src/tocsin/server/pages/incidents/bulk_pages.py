"""What is done with several incidents at once: the form of an act, for all that are selected on the list."""

from typing import Annotated, Any, Final
from urllib.parse import parse_qsl

from fastapi import APIRouter, Request
from fastapi.responses import Response
from starlette.datastructures import FormData, QueryParams

from tocsin.incidents import IncidentReader, acts, find_incident, list_incidents
from tocsin.interface import Act, NotHereError, PageRouter, RefusedForm, RequestError, needs, typed_in
from tocsin.node.accounts import Permission, Principal
from tocsin.node.errors import ConflictError, NotFoundError, UsageError
from tocsin.server.pages.acts import perform
from tocsin.server.pages.context import PageContext
from tocsin.server.pages.incidents.fields import fields_of
from tocsin.server.pages.incidents.list_pages import MOST, PLACE, ROWS, IncidentsFilter
from tocsin.server.pages.words import N_, NN_
from tocsin.server.security import Form, text_of

_WORDS: Final = ("take", "assign", "classify", "rate", "mark", "wait", "close")
_ACTS: Final = {word: act for act in acts.ACTS for word in _WORDS if act.command == f"incidents {word}"}
_LONGEST: Final = 4_000
_SOME: Final = N_("%(done)s of %(n)s were changed. Not changed: %(which)s.")

_Worker = Annotated[Principal, needs(Permission.INCIDENTS_WRITE)]


def bulk_pages(desk: PageContext) -> APIRouter:
    """The form, and what it does."""
    router = PageRouter()

    @router.get(f"{PLACE}/act")
    def ask(request: Request, visitor: _Worker) -> Response:
        """What will be done with the selected incidents."""
        chosen = _chosen(desk, visitor, request.query_params)
        return _form(desk, request, _act_of(request.query_params.get("act", "")), chosen, request.query_params)

    @router.post(f"{PLACE}/act")
    def do(request: Request, visitor: _Worker, form: Form) -> Response:
        """Do it to one after the other; those that refuse it are named, and stay selected."""
        act, chosen = _act_of(text_of(form, "act")), _chosen(desk, visitor, form)
        refused: dict[str, str] = {}
        for reference in chosen:
            try:
                perform(desk, visitor, act, form, reference=reference)
            except RequestError as error:
                return _form(desk, request, act, chosen, form, wrongs=dict(error.wrongs))
            except (ConflictError, NotFoundError, UsageError) as error:
                refused[reference] = desk.words(request).translate_error(error)
        if not refused:
            return desk.go(_back(form))
        which = "; ".join(f"{reference}: {why}" for reference, why in refused.items())
        done, n = str(len(chosen) - len(refused)), str(len(chosen))
        said = desk.words(request).say(_SOME, done=done, n=n, which=which)
        return _form(desk, request, act, [*refused], form, error=said)

    return router


def _act_of(name: str) -> Act:
    if (act := _ACTS.get(name)) is None:
        raise NotHereError
    return act


def _chosen(desk: PageContext, visitor: Principal, given: FormData | QueryParams) -> list[str]:
    """The references of the selected incidents: each, or all of a page or of the filter.

    Raises:
        NotFoundError: the visitor does not know one of them.

    """
    reader, every = IncidentReader(visitor.person, desk.now), given.getlist("every")
    named = dict.fromkeys(str(one) for one in given.getlist("incident"))
    with desk.node.database.reading() as session:
        if not every:
            return [find_incident(session, reader, one).reference for one in [*named][:MOST]]
        asked = _asked(given)
        limit, after = (MOST, None) if "found" in every else (ROWS, asked.place)
        found = list_incidents(session, reader, asked.search(visitor.person), after=after, limit=limit)
        return [one.reference for one in found]


def _asked(given: FormData | QueryParams) -> IncidentsFilter:
    return IncidentsFilter(**dict(parse_qsl(str(given.get("query", ""))[:_LONGEST])))


def _back(given: FormData | QueryParams) -> str:
    asked = _asked(given)
    return asked.path(after=asked.after)


def _form(
    desk: PageContext,
    request: Request,
    act: Act,
    chosen: list[str],
    typed: FormData | QueryParams,
    *,
    wrongs: dict[str, str] | None = None,
    error: str = "",
) -> Response:
    """The form of the act, once for all; from here on each is named, so that what comes later is not meant."""
    words, refused = desk.words(request), RefusedForm(typed_in(act, FormData([*typed.multi_items()])), wrongs or {})
    with desk.node.database.reading() as session:
        fields = fields_of(desk, request, act, session, refused)
    kept = [(name, str(typed.get(name, ""))) for name in ("act", "query")]
    shown: dict[str, Any] = {
        "act": act, "fields": fields if chosen else [], "title": act.title, "button": act.button or act.title,
        "about": words.count(*NN_("%(n)s incident is selected", "%(n)s incidents are selected"), len(chosen)),
        "error": None, "said": error, "address": f"{PLACE}/act", "back": _back(typed),
        "place": words.say(N_("Incidents")), "hidden": [*kept, *(("incident", one) for one in chosen)],
        "selected": chosen, "rows": 6,
    }  # fmt: skip
    status = 409 if error else 422 if wrongs else 200
    return desk.page(request, "incidents/bulk.html", status=status, **shown)
