"""Passkeys of the own account, and signing in with one. Browsers make and use them by ``static/passkeys.js``."""

from typing import Annotated, Any

from fastapi import APIRouter, Form, Request
from fastapi.responses import Response

from tocsin.interface import NotHereError, Number
from tocsin.node.accounts import (
    Principal,
    Site,
    ask_new,
    ask_sign_in,
    has_passkey,
    keep_new,
    list_passkeys,
    note_proved,
    remove_passkey,
    sign_in_with_passkey,
    site_of,
)
from tocsin.node.errors import InputError
from tocsin.server.pages.account import Holder, Text, ask_again, is_fresh, person_of
from tocsin.server.pages.context import PageContext
from tocsin.server.pages.sign_in import Coming, caller_of, let_in, refuse_foreign, site_config_of_page

_PATH = "/account/passkeys"


def add_passkeys(router: APIRouter, desk: PageContext) -> None:
    """The pages of `/account/passkeys` and `/sign-in/passkey`."""
    desk.template_values["passkeys_work"] = lambda request: _site_there(desk, request) is not None
    _add_own(router, desk)
    _add_sign_in(router, desk)


def _add_own(router: APIRouter, desk: PageContext) -> None:
    @router.get(_PATH)
    def show(request: Request, visitor: Holder, done: str = "") -> Response:
        """The passkeys of the account, and the form for another."""
        return _page(desk, request, visitor, done=done)

    @router.get(f"{_PATH}/options")
    def options(request: Request, visitor: Holder) -> Response:
        """What the browser needs to make one."""
        site = _site(desk, request)
        if not is_fresh(desk, visitor):
            raise NotHereError
        with desk.node.database.reading() as transaction:
            person = person_of(transaction, visitor)
            _refuse_half_signed_in(visitor, known=has_passkey(transaction, person.id))
            asked = ask_new(transaction, site_config_of_page(desk, request), site, person, now=desk.now)
        return Response(asked, media_type="application/json")

    @router.post(_PATH)
    def keep(request: Request, visitor: Holder, answer: Text = "", name: Text = "") -> Response:
        """Keep what the browser made."""
        site, house, now = _site(desk, request), site_config_of_page(desk, request), desk.now
        if not is_fresh(desk, visitor):
            return ask_again(_PATH)
        name = name.strip() or desk.words(request).say("Passkey")
        try:
            with desk.node.database.begin() as transaction:
                person = person_of(transaction, visitor)
                _refuse_half_signed_in(visitor, known=has_passkey(transaction, person.id))
                keep_new(transaction, house, site, person, answer, name=name, now=now)
                note_proved(transaction, visitor.session, now=now, full=True)
        except InputError:
            return _page(desk, request, visitor, wrong=True)
        return desk.go(f"{_PATH}?done=added")

    @router.post(f"{_PATH}/remove")
    def remove(request: Request, visitor: Holder, passkey: Annotated[Number, Form()]) -> Response:
        """Forget one."""
        if visitor.unfinished:
            raise NotHereError
        if not is_fresh(desk, visitor):
            return ask_again(_PATH)
        with desk.node.database.begin() as transaction:
            person = person_of(transaction, visitor)
            remove_passkey(transaction, site_config_of_page(desk, request), person, passkey, now=desk.now)
        return desk.go(f"{_PATH}?done=removed")


def _add_sign_in(router: APIRouter, desk: PageContext) -> None:
    @router.get("/sign-in/passkey/options")
    def options(request: Request, _visitor: Coming) -> Response:
        """What the browser needs to use one."""
        asked = ask_sign_in(site_config_of_page(desk, request), _site(desk, request), now=desk.now)
        return Response(asked, media_type="application/json")

    @router.post("/sign-in/passkey")
    def use(request: Request, _visitor: Coming, answer: Text = "", next: Text = "/") -> Response:  # noqa: A002
        """Sign in."""
        refuse_foreign(desk, request)
        house, site, caller = site_config_of_page(desk, request), _site(desk, request), caller_of(request)
        signed = sign_in_with_passkey(desk.node.database, house, site, answer, caller, now=desk.now)
        if signed is None:
            return desk.page(request, "sign_in/no_passkey.html", status=422)
        return let_in(request, signed, next)


def _site_there(desk: PageContext, request: Request) -> Site | None:
    """The site that passkeys are bound to: as the settings say, or where the pages are tried out on this machine."""
    url, here = desk.node.settings.server.url, request.url
    return site_of(url or (f"{here.scheme}://{here.netloc}" if here.hostname == "localhost" else ""))


def _site(desk: PageContext, request: Request) -> Site:
    site = _site_there(desk, request)
    if site is None:
        raise NotHereError
    return site


def _refuse_half_signed_in(visitor: Principal, *, known: bool) -> None:
    """Whoever has a passkey and must give two factors gives it: the password alone does not add another one."""
    if visitor.unfinished and known:
        raise NotHereError


def _page(desk: PageContext, request: Request, visitor: Principal, *, done: str = "", wrong: bool = False) -> Response:
    with desk.node.database.reading() as transaction:
        person = person_of(transaction, visitor)
        rows = list_passkeys(transaction, person.id)
    possible = _site_there(desk, request) is not None
    context: dict[str, Any] = {
        "passkeys": rows,
        "done": done,
        "wrong": wrong,
        "possible": possible,
        "fresh": is_fresh(desk, visitor),
    }
    return desk.page(request, "account/passkeys_page.html", status=422 if wrong else 200, **context)
