"""What was selected in the list of problems is attached to an incident: these, or the filter that they match."""

from typing import Annotated, Any, Final
from urllib.parse import urlencode

from fastapi import APIRouter, Request
from fastapi.responses import Response
from starlette.datastructures import FormData

from tocsin.incidents import IncidentReader, open_incidents
from tocsin.incidents.arrivals import form_word, ticket_of
from tocsin.incidents.populations import acts
from tocsin.interface import PageRouter, RequestError, needs
from tocsin.node.accounts import Permission, Principal
from tocsin.node.errors import ConflictError, InputError, NotFoundError, TocsinError, UsageError
from tocsin.problems import problem_text
from tocsin.server.pages.acts import perform_with_undo
from tocsin.server.pages.context import PageContext
from tocsin.server.pages.problems.act_pages import Selection
from tocsin.server.pages.words import N_
from tocsin.server.security import Form, text_of

_PATH: Final = "/problems/incident"
_SHOWN: Final = 20
_FOUND: Final = "found"
_ACT: Final = acts.ACTS[0]
_EXPIRED: Final = N_("This form is too old. Send it again.")
_NAMELESS: Final = N_("Write the reference of an incident.")

_Worker = Annotated[Principal, needs(Permission.INCIDENTS_WRITE)]


def incident_pages(desk: PageContext) -> APIRouter:
    """The page that asks for the incident, and what it adds."""
    router = PageRouter()

    @router.get(_PATH)
    def ask(request: Request, visitor: _Worker) -> Response:
        """The selected problems, and a field for the incident."""
        return _page(desk, request, visitor, Selection.read(request.query_params))

    @router.post(_PATH)
    def attach(request: Request, visitor: _Worker, form: Form) -> Response:
        """Attach them."""
        chosen = Selection.read(form)
        ticket = ticket_of(text_of(form, "made"), desk.tokens, desk.now)
        if ticket is None:
            return _page(desk, request, visitor, chosen, form=form, error=UsageError(_EXPIRED))
        try:
            given = {"once": ticket.act, **_choice(desk, chosen, live=bool(text_of(form, "live")))}
            done, undo = perform_with_undo(desk, visitor, _ACT, form, **given)
        except RequestError:
            return _page(desk, request, visitor, chosen, form=form, error=UsageError(_NAMELESS))
        except (ConflictError, InputError, NotFoundError, UsageError) as error:
            return _page(desk, request, visitor, chosen, form=form, error=error)
        return desk.go(f"/incidents/{done.reference}/affected", undo=undo)

    return router


def _choice(desk: PageContext, chosen: Selection, *, live: bool) -> dict[str, Any]:
    """The problems or the filter, as the act takes them."""
    if chosen.every != _FOUND:
        return {"problems": tuple(problem_text(key) for key in chosen.find(desk).keys.tolist())}
    return {"matching": urlencode(chosen.asked.search.query()), "freeze": not live}


def _page(
    desk: PageContext,
    request: Request,
    visitor: Principal,
    chosen: Selection,
    *,
    form: FormData | None = None,
    error: TocsinError | None = None,
) -> Response:
    found = chosen.find(desk)
    with desk.node.database.reading() as session:
        others = open_incidents(session, IncidentReader(visitor.person, desk.now))
    return desk.page(
        request, "incidents/attach.html", status=409 if error else 200, found=found.total,
        rows=found.rows(0, _SHOWN), fields=chosen.fields(found), back=chosen.back, error=error, others=others,
        reference=text_of(form, "reference") if form else "", may_grow=chosen.every == _FOUND,
        live=bool(text_of(form, "live")) if form else True, text_of=problem_text, made=form_word(desk.tokens, desk.now),
    )  # fmt: skip
