"""What a browser brings when it comes in, and what it is given."""

from datetime import timedelta
from math import ceil
from typing import Annotated, Final, TypeAlias

from fastapi import Request
from fastapi.responses import Response

from tocsin.interface import NotHereError, needs
from tocsin.node.accounts import Caller, Permission, Principal, SignedIn, SiteConfig, site_config_of
from tocsin.server.pages.answer_forms import from_own_page
from tocsin.server.pages.context import PageContext, own_path
from tocsin.server.security import COOKIE, address_of, cookie_for, drop_cookie, keep_cookie

Coming: TypeAlias = Annotated[Principal, needs(Permission.SIGN_IN)]
"""Whoever asks for a page by which one comes in."""

_KNOWN: Final = "tocsin_known"
_DAY = 24 * 3600  # seconds
_SESSION_DAYS, _KNOWN_DAYS = 7, 365


def site_config_of_page(desk: PageContext, request: Request) -> SiteConfig:
    """The node as accounts know it; it writes in the language of the page."""
    return site_config_of(desk.node.settings, desk.tokens, desk.words(request).say)


def caller_of(request: Request) -> Caller:
    """The browser that asks."""
    return Caller(
        address_of(request),
        agent=request.headers.get("user-agent", ""),
        known=request.cookies.get(cookie_for(request, _KNOWN), ""),
        session=request.cookies.get(cookie_for(request), ""),
    )


def let_in(request: Request, signed: SignedIn, wanted: str) -> Response:
    """Lead somebody who signed in to where they wanted to go, with the cookies of their session."""
    response = PageContext.go("/account/second-factor" if signed.limited else own_path(wanted))
    keep_cookie(request, response, COOKIE, signed.secret, seconds=_SESSION_DAYS * _DAY)
    remember(request, response, signed.known)
    return response


def remember(request: Request, response: Response, known: str) -> None:
    """Let the browser keep to which accounts it is known."""
    keep_cookie(request, response, _KNOWN, known, seconds=_KNOWN_DAYS * _DAY)


def forget_session(request: Request, response: Response) -> None:
    """Let the browser drop its session."""
    drop_cookie(request, response)
    response.headers["Clear-Site-Data"] = '"cache", "storage"'  # not cookies: to this account the browser stays known


def refuse_foreign(desk: PageContext, request: Request) -> None:
    """Stop a form that a page of another site sent: nobody is signed in to another's account unawares.

    Raises:
        NotHereError: it is one.

    """
    if not from_own_page(request, desk.node.settings.server.url, names_origin=True):
        raise NotHereError


def minutes(wait: timedelta) -> int:
    """A time to wait, in whole minutes."""
    return max(ceil(wait.total_seconds() / 60), 1)
