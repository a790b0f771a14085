"""Agreements: the list with the report on what exchanges rest, one of them, and the forms of their acts."""

from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Annotated, Any, Final
from urllib.parse import quote
from uuid import UUID

from fastapi import APIRouter, Request
from fastapi.responses import Response
from sqlalchemy import select
from sqlalchemy.orm import Session
from starlette.datastructures import UploadFile

from tocsin.exchange.agreements import (
    AgreementState,
    ListedAgreement,
    agreement_file,
    find_agreement,
    left_out,
    list_agreements,
    read_editions,
    signatures_of,
)
from tocsin.exchange.ledger import agreement_acts, held_by_former, share_by_type
from tocsin.exchange.partners import Partner, list_partners
from tocsin.interface import NotHereError, Number, PageRouter, RequestError, needs
from tocsin.node.accounts import Permission, Principal, names_of_actors
from tocsin.node.errors import ConflictError, InputError, NotFoundError, TocsinError, UsageError
from tocsin.node.records import node_uuid
from tocsin.server.pages.acts import perform_and_go
from tocsin.server.pages.context import PageContext
from tocsin.server.pages.exchange_words import AGREEMENT_WORDS
from tocsin.server.security import Form, text_of

_PLACE: Final = "/agreements"
_READER = Annotated[Principal, needs(Permission.PARTNERS_READ)]
_WRITER = Annotated[Principal, needs(Permission.PARTNERS_WRITE)]
_ACTS: Final = {act.name: act for act in agreement_acts.ACTS}
_LARGEST: Final = 4_000_001  # bytes of a file that are read: one more than an agreement may have
_WRONG: Final = (ConflictError, InputError, NotFoundError, UsageError)
_DAYS: Final = 365
_FIELDS: Final = ("title", "type", "parties", "others", "text", "rules", "until", "follows")


def agreement_pages(desk: PageContext) -> APIRouter:
    """The list, an agreement, and what is done with it."""
    router = PageRouter()

    @router.get(_PLACE)
    def listed(request: Request, _visitor: _READER) -> Response:
        """All agreements, and on what exchanges rest."""
        return _list(desk, request)

    @router.get(_PLACE + "/new")
    def ask(request: Request, _visitor: _WRITER, follows: int | None = None) -> Response:
        """The form of a new one, or of a further edition."""
        return _form(desk, request, _given(desk, follows) if follows else {})

    @router.post(_PLACE + "/new")
    def draft(request: Request, visitor: _WRITER, form: Form) -> Response:
        """Draft it, or say what is wrong."""
        try:
            return perform_and_go(desk, visitor, _ACTS["draft"], form, _after)
        except RequestError as error:
            return _form(desk, request, _typed(form), error.wrongs)
        except _WRONG as error:
            return _form(desk, request, _typed(form), error=error)

    @router.post(_PLACE + "/import")
    def import_(request: Request, visitor: _WRITER, form: Form) -> Response:
        """Read the file of an agreement, or a signature."""
        sent = form.get("file")
        content = sent.file.read(_LARGEST) if isinstance(sent, UploadFile) else b""
        try:
            return perform_and_go(desk, visitor, _ACTS["import"], form, _after, content=content)
        except RequestError as error:
            return _list(desk, request, UsageError(error.wrongs[0][1]))
        except _WRONG as error:
            return _list(desk, request, error)

    _add_edition(router, desk)
    for name, end in _DONE.items():
        _add_act(router, desk, name, end)
    return router


def _add_edition(router: PageRouter, desk: PageContext) -> None:
    @router.get(_PLACE + "/{agreement}")
    def show(request: Request, _visitor: _READER, agreement: Number) -> Response:
        """An edition: what it says, who has signed it, and what can be done."""
        return _one(desk, request, agreement)

    @router.get(_PLACE + "/{agreement}/file")
    def file(_visitor: _READER, agreement: Number) -> Response:
        """The bytes that parties sign, with all signatures."""
        with desk.node.database.reading() as session:
            row = find_agreement(session, _find(desk, session, agreement).row.id)
            name, content = f"{row.title[:80]}-{row.edition}.zip", agreement_file(session, row)
        headers = {"Content-Disposition": f"attachment; filename*=utf-8''{quote(name, safe='')}"}
        return Response(content, media_type="application/zip", headers=headers)


_DONE: Final = {
    "sign": "sign", "send": "send", "adopt": "adopt", "refuse": "refuse", "remove": "remove-party", "leave": "leave",
}  # fmt: skip
"""The acts on an edition, each with the end of its address."""


def _add_act(router: PageRouter, desk: PageContext, name: str, end: str) -> None:
    @router.post(f"{_PLACE}/{{agreement}}/{end}")
    def do(request: Request, visitor: _WRITER, agreement: Number, form: Form) -> Response:
        """Do it, or say why not."""
        with desk.node.database.reading() as session:
            _find(desk, session, agreement)
        try:
            return perform_and_go(desk, visitor, _ACTS[name], form, _after, agreement=agreement)
        except RequestError as error:
            return _one(desk, request, agreement, UsageError(error.wrongs[0][1]))
        except _WRONG as error:
            return _one(desk, request, agreement, error)


def _after(done: Any) -> str:
    return f"{_PLACE}/{done.agreement}"


def _list(desk: PageContext, request: Request, error: TocsinError | None = None) -> Response:
    us = node_uuid(desk.node.database)
    with desk.node.database.reading() as session:
        found = list_agreements(session, us, desk.now)
        shares = share_by_type(session, desk.now - timedelta(days=_DAYS), desk.now)
    waiting = sum(one.state in {AgreementState.TO_SIGN, AgreementState.TO_ADOPT} for one in found)
    return desk.page(
        request, "agreements/list.html", status=409 if error else 200, rows=found, shares=shares, waiting=waiting,
        exchanges=sum(one.sent + one.received for one in shares), error=error, **AGREEMENT_WORDS,
    )  # fmt: skip


def _one(desk: PageContext, request: Request, number: int, error: TocsinError | None = None) -> Response:
    us = node_uuid(desk.node.database)
    with desk.node.database.reading() as session:
        one = _find(desk, session, number)
        editions = read_editions(session, [one.row.agreement])[one.row.agreement]
        parties = {row.node: row for row in _parties(session, one.edition.parties)}
        signed = {row.node: row for row in signatures_of(session, number)}
        by = names_of_actors(session, {one.row.came_by, one.row.adopted_by, one.row.refused_by, one.row.ended_by})
        left = held_by_former(session, us, one.row.agreement)
    return desk.page(
        request, "agreements/one.html", status=409 if error else 200, one=one, row=one.row, body=one.body, us=us,
        parties=parties, signed=signed, gone=left_out(editions) if one.state is AgreementState.IN_FORCE else {}, by=by,
        others=[other for other in editions if other.number != number], left=left, error=error, **AGREEMENT_WORDS,
    )  # fmt: skip


def _form(
    desk: PageContext, request: Request, given: Mapping[str, Any], wrongs: Iterable[tuple[str, str]] = (),
    error: TocsinError | None = None,
) -> Response:  # fmt: skip
    with desk.node.database.reading() as session:
        partners = [one.partner for one in list_partners(session, desk.now) if one.partner.node is not None]
    wrong = dict(wrongs)
    return desk.page(
        request, "agreements/new.html", status=409 if error else 422 if wrong else 200, wrongs=wrong,
        given=dict.fromkeys(_FIELDS, "") | dict(given),
        partners=partners, error=error, **AGREEMENT_WORDS,
    )  # fmt: skip


def _typed(form: Any) -> dict[str, Any]:
    return {name: text_of(form, name) for name in _FIELDS}


def _given(desk: PageContext, follows: int) -> dict[str, Any]:
    """What a further edition begins with."""
    with desk.node.database.reading() as session:
        one = _find(desk, session, follows)
        known = {row.node: row.name for row in _parties(session, one.edition.parties)}
    us, body = node_uuid(desk.node.database), one.body
    return {
        "title": body.title, "type": body.type.value, "text": body.text, "rules": body.rules, "follows": follows,
        "parties": "\n".join(str(known.get(node, node)) for node in body.parties if node != us),
        "others": "\n".join(body.others), "until": f"{body.expires:%Y-%m-%dT%H:%M}" if body.expires else "",
    }  # fmt: skip


def _parties(session: Session, nodes: frozenset[UUID]) -> list[Partner]:
    """The partners that are parties, by name."""
    return sorted(session.scalars(select(Partner).where(Partner.node.in_(nodes))), key=lambda one: one.name.casefold())


def _find(desk: PageContext, session: Session, number: int) -> ListedAgreement:
    found = list_agreements(session, node_uuid(desk.node.database), desk.now)
    if (one := next((one for one in found if one.row.id == number), None)) is None:
        raise NotHereError
    return one
