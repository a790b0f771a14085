"""The page of one's own account: name, password, second factor, sessions."""

from typing import TYPE_CHECKING

from fastapi import APIRouter

from tocsin.interface import PageRouter
from tocsin.node.faces import lazy_face

if TYPE_CHECKING:
    from tocsin.server.pages.account.reauthentication import Holder, Text, ask_again, is_fresh, person_of
else:
    lazy_face(__name__)

from tocsin.server.pages.account.own import add_confirm, add_own
from tocsin.server.pages.account.second_factor import add_recovery_codes, add_second_factor
from tocsin.server.pages.context import PageContext


def account_pages(desk: PageContext) -> APIRouter:
    """All of it."""
    router = PageRouter()
    add_own(router, desk)
    add_confirm(router, desk)
    add_second_factor(router, desk)
    add_recovery_codes(router, desk)
    return router
