"""The pages by which people come in: signing in, invitations, forgotten passwords."""

from fastapi import APIRouter

from tocsin.server.pages.desk import PageContext
from tocsin.server.pages.sign_in.doorstep import caller_of, house_of_page, let_in
from tocsin.server.pages.sign_in.pages import add_leaving, add_second_step, add_sign_in
from tocsin.server.pages.sign_in.welcome import add_welcome

__all__ = ["caller_of", "house_of_page", "let_in", "sign_in_pages"]


def sign_in_pages(desk: PageContext) -> APIRouter:
    """All of them."""
    router = APIRouter()
    add_sign_in(router, desk)
    add_second_step(router, desk)
    add_leaving(router, desk)
    add_welcome(router, desk)
    return router
