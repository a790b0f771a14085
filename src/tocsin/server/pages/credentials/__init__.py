"""Passkeys, tokens for programs and single sign-on: the other ways in, beside a password."""

from fastapi import APIRouter

from tocsin.interface import PageRouter
from tocsin.server.pages.context import PageContext
from tocsin.server.pages.credentials.passkey_pages import add_passkeys
from tocsin.server.pages.credentials.sso_pages import add_single_sign_on
from tocsin.server.pages.credentials.token_pages import add_tokens

__all__ = ["credentials_pages"]


def credentials_pages(desk: PageContext) -> APIRouter:
    """All of them."""
    router = PageRouter()
    add_passkeys(router, desk)
    add_tokens(router, desk)
    add_single_sign_on(router, desk)
    return router
