"""Out to the OpenID provider and back."""

from urllib.parse import quote, unquote

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response

from tocsin.node.accounts import (
    PATIENCE,
    HalfWay,
    NoEntry,
    Provider,
    SignedIn,
    begin_sso,
    finish_sso,
    sign_in_from_elsewhere,
)
from tocsin.node.errors import RemoteError
from tocsin.node.settings import read_secret
from tocsin.server.pages.answer_forms import from_own_page
from tocsin.server.pages.context import PageContext, own_path
from tocsin.server.pages.sign_in import Coming, caller_of, let_in, site_config_of_page
from tocsin.server.security import cookie_for, drop_cookie, keep_cookie

_BACK = "/sign-in/elsewhere/back"
_COOKIE = "tocsin_elsewhere"
_APART = "~"  # between what is kept and where somebody wanted to go
_LONGEST_PATH = 1000


def add_single_sign_on(router: APIRouter, desk: PageContext) -> None:
    """The pages of `/sign-in/elsewhere`; they are there only where a provider is set up."""
    settings = desk.node.settings.single_sign_on
    desk.template_values["single_sign_on"] = ""  # the name of the provider, where one is set up
    if not settings.issuer or not desk.node.settings.server.url:
        return
    secret = read_secret(settings.client_secret_file, setting="single_sign_on.client_secret_file")
    provider = Provider(settings.issuer, settings.client_id, secret)
    desk.template_values["single_sign_on"] = settings.name
    back = f"{desk.node.settings.server.url}{_BACK}"

    @router.get("/sign-in/elsewhere")
    def send(request: Request, _visitor: Coming, next: str = "/") -> Response:  # noqa: A002
        """Send somebody there who wants it: a page elsewhere cannot sign its visitors in (ASVS 5, 7.6.2)."""
        if not from_own_page(request, desk.node.settings.server.url):
            return desk.go(f"/sign-in?next={quote(own_path(next), safe='')}")
        try:
            errand = begin_sso(site_config_of_page(desk, request), provider, back=back, now=desk.now)
        except RemoteError as error:
            return _nothing(desk, request, "failed", error)
        response = RedirectResponse(errand.address, status_code=303)
        wanted = own_path(next)[:_LONGEST_PATH]
        kept, seconds = f"{errand.kept}{_APART}{quote(wanted)}", int(PATIENCE.total_seconds())
        keep_cookie(request, response, _COOKIE, kept, seconds=seconds)
        return response

    @router.get(_BACK)
    def take(request: Request, _visitor: Coming, code: str = "", state: str = "", iss: str = "") -> Response:
        """Let in whoever comes back."""
        if not code or (iss and iss != provider.issuer):  # RFC 9207
            return _nothing(desk, request, "refused")
        kept, _, wanted = request.cookies.get(cookie_for(request, _COOKIE), "").partition(_APART)
        house, now = site_config_of_page(desk, request), desk.now
        try:
            claims = finish_sso(house, provider, code=code, state=state, kept=kept, back=back, now=now)
        except RemoteError as error:
            return _nothing(desk, request, "failed", error)
        if isinstance(claims, NoEntry):
            return _nothing(desk, request, claims.value)
        found = sign_in_from_elsewhere(
            desk.node.database, house, provider.issuer, claims, caller_of(request), state=state,
            domains=settings.domains, two_factors=settings.two_factors, now=now,
        )  # fmt: skip
        return _answer(desk, request, found, own_path(unquote(wanted) or "/"))


def _answer(desk: PageContext, request: Request, found: SignedIn | HalfWay | NoEntry, wanted: str) -> Response:
    match found:
        case SignedIn():
            response = let_in(request, found, wanted)
        case HalfWay(token):
            response = desk.page(request, "sign_in/code.html", wait=0, wrong=False, half=token, wanted=wanted)
        case NoEntry():
            response = _nothing(desk, request, found.value)
    drop_cookie(request, response, _COOKIE)
    return response


def _nothing(desk: PageContext, request: Request, why: str, error: RemoteError | None = None) -> Response:
    if error is not None:
        from logging import getLogger

        getLogger("uvicorn.error").warning("%s", error.line)
    return desk.page(request, "sign_in/no_elsewhere.html", status=502 if error else 403, why=why)
