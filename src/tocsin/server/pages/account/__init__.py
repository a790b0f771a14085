"""The page of one's own account: name, password, second factor, sessions."""

from fastapi import APIRouter

from tocsin.server.pages.account.own import add_confirm, add_own
from tocsin.server.pages.account.reauthentication import ask_again, is_fresh
from tocsin.server.pages.account.second_factor import add_recovery_codes, add_second_factor
from tocsin.server.pages.context import PageContext

__all__ = ["account_pages", "ask_again", "is_fresh"]


def account_pages(desk: PageContext) -> APIRouter:
    """All of it."""
    router = APIRouter()
    add_own(router, desk)
    add_confirm(router, desk)
    add_second_factor(router, desk)
    add_recovery_codes(router, desk)
    return router
