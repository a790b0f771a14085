"""Purging by a form: what would go is named by reference, kind and time, never shown; and what went before."""

from typing import Annotated, Final

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

from tocsin.incidents import IncidentReader, subjects_for
from tocsin.interface import PageRouter, RequestError, needs
from tocsin.node.accounts import Permission, Principal
from tocsin.node.errors import ConflictError, NotFoundError, UsageError
from tocsin.node.records import newest_tombstones, purged_counts
from tocsin.operations.purge import PurgeKind
from tocsin.operations.purge_act import ACTS, foresee
from tocsin.server.pages.acts import perform
from tocsin.server.pages.context import PageContext
from tocsin.server.pages.words import N_
from tocsin.server.security import Form, text_of

KINDS: Final = {
    PurgeKind.EVENT: N_("Event"),
    PurgeKind.ROW: N_("Unreadable row"),
    PurgeKind.INGEST: N_("Report with all its events"),
    PurgeKind.UPLOAD: N_("Uploaded report with all its events"),
    PurgeKind.COLLECTED: N_("Reports that a collector refused"),
    PurgeKind.MAIL: N_("Received mail"),
    PurgeKind.INBOX: N_("Report from the public"),
    PurgeKind.DELIVERY: N_("Digest"),
    PurgeKind.LETTER: N_("Verification request"),
    PurgeKind.ANSWER: N_("Note on problems"),
    PurgeKind.COMMENT: N_("Comment"),
    PurgeKind.PARTNER_ITEM: N_("Item of a partner"),
    PurgeKind.INCIDENT: N_("Part of an incident"),
}
_ACT: Final = ACTS[0]
_LISTED: Final = 100

_Worker = Annotated[Principal, needs(Permission.CONTENT_PURGE)]


def purge_pages(desk: PageContext) -> APIRouter:
    """The list of what was purged, and the page that asks before something is."""
    router = PageRouter()

    @router.get("/purge")
    def purged(request: Request, visitor: _Worker, reference: Annotated[str, Query(max_length=100)] = "") -> Response:
        """What was purged, the newest first; or on to what somebody names."""
        if reference.strip():
            try:
                return desk.go(f"/purge/{foresee(desk.node, reference, _reader(desk, visitor)).reference}")
            except (NotFoundError, UsageError) as error:
                return _list(desk, request, visitor, reference, error=str(error), hint=error.hint)
        return _list(desk, request, visitor)

    @router.get("/purge/{reference}")
    def ask(request: Request, visitor: _Worker, reference: str) -> Response:
        """Name what would go, or what went."""
        return _one(desk, request, visitor, reference)

    @router.post("/purge/{reference}")
    def do(request: Request, visitor: _Worker, reference: str, form: Form) -> Response:
        """Purge it, or say what is wrong."""
        try:
            done = perform(desk, visitor, _ACT, form, reference=reference)
        except RequestError:
            return _one(desk, request, visitor, reference, wrong=True)
        except ConflictError as error:
            return _one(desk, request, visitor, reference, error=str(error), reason=text_of(form, "reason"))
        return desk.go(f"/purge/{done.reference}")

    return router


def _reader(desk: PageContext, visitor: Principal) -> IncidentReader:
    return IncidentReader(visitor.person, desk.now)


def _list(
    desk: PageContext, request: Request, visitor: Principal, reference: str = "", *, error: str = "", hint: str = ""
) -> Response:
    with desk.node.database.reading() as session:
        stones = newest_tombstones(session, _LISTED, subjects_for(session, _reader(desk, visitor)))
        events, rows = purged_counts(session)
    return desk.page(
        request, "purge/list.html", status=422 if error else 200, stones=stones, events=events, rows=rows, kinds=KINDS,
        reference=reference, error=error, hint=hint,
    )  # fmt: skip


def _one(
    desk: PageContext,
    request: Request,
    visitor: Principal,
    reference: str,
    *,
    wrong: bool = False,
    error: str = "",
    reason: str = "",
) -> Response:
    one = foresee(desk.node, reference, _reader(desk, visitor))
    status = 409 if error else 422 if wrong else 200
    return desk.page(
        request, "purge/one.html", status=status, one=one, kinds=KINDS, wrong=wrong, error=error, reason=reason
    )
