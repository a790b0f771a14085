"""How a partner's programs come in: the tokens, what each may do, and what was read by them."""

from typing import Annotated, Final

from fastapi import APIRouter, Request
from fastapi.responses import Response

from tocsin.exchange.ledger import passed_by_program
from tocsin.exchange.partners import read_partner
from tocsin.exchange.protocols import acts, partner_tokens
from tocsin.interface import NotHereError, PageRouter, RequestError, needs, number_in, texts_of
from tocsin.node.accounts import Permission, Principal
from tocsin.node.errors import NotFoundError
from tocsin.server.pages.acts import perform, perform_and_go
from tocsin.server.pages.context import PageContext
from tocsin.server.pages.exchange_words import ACCESS_WORDS
from tocsin.server.pages.words import N_
from tocsin.server.security import Form

_READER = Annotated[Principal, needs(Permission.PARTNERS_READ)]
_WRITER = Annotated[Principal, needs(Permission.PARTNERS_WRITE)]
_ACTS: Final = {act.name: act for act in acts.ACTS}


def partner_access_pages(desk: PageContext) -> APIRouter:
    """The tab of a partner, and the two forms in it."""
    router = PageRouter()

    @router.get("/partners/{partner}/access")
    def show(request: Request, _visitor: _READER, partner: str) -> Response:
        """Its tokens, and what was read by them."""
        return _page(desk, request, partner)

    @router.post("/partners/{partner}/tokens")
    def make(request: Request, visitor: _WRITER, partner: str, form: Form) -> Response:
        """Make a token; it is shown now and never again."""
        number = _number(partner)
        scopes = tuple(texts_of(form, "scopes"))
        if not scopes:
            return _page(desk, request, partner, wrong=N_("Choose what it may do."))
        try:
            done = perform(desk, visitor, _ACTS["make"], form, partner=str(number), scopes=scopes)
        except NotFoundError:
            raise NotHereError from None
        except RequestError as error:
            return _page(desk, request, partner, wrong=error.wrongs[0][1])
        return desk.page(request, "partners/token_made.html", done=done, **ACCESS_WORDS)

    @router.post("/partners/{partner}/tokens/revoke")
    def revoke(visitor: _WRITER, partner: str, form: Form) -> Response:
        """Let a token work no more."""
        number = _number(partner)
        path = f"/partners/{number}/access"
        try:
            return perform_and_go(desk, visitor, _ACTS["revoke"], form, path, partner=str(number))
        except NotFoundError:  # it is revoked already, as the page shows
            return desk.go(path)

    return router


def _page(desk: PageContext, request: Request, partner: str, *, wrong: str = "") -> Response:
    number = _number(partner)
    with desk.node.database.reading() as session:
        try:
            found = read_partner(session, str(number), desk.now).partner
        except NotFoundError:
            raise NotHereError from None
        tokens = [row for row, _ in partner_tokens(session, number)]
        passed = passed_by_program(session, number)
    return desk.page(
        request, "partners/access.html", status=422 if wrong else 200, partner=found, tokens=tokens, passed=passed,
        wrong=wrong, working=[row for row in tokens if row.revoked_at is None], url=desk.node.settings.server.url,
        **ACCESS_WORDS,
    )  # fmt: skip


def _number(partner: str) -> int:
    if (number := number_in(partner)) is None:
        raise NotHereError
    return number
