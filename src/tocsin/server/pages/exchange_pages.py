"""Exchange with partners: what was sent and came, each with its state and one reason, and the acts on it."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Annotated, Any, Final
from urllib.parse import quote

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response
from pydantic import BaseModel
from starlette.datastructures import FormData, UploadFile

from tocsin.exchange.dispatches import OutgoingState
from tocsin.exchange.ledger import (
    IncomingState,
    NewDispatch,
    OfferState,
    acts,
    find_item,
    preview,
    reasons_of,
    receipt_file,
    received_dispatches,
    sealed_file,
    sent_dispatches,
)
from tocsin.exchange.partners import partner_names, read_partner
from tocsin.exchange.statements import RecallRequest, RecallState
from tocsin.exchange.ways import EvidenceStrength, ExchangeWay, TryOutcome, evidence_of, tries_of
from tocsin.interface import (
    NotHereError,
    Number,
    PageRouter,
    RequestError,
    context_for,
    needs,
    number_in,
    read_request,
    text_of,
    texts_of,
)
from tocsin.node.accounts import Permission, Principal, names_of_actors
from tocsin.node.errors import ConflictError, InputError, NotFoundError, TocsinError, UsageError
from tocsin.server.pages.acts import perform_and_go
from tocsin.server.pages.context import PageContext
from tocsin.server.pages.words import N_
from tocsin.server.security import Form
from tocsin.sharing.gate import DataClass

_PLACE: Final = "/exchange"
_READER = Annotated[Principal, needs(Permission.PARTNERS_READ)]
_WORKER = Annotated[Principal, needs(Permission.INCIDENTS_WRITE)]
_ACTS: Final = {act.name: act for act in acts.ACTS}
_LARGEST: Final = 64_000_001  # bytes of a file that are read: one more than a dispatch may have
_WRONG: Final = (ConflictError, InputError, UsageError, NotFoundError)

SENT: Final[Mapping[str, tuple[str, str]]] = {
    OutgoingState.DRAFTED: (N_("Draft"), "quiet"),
    OutgoingState.HELD: (N_("Held"), "busy"),
    OutgoingState.SEALED: (N_("Sealed"), "busy"),
    OutgoingState.TRYING: (N_("Trying"), "busy"),
    OutgoingState.HANDED_OVER: (N_("Handed over"), "busy"),
    OutgoingState.STUCK: (N_("Stuck"), "wrong"),
    OutgoingState.RECEIVED: (N_("Received"), "good"),
    OutgoingState.REFUSED: (N_("Refused"), "wrong"),
    OutgoingState.ANSWERED: (N_("Answered"), "good"),
    OutgoingState.EXPIRED: (N_("Expired"), "quiet"),
}
_CAME: Final[Mapping[str, tuple[str, str]]] = {
    IncomingState.SEEN: (N_("Waits for an earlier one"), "busy"),
    IncomingState.REFUSED: (N_("Refused"), "wrong"),
    IncomingState.TAKEN: (N_("Taken"), "good"),
}
_ITEMS: Final[Mapping[str, tuple[str, str]]] = {
    OfferState.OFFERED: (N_("To decide"), "busy"),
    OfferState.ADOPTED: (N_("Adopted"), "good"),
    OfferState.DECLINED: (N_("Declined"), "quiet"),
    OfferState.REPLACED: (N_("Replaced by a newer version"), "quiet"),
    OfferState.RECALLED: (N_("Recalled: to answer"), "wrong"),
    OfferState.HIDDEN: (N_("No longer used"), "quiet"),
    OfferState.ERASED: (N_("Erased"), "quiet"),
    OfferState.KEPT: (N_("Kept, although recalled"), "busy"),
}
_ANSWERS: Final[Mapping[str, str]] = {
    RecallState.DONE: N_("Done as asked"),
    RecallState.KEPT: N_("Kept"),
    RecallState.NOT_HELD: N_("Not held"),
}
_ASKS: Final[Mapping[str, str]] = {
    RecallRequest.ERASE: N_("Erase it"),
    RecallRequest.STOP_USING: N_("Stop using it"),
}
_CODES: Final[Mapping[str, str]] = {
    "wrong": N_("It is wrong"),
    "withdrawn": N_("It was withdrawn"),
    "source-asked": N_("Its source asked for it"),
    "person-asked": N_("A person asked for it"),
    "court": N_("A court ordered it"),
}
_KEPT: Final[Mapping[str, str]] = {"legal-hold": N_("Legal hold"), "law": N_("Law")}
_MORE: Final[Mapping[str, str]] = {
    DataClass.ANALYSIS: N_("What the team wrote"),
    DataClass.CONTENT: N_("Content of mails"),
    DataClass.PERSONAL: N_("Personal data"),
    DataClass.EVIDENCE: N_("Evidence"),
}
_WAYS: Final[Mapping[str, str]] = {ExchangeWay.HTTPS: N_("Inbox"), ExchangeWay.MAIL: N_("Mail")}
_TRIES: Final[Mapping[str, tuple[str, str]]] = {
    TryOutcome.BEGUN: (N_("Under way"), "busy"),
    TryOutcome.FAILED: (N_("Failed"), "wrong"),
    TryOutcome.ACCEPTED: (N_("Accepted by the mail server"), "busy"),
    TryOutcome.ANSWERED: (N_("Receipt in the answer"), "good"),
}
_STRENGTHS: Final[Mapping[str, str]] = {
    EvidenceStrength.RECEIPT: N_("Receipt that the node of the partner signed"),
    EvidenceStrength.SIGNED_REPLY: N_("Signed reply"),
    EvidenceStrength.LINK: N_("Link in the mail opened and confirmed"),
    EvidenceStrength.ACCEPTED: N_("Accepted by the mail server"),
}
_WORDS: Final[Mapping[str, Any]] = {
    "sent_states": SENT, "came_states": _CAME, "item_states": _ITEMS, "answers": _ANSWERS, "asks": _ASKS,
    "codes": _CODES, "kept_codes": _KEPT, "more": _MORE, "travel_ways": _WAYS, "outcomes": _TRIES,
    "strengths": _STRENGTHS,
}  # fmt: skip


class _Selection(BaseModel):
    """What would be sent, as typed."""

    incident: str = ""
    classes: tuple[str, ...] = ()
    tlp: str = ""


def exchange_pages(desk: PageContext) -> APIRouter:
    """The list, a dispatch, an item, and what is done with them."""
    router = PageRouter()

    @router.get(_PLACE)
    def listed(request: Request, _visitor: _READER) -> Response:
        """What was sent to all partners, and what came."""
        return _list(desk, request)

    @router.get("/partners/{partner}/exchange")
    def of_partner(request: Request, _visitor: _READER, partner: str) -> Response:
        """The same of one partner."""
        return _list(desk, request, _partner(desk, partner))

    @router.post(_PLACE + "/take")
    def take(request: Request, visitor: _WORKER, form: Form) -> Response:
        """Take a file of a partner."""
        return _read(desk, request, visitor, form, "take")

    @router.post(_PLACE + "/receipt")
    def receipt(request: Request, visitor: _WORKER, form: Form) -> Response:
        """Read a receipt."""
        return _read(desk, request, visitor, form, "take-receipt")

    @router.get("/partners/{partner}/send")
    def ask(request: Request, visitor: _WORKER, partner: str, asked: Annotated[_Selection, Query()]) -> Response:
        """What would go of an incident, and what not and why."""
        return _preview(desk, request, visitor, partner, asked)

    @router.post("/partners/{partner}/send")
    def send(request: Request, visitor: _WORKER, partner: str, form: Form) -> Response:
        """Seal it."""
        number = _partner(desk, partner)
        try:
            return perform_and_go(
                desk, visitor, _ACTS["send"], form, lambda done: f"{_PLACE}/dispatches/{done.dispatch}",
                partner=str(number),
            )  # fmt: skip
        except _WRONG as error:
            typed = _Selection(
                incident=text_of(form, "incident"), classes=tuple(texts_of(form, "classes")), tlp=text_of(form, "tlp")
            )
            return _preview(desk, request, visitor, partner, typed, error=error)

    _dispatch_pages(router, desk)
    _item_pages(router, desk)
    return router


def _dispatch_pages(router: PageRouter, desk: PageContext) -> None:
    @router.get(_PLACE + "/dispatches/{dispatch}")
    def show(request: Request, _visitor: _READER, dispatch: Number) -> Response:
        """A dispatch to a partner: what it brought, what was withheld, where it is."""
        return _dispatch(desk, request, dispatch)

    @router.get(_PLACE + "/dispatches/{dispatch}/file")
    def file(_visitor: _WORKER, dispatch: Number) -> Response:
        """Its encrypted file, each time the same bytes."""
        with _found(), desk.node.database.reading() as session:
            return _download(*sealed_file(desk.node, session, dispatch))

    @router.post(_PLACE + "/dispatches/{dispatch}/recall")
    def recall(request: Request, visitor: _WORKER, dispatch: Number, form: Form) -> Response:
        """Take back what it brought, from all who were passed it."""
        path = f"{_PLACE}/dispatches/{dispatch}"
        try:
            return perform_and_go(desk, visitor, _ACTS["recall"], form, path, dispatch=dispatch)
        except _WRONG as error:
            return _dispatch(desk, request, dispatch, error)

    @router.get(_PLACE + "/incoming/{incoming}/receipt")
    def receipt(_visitor: _WORKER, incoming: Number) -> Response:
        """Our receipt for a dispatch that came."""
        with _found(), desk.node.database.reading() as session:
            return _download(*receipt_file(desk.node, session, incoming))


def _item_pages(router: PageRouter, desk: PageContext) -> None:
    @router.get(_PLACE + "/items/{item}")
    def show(request: Request, _visitor: _READER, item: Number) -> Response:
        """An item that a partner offered."""
        return _item(desk, request, item)

    def add(name: str) -> None:
        @router.post(f"{_PLACE}/items/{{item}}/{name}")
        def do(request: Request, visitor: _WORKER, item: Number, form: Form) -> Response:
            """Adopt it, decline it, or answer its recall."""
            try:
                return perform_and_go(desk, visitor, _ACTS[name], form, f"{_PLACE}/items/{item}", item=item)
            except _WRONG as error:
                return _item(desk, request, item, error)

    for name in ("adopt", "decline", "answer"):
        add(name)


def _list(desk: PageContext, request: Request, number: int | None = None, error: TocsinError | None = None) -> Response:
    with desk.node.database.reading() as session:
        partner = read_partner(session, str(number), desk.now).partner if number else None
        sent, came = sent_dispatches(session, number, limit=200), received_dispatches(session, number, limit=200)
    return desk.page(
        request, "exchange/list.html", status=409 if error else 200, partner=partner, sent=sent, came=came, error=error,
        waiting=sum(item.state in {OfferState.OFFERED, OfferState.RECALLED} for one in came for item in one.items),
        **_WORDS,
    )  # fmt: skip


def _read(desk: PageContext, request: Request, visitor: Principal, form: FormData, act: str) -> Response:
    sent = form.get("file")
    content = sent.file.read(_LARGEST) if isinstance(sent, UploadFile) else b""
    try:
        return perform_and_go(
            desk, visitor, _ACTS[act], form, lambda done: f"/partners/{done.partner}/exchange", content=content
        )
    except _WRONG as error:
        return _list(desk, request, error=error)


def _preview(
    desk: PageContext, request: Request, visitor: Principal, partner: str, asked: _Selection, *,
    error: TocsinError | None = None,
) -> Response:  # fmt: skip
    number, package = _partner(desk, partner), None
    if asked.incident and error is None:
        try:
            values = {name: value for name, value in asked.model_dump().items() if value}
            wanted: NewDispatch = read_request(_ACTS["send"], {"partner": str(number), **values})
            package = preview(context_for(desk.node, visitor, _ACTS["send"], desk.now, desk.say), wanted)
        except (*_WRONG, RequestError) as wrong:
            error = wrong
    with desk.node.database.reading() as session:
        shown = read_partner(session, str(number), desk.now).partner
    return desk.page(
        request, "exchange/send.html", status=409 if error else 200, partner=shown, asked=asked, package=package,
        reasons=reasons_of(package) if package else [], error=error, **_WORDS,
    )  # fmt: skip


def _dispatch(desk: PageContext, request: Request, number: int, error: TocsinError | None = None) -> Response:
    with desk.node.database.reading() as session:
        found = next((one for one in sent_dispatches(session, limit=1, number=number)), None)
        if found is None:
            raise NotHereError
        by = names_of_actors(session, {found.row.sealed_by})
        tries, evidence = tries_of(session, [number]).get(number, []), evidence_of(session, found.row)
    return desk.page(
        request,
        "exchange/dispatch.html",
        status=409 if error else 200,
        one=found,
        by=by,
        error=error,
        tries=tries,
        evidence=evidence,
        **_WORDS,
    )


def _item(desk: PageContext, request: Request, number: int, error: TocsinError | None = None) -> Response:
    with _found(), desk.node.database.reading() as session:
        item = find_item(session, number)
        partner = partner_names(session, [item.partner_id])[item.partner_id]
        by = names_of_actors(session, {item.decided_by})
    return desk.page(
        request, "exchange/item.html", status=409 if error else 200, item=item, partner=partner, by=by, error=error,
        **_WORDS,
    )  # fmt: skip


def _partner(desk: PageContext, partner: str) -> int:
    if (number := number_in(partner)) is None:
        raise NotHereError
    with _found(), desk.node.database.reading() as session:
        return read_partner(session, str(number), desk.now).partner.id


@contextmanager
def _found() -> Iterator[None]:
    """What is not here is a page that is not there."""
    try:
        yield
    except NotFoundError:
        raise NotHereError from None


def _download(name: str, content: bytes) -> Response:
    disposition = f"attachment; filename*=utf-8''{quote(name, safe='')}"  # RFC 6266, RFC 8187
    headers = {"Content-Disposition": disposition, "Cache-Control": "no-store"}
    return Response(content, media_type="application/octet-stream", headers=headers)
