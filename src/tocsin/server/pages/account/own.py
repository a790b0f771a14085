"""The account's page: profile, password, sessions; and the question for the password before other things change."""

from datetime import timedelta
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import Response

from tocsin.interface import number_in
from tocsin.node.accounts import (
    Person,
    Principal,
    confirm,
    end_sessions,
    has_second_factor,
    hash_password,
    is_name,
    list_sessions,
    recovery_codes_left,
    set_password,
    set_profile,
    weakness,
)
from tocsin.server.pages.account.agents import agent_words
from tocsin.server.pages.account.reauthentication import Holder, Text, ask_again, is_fresh, person_of
from tocsin.server.pages.context import THEMES, PageContext, own_path
from tocsin.server.pages.sign_in import minutes, site_config_of_page


def add_own(router: APIRouter, desk: PageContext) -> None:
    """The pages of `/account`, but for the second factor."""

    @router.get("/account")
    def show(request: Request, visitor: Holder, done: str = "") -> Response:
        """All of the account."""
        return _page(desk, request, visitor, done=done)

    @router.post("/account/profile")
    def profile(request: Request, visitor: Holder, name: Text = "", language: Text = "", theme: Text = "") -> Response:
        """Keep name, language and colours."""
        name = " ".join(name.split())
        if not is_name(name):
            return _page(desk, request, visitor, wrongs={"name": "name"})
        language = language if language in desk.languages else ""
        theme = theme if theme in THEMES else ""
        with desk.node.database.begin() as transaction:
            set_profile(
                transaction, person_of(transaction, visitor), name=name, language=language, theme=theme,
                actor=visitor.actor, now=desk.now,
            )  # fmt: skip
        return desk.go("/account?done=profile")

    @router.post("/account/password")
    def password(request: Request, visitor: Holder, current: Text = "", password: Text = "") -> Response:
        """Set a new password; the current one is asked for."""
        return _new_password(desk, request, visitor, current, password)

    @router.post("/account/sessions")
    def end(visitor: Holder, session: Text = "") -> Response:
        """Sign out one other browser, or all others."""
        if not is_fresh(desk, visitor):
            return ask_again("/account")
        only = number_in(session)
        with desk.node.database.begin() as transaction:
            person = person_of(transaction, visitor)
            if session == "others" or only is not None:
                end_sessions(
                    transaction, person.id, only=only, but=visitor.session, why="by its person", actor=visitor.actor,
                    now=desk.now,
                )  # fmt: skip
        return desk.go("/account?done=sessions")


def add_confirm(router: APIRouter, desk: PageContext) -> None:
    """The page that asks for the password again."""

    @router.get("/account/confirm")
    def ask(request: Request, visitor: Holder, next: str = "/account") -> Response:  # noqa: A002
        """The form."""
        return _confirm_page(desk, request, visitor, own_path(next))

    @router.post("/account/confirm")
    def take(request: Request, visitor: Holder, password: Text = "", next: Text = "/account") -> Response:  # noqa: A002
        """Check it, and go on."""
        right = confirm(desk.node.database, site_config_of_page(desk, request), visitor.session, password, now=desk.now)
        if right is True:
            return desk.go(own_path(next))
        wait = minutes(right) if isinstance(right, timedelta) else 0
        return _confirm_page(desk, request, visitor, own_path(next), wait=wait, wrong=not wait)


def _new_password(desk: PageContext, request: Request, visitor: Principal, current: str, password: str) -> Response:
    house = site_config_of_page(desk, request)
    right = confirm(desk.node.database, house, visitor.session, current, now=desk.now)
    if right is not True:
        wait = minutes(right) if isinstance(right, timedelta) else 0
        return _page(desk, request, visitor, wrongs={"current": "wait" if wait else "current"}, wait=wait)
    about = [visitor.name, _mailbox(desk, visitor), house.name]
    if weak := weakness(password, about, leaked=house.leaked):
        return _page(desk, request, visitor, wrongs={"password": weak.value})
    kept = hash_password(password)
    with desk.node.database.begin() as transaction:
        person = person_of(transaction, visitor)
        set_password(transaction, house, person, kept, how="account", now=desk.now, but=visitor.session)
    return desk.go("/account?done=password")


def _mailbox(desk: PageContext, visitor: Principal) -> str:
    with desk.node.database.reading() as transaction:
        return person_of(transaction, visitor).mailbox


def _page(
    desk: PageContext,
    request: Request,
    visitor: Principal,
    *,
    done: str = "",
    wrongs: dict[str, str] | None = None,
    wait: int = 0,
) -> Response:
    context = _context(desk, request, visitor)
    more: dict[str, Any] = {"done": done, "wrongs": wrongs or {}, "wait": wait}
    return desk.page(request, "account/account.html", status=422 if wrongs else 200, **context, **more)


def _context(desk: PageContext, request: Request, visitor: Principal) -> dict[str, Any]:
    say = desk.words(request).say
    with desk.node.database.reading() as transaction:
        person: Person = person_of(transaction, visitor)
        sessions = [
            (row, agent_words(row.agent, say), row.secret == visitor.session)
            for row in list_sessions(transaction, person.id, now=desk.now)
        ]
        return {
            "person": person,
            "sessions": sessions,
            "second_factor": has_second_factor(transaction, person.id),
            "codes_left": recovery_codes_left(transaction, person.id),
            "needs_factor": visitor.role in site_config_of_page(desk, request).strict,
        }


def _confirm_page(
    desk: PageContext, request: Request, visitor: Principal, wanted: str, *, wait: int = 0, wrong: bool = False
) -> Response:
    with desk.node.database.reading() as transaction:
        person = person_of(transaction, visitor)
    status = 429 if wait else 422 if wrong else 200
    context: dict[str, Any] = {"person": person, "wanted": wanted, "wait": wait, "wrong": wrong}
    return desk.page(request, "account/confirm.html", status=status, **context)
