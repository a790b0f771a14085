"""Problems that a person must look at are put into the inbox: what was selected in their list, with a note."""

from typing import Annotated, Any, Final

from fastapi import APIRouter, Request
from fastapi.responses import Response
from starlette.datastructures import FormData

from tocsin.interface import PageRouter, RequestError, needs
from tocsin.node.accounts import Permission, Principal
from tocsin.pipeline import inbox_problems
from tocsin.problems import FoundProblems, problem_text
from tocsin.server.pages.acts import perform_with_undo
from tocsin.server.pages.context import PageContext
from tocsin.server.pages.problems.act_pages import Selection
from tocsin.server.security import Form, text_of

_PATH: Final = "/problems/inbox"
_SHOWN: Final = 20
_ACT: Final = inbox_problems.ACTS[0]

_Worker = Annotated[Principal, needs(Permission.INBOX_WRITE)]


def inbox_pages(desk: PageContext) -> APIRouter:
    """The page that asks for a note, and what it adds."""
    router = PageRouter()

    @router.get(_PATH)
    def ask(request: Request, _visitor: _Worker) -> Response:
        """The selected problems, and a field for what is to be looked at."""
        chosen = Selection.read(request.query_params)
        return _page(desk, request, chosen, chosen.find(desk))

    @router.post(_PATH)
    def put(request: Request, visitor: _Worker, form: Form) -> Response:
        """One report of all of them."""
        chosen = Selection.read(form)
        found = chosen.find(desk)
        if not 0 < found.total <= inbox_problems.MOST:
            return _page(desk, request, chosen, found)
        problems = tuple(problem_text(key) for key in found.keys.tolist())
        try:
            done, undo = perform_with_undo(desk, visitor, _ACT, form, problems=problems)
        except RequestError as error:
            return _page(desk, request, chosen, found, error=error, form=form)
        return desk.go(f"/reports/public/{done.reference}", undo=undo)

    return router


def _page(
    desk: PageContext,
    request: Request,
    chosen: Selection,
    found: FoundProblems,
    *,
    error: RequestError | None = None,
    form: FormData | None = None,
) -> Response:
    context: dict[str, Any] = {
        "found": found.total,
        "rows": found.rows(0, _SHOWN),
        "most": inbox_problems.MOST,
        "fields": chosen.fields(found),
        "back": chosen.back,
        "note": text_of(form, "note") if form else "",
        "wrongs": error.wrongs if error else [],
        "text_of": problem_text,
    }
    return desk.page(request, "inbox/problems.html", status=422 if error else 200, **context)
