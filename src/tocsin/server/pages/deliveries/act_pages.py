"""What a person does to mails, one or several at once; it is done at once, and can be undone for a while."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Annotated, Final
from urllib.parse import parse_qsl

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response
from pydantic import BaseModel
from sqlalchemy.orm import Session
from starlette.datastructures import FormData

from tocsin.delivery import Delivery, MailState, acts, find_digests, find_letters, find_mail, held_digests, held_letters
from tocsin.directory import team_names
from tocsin.interface import Act, NotHereError, PageRouter, RequestError, needs
from tocsin.node.accounts import Permission, Principal
from tocsin.node.errors import ConflictError, TocsinError
from tocsin.node.letters import Letter
from tocsin.server.pages.acts import perform_and_go
from tocsin.server.pages.context import PageContext, own_path
from tocsin.server.pages.deliveries.list_pages import MOST, Filters, read_filters
from tocsin.server.pages.deliveries.mail_copies import MailView, copies
from tocsin.server.pages.deliveries.states import STATES, acts_of
from tocsin.server.security import Form, text_of, texts_of

_Steerer = Annotated[Principal, needs(Permission.DELIVERIES_STEER, everything=True)]
_IN_VIEW: Final = 5  # mails whose text is shown before they are released
_ACTS: Final = {act.name: act for act in acts.ACTS if act.noun == "delivery"}

Mails = Sequence[Delivery | Letter]


class MailActQuery(BaseModel):
    """An act on some mails. ``every``: ``held`` for all that are held."""

    act: str = ""
    reference: tuple[str, ...] = ()
    every: str = ""


def act_pages(desk: PageContext) -> APIRouter:
    """What is done to mails, and the page that asks where a reason is needed or something does not fit."""
    router = PageRouter()

    @router.get("/deliveries/act")
    def ask(request: Request, _visitor: _Steerer, asked: Annotated[MailActQuery, Query()]) -> Response:
        """Name what would be done to which mails."""
        act = _known(asked.act)
        with desk.node.database.reading() as session:
            mails = _held(session) if asked.every == "held" else _named(session, asked.reference)
        return _page(desk, request, act, mails)

    @router.post("/deliveries/act")
    def do(request: Request, visitor: _Steerer, form: Form) -> Response:
        """Do it to all of them, or to none where one of them is not as it was."""
        act, reason = _known(text_of(form, "act")), text_of(form, "reason")
        with desk.node.database.reading() as session:
            mails = _chosen(session, act, form)
        if not mails or (_needs_reason(act) and "reason" not in form):
            return _page(desk, request, act, mails, wrong="" if mails else "none")
        references = tuple(one.reference for one in mails)
        try:
            return perform_and_go(desk, visitor, act, form, _after(form), reference=references)
        except RequestError:
            return _page(desk, request, act, mails, wrong="reason", reason=reason)
        except ConflictError as error:
            return _page(desk, request, act, mails, wrong="conflict", error=str(error), reason=reason)

    return router


def _after(form: FormData) -> Callable[[Sequence[MailState]], str]:
    """Where a person goes on: to the one mail, or to the list, as it was narrowed."""
    letters, narrowed = text_of(form, "list") == "letters", text_of(form, "filter")
    path = "/deliveries/letters" if letters else "/deliveries"
    listed = f"{path}?{narrowed}" if narrowed else path
    return lambda done: f"/deliveries/{done[0].reference}" if len(done) == 1 else own_path(listed)


def _known(name: str) -> Act:
    if name not in _ACTS:
        raise NotHereError
    return _ACTS[name]


def _needs_reason(act: Act) -> bool:
    return "reason" in act.request.model_fields and act.request.model_fields["reason"].is_required()


def _chosen(session: Session, act: Act, form: FormData) -> Mails:
    """Those that are selected; of a page, or of all that match, those that allow the act."""
    every = texts_of(form, "every")
    if "found" in every:
        narrowed = Filters(
            **{name: of for name, of in parse_qsl(text_of(form, "filter")) if name in Filters.model_fields}
        )
        find = find_letters if text_of(form, "list") == "letters" else find_digests
        found: Mails = find(session, read_filters(session, narrowed, None), limit=MOST)
    elif "page" in every:
        found = _named(session, texts_of(form, "shown"))
    else:
        return _named(session, texts_of(form, "reference"))
    return [one for one in found if act.name in acts_of(one)]


def _held(session: Session) -> Mails:
    found: list[Delivery | Letter] = [*held_digests(session), *held_letters(session)]
    return found[:MOST]


def _named(session: Session, references: Sequence[str]) -> Mails:
    return [find_mail(session, reference) for reference in dict.fromkeys(references[:MOST])]


def _page(
    desk: PageContext, request: Request, act: Act, mails: Mails, *, wrong: str = "", error: str = "", reason: str = ""
) -> Response:
    with desk.node.database.reading() as session:
        names = team_names(session, {one.team_id for one in mails if isinstance(one, Delivery)})
    fitting = [one for one in mails if act.name in acts_of(one)]
    views = _views(desk, fitting)
    return desk.page(
        request,
        "deliveries/act.html",
        status=409 if wrong == "conflict" else 422 if wrong else 200,
        act=act.name,
        mails=[(one, _whom(one, names)) for one in fitting],
        others=[one for one in mails if one not in fitting],
        views=views,
        states=STATES,
        reasoned="reason" in act.request.model_fields,
        wrong=wrong,
        error=error,
        reason=reason,
    )


def _views(desk: PageContext, mails: Mails) -> dict[str, MailView]:
    """The first of these mails as they would leave now, by reference, as far as they can be made."""
    found: dict[str, MailView] = {}
    for one in mails[:_IN_VIEW]:
        with suppress(TocsinError):
            read = next((copy.read for copy in copies(desk.node, one)), None)
            found |= {one.reference: read} if read else {}
    return found


def _whom(one: Delivery | Letter, names: dict[int, tuple[str, str]]) -> str:
    return names.get(one.team_id, ("", ""))[1] if isinstance(one, Delivery) else one.mailbox
