"""Signing in and out, and asking for a new password."""

from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Request
from fastapi.responses import Response
from starlette.background import BackgroundTask

from tocsin.interface import needs
from tocsin.node.accounts import (
    HalfWay,
    Permission,
    Principal,
    SignedIn,
    SignInRefusal,
    SiteConfig,
    ask_reset,
    end_session,
    give_second_factor,
    note_session_end,
    sign_in,
)
from tocsin.server.pages.account import Text
from tocsin.server.pages.context import PageContext, own_path
from tocsin.server.pages.sign_in.browser_session import (
    Coming,
    caller_of,
    forget_session,
    let_in,
    minutes,
    refuse_foreign,
    site_config_of_page,
)
from tocsin.server.security import cookie_for


def add_sign_in(router: APIRouter, desk: PageContext) -> None:
    """The page of `/sign-in`."""

    @router.get("/sign-in")
    def ask(request: Request, visitor: Coming, next: str = "/", done: str = "") -> Response:  # noqa: A002
        """The form; whoever is signed in needs none."""
        if visitor.person is not None and not visitor.unfinished:
            return desk.go(own_path(next))
        return sign_in_page(desk, request, wanted=next, done=done)

    @router.post("/sign-in")
    def give_password(
        request: Request,
        _visitor: Coming,
        mailbox: Text = "",
        password: Text = "",
        next: Text = "/",  # noqa: A002
    ) -> Response:
        """Check mailbox and password."""
        refuse_foreign(desk, request)
        house, caller = site_config_of_page(desk, request), caller_of(request)
        found = sign_in(desk.node.database, house, mailbox, password, caller, now=desk.now)
        match found:
            case SignedIn():
                return let_in(request, found, next)
            case HalfWay():
                return _code(desk, request, token=found.token, wanted=next)
            case SignInRefusal(wait):
                wait_for = 0 if wait is None else minutes(wait)
                return sign_in_page(desk, request, wanted=next, mailbox=mailbox, wait=wait_for, wrong=not wait_for)


def add_second_step(router: APIRouter, desk: PageContext) -> None:
    """What `/sign-in/code` does: the second factor."""

    @router.post("/sign-in/code")
    def give_code(
        request: Request,
        _visitor: Coming,
        half: Text = "",
        code: Text = "",
        next: Text = "/",  # noqa: A002
    ) -> Response:
        """Check the second factor."""
        refuse_foreign(desk, request)
        house, caller = site_config_of_page(desk, request), caller_of(request)
        found = give_second_factor(desk.node.database, house, half, code, caller, now=desk.now)
        match found:
            case None:
                return sign_in_page(desk, request, wanted=next, done="late")
            case SignedIn():
                return let_in(request, found, next)
            case SignInRefusal(wait):
                wait_for = 0 if wait is None else minutes(wait)
                return _code(desk, request, token=half, wanted=next, wait=wait_for, wrong=not wait_for)


def add_leaving(router: APIRouter, desk: PageContext) -> None:
    """What `/sign-out` does, and the page of `/forgotten`."""

    @router.post("/sign-out")
    def leave(request: Request, visitor: Annotated[Principal, needs(Permission.ACCOUNT_OWN)]) -> Response:
        """End the session, here and on the node."""
        with desk.node.database.begin() as transaction:
            end_session(transaction, request.cookies.get(cookie_for(request), ""))
            note_session_end(transaction, visitor, now=desk.now)
        response = desk.go("/sign-in?done=out")
        forget_session(request, response)
        return response

    @router.get("/forgotten")
    def forgotten(request: Request, _visitor: Coming) -> Response:
        """The form that asks for a mail."""
        return desk.page(request, "sign_in/forgotten.html", asked=False)

    @router.post("/forgotten")
    def send_link(request: Request, _visitor: Coming, mailbox: Text = "") -> Response:
        """The same answer for every mailbox, before it is looked for: how long that takes says nothing either."""
        refuse_foreign(desk, request)
        house, address = site_config_of_page(desk, request), caller_of(request).address
        response = desk.page(request, "sign_in/forgotten.html", asked=True)
        response.background = BackgroundTask(_send_link, desk, house, mailbox, address)
        return response


def _send_link(desk: PageContext, house: SiteConfig, mailbox: str, address: str) -> None:
    with desk.node.database.begin() as transaction:
        ask_reset(transaction, house, mailbox, address=address, now=desk.now)


def sign_in_page(
    desk: PageContext,
    request: Request,
    *,
    wanted: str,
    mailbox: str = "",
    done: str = "",
    wait: int = 0,
    wrong: bool = False,
    unsent: Sequence[str] = (),
) -> Response:
    """The form to sign in. ``unsent``: what was typed elsewhere and is not sent, since the session had ended."""
    status = 429 if wait else 422 if wrong else 403 if unsent else 200
    response = desk.page(
        request, "sign_in/sign_in.html", status=status, wanted=own_path(wanted), mailbox=mailbox, done=done,
        wait=wait, wrong=wrong, unsent=unsent,
    )  # fmt: skip
    if wait:
        response.headers["Retry-After"] = str(wait * 60)
    return response


def _code(
    desk: PageContext, request: Request, *, token: str, wanted: str, wait: int = 0, wrong: bool = False
) -> Response:
    status = 429 if wait else 422 if wrong else 200
    context: dict[str, Any] = {"half": token, "wanted": own_path(wanted), "wait": wait, "wrong": wrong}
    return desk.page(request, "sign_in/code.html", status=status, **context)
