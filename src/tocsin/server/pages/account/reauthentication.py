"""Before a credential changes: it is a person at a browser, who proved lately who they are (ASVS 5, 7.5.1)."""

from typing import Annotated, TypeAlias
from urllib.parse import quote

from fastapi import Form
from fastapi.responses import Response
from sqlalchemy.orm import Session as Transaction

from tocsin.interface import NotHereError, needs
from tocsin.node.accounts import Permission, Person, Principal, is_proved
from tocsin.server.pages.context import PageContext

Holder: TypeAlias = Annotated[Principal, needs(Permission.ACCOUNT_OWN)]
"""Whoever has an account."""

Text: TypeAlias = Annotated[str, Form()]
"""A field of a form."""


def person_of(transaction: Transaction, visitor: Principal) -> Person:
    """The person at the browser.

    Raises:
        NotHereError: it is a program with an API token, which has no account of its own.

    """
    if not visitor.session or visitor.person is None:
        raise NotHereError
    return transaction.get_one(Person, visitor.person)


def is_fresh(desk: PageContext, visitor: Principal) -> bool:
    """Whether the visitor gave a credential in the last minutes."""
    with desk.node.database.reading() as transaction:
        return bool(visitor.session) and is_proved(transaction, visitor.session, now=desk.now)


def ask_again(path: str) -> Response:
    """Lead to where the password is asked for again, and on to ``path``."""
    return PageContext.go(f"/account/confirm?next={quote(path, safe='')}")
