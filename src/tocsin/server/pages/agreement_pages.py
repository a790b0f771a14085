"""Agreements: the list with the report on what exchanges rest, one of them, and the forms of their acts."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, Any, Final
from urllib.parse import quote
from uuid import UUID

from fastapi import APIRouter, Request
from fastapi.responses import Response
from sqlalchemy import select
from sqlalchemy.orm import Session

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
from tocsin.exchange.statements import AgreementType
from tocsin.interface import (
    FormHooks,
    FormVisit,
    NotHereError,
    Number,
    PageRouter,
    RefusedForm,
    RequestError,
    needs,
    number_in,
)
from tocsin.node.accounts import Permission, Principal, names_of_actors
from tocsin.node.errors import ConflictError, InputError, NotFoundError, TocsinError, UsageError
from tocsin.node.records import node_uuid
from tocsin.server.pages.acts import form_pages, perform_and_go
from tocsin.server.pages.context import PageContext, together
from tocsin.server.pages.exchange_words import AGREEMENT_WORDS
from tocsin.server.pages.words import N_
from tocsin.server.security import Form

_PLACE: Final = "/agreements"
_READER = Annotated[Principal, needs(Permission.PARTNERS_READ)]
_WRITER = Annotated[Principal, needs(Permission.PARTNERS_WRITE)]
_ACTS: Final = {act.name: act for act in agreement_acts.ACTS}
_WRONG: Final = (ConflictError, InputError, NotFoundError, UsageError)
_DAYS: Final = 365


def _agreement_pages(desk: PageContext) -> APIRouter:
    """The list, an agreement, and what is done with it."""
    router = PageRouter()

    @router.get(_PLACE)
    def listed(request: Request, _visitor: _READER) -> Response:
        """All agreements, and on what exchanges rest."""
        return _list(desk, request)

    @router.post(_PLACE + "/import")
    def import_(request: Request, visitor: _WRITER, form: Form) -> Response:
        """Read the file of an agreement, or a signature."""
        try:
            return perform_and_go(desk, visitor, _ACTS["import"], form, _after)
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


def _draft_pages(desk: PageContext) -> APIRouter:
    """The form of a new agreement, or of a further edition."""
    hooks = FormHooks(
        back=lambda visit: (_PLACE, visit.words.say(N_("Agreements"))),
        after=lambda _, done: _after(done), given=lambda visit: _given(desk, visit), linked={"follows"},
        shown=lambda visit, refused: _shown(desk, visit, refused), template="agreements/new.html",
    )  # fmt: skip
    return form_pages(desk, agreement_acts.ACTS, hooks)


def _given(desk: PageContext, visit: FormVisit) -> Mapping[str, Any]:
    """What an agreement begins with; a further edition, as the one before it is."""
    if (follows := number_in(visit.asked.get("follows", ""))) is None:
        return {"type": AgreementType.MOU}
    one, us = _find(desk, visit.session, follows), node_uuid(desk.node.database)
    body, known = one.body, {row.node: row.name for row in _parties(visit.session, one.edition.parties)}
    return {
        "title": body.title, "type": body.type, "text": body.text, "rules": body.rules, "until": body.expires,
        "parties": "\n".join(str(known.get(node, node)) for node in body.parties if node != us),
        "others": "\n".join(body.others),
    }  # fmt: skip


def _shown(desk: PageContext, visit: FormVisit, refused: RefusedForm) -> Mapping[str, Any]:
    """The partners who can be parties by name."""
    named = [one.partner.name for one in list_partners(visit.session, desk.now) if one.partner.node is not None]
    further = {"title": N_("Draft a further edition")}
    return {"partners": named, "rows": 8} | (further if {**visit.asked, **refused.typed}.get("follows") else {})


def _parties(session: Session, nodes: frozenset[UUID]) -> list[Partner]:
    """The partners that are parties, by name."""
    return sorted(session.scalars(select(Partner).where(Partner.node.in_(nodes))), key=lambda one: one.name.casefold())


def _find(desk: PageContext, session: Session, number: int) -> ListedAgreement:
    found = list_agreements(session, node_uuid(desk.node.database), desk.now)
    if (one := next((one for one in found if one.row.id == number), None)) is None:
        raise NotHereError
    return one


agreement_pages = together(_draft_pages, _agreement_pages)
"""All pages of agreements; that with a name of its own stands before those of one edition."""
