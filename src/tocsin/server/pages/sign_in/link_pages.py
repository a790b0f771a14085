"""Where a link leads that makes an account or sets a new password; opening it changes nothing."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Request
from fastapi.responses import Response

from tocsin.interface import needs
from tocsin.node.accounts import (
    LinkKind,
    Permission,
    Person,
    Principal,
    SignedIn,
    WelcomeLink,
    enter,
    hash_password,
    is_name,
    join,
    known_accounts,
    open_link,
    plain_mailbox,
    set_password,
    use_link,
    weakness,
)
from tocsin.node.errors import ConflictError, InputError
from tocsin.node.records import cut
from tocsin.server.pages.account import Text
from tocsin.server.pages.context import PageContext
from tocsin.server.pages.sign_in.browser_session import caller_of, let_in, refuse_foreign, remember, site_config_of_page

Holder = Annotated[Principal, needs(Permission.LINK_USE)]


@dataclass(frozen=True)
class WelcomeForm:
    """What was typed into the form, without the password."""

    name: str = ""
    mailbox: str = ""


def add_welcome(router: APIRouter, desk: PageContext) -> None:
    """The pages of `/welcome/TOKEN`."""

    @router.get("/welcome/{token}")
    def show(request: Request, _visitor: Holder, token: str) -> Response:
        """The form of the link, or the one page for links that do not work."""
        link = _link(desk, request, token)
        return _nothing(desk, request) if link is None else _page(desk, request, token, link, WelcomeForm())

    @router.post("/welcome/{token}")
    def take(
        request: Request, _visitor: Holder, token: str, name: Text = "", mailbox: Text = "", password: Text = ""
    ) -> Response:
        """Make the account, or set the password."""
        refuse_foreign(desk, request)
        link = _link(desk, request, token)
        if link is None:
            return _nothing(desk, request)
        typed = WelcomeForm(" ".join(name.split()), mailbox)
        leaked = site_config_of_page(desk, request).leaked
        if wrongs := _wrongs(link, typed, password, _about(desk, link, typed), leaked):
            return _page(desk, request, token, link, typed, wrongs=wrongs)
        kept = hash_password(password)
        if link.kind == LinkKind.RESET:
            return _reset(desk, request, link, kept)
        return _join(desk, request, link, typed, kept)


def _link(desk: PageContext, request: Request, token: str) -> WelcomeLink | None:
    with desk.node.database.reading() as transaction:
        return open_link(transaction, site_config_of_page(desk, request), token, now=desk.now)


def _about(desk: PageContext, link: WelcomeLink, typed: WelcomeForm) -> list[str]:
    """What somebody who guesses the password would begin with."""
    with desk.node.database.reading() as transaction:
        person = transaction.get(Person, link.person_id) if link.person_id else None
        own = [person.name, person.mailbox] if person else [typed.name, typed.mailbox, link.mailbox]
    return [*own, desk.node.settings.node.name]


def _wrongs(
    link: WelcomeLink, typed: WelcomeForm, password: str, about: list[str], leaked: Path | None
) -> dict[str, str]:
    """What is wrong, by field; the page has the words."""
    wrongs = {}
    if link.kind != LinkKind.RESET and not is_name(typed.name):
        wrongs["name"] = "name"
    if link.kind == LinkKind.FIRST:
        try:
            plain_mailbox(typed.mailbox)
        except InputError:
            wrongs["mailbox"] = "mailbox"
    if weak := weakness(password, about, leaked=leaked):
        wrongs["password"] = weak.value
    return wrongs


def _join(desk: PageContext, request: Request, link: WelcomeLink, typed: WelcomeForm, kept: str) -> Response:
    house, caller, now = site_config_of_page(desk, request), caller_of(request), desk.now
    language = desk.words(request).language
    try:
        with desk.node.database.begin() as transaction:
            person = join(
                transaction, link, name=typed.name, mailbox=typed.mailbox, password=kept, language=language, now=now
            )
            signed: SignedIn = enter(transaction, house, person, caller, now=now, how="link", strong=False)
            cut("accounts.joining")
    except ConflictError:
        return _nothing(desk, request)
    cut("accounts.joined")
    return let_in(request, signed, "/")


def _reset(desk: PageContext, request: Request, link: WelcomeLink, kept: str) -> Response:
    """Set the password; then one signs in with it, and with the second factor where there is one."""
    house = site_config_of_page(desk, request)
    with desk.node.database.begin() as transaction:
        person = transaction.get(Person, link.person_id)
        if person is None or not use_link(transaction, link, now=desk.now):
            return _nothing(desk, request)
        set_password(transaction, house, person, kept, how="link", now=desk.now)
        known = known_accounts(house, person.id, caller_of(request))
    response = desk.go("/sign-in?done=password")
    remember(request, response, known)
    return response


def _page(
    desk: PageContext,
    request: Request,
    token: str,
    link: WelcomeLink,
    typed: WelcomeForm,
    *,
    wrongs: dict[str, str] | None = None,
) -> Response:
    context: dict[str, Any] = {"link": link, "token": token, "typed": typed, "wrongs": wrongs or {}}
    return desk.page(request, "sign_in/welcome.html", status=422 if wrongs else 200, **context)


def _nothing(desk: PageContext, request: Request) -> Response:
    return desk.page(request, "sign_in/no_link.html", status=404)
