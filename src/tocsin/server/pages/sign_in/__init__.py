"""The pages by which people come in: signing in, invitations, forgotten passwords."""

from typing import TYPE_CHECKING

from fastapi import APIRouter

from tocsin.interface import PageRouter
from tocsin.node.faces import lazy_face

if TYPE_CHECKING:
    from tocsin.server.pages.sign_in.browser_session import (
        Coming,
        caller_of,
        let_in,
        minutes,
        refuse_foreign,
        site_config_of_page,
    )
else:
    lazy_face(__name__)

from tocsin.server.pages.context import PageContext
from tocsin.server.pages.sign_in.link_pages import add_welcome
from tocsin.server.pages.sign_in.pages import add_leaving, add_second_step, add_sign_in, sign_in_page


def sign_in_pages(desk: PageContext) -> APIRouter:
    """All of them."""
    router = PageRouter()
    add_sign_in(router, desk)
    add_second_step(router, desk)
    add_leaving(router, desk)
    add_welcome(router, desk)
    return router
