"""What a person does to mails: one or several at once, first shown by name, then done."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Final

from fastapi import APIRouter, Form, Query, Request
from fastapi.responses import Response
from pydantic import BaseModel
from sqlalchemy.orm import Session

from tocsin.delivery import (
    Delivery,
    drop,
    find_mail,
    held_digests,
    held_letters,
    hold,
    release,
    retry,
    send_again,
)
from tocsin.directory import team_names
from tocsin.node.accounts import Permission, Principal
from tocsin.node.errors import ConflictError
from tocsin.node.letters import Letter
from tocsin.server.pages.deliveries.states import STATES, acts_of
from tocsin.server.pages.desk import PageContext
from tocsin.server.security import NotHereError, needs

_Steerer = Annotated[Principal, needs(Permission.DELIVERIES_STEER, everything=True)]
_MOST: Final = 500
_REASONED: Final = {"drop", "hold"}
_ACTS: Final = ("release", "hold", "drop", "retry", "repeat")

Mails = Sequence[Delivery | Letter]


class MailActQuery(BaseModel):
    """An act on some mails. ``every``: ``held`` for all that are held."""

    act: str = ""
    reference: tuple[str, ...] = ()
    every: str = ""


def act_pages(desk: PageContext) -> APIRouter:
    """The page that asks, and what is done then."""
    router = APIRouter()

    @router.get("/deliveries/act")
    def ask(request: Request, _visitor: _Steerer, asked: Annotated[MailActQuery, Query()]) -> Response:
        """Name what would be done to which mails."""
        _known(asked.act)
        with desk.node.database.reading() as session:
            mails = _held(session) if asked.every == "held" else _named(session, asked.reference)
        return _page(desk, request, asked.act, mails)

    @router.post("/deliveries/act")
    def do(
        request: Request,
        visitor: _Steerer,
        act: Annotated[str, Form()],
        reference: Annotated[list[str], Form()],
        reason: Annotated[str, Form()] = "",
    ) -> Response:
        """Do it to all of them, or to none where one of them is not as it was."""
        _known(act)
        reason = " ".join(reason.split())[:500]
        with desk.node.database.reading() as session:
            mails = _named(session, reference)
        if act == "drop" and not reason:
            return _page(desk, request, act, mails, wrong="reason")
        try:
            with desk.node.database.begin() as session:
                made = _do(desk, session, MailOrder(act, reference, reason, visitor.actor))
        except ConflictError as error:
            return _page(desk, request, act, mails, wrong="conflict", error=str(error), reason=reason)
        where = made if len(made) == 1 else reference
        return desk.go(f"/deliveries/{where[0]}" if len(where) == 1 else "/deliveries")

    return router


def _known(act: str) -> None:
    if act not in _ACTS:
        raise NotHereError


@dataclass(frozen=True)
class MailOrder:
    """What a person ordered, why, and who it is as the audit log has it."""

    act: str
    references: Sequence[str]
    reason: str
    actor: str


def _do(desk: PageContext, session: Session, order: MailOrder) -> list[str]:
    """Do it; the references of digests that were made by it."""
    mails, actor, reason, now = _named(session, order.references), order.actor, order.reason, desk.now
    if order.act == "release":
        release(session, mails, actor=actor, now=now)
        return []
    if order.act == "repeat":
        domain = desk.node.settings.node.contact.rpartition("@")[2]
        return [send_again(session, one, actor=actor, domain=domain, now=now).reference for one in mails]
    each: dict[str, Callable[[Delivery | Letter], object]] = {
        "hold": lambda one: hold(session, one, reason=reason, actor=actor, now=now),
        "drop": lambda one: drop(session, one, reason=reason, actor=actor, now=now),
        "retry": lambda one: retry(session, one.reference, now, actor=actor),
    }
    for one in mails:
        each[order.act](one)
    return []


def _held(session: Session) -> Mails:
    found: list[Delivery | Letter] = [*held_digests(session), *held_letters(session)]
    return found[:_MOST]


def _named(session: Session, references: Sequence[str]) -> Mails:
    return [find_mail(session, reference) for reference in dict.fromkeys(references[:_MOST])]


def _page(
    desk: PageContext, request: Request, act: str, mails: Mails, *, wrong: str = "", error: str = "", reason: str = ""
) -> Response:
    with desk.node.database.reading() as session:
        names = team_names(session, {one.team_id for one in mails if isinstance(one, Delivery)})
    fitting = [one for one in mails if act in acts_of(one)]
    return desk.page(
        request,
        "deliveries/act.html",
        status=409 if wrong == "conflict" else 422 if wrong else 200,
        act=act,
        mails=[(one, _whom(one, names)) for one in fitting],
        others=[one for one in mails if one not in fitting],
        states=STATES,
        reasoned=act in _REASONED,
        wrong=wrong,
        error=error,
        reason=reason,
    )


def _whom(one: Delivery | Letter, names: dict[int, tuple[str, str]]) -> str:
    return names.get(one.team_id, ("", ""))[1] if isinstance(one, Delivery) else one.mailbox
