"""Cases that are worked on with partners, requests and notices: a page each, and the forms of their acts."""

from collections.abc import Mapping
from typing import Annotated, Any, Final
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response
from pydantic import BaseModel
from sqlalchemy import select
from sqlalchemy.orm import Session
from starlette.datastructures import FormData

from tocsin.exchange.ledger import (
    CaseState,
    Direction,
    ExchangeCase,
    ExchangeMessage,
    OfferedItem,
    OutgoingRow,
    PassedItem,
    case_acts,
    case_entries,
    close_handed_over,
    readable_row,
    source_party,
)
from tocsin.exchange.partners import list_partners, partner_names, read_partner
from tocsin.incidents import IncidentReader, open_incidents, references_by_number
from tocsin.interface import ActContext, NotHereError, Number, PageRouter, needs, number_in, text_of
from tocsin.node.accounts import Permission, Principal
from tocsin.node.errors import ConflictError, InputError, NotFoundError, TocsinError, UsageError
from tocsin.node.records import node_uuid
from tocsin.server.pages.acts import perform, perform_and_go
from tocsin.server.pages.context import PageContext
from tocsin.server.pages.exchange_act_pages import exchange_forms
from tocsin.server.pages.exchange_words import WORDS
from tocsin.server.security import Form

_PLACE: Final = "/exchange"
_READER = Annotated[Principal, needs(Permission.PARTNERS_READ)]
_WORKER = Annotated[Principal, needs(Permission.INCIDENTS_WRITE)]
_ACTS: Final = {act.name: act for act in case_acts.ACTS}
NOTHING: Final = FormData()
"""Nothing was typed yet."""
_WAITING: Final = ("open", "acknowledged", "partly", "later")
"""The states in which a request has no answer that is final."""
_WRONG: Final = (ConflictError, InputError, UsageError, NotFoundError)


class _About(BaseModel):
    """Which incident, or which partner, a form is about, as typed."""

    incident: str = ""
    partner: str = ""


class _Consent(_About):
    """What a consent is recorded of, as typed."""

    item: str = ""
    source: str = ""


def exchange_case_pages(desk: PageContext) -> APIRouter:
    """A case, a request or notice, and the forms."""
    router = PageRouter()
    _case_pages(router, desk)
    _message_pages(router, desk)

    @router.get("/partners/{partner}/ask")
    def ask(request: Request, visitor: _WORKER, partner: str, asked: Annotated[_About, Query()]) -> Response:
        """Ask for assistance."""
        return _ask(desk, request, visitor, partner, {"incident": asked.incident})

    @router.post("/partners/{partner}/ask")
    def send_request(request: Request, visitor: _WORKER, partner: str, form: Form) -> Response:
        """Seal it."""
        number = _partner(desk, partner)[0]
        try:
            return perform_and_go(desk, visitor, _ACTS["ask"], form, _message, partner=str(number))
        except _WRONG as error:
            return _ask(desk, request, visitor, partner, form, error=error)

    @router.get(_PLACE + "/notice")
    def notice(request: Request, visitor: _WORKER, asked: Annotated[_About, Query()]) -> Response:
        """Send a notice."""
        return _notice(desk, request, visitor, {"partner": asked.partner, "incident": asked.incident})

    @router.post(_PLACE + "/notice")
    def send_notice(request: Request, visitor: _WORKER, form: Form) -> Response:
        """Seal it for one partner, or for all."""
        everybody = not text_of(form, "partner")
        try:
            done = perform(desk, visitor, _ACTS["note"], form, all=everybody)
        except _WRONG as error:
            return _notice(desk, request, visitor, form, error)
        if any(one.left for one in done):
            return desk.page(request, "exchange/noticed.html", done=done)
        return desk.go(_message(done[0]) if len(done) == 1 else f"{_PLACE}#messages")

    return router


def close_accepted(desk: PageContext, visitor: Principal) -> None:
    """Close what a partner accepted at once, since somebody looks at it; else the worker does."""
    close_handed_over(ActContext(desk.node, desk.now, visitor.actor))


def _case_pages(router: PageRouter, desk: PageContext) -> None:
    @router.get(_PLACE + "/cases/{case}")
    def show(request: Request, visitor: _READER, case: Number) -> Response:
        """A case: whose it is, its history, and what may be done."""
        return _case(desk, request, visitor, case)


def _message_pages(router: PageRouter, desk: PageContext) -> None:
    @router.get(_PLACE + "/messages/{message}")
    def show(request: Request, visitor: _READER, message: Number) -> Response:
        """A request or notice."""
        return _shown_message(desk, request, visitor, message)

    @router.post(_PLACE + "/messages/{message}/reply")
    def reply(request: Request, visitor: _WORKER, message: Number, form: Form) -> Response:
        """Answer it."""
        try:
            return perform_and_go(desk, visitor, _ACTS["reply"], form, f"{_PLACE}/messages/{message}", message=message)
        except _WRONG as error:
            return _shown_message(desk, request, visitor, message, error, typed=form)

    @router.get(_PLACE + "/consents")
    def consents(request: Request, _visitor: _WORKER, asked: Annotated[_Consent, Query()]) -> Response:
        """Record what a source says of passing on."""
        return _record_consent(desk, request, asked.model_dump())

    @router.post("/partners/{partner}/consent")
    def record(request: Request, visitor: _WORKER, partner: str, form: Form) -> Response:
        """Record it."""
        number, item = _partner(desk, partner)[0], text_of(form, "item")
        preview = f"/partners/{number}/send?{urlencode({'incident': text_of(form, 'incident')})}"
        path = f"{_PLACE}/items/{item}" if number_in(item) else preview
        try:
            return perform_and_go(desk, visitor, _ACTS["record-consent"], form, path, partner=str(number))
        except _WRONG as error:
            return _record_consent(desk, request, {**form, "partner": str(number)}, error)


def _case(desk: PageContext, request: Request, visitor: Principal, number: int) -> Response:
    reader = IncidentReader(visitor.person, desk.now)
    try:
        with desk.node.database.reading() as session:
            row = readable_row(session, reader, ExchangeCase, number)
            partner = partner_names(session, [row.partner_id])[row.partner_id]
            incident = references_by_number(session, reader, [row.incident_id]).get(row.incident_id or 0, "")
            entries = case_entries(session, row)
            names = {one.partner.node: one.partner.name for one in list_partners(session, desk.now)}
            names[node_uuid(desk.node.database)] = ""
            offered = row.state == CaseState.OFFERED_TO_US
            can = {
                "accept": offered and not row.withdrawn, "refuse": offered,
                "withdraw": row.state == CaseState.OFFERED and not row.withdrawn,
            }  # fmt: skip
            forms = exchange_forms(desk, request, session, can, case=number)
    except NotFoundError:
        raise NotHereError from None
    return desk.page(
        request, "exchange/case.html", row=row, partner=partner, incident=incident, entries=entries, names=names,
        forms=forms, **WORDS,
    )  # fmt: skip


def _shown_message(
    desk: PageContext, request: Request, visitor: Principal, number: int, error: TocsinError | None = None,
    *, typed: FormData = NOTHING,
) -> Response:  # fmt: skip
    reader = IncidentReader(visitor.person, desk.now)
    try:
        with desk.node.database.reading() as session:
            row = readable_row(session, reader, ExchangeMessage, number)
            sent = select(OutgoingRow).where(OutgoingRow.partner_id == row.partner_id, OutgoingRow.hash == row.hash)
            dispatch = session.scalar(sent) if row.direction == Direction.OUT else None
            partner = partner_names(session, [row.partner_id])[row.partner_id]
            incident = references_by_number(session, reader, [row.incident_id]).get(row.incident_id or 0, "")
            passed, offered = _asked_about(session, row)
            came, waits = row.direction == Direction.IN, row.state in _WAITING
            can = {
                "acknowledge": came and row.state == "open", "consent": came and bool(row.question) and waits,
                "open": came and not incident and not row.question,
            }  # fmt: skip
            forms = exchange_forms(desk, request, session, can, message=number)
    except NotFoundError:
        raise NotHereError from None
    return desk.page(
        request, "exchange/message.html", status=409 if error else 200, row=row, partner=partner, incident=incident,
        dispatch=dispatch, passed=passed, offered=offered, error=error, typed=typed, forms=forms, waits=waits, **WORDS,
    )  # fmt: skip


def _asked_about(session: Session, row: ExchangeMessage) -> tuple[PassedItem | None, OfferedItem | None]:
    """What a question of consent is about: of ours as it was sent last, or the newest version that came."""
    if (asked := row.question) is None:
        return None, None
    if row.direction == Direction.OUT:
        came = select(OfferedItem).where(OfferedItem.node == asked.item.node, OfferedItem.item == asked.item.id)
        return None, session.scalar(came.order_by(OfferedItem.id.desc()).limit(1))
    of = PassedItem.node == asked.item.node, PassedItem.item == asked.item.id, PassedItem.partner_id == row.partner_id
    return session.scalar(select(PassedItem).where(*of).order_by(PassedItem.id.desc()).limit(1)), None


def _record_consent(
    desk: PageContext, request: Request, typed: Mapping[str, Any], error: TocsinError | None = None
) -> Response:
    with desk.node.database.reading() as session:
        item = session.get(OfferedItem, number_in(str(typed.get("item", ""))) or 0)
        partners = [
            (str(one.partner.id), one.partner.name)
            for one in list_partners(session, desk.now)
            if item is None or one.partner.node is None or one.partner.node != item.node  # whose it is, has it
        ]
        source = source_party(session, item)[1] if item else ""
    to = str(number_in(str(typed.get("partner", ""))))
    to = to if to in dict(partners) else ""
    return desk.page(
        request, "exchange/consent.html", status=409 if error else 200, partners=partners, to=to, typed=typed,
        item=item, source=source, error=error, **WORDS,
    )  # fmt: skip


def _ask(
    desk: PageContext, request: Request, visitor: Principal, partner: str, typed: Mapping[str, Any], *,
    error: TocsinError | None = None,
) -> Response:  # fmt: skip
    number, name = _partner(desk, partner)
    with desk.node.database.reading() as session:
        choices = open_incidents(session, IncidentReader(visitor.person, desk.now))
    return desk.page(
        request, "exchange/ask.html", status=409 if error else 200, partner=number, name=name, typed=typed,
        open=choices, error=error, **WORDS,
    )  # fmt: skip


def _notice(
    desk: PageContext, request: Request, visitor: Principal, typed: Mapping[str, Any], error: TocsinError | None = None
) -> Response:
    with desk.node.database.reading() as session:
        partners = [one.partner for one in list_partners(session, desk.now) if one.partner.node]
        choices = open_incidents(session, IncidentReader(visitor.person, desk.now))
    if error is None and typed["partner"] and str(typed["partner"]) not in {str(one.id) for one in partners}:
        raise NotHereError  # else the form would be one to all partners
    return desk.page(
        request, "exchange/notice.html", status=409 if error else 200, partners=partners, typed=typed, open=choices,
        error=error,
    )  # fmt: skip


def _message(done: Any) -> str:
    return f"{_PLACE}/messages/{done.message}"


def _partner(desk: PageContext, partner: str) -> tuple[int, str]:
    if number_in(partner) is None:
        raise NotHereError
    try:
        with desk.node.database.reading() as session:
            found = read_partner(session, partner, desk.now).partner
    except NotFoundError:
        raise NotHereError from None
    return found.id, found.name
