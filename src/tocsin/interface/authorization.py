"""The guard of each route: the act it needs, asked of `tocsin.node.accounts.permissions` before anything else happens.

A visitor who may not do it learns nothing: the answer is the same as for a thing that does not exist. A route names
its act by ``visitor: Annotated[Visitor, needs(Act.…)]``; one without fails a test.
"""

import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from logging import getLogger
from typing import Any

from fastapi import Depends, Request

from tocsin.node.accounts import NOBODY, OPEN, Permission, Principal
from tocsin.node.errors import TocsinError
from tocsin.node.tokens import Tokens
from tocsin.node.trace import refuse

_SAFE = {"GET", "HEAD", "OPTIONS"}
_FIELD = "csrf"
_PURPOSE = "csrf"
_MOST_UNSENT = 200_000  # bytes of a form whose text is shown again
_BACK = "back_to"  # of a form: the page that it stands on
_FORMS = {"application/x-www-form-urlencoded", "multipart/form-data"}
_NEVER_SHOWN = {_FIELD, _BACK, "made", "password", "current", "code", "secret"}


class SignInError(Exception):
    """Nobody is signed in, and this needs somebody.

    ``page``: where the form that was sent stands, as it says; ``unsent``: what was typed there, of more than one word.
    """

    def __init__(self, page: str = "", unsent: Sequence[str] = ()) -> None:
        super().__init__(page)
        self.page, self.unsent = page, unsent


class SecondFactorError(Exception):
    """The role of who is signed in needs a second factor, and there is none yet."""


class NotHereError(Exception):
    """The thing is not there, or not for this visitor: which of the two, nobody learns."""


class WrongFormError(Exception):
    """The form was not made by a page of this visit."""


@dataclass(frozen=True)
class Needs:
    """A dependency that gives the visitor who may do ``act``; ``everything``: to all things, not to own ones only."""

    act: Permission
    everything: bool = False

    async def __call__(self, request: Request) -> Principal:
        """The visitor.

        Raises:
            SignInError: nobody is signed in.
            SecondFactorError: somebody is, but must set up a second factor first.
            NotHereError: this visitor may not.
            WrongFormError: a form that changes something does not carry the word of this visit.

        """
        visitor = visitor_of(request)
        reach = visitor.reach(self.act)
        if not (reach.everything if self.everything else reach):
            _note(request, visitor, f"may not {self.act}")
            refuse(f"may not {self.act}")
            raise await _refusal(request, visitor)
        if request.method not in _SAFE and visitor.session and self.act not in OPEN:
            await _check_form(request, visitor)
        request.state.act = self.act
        return visitor


def needs(act: Permission, *, everything: bool = False) -> Any:
    """The mark of a route's visitor, to stand in its ``Annotated``: the act that the route needs.

    ``everything``: it is for those only who may do the act to all things, not for whom it is to the own ones.
    """
    return Depends(Needs(act, everything))


def visitor_of(request: Request) -> Principal:
    """Who asks.

    Raises:
        TocsinError: it could not be read. Whoever asks again, as the page for failures does, meets nobody.
    """
    visitor: Principal | TocsinError = request.state.visitor
    if isinstance(visitor, TocsinError):
        request.state.visitor = NOBODY
        raise visitor
    return visitor


def form_word(tokens: Tokens, visitor: Principal) -> str:
    """What a form of this visit carries in its field ``csrf``; empty where nobody is signed in."""
    return tokens.make(_PURPOSE, visitor.session) if visitor.session else ""


async def _refusal(request: Request, visitor: Principal) -> Exception:
    if visitor.person is None:
        return await _unsent(request)
    return SecondFactorError() if visitor.unfinished else NotHereError()


async def _unsent(request: Request) -> SignInError:
    """What becomes of a form whose session ended: where it stands, and what is worth copying from it."""
    length, kind = (request.headers.get(name, "") for name in ("content-length", "content-type"))
    is_form = kind.partition(";")[0].strip().lower() in _FORMS
    if request.method in _SAFE or not is_form or not length.isdecimal() or int(length) > _MOST_UNSENT:
        return SignInError()
    async with request.form() as form:  # closes its files at the end
        typed = [(name, text.strip()) for name, text in form.multi_items() if isinstance(text, str)]
    unsent = [text for name, text in typed if name not in _NEVER_SHOWN and len(text.split()) > 1]
    return SignInError(str(form.get(_BACK, "")), unsent)


async def _check_form(request: Request, visitor: Principal) -> None:
    # A page of another site cannot read the word, so cannot send it (OWASP: synchronizer token).
    given: object = request.headers.get("x-csrf-token")
    if not given:
        form = await request.form()
        request.state.back_to, given = form.get(_BACK, ""), form.get(_FIELD)
    right = form_word(request.app.state.tokens, visitor)
    if not isinstance(given, str) or not hmac.compare_digest(given.encode(), right.encode()):
        _note(request, visitor, "sent a form without the word of this visit")
        raise WrongFormError


def _note(request: Request, visitor: Principal, what: str) -> None:
    """Say in the log of the server what somebody tried who is signed in (OWASP ASVS 16.3.2, 16.3.3).

    The route is named as it is written, so that nothing typed comes into the log.
    """
    if visitor.person is not None:
        where = getattr(request.scope.get("route"), "path", "")
        getLogger("tocsin.server.security").warning("%s %s: %s %s.", request.method, where, visitor.actor, what)
