"""What is done with an incident: a form for each act, made from its request; what was typed stays if it is refused."""

from collections.abc import Callable, Mapping
from typing import Annotated, Any, Final

from fastapi import APIRouter, Request
from fastapi.responses import Response
from starlette.datastructures import FormData

from tocsin.incidents import (
    IncidentAddition,
    IncidentEntryKind,
    IncidentReader,
    acts,
    changed_since,
    find_incident,
    last_entry,
    merged_family,
)
from tocsin.incidents.arrivals import form_word, ticket_of
from tocsin.interface import Act, NotHereError, PageRouter, RequestError, names_in, needs, number_in, visitor_of
from tocsin.node.accounts import Permission, Principal
from tocsin.node.errors import ConflictError, InputError, NotFoundError, TocsinError, UsageError
from tocsin.server.pages.acts import perform_with_undo
from tocsin.server.pages.context import PageContext
from tocsin.server.pages.form_version import CHANGED
from tocsin.server.pages.incidents.fields import fields_of
from tocsin.server.pages.incidents.list_pages import PLACE
from tocsin.server.pages.words import N_
from tocsin.server.security import Form, text_of

_ACTS: Final = {act.operation: act for act in acts.ACTS}
_OPEN, _ENTER = _ACTS["openIncident"], _ACTS["letMeInIncident"]
_BELOW: Final = {
    act.page.removeprefix(f"{PLACE}/{{reference}}/"): act for act in acts.ACTS if "{reference}" in act.page
}
"""The acts on an incident, by the end of their address."""

_EXPIRED: Final = N_("This form is too old. Send it again.")
_COLUMNS: Final = {"title": "title", "rsit_type": "rsit_type", "severity": "severity", "tlp": "tlp", "lead": "lead"}
_SAME: Final[Mapping[str, IncidentEntryKind]] = {
    **dict.fromkeys(("rename", "classify", "rate", "mark"), IncidentEntryKind.CHANGE),
    **dict.fromkeys(("take", "leave", "assign"), IncidentEntryKind.LEAD),
    **dict.fromkeys(("wait", "close", "reject", "reopen"), IncidentEntryKind.STATE),
    **dict.fromkeys(("merge", "unmerge"), IncidentEntryKind.MERGE),
    **dict.fromkeys(("restrict", "unrestrict", "let-in", "take-out"), IncidentEntryKind.ACCESS),
}
"""What others may have changed since the page of a form was made, by the command that changes the same."""

_Worker = Annotated[Principal, needs(Permission.INCIDENTS_WRITE)]
_Entrant = Annotated[Principal, needs(Permission.INCIDENTS_ENTER)]


def act_pages(desk: PageContext) -> APIRouter:
    """The forms, and what they do."""
    router = PageRouter()

    @router.get(f"{PLACE}/new")
    def new(request: Request, visitor: _Worker) -> Response:
        """The form of a new incident."""
        return _form(desk, request, _OPEN, visitor, given={"lead": "true"})

    @router.post(f"{PLACE}/new")
    def open_new(request: Request, visitor: _Worker, form: Form) -> Response:
        """Open it."""
        return _do(desk, request, visitor, _OPEN, form)

    @router.get(f"{PLACE}/access")
    def enter(request: Request, visitor: _Entrant) -> Response:
        """The form by which somebody gains access to a restricted incident."""
        return _form(desk, request, _ENTER, visitor, given={})

    @router.post(f"{PLACE}/access")
    def entered(request: Request, visitor: _Entrant, form: Form) -> Response:
        """Gain access; the lead and the managers are written to."""
        return _do(desk, request, visitor, _ENTER, form)

    @router.get(PLACE + "/{reference}/act")
    def ask(request: Request, visitor: _Worker, reference: str, act: str = "") -> Response:
        """The form of an act on an incident."""
        if (found := _BELOW.get(act)) is None or names_in(found.page) != ["reference"]:
            found, named = _of_part(act)
        else:
            named = {}
        return _form(desk, request, found, visitor, given=_now(desk, visitor, reference), reference=reference, **named)

    for end, act in _BELOW.items():
        router.post(f"{PLACE}/{{reference}}/{end}")(_doing(desk, act))
    return router


def _of_part(end: str) -> tuple[Act, dict[str, str]]:
    """The act on a part of an incident, such as ``tasks/7/done``, and which part."""
    kind, _, rest = end.partition("/")
    number, _, word = rest.partition("/")
    for shape, act in _BELOW.items():
        if number_in(number) and shape.startswith(f"{kind}/{{") and shape.endswith(f"}}/{word}"):
            return act, {names_in(act.page)[1]: number}
    raise NotHereError


def _doing(desk: PageContext, act: Act) -> Callable[..., Response]:
    """What a form does; the parts that its address names come with it."""

    def do(request: Request, _visitor: _Worker, reference: str, form: Form) -> Response:
        parts = {name: request.path_params[name] for name in names_in(act.page)[1:]}
        return _do(desk, request, visitor_of(request), act, form, reference=reference, **parts)

    return do


def _do(desk: PageContext, request: Request, visitor: Principal, act: Act, form: FormData, **named: str) -> Response:
    given: dict[str, Any] = {**named}
    if issubclass(act.request, IncidentAddition) or act is _OPEN:
        ticket = ticket_of(text_of(form, "made"), desk.tokens, desk.now)
        if ticket is None:
            return _form(desk, request, act, visitor, given={}, typed=form, error=UsageError(_EXPIRED), **named)
        given["once"] = ticket.act
    if named and _is_stale(desk, visitor, act, named["reference"], text_of(form, "seen")):
        return _form(desk, request, act, visitor, given={}, typed=form, error=ConflictError(CHANGED), **named)
    try:
        done, undo = perform_with_undo(desk, visitor, act, form, **given)
    except RequestError as error:
        return _form(desk, request, act, visitor, given={}, typed=form, wrongs=dict(error.wrongs), **named)
    except (ConflictError, InputError, NotFoundError, UsageError) as error:
        return _form(desk, request, act, visitor, given={}, typed=form, error=error, **named)
    return desk.go(f"{PLACE}/{done.reference}", undo=undo)


def _is_stale(desk: PageContext, visitor: Principal, act: Act, reference: str, seen: str) -> bool:
    """Whether somebody else changed the same meanwhile; a form that does not say when it was made is not stale.

    Raises:
        NotFoundError: there is no such incident for this visitor.

    """
    reader = IncidentReader(visitor.person, desk.now)
    with desk.node.database.reading() as session:
        incident = find_incident(session, reader, reference)
        kind, known = _SAME.get(str(act.command).removeprefix("incidents ")), number_in(seen)
        if kind is None or known is None:
            return False
        family = merged_family(session, reader, incident)
        return changed_since(session, reader, family, seen=known, kind=kind, but=visitor.actor)


def _now(desk: PageContext, visitor: Principal, reference: str) -> dict[str, Any]:
    """What the fields of a form say at first: how the incident is."""
    with desk.node.database.reading() as session:
        incident = find_incident(session, IncidentReader(visitor.person, desk.now), reference)
        return {name: getattr(incident, column) or "" for name, column in _COLUMNS.items()}


def _form(
    desk: PageContext,
    request: Request,
    act: Act,
    visitor: Principal,
    *,
    given: Mapping[str, Any],
    typed: FormData | None = None,
    wrongs: Mapping[str, str] | None = None,
    error: TocsinError | None = None,
    reference: str = "",
    **parts: str,
) -> Response:
    """The form of an act, with what was typed and why it was not done."""
    words, reader = desk.words(request), IncidentReader(visitor.person, desk.now)
    texts = {name: typed.getlist(name) if name in _SEVERAL else text_of(typed, name) for name in typed} if typed else {}
    with desk.node.database.reading() as session:
        incident = find_incident(session, reader, reference) if reference else None
        family = merged_family(session, reader, incident) if incident else []
        fields = fields_of(act, words, session, given=given, typed=texts, wrongs=wrongs or {})
        seen = last_entry(session, reader, family)
    address = act.page.format(reference=incident.reference if incident else "", **parts)
    return desk.page(
        request, "incidents/act.html", status=409 if error else 422 if wrongs else 200, act=act, incident=incident,
        fields=fields, address=address, seen=seen, made=form_word(desk.tokens, desk.now), error=error,
        reference=text_of(typed, "reference") if typed else "",
        entry=request.query_params.get("entry", "") or (text_of(typed, "entry") if typed else ""),
        back=f"{PLACE}/{incident.reference}" if incident else PLACE,
    )  # fmt: skip


_SEVERAL: Final = {"persons", "only"}
