"""On what basis a report came, the consents and orders for it, and the forms that record them."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Annotated, Any, Final

from fastapi import APIRouter, Request
from fastapi.responses import Response
from starlette.datastructures import FormData

from tocsin.incidents import IncidentReader
from tocsin.incidents.arrivals import (
    BASES,
    GROUNDS,
    SCOPES,
    ReleaseScope,
    basis_acts,
    find_report,
    releases_of,
    unreleased,
)
from tocsin.interface import PageRouter, RequestError, needs, visitor_of
from tocsin.node.accounts import Permission, Principal, names_of
from tocsin.node.errors import TocsinError, UsageError
from tocsin.server.pages.acts import perform_and_go
from tocsin.server.pages.context import PageContext
from tocsin.server.pages.inbox import PLACE
from tocsin.server.security import Form, text_of

_ACTS: Final = {str(act.page).rpartition("/")[2]: act for act in basis_acts.ACTS}
_FIELDS: Final = ("basis", "basis_act", "reason", "scope", "given_by", "means", "given_at", "release")

_Reader = Annotated[Principal, needs(Permission.INBOX_READ)]
_Worker = Annotated[Principal, needs(Permission.INBOX_WRITE)]


def basis_pages(desk: PageContext) -> APIRouter:
    """The page, and what its forms do."""
    router = PageRouter()

    @router.get(PLACE + "/{reference}/basis")
    def show(request: Request, visitor: _Reader, reference: str) -> Response:
        """The basis of a report, and what was recorded."""
        return _page(desk, request, visitor, reference)

    for end in _ACTS:
        router.post(f"{PLACE}/{{reference}}/{end}")(_doing(desk, end))
    return router


def _doing(desk: PageContext, end: str) -> Callable[..., Response]:
    def do(request: Request, _visitor: _Worker, reference: str, form: Form) -> Response:
        visitor, path = visitor_of(request), f"{PLACE}/{reference}/basis"
        try:
            return perform_and_go(desk, visitor, _ACTS[end], form, path, reference=reference)
        except RequestError as error:
            return _page(desk, request, visitor, reference, end=end, form=form, wrongs=dict(error.wrongs))
        except UsageError as error:
            return _page(desk, request, visitor, reference, end=end, form=form, error=error)

    return do


def _page(
    desk: PageContext,
    request: Request,
    visitor: Principal,
    reference: str,
    *,
    end: str = "",
    form: FormData | None = None,
    wrongs: Mapping[str, str] = MappingProxyType({}),
    error: TocsinError | None = None,
) -> Response:
    """``end``: the form that was refused, with what was typed into it."""
    words = desk.words(request)
    with desk.node.database.reading() as session:
        report = find_report(session, IncidentReader(visitor.person, desk.now), reference)
        releases = releases_of(session, [report])
        context: dict[str, Any] = {
            "report": report,
            "releases": releases,
            "names": names_of(session, (one.recorded_by for one in releases)),
            "held": ", ".join(
                words.say(SCOPES[scope])
                for scope in (ReleaseScope.AUTHORITY, ReleaseScope.POLICE)
                if unreleased(session, [report], scope)
            ),
        }
    typed = {name: text_of(form, name) for name in _FIELDS} if form is not None else {}
    known = {"basis": report.basis, "basis_act": report.basis_act}
    return desk.page(
        request, "notices/basis.html", status=409 if error else 422 if wrongs else 200, end=end,
        typed={one: {**known, **(typed if one == end else {})} for one in _ACTS}, error=error,
        wrongs={one: {k: words.say(v) for k, v in wrongs.items()} if one == end else {} for one in _ACTS},
        bases=BASES, grounds=GROUNDS, scopes=SCOPES, path=f"{PLACE}/{report.reference}",
        **context,
    )  # fmt: skip
