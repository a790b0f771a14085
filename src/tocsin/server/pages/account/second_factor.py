"""Setting up a second factor, switching it off, and new recovery codes."""

from typing import Any

import segno
from fastapi import APIRouter, Request
from fastapi.responses import Response
from sqlalchemy.orm import Session as Transaction

from tocsin.interface import NotHereError
from tocsin.node.accounts import (
    Person,
    Principal,
    Setup,
    has_passkey,
    has_second_factor,
    new_recovery_codes,
    new_setup,
    note_factor,
    note_proved,
    remove_second_factor,
    set_up,
)
from tocsin.server.pages.account.reauthentication import Holder, Text, ask_again, is_fresh, person_of
from tocsin.server.pages.context import PageContext
from tocsin.server.pages.sign_in import site_config_of_page

_PATH = "/account/second-factor"


def add_second_factor(router: APIRouter, desk: PageContext) -> None:
    """The pages of `/account/second-factor` and `/account/recovery-codes`."""

    @router.get(_PATH)
    def ask(request: Request, visitor: Holder) -> Response:
        """A picture for the device, and the form for its first code."""
        return _page(desk, request, visitor) if is_fresh(desk, visitor) else ask_again(_PATH)

    @router.post(_PATH)
    def take(request: Request, visitor: Holder, setup: Text = "", code: Text = "") -> Response:
        """Keep it once the device shows the right code; the recovery codes are shown, only now."""
        if not is_fresh(desk, visitor):
            return ask_again(_PATH)
        house, now = site_config_of_page(desk, request), desk.now
        with desk.node.database.begin() as transaction:
            person = person_of(transaction, visitor)
            if _has_another(transaction, visitor):
                return desk.go(_PATH)
            right = set_up(transaction, desk.tokens, person=person.id, sealed=setup, code=code, now=now)
            if right:
                codes = new_recovery_codes(transaction, person.id)
                note_proved(transaction, visitor.session, now=now, full=True)
                note_factor(transaction, house, person, "totp", "added", actor=visitor.actor, now=now)
        if not right:
            return _page(desk, request, visitor, sealed=setup, wrong=True)
        return _codes(desk, request, codes, first=True)

    @router.post(f"{_PATH}/off")
    def switch_off(request: Request, visitor: Holder) -> Response:
        """Do without; not for roles that need it."""
        house = site_config_of_page(desk, request)
        if visitor.role in house.strict:
            raise NotHereError
        if not is_fresh(desk, visitor):
            return ask_again("/account")
        with desk.node.database.begin() as transaction:
            person = person_of(transaction, visitor)
            remove_second_factor(transaction, person.id)
            note_factor(transaction, house, person, "totp", "removed", actor=visitor.actor, now=desk.now)
        return desk.go("/account?done=factor-off")


def add_recovery_codes(router: APIRouter, desk: PageContext) -> None:
    """New recovery codes in place of those from before."""

    @router.post("/account/recovery-codes")
    def renew(request: Request, visitor: Holder) -> Response:
        """Show ten new ones, only now."""
        if not is_fresh(desk, visitor):
            return ask_again("/account")
        with desk.node.database.begin() as transaction:
            person = person_of(transaction, visitor)
            if not has_second_factor(transaction, person.id):
                raise NotHereError
            codes = new_recovery_codes(transaction, person.id)
            house = site_config_of_page(desk, request)
            note_factor(transaction, house, person, "recovery", "renewed", actor=visitor.actor, now=desk.now)
        return _codes(desk, request, codes, first=False)


def _page(
    desk: PageContext, request: Request, visitor: Principal, *, sealed: str = "", wrong: bool = False
) -> Response:
    house = site_config_of_page(desk, request)
    with desk.node.database.reading() as transaction:
        person: Person = person_of(transaction, visitor)
        if has_second_factor(transaction, person.id):
            return desk.go("/account")
        if _has_another(transaction, visitor):
            return desk.page(request, "account/use_passkey.html")
    setup = new_setup(desk.tokens, person=person.id, mailbox=person.mailbox, site=house.name, sealed=sealed)
    context: dict[str, Any] = {
        "setup": setup,
        "picture": _picture(setup),
        "wrong": wrong,
        "must": visitor.role in house.strict,
    }
    return desk.page(request, "account/second_factor.html", status=422 if wrong else 200, **context)


def _has_another(transaction: Transaction, visitor: Principal) -> bool:
    """Whether the person has a second factor already: who only knows the password does not add one of their own."""
    person = person_of(transaction, visitor).id
    return has_second_factor(transaction, person) or (visitor.unfinished and has_passkey(transaction, person))


def _picture(setup: Setup) -> str:
    """A QR code as the address of an image, dark on light in both themes: scanners need that."""
    return segno.make(setup.address, error="m").svg_data_uri(scale=5, border=4, dark="#000", light="#fff")


def _codes(desk: PageContext, request: Request, codes: list[str], *, first: bool) -> Response:
    return desk.page(request, "account/recovery_codes.html", codes=codes, first=first)
