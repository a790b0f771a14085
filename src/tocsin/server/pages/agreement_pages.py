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
    embedded_forms,
    needs,
    number_in,
)
from tocsin.node.accounts import Permission, Principal, names_of_actors
from tocsin.node.records import node_uuid
from tocsin.server.pages.acts import form_pages
from tocsin.server.pages.context import PageContext, together
from tocsin.server.pages.exchange_words import AGREEMENT_WORDS
from tocsin.server.pages.words import N_

_PLACE: Final = "/agreements"
_READER = Annotated[Principal, needs(Permission.PARTNERS_READ)]
_ACTS: Final = {act.name: act for act in agreement_acts.ACTS}
_DAYS: Final = 365
_OPEN: Final = {
    AgreementState.TO_SIGN: ("sign", "refuse"),
    AgreementState.TO_ADOPT: ("send", "adopt", "refuse"),
    AgreementState.IN_FORCE: ("send", "remove", "leave"),
}
"""The acts on an edition, by its state."""
_ENDS: Final = {
    "adopt": N_(
        "“%(name)s” binds this node from now on. Parties of the edition before that it leaves out get a recall. "
        "It cannot be undone; this node can leave it."
    ),
    "leave": N_(
        "“%(name)s” binds this node no more, and the other parties recall what they sent under it. It cannot be undone."
    ),
}
"""What an act on an edition ends in."""


def _agreement_pages(desk: PageContext) -> APIRouter:
    """The list, an agreement, and what is done with it."""
    router = PageRouter()

    @router.get(_PLACE)
    def listed(request: Request, _visitor: _READER) -> Response:
        """All agreements, and on what exchanges rest."""
        return _list(desk, request)

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

    return router


def _list(desk: PageContext, request: Request) -> Response:
    us = node_uuid(desk.node.database)
    with desk.node.database.reading() as session:
        found = list_agreements(session, us, desk.now)
        shares = share_by_type(session, desk.now - timedelta(days=_DAYS), desk.now)
        forms = embedded_forms(desk, request, session, [_ACTS["import"]], _hooks(desk))
    waiting = sum(one.state in {AgreementState.TO_SIGN, AgreementState.TO_ADOPT} for one in found)
    return desk.page(
        request, "agreements/list.html", rows=found, shares=shares, waiting=waiting, forms=forms,
        exchanges=sum(one.sent + one.received for one in shares), **AGREEMENT_WORDS,
    )  # fmt: skip


def _one(desk: PageContext, request: Request, number: int) -> Response:
    us = node_uuid(desk.node.database)
    with desk.node.database.reading() as session:
        one = _find(desk, session, number)
        editions = read_editions(session, [one.row.agreement])[one.row.agreement]
        parties = {row.node: row for row in _parties(session, one.edition.parties)}
        signed = {row.node: row for row in signatures_of(session, number)}
        by = names_of_actors(session, {one.row.came_by, one.row.adopted_by, one.row.refused_by, one.row.ended_by})
        left = held_by_former(session, us, one.row.agreement)
        open_acts = [_ACTS[name] for name in _OPEN.get(one.state, ()) if name != "send" or signed]
        forms = embedded_forms(desk, request, session, open_acts, _hooks(desk), agreement=number)
    return desk.page(
        request, "agreements/one.html", one=one, row=one.row, body=one.body, us=us, forms=forms,
        parties=parties, signed=signed, gone=left_out(editions) if one.state is AgreementState.IN_FORCE else {}, by=by,
        others=[other for other in editions if other.number != number], left=left, **AGREEMENT_WORDS,
    )  # fmt: skip


def _form_pages(desk: PageContext) -> APIRouter:
    """The forms: of a new agreement, or of a further edition, and of what is done with one."""
    return form_pages(desk, agreement_acts.ACTS, _hooks(desk))


def _hooks(desk: PageContext) -> FormHooks:
    return FormHooks(
        back=lambda visit: _back(desk, visit), after=lambda _, done: f"{_PLACE}/{done.agreement}",
        given=lambda visit: _given(desk, visit), linked={"follows"},
        choices={"members": lambda visit: _members(desk, visit)},
        shown=lambda visit, refused: _shown(desk, visit, refused), template="agreements/form.html",
    )  # fmt: skip


def _back(desk: PageContext, visit: FormVisit) -> tuple[str, str]:
    """The edition that a form is about, or the list."""
    if not visit.named:
        return _PLACE, visit.words.say(N_("Agreements"))
    row = _find(desk, visit.session, int(visit.named["agreement"])).row
    return f"{_PLACE}/{row.id}", row.title


def _members(desk: PageContext, visit: FormVisit) -> list[tuple[str, str]]:
    """The partners that can be left out of an edition."""
    one = _find(desk, visit.session, int(visit.named["agreement"]))
    gone = left_out(read_editions(visit.session, [one.row.agreement])[one.row.agreement])
    return [(str(row.id), row.name) for row in _parties(visit.session, one.edition.parties) if row.node not in gone]


def _given(desk: PageContext, visit: FormVisit) -> Mapping[str, Any]:
    """What an agreement begins with; a further edition, as the one before it is."""
    if visit.named:
        return {}
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
    """The partners who can be parties by name, and what an act ends in."""
    if visit.act.name != "draft":
        end = _ENDS.get(visit.act.name)
        return {"partners": ()} | ({"notice": visit.words.say(end, name=_back(desk, visit)[1])} if end else {})
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


agreement_pages = together(_form_pages, _agreement_pages)
"""All pages of agreements; that with a name of its own stands before those of one edition."""
